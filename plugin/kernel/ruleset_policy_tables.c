/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_tables.c - sets, chains and rules of the policy's tables
 *
 *	forward or after_dnat	-> judge_N or defer_N, of the side N in force
 *	judge_N			-> judge4_N, judge6_N; packets that belong to no connection -> stray_N
 *	judge4_N		isolated source -> egress4_N; isolated destination -> ingress4_N
 *	egress4_N, ingress4_N	may the set talk to the peer's class, to anybody, to the class of its ipBlocks? return; or drop
 *	defer_N			for the node itself, or judged: judged (the mark goes); a pod to itself: hairpin; or drop
 *
 * Rules are made by functions, since both families and both sides have the same. Each rule loads its registers itself
 * (the kernel refuses to read what only an earlier rule wrote), in words of 32 bits:
 *
 *	2 set  3 class  5 list  6 protocol  7 port  8.. address
 *
 * What a map says is looked up in the next one. nft(8) has no words for that, and ends with a failed assertion when it is to
 * list a rule in which a lookup reads what another lookup wrote: it takes the length of that for zero. But it knows a lookup's
 * result by its first word only. So what our maps say is two words long, the second is the id, and in the place of that nft
 * has seen `meta mark`, which we put there before. It then lists `meta mark . ct protocol . ct reply proto-src @ports_0`; who
 * loads such a listing gets rules that match nothing, which is found by ruleset_policy_intact().
 */
#include "kernel/ruleset_policy_tables.h"

#include "kernel/nftables_message.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#define PRIORITY_RAW          (-300)
#define PRIORITY_BRIDGE_FIRST (-300) /* the hooks of a bridge have the numbers of the internet's */
#define PRIORITY_AFTER_DNAT   (-90)
#define PRIORITY_FORWARD      (-5) /* before what others have at 0 */

/* ---- sets ---- */

#define MAP(set_name, type, len)                                                                \
	{                                                                                       \
		.name = set_name, .flags = NFT_SET_MAP, .key_type = type, .key_len = len,       \
		.data_type = NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK), .data_len = 8       \
	}
#define SET(set_name, type, len)                                                                \
	{                                                                                       \
		.name = set_name, .key_type = type, .key_len = len                              \
	}
#define BLOCKS(set_name, type, len)                                                             \
	{                                                                                       \
		.name = set_name, .flags = NFT_SET_MAP | NFT_SET_INTERVAL, .key_type = type,    \
		.key_len = len, .data_type = NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK),     \
		.data_len = 8                                                                   \
	}
#define SELF(set_name, type, len)                                                               \
	{                                                                                       \
		.name = set_name, .key_type = NFT_TYPE_CONCAT(type, type), .key_len = 2 * (len) \
	}
/* NFT_SET_CONCAT is how the kernel knows that the range is one of each field. */
#define PORTS(set_name)                                                                         \
	{                                                                                       \
		.name = set_name, .flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,                   \
		.key_type = NFT_TYPE_CONCAT(NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_PROTO),     \
		                            NFT_TYPE_SERVICE),                                  \
		.key_len = 12, .fields = { 4, 1, 2 }                                            \
	}
#define SIDE_SETS(n)                                                                            \
	{                                                                                       \
		[SET_OUT4] = SET("isolated_out4_" n, NFT_TYPE_IP4, 4),                          \
		[SET_OUT6] = SET("isolated_out6_" n, NFT_TYPE_IP6, 16),                         \
		[SET_IN4] = SET("isolated_in4_" n, NFT_TYPE_IP4, 4),                            \
		[SET_IN6] = SET("isolated_in6_" n, NFT_TYPE_IP6, 16),                           \
		[SET_EGRESS4] = MAP("egress4_" n, NFT_TYPE_IP4, 4),                             \
		[SET_EGRESS6] = MAP("egress6_" n, NFT_TYPE_IP6, 16),                            \
		[SET_INGRESS4] = MAP("ingress4_" n, NFT_TYPE_IP4, 4),                           \
		[SET_INGRESS6] = MAP("ingress6_" n, NFT_TYPE_IP6, 16),                          \
		[SET_CLASS4] = MAP("class4_" n, NFT_TYPE_IP4, 4),                               \
		[SET_CLASS6] = MAP("class6_" n, NFT_TYPE_IP6, 16),                              \
		[SET_BLOCK4] = BLOCKS("block4_" n, NFT_TYPE_IP4, 4),                            \
		[SET_BLOCK6] = BLOCKS("block6_" n, NFT_TYPE_IP6, 16),                           \
		[SET_SELF4] = SELF("self4_" n, NFT_TYPE_IP4, 4),                                \
		[SET_SELF6] = SELF("self6_" n, NFT_TYPE_IP6, 16),                               \
		[SET_CELLS] = MAP("cells_" n, NFT_TYPE_CONCAT(NFT_TYPE_MARK, NFT_TYPE_MARK),    \
		                  8),                                                           \
		[SET_PORTS] = PORTS("ports_" n),                                                \
	}

