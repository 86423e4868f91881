/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_conf.h - which ports of the node lead to a pod: upstream portmap's keys
 *
 *	runtimeConfig.portMappings	[{ hostPort, containerPort, protocol, hostIP }], keys in any case
 *	snat (true), masqAll (false)	whose connections get the node's address
 *	conditionsV4, conditionsV6	further matches of upstream's rules: error 7, since leaving one out would open a
 *					port to more clients than asked for
 *	markMasqBit, externalSetMarkChain, backend
 *			how upstream does what ours does without a mark and without iptables: checked, nothing else
 */
#ifndef CNIDA_ENDPOINT_PORTMAP_CONF_H
#define CNIDA_ENDPOINT_PORTMAP_CONF_H

#include "base/err.h"
#include "base/ip.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define PORTMAP_MAX 4096 /* mappings of one pod */

struct port_mapping {
	uint8_t proto; /* IPPROTO_TCP, _UDP, _SCTP */
	uint16_t host_port, container_port;
	struct ip_addr host_ip; /* AF_UNSPEC: any, of both families; 0.0.0.0 and ::: any of one */
};

struct portmap_conf {
	bool snat, masq_all;
	struct port_mapping *v;
	size_t n;
};

/**
 * portmap_conf_parse() - Read the keys from a network configuration
 * @static_key:	portMappings may also stand in the configuration itself (type cnida); the runtime's win
 * @ret:	free with portmap_conf_free(), also after a failure
 *
 * Return: 0, or -EINVAL with code 7 that names key and value, upstream's text where it has one.
 */
int portmap_conf_parse(const json_t *config, bool static_key, struct portmap_conf *ret,
                       struct err *e);
void portmap_conf_free(struct portmap_conf *c);

/* port_proto_str() - "tcp", "udp", "sctp". */
const char *port_proto_str(uint8_t proto);
/* port_proto_parse() - In any case; "" is tcp. 0 if it is none of them. */
uint8_t port_proto_parse(const char *text);

#endif
