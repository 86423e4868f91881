/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft_apply.h - the part of nftables in policy/apply.h
 */
#ifndef CNIDA_ENDPOINT_POLICY_NFT_APPLY_H
#define CNIDA_ENDPOINT_POLICY_NFT_APPLY_H

#include "endpoint/policy_nft.h"
#include "policy/apply.h"

struct policy_nft_apply {
	struct apply_nft callbacks;
	struct policy_nft nft;
	struct nl_sock *route;
};

/* policy_nft_apply_init() - For one apply(); @route: rtnetlink of the node. */
void policy_nft_apply_init(struct policy_nft_apply *n, struct nl_sock *route);
void policy_nft_apply_end(struct policy_nft_apply *n);

#endif