const struct nft_set policy_sets[2][POLICY_SETS] = { SIDE_SETS("0"), SIDE_SETS("1") };

#define IFNAMES(set_name)                                                                       \
	{                                                                                       \
		.name = set_name, .key_type = NFT_TYPE_IFNAME, .key_len = IFNAMSIZ,             \
		.host_order = true                                                              \
	}

const struct nft_set policy_bridge_sets[2][POLICY_BRIDGE_SETS] = {
	{ IFNAMES("closed_out_0"), IFNAMES("closed_in_0") },
	{ IFNAMES("closed_out_1"), IFNAMES("closed_in_1") },
};

const struct nft_set policy_guard_port = IFNAMES("guard_port");

#define GUARD_KEY(addr_type)                                                                    \
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

/* ---- names of chains ---- */

enum chain {
	CHAIN_EGRESS4,
	CHAIN_EGRESS6,
	CHAIN_INGRESS4,
	CHAIN_INGRESS6,
	CHAIN_JUDGE4,
	CHAIN_JUDGE6,
	CHAIN_STRAY,
	CHAIN_JUDGE,
	CHAIN_OUT4,
	CHAIN_OUT6,
	CHAIN_IN4,
	CHAIN_IN6,
	CHAIN_DEFER4,
	CHAIN_DEFER6,
	CHAIN_DEFER,
	CHAINS
};

#define SIDE_CHAINS(n)                                                                          \
	{                                                                                       \
		"egress4_" n, "egress6_" n, "ingress4_" n, "ingress6_" n, "judge4_" n,          \
			"judge6_" n, "stray_" n, "judge_" n, "defer_out4_" n, "defer_out6_" n,  \
			"defer_in4_" n, "defer_in6_" n, "defer4_" n, "defer6_" n, "defer_" n    \
	}

static const char *const chains[2][CHAINS] = { SIDE_CHAINS("0"), SIDE_CHAINS("1") };

#define JUDGED  "judged"
#define HAIRPIN "hairpin"
#define GUARDED "guarded"

/* ---- making rules ---- */

#define RULES_MAX 12
#define EXPRS_MAX 128

/* One chain in the making. */
struct maker {
	unsigned int side;
	bool v6;
	size_t n_rules, n_exprs;
	struct nft_rule rules[RULES_MAX];
	struct nft_expr exprs[EXPRS_MAX];
};

/* Append expressions to the rule being made; end() ends it. */
static void put(struct maker *m, const struct nft_expr *x, size_t n)
{
	if (m->n_exprs + n > EXPRS_MAX || m->n_rules == RULES_MAX)
		return; /* the count of rules is checked by the tests */
	if (m->n_exprs == 0 || !m->exprs[m->n_exprs - 1].name)
		m->rules[m->n_rules] = (struct nft_rule) { .exprs = &m->exprs[m->n_exprs] };
	memcpy(&m->exprs[m->n_exprs], x, n * sizeof(*x));
	m->n_exprs += n;
}

#define PUT(m, ...)                                                                             \
	put(m, (const struct nft_expr[]) { __VA_ARGS__ },                                       \
	    sizeof((const struct nft_expr[]) { __VA_ARGS__ }) / sizeof(struct nft_expr))

static void end(struct maker *m)
{
	PUT(m, NFT_END);
	m->n_rules++;
}

#define RULE(m, ...)                                                                            \
	do {                                                                                    \
		PUT(m, __VA_ARGS__);                                                            \
		end(m);                                                                         \
	} while (0)

static const char *set_name(const struct maker *m, enum policy_set of4)
{
	return policy_sets[m->side][of4 + (m->v6 ? 1 : 0)].name;
}

