/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy.h - network policy in nftables: fixed chains and rules, everything else is elements
 *
 *	table inet cnida_policy	the verdicts; and the source check of routed pods
 *	table bridge cnida_policy	the source check of bridged pods, and frames that are not unicast IP (only at POLICY_FORWARD)
 *
 * Each packet of a connection is judged by the direction in which that was opened, after DNAT, whatever the packet's own:
 * source `ct original saddr`, destination `ct reply saddr`, port `ct reply proto-src`, protocol `ct protocol`. So replies
 * and ICMP errors need no rule of their own, an address that a Service has is never looked at, and what is revoked ends at the
 * connection's next packet.
 *
 * Ids of sets and classes mean something within one compiled policy only, and a packet reads several maps. So everything
 * exists twice, as side 0 and 1, and one rule leads to the side in force. A new policy is filled into the other side, in as many
 * transactions as it takes, and then that one rule is replaced: a packet is judged by one side from its first lookup to its last.
 * What the other side has is the policy before; it is of no effect.
 *
 *	egress4, 6 { address : set }	pods of this node that are isolated in this direction
 *	ingress4, 6
 *	class4, 6 { address : class }	all pods
 *	block4, 6 { range : class }	ipBlocks
 *	self4, 6 { address . address }	pods of this node, which may always reach themselves; the comment says whose it is
 *	cells { set . class : list }	which ports the set allows that class
 *	ports { list . protocols . ports }
 *
 * Only sets that pods of this node have need their cells and lists; they may stay when the last of those pods goes. A cell that is not
 * there allows nothing, so they come before the pod, or with it, and the first cell of a set after all others and their ports: where it
 * is, all of them are (ruleset_policy_list() asks for it).
 *
 * Addresses are in network order; ids are the kernel's own (they are compared only).
 */
#ifndef CNIDA_KERNEL_RULESET_POLICY_H
#define CNIDA_KERNEL_RULESET_POLICY_H

#include "base/err.h"
#include "base/ip.h"
#include "kernel/netlink.h"

#include <net/if.h>

#define POLICY_TABLE     "cnida_policy"
#define POLICY_OWNER_MAX 120 /* bytes of an owner that are kept */

/* As in bpf/abi.h, which this layer does not know: a packet that is to be judged, and one from a pod to itself. */
#define POLICY_MARK_DEFER   0x00100000U
#define POLICY_MARK_HAIRPIN 0x00200000U

/* Where packets meet the rules. */
enum policy_place {
	POLICY_FORWARD,    /* all that the node forwards: the policy without eBPF */
	POLICY_AFTER_DNAT, /* what the eBPF programs marked with POLICY_MARK_DEFER */
};

/* One address of a pod of this node, or of several. */
struct policy_pod {
	const struct ip_prefix *ips;
	size_t n_ips;
	uint32_t class, ingress, egress; /* ids; a set 0 is "not isolated" */
	const char *owner;
	/* POLICY_FORWARD: the node's end, and what may come through it. */
	const char *port; /* NULL: nothing is checked */
	uint8_t mac[6];
	bool bridged;
};

/* ---- the tables ---- */

/* ruleset_policy_make() - Have complete tables. Not safe against others that do the same: hold the policy lock. 1 if they were made
 * anew (nothing is in force then, all elements are gone), 0 if they were there, or -errno. */
int ruleset_policy_make(struct nl_sock *s, enum policy_place place, struct err *e);
/* ruleset_policy_intact() - All sets, chains and as many rules as there should be? 1, 0 with the first that is missing (static
 * text), or -errno. */
int ruleset_policy_intact(struct nl_sock *s, enum policy_place place, const char **ret_missing,
                          struct err *e);
/* ruleset_policy_exists() - Are there tables for this place? 1, 0 or -errno. */
int ruleset_policy_exists(struct nl_sock *s, enum policy_place place, struct err *e);
/* ruleset_policy_remove() - 0 also if there is none. */
int ruleset_policy_remove(struct nl_sock *s, struct err *e);

/* ruleset_policy_side() - Which side is in force: 0 or 1; 2 if none is; or -errno. */
int ruleset_policy_side(struct nl_sock *s, enum policy_place place, struct err *e);
/* ruleset_policy_switch() - From here every packet is judged by this side. One transaction. */
int ruleset_policy_switch(struct nl_sock *s, enum policy_place place, unsigned int side,
                          struct err *e);

