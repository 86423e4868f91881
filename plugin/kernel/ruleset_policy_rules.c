/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_rules.c - chains and rules of the policy's tables
 *
 *	forward or after_dnat	-> judge_N or defer_N, of the side N in force
 *	judge_N			-> judge4_N, judge6_N; packets that belong to no connection -> stray_N
 *	judge4_N		isolated source -> egress4_N; isolated destination -> ingress4_N
 *	egress4_N, ingress4_N	may the set talk to the peer's class, to anybody, to the class of its ipBlocks? return; or drop
 *	defer_N			for the node itself, or judged: judged (the mark goes); a pod to itself: hairpin; or drop
 *	translated_N		what eBPF let pass and DNAT sent elsewhere: egress4_N, or hairpin
 *
 * Rules are made by functions, since both families and both sides have the same. Each rule loads its registers itself
 * (the kernel refuses to read what only an earlier rule wrote), in words of 32 bits:
 *
 *	2 set  3 class  5 list  6 protocol  7 port  8.. address
 *
 * What a map says is looked up in the next one. nft(8) has no words for that, and ends with a failed assertion when it is to
 * list a rule in which a lookup reads what another lookup wrote: it takes the length of that for zero. But it knows a lookup's
 * result by its first word only. So what our maps say is two words long, the second is the id, and in the place of that nft
 * has seen `meta mark`, which we put there before. It then lists `meta mark . ct protocol . ct reply proto-src @ports_0`, and
 * refuses to load such a listing: tables are made by us only.
 */
#include "kernel/ruleset_policy_rules.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* ---- making rules ---- */

void maker_put(struct maker *m, const struct nft_expr *x, size_t n)
{
	if (m->n_exprs + n > EXPRS_MAX || m->n_rules == RULES_MAX)
		return; /* the count of rules is checked by the tests */
	if (m->n_exprs == 0 || !m->exprs[m->n_exprs - 1].name[0])
		m->rules[m->n_rules] = (struct nft_rule) { .exprs = &m->exprs[m->n_exprs] };
	memcpy(&m->exprs[m->n_exprs], x, n * sizeof(*x));
	m->n_exprs += n;
}

void maker_end(struct maker *m)
{
	PUT(m, NFT_END);
	m->n_rules++;
}

struct nft_expr maker_family_is(uint8_t nfproto)
{
	return (struct nft_expr)NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, nfproto);
}

void maker_add_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
                     const char *name)
{
	const struct nft_chain c = { .name = name, .rules = m->rules, .n_rules = m->n_rules };

	nft_add_chain(b, t, &c);
	m->n_rules = m->n_exprs = 0;
}

void maker_add_base_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
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

void maker_insert(struct nl_batch *b, const struct nft_table *t, const char *chain, struct maker *m)
{
	while (m->n_rules > 0)
		nft_insert_rule(b, t, chain, &m->rules[--m->n_rules]);
	m->n_exprs = 0;
}

/* ---- what rules look at ---- */

static const char *set_name(const struct maker *m, enum policy_set of4)
{
	return policy_sets[m->side][of4 + (m->v6 ? 1 : 0)].name;
}

static const char *chain_name(const struct maker *m, enum chain of4)
{
	return policy_chains[m->side][of4 + (m->v6 ? 1 : 0)];
}

#define CT_DIR(ct_key, reg, dir)                                                         \
	{                                                                                \
		.name = "ct", .u32 = { { NFTA_CT_KEY, ct_key }, { NFTA_CT_DREG, reg } }, \
		.u8_attr = NFTA_CT_DIRECTION, .u8 = dir                                  \
	}

/* Who opened the connection, and whom it reaches behind DNAT. */
static struct nft_expr source(const struct maker *m, uint32_t reg)
{
	return (struct nft_expr)CT_DIR(m->v6 ? NFT_CT_SRC_IP6 : NFT_CT_SRC_IP, reg,
	                               IP_CT_DIR_ORIGINAL);
}

static struct nft_expr destination(const struct maker *m, uint32_t reg)
{
	return (struct nft_expr)CT_DIR(m->v6 ? NFT_CT_SRC_IP6 : NFT_CT_SRC_IP, reg,
	                               IP_CT_DIR_REPLY);
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

void rules_of_direction(struct maker *m, bool egress)
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
	maker_add_chain(b, &policy_table, m,
	                chain_name(m, egress ? CHAIN_EGRESS4 : CHAIN_INGRESS4));
}