static const char *chain_name(const struct maker *m, enum chain of4)
{
	return chains[m->side][of4 + (m->v6 ? 1 : 0)];
}

#define CT_DIR(ct_key, reg, dir)                                                                \
	{                                                                                       \
		.name = "ct", .u32 = { { NFTA_CT_KEY, ct_key }, { NFTA_CT_DREG, reg } },        \
		.u8_attr = NFTA_CT_DIRECTION, .u8 = dir                                         \
	}

/* Who opened the connection, and whom it reaches behind DNAT. */
static struct nft_expr source(const struct maker *m, uint32_t reg)
{
	return (struct nft_expr) CT_DIR(m->v6 ? NFT_CT_SRC_IP6 : NFT_CT_SRC_IP, reg,
	                                IP_CT_DIR_ORIGINAL);
}

static struct nft_expr destination(const struct maker *m, uint32_t reg)
{
	return (struct nft_expr) CT_DIR(m->v6 ? NFT_CT_SRC_IP6 : NFT_CT_SRC_IP, reg,
	                                IP_CT_DIR_REPLY);
}

static struct nft_expr family_is(uint8_t nfproto)
{
	return (struct nft_expr) NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, nfproto);
}

#define IF_FAMILY(m, v6_) NFT_META(NFT_META_NFPROTO, NFT_REG(0)), \
	family_is((v6_) ? NFPROTO_IPV6 : NFPROTO_IPV4)

static void add_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
                      const char *name)
{
	const struct nft_chain c = { .name = name, .rules = m->rules, .n_rules = m->n_rules };

	nft_add_chain(b, t, &c);
	m->n_rules = m->n_exprs = 0;
}

static void flush_rules(struct nl_batch *b, const struct nft_table *t, const char *chain)
{
	nft_message(b, NFT_MSG_DELRULE, 0, t->family, "empty an nftables chain");
	nl_put_str(b, NFTA_RULE_TABLE, t->name);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
}

/* Into an empty chain. */
static void insert_rules(struct nl_batch *b, const struct nft_table *t, const char *chain,
                         struct maker *m)
{
	while (m->n_rules > 0)
		nft_insert_rule(b, t, chain, &m->rules[--m->n_rules]);
	m->n_exprs = 0;
}

/* ---- verdicts ---- */

enum peer_kind { PEER_POD, PEER_ANY, PEER_BLOCK };

#define LOOK_LIKE_MARK(word)   NFT_META(NFT_META_MARK, NFT_REG(word))
#define MAP_TO(map, reg, word) NFT_MAP(map, reg, NFT_REG((word)-1))

static const char *const comments[] = {
	[PEER_POD] = "(set of the pod, class of the peer) in cells, the list found there in ports",
	[PEER_ANY] = "the same with class 0, all peers",
	[PEER_BLOCK] = "the same with the class of the peer's ipBlocks",
};

/* Return if the set of the one end allows the other as what it is. */
static void rule_of_peer(struct maker *m, bool egress, enum peer_kind kind)
{
	const struct nft_set *const sets = policy_sets[m->side];
	const uint32_t addr = NFT_REG(8);

	if (kind == PEER_ANY)
		PUT(m, NFT_SET(NFT_REG(3), 4, 0));
	else
		PUT(m, LOOK_LIKE_MARK(3), egress ? destination(m, addr) : source(m, addr),
		    MAP_TO(set_name(m, kind == PEER_POD ? SET_CLASS4 : SET_BLOCK4), addr, 3));
	PUT(m, LOOK_LIKE_MARK(2), egress ? source(m, addr) : destination(m, addr),
	    MAP_TO(set_name(m, egress ? SET_EGRESS4 : SET_INGRESS4), addr, 2), LOOK_LIKE_MARK(5),
	    MAP_TO(sets[SET_CELLS].name, NFT_REG(2), 5));
	RULE(m, NFT_CT(NFT_CT_PROTOCOL, NFT_REG(6)),
	     CT_DIR(NFT_CT_PROTO_SRC, NFT_REG(7), IP_CT_DIR_REPLY),
	     NFT_LOOKUP(sets[SET_PORTS].name, NFT_REG(5), 0), NFT_VERDICT(NFT_RETURN));
	m->rules[m->n_rules - 1].comment = comments[kind];
}

