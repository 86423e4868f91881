/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.h - the node forwards for its pods, and keeps bridges apart: for type firewall in a chain and for type cnida
 *
 * All of it is nftables (see kernel/ruleset_firewall.h), whatever upstream's "backend" says. Where firewalld runs, its
 * own table rejects what no zone of it accepts, and no rule of ours can overrule that: there the pod's addresses also
 * go into a zone, over D-Bus (firewalld.h).
 */
#ifndef CNIDA_ENDPOINT_FIREWALL_H
#define CNIDA_ENDPOINT_FIREWALL_H

#include "endpoint/extra_record.h"
#include "endpoint/firewall_conf.h"
#include "endpoint/gc.h"
#include "spec/result.h"

/* The verbs of type firewall. */
int firewall_add(const struct request *req, struct result *ret, struct err *e);
int firewall_del(const struct request *req, struct err *e);
int firewall_check(const struct request *req, struct err *e);
int firewall_gc(const struct request *req, struct err *e);

/*
 * The parts, for a plugin that knows addresses and bridge itself.
 */

/**
 * firewall_describe() - What an attachment is to get
 * @link:	the bridge, or the host veth of a routed pod; "" if it is not known, which is an error if there is a policy
 */
int firewall_describe(const struct request *req, const struct firewall_conf *conf,
                      const struct ip_addr *ips, size_t n, const char *link,
                      struct extra_record *ret, struct err *e);

/**
 * firewall_apply() - Carry it out
 * @nft:	netfilter socket of the node, as nl_open_once() opens it
 * @r:		from firewall_describe(); its zone is cleared if firewalld does not run
 *
 * Return: 0, or -errno with nothing left of the pod's.
 */
int firewall_apply(struct nl_sock *nft, struct extra_record *r, bool need_firewalld, struct err *e);

/* firewall_del_record() - Take back what an attachment's record says. 1 if there was something, 0 or -errno. @nft as for
 * elements_del(): opened when it is needed, and better closed when the link is gone too. */
int firewall_del_record(struct nl_sock *nft, const char *name, struct err *e);

/* firewall_verify() - Is all of it there? The first thing that is missing, by name: -ENOENT with code 999. */
int firewall_verify(const struct extra_record *r, struct err *e);

/* firewall_restore() - Put back what the records of live pods say and is not there. How many needed it, or -errno. */
int firewall_restore(struct err *e);

/* firewall_sweep() - Take back what dead owners left, of all networks. As gc_sweep(). */
int firewall_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e);

#endif
