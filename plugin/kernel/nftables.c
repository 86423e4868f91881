/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables.c - nf_tables messages, put straight into the batch
 *
 * libnftnl's objects are not used here: a setter of theirs copies without looking at the length, or ends the process
 * when an attribute has another one than expected, and each element would be allocated twice to be copied once.
 */
#include "kernel/nftables.h"
#include "kernel/nftables_message.h"

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* Another triple, of sets, and a value of it. */
#define UDATA_SET_KEYBYTEORDER 0
#define BYTEORDER_HOST         1

/* Messages */

void nft_message(struct nl_batch *b, uint16_t msg, uint16_t flags, uint8_t family, const char *what)
{
	const struct nfgenmsg hdr = { .nfgen_family = family, .version = NFNETLINK_V0 };

	nl_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg), flags, &hdr, sizeof(hdr), what);
}

/* The messages around a transaction. They are never acknowledged, but BEGIN may be refused. */
static void frame(struct nl_batch *b, uint16_t msg)
{
	const struct nfgenmsg hdr = { .version = NFNETLINK_V0,
		                      .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	nl_begin(b, msg, 0, &hdr, sizeof(hdr), "nftables transaction");
	nl_no_ack(b);
}

void nft_begin(struct nl_batch *b)
{
	nl_batch_init(b);
	frame(b, NFNL_MSG_BATCH_BEGIN);
}

int nft_commit(struct nl_sock *s, struct nl_batch *b, struct err *e)
{
	frame(b, NFNL_MSG_BATCH_END);
	return nl_do(s, b, e);
}

/* Attributes */

static void put_be32(struct nl_batch *b, uint16_t attr, uint32_t v)
{
	nl_put_u32(b, attr, htonl(v));
}

static void put_data(struct nl_batch *b, uint16_t attr, const void *data, size_t len)
{
	size_t nest = nl_nest(b, attr);

	nl_put(b, NFTA_DATA_VALUE, data, len);
	nl_nest_end(b, nest);
}

static void put_verdict(struct nl_batch *b, uint16_t attr, int verdict, const char *chain)
{
	size_t data = nl_nest(b, attr), nest = nl_nest(b, NFTA_DATA_VERDICT);

	put_be32(b, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		nl_put_str(b, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(b, nest);
	nl_nest_end(b, data);
}

/* A comment as nft(8) writes it. It prints comments between quotes and cannot escape: what would end them, or the
 * line, is replaced, so that a saved listing can be loaded again. */
static void put_comment(struct nl_batch *b, uint16_t attr, const char *comment)
{
	uint8_t udata[2 + NFT_COMMENT_MAX + 1] = { UDATA_COMMENT };
	size_t len;

	if (!comment)
		return;
	len = strnlen(comment, NFT_COMMENT_MAX);
	udata[1] = (uint8_t)(len + 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)comment[i];

		udata[2 + i] = c < ' ' || c == '"' || c == 0x7f ? '?' : c;
	}
	nl_put(b, attr, udata, 2 + len + 1);
}

/* Tables, chains, rules */

static void put_expr(struct nl_batch *b, const struct nft_expr *x)
{
	size_t elem = nl_nest(b, NFTA_LIST_ELEM), data;

	nl_put_str(b, NFTA_EXPR_NAME, x->name);
	data = nl_nest(b, NFTA_EXPR_DATA);
	if (x->text_attr)
		nl_put_str(b, x->text_attr, x->text_inside[0] ? x->text_inside : x->text);
	for (size_t i = 0; i < ARRAY_SIZE(x->u32) && x->u32[i].attr; i++)
		put_be32(b, x->u32[i].attr, x->u32[i].value);
	if (x->u8_attr)
		nl_put_u8(b, x->u8_attr, x->u8);
	for (size_t i = 0; i < ARRAY_SIZE(x->data) && x->data[i].attr; i++)
		put_data(b, x->data[i].attr, x->data[i].bytes, x->data[i].len);
	if (x->raw.attr)
		nl_put(b, x->raw.attr, x->raw.bytes, x->raw.len);
	if (x->verdict_attr)
		put_verdict(b, x->verdict_attr, x->verdict,
		            x->chain_inside[0] ? x->chain_inside : x->chain);
	nl_nest_end(b, data);
	nl_nest_end(b, elem);
}

static void put_rule(struct nl_batch *b, uint16_t flags, const struct nft_table *t,
                     const char *chain, const struct nft_rule *rule)
{
	size_t exprs;

	nft_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, t->family, "create an nftables rule");
	nl_put_str(b, NFTA_RULE_TABLE, t->name);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
	exprs = nl_nest(b, NFTA_RULE_EXPRESSIONS);
	for (const struct nft_expr *x = rule->exprs; x->name[0]; x++)
		put_expr(b, x);
	nl_nest_end(b, exprs);
	put_comment(b, NFTA_RULE_USERDATA, rule->comment);
}

static void add_rule(struct nl_batch *b, const struct nft_table *t, const char *chain,
                     const struct nft_rule *rule)
{
	put_rule(b, NLM_F_APPEND, t, chain, rule);
}

void nft_insert_rule(struct nl_batch *b, const struct nft_table *t, const char *chain,
                     const struct nft_rule *rule)
{
	put_rule(b, 0, t, chain, rule);
}

static void declare_chain(struct nl_batch *b, const struct nft_table *t, const struct nft_chain *c)
{
	size_t hook;

	nft_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, t->family,
	            "create an nftables chain");
	nl_put_str(b, NFTA_CHAIN_TABLE, t->name);
	nl_put_str(b, NFTA_CHAIN_NAME, c->name);
	if (!c->type)
		return;
	hook = nl_nest(b, NFTA_CHAIN_HOOK);
	put_be32(b, NFTA_HOOK_HOOKNUM, c->hook);
	put_be32(b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	if (c->device)
		nl_put_str(b, NFTA_HOOK_DEV, c->device);
	nl_nest_end(b, hook);
	nl_put_str(b, NFTA_CHAIN_TYPE, c->type);
	put_be32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
}

static void fill_chain(struct nl_batch *b, const struct nft_table *t, const struct nft_chain *c)
{
	for (size_t i = 0; i < c->n_rules; i++)
		add_rule(b, t, c->name, &c->rules[i]);
}

void nft_add_chain(struct nl_batch *b, const struct nft_table *t, const struct nft_chain *c)
{
	declare_chain(b, t, c);
	fill_chain(b, t, c);
}

static void put_set_fields(struct nl_batch *b, const struct nft_set *set)
{
	size_t desc = nl_nest(b, NFTA_SET_DESC), concat = nl_nest(b, NFTA_SET_DESC_CONCAT);

	for (size_t i = 0; i < NFT_FIELDS_MAX && set->fields[i]; i++) {
		size_t field = nl_nest(b, NFTA_LIST_ELEM);

		put_be32(b, NFTA_SET_FIELD_LEN, set->fields[i]);
		nl_nest_end(b, field);
	}
	nl_nest_end(b, concat);
	nl_nest_end(b, desc);
}

static void put_set_size(struct nl_batch *b, const struct nft_set *set)
{
	size_t desc = nl_nest(b, NFTA_SET_DESC);

	put_be32(b, NFTA_SET_DESC_SIZE, set->size);
	nl_nest_end(b, desc);
}

static void put_set_timeout(struct nl_batch *b, const struct nft_set *set)
{
	const uint64_t ms = htobe64(UINT64_C(1000) * set->timeout_s);

	nl_put(b, NFTA_SET_TIMEOUT, &ms, sizeof(ms));
}

static void put_byte_order(struct nl_batch *b)
{
	const uint32_t order = BYTEORDER_HOST; /* itself in host order, as nft(8) has it */
	uint8_t udata[2 + sizeof(order)] = { UDATA_SET_KEYBYTEORDER, sizeof(order) };

	memcpy(udata + 2, &order, sizeof(order));
	nl_put(b, NFTA_SET_USERDATA, udata, sizeof(udata));
}

static void declare_set(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                        uint32_t id)
{
	nft_message(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, t->family,
	            "create an nftables set");
	nl_put_str(b, NFTA_SET_TABLE, t->name);
	nl_put_str(b, NFTA_SET_NAME, set->name);
	put_be32(b, NFTA_SET_ID, id); /* wanted by the kernel; our rules find sets by name */
	put_be32(b, NFTA_SET_FLAGS, set->flags);
	put_be32(b, NFTA_SET_KEY_TYPE, set->key_type);
	put_be32(b, NFTA_SET_KEY_LEN, set->key_len);
	if (set->flags & NFT_SET_MAP) {
		put_be32(b, NFTA_SET_DATA_TYPE, set->data_type);
		if (set->data_len)
			put_be32(b, NFTA_SET_DATA_LEN, set->data_len);
	}
	if (set->fields[0])
		put_set_fields(b, set);
	else if (set->size)
		put_set_size(b, set);
	if (set->timeout_s)
		put_set_timeout(b, set);
	if (set->host_order)
		put_byte_order(b);
}

void nft_add_set(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set)
{
	declare_set(b, t, set, b->n + 1); /* any number that no other set of the transaction has */
}

void nft_del_set(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set)
{
	nft_message(b, NFT_MSG_DELSET, 0, t->family, "delete an nftables set");
	nl_put_str(b, NFTA_SET_TABLE, t->name);
	nl_put_str(b, NFTA_SET_NAME, set->name);
}

void nft_add_table(struct nl_batch *b, const struct nft_table *t)
{
	nft_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, t->family,
	            "create an nftables table");
	nl_put_str(b, NFTA_TABLE_NAME, t->name);
	put_comment(b, NFTA_TABLE_USERDATA, t->comment);
	for (size_t i = 0; i < t->n_sets; i++)
		declare_set(b, t, t->sets[i], (uint32_t)i + 1);
	/* All chains before the first rule, which may jump to any of them. */
	for (size_t i = 0; i < t->n_chains; i++)
		declare_chain(b, t, t->chains[i]);
	for (size_t i = 0; i < t->n_chains; i++)
		fill_chain(b, t, t->chains[i]);
}