static void rules_of_direction(struct maker *m, bool egress)
{
	rule_of_peer(m, egress, PEER_POD);
	rule_of_peer(m, egress, PEER_ANY);
	rule_of_peer(m, egress, PEER_BLOCK);
	RULE(m, source(m, NFT_REG(0)), destination(m, NFT_REG(m->v6 ? 4 : 1)),
	     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0), NFT_VERDICT(NFT_RETURN));
	RULE(m, NFT_VERDICT(NF_DROP));
}

static void make_direction(struct nl_batch *b, struct maker *m, bool egress)
{
	rules_of_direction(m, egress);
	add_chain(b, &policy_table, m, chain_name(m, egress ? CHAIN_EGRESS4 : CHAIN_INGRESS4));
}

#define EGRESS_IF_ISOLATED(m, verdict_code)                                                     \
	source(m, NFT_REG(8)), NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0),                \
		NFT_VERDICT_TO(verdict_code, chain_name(m, CHAIN_EGRESS4))
#define INGRESS_IF_ISOLATED(m, verdict_code)                                                    \
	destination(m, NFT_REG(8)), NFT_LOOKUP(set_name(m, SET_IN4), NFT_REG(8), 0),            \
		NFT_VERDICT_TO(verdict_code, chain_name(m, CHAIN_INGRESS4))

static void make_judge_family(struct nl_batch *b, struct maker *m)
{
	RULE(m, EGRESS_IF_ISOLATED(m, NFT_JUMP));
	RULE(m, INGRESS_IF_ISOLATED(m, NFT_JUMP));
	add_chain(b, &policy_table, m, chain_name(m, CHAIN_JUDGE4));
}

/* No connection: neighbour discovery between bridged pods (its hop limit says that it crossed no router), and what
 * connection tracking calls invalid, which only those may have that are not isolated. */
static void make_stray(struct nl_batch *b, struct maker *m)
{
#define ICMP6_TYPE(reg) NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, reg)
#define IS_ICMP6                                                                                \
	IF_FAMILY(m, true), NFT_META(NFT_META_L4PROTO, NFT_REG(0)),                             \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, IPPROTO_ICMPV6)
#define HOP_LIMIT(n)                                                                            \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG(0)),                              \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, n)
	RULE(m, IS_ICMP6, HOP_LIMIT(255), ICMP6_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_GTE, NFT_REG(0), 1, 133), NFT_CMP(NFT_CMP_LTE, NFT_REG(0), 1, 137),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IS_ICMP6, HOP_LIMIT(1), ICMP6_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_GTE, NFT_REG(0), 1, 130), NFT_CMP(NFT_CMP_LTE, NFT_REG(0), 1, 132),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IS_ICMP6, HOP_LIMIT(1), ICMP6_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, 143), NFT_VERDICT(NFT_RETURN));
	for (int i = 0; i < 2; i++) {
		m->v6 = i;
		RULE(m, IF_FAMILY(m, i),
		     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, i ? 8 : 12, i ? 16 : 4, NFT_REG(8)),
		     NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0),
		     NFT_VERDICT(NF_DROP));
		RULE(m, IF_FAMILY(m, i),
		     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, i ? 24 : 16, i ? 16 : 4, NFT_REG(8)),
		     NFT_LOOKUP(set_name(m, SET_IN4), NFT_REG(8), 0),
		     NFT_VERDICT(NF_DROP));
	}
	m->v6 = false;
	add_chain(b, &policy_table, m, chains[m->side][CHAIN_STRAY]);
}

#define IF_STRAY                                                                                \
	NFT_CT(NFT_CT_STATE, NFT_REG(0)),                                                       \
		NFT_AND(NFT_REG(0), 4,                                                          \
	                NFT_HOST32(NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT)),       \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0)

static void make_judge(struct nl_batch *b, struct maker *m)
{
	const char *const *name = chains[m->side];

	RULE(m, IF_STRAY, NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_STRAY]));
	RULE(m, IF_FAMILY(m, false), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_JUDGE4]));
	RULE(m, IF_FAMILY(m, true), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_JUDGE6]));
	add_chain(b, &policy_table, m, name[CHAIN_JUDGE]);
}

/* ---- behind DNAT ---- */

