/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft.h - compiled policy in nftables: the policy of a node without eBPF, and what eBPF leaves to be judged after DNAT
 *
 * Who calls, under the policy lock held exclusively, to put a policy in force:
 *
 *	policy_nft_prepare()	empties and fills the side that is not in force: nothing has happened to any packet yet
 *	policy_nft_commit()	packets are judged by it
 *	policy_nft_close()	without a commit, what was filled goes again
 *
 * and with the lock held shared policy_nft_enter() for an ADD. policy_nft_leave() (DEL) takes no lock: a DEL looks once more when
 * its record is gone, and whoever fills a side looks at the records once more when it is full (policy_nft_prepare()).
 *
 * The side that was in force keeps what it has until the next policy is filled in: a process whose transaction took elements out
 * waits at its end, with all tables locked, until the kernel has freed them (nl_close()); here that is over by then. (An apply of
 * 1,000 policies took 20 to 40 ms more.) It has pods of this node only, and a DEL takes its pod out of both sides.
 *
 * POLICY_FORWARD needs, for pods at a bridge, the kernel's br_netfilter, which passes a bridge's frames through the rules for IP;
 * policy_nft_bridge() turns it on for one bridge. Pods with a route of their own need nothing.
 *
 * POLICY_AFTER_DNAT: when somebody flushes the ruleset, marked packets meet a routing rule (POLICY_RULE_PRIORITY, both families): it comes
 * behind that of local addresses and before all others, and they go nowhere.
 */
#ifndef CNIDA_ENDPOINT_POLICY_NFT_H
#define CNIDA_ENDPOINT_POLICY_NFT_H

#include "base/err.h"
#include "endpoint/gc.h"
#include "endpoint/record.h"
#include "kernel/netlink.h"
#include "kernel/ruleset_policy.h"
#include "policy/tables.h"

#define POLICY_RULE_PRIORITY 50U

/* A pod of this node. */
struct policy_nft_pod {
	const char *port; /* the node's end of its link: the name of its record, its owner here */
	const struct ip_prefix *ips;
	size_t n_ips;
	uint8_t mac[6];
	bool bridged;
	bool recorded; /* it has a record, whose absence shows that it is gone */
	struct pod_verdict verdict;
};

/* policy_nft_pod() - Of a record. */
struct policy_nft_pod policy_nft_pod(const struct record *r, const struct pod_verdict *verdict);

struct policy_nft {
	struct nl_sock nft;
	enum policy_place place;
	unsigned int side; /* that is being filled */
	bool prepared, committed;
};

#define POLICY_NFT_CLOSED          \
	{                          \
		.nft = {.fd = -1 } \
	}

/**
 * policy_nft_prepare() - Fill the side that is not in force
 * @route:	rtnetlink of the node
 *
 * Pods that are in force and that nobody names any more, but whose link is there, are closed.
 *
 * Return: 0 or -errno; policy_nft_close() in any case.
 */
int policy_nft_prepare(struct policy_nft *n, enum policy_place place, struct nl_sock *route,
                       const struct tables *t, const struct policy_nft_pod *pods, size_t n_pods,
                       struct err *e);
/* policy_nft_commit() - Put it in force. At POLICY_FORWARD no packet is judged by the other side any more when it returns;
 * at the other place wait for a grace period of the kernel before the next policy_nft_prepare(). */
int policy_nft_commit(struct policy_nft *n, struct err *e);
void policy_nft_close(struct policy_nft *n);

/* policy_nft_bridge() - The bridge's frames pass through the rules for IP. -EOPNOTSUPP with what is to be loaded if the
 * kernel cannot. */
int policy_nft_bridge(struct nl_sock *route, int ifindex, struct err *e);

/* policy_nft_enter() - ADD: from here packets of and to the pod are judged. One transaction, also if it brings what its sets
 * allow, of @cells (policy_nft_cells.h), unless that is large. 1; 0 if nothing is in force (load the policy first); or
 * -errno. */
int policy_nft_enter(struct nl_sock *nft, enum policy_place place, const struct policy_nft_pod *pod,
                     const struct cells *cells, struct err *e);
/* policy_nft_leave() - DEL, and once more when the record is gone. 0 also if there is nothing.
 * @nft:	as for elements_del() */
int policy_nft_leave(struct nl_sock *nft, const struct record *r, struct err *e);
/* policy_nft_change_mac() - The pod's source check: it sends from the MAC address of its record from now on, not from @old. */
int policy_nft_change_mac(const struct record *r, const uint8_t old[static 6], struct err *e);
/* policy_nft_check() - In force, complete, and the pod judged as it should be? 0, or -errno with what is wrong. */
int policy_nft_check(enum policy_place place, struct nl_sock *route,
                     const struct policy_nft_pod *pod, const struct cells *cells, struct err *e);
/* policy_nft_sweep() - Pods whose link is gone: removed, unless @dry_run. Returns how many, or -errno. */
int policy_nft_sweep(struct nl_sock *route, bool dry_run, gc_seen_fn seen, void *arg,
                     struct err *e);
/* policy_nft_place() - What is there: 1 with *ret, 0 if there are no such tables, or -errno. */
int policy_nft_place(enum policy_place *ret, struct err *e);
/* policy_nft_remove() - Tables and routing rule go. */
int policy_nft_remove(struct nl_sock *route, struct err *e);

#endif
