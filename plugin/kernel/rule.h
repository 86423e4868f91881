/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule.h - routing rules: packets with a mark go nowhere
 */
#ifndef CNIDA_KERNEL_RULE_H
#define CNIDA_KERNEL_RULE_H

#include "base/err.h"
#include "kernel/netlink.h"

struct rule_spec {
	uint32_t priority;
	uint32_t mark, mask;
};

/* rule_ensure_blackhole() - For both families: what carries the mark is dropped when it is to be routed, unless a rule of
 * smaller priority (that of local addresses has 0) takes it. 0 also if it is there; a family that the kernel does not have is
 * left out. */
int rule_ensure_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e);
/* rule_remove_blackhole() - 0 also if there is none. */
int rule_remove_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e);
/* rule_has_blackhole() - In both families that the kernel has? 1, 0 or -errno. Reads all rules: slow paths only. */
int rule_has_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e);

#endif