/* meta mark set meta mark & mask ^ set */
#define SET_MARK(clear, set)                                                                    \
	NFT_META(NFT_META_MARK, NFT_REG(0)),                                                    \
		{ .name = "bitwise",                                                            \
		  .u32 = { { NFTA_BITWISE_SREG, NFT_REG(0) },                                   \
		           { NFTA_BITWISE_DREG, NFT_REG(0) },                                   \
		           { NFTA_BITWISE_LEN, 4 } },                                           \
		  .data = { { .attr = NFTA_BITWISE_MASK, .len = 4,                              \
		              .bytes = { NFT_HOST32(~(clear)) } },                              \
		            { .attr = NFTA_BITWISE_XOR, .len = 4,                               \
		              .bytes = { NFT_HOST32(set) } } } },                               \
	{                                                                                       \
		.name = "meta",                                                                 \
		.u32 = { { NFTA_META_KEY, NFT_META_MARK }, { NFTA_META_SREG, NFT_REG(0) } }     \
	}
#define MARKS (POLICY_MARK_DEFER | POLICY_MARK_HAIRPIN)
#define IS_DIR(dir)                                                                             \
	NFT_CT(NFT_CT_DIRECTION, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, dir)
#define MARKED_TO_JUDGE(op)                                                                     \
	NFT_META(NFT_META_MARK, NFT_REG(0)),                                                    \
		NFT_AND(NFT_REG(0), 4, NFT_HOST32(POLICY_MARK_DEFER)),                          \
		NFT_CMP(op, NFT_REG(0), 4, 0, 0, 0, 0)

static void make_marks(struct nl_batch *b, struct maker *m)
{
	RULE(m, SET_MARK(MARKS, 0U), NFT_VERDICT(NF_ACCEPT));
	add_chain(b, &policy_table, m, JUDGED);
	RULE(m, SET_MARK(MARKS, POLICY_MARK_HAIRPIN), NFT_VERDICT(NF_ACCEPT));
	add_chain(b, &policy_table, m, HAIRPIN);
}

/*
 * A marked packet is from a pod of this node that is isolated. If we do not know it as such, something is out of step, and
 * the packet is dropped. A reply is judged as the connection's opener was: by the ingress rules of the pod that sends it.
 */
static void make_defer_family(struct nl_batch *b, struct maker *m)
{
	RULE(m, NFT_VERDICT_TO(NFT_JUMP, chain_name(m, CHAIN_EGRESS4)));
	RULE(m, NFT_VERDICT_TO(NFT_GOTO, JUDGED));
	add_chain(b, &policy_table, m, chain_name(m, CHAIN_OUT4));
	RULE(m, INGRESS_IF_ISOLATED(m, NFT_JUMP));
	RULE(m, NFT_VERDICT_TO(NFT_GOTO, JUDGED));
	add_chain(b, &policy_table, m, chain_name(m, CHAIN_IN4));
	RULE(m, source(m, NFT_REG(0)), destination(m, NFT_REG(m->v6 ? 4 : 1)),
	     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0), NFT_VERDICT_TO(NFT_GOTO, HAIRPIN));
	RULE(m, IS_DIR(IP_CT_DIR_ORIGINAL), source(m, NFT_REG(8)),
	     NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0),
	     NFT_VERDICT_TO(NFT_GOTO, chain_name(m, CHAIN_OUT4)));
	RULE(m, IS_DIR(IP_CT_DIR_REPLY), destination(m, NFT_REG(0)),
	     destination(m, NFT_REG(m->v6 ? 4 : 1)),
	     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0),
	     NFT_VERDICT_TO(NFT_GOTO, chain_name(m, CHAIN_IN4)));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, &policy_table, m, chain_name(m, CHAIN_DEFER4));
}

static void make_defer(struct nl_batch *b, struct maker *m)
{
	const char *const *name = chains[m->side];

	RULE(m, NFT_FIB_DADDR_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, NFT_HOST32(RTN_LOCAL)),
	     NFT_VERDICT_TO(NFT_GOTO, JUDGED));
	RULE(m, IF_STRAY, NFT_VERDICT(NF_DROP));
	RULE(m, IF_FAMILY(m, false), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_DEFER4]));
	RULE(m, IF_FAMILY(m, true), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_DEFER6]));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, &policy_table, m, name[CHAIN_DEFER]);
}

