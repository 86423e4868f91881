/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth.h - type bandwidth: what a pod receives and sends is shaped on the node's side
 *
 * Into the pod: a token bucket (TBF) as root qdisc of the host veth, as upstream has it. It vanishes with the link.
 *
 * Out of the pod: what arrives at the host veth goes through an ifb device (upstream's name, "bwp..."), which has
 * the token bucket. Looked at and not taken:
 *
 *  - A policer at ingress (act_police, nftables' limit) needs no device, but it drops where a shaper delays.
 *    Measured with TCP on a bare veth pair, iperf3, goal 1 / 100 / 1000 Mbit/s:
 *
 *	ingress TBF		0.95 / 95.6 / 956 Mbit/s, no retransmissions from 100 Mbit/s on
 *	ifb with TBF		0.95 / 95.7 / 957		the same
 *	policer (nftables)	0.99 / 99.8 / 945		a fifth of all packets sent twice at 100 Mbit/s
 *
 *    (Rates are those of Ethernet frames, 1514 bytes for 1448 of TCP.) Over any real distance those losses end a
 *    TCP connection's growth: not equal accuracy.
 *  - A token bucket on the pod's own end is as good, but belongs to whoever has CAP_NET_ADMIN in the pod.
 *  - Earliest departure time (eBPF with fq) needs sch_fq as the qdisc of the device that the packet leaves by, which is
 *    not the pod's and which the node may not have.
 *
 * How packets come to the ifb device so that eBPF programs at the same veth go on to work: kernel/redirect.h.
 */
#ifndef CNIDA_ENDPOINT_BANDWIDTH_H
#define CNIDA_ENDPOINT_BANDWIDTH_H

#include "endpoint/bandwidth_conf.h"
#include "endpoint/extra_record.h"
#include "endpoint/gc.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "spec/request.h"
#include "spec/result.h"

/* The verbs of type bandwidth. */
int bandwidth_add(const struct request *req, struct result *ret, struct err *e);
int bandwidth_del(const struct request *req, struct err *e);
int bandwidth_check(const struct request *req, struct err *e);
int bandwidth_gc(const struct request *req, struct err *e);

/*
 * The parts, for a plugin that makes the veth itself.
 */

/**
 * bandwidth_apply() - Shape what goes through a host veth, and remember it
 * @host, @nft: rtnetlink of the node; its netfilter, as nl_open_once() opens it
 * @veth:	index, name and MTU are used
 * @ret_ifb:	filled if egress is limited, for the result; its name is "" otherwise
 *
 * Return: 0, or -errno with nothing left.
 */
int bandwidth_apply(struct nl_sock *host, struct nl_sock *nft, const struct bandwidth_conf *conf,
                    const struct request *req, const struct link_info *veth,
                    struct result_iface *ret_ifb, struct err *e);

/**
 * bandwidth_remove() - Remove what does not vanish with the veth
 * @nft:	netfilter socket of the node, as nl_open_once() opens it
 * @later:	a removal of the pod's link by us is to follow: only put the ifb device into the same group, which goes in one
 *		request (reaper.h)
 *
 * Whatever the record says: it is looked for by its name. Return: 0 also if there is nothing.
 */
int bandwidth_remove(struct nl_sock *host, struct nl_sock *nft, const char *network,
                     const char *container_id, const char *ifname, bool later, struct err *e);

/* bandwidth_del_record() - The same for an attachment's record; nothing is asked of the kernel if there is none. 1, 0 or -errno. */
int bandwidth_del_record(struct nl_sock *host, struct nl_sock *nft, const char *name, bool later,
                         struct err *e);

/* bandwidth_forget() - Remove an ifb device by name, with what leads to it: GC. */
int bandwidth_forget(struct nl_sock *host, struct nl_sock *nft, const char *ifb, struct err *e);

/* bandwidth_owns() - Is that the name of an ifb device that a record's attachment has, or may have? */
bool bandwidth_owns(const struct extra_record *r, const char *ifb);

/* bandwidth_verify() - Is a host veth shaped as configured? Complaints name what was expected and what was found. */
int bandwidth_verify(struct nl_sock *host, const struct bandwidth_conf *conf,
                     const struct request *req, const struct link_info *veth, struct err *e);
/* bandwidth_verify_record() - The same for a record, for doctor. */
int bandwidth_verify_record(const struct extra_record *r, struct err *e);

/* bandwidth_restore() - Put back what leads to the ifb devices of live pods. How many needed it, or -errno. */
int bandwidth_restore(struct err *e);

/* bandwidth_sweep() - Remove what dead owners left, of all networks. As gc_sweep(). */
int bandwidth_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e);

#endif