void nft_del_table(struct nl_batch *b, const struct nft_table *t)
{
	nft_message(b, NFT_MSG_DELTABLE, 0, t->family, "delete an nftables table");
	nl_put_str(b, NFTA_TABLE_NAME, t->name);
}

void nft_del_chain(struct nl_batch *b, uint8_t family, const char *table, const char *chain)
{
	nft_message(b, NFT_MSG_DELCHAIN, 0, family, "delete an nftables chain");
	nl_put_str(b, NFTA_CHAIN_TABLE, table);
	nl_put_str(b, NFTA_CHAIN_NAME, chain);
}

void nft_del_rule(struct nl_batch *b, uint8_t family, const char *table, const char *chain,
                  uint64_t handle)
{
	const uint64_t be = htobe64(handle);

	nft_message(b, NFT_MSG_DELRULE, 0, family, "delete an nftables rule");
	nl_put_str(b, NFTA_RULE_TABLE, table);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
	nl_put(b, NFTA_RULE_HANDLE, &be, sizeof(be));
}

/* Elements */

void nft_put_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el)
{
	size_t list, elem;

	nl_put_str(b, NFTA_SET_ELEM_LIST_TABLE, t->name);
	nl_put_str(b, NFTA_SET_ELEM_LIST_SET, set->name);
	list = nl_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = nl_nest(b, NFTA_LIST_ELEM);
	put_data(b, NFTA_SET_ELEM_KEY, el->key, set->key_len);
	if (el->key_end)
		put_data(b, NFTA_SET_ELEM_KEY_END, el->key_end, set->key_len);
	if (el->data)
		put_data(b, NFTA_SET_ELEM_DATA, el->data, set->data_len);
	else if (el->verdict || el->chain)
		put_verdict(b, NFTA_SET_ELEM_DATA, el->verdict, el->chain);
	put_comment(b, NFTA_SET_ELEM_USERDATA, el->comment);
	nl_nest_end(b, elem);
	nl_nest_end(b, list);
}

void nft_add_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el, uint16_t flags, const char *what)
{
	nft_message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | flags, t->family, what);
	nft_put_elem(b, t, set, el);
}

void nft_del_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el, const char *what)
{
	nft_message(b, NFT_MSG_DELSETELEM, 0, t->family, what);
	nft_put_elem(b, t, set, el);
}