/* ruleset_policy_bridge() - Frames between ports of this bridge pass through the rules for IP and IPv6. */
int ruleset_policy_bridge(struct nl_sock *route, int ifindex, struct err *e);

/* ---- elements ---- */

/*
 * A number of elements for one side. Bounded memory: a full batch is sent, unless @whole. The first failure sticks and
 * policy_fill_end() returns it.
 */
struct policy_fill {
	struct nl_sock *s;
	enum policy_place place;
	unsigned int side;
	bool whole; /* one transaction or none */
	struct nl_batch nl;
	const void *set; /* of the message being built; NULL: none */
	bool bridge;     /* it is in the other table */
	uint16_t msg, flags;
	size_t list; /* its open list */
	int r;
	struct err e;
};

void policy_fill_begin(struct policy_fill *f, struct nl_sock *s, enum policy_place place,
                       unsigned int side, bool whole);
/* policy_fill_empty() - Take everything out of the side, which must not be in force. The source check is not part of a side. */
void policy_fill_empty(struct policy_fill *f);
void policy_fill_cell(struct policy_fill *f, uint32_t set, uint32_t class, uint32_t list);
/* policy_fill_ports() - @proto 0: any protocol and port. Host order, inclusive. */
void policy_fill_ports(struct policy_fill *f, uint32_t list, uint8_t proto, uint16_t first,
                       uint16_t last);
/* policy_fill_block() - @next: the first address behind it, or NULL if it goes to the end. In ascending order. */
void policy_fill_block(struct policy_fill *f, const struct ip_addr *first,
                       const struct ip_addr *next, uint32_t class);
/* policy_fill_peer() - A pod of another node. */
void policy_fill_peer(struct policy_fill *f, const struct ip_addr *addr, uint32_t class);
/* policy_fill_pod() - A pod of this node. @guard: its source check too. */
void policy_fill_pod(struct policy_fill *f, const struct policy_pod *pod, bool guard);
/* policy_fill_end() - Send the rest. 0; -EEXIST if an address is there already with something else; -ENOENT if there are no
 * such tables; or another -errno. */
int policy_fill_end(struct policy_fill *f, struct err *e);

/* ---- one pod ---- */

/* What its sets allow, which is to be there before the pod is: policy_fill_ports() and policy_fill_cell(). Called for each
 * attempt. */
struct policy_allowed {
	void (*fill)(struct policy_fill *f, void *arg);
	void *arg;
};

/* ruleset_policy_put_pod() - Into one side, in place of whatever is there about its addresses. One transaction if there is
 * nothing, and no more in @allowed (NULL: all of it is there) than fits. -ENOENT WITHOUT filling @e: the tables are not
 * there. */
int ruleset_policy_put_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, const struct policy_allowed *allowed,
                           struct err *e);
/* ruleset_policy_take_pod() - Out of both sides, whatever is there about its addresses, if the owner is this one (NULL:
 * whoever). 1 if something was there, 0, or -errno. */
int ruleset_policy_take_pod(struct nl_sock *s, enum policy_place place,
                            const struct policy_pod *pod, struct err *e);
/* ruleset_policy_change_mac() - POLICY_FORWARD: what the source check knows of @old it knows of pod->mac. One transaction;
 * what is not there is not put in. */
int ruleset_policy_change_mac(struct nl_sock *s, const struct policy_pod *pod,
                              const uint8_t old[static 6], struct err *e);
/* ruleset_policy_has_pod() - Is it in the side, exactly so? 1, 0 with what is missing or different (static text), or -errno. */
int ruleset_policy_has_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, const char **ret_missing, struct err *e);
/* ruleset_policy_each_pod() - Addresses of pods of this node, in a side, with their owners. */
int ruleset_policy_each_pod(struct nl_sock *s, unsigned int side,
                            int (*fn)(const struct ip_addr *addr, const char *owner, void *arg,
                                      struct err *e),
                            void *arg, struct err *e);
/* ruleset_policy_each_guarded() - What the source check knows: addresses, with their ports and MAC addresses. Some may be
 * told of twice. */
int ruleset_policy_each_guarded(struct nl_sock *s,
                                int (*fn)(const struct ip_addr *addr, const char *port,
                                          const uint8_t mac[static 6], void *arg, struct err *e),
                                void *arg, struct err *e);

/* ruleset_policy_list() - Which list of ports a cell has. 1, 0 or -errno. */
int ruleset_policy_list(struct nl_sock *s, unsigned int side, uint32_t set, uint32_t class,
                        uint32_t *ret_list, struct err *e);

#endif
