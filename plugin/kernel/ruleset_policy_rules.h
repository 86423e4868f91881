/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_rules.h - rules of the policy's tables are made by functions: what these share
 */
#ifndef CNIDA_KERNEL_RULESET_POLICY_RULES_H
#define CNIDA_KERNEL_RULESET_POLICY_RULES_H

#include "kernel/ruleset_policy_tables.h"

/* What each side has. Of a pair, the IPv4 one comes first. */
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
	CHAIN_TRANSLATED,
	CHAINS
};

extern const char *const policy_chains[2][CHAINS];

/* Of no side. */
#define CHAIN_JUDGED  "judged"
#define CHAIN_HAIRPIN "hairpin"
#define CHAIN_GUARDED "guarded"

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

/* maker_put() - Append expressions to the rule being made. maker_end() ends it. */
void maker_put(struct maker *m, const struct nft_expr *x, size_t n);
void maker_end(struct maker *m);
/* maker_family_is() - Compare word 0. */
struct nft_expr maker_family_is(uint8_t nfproto);
/* maker_add_chain() - The rules become a chain, and the maker is empty. */
void maker_add_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
                     const char *name);
void maker_add_base_chain(struct nl_batch *b, const struct nft_table *t, struct maker *m,
                          const char *name, uint32_t hook, int32_t priority);
/* maker_insert() - The rules go into a chain that is there and empty. */
void maker_insert(struct nl_batch *b, const struct nft_table *t, const char *chain,
                  struct maker *m);

#define PUT(m, ...)                                             \
	maker_put(m, (const struct nft_expr[]) { __VA_ARGS__ }, \
	          sizeof((const struct nft_expr[]) { __VA_ARGS__ }) / sizeof(struct nft_expr))

#define RULE(m, ...)                 \
	do {                         \
		PUT(m, __VA_ARGS__); \
		maker_end(m);        \
	} while (0)

#define IF_FAMILY(m, v6_) \
	NFT_META(NFT_META_NFPROTO, NFT_REG(0)), maker_family_is((v6_) ? NFPROTO_IPV6 : NFPROTO_IPV4)

#define ICMP6_TYPE(reg) NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, reg)

/* The verdicts of one direction of one family: ruleset_policy_rules.c. */
void rules_of_direction(struct maker *m, bool egress);
/* Chains of a side: of both families, and the ones that lead to them at a place. */
void rules_make_side(struct nl_batch *b, struct maker *m);
void rules_make_entry(struct nl_batch *b, struct maker *m, enum policy_place place);
void rules_make_marks(struct nl_batch *b, struct maker *m);

/* Source check, and frames that are not unicast IP: ruleset_policy_guard.c. */
void rules_make_routed_guard(struct nl_batch *b, struct maker *m);
void rules_make_bridge_guard(struct nl_batch *b, struct maker *m);
void rules_make_bridge_other(struct nl_batch *b, struct maker *m);
extern const char *const policy_other_out[2];
extern const char *const policy_other_in[2];

#endif
