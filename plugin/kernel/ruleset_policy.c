/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy.c - the policy's tables are made, looked at and removed
 */
#include "kernel/ruleset_policy.h"

#include "kernel/ruleset_policy_tables.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* ---- the tables ---- */

static int has_table(struct nl_sock *s, const struct nft_table *t, struct err *e)
{
	return nft_has_table(s, t->family, t->name, e);
}

static int remove_table(struct nl_sock *s, const struct nft_table *t, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r = has_table(s, t, e);

	if (r <= 0)
		return r;
	nft_begin(&b);
	nft_del_table(&b, t);
	r = nft_commit(s, &b, &mine);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int ruleset_policy_remove(struct nl_sock *s, struct err *e)
{
	struct err second;
	int r = remove_table(s, &policy_table, e);
	int q = remove_table(s, &policy_bridge_table, r < 0 ? &second : e);

	return r < 0 ? r : q;
}

struct looking {
	struct nl_sock *s;
	struct err *e;
	const char *missing;
};

/* 1: missing */
static int look_at_chain(const struct nft_table *t, const char *chain, int n_rules, void *arg)
{
	struct looking *l = arg;
	int r = nft_has_chain(l->s, t->family, t->name, chain, l->e);

	if (r > 0 && n_rules >= 0) {
		r = nft_count_rules(l->s, t->family, t->name, chain, l->e);
		r = r < 0 ? r : r == n_rules;
	}
	l->missing = chain;
	return r < 0 ? r : !r;
}

static int look_at_set(struct looking *l, const struct nft_table *t, const struct nft_set *set)
{
	l->missing = set->name;
	return nft_has_set(l->s, t->family, t->name, set->name, l->e);
}

int ruleset_policy_intact(struct nl_sock *s, enum policy_place place, const char **ret_missing,
                          struct err *e)
{
	struct looking l = { .s = s, .e = e };
	int r = 1;

	for (size_t i = 0; r > 0 && i < 2 * POLICY_SETS; i++)
		r = look_at_set(&l, &policy_table, &policy_sets[i / POLICY_SETS][i % POLICY_SETS]);
	for (size_t i = 0; r > 0 && place == POLICY_FORWARD && i < 2 * POLICY_BRIDGE_SETS; i++)
		r = look_at_set(&l, &policy_bridge_table,
		                &policy_bridge_sets[i / POLICY_BRIDGE_SETS][i % POLICY_BRIDGE_SETS]);
	if (r > 0) {
		r = policy_chain_each(place, look_at_chain, &l);
		r = r < 0 ? r : !r;
	}
	*ret_missing = l.missing;
	return r;
}

/* Complete, as far as nobody took pieces out: the chain that is made last is there. */
int ruleset_policy_exists(struct nl_sock *s, enum policy_place place, struct err *e)
{
	int r = nft_has_chain(s, policy_table.family, POLICY_TABLE, policy_dispatch_chain(place),
	                      e);

	if (r > 0 && place == POLICY_FORWARD)
		r = nft_has_chain(s, policy_bridge_table.family, POLICY_TABLE, "other_in", e);
	return r;
}

int ruleset_policy_make(struct nl_sock *s, enum policy_place place, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r = ruleset_policy_exists(s, place, e);

	if (r != 0)
		return r < 0 ? r : 0;
	/* Half of it may be there, or that for the other place. */
	r = ruleset_policy_remove(s, e);
	for (unsigned int step = 0; r == 0; step++) {
		nft_begin(&b);
		if (!policy_make_messages(&b, place, step))
			break;
		r = b.n > 1 ? nft_commit(s, &b, e) : 0;
	}
	return r < 0 ? r : 1;
}

/* ---- which side ---- */

struct find_side {
	enum policy_place place;
	int side;
};

static int read_side(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct find_side *f = arg;

	(void)e;
	for (unsigned int i = 0; i < 2; i++) {
		if (strcmp(rule->jump, policy_side_chain(f->place, i)) == 0)
			f->side = (int)i;
	}
	return 0;
}

int ruleset_policy_side(struct nl_sock *s, enum policy_place place, struct err *e)
{
	struct find_side f = { .place = place, .side = 2 };
	int r = nft_each_rule(s, policy_table.family, POLICY_TABLE, policy_dispatch_chain(place),
	                      read_side, NULL, &f, e);

	return r < 0 ? r : f.side;
}

int ruleset_policy_switch(struct nl_sock *s, enum policy_place place, unsigned int side,
                          struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nft_begin(&b);
	policy_switch_messages(&b, place, side);
	return nft_commit(s, &b, e);
}

int ruleset_policy_bridge(struct nl_sock *route, int ifindex, struct err *e)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	_uninitialized_ struct nl_batch b;
	size_t info, data;

	nl_batch_init(&b);
	nl_begin(&b, RTM_NEWLINK, 0, &ifi, sizeof(ifi),
	         "pass a bridge's frames through the rules for IP");
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, "bridge");
	data = nl_nest(&b, IFLA_INFO_DATA);
	nl_put_u8(&b, IFLA_BR_NF_CALL_IPTABLES, 1);
	nl_put_u8(&b, IFLA_BR_NF_CALL_IP6TABLES, 1);
	nl_nest_end(&b, data);
	nl_nest_end(&b, info);
	return nl_do(route, &b, e);
}
