/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset_policy_cells.c - what sets allow is in nftables for those sets that pods of this node have, and for those only
 */
#include "endpoint/policy_nft.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "nft_node.h"

/* The first two share lists, nobody has the third, the last takes several transactions. */
enum { FEW = 2, OTHERS, NOBODYS, MANY, SETS };
enum { N_FEW = 3, N_OTHERS = 2, N_NOBODYS = 4, N_MANY = 900, N_CELLS = 909 };
enum { N_LISTS = 400 };

static struct port_range ranges[2 * N_LISTS];
static struct port_list lists[N_LISTS];
static struct cell cells[N_CELLS];

/* Lists have two ports each; those of the large set are its own, but for the shared one. */
static struct tables policy(void)
{
	static const size_t n[SETS] = {
		[FEW] = N_FEW, [OTHERS] = N_OTHERS, [NOBODYS] = N_NOBODYS, [MANY] = N_MANY
	};
	size_t at = 0;

	for (uint32_t i = 0; i < N_LISTS; i++) {
		lists[i] = (struct port_list) { 2 * i, 2 };
		ranges[2 * i] = (struct port_range) { IPPROTO_TCP, (uint16_t)i, (uint16_t)i };
		ranges[2 * i + 1] = (struct port_range) { IPPROTO_UDP, 1, (uint16_t)(i + 1) };
	}
	for (uint32_t set = 0; set < SETS; set++) {
		for (uint32_t i = 0; i < n[set]; i++)
			cells[at++] =
				(struct cell) { set, i, set == MANY ? i % (N_LISTS - 10) : i };
	}
	return (struct tables) {
		.ranges = ranges,
		.lists = lists,
		.cells = cells,
		.n_ranges = ARRAY_SIZE(ranges),
		.n_lists = N_LISTS,
		.n_cells = N_CELLS,
		.n_sets = SETS,
		.n_classes = N_MANY,
	};
}

static struct policy_nft_pod pod_of(const struct ip_prefix *ips, const char *port, uint32_t ingress,
                                    uint32_t egress)
{
	return (struct policy_nft_pod) { .port = port,
		                         .ips = ips,
		                         .n_ips = 2,
		                         .mac = { 2, 0, 0, 0, 0, 2 },
		                         .bridged = true,
		                         .verdict = { 9, { ingress, egress } } };
}

static void put_policy(enum policy_place place, const struct tables *t,
                       const struct policy_nft_pod *pods, size_t n_pods)
{
	struct policy_nft n = POLICY_NFT_CLOSED;
	struct nl_sock route;
	struct err e;

	cr_assert_eq(nl_open(NETLINK_ROUTE, &route, &e), 0, "%s", e.msg);
	cr_assert_eq(policy_nft_prepare(&n, place, &route, t, pods, n_pods, &e), 0, "%s", e.msg);
	cr_assert_eq(policy_nft_commit(&n, &e), 0, "%s", e.msg);
	policy_nft_close(&n);
	nl_close(&route);
}

/* How many of a set's cells the side in force has, with the right lists. */
static size_t count_cells(struct nl_sock *s, enum policy_place place, uint32_t set)
{
	struct err e;
	int side = ruleset_policy_side(s, place, &e);
	size_t n = 0;

	for (size_t i = 0; i < N_CELLS; i++) {
		uint32_t list = 0;

		if (cells[i].set == set &&
		    ruleset_policy_list(s, (unsigned int)side, set, cells[i].class, &list, &e) > 0)
			n += list == cells[i].ports + 1;
	}
	return n;
}

/* Elements of the side in force, as others see them. */
static void count_elements(struct nl_sock *s, enum policy_place place, int *ret_cells,
                           int *ret_ports)
{
	char command[320], out[64];
	struct err e;
	int side = ruleset_policy_side(s, place, &e);

	(void)snprintf(command, sizeof(command),
	               "nft -j list ruleset | jq -r '[.nftables[] | .set? // .map? // empty] | "
	               "[(\"cells_%d\", \"ports_%d\") as $name | "
	               "[.[] | select(.name == $name) | (.elem // [])[]] | length] | @tsv'",
	               side, side);
	(void)run(command, out, sizeof(out));
	cr_assert_eq(sscanf(out, "%d %d", ret_cells, ret_ports), 2, "found: %s", out);
}

