/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redirect.c - what comes in from one link goes through an ifb device first
 */
#include "kernel/redirect.h"

#include "kernel/nftables.h"
#include "kernel/ruleset_tables.h"
#include "kernel/tc.h"

#include <errno.h>
#include <string.h>

#define TABLE (&ruleset_tables[RULESET_NETDEV])

/* fwd to "ifb" */
static int add_chain(struct nl_sock *nft, const char *from, const char *ifb, int ifb_index,
                     struct err *e)
{
	struct nft_expr exprs[] = {
		NFT_SET(NFT_REG(0), 4, 0),
		NFT_FWD(NFT_REG(0)),
		NFT_END,
	};
	const struct nft_rule rule = { .exprs = exprs };
	const struct nft_chain chain = {
		.name = ifb,
		.type = "filter",
		.hook = NF_NETDEV_INGRESS,
		.device = from,
		.rules = &rule,
		.n_rules = 1,
	};
	_uninitialized_ struct nl_batch b;

	memcpy(exprs[0].data[0].bytes, &ifb_index, sizeof(ifb_index));
	nft_begin(&b);
	nft_add_chain(&b, TABLE, &chain);
	return nft_commit(nft, &b, e);
}

static int add_hook(struct nl_sock *nft, const char *from, const char *ifb, int ifb_index,
                    struct err *e)
{
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (r == 0)
		r = add_chain(nft, from, ifb, ifb_index, e);
	if (r == -EEXIST) { /* of an ifb device of the same name that is gone */
		r = redirect_del(nft, ifb, e);
		if (r == 0)
			r = add_chain(nft, from, ifb, ifb_index, e);
	}
	if (r != -ENOENT)
		return r;
	r = ruleset_create(nft, RULESET_NETDEV, e);
	if (r == 0)
		r = add_chain(nft, from, ifb, ifb_index, e);
	return r < 0 ? r : 1;
}

static int add_filter(struct nl_sock *route, int from, int ifb, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err other;

	/* If there is an ingress qdisc of another kind, the filter finds out whether it serves. */
	nl_batch_init(&b);
	tc_add_clsact_msg(&b, from);
	(void)nl_do(route, &b, &other);
	nl_batch_init(&b);
	tc_add_redirect_msg(&b, from, ifb);
	return nl_do(route, &b, e);
}

int redirect_add(struct nl_sock *route, struct nl_sock *nft, const char *from, int from_index,
                 const char *ifb, int ifb_index, struct err *e)
{
	struct err first;
	int r = add_hook(nft, from, ifb, ifb_index, &first);

	if (r >= 0)
		return r;
	if (add_filter(route, from_index, ifb_index, e) == 0)
		return 0;
	(void)err_wrap(e, "%s; and then", first.msg);
	return e->no ? -e->no : -EINVAL;
}

int redirect_del(struct nl_sock *nft, const char *ifb, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (r < 0)
		return r == -EPROTONOSUPPORT ? 0 : r;
	nft_begin(&b);
	nft_del_chain(&b, TABLE->family, TABLE->name, ifb);
	r = nft_commit(nft, &b, &mine);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int redirect_has(struct nl_sock *nft, const char *ifb, struct err *e)
{
	struct err mine;
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (r < 0)
		return r == -EPROTONOSUPPORT ? 0 : r;
	r = nft_has_chain(nft, TABLE->family, TABLE->name, ifb, &mine);
	if (r == -EOPNOTSUPP) /* no nf_tables */
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int redirect_each(struct nl_sock *nft, int (*fn)(const char *ifb, void *arg, struct err *e),
                  void *arg, struct err *e)
{
	struct err mine;
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	if (r < 0)
		return r == -EPROTONOSUPPORT ? 0 : r;
	r = nft_each_chain(nft, TABLE->family, TABLE->name, fn, arg, &mine);
	if (r == -EOPNOTSUPP) /* no nf_tables */
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

struct target {
	int ifindex;
	bool set, forwards;
};

static int look_at_expr(const char *name, const struct nlattr *data, void *arg)
{
	const struct nlattr *tb[NFTA_IMMEDIATE_MAX + 1], *value[NFTA_DATA_MAX + 1];
	struct target *t = arg;
	int index;

	if (strcmp(name, "fwd") == 0)
		t->forwards = true;
	if (strcmp(name, "immediate") != 0 || !data)
		return 0;
	nl_attrs_nested(data, tb, NFTA_IMMEDIATE_MAX);
	if (!tb[NFTA_IMMEDIATE_DATA])
		return 0;
	nl_attrs_nested(tb[NFTA_IMMEDIATE_DATA], value, NFTA_DATA_MAX);
	t->set = nl_copy(value[NFTA_DATA_VALUE], &index, sizeof(index)) && index == t->ifindex;
	return 0;
}

static int look_at_rule(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct target *t = arg;

	(void)e;
	nft_each_expr(rule, look_at_expr, t);
	return t->set && t->forwards;
}

int redirect_check(struct nl_sock *route, int from_index, const char *ifb, int ifb_index,
                   struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct target t = { .ifindex = ifb_index };

	if (nl_open(NETLINK_NETFILTER, &s, e) == 0 &&
	    nft_each_rule(&s, TABLE->family, TABLE->name, ifb, look_at_rule, NULL, &t, e) >= 0 &&
	    t.set && t.forwards)
		return 1;
	return tc_has_redirect(route, from_index, ifb_index, e);
}
