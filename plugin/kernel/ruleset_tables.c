/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_tables.c - cnida's nftables as data: tables, chains, rules, sets
 *
 * A new feature adds rows here; its elements are put in and taken out in ruleset.c.
 */
#include "kernel/ruleset_tables.h"

#include <net/if.h>

/* As nft(8) names them: srcnat, and before the bridge's own decisions. */
#define PRIORITY_SRCNAT       100
#define PRIORITY_BRIDGE_FIRST (-300)

#define RULES(list) .rules = (list), .n_rules = ARRAY_SIZE(list)
#define EXPRS(...)                         \
	.exprs = (const struct nft_expr[]) \
	{                                  \
		__VA_ARGS__, NFT_END       \
	}

/* table inet cnida */

const struct nft_set ruleset_masq4 = {
	.name = "masq4",
	.flags = NFT_SET_MAP,
	.key_type = NFT_TYPE_IP4,
	.key_len = 4,
	.data_type = NFT_DATA_VERDICT,
};

const struct nft_set ruleset_masq6 = {
	.name = "masq6",
	.flags = NFT_SET_MAP,
	.key_type = NFT_TYPE_IP6,
	.key_len = 16,
	.data_type = NFT_DATA_VERDICT,
};

static const struct nft_rule postrouting_rules[] = {
	{ EXPRS(NFT_IS_IP4, NFT_IP4_DST(NFT_REG(0)), NFT_AND(NFT_REG(0), 4, 0xf0, 0, 0, 0),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, 224, 0, 0, 0), NFT_VERDICT(NFT_RETURN)) },
	{ EXPRS(NFT_IS_IP6, NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 1, NFT_REG(0)),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, 0xff), NFT_VERDICT(NFT_RETURN)) },
	{ EXPRS(NFT_IS_IP4, NFT_IP4_SRC(NFT_REG(0)),
	        NFT_MAP("masq4", NFT_REG(0), NFT_REG_VERDICT)) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_SRC(NFT_REG(0)),
	        NFT_MAP("masq6", NFT_REG(0), NFT_REG_VERDICT)) },
};

static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "nat",
	.hook = NF_INET_POST_ROUTING,
	.priority = PRIORITY_SRCNAT,
	RULES(postrouting_rules),
};

static const struct nft_set *const inet_sets[] = { &ruleset_masq4, &ruleset_masq6 };
static const struct nft_chain *const inet_chains[] = { &postrouting };

/* table bridge cnida */

const struct nft_set ruleset_spoof_port = {
	.name = "spoof_port",
	.key_type = NFT_TYPE_IFNAME,
	.key_len = IFNAMSIZ,
	.host_order = true,
};

const struct nft_set ruleset_spoof_mac = {
	.name = "spoof_mac",
	.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_ETHER),
	.key_len = IFNAMSIZ + 8,
};

/* A port that is not checked costs its frames one lookup. */
static const struct nft_rule prerouting_rules[] = {
	{ EXPRS(NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_LOOKUP("spoof_port", NFT_REG(0), 0),
	        NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)),
	        NFT_LOOKUP("spoof_mac", NFT_REG(0), NFT_LOOKUP_F_INV), NFT_VERDICT(NF_DROP)) },
};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY_BRIDGE_FIRST,
	RULES(prerouting_rules),
};

static const struct nft_set *const bridge_sets[] = { &ruleset_spoof_port, &ruleset_spoof_mac };
static const struct nft_chain *const bridge_chains[] = { &prerouting };

const struct nft_table ruleset_tables[RULESET_TABLES] = {
	[RULESET_INET] = {
		.family = NFPROTO_INET,
		.name = "cnida",
		.comment = "cnida: pods are elements of the maps",
		.sets = inet_sets,
		.n_sets = ARRAY_SIZE(inet_sets),
		.chains = inet_chains,
		.n_chains = ARRAY_SIZE(inet_chains),
	},
	[RULESET_BRIDGE] = {
		.family = NFPROTO_BRIDGE,
		.name = "cnida",
		.comment = "cnida: source check of bridge ports",
		.sets = bridge_sets,
		.n_sets = ARRAY_SIZE(bridge_sets),
		.chains = bridge_chains,
		.n_chains = ARRAY_SIZE(bridge_chains),
	},
	/* table netdev cnida: chains are added by redirect.c */
	[RULESET_NETDEV] = {
		.family = NFPROTO_NETDEV,
		.name = "cnida",
		.comment = "cnida: egress of pods with a bandwidth limit",
	},
};
