/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_tables.c - what the policy's tables are made of, and the one rule that leads to the side in force
 */
#include "kernel/ruleset_policy_rules.h"

#include "kernel/nftables_message.h"

#include <linux/netfilter/nf_conntrack_common.h>

#define PRIORITY_BRIDGE_FIRST (-300) /* the hooks of a bridge have the numbers of the internet's */
#define PRIORITY_AFTER_DNAT   (-90)
#define PRIORITY_FORWARD      (-5) /* before what others have at 0 */

/* ---- sets ---- */

#define MAP(set_name, type, len)                                                          \
	{                                                                                 \
		.name = set_name, .flags = NFT_SET_MAP, .key_type = type, .key_len = len, \
		.data_type = NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK), .data_len = 8 \
	}
#define SET(set_name, type, len)                                   \
	{                                                          \
		.name = set_name, .key_type = type, .key_len = len \
	}
#define BLOCKS(set_name, type, len)                                                          \
	{                                                                                    \
		.name = set_name, .flags = NFT_SET_MAP | NFT_SET_INTERVAL, .key_type = type, \
		.key_len = len, .data_type = NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK),  \
		.data_len = 8                                                                \
	}
#define SELF(set_name, type, len)                                                               \
	{                                                                                       \
		.name = set_name, .key_type = NFT_TYPE_CONCAT(type, type), .key_len = 2 * (len) \
	}
/* NFT_SET_CONCAT is how the kernel knows that the range is one of each field. */
#define PORTS(set_name)                                                                     \
	{                                                                                   \
		.name = set_name, .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,               \
		.key_type = NFT_TYPE_CONCAT(NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_PROTO), \
		                            NFT_TYPE_SERVICE),                              \
		.key_len = 12, .fields = {                                                  \
			4,                                                                  \
			1,                                                                  \
			2                                                                   \
		}                                                                           \
	}
#define SIDE_SETS(n)                                                                             \
	{                                                                                        \
		[SET_OUT4] = SET("isolated_out4_" n, NFT_TYPE_IP4, 4),                           \
		[SET_OUT6] = SET("isolated_out6_" n, NFT_TYPE_IP6, 16),                          \
		[SET_IN4] = SET("isolated_in4_" n, NFT_TYPE_IP4, 4),                             \
		[SET_IN6] = SET("isolated_in6_" n, NFT_TYPE_IP6, 16),                            \
		[SET_EGRESS4] = MAP("egress4_" n, NFT_TYPE_IP4, 4),                              \
		[SET_EGRESS6] = MAP("egress6_" n, NFT_TYPE_IP6, 16),                             \
		[SET_INGRESS4] = MAP("ingress4_" n, NFT_TYPE_IP4, 4),                            \
		[SET_INGRESS6] = MAP("ingress6_" n, NFT_TYPE_IP6, 16),                           \
		[SET_CLASS4] = MAP("class4_" n, NFT_TYPE_IP4, 4),                                \
		[SET_CLASS6] = MAP("class6_" n, NFT_TYPE_IP6, 16),                               \
		[SET_BLOCK4] = BLOCKS("block4_" n, NFT_TYPE_IP4, 4),                             \
		[SET_BLOCK6] = BLOCKS("block6_" n, NFT_TYPE_IP6, 16),                            \
		[SET_SELF4] = SELF("self4_" n, NFT_TYPE_IP4, 4),                                 \
		[SET_SELF6] = SELF("self6_" n, NFT_TYPE_IP6, 16),                                \
		[SET_CELLS] = MAP("cells_" n, NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK), 8), \
		[SET_PORTS] = PORTS("ports_" n),                                                 \
	}

const struct nft_set policy_sets[2][POLICY_SETS] = { SIDE_SETS("0"), SIDE_SETS("1") };

#define IFNAMES(set_name)                                                           \
	{                                                                           \
		.name = set_name, .key_type = NFT_TYPE_IFNAME, .key_len = IFNAMSIZ, \
		.host_order = true                                                  \
	}

const struct nft_set policy_bridge_sets[2][POLICY_BRIDGE_SETS] = {
	{ IFNAMES("closed_out_0"), IFNAMES("closed_in_0") },
	{ IFNAMES("closed_out_1"), IFNAMES("closed_in_1") },
};

const struct nft_set policy_guard_port = IFNAMES("guard_port");

#define GUARD_KEY(addr_type) \
	NFT_TYPE_CONCAT(NFT_TYPE_CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_ETHER), addr_type)

const struct nft_set policy_guard4 = {
	.name = "guard4",
	.key_type = GUARD_KEY(NFT_TYPE_IP4),
	.key_len = IFNAMSIZ + 8 + 4,
};