#define EGRESS_IF_ISOLATED(m, verdict_code)                                      \
	source(m, NFT_REG(8)), NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0), \
		NFT_VERDICT_TO(verdict_code, chain_name(m, CHAIN_EGRESS4))
#define INGRESS_IF_ISOLATED(m, verdict_code)                                         \
	destination(m, NFT_REG(8)), NFT_LOOKUP(set_name(m, SET_IN4), NFT_REG(8), 0), \
		NFT_VERDICT_TO(verdict_code, chain_name(m, CHAIN_INGRESS4))

static void make_judge_family(struct nl_batch *b, struct maker *m)
{
	RULE(m, EGRESS_IF_ISOLATED(m, NFT_JUMP));
	RULE(m, INGRESS_IF_ISOLATED(m, NFT_JUMP));
	maker_add_chain(b, &policy_table, m, chain_name(m, CHAIN_JUDGE4));
}

/* No connection: neighbour discovery between bridged pods (its hop limit says that it crossed no router), and what
 * connection tracking calls invalid, which only those may have that are not isolated. */
static void make_stray(struct nl_batch *b, struct maker *m)
{
#define IS_ICMP6                                                    \
	IF_FAMILY(m, true), NFT_META(NFT_META_L4PROTO, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, IPPROTO_ICMPV6)
#define HOP_LIMIT(n)                                               \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG(0)), \
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
		     NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0), NFT_VERDICT(NF_DROP));
		RULE(m, IF_FAMILY(m, i),
		     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, i ? 24 : 16, i ? 16 : 4, NFT_REG(8)),
		     NFT_LOOKUP(set_name(m, SET_IN4), NFT_REG(8), 0), NFT_VERDICT(NF_DROP));
	}
	m->v6 = false;
	maker_add_chain(b, &policy_table, m, policy_chains[m->side][CHAIN_STRAY]);
}

#define IF_STRAY                                                                          \
	NFT_CT(NFT_CT_STATE, NFT_REG(0)),                                                 \
		NFT_AND(NFT_REG(0), 4,                                                    \
	                NFT_HOST32(NF_CT_STATE_INVALID_BIT | NF_CT_STATE_UNTRACKED_BIT)), \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0)

static void make_judge(struct nl_batch *b, struct maker *m)
{
	const char *const *name = policy_chains[m->side];

	RULE(m, IF_STRAY, NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_STRAY]));
	RULE(m, IF_FAMILY(m, false), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_JUDGE4]));
	RULE(m, IF_FAMILY(m, true), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_JUDGE6]));
	maker_add_chain(b, &policy_table, m, name[CHAIN_JUDGE]);
}

/* ---- behind DNAT ---- */

/* meta mark set meta mark & mask ^ set */
#define SET_MARK(clear, set)                                       \
	NFT_META(NFT_META_MARK, NFT_REG(0)),                       \
		{ .name = "bitwise",                               \
		  .u32 = { { NFTA_BITWISE_SREG, NFT_REG(0) },      \
		           { NFTA_BITWISE_DREG, NFT_REG(0) },      \
		           { NFTA_BITWISE_LEN, 4 } },              \
		  .data = { { .attr = NFTA_BITWISE_MASK,           \
		              .len = 4,                            \
		              .bytes = { NFT_HOST32(~(clear)) } }, \
		            { .attr = NFTA_BITWISE_XOR,            \
		              .len = 4,                            \
		              .bytes = { NFT_HOST32(set) } } } },  \
	{                                                          \
		.name = "meta",                                    \
		.u32 = { { NFTA_META_KEY, NFT_META_MARK },         \
			 { NFTA_META_SREG, NFT_REG(0) } }          \
	}
#define MARKS       (POLICY_MARK_DEFER | POLICY_MARK_HAIRPIN)
#define IS_DIR(dir) NFT_CT(NFT_CT_DIRECTION, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, dir)
void rules_make_marks(struct nl_batch *b, struct maker *m)
{
	RULE(m, SET_MARK(MARKS, 0U), NFT_VERDICT(NF_ACCEPT));
	maker_add_chain(b, &policy_table, m, CHAIN_JUDGED);
	RULE(m, SET_MARK(MARKS, POLICY_MARK_HAIRPIN), NFT_VERDICT(NF_ACCEPT));
	maker_add_chain(b, &policy_table, m, CHAIN_HAIRPIN);
}