/* ---- source check ---- */

#define IF_GUARDED(m) NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_LOOKUP("guard_port", NFT_REG(0), 0)
#define SENDER4(offset)                                                                         \
	NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)),                      \
		NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG(6))
#define SENDER6                                                                                 \
	NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)), NFT_IP6_SRC(NFT_REG(6))
/* 0.0.0.0; :: and link-local addresses. They never get past a router. */
#define FROM_ZERO4(offset)                                                                      \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG(0)),                         \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, 0, 0, 0, 0)
#define FROM_ZERO6 NFT_IP6_SRC(NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 16, 0)
#define FROM_LINK6                                                                              \
	NFT_IP6_SRC(NFT_REG(0)), NFT_AND(NFT_REG(0), 16, 0xff, 0xc0),                           \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 16, 0xfe, 0x80)

/* nft(8) wants to know that there is a MAC address. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define HOST16(v) (v) & 0xff, (v) >> 8
#else
#	define HOST16(v) (v) >> 8, (v)&0xff
#endif
#define IF_ETHER                                                                                \
	NFT_META(NFT_META_IIFTYPE, NFT_REG(0)),                                                 \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 2, HOST16(ARPHRD_ETHER))

static void add_base_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
                           const char *name, uint32_t hook, int32_t priority)
{
	const struct nft_chain c = { .name = name,
		                     .type = "filter",
		                     .hook = hook,
		                     .priority = priority,
		                     .rules = m->rules,
		                     .n_rules = m->n_rules };

	nft_add_chain(b, t, &c);
	m->n_rules = m->n_exprs = 0;
}

static void make_routed_guard(struct nl_batch *b, struct maker *m)
{
	RULE(m, IF_FAMILY(m, false), IF_ETHER, SENDER4(12), NFT_LOOKUP("guard4", NFT_REG(0), 0),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), IF_ETHER, SENDER6, NFT_LOOKUP("guard6", NFT_REG(0), 0),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, false), FROM_ZERO4(12), NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), FROM_ZERO6, NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), FROM_LINK6, NFT_VERDICT(NFT_RETURN));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, &policy_table, m, GUARDED);
	RULE(m, IF_GUARDED(m), NFT_VERDICT_TO(NFT_GOTO, GUARDED));
	add_base_chain(b, &policy_table, m, "guard", NF_INET_PRE_ROUTING, PRIORITY_RAW);
}

/* The type as the frame has it: a VLAN tag is a type of its own, also where the kernel has taken it off. */
#define ETHER_IS(reg, type)                                                                     \
	NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 12, 2, reg),                                         \
		NFT_CMP(NFT_CMP_EQ, reg, 2, (type) >> 8 & 0xff, (type)&0xff)
#define NEXT_HEADER_IS(proto)                                                                   \
	NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, proto)
#define PORTS_ARE(from, to)                                                                     \
	NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4, NFT_REG(0)),                            \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, (from) >> 8, (from)&0xff, (to) >> 8,         \
	                (to)&0xff)

/* Router advertisements, redirects and MLD queries are for routers to send. */
static void rule_no_router(struct maker *m, uint8_t type)
{
	RULE(m, NEXT_HEADER_IS(IPPROTO_ICMPV6), ICMP6_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, type), NFT_VERDICT(NF_DROP));
}

static void make_bridge_guard(struct nl_batch *b, struct maker *m)
{
	const struct nft_table *t = &policy_bridge_table;

	RULE(m, SENDER4(12), NFT_LOOKUP("guard4", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_ZERO4(12), NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(68, 67),
	     NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, t, m, "guarded4");
	rule_no_router(m, 134);
	rule_no_router(m, 137);
	rule_no_router(m, 130);
	RULE(m, SENDER6, NFT_LOOKUP("guard6", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_ZERO6, NEXT_HEADER_IS(IPPROTO_ICMPV6), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_LINK6, NEXT_HEADER_IS(IPPROTO_ICMPV6), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_LINK6, NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(546, 547),
	     NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, t, m, "guarded6");
	/* The sender inside ARP: MAC address behind 8 bytes, IP address behind 14. */
#define ARP_IS_IP4                                                                              \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 0, 6, NFT_REG(0)),                              \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 6, 0, 1, 8, 0, 6, 4)
	RULE(m, ARP_IS_IP4, SENDER4(14), NFT_LOOKUP("guard4", NFT_REG(0), 0),
	     NFT_META(NFT_META_IIFNAME, NFT_REG(0)),
	     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 6, NFT_REG(4)),
	     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 14, 4, NFT_REG(6)),
	     NFT_LOOKUP("guard4", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, ARP_IS_IP4, FROM_ZERO4(14), NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	add_chain(b, t, m, "guarded_arp");
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_VERDICT_TO(NFT_GOTO, "guarded4"));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_VERDICT_TO(NFT_GOTO, "guarded6"));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT_TO(NFT_GOTO, "guarded_arp"));
	add_chain(b, t, m, GUARDED);
	RULE(m, IF_GUARDED(m), NFT_VERDICT_TO(NFT_JUMP, GUARDED));
	add_base_chain(b, t, m, "guard", NF_INET_PRE_ROUTING, PRIORITY_BRIDGE_FIRST);
}