const struct nft_set policy_guard6 = {
	.name = "guard6",
	.key_type = GUARD_KEY(NFT_TYPE_IP6),
	.key_len = IFNAMSIZ + 8 + 16,
};

const struct nft_table policy_table = {
	.family = NFPROTO_INET,
	.name = POLICY_TABLE,
	.comment = "cnida: network policy",
};

const struct nft_table policy_bridge_table = {
	.family = NFPROTO_BRIDGE,
	.name = POLICY_TABLE,
	.comment = "cnida: network policy, source check of bridged pods",
};

#define SIDE_CHAINS(n)                                                                         \
	{                                                                                      \
		"egress4_" n, "egress6_" n, "ingress4_" n, "ingress6_" n, "judge4_" n,         \
			"judge6_" n, "stray_" n, "judge_" n, "defer_out4_" n, "defer_out6_" n, \
			"defer_in4_" n, "defer_in6_" n, "defer4_" n, "defer6_" n, "defer_" n,  \
			"translated_" n                                                        \
	}

const char *const policy_chains[2][CHAINS] = { SIDE_CHAINS("0"), SIDE_CHAINS("1") };

static void flush_rules(struct nl_batch *b, const struct nft_table *t, const char *chain)
{
	nft_message(b, NFT_MSG_DELRULE, 0, t->family, "empty an nftables chain");
	nl_put_str(b, NFTA_RULE_TABLE, t->name);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
}

/* ---- the tables ---- */

static void add_sets(struct nl_batch *b, const struct nft_table *t,
                     const struct nft_set *const *sets, size_t n)
{
	struct nft_table with = *t;

	with.sets = sets;
	with.n_sets = n;
	nft_add_table(b, &with);
}

static void make_inet_sets(struct nl_batch *b)
{
	const struct nft_set *sets[2 * POLICY_SETS + 3] = {
		[2 * POLICY_SETS] = &policy_guard_port,
		&policy_guard4,
		&policy_guard6,
	};

	for (size_t i = 0; i < 2 * POLICY_SETS; i++)
		sets[i] = &policy_sets[i / POLICY_SETS][i % POLICY_SETS];
	add_sets(b, &policy_table, sets, ARRAY_SIZE(sets));
}

static void make_bridge_sets(struct nl_batch *b)
{
	const struct nft_set *const sets[] = {
		&policy_guard_port,
		&policy_guard4,
		&policy_guard6,
		&policy_bridge_sets[0][0],
		&policy_bridge_sets[0][1],
		&policy_bridge_sets[1][0],
		&policy_bridge_sets[1][1],
	};

	add_sets(b, &policy_bridge_table, sets, ARRAY_SIZE(sets));
}

/* What leads to a side comes last: as long as it is missing, the tables are not complete. */
static void make_entry(struct nl_batch *b, struct maker *m, enum policy_place place)
{
	if (place == POLICY_FORWARD)
		maker_add_base_chain(b, &policy_table, m, "forward", NF_INET_FORWARD,
		                     PRIORITY_FORWARD);
	else
		maker_add_base_chain(b, &policy_table, m, "after_dnat", NF_INET_PRE_ROUTING,
		                     PRIORITY_AFTER_DNAT);
}

static void make_bridge_entry(struct nl_batch *b, struct maker *m)
{
	maker_add_base_chain(b, &policy_bridge_table, m, "other_out", NF_INET_PRE_ROUTING,
	                     PRIORITY_BRIDGE_FIRST + 1);
	maker_add_base_chain(b, &policy_bridge_table, m, "other_in", NF_INET_FORWARD,
	                     PRIORITY_BRIDGE_FIRST);
}

bool policy_make_messages(struct nl_batch *b, enum policy_place place, unsigned int step)
{
	struct maker m = { .side = step & 1 };

	switch (step) {
	case 0:
		make_inet_sets(b);
		break;
	case 1:
		if (place == POLICY_AFTER_DNAT)
			rules_make_marks(b, &m);
		else
			rules_make_routed_guard(b, &m);
		break;
	case 2:
	case 3:
		rules_make_side(b, &m);
		break;
	case 4:
	case 5:
		rules_make_entry(b, &m, place);
		break;
	case 6:
		if (place == POLICY_FORWARD)
			make_bridge_sets(b);
		break;
	case 7:
		if (place == POLICY_FORWARD)
			rules_make_bridge_guard(b, &m);
		break;
	case 8:
		for (m.side = 0; place == POLICY_FORWARD && m.side < 2; m.side++)
			rules_make_bridge_other(b, &m);
		if (place == POLICY_FORWARD)
			make_bridge_entry(b, &m);
		break;
	case 9:
		make_entry(b, &m, place);
		break;
	default:
		return false;
	}
	return true;
}

