/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_tc.c - token buckets, ifb devices and redirects in a real kernel
 */
#include "kernel/redirect.h"
#include "kernel/tc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "space.h"

static int one(struct nl_sock *s, void (*fn)(struct nl_batch *b, int ifindex), int ifindex,
               struct err *e)
{
	struct nl_batch b;

	nl_batch_init(&b);
	fn(&b, ifindex);
	return nl_do(s, &b, e);
}

static int add_tbf(struct nl_sock *s, int ifindex, const struct tc_tbf *tbf, struct err *e)
{
	struct nl_batch b;

	nl_batch_init(&b);
	tc_add_tbf_msg(&b, ifindex, tbf);
	return nl_do(s, &b, e);
}

static int add_ifb(struct nl_sock *s, const char *name, struct err *e)
{
	return tc_add_ifb(s, name, 1400, "net1 c1 eth0", e);
}

static const struct {
	const char *name;
	struct tc_tbf tbf;
} rows[] = {
	{ "slowest", { 1, 1518, 1518 } },
	{ "1 Mbit/s with containerd's burst", { 125000, 536870911, 134197 } },
	{ "100 Mbit/s", { 12500000, 250000, 562500 } },
	{ "40 Gbit/s", { 5000000000, 12500000, 137500000 } },
	{ "the largest burst", { 10000000000, 4294967294, UINT32_MAX } },
};

Test(net_tc, token_bucket)
{
	struct space s;
	struct err e = { 0 };
	struct tc_tbf found;
	uint32_t ticks = 0;
	int host;

	space_open(&s);
	(void)space_add_veth(&s);
	host = link_index(&s.node, SPACE_HOST);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct tc_tbf *want = &rows[i].tbf;
		int r = tc_get_tbf(&s.node, host, &found, &ticks, &e);

		cr_assert_eq(r, 0, "%s: before: expected 0, found %d %s", rows[i].name, r, e.msg);
		ok(add_tbf(&s.node, host, want, &e), &e);
		cr_assert_eq(add_tbf(&s.node, host, want, &e), -EEXIST, "%s: twice: found %s",
		             rows[i].name, e.msg);
		r = tc_get_tbf(&s.node, host, &found, &ticks, &e);
		cr_assert(r == 1 && found.rate == want->rate && found.limit == want->limit &&
		                  tc_same_burst(want, ticks),
		          "%s: expected %llu/%u/%u, found %d: %llu, %u ticks, %u", rows[i].name,
		          (unsigned long long)want->rate, want->burst, want->limit, r,
		          (unsigned long long)found.rate, ticks, found.limit);
		ok(one(&s.node, tc_del_root_msg, host, &e), &e);
	}
	cr_assert_eq(tc_get_tbf(&s.node, 9999, &found, &ticks, &e), -ENODEV, "no link: found %s",
	             e.msg);
}

Test(net_tc, ifb)
{
	struct link_info link;
	struct space s;
	struct err e = { 0 };

	space_open(&s);
	ok(add_ifb(&s.node, "bwp0", &e), &e);
	ok(link_get(&s.node, 0, "bwp0", &link, &e), &e);
	cr_assert(strcmp(link.kind, "ifb") == 0 && link.mtu == 1400 && (link.flags & IFF_UP) &&
	                  strcmp(link.alias, "net1 c1 eth0") == 0,
	          "found kind %s mtu %u flags %#x alias %s", link.kind, link.mtu, link.flags,
	          link.alias);
	cr_assert_eq(add_ifb(&s.node, "bwp0", &e), -EEXIST, "twice: found %s", e.msg);
}

/* Both ways lead to the ifb device, and CHECK sees each, and sees when it leads elsewhere. */
Test(net_tc, redirect)
{
	struct nl_batch b;
	struct space s;
	struct err e = { 0 };
	struct nl_sock nft = { .fd = -1 };
	int host, ifb, other;

	space_open(&s);
	(void)space_add_veth(&s);
	host = link_index(&s.node, SPACE_HOST);
	ok(add_ifb(&s.node, "bwp0", &e), &e);
	ok(add_ifb(&s.node, "bwp1", &e), &e);
	ifb = link_index(&s.node, "bwp0");
	other = link_index(&s.node, "bwp1");

	cr_assert_eq(redirect_check(&s.node, host, "bwp0", ifb, &e), 0, "none: found %s", e.msg);
	ok(redirect_add(&s.node, &nft, SPACE_HOST, host, "bwp0", ifb, &e), &e);
	cr_assert_eq(redirect_check(&s.node, host, "bwp0", ifb, &e), 1, "hook: found %s", e.msg);
	cr_assert_eq(redirect_check(&s.node, host, "bwp0", other, &e), 0, "hook to another device");
	cr_assert_eq(tc_has_redirect(&s.node, host, ifb, &e), 0,
	             "the hook leaves tc ingress alone: found %s", e.msg);
	/* What a device of that name left is replaced. */
	ok(redirect_add(&s.node, &nft, SPACE_HOST, host, "bwp0", other, &e), &e);
	cr_assert_eq(redirect_check(&s.node, host, "bwp0", other, &e), 1, "replaced: found %s",
	             e.msg);
	ok(redirect_del(&nft, "bwp0", &e), &e);
	ok(redirect_del(&nft, "bwp0", &e), &e);
	cr_assert_eq(redirect_check(&s.node, host, "bwp0", other, &e), 0, "after removal");

	/* The filter, with clsact there already and not. */
	for (int i = 0; i < 2; i++) {
		ok(one(&s.node, tc_add_clsact_msg, host, &e), &e);
		nl_batch_init(&b);
		tc_add_redirect_msg(&b, host, ifb);
		ok(nl_do(&s.node, &b, &e), &e);
		cr_assert_eq(redirect_check(&s.node, host, "bwp0", ifb, &e), 1, "filter: found %s",
		             e.msg);
		cr_assert_eq(redirect_check(&s.node, host, "bwp0", other, &e), 0,
		             "filter to another device");
		ok(one(&s.node, tc_del_redirect_msg, host, &e), &e);
		cr_assert_eq(redirect_check(&s.node, host, "bwp0", ifb, &e), 0,
		             "after removal: found %s", e.msg);
	}
}

/* Upstream's ingress qdisc in the place of clsact serves as well. */
Test(net_tc, filter_at_another_ingress_qdisc)
{
	struct nl_batch b;
	struct space s;
	struct err e = { 0 };
	int host, ifb;

	space_open(&s);
	(void)space_add_veth(&s);
	host = link_index(&s.node, SPACE_HOST);
	ok(add_ifb(&s.node, "bwp0", &e), &e);
	ifb = link_index(&s.node, "bwp0");
	cr_assert(system("tc qdisc add dev " SPACE_HOST " ingress") == 0, "tc");
	(void)one(&s.node, tc_add_clsact_msg, host, &e);
	nl_batch_init(&b);
	tc_add_redirect_msg(&b, host, ifb);
	ok(nl_do(&s.node, &b, &e), &e);
	cr_assert_eq(tc_has_redirect(&s.node, host, ifb, &e), 1, "found %s", e.msg);
}