/* ---- frames that are not unicast IP ---- */

static const char *const other_out[2] = { "other_out_0", "other_out_1" };
static const char *const other_in[2] = { "other_in_0", "other_in_1" };

/* To everybody, and so to isolated pods too: what is needed to find neighbours and to get an address. */
static void make_bridge_other(struct nl_batch *b, struct maker *m)
{
	const struct nft_table *t = &policy_bridge_table;
	const unsigned int n = m->side;

	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT(NFT_RETURN));
	RULE(m, NFT_META(NFT_META_IIFNAME, NFT_REG(0)),
	     NFT_LOOKUP(policy_bridge_sets[n][SET_CLOSED_OUT].name, NFT_REG(0), 0),
	     NFT_VERDICT(NF_DROP));
	add_chain(b, t, m, other_out[n]);
#define IF_CLOSED                                                                               \
	NFT_META(NFT_META_OIFNAME, NFT_REG(0)),                                                 \
		NFT_LOOKUP(policy_bridge_sets[n][SET_CLOSED_IN].name, NFT_REG(0), 0)
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_IP4_DST(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_LT, NFT_REG(0), 4, 224, 0, 0, 0), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_IP6_DST(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_LT, NFT_REG(0), 16, 0xff), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NEXT_HEADER_IS(IPPROTO_ICMPV6),
	     ICMP6_TYPE(NFT_REG(0)), NFT_CMP(NFT_CMP_GTE, NFT_REG(0), 1, 130),
	     NFT_CMP(NFT_CMP_LTE, NFT_REG(0), 1, 143), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(67, 68),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_CLOSED, NFT_VERDICT(NF_DROP));
	add_chain(b, t, m, other_in[n]);
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
		&policy_guard_port,         &policy_guard4,
		&policy_guard6,             &policy_bridge_sets[0][0],
		&policy_bridge_sets[0][1], &policy_bridge_sets[1][0],
		&policy_bridge_sets[1][1],
	};

	add_sets(b, &policy_bridge_table, sets, ARRAY_SIZE(sets));
}

static void make_side(struct nl_batch *b, struct maker *m)
{
	for (int i = 0; i < 2; i++) {
		m->v6 = i;
		make_direction(b, m, true);
		make_direction(b, m, false);
		make_judge_family(b, m);
	}
	m->v6 = false;
}

static void make_side_entry(struct nl_batch *b, struct maker *m, enum policy_place place)
{
	if (place == POLICY_FORWARD) {
		make_stray(b, m);
		make_judge(b, m);
		return;
	}
	for (int i = 0; i < 2; i++) {
		m->v6 = i;
		make_defer_family(b, m);
	}
	m->v6 = false;
	make_defer(b, m);
}

/* What leads to a side comes last: as long as it is missing, the tables are not complete. */
static void make_entry(struct nl_batch *b, struct maker *m, enum policy_place place)
{
	if (place == POLICY_FORWARD)
		add_base_chain(b, &policy_table, m, "forward", NF_INET_FORWARD, PRIORITY_FORWARD);
	else
		add_base_chain(b, &policy_table, m, "after_dnat", NF_INET_PRE_ROUTING,
		               PRIORITY_AFTER_DNAT);
}

