/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_fill.h - what a pod has in the policy's tables, for ruleset_policy_fill.c and _pod.c
 */
#ifndef CNIDA_KERNEL_RULESET_POLICY_FILL_H
#define CNIDA_KERNEL_RULESET_POLICY_FILL_H

#include "kernel/ruleset_policy_tables.h"

struct guard_key {
	char port[IFNAMSIZ];
	uint8_t mac[8], addr[16];
};

/* One thing that a pod has in the tables: what walks over all of them. */
struct thing {
	const struct nft_table *t;
	const struct nft_set *set;
	uint8_t key[sizeof(struct guard_key)];
	uint32_t id; /* maps */
	bool is_map, is_self;
};

#define THINGS_MAX 10 /* of one address, with those of the port */

/* policy_self_key() - Key of an address in the set of pods of this node. */
void policy_self_key(const struct ip_addr *a, uint8_t ret[static 32]);
/* policy_things() - What belongs to address @i of a pod, with that of the first also what belongs to its port. The first
 * thing is its entry among the pods of this node, whose comment is the owner. */
size_t policy_things(const struct policy_fill *f, const struct policy_pod *pod, size_t i,
                     bool guard, struct thing ret[static THINGS_MAX]);
/* policy_fill_whole() - From here one transaction or none, with room for @n things; what was filled before may go first. */
void policy_fill_whole(struct policy_fill *f, size_t n);
/* policy_fill_put(), policy_fill_take() - Put one in; take one out, which must be there. */
void policy_fill_put(struct policy_fill *f, const struct thing *x, const char *owner);
void policy_fill_take(struct policy_fill *f, const struct thing *x);

#endif
