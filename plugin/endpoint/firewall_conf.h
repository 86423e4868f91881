/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall_conf.h - upstream firewall's keys
 *
 *	ingressPolicy		open (default): nothing
 *				same-bridge: no traffic between this bridge and others that have a policy
 *				isolated: nor between its own pods, as far as it passes the node's IP layer; for what the bridge
 *				itself switches, that is when br_netfilter is on, as with upstream and as Kubernetes asks for
 *	iptablesAdminChainName	the administrator's chain, CNI-ADMIN
 *	backend			firewalld: a pod whose addresses firewalld does not take is not added. Anything else: nftables, and
 *				firewalld too if it runs
 *	firewalldZone		the zone that the pods' addresses are put into, trusted
 */
#ifndef CNIDA_ENDPOINT_FIREWALL_CONF_H
#define CNIDA_ENDPOINT_FIREWALL_CONF_H

#include "base/err.h"
#include "kernel/ruleset_firewall.h"
#include "spec/request.h"

#define FIREWALLD_ZONE_MAX 33

enum firewall_policy { FIREWALL_OPEN, FIREWALL_SAME_BRIDGE, FIREWALL_ISOLATED };

struct firewall_conf {
	enum firewall_policy policy;
	const char *admin_chain; /* borrowed from the request, as is the zone */
	const char *zone;
	bool firewalld; /* asked for by name */
};

/**
 * firewall_conf_parse() - Read the keys
 *
 * Return: 1 if there is a key that only a firewall has (any but "backend", which portmap has too, unless it is "firewalld"), 0 if
 * there is none, -EINVAL with code 7 and @ret as far as it was read.
 */
int firewall_conf_parse(const struct request *req, struct firewall_conf *ret, struct err *e);

/* firewall_policy_name() - As in the configuration. */
const char *firewall_policy_name(enum firewall_policy policy);

#endif