static void expect(struct nl_sock *s, enum policy_place place, const char *when,
                   const size_t expected[SETS], int n_lists)
{
	int n_cells, n_ports;
	size_t sum = 0;

	for (uint32_t set = FEW; set < SETS; set++) {
		size_t found = count_cells(s, place, set);

		cr_expect_eq(found, expected[set], "%s: expected %zu cells of set %u, found %zu",
		             when, expected[set], set, found);
		sum += expected[set];
	}
	count_elements(s, place, &n_cells, &n_ports);
	cr_expect_eq(n_cells, (int)sum, "%s: expected %zu cells, found %d", when, sum, n_cells);
	cr_expect_eq(n_ports, 2 * n_lists, "%s: expected %d ports, found %d", when, 2 * n_lists,
	             n_ports);
}

static void enter(enum policy_place place, const struct policy_nft_pod *pod, const struct tables *t,
                  const char *when)
{
	const struct cells c = tables_cells(t);
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct nl_sock route;
	struct err e;

	cr_assert_eq(nl_open(NETLINK_ROUTE, &route, &e), 0, "%s", e.msg);
	cr_expect_eq(policy_nft_enter(&nft, place, pod, &c, &e), 1, "%s: %s", when, e.msg);
	cr_expect_eq(policy_nft_check(place, &route, pod, &c, &e), 0, "%s: %s", when, e.msg);
	nl_close(&route);
}

/* The pod of another node that had an address: it is replaced, and what the new one's set allows comes all the same. */
static void add_peer(struct nl_sock *s, enum policy_place place, const struct ip_addr *addr)
{
	struct policy_fill f;
	struct err e;
	int side = ruleset_policy_side(s, place, &e);

	policy_fill_begin(&f, s, place, (unsigned int)side, false);
	policy_fill_peer(&f, addr, 7);
	cr_assert_eq(policy_fill_end(&f, &e), 0, "%s", e.msg);
}

static void come_and_go(enum policy_place place)
{
	const struct ip_prefix ips[][2] = { { prefix("10.5.0.2/24"), prefix("fd05::2/64") },
		                            { prefix("10.5.0.3/24"), prefix("fd05::3/64") },
		                            { prefix("10.5.0.4/24"), prefix("fd05::4/64") },
		                            { prefix("10.5.0.5/24"), prefix("fd05::5/64") } };
	const struct policy_nft_pod first = pod_of(ips[0], "cni1", FEW, SET_DENY),
				    same = pod_of(ips[1], "cni2", SET_OPEN, FEW),
				    other = pod_of(ips[2], "cni3", OTHERS, OTHERS),
				    large = pod_of(ips[3], "cni4", MANY, FEW);
	const struct policy_nft_pod all[] = { first, same, other };
	const struct tables t = policy();
	struct nl_sock s = fresh();

	put_policy(place, &t, NULL, 0);
	expect(&s, place, "no pods", (const size_t[SETS]) { 0 }, 0);
	put_policy(place, &t, &first, 1);
	expect(&s, place, "one pod", (const size_t[SETS]) { [FEW] = N_FEW }, 3);
	enter(place, &same, &t, "the same set");
	expect(&s, place, "the same set", (const size_t[SETS]) { [FEW] = N_FEW }, 3);
	for (int i = 0; i < 2; i++) {
		enter(place, &other, &t, "another set");
		expect(&s, place, "another set",
		       (const size_t[SETS]) { [FEW] = N_FEW, [OTHERS] = N_OTHERS }, 3);
	}
	add_peer(&s, place, &ips[3][0].addr);
	enter(place, &large, &t, "a large set");
	expect(&s, place, "a large set",
	       (const size_t[SETS]) { [FEW] = N_FEW, [OTHERS] = N_OTHERS, [MANY] = N_MANY },
	       N_LISTS - 10);
	put_policy(place, &t, all, 3);
	expect(&s, place, "anew", (const size_t[SETS]) { [FEW] = N_FEW, [OTHERS] = N_OTHERS }, 3);
	nl_close(&s);
}

