/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset_policy.c - the policy's tables: made, looked at, filled, switched; pods come and go
 */
#include "endpoint/policy_nft.h"
#include "kernel/rule.h"
#include "kernel/ruleset_policy.h"

#include <netinet/in.h>

#include "nft_node.h"

#define MAC                      \
	{                        \
		2, 0, 0, 0, 0, 2 \
	}

static const char *const places[] = {
	[POLICY_FORWARD] = "forward", [POLICY_AFTER_DNAT] = "after DNAT"
};

/* Elements in all sets of the policy's tables. */
static int count_elements(void)
{
	char out[64];

	(void)run("nft -j list ruleset | jq '[.nftables[] | .set? // .map? // empty | "
	          "select(.table == \"cnida_policy\") | (.elem // [])[]] | length'",
	          out, sizeof(out));
	return atoi(out);
}

static void switch_to(struct nl_sock *s, enum policy_place place, unsigned int side)
{
	struct err e;

	cr_assert_eq(ruleset_policy_switch(s, place, side, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_policy_side(s, place, &e), (int)side, "%s: side", places[place]);
}

Test(net_ruleset_policy, tables)
{
	static const char *const harm[] = {
		"flush chain inet cnida_policy egress4_0",
		"delete chain inet cnida_policy forward",
		"flush chain inet cnida_policy egress6_1; flush chain inet cnida_policy ingress6_1",
		"flush chain bridge cnida_policy guarded",
		"delete table bridge cnida_policy",
	};
	struct nl_sock s = fresh();
	const char *missing;
	char command[256];
	struct err e;

	for (int place = POLICY_FORWARD; place <= POLICY_AFTER_DNAT; place++) {
		cr_expect_eq(ruleset_policy_make(&s, (enum policy_place)place, &e), 1, "%s: made",
		             places[place]);
		cr_expect_eq(ruleset_policy_make(&s, (enum policy_place)place, &e), 0, "%s: again",
		             places[place]);
		cr_expect_eq(ruleset_policy_intact(&s, (enum policy_place)place, &missing, &e), 1,
		             "%s: missing %s", places[place], missing);
		cr_expect_eq(ruleset_policy_side(&s, (enum policy_place)place, &e), 2,
		             "%s: nothing is in force", places[place]);
		switch_to(&s, (enum policy_place)place, 1);
		switch_to(&s, (enum policy_place)place, 0);
		cr_expect_eq(ruleset_policy_intact(&s, (enum policy_place)place, &missing, &e), 1,
		             "%s, in force: missing %s", places[place], missing);
		/* nft(8) can list it: a lookup that reads what another wrote ends it. */
		must("nft list ruleset > /dev/null");
	}
	for (size_t i = 0; i < ARRAY_SIZE(harm); i++) {
		cr_assert_eq(ruleset_policy_remove(&s, &e), 0, "%s", e.msg);
		cr_assert_eq(ruleset_policy_make(&s, POLICY_FORWARD, &e), 1, "%s", e.msg);
		(void)snprintf(command, sizeof(command), "nft '%s'", harm[i]);
		must(command);
		cr_expect_eq(ruleset_policy_intact(&s, POLICY_FORWARD, &missing, &e), 0,
		             "%s: not seen", harm[i]);
	}
	cr_expect_eq(ruleset_policy_make(&s, POLICY_FORWARD, &e), 1, "half of it is there");
	cr_assert_eq(ruleset_policy_remove(&s, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_policy_remove(&s, &e), 0, "%s", e.msg);
	cr_expect_eq(ruleset_policy_exists(&s, POLICY_FORWARD, &e), 0, "removed");
	nl_close(&s);
}

static struct policy_pod pod_of(const struct ip_prefix *ips, const char *owner)
{
	return (struct policy_pod) { .ips = ips,
		                     .n_ips = 2,
		                     .class = 3,
		                     .ingress = 4,
		                     .egress = 5,
		                     .owner = owner,
		                     .port = owner,
		                     .bridged = true,
		                     .mac = MAC };
}

static void pods(enum policy_place place)
{
	const struct ip_prefix ips[] = { prefix("10.5.0.2/24"), prefix("fd05::2/64") };
	struct policy_pod pod = pod_of(ips, "cni1"), other = pod_of(ips, "cni2");
	struct nl_sock s = fresh();
	struct policy_fill f;
	const char *missing;
	int before;
	struct err e;

	cr_expect_eq(ruleset_policy_put_pod(&s, place, 0, &pod, NULL, &e), -ENOENT,
	             "without tables");
	cr_expect_eq(ruleset_policy_take_pod(&s, place, &pod, &e), 0, "without tables");
	cr_assert_eq(ruleset_policy_make(&s, place, &e), 1, "%s", e.msg);
	switch_to(&s, place, 0);
	before = count_elements();
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(ruleset_policy_put_pod(&s, place, 0, &pod, NULL, &e), 0, "%s", e.msg);
		cr_expect_eq(ruleset_policy_has_pod(&s, place, 0, &pod, &missing, &e), 1,
		             "%s: missing %s", places[place], missing);
		pod.egress++;
		cr_expect_eq(ruleset_policy_has_pod(&s, place, 0, &pod, &missing, &e), 0,
		             "%s: another set", places[place]);
	}
	cr_expect_eq(ruleset_policy_take_pod(&s, place, &other, &e), 0, "another's addresses");
	cr_expect_eq(ruleset_policy_take_pod(&s, place, &pod, &e), 1, "its own");
	cr_expect_eq(ruleset_policy_take_pod(&s, place, &pod, &e), 0, "again");
	cr_expect_eq(count_elements(), before, "%s: expected %d elements, found %d", places[place],
	             before, count_elements());
	/* A pod of another node had the address. */
	policy_fill_begin(&f, &s, place, 0, false);
	policy_fill_peer(&f, &ips[0].addr, 9);
	cr_assert_eq(policy_fill_end(&f, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_policy_put_pod(&s, place, 0, &pod, NULL, &e), 0, "%s", e.msg);
	cr_expect_eq(ruleset_policy_has_pod(&s, place, 0, &pod, &missing, &e), 1, "missing %s",
	             missing);
	/* And from the side that is not in force. */
	switch_to(&s, place, 1);
	cr_expect_eq(ruleset_policy_take_pod(&s, place, &pod, &e), 1, "from the other side");
	cr_expect_eq(count_elements(), before, "%s: expected %d elements, found %d", places[place],
	             before, count_elements());
	nl_close(&s);
}

Test(net_ruleset_policy, pods)
{
	pods(POLICY_FORWARD);
	pods(POLICY_AFTER_DNAT);
}

/* More than one transaction takes; and the side is empty afterwards. */
Test(net_ruleset_policy, fill)
{
	struct nl_sock s = fresh();
	uint32_t list = 0;
	struct policy_fill f;
	struct err e;

	cr_assert_eq(ruleset_policy_make(&s, POLICY_FORWARD, &e), 1, "%s", e.msg);
	for (int round = 0; round < 2; round++) {
		policy_fill_begin(&f, &s, POLICY_FORWARD, 0, false);
		policy_fill_empty(&f);
		for (uint32_t i = 0; i < 2000; i++) {
			struct ip_addr first = {
				.family = AF_INET, .bytes = { 20, 0, (uint8_t)(i >> 8), (uint8_t)i }
			};
			policy_fill_cell(&f, 2 + i / 100, i % 100, 1 + i);
			policy_fill_peer(&f, &first, i + 1);
			if (i < 500)
				policy_fill_ports(&f, 1 + i, IPPROTO_TCP, (uint16_t)i,
				                  (uint16_t)(2 * i));
		}
		policy_fill_ports(&f, 3000, 0, 0, 0);
		cr_assert_eq(policy_fill_end(&f, &e), 0, "round %d: %s", round, e.msg);
		cr_expect_eq(count_elements(), 4501, "round %d: expected 4501 elements, found %d",
		             round, count_elements());
	}
	for (uint32_t i = 0; i < 2000; i += 37) {
		cr_expect_eq(ruleset_policy_list(&s, 0, 2 + i / 100, i % 100, &list, &e), 1,
		             "cell %u", i);
		cr_expect_eq(list, 1 + i, "cell %u: expected list %u, found %u", i, 1 + i, list);
	}
	policy_fill_begin(&f, &s, POLICY_FORWARD, 0, false);
	policy_fill_empty(&f);
	cr_assert_eq(policy_fill_end(&f, &e), 0, "%s", e.msg);
	cr_expect_eq(count_elements(), 0, "expected none, found %d", count_elements());
	/* All of it or nothing. */
	policy_fill_begin(&f, &s, POLICY_FORWARD, 0, true);
	for (uint32_t i = 0; i < 2000; i++)
		policy_fill_cell(&f, 2, i, 1);
	cr_expect_eq(policy_fill_end(&f, &e), -EMSGSIZE, "one transaction only");
	cr_expect_eq(count_elements(), 0, "expected none, found %d", count_elements());
	nl_close(&s);
}

Test(net_ruleset_policy, routing_rule)
{
	const struct rule_spec spec = { 50, 0x100000, 0x100000 },
			       other = { 51, 0x100000, 0x100000 };
	struct nl_sock nft = fresh(), s;
	struct err e;

	nl_close(&nft);
	cr_assert_eq(nl_open(NETLINK_ROUTE, &s, &e), 0, "%s", e.msg);
	cr_expect_eq(rule_has_blackhole(&s, &spec, &e), 0, "before");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(rule_ensure_blackhole(&s, &spec, &e), 0, "%s", e.msg);
	cr_expect_eq(rule_has_blackhole(&s, &spec, &e), 1, "made");
	cr_expect_eq(rule_has_blackhole(&s, &other, &e), 0, "another priority");
	must("ip -6 rule del pref 50");
	cr_expect_eq(rule_has_blackhole(&s, &spec, &e), 0, "in one family only");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(rule_remove_blackhole(&s, &spec, &e), 0, "%s", e.msg);
	cr_expect_eq(rule_has_blackhole(&s, &spec, &e), 0, "removed");
	nl_close(&s);
}