void policy_empty_ports_messages(struct nl_batch *b, unsigned int side)
{
	const struct nft_set *const ports = &policy_sets[side][SET_PORTS];
	struct maker m = { .side = side };

	for (enum chain c = CHAIN_EGRESS4; c <= CHAIN_INGRESS6; c++)
		flush_rules(b, &policy_table, policy_chains[side][c]);
	nft_del_set(b, &policy_table, ports);
	nft_add_set(b, &policy_table, ports);
	for (enum chain c = CHAIN_EGRESS4; c <= CHAIN_INGRESS6; c++) {
		m.v6 = (c - CHAIN_EGRESS4) & 1;
		rules_of_direction(&m, c <= CHAIN_EGRESS6);
		maker_insert(b, &policy_table, policy_chains[side][c], &m);
	}
}

/* ---- which side ---- */

const char *policy_dispatch_chain(enum policy_place place)
{
	return place == POLICY_FORWARD ? "forward" : "after_dnat";
}

const char *policy_side_chain(enum policy_place place, unsigned int side)
{
	return policy_chains[side][place == POLICY_FORWARD ? CHAIN_JUDGE : CHAIN_DEFER];
}

#define MARKED_TO_JUDGE                                                \
	NFT_META(NFT_META_MARK, NFT_REG(0)),                           \
		NFT_AND(NFT_REG(0), 4, NFT_HOST32(POLICY_MARK_DEFER)), \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0)

void policy_switch_messages(struct nl_batch *b, enum policy_place place, unsigned int side)
{
	struct maker m = { .side = side };

	if (place == POLICY_FORWARD) {
		RULE(&m, NFT_VERDICT_TO(NFT_JUMP, policy_other_out[side]));
		flush_rules(b, &policy_bridge_table, "other_out");
		maker_insert(b, &policy_bridge_table, "other_out", &m);
		RULE(&m, NFT_VERDICT_TO(NFT_JUMP, policy_other_in[side]));
		flush_rules(b, &policy_bridge_table, "other_in");
		maker_insert(b, &policy_bridge_table, "other_in", &m);
	} else {
		RULE(&m, MARKED_TO_JUDGE, NFT_VERDICT_TO(NFT_GOTO, policy_side_chain(place, side)));
		RULE(&m, NFT_CT(NFT_CT_STATUS, NFT_REG(0)),
		     NFT_AND(NFT_REG(0), 4, NFT_HOST32(IPS_DST_NAT)),
		     NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0),
		     NFT_VERDICT_TO(NFT_GOTO, policy_chains[side][CHAIN_TRANSLATED]));
	}
	if (place == POLICY_FORWARD)
		RULE(&m, NFT_VERDICT_TO(NFT_JUMP, policy_side_chain(place, side)));
	flush_rules(b, &policy_table, policy_dispatch_chain(place));
	maker_insert(b, &policy_table, policy_dispatch_chain(place), &m);
}

int policy_chain_each(enum policy_place place,
                      int (*fn)(const struct nft_table *t, const char *chain, int n_rules,
                                void *arg),
                      void *arg)
{
	static const struct {
		const char *name;
		int n;
	} bridge[] = { { "guarded4", 3 },    { "guarded6", 8 },   { "guarded_arp", 3 },
		       { CHAIN_GUARDED, 3 }, { "guard", 1 },      { "other_out_0", 4 },
		       { "other_out_1", 4 }, { "other_in_0", 6 }, { "other_in_1", 6 },
		       { "other_out", -1 },  { "other_in", -1 } };
	static const int rules[CHAINS] = { 5, 5, 5, 5, 2, 2, 7, 3, 2, 2, 2, 2, 4, 4, 5, 5 };
	const bool forward = place == POLICY_FORWARD;
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * CHAINS; i++) {
		const size_t c = i % CHAINS;

		if (c < CHAIN_STRAY || (c < CHAIN_OUT4) == forward)
			r = fn(&policy_table, policy_chains[i / CHAINS][c], rules[c], arg);
	}
	if (r == 0)
		r = fn(&policy_table, forward ? CHAIN_GUARDED : CHAIN_JUDGED, forward ? 6 : 1, arg);
	if (r == 0)
		r = fn(&policy_table, forward ? "guard" : CHAIN_HAIRPIN, 1, arg);
	for (size_t i = 0; r == 0 && forward && i < ARRAY_SIZE(bridge); i++)
		r = fn(&policy_bridge_table, bridge[i].name, bridge[i].n, arg);
	return r ? r : fn(&policy_table, policy_dispatch_chain(place), -1, arg);
}
