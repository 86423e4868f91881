/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables.c - nf_tables messages, put straight into the batch
 *
 * libnftnl's objects are not used here: a setter of theirs copies without looking at the length, or ends the process
 * when an attribute has another one than expected, and each element would be allocated twice to be copied once.
 */
#include "kernel/nftables.h"

#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* Types of the (type, length, value) triples that nft(8) keeps in user data, and a value. */
#define UDATA_COMMENT          0 /* of tables, rules and elements */
#define UDATA_SET_KEYBYTEORDER 0
#define BYTEORDER_HOST         1

/* Messages */

static void begin(struct nl_batch *b, uint16_t msg, uint16_t flags, uint8_t family,
                  const char *what)
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
		nl_put_str(b, x->text_attr, x->text);
	for (size_t i = 0; i < ARRAY_SIZE(x->u32) && x->u32[i].attr; i++)
		put_be32(b, x->u32[i].attr, x->u32[i].value);
	if (x->u8_attr)
		nl_put_u8(b, x->u8_attr, x->u8);
	for (size_t i = 0; i < ARRAY_SIZE(x->data) && x->data[i].attr; i++)
		put_data(b, x->data[i].attr, x->data[i].bytes, x->data[i].len);
	if (x->raw.attr)
		nl_put(b, x->raw.attr, x->raw.bytes, x->raw.len);
	if (x->verdict_attr)
		put_verdict(b, x->verdict_attr, x->verdict, x->chain);
	nl_nest_end(b, data);
	nl_nest_end(b, elem);
}

static void put_rule(struct nl_batch *b, uint16_t flags, const struct nft_table *t,
                     const char *chain, const struct nft_rule *rule)
{
	size_t exprs;

	begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, t->family,
	      "create an nftables rule");
	nl_put_str(b, NFTA_RULE_TABLE, t->name);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
	exprs = nl_nest(b, NFTA_RULE_EXPRESSIONS);
	for (const struct nft_expr *x = rule->exprs; x->name; x++)
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

	begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, t->family,
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
	begin(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, t->family, "create an nftables set");
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

void nft_add_table(struct nl_batch *b, const struct nft_table *t)
{
	begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, t->family,
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
	begin(b, NFT_MSG_DELTABLE, 0, t->family, "delete an nftables table");
	nl_put_str(b, NFTA_TABLE_NAME, t->name);
}

void nft_del_chain(struct nl_batch *b, uint8_t family, const char *table, const char *chain)
{
	begin(b, NFT_MSG_DELCHAIN, 0, family, "delete an nftables chain");
	nl_put_str(b, NFTA_CHAIN_TABLE, table);
	nl_put_str(b, NFTA_CHAIN_NAME, chain);
}

void nft_del_rule(struct nl_batch *b, uint8_t family, const char *table, const char *chain,
                  uint64_t handle)
{
	const uint64_t be = htobe64(handle);

	begin(b, NFT_MSG_DELRULE, 0, family, "delete an nftables rule");
	nl_put_str(b, NFTA_RULE_TABLE, table);
	nl_put_str(b, NFTA_RULE_CHAIN, chain);
	nl_put(b, NFTA_RULE_HANDLE, &be, sizeof(be));
}

/* Elements */

static void put_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
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
	begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | flags, t->family, what);
	put_elem(b, t, set, el);
}

void nft_del_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el, const char *what)
{
	begin(b, NFT_MSG_DELSETELEM, 0, t->family, what);
	put_elem(b, t, set, el);
}

/* Answers */

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
	struct nl_batch b;

	nl_batch_init(&b);
	begin(&b, NFT_MSG_GETSETELEM, 0, t->family, "look an nftables element up");
	put_elem(&b, t, set, &(const struct nft_elem) { .key = key });
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
	struct nl_batch b;
	int r;

	nl_batch_init(&b);
	begin(&b, NFT_MSG_GETSETELEM, NLM_F_DUMP, t->family, "list an nftables set");
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
	struct nl_batch b;
	int r;

	nl_batch_init(&b);
	begin(&b, NFT_MSG_GETRULE, NLM_F_DUMP, family, "list an nftables chain");
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
	struct nl_batch b;
	int r;

	nl_batch_init(&b);
	begin(&b, NFT_MSG_GETCHAIN, NLM_F_DUMP, family, "list the chains of an nftables table");
	nl_put_str(&b, NFTA_CHAIN_TABLE, table);
	r = ask(s, &b, chain_answer, NULL, &w, e);
	return r < 0 ? r : 0;
}

/* Is it there? The attributes with the table's and the object's name have the numbers 1 and @attr. */
static int has(struct nl_sock *s, uint16_t msg, uint8_t family, const char *table, uint16_t attr,
               const char *name, struct err *e)
{
	struct nl_batch b;

	nl_batch_init(&b);
	begin(&b, msg, 0, family, "look for an nftables object");
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
