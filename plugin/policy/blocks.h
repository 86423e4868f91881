/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks.h - ipBlocks to disjoint ranges of addresses
 *
 * Blocks (a CIDR without its exceptions) that the same rules use are one *group*. The addresses of each family are cut
 * where a group begins or ends; a *cut class* is a set of groups that some range of addresses lies in.
 */
#ifndef CNIDA_POLICY_BLOCKS_H
#define CNIDA_POLICY_BLOCKS_H

#include "policy/intern.h"
#include "policy/object.h"

#define CUT_NONE 0U /* the class of the addresses that lie in no block */

/* From @first up to the next range's first */
struct cut {
	struct ip_addr first;
	uint32_t class;
};

struct edge;

/* All zero: empty. */
struct blocks {
	struct intern blocks;
	struct numbers uses;     /* pairs: block, rule */
	struct lists groups;     /* of each rule */
	struct intern classes;   /* sets of groups, sorted; CUT_NONE is the empty one */
	struct lists classes_of; /* of each group */
	struct cut *cuts[2];     /* IPv4, IPv6; nothing or from the first address on */
	size_t n_cuts[2];
};

void blocks_free(struct blocks *b);

/* blocks_use() - A rule has this peer, which has a block. 0 or -ENOMEM. */
int blocks_use(struct blocks *b, const struct peer *peer, uint32_t rule);

/**
 * blocks_cut() - Make groups, cuts and classes_of
 * @n_rules:	numbers of rules are below this
 * @cost_max:	of entries in all classes together
 *
 * Return: 0, -ENOMEM, or -E2BIG.
 */
int blocks_cut(struct blocks *b, size_t n_rules, size_t cost_max);

#endif
