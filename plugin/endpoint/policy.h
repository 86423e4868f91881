/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - a pod's part in the node's policy: what ADD, DEL, CHECK and GC do
 * about it
 *
 * The host side of the veth stays down until the pod is an endpoint and the
 * programs are attached: no packet of its was ever not judged. ADD looks its
 * verdict up in the file that whoever applied the policy left
 * (policy/verdicts.h); when that is missing (the first ADD after a boot,
 * somebody emptied bpffs), ADD loads programs and snapshot itself.
 */
#ifndef CNIDA_ENDPOINT_POLICY_H
#define CNIDA_ENDPOINT_POLICY_H

#include "base/err.h"
#include "endpoint/attachment.h"
#include "endpoint/gc.h"
#include "endpoint/record.h"
#include "kernel/netlink.h"

/* policy_describe() - What the record says about policy, from the
 * configuration: before it is written. */
void policy_describe(struct attachment *a);

/**
 * policy_guard() - A step of ADD: the pair exists and is down
 *
 * With a foreign IPAM, which asks for addresses through the pair: from here the
 * pod can do that and nothing else. With our own IPAM nothing, since
 * policy_enter() follows before the pair is connected.
 */
int policy_guard(struct attachment *a, struct err *e);

/**
 * policy_enter() - A step of ADD: addresses are known, the pair is about to be
 * connected
 *
 * Does nothing where no policy is wanted or, with backend "auto", none was
 * applied. From here other pods know the pod. If policy cannot be had, the key
 * policy.fail decides (policy_conf.h).
 */
int policy_enter(struct attachment *a, struct err *e);
/* policy_undo() - Of both. */
void policy_undo(struct attachment *a);

/* policy_leave() - DEL: its endpoints go, if they are still its own. Programs
 * go with the link. 0 also where there is no policy; takes no lock. */
int policy_leave(struct nl_sock *host, struct nl_sock *nft, const struct record *r, struct err *e);

/* policy_gone() - Later in DEL, when its link is gone: an apply that saw the link still standing may have made it an
 * endpoint again. (One that comes later sees that it is gone.) */
int policy_gone(struct nl_sock *host, const struct record *r, struct err *e);
/* policy_confirm() - The end of DEL, after its record is gone: as elements_confirm(). */
int policy_confirm(struct nl_sock *nft, const struct record *r, struct err *e);

/* policy_restore() - After somebody flushed the ruleset: what of the policy is in nftables comes back. */
int policy_restore(struct err *e);

/* policy_check() - CHECK: attached and judged as the policy in force says? 0,
 * or -errno with what is wrong. */
int policy_check(struct nl_sock *host, const struct record *r, struct err *e);

/* policy_sweep() - Endpoints whose link is gone: removed, unless @dry_run.
 * Returns how many, or -errno. */
int policy_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e);

#endif
