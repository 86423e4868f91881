/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft_cells.h - what sets allow, in nftables: only of those sets that pods of this node have
 *
 * A node has the pods of its own, the policy those of the whole cluster: of 1,000 policies a node with 30 pods needs the
 * cells of 60 sets. Whoever puts a policy in force fills in those of the pods that are there; the ADD of the first pod of
 * another set fills in that set's, from the file of verdicts. Both hold the policy lock (policy_nft.h), so the file and the
 * side in force are of one compilation, in which an id means the same to everybody: what two ADDs fill in at once is equal.
 * What a set allows goes with its side, not with its last pod.
 *
 * Ports that many sets name are the same list. If the policy has few of them, all are filled in when it is put in force.
 */
#ifndef CNIDA_ENDPOINT_POLICY_NFT_CELLS_H
#define CNIDA_ENDPOINT_POLICY_NFT_CELLS_H

#include "base/err.h"
#include "kernel/ruleset_policy.h"
#include "policy/tables.h"

struct policy_nft_cells {
	const struct cells *cells;
	uint32_t *sets; /* to be filled in; owned */
	size_t n_sets;
	uint8_t *lists; /* those that were filled in; owned */
};

/* policy_nft_cells_init() - Room for @n sets, none of which is there yet. 0 or -ENOMEM. Free in any case. */
int policy_nft_cells_init(struct policy_nft_cells *c, const struct cells *cells, size_t n,
                          struct err *e);
void policy_nft_cells_free(struct policy_nft_cells *c);
void policy_nft_cells_add(struct policy_nft_cells *c, uint32_t set);
/* policy_nft_cells_begin() - Of an empty side: what does not wait for a pod. */
void policy_nft_cells_begin(struct policy_nft_cells *c, struct policy_fill *f);
/* policy_nft_cells_fill() - Of all sets that were added; the first cell of each after its others. */
void policy_nft_cells_fill(struct policy_nft_cells *c, struct policy_fill *f);
/* policy_nft_cells_there() - Does the side have what the set allows? 1, 0 or -errno. */
int policy_nft_cells_there(const struct cells *cells, struct nl_sock *nft, unsigned int side,
                           uint32_t set, struct err *e);

#endif
