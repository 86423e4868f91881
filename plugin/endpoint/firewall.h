/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.h - type firewall: the node forwards for its pods, and keeps bridges apart
 *
 * Keys are upstream's. "backend": "iptables", "" and what nobody knows are all nftables here (see kernel/ruleset_firewall.h);
 * "firewalld" by name is refused, since it is reached over D-Bus only. "iptablesAdminChainName" keeps its meaning;
 * "firewalldZone" is accepted and unused. "ingressPolicy":
 *
 *	open		(default) nothing
 *	same-bridge	no traffic between this bridge and others that have a policy
 *	isolated	nor between its own pods, as far as it passes the node's IP layer; for what the bridge itself switches,
 *			that is when br_netfilter is on, as with upstream and as Kubernetes asks for
 */
#ifndef CNIDA_ENDPOINT_FIREWALL_H
#define CNIDA_ENDPOINT_FIREWALL_H

#include "base/err.h"
#include "kernel/ruleset_firewall.h"
#include "spec/request.h"
#include "spec/result.h"

enum firewall_policy { FIREWALL_OPEN, FIREWALL_SAME_BRIDGE, FIREWALL_ISOLATED };

struct firewall_conf {
	enum firewall_policy policy;
	const char *admin_chain; /* borrowed from the request */
	bool firewalld;          /* asked for by name */
};

/* firewall_conf_parse() - 0, or -EINVAL with code 7 and @ret as far as it was read. */
int firewall_conf_parse(const struct request *req, struct firewall_conf *ret, struct err *e);

/* The verbs of type firewall. */
int firewall_add(const struct request *req, struct result *ret, struct err *e);
int firewall_del(const struct request *req, struct err *e);
int firewall_check(const struct request *req, struct err *e);
int firewall_gc(const struct request *req, struct err *e);

/*
 * The parts, for a plugin that knows addresses and bridge itself. @res: its addresses are the pod's, its first interface the bridge
 * (or the host veth of a routed pod).
 */

/* firewall_apply() - 0, or -errno with nothing left of the pod's. */
int firewall_apply(const struct request *req, const struct firewall_conf *conf,
                   const struct result *res, struct err *e);
/* firewall_remove() - @res may be empty: then all elements are looked through. 1 if there was something, 0, or -errno. */
int firewall_remove(const struct request *req, const struct result *res, struct err *e);
/* firewall_verify() - The first thing that is missing, by name. */
int firewall_verify(const struct request *req, const struct firewall_conf *conf,
                    const struct result *res, struct err *e);

#endif
