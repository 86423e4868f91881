/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_firewall.h - table inet cnida_firewall: pods that the node forwards for, links that are kept apart
 *
 * Accepting. Another table that drops a packet cannot be overruled from ours: where iptables drops in FORWARD (the policy
 * on a host with Docker), the accepting rule must stand there. So that this is one rule whatever the number of pods, our
 * chain runs just before filter and gives what a pod (sets pod4, pod6) sends, and replies to it, a mark of one
 * bit; a chain of ours in iptables' filter table, first in FORWARD, accepts that bit, and a second one of ours takes
 * it away again just behind filter:
 *
 *	ip filter FORWARD	-j CNIDA-FORWARD
 *	ip filter CNIDA-FORWARD	-j CNI-ADMIN, then -m mark --mark 0x1000/0x1000 -j ACCEPT
 *
 * CNI-ADMIN (or another name) is the administrator's, as with upstream: what is dropped there stays dropped. These
 * rules are in the form that iptables itself writes and lists. That is done only where nf_tables has the table and chain
 * (iptables-nft); for iptables-legacy, and for firewalls of other kinds, the mark is what a rule of the administrator's can accept.
 *
 * Keeping apart (upstream's ingressPolicy). Set apart { link }: what comes in from one of them goes out through another of
 * them only if the pair is in set joined { link . link }. A bridge "same-bridge" is joined with itself, an "isolated" one is not.
 */
#ifndef CNIDA_KERNEL_RULESET_FIREWALL_H
#define CNIDA_KERNEL_RULESET_FIREWALL_H

#include "base/err.h"
#include "base/ip.h"
#include "kernel/netlink.h"
#include "kernel/ruleset.h"

#define FIREWALL_MARK      0x1000U
#define FIREWALL_CHAIN_MAX 29 /* of a name in iptables, with its NUL */

/* @owner in all of these: "network container-id ifname", cut at RULESET_COMMENT_MAX; NULL: whoever's. */

/* firewall_add_pods() - In one transaction; replaces earlier owners of the addresses. -ENOENT without the table. */
int firewall_add_pods(struct nl_sock *s, const struct ip_addr *pods, size_t n, const char *owner,
                      struct err *e);
/* firewall_take_pods() - In one transaction: each that removes something costs a grace period when its socket is closed. Number
 * that was that owner's, or -errno. */
int firewall_take_pods(struct nl_sock *s, const struct ip_addr *pods, size_t n, const char *owner,
                       struct err *e);
/* firewall_has_pod() - 1, 0 or -errno. */
int firewall_has_pod(struct nl_sock *s, const struct ip_addr *pod, const char *owner,
                     struct err *e);

/* firewall_set_apart() - Keep a link (a bridge, a host veth) apart from the others. @joined: but not from itself. -ENOENT without
 * the table. */
int firewall_set_apart(struct nl_sock *s, const char *link, bool joined, const char *owner,
                       struct err *e);
/* firewall_take_link() - 1, 0 or -errno as above. */
int firewall_take_link(struct nl_sock *s, const char *link, const char *owner, struct err *e);
/* firewall_is_apart() - 1 as @joined says, 0 if not, or -errno. */
int firewall_is_apart(struct nl_sock *s, const char *link, bool joined, struct err *e);

/* firewall_take_owner() - Remove every element of an owner: reads the sets, for a DEL that knows no more. Number removed. */
int firewall_take_owner(struct nl_sock *s, const char *owner, struct err *e);

/* firewall_each() - The owners of all elements, some more than once: for GC. A negative return ends it. */
int firewall_each(struct nl_sock *s, int (*fn)(const char *owner, void *arg, struct err *e),
                  void *arg, struct err *e);

/**
 * firewall_admit() - Have iptables accept the mark
 * @family:	AF_INET or AF_INET6
 * @admin:	name of the administrator's chain; made if it is not there
 * @thorough:	also look for the jump to our chain, which somebody may have taken out of FORWARD
 *
 * One question when nothing is to be done and it is not @thorough. Return: 1 if it is there now, 0 if iptables (nf_tables)
 * is not in use, or -errno.
 */
int firewall_admit(struct nl_sock *s, sa_family_t family, const char *admin, bool thorough,
                   struct err *e);
/* firewall_admitted() - 1 (also if iptables is not in use), or 0 with *ret_missing: a chain whose rule is missing; static text. */
int firewall_admitted(struct nl_sock *s, sa_family_t family, const char *admin,
                      const char **ret_missing, struct err *e);

#endif
