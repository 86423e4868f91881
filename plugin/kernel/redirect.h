/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect.h - what comes in from one link goes through an ifb device first, where it can be shaped
 *
 * The usual way, a filter with act_mirred at the link's tc ingress, does not go together with eBPF programs at the same
 * place: a program that returns TC_ACT_OK ends the list, so the filter behind it is never reached, and a filter
 * before it hides the packet from the program for good, for the ifb device gives it back behind tc ingress. A policy engine would be blind.
 * The netdev hook of nftables comes after all of tc ingress, tcx and clsact alike, whoever attached when, and its
 * `fwd` was made for ifb devices: programs judge first, then what they let through is shaped, and they keep clsact for
 * themselves. (What a program redirects itself, with bpf_redirect() and its kin, goes past either.)
 *
 * So: table netdev cnida, one chain for each shaped pod, named after its ifb device. A packet meets only the chain of its
 * own link. It is the table's only use. A kernel without the hook or without `fwd` gets the filter.
 *
 * Looked at and not taken: one chain for all, whose devices are the shaped links, and a map { link : ifb device }. From
 * Linux 6.4 on a chain's devices can be changed (most nodes have 6.1), and a hook needs its link to be named before. But the
 * kernel frees the record of such a change after a grace period, and whoever closes a netfilter socket before that waits for
 * it with all tables locked (nl_close()): each ADD does, and all that come meanwhile. To make a chain of its own costs none
 * of that. Measured, 6.18, two processors:
 *
 *	ms				a chain each	one for all
 *	ADD, type bandwidth's part	1.2		10.4
 *	ADD of everything by type cnida	2.4		15.8
 *	ADD of 50 pods by 16 callers	117		516
 *	DEL of 50 pods by 16 callers	213		205
 *
 * And a kernel without "add hook transactions for device deletions" (2026) takes a device out of the list while others may be reading it.
 *
 * A chain goes with its link. From Linux 6.16 on it stays, without a device, so whoever removes an ifb device removes the chain before, and
 * what a killed process left is found by the sweep.
 */
#ifndef CNIDA_KERNEL_REDIRECT_H
#define CNIDA_KERNEL_REDIRECT_H

#include "kernel/netlink.h"

/**
 * redirect_add() - Send what comes in from a link through an ifb device
 * @route, @nft: rtnetlink of the namespace, for the filter; its netfilter, as nl_open_once() opens it
 * @from, @from_index: the link, for instance a host veth
 * @ifb, @ifb_index: the device; its name is the chain's
 *
 * Return: 0, 1 if the table had to be made for it, or -errno.
 */
int redirect_add(struct nl_sock *route, struct nl_sock *nft, const char *from, int from_index,
                 const char *ifb, int ifb_index, struct err *e);

/* redirect_del() - Remove the chain of an ifb device; 0 also if there is none. (A filter goes with its link.) @nft is opened if
 * it is not. */
int redirect_del(struct nl_sock *nft, const char *ifb, struct err *e);

/* redirect_has() - Is there a chain? One question, no transaction. 1, 0 or -errno. */
int redirect_has(struct nl_sock *nft, const char *ifb, struct err *e);
/* redirect_each() - The names of ifb devices that chains lead to, whether they are there or not: for the sweep. 0 or -errno,
 * also @fn's. */
int redirect_each(struct nl_sock *nft, int (*fn)(const char *ifb, void *arg, struct err *e),
                  void *arg, struct err *e);

/* redirect_check() - Is it there, either way, ours or upstream's? 1, 0 or -errno. */
int redirect_check(struct nl_sock *route, int from_index, const char *ifb, int ifb_index,
                   struct err *e);

#endif