static void make_bridge_entry(struct nl_batch *b, struct maker *m)
{
	add_base_chain(b, &policy_bridge_table, m, "other_out", NF_INET_PRE_ROUTING,
	               PRIORITY_BRIDGE_FIRST + 1);
	add_base_chain(b, &policy_bridge_table, m, "other_in", NF_INET_FORWARD,
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
			make_marks(b, &m);
		else
			make_routed_guard(b, &m);
		break;
	case 2:
	case 3:
		make_side(b, &m);
		break;
	case 4:
	case 5:
		make_side_entry(b, &m, place);
		break;
	case 6:
		if (place == POLICY_FORWARD)
			make_bridge_sets(b);
		break;
	case 7:
		if (place == POLICY_FORWARD)
			make_bridge_guard(b, &m);
		break;
	case 8:
		for (m.side = 0; place == POLICY_FORWARD && m.side < 2; m.side++)
			make_bridge_other(b, &m);
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
		flush_rules(b, &policy_table, chains[side][c]);
	nft_del_set(b, &policy_table, ports);
	nft_add_set(b, &policy_table, ports);
	for (enum chain c = CHAIN_EGRESS4; c <= CHAIN_INGRESS6; c++) {
		m.v6 = (c - CHAIN_EGRESS4) & 1;
		rules_of_direction(&m, c <= CHAIN_EGRESS6);
		insert_rules(b, &policy_table, chains[side][c], &m);
	}
}

/* ---- which side ---- */

const char *policy_dispatch_chain(enum policy_place place)
{
	return place == POLICY_FORWARD ? "forward" : "after_dnat";
}

const char *policy_side_chain(enum policy_place place, unsigned int side)
{
	return chains[side][place == POLICY_FORWARD ? CHAIN_JUDGE : CHAIN_DEFER];
}

void policy_switch_messages(struct nl_batch *b, enum policy_place place, unsigned int side)
{
	struct maker m = { .side = side };

	if (place == POLICY_FORWARD) {
		RULE(&m, NFT_VERDICT_TO(NFT_JUMP, other_out[side]));
		flush_rules(b, &policy_bridge_table, "other_out");
		insert_rules(b, &policy_bridge_table, "other_out", &m);
		RULE(&m, NFT_VERDICT_TO(NFT_JUMP, other_in[side]));
		flush_rules(b, &policy_bridge_table, "other_in");
		insert_rules(b, &policy_bridge_table, "other_in", &m);
	} else {
		RULE(&m, MARKED_TO_JUDGE(NFT_CMP_EQ), NFT_VERDICT(NFT_RETURN));
	}
	RULE(&m, NFT_VERDICT_TO(NFT_JUMP, policy_side_chain(place, side)));
	flush_rules(b, &policy_table, policy_dispatch_chain(place));
	insert_rules(b, &policy_table, policy_dispatch_chain(place), &m);
}

int policy_chain_each(enum policy_place place,
                      int (*fn)(const struct nft_table *t, const char *chain, int n_rules,
                                void *arg),
                      void *arg)
{
	static const struct {
		const char *name;
		int n;
	} bridge[] = { { "guarded4", 3 },    { "guarded6", 8 },    { "guarded_arp", 3 },
		       { GUARDED, 3 },       { "guard", 1 },       { "other_out_0", 4 },
		       { "other_out_1", 4 }, { "other_in_0", 6 },  { "other_in_1", 6 },
		       { "other_out", -1 },  { "other_in", -1 } };
	static const int rules[CHAINS] = { 5, 5, 5, 5, 2, 2, 7, 3, 2, 2, 2, 2, 4, 4, 5 };
	const bool forward = place == POLICY_FORWARD;
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * CHAINS; i++) {
		const size_t c = i % CHAINS;

		if (c < CHAIN_STRAY || (c < CHAIN_OUT4) == forward)
			r = fn(&policy_table, chains[i / CHAINS][c], rules[c], arg);
	}
	if (r == 0)
		r = fn(&policy_table, forward ? GUARDED : JUDGED, forward ? 6 : 1, arg);
	if (r == 0)
		r = fn(&policy_table, forward ? "guard" : HAIRPIN, 1, arg);
	for (size_t i = 0; r == 0 && forward && i < ARRAY_SIZE(bridge); i++)
		r = fn(&policy_bridge_table, bridge[i].name, bridge[i].n, arg);
	return r ? r : fn(&policy_table, policy_dispatch_chain(place), -1, arg);
}
