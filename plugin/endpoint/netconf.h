/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netconf.h - the configuration of an attachment: keys of bridge, ptp and cnida as values
 *
 * Keys, defaults and texts are upstream's (reference: plugins/main/bridge and ptp). Values of the runtime
 * override each other in upstream's order: CNI_ARGS MAC < args.cni.mac < runtimeConfig.mac.
 */
#ifndef CNIDA_ENDPOINT_NETCONF_H
#define CNIDA_ENDPOINT_NETCONF_H

#include "base/err.h"
#include "base/json.h"
#include "endpoint/bandwidth_conf.h"
#include "endpoint/firewall_conf.h"
#include "endpoint/policy_conf.h"
#include "kernel/link.h"
#include "spec/request.h"

#include <stdbool.h>
#include <stdint.h>

enum attach_mode { MODE_BRIDGE, MODE_PTP };

struct netconf {
	enum attach_mode mode;
	const char *ipam_type; /* "" for none: layer 2 only */
	uint32_t mtu;          /* both veth ends and a bridge that we create; 0: kernel's default */
	bool ip_masq;
	bool has_mac;
	uint8_t mac[6]; /* of the container's interface */
	const json_t *
		dns; /* borrowed and valid; overrides the IPAM's when it has any field; NULL if absent */

	/* Bridge mode. */
	char bridge[IFNAMSIZ];
	bool is_gateway, is_default_gateway, force_address;
	bool hairpin, promisc, port_isolation, mac_spoof_check;
	bool enable_dad, disable_interface;
	bool has_vlans;
	uint16_t vlan;           /* 0: none */
	struct port_vlans vlans; /* of the container's port */

	/* Type cnida alone; with bridge and ptp these keys are those of the plugins chained behind. */
	bool has_limits, has_firewall;
	struct bandwidth_conf limits;
	struct firewall_conf firewall;

	struct policy_conf policy;

	/* From CNI_ARGS, for people and for policy; "" if unknown. */
	char pod_name[256], pod_namespace[256], pod_uid[128];
};

/**
 * netconf_parse() - Read the configuration of a request
 *
 * req->type "cnida" chooses the mode by its key "mode"; "bridge" and "ptp" are that mode.
 *
 * @ret:	on failure holds what could be read, which is enough for DEL
 */
int netconf_parse(const struct request *req, struct netconf *ret, struct err *e);

#endif
