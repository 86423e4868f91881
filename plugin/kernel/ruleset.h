/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset.h - cnida's nftables: a fixed set of chains and rules; pods are elements of sets
 *
 *	table inet cnida	masquerade (later: policy)
 *	table bridge cnida	source check of bridge ports (macspoofchk); only there once it is used
 *	table inet cnida_hostport  port mappings (ruleset_portmap.h); only there once it is used
 *	table netdev cnida	what shaped pods send goes through their ifb devices (redirect.h); the same
 *
 * The tables are created once, in one transaction. An ADD or a DEL is one transaction of elements, so a packet
 * costs the same with 1 and with 250 pods. The owner is the element's comment, which `nft list ruleset` shows.
 *
 * Masquerade: a new connection from a pod to an address outside the pod's own prefix and not multicast:
 *	map masq4 / masq6	  { addr : goto the chain of the pod's prefix }
 *	chain masq_10.244.0.0/24  not to this prefix: masquerade. One for each prefix that pods have, made with the
 *				  first of them; mostly there is one or two, however many pods.
 * Source check: set spoof_port { ifname } are checked, set spoof_mac { ifname . ether_addr } may send.
 */
#ifndef CNIDA_KERNEL_RULESET_H
#define CNIDA_KERNEL_RULESET_H

#include "base/err.h"
#include "base/ip.h"
#include "kernel/netlink.h"

#define RULESET_COMMENT_MAX \
	120 /* bytes of an owner that are kept; the kernel's userdata is bounded */

#define RULESET_NETS_MAX 32 /* distinct pod prefixes in one transaction */

/* One transaction of elements, built in memory. Bounded; an overflow sticks and ruleset_commit() returns it. */
struct ruleset_txn {
	struct nl_batch nl;
	bool used;                               /* is there anything to send? */
	struct ip_prefix nets[RULESET_NETS_MAX]; /* whose chains it needs */
	size_t n_nets;
};

void ruleset_begin(struct ruleset_txn *t);

/* Add or remove what one pod address needs. @owner: "network container-id ifname", cut at RULESET_COMMENT_MAX.
 * Adding is exclusive (EEXIST tells of a stale owner); removing what is not there is ENOENT for the whole
 * transaction. Remove with the prefix that was added. */
void ruleset_add_masquerade(struct ruleset_txn *t, const struct ip_prefix *pod, const char *owner);
void ruleset_del_masquerade(struct ruleset_txn *t, const struct ip_prefix *pod);
void ruleset_add_spoof(struct ruleset_txn *t, const char *port, const uint8_t mac[static 6],
                       const char *owner);
void ruleset_del_spoof(struct ruleset_txn *t, const char *port, const uint8_t mac[static 6]);

/**
 * ruleset_commit() - Send the transaction, all or nothing
 *
 * Return: 0 (also when it is empty), -ENOENT if a table, set or element is missing (create the tables, or remove one
 * by one), -EEXIST if an element is there already, another -errno.
 */
int ruleset_commit(struct nl_sock *s, struct ruleset_txn *t, struct err *e);

/* Which tables. */
enum ruleset_table {
	RULESET_INET,
	RULESET_BRIDGE,
	RULESET_NETDEV,
	RULESET_HOSTPORT,
	RULESET_FIREWALL
};

/* ruleset_create() - Create a table with all its chains, rules and sets if it is not there, in one transaction that is
 * safe against others doing the same. 0 also when it is there. */
int ruleset_create(struct nl_sock *s, enum ruleset_table table, struct err *e);
/* ruleset_intact() - Is the table there, with the chains and the number of rules that ruleset_create() made?
 * 1, 0 (and *ret_missing names the first thing missing, static text), or -errno. For CHECK and doctor. */
int ruleset_intact(struct nl_sock *s, enum ruleset_table table, const char **ret_missing,
                   struct err *e);
/* ruleset_repair() - Make a table that is not intact anew, in one transaction, WITHOUT the elements: the caller puts them in from
 * its records. 1 if it was made anew, 0 if it was intact, or -errno. */
int ruleset_repair(struct nl_sock *s, enum ruleset_table table, struct err *e);
/* ruleset_destroy() - Remove all tables (uninstall). */
int ruleset_destroy(struct nl_sock *s, struct err *e);
/* ruleset_destroy_table() - Remove one. 0 also if it is not there. */
int ruleset_destroy_table(struct nl_sock *s, enum ruleset_table table, struct err *e);

/* Is an element there, with its prefix and the rule that it leads to? 1, 0, or -errno; *ret_owner (RULESET_COMMENT_MAX + 1
 * bytes, NULL allowed) is its comment. */
int ruleset_has_masquerade(struct nl_sock *s, const struct ip_prefix *pod, char *ret_owner,
                           struct err *e);
int ruleset_has_spoof(struct nl_sock *s, const char *port, const uint8_t mac[static 6],
                      char *ret_owner, struct err *e);

/**
 * ruleset_take_masquerade() - Remove what is there for a pod's address, whatever prefix it was added with
 * @owner:	only if it is this one's; NULL: whoever's
 *
 * For stale elements, which the others' functions do not recognise (another prefix, an emptied chain).
 *
 * Return: 1 if it was removed, 0 if there is none or it is another owner's, or -errno.
 */
int ruleset_take_masquerade(struct nl_sock *s, const struct ip_addr *pod, const char *owner,
                            struct err *e);

/* ruleset_take_spoof() - Remove the source check of a port, whatever addresses it allows. For stale elements: reads
 * the whole set. 1 if something was removed, 0 if there is none, or -errno. */
int ruleset_take_spoof(struct nl_sock *s, const char *port, struct err *e);

/* ruleset_each_masquerade() - Dump the masqueraded pods with their owners: for GC, the sweep and doctor. If it
 * changes meanwhile, pods may come twice. */
int ruleset_each_masquerade(struct nl_sock *s,
                            int (*fn)(const struct ip_prefix *pod, const char *owner, void *arg,
                                      struct err *e),
                            void *arg, struct err *e);

#endif
