/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables_ask.c - questions to nf_tables: elements, rules, chains; one answer or a dump
 */
#include "kernel/nftables.h"
#include "kernel/nftables_message.h"

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* Walk the attributes inside of one. */
#define for_each(a, nest)                                                              \
	for (const struct nlattr *                                                     \
	             a = mnl_attr_get_payload(nest),                                   \
	            *a##_end = (const void *)((const char *)(nest) + (nest)->nla_len); \
	     mnl_attr_ok(a, (int)((const char *)a##_end - (const char *)a)); a = mnl_attr_next(a))

/* The comment among nft(8)'s user data, or "". */
static const char *udata_comment(const struct nlattr *udata)
{
	const uint8_t *at;
	size_t left;

	if (!udata)
		return "";
	at = mnl_attr_get_payload(udata);
	left = mnl_attr_get_payload_len(udata);
	while (left >= 2 && (size_t)at[1] + 2 <= left) {
		if (at[0] == UDATA_COMMENT && at[1] && at[1 + at[1]] == '\0')
			return (const char *)at + 2;
		left -= (size_t)at[1] + 2;
		at += (size_t)at[1] + 2;
	}
	return "";
}

/* The chain that a verdict (inside NFTA_..._DATA) jumps to, or "". */
static const char *verdict_chain(const struct nlattr *nest)
{
	const struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	nl_attrs_nested(nest, data, NFTA_DATA_MAX);
	nl_attrs_nested(data[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
	return nl_str(verdict[NFTA_VERDICT_CHAIN]);
}

/* Ask, where "there is none" is an answer. 1 (something may have come), 0 (ENOENT) or -errno. */
static int ask(struct nl_sock *s, struct nl_batch *b, nl_each_fn fn, void (*reset)(void *arg),
               void *arg, struct err *e)
{
	struct err mine;
	int r = nl_ask(s, b, fn, reset, arg, &mine);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*e = mine;
	return r < 0 ? r : 1;
}

static int ignore(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	(void)msg, (void)arg, (void)e;
	return 0;
}

struct elem_walk {
	nft_elem_fn fn;
	void (*reset)(void *arg);
	void *arg;
	size_t key_len, data_len;
};

static int one_elem(const struct elem_walk *w, const struct nlattr *elem, struct err *e)
{
	const struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1],
		*data[NFTA_DATA_MAX + 1];
	struct nft_elem_info info;

	nl_attrs_nested(elem, tb, NFTA_SET_ELEM_MAX);
	nl_attrs_nested(tb[NFTA_SET_ELEM_KEY], key, NFTA_DATA_MAX);
	if (!key[NFTA_DATA_VALUE] || mnl_attr_get_payload_len(key[NFTA_DATA_VALUE]) != w->key_len)
		return err_set(e, CNI_E_INTERNAL, EBADMSG,
		               "an nftables element has a key of the wrong length");
	info.key = mnl_attr_get_payload(key[NFTA_DATA_VALUE]);
	nl_attrs_nested(tb[NFTA_SET_ELEM_DATA], data, NFTA_DATA_MAX);
	info.data = NULL;
	if (w->data_len && data[NFTA_DATA_VALUE] &&
	    mnl_attr_get_payload_len(data[NFTA_DATA_VALUE]) == w->data_len)
		info.data = mnl_attr_get_payload(data[NFTA_DATA_VALUE]);
	info.chain = verdict_chain(tb[NFTA_SET_ELEM_DATA]);
	info.comment = udata_comment(tb[NFTA_SET_ELEM_USERDATA]);
	return w->fn(&info, w->arg, e);
}

static int elem_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[NFTA_SET_ELEM_LIST_MAX + 1];
	struct elem_walk *w = arg;

	nl_attrs(msg, sizeof(struct nfgenmsg), tb, NFTA_SET_ELEM_LIST_MAX);
	if (!tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	for_each(elem, tb[NFTA_SET_ELEM_LIST_ELEMENTS]) {
		int r = w->fn ? one_elem(w, elem, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void elem_reset(void *arg)
{
	const struct elem_walk *w = arg;

	if (w->reset)
		w->reset(w->arg);
}

int nft_get_elem(struct nl_sock *s, const struct nft_table *t, const struct nft_set *set,
                 const void *key, nft_elem_fn fn, void *arg, struct err *e)
{
	struct elem_walk w = {
		.fn = fn, .arg = arg, .key_len = set->key_len, .data_len = set->data_len
	};
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	nft_message(&b, NFT_MSG_GETSETELEM, 0, t->family, "look an nftables element up");
	nft_put_elem(&b, t, set, &(const struct nft_elem) { .key = key });
	return ask(s, &b, elem_answer, NULL, &w, e);
}

int nft_each_elem(struct nl_sock *s, const struct nft_table *t, const struct nft_set *set,
                  nft_elem_fn fn, void (*reset)(void *arg), void *arg, struct err *e)
{
	struct elem_walk w = { .fn = fn,
		               .reset = reset,
		               .arg = arg,
		               .key_len = set->key_len,
		               .data_len = set->data_len };
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	nft_message(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, t->family, "list an nftables set");
	nl_put_str(&b, NFTA_SET_ELEM_LIST_TABLE, t->name);
	nl_put_str(&b, NFTA_SET_ELEM_LIST_SET, set->name);
	r = ask(s, &b, elem_answer, elem_reset, &w, e);
	return r < 0 ? r : 0;
}

/* Rules */

void nft_each_expr(const struct nft_rule_info *rule,
                   int (*fn)(const char *name, const struct nlattr *data, void *arg), void *arg)
{
	const struct nlattr *tb[NFTA_EXPR_MAX + 1];

	if (!rule->exprs)
		return;
	for_each(expr, rule->exprs) {
		nl_attrs_nested(expr, tb, NFTA_EXPR_MAX);
		if (fn(nl_str(tb[NFTA_EXPR_NAME]), tb[NFTA_EXPR_DATA], arg) != 0)
			return;
	}
}

/* What an expression says of its rule: where it jumps, or the comment that iptables keeps as a match. */
static int read_expr(const char *name, const struct nlattr *data, void *arg)
{
	const struct nlattr *im[NFTA_IMMEDIATE_MAX + 1], *match[NFTA_MATCH_MAX + 1];
	struct nft_rule_info *info = arg;

	if (strcmp(name, "immediate") == 0) {
		nl_attrs_nested(data, im, NFTA_IMMEDIATE_MAX);
		info->jump = verdict_chain(im[NFTA_IMMEDIATE_DATA]);
	} else if (strcmp(name, "match") == 0) {
		nl_attrs_nested(data, match, NFTA_MATCH_MAX);
		if (strcmp(nl_str(match[NFTA_MATCH_NAME]), "comment") == 0 && !*info->comment)
			info->comment = nl_str(match[NFTA_MATCH_INFO]);
	}
	return 0;
}

struct rule_walk {
	nft_rule_fn fn;
	void (*reset)(void *arg);
	void *arg;
	const char *chain;
};

static int rule_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[NFTA_RULE_MAX + 1];
	const struct rule_walk *w = arg;
	struct nft_rule_info info = { .jump = "" };
	uint64_t handle;

	nl_attrs(msg, sizeof(struct nfgenmsg), tb, NFTA_RULE_MAX);
	/* The kernel filters for us; look anyway, since what is found may be deleted. */
	if (strcmp(nl_str(tb[NFTA_RULE_CHAIN]), w->chain) != 0 ||
	    !nl_copy(tb[NFTA_RULE_HANDLE], &handle, 8))
		return 0;
	info.handle = be64toh(handle);
	info.comment = udata_comment(tb[NFTA_RULE_USERDATA]);
	info.exprs = tb[NFTA_RULE_EXPRESSIONS];
	nft_each_expr(&info, read_expr, &info);
	return w->fn(&info, w->arg, e);
}

static void rule_reset(void *arg)
{
	const struct rule_walk *w = arg;

	if (w->reset)
		w->reset(w->arg);
}

int nft_each_rule(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                  nft_rule_fn fn, void (*reset)(void *arg), void *arg, struct err *e)
{
	struct rule_walk w = { .fn = fn, .reset = reset, .arg = arg, .chain = chain };
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	nft_message(&b, NFT_MSG_GETRULE, NLM_F_DUMP, family, "list an nftables chain");
	nl_put_str(&b, NFTA_RULE_TABLE, table);
	nl_put_str(&b, NFTA_RULE_CHAIN, chain);
	r = ask(s, &b, rule_answer, rule_reset, &w, e);
	return r < 0 ? r : 0;
}

static int count_one(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	(void)rule, (void)e;
	++*(int *)arg;
	return 0;
}

static void count_reset(void *arg)
{
	*(int *)arg = 0;
}

int nft_count_rules(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                    struct err *e)
{
	int n = 0, r = nft_each_rule(s, family, table, chain, count_one, count_reset, &n, e);

	return r < 0 ? r : n;
}

struct chain_walk {
	int (*fn)(const char *name, void *arg, struct err *e);
	void *arg;
	const char *table;
};

static int chain_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[NFTA_CHAIN_MAX + 1];
	const struct chain_walk *w = arg;

	nl_attrs(msg, sizeof(struct nfgenmsg), tb, NFTA_CHAIN_MAX);
	if (strcmp(nl_str(tb[NFTA_CHAIN_TABLE]), w->table) != 0)
		return 0;
	return w->fn(nl_str(tb[NFTA_CHAIN_NAME]), w->arg, e);
}

int nft_each_chain(struct nl_sock *s, uint8_t family, const char *table,
                   int (*fn)(const char *name, void *arg, struct err *e), void *arg, struct err *e)
{
	struct chain_walk w = { .fn = fn, .arg = arg, .table = table };
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	nft_message(&b, NFT_MSG_GETCHAIN, NLM_F_DUMP, family,
	            "list the chains of an nftables table");
	nl_put_str(&b, NFTA_CHAIN_TABLE, table);
	r = ask(s, &b, chain_answer, NULL, &w, e);
	return r < 0 ? r : 0;
}

/* Is it there? The attributes with the table's and the object's name have the numbers 1 and @attr. */
static int has(struct nl_sock *s, uint16_t msg, uint8_t family, const char *table, uint16_t attr,
               const char *name, struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	nft_message(&b, msg, 0, family, "look for an nftables object");
	nl_put_str(&b, NFTA_TABLE_NAME, table);
	if (name)
		nl_put_str(&b, attr, name);
	return ask(s, &b, ignore, NULL, NULL, e);
}

_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_SET_TABLE == 1,
               "has() relies on it");

int nft_has_table(struct nl_sock *s, uint8_t family, const char *table, struct err *e)
{
	return has(s, NFT_MSG_GETTABLE, family, table, 0, NULL, e);
}

int nft_has_chain(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                  struct err *e)
{
	return has(s, NFT_MSG_GETCHAIN, family, table, NFTA_CHAIN_NAME, chain, e);
}

int nft_has_set(struct nl_sock *s, uint8_t family, const char *table, const char *set,
                struct err *e)
{
	return has(s, NFT_MSG_GETSET, family, table, NFTA_SET_NAME, set, e);
}