Test(net_ruleset_policy_cells, come_and_go)
{
	come_and_go(POLICY_FORWARD);
	come_and_go(POLICY_AFTER_DNAT);
}

/* A set of which the first cell is missing is not complete: CHECK says so, and the next pod that has it brings all of it. */
Test(net_ruleset_policy_cells, halves)
{
	const struct ip_prefix ips[] = { prefix("10.5.0.2/24"), prefix("fd05::2/64") };
	const struct policy_nft_pod pod = pod_of(ips, "cni1", FEW, SET_DENY);
	const struct tables t = policy();
	const struct cells c = tables_cells(&t);
	struct nl_sock s = fresh(), route;
	struct err e;

	cr_assert_eq(nl_open(NETLINK_ROUTE, &route, &e), 0, "%s", e.msg);
	put_policy(POLICY_FORWARD, &t, &pod, 1);
	must("for s in 0 1; do nft flush map inet cnida_policy cells_$s; "
	     "nft flush set inet cnida_policy ports_$s; done");
	cr_expect(policy_nft_check(POLICY_FORWARD, &route, &pod, &c, &e) < 0,
	          "CHECK without the set's cells");
	enter(POLICY_FORWARD, &pod, &t, "after a flush");
	expect(&s, POLICY_FORWARD, "after a flush", (const size_t[SETS]) { [FEW] = N_FEW }, 3);
	nl_close(&route);
	nl_close(&s);
}

/* Lines of the ruleset with the text: both sides, and what belongs to none. */
static int count_lines(const char *text)
{
	char command[128], out[64];

	(void)snprintf(command, sizeof(command), "nft list ruleset | grep -c '%s' || true", text);
	(void)run(command, out, sizeof(out));
	return atoi(out);
}

/* The side before keeps its pods until the next policy: a DEL and the sweep take them out there too, and tell of each once. */
static void side_before(enum policy_place place, const char *where)
{
	const struct ip_prefix ips[] = { prefix("10.5.0.2/24"), prefix("fd05::2/64") };
	struct record rec = { .name = "cni1", .bridge = "br0", .mac = "02:00:00:00:00:02" };
	const struct policy_nft_pod pod = pod_of(ips, rec.name, FEW, SET_DENY);
	const struct tables t = policy();
	struct nl_sock s = fresh(), route;
	int one_side, n;
	struct err e;

	cr_assert_eq(nl_open(NETLINK_ROUTE, &route, &e), 0, "%s", e.msg);
	rec.n_ips = ARRAY_SIZE(ips);
	memcpy(rec.ips, ips, sizeof(ips));
	put_policy(place, &t, &pod, 1);
	one_side = count_lines("10\\.5\\.0\\.2");
	put_policy(place, &t, &pod, 1);
	n = count_lines("10\\.5\\.0\\.2");
	cr_expect_gt(n, one_side, "%s: expected both sides to have it, found %d lines of %d", where,
	             n, one_side);
	cr_expect_eq(policy_nft_leave(&s, &rec, &e), 0, "%s", e.msg);
	n = count_lines("10\\.5\\.0\\.2\\|fd05::2\\|cni1");
	cr_expect_eq(n, 0, "%s: DEL: expected no line about the pod, found %d", where, n);

	put_policy(place, &t, &pod, 1);
	put_policy(place, &t, &pod, 1);
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		n = policy_nft_sweep(&route, dry_run, NULL, NULL, &e);
		cr_expect_eq(n, 2, "%s: expected two stale addresses, found %d", where, n);
	}
	n = count_lines("10\\.5\\.0\\.2\\|fd05::2\\|cni1");
	cr_expect_eq(n, 0, "%s: GC: expected no line about the pod, found %d", where, n);
	/* In the end the same as with one side. */
	put_policy(place, &t, NULL, 0);
	put_policy(place, &t, NULL, 0);
	expect(&s, place, "no pods", (const size_t[SETS]) { 0 }, 0);
	nl_close(&route);
	nl_close(&s);
}

Test(net_ruleset_policy_cells, side_before)
{
	side_before(POLICY_FORWARD, "forward");
	side_before(POLICY_AFTER_DNAT, "after DNAT");
}