/*
 * A marked packet is from a pod of this node that is isolated. If we do not know it as such, something is out of step, and
 * the packet is dropped. A reply is judged as the connection's opener was: by the ingress rules of the pod that sends it.
 */
static void make_defer_family(struct nl_batch *b, struct maker *m)
{
	RULE(m, NFT_VERDICT_TO(NFT_JUMP, chain_name(m, CHAIN_EGRESS4)));
	RULE(m, NFT_VERDICT_TO(NFT_GOTO, CHAIN_JUDGED));
	maker_add_chain(b, &policy_table, m, chain_name(m, CHAIN_OUT4));
	RULE(m, INGRESS_IF_ISOLATED(m, NFT_JUMP));
	RULE(m, NFT_VERDICT_TO(NFT_GOTO, CHAIN_JUDGED));
	maker_add_chain(b, &policy_table, m, chain_name(m, CHAIN_IN4));
	RULE(m, source(m, NFT_REG(0)), destination(m, NFT_REG(m->v6 ? 4 : 1)),
	     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0),
	     NFT_VERDICT_TO(NFT_GOTO, CHAIN_HAIRPIN));
	RULE(m, IS_DIR(IP_CT_DIR_ORIGINAL), source(m, NFT_REG(8)),
	     NFT_LOOKUP(set_name(m, SET_OUT4), NFT_REG(8), 0),
	     NFT_VERDICT_TO(NFT_GOTO, chain_name(m, CHAIN_OUT4)));
	RULE(m, IS_DIR(IP_CT_DIR_REPLY), destination(m, NFT_REG(0)),
	     destination(m, NFT_REG(m->v6 ? 4 : 1)),
	     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0),
	     NFT_VERDICT_TO(NFT_GOTO, chain_name(m, CHAIN_IN4)));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, &policy_table, m, chain_name(m, CHAIN_DEFER4));
}

static void make_defer(struct nl_batch *b, struct maker *m)
{
	const char *const *name = policy_chains[m->side];

	RULE(m, NFT_FIB_DADDR_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, NFT_HOST32(RTN_LOCAL)),
	     NFT_VERDICT_TO(NFT_GOTO, CHAIN_JUDGED));
	RULE(m, IF_STRAY, NFT_VERDICT(NF_DROP));
	RULE(m, IF_FAMILY(m, false), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_DEFER4]));
	RULE(m, IF_FAMILY(m, true), NFT_VERDICT_TO(NFT_GOTO, name[CHAIN_DEFER6]));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, &policy_table, m, name[CHAIN_DEFER]);
}

/*
 * What eBPF let pass by the address that it saw, and DNAT gave another. Where that leads to, the rules may not allow; and from a pod
 * that is only isolated in the other direction it may lead back to it.
 */
static void make_translated(struct nl_batch *b, struct maker *m)
{
	RULE(m, NFT_FIB_DADDR_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, NFT_HOST32(RTN_LOCAL)), NFT_VERDICT(NFT_RETURN));
	for (int i = 0; i < 2; i++) {
		m->v6 = i;
		RULE(m, source(m, NFT_REG(0)), destination(m, NFT_REG(m->v6 ? 4 : 1)),
		     NFT_LOOKUP(set_name(m, SET_SELF4), NFT_REG(0), 0),
		     NFT_VERDICT_TO(NFT_GOTO, CHAIN_HAIRPIN));
		RULE(m, EGRESS_IF_ISOLATED(m, NFT_JUMP));
	}
	m->v6 = false;
	maker_add_chain(b, &policy_table, m, policy_chains[m->side][CHAIN_TRANSLATED]);
}

/* ---- all of a side ---- */

void rules_make_side(struct nl_batch *b, struct maker *m)
{
	for (int i = 0; i < 2; i++) {
		m->v6 = i;
		make_direction(b, m, true);
		make_direction(b, m, false);
		make_judge_family(b, m);
	}
	m->v6 = false;
}

void rules_make_entry(struct nl_batch *b, struct maker *m, enum policy_place place)
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
	make_translated(b, m);
}
