/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_route.c - routes
 */
#include "kernel/address.h"
#include "kernel/route.h"
#include "space.h"

#include <errno.h>
#include <linux/rtnetlink.h>

struct list {
	struct route_spec route[16];
	size_t n;
};

static int collect(const struct route_spec *r, void *arg, struct err *e)
{
	struct list *list = arg;

	(void)e;
	if (list->n < ARRAY_SIZE(list->route))
		list->route[list->n] = *r;
	list->n++;
	return 0;
}

static int refuse(const struct route_spec *r, void *arg, struct err *e)
{
	(void)r;
	(void)arg;
	return err_set(e, CNI_E_INTERNAL, ENOENT, "not this one");
}

/* A pod with 10.1.0.5/16 and fd00::5/64 without their routes, up. Returns the index of its link. */
static int open_pod(struct space *s)
{
	struct ip_prefix v4, v6;
	struct nl_batch b;
	struct err e;
	int pod;

	space_open(s);
	space_add_bridge(s);
	pod = space_add_veth(s);
	nl_batch_init(&b);
	link_up_msg(&b, pod, true);
	cr_assert(prefix_parse("10.1.0.5/16", &v4) && prefix_parse("fd00::5/64", &v6), "parse");
	address_add_msg(&b, pod, &v4, false, true);
	address_add_msg(&b, pod, &v6, false, true);
	ok(nl_do(&s->pod, &b, &e), &e);
	return pod;
}

struct row {
	const char *name, *dst, *gw, *src;
	uint32_t mtu, advmss, priority, table;
	int scope;
	bool onlink;
	const char *want_dst;
	int want_scope;
};

static struct route_spec spec_of(const struct row *row, int ifindex)
{
	struct route_spec r = {
		.ifindex = ifindex,
		.mtu = row->mtu,
		.advmss = row->advmss,
		.priority = row->priority,
		.table = row->table,
		.scope = row->scope,
		.onlink = row->onlink,
	};

	cr_assert(prefix_parse(row->dst, &r.dst), "%s: parse %s", row->name, row->dst);
	cr_assert(!row->gw || ip_parse(row->gw, &r.gw), "%s: parse %s", row->name, row->gw);
	cr_assert(!row->src || ip_parse(row->src, &r.src), "%s: parse %s", row->name, row->src);
	return r;
}

static void check(const struct row *row, const struct route_spec *want,
                  const struct route_spec *got)
{
	char dst[PREFIX_STR_MAX], gw[IP_STR_MAX];
	uint32_t priority = row->priority                       ? row->priority
	                    : want->dst.addr.family == AF_INET6 ? 1024
	                                                        : 0;

	cr_expect_str_eq(prefix_format(&got->dst, dst), row->want_dst ? row->want_dst : row->dst,
	                 "%s: dst: found %s", row->name, dst);
	cr_expect(ip_eq(&got->gw, &want->gw), "%s: gw: expected %s, found %s", row->name,
	          row->gw ? row->gw : "none", ip_format(&got->gw, gw));
	cr_expect(ip_eq(&got->src, &want->src), "%s: src: expected %s, found %s", row->name,
	          row->src ? row->src : "none", ip_format(&got->src, gw));
	cr_expect(got->ifindex == want->ifindex, "%s: link: found %d", row->name, got->ifindex);
	cr_expect(got->mtu == row->mtu && got->advmss == row->advmss,
	          "%s: expected mtu %u advmss %u, found %u %u", row->name, row->mtu, row->advmss,
	          got->mtu, got->advmss);
	cr_expect(got->priority == priority, "%s: priority: expected %u, found %u", row->name,
	          priority, got->priority);
	cr_expect(got->table == (row->table ? row->table : RT_TABLE_MAIN), "%s: table: found %u",
	          row->name, got->table);
	cr_expect(got->scope == row->want_scope, "%s: scope: expected %d, found %d", row->name,
	          row->want_scope, got->scope);
	cr_expect(got->onlink == row->onlink, "%s: onlink: expected %d, found %d", row->name,
	          row->onlink, got->onlink);
}

Test(route, add_list_remove)
{
	static const struct row rows[] = {
		{ .name = "on link",
		  .dst = "10.9.0.0/16",
		  .scope = -1,
		  .want_scope = RT_SCOPE_LINK },
		{ .name = "host",
		  .dst = "169.254.1.1/32",
		  .scope = -1,
		  .want_scope = RT_SCOPE_LINK },
		{ .name = "host bits",
		  .dst = "10.9.8.7/16",
		  .scope = -1,
		  .want_dst = "10.9.0.0/16",
		  .want_scope = RT_SCOPE_LINK },
		{ .name = "default on link",
		  .dst = "0.0.0.0/0",
		  .scope = -1,
		  .want_scope = RT_SCOPE_LINK },
		{ .name = "global by wish",
		  .dst = "10.9.0.0/16",
		  .scope = RT_SCOPE_UNIVERSE,
		  .want_scope = RT_SCOPE_UNIVERSE },
		{ .name = "gateway on link",
		  .dst = "0.0.0.0/0",
		  .gw = "192.0.2.1",
		  .onlink = true,
		  .scope = -1,
		  .want_scope = RT_SCOPE_UNIVERSE },
		{ .name = "everything",
		  .dst = "10.9.0.0/16",
		  .gw = "192.0.2.1",
		  .src = "10.1.0.5",
		  .mtu = 1400,
		  .advmss = 1300,
		  .priority = 77,
		  .table = 200,
		  .onlink = true,
		  .scope = -1,
		  .want_scope = RT_SCOPE_UNIVERSE },
		{ .name = "big table",
		  .dst = "10.9.0.0/16",
		  .table = 100000,
		  .scope = -1,
		  .want_scope = RT_SCOPE_LINK },
		{ .name = "gateway of the other family",
		  .dst = "10.9.0.0/16",
		  .gw = "fe80::1",
		  .onlink = true,
		  .scope = -1,
		  .want_scope = RT_SCOPE_UNIVERSE },
		{ .name = "IPv6 on link", .dst = "fd09::/64", .scope = -1 },
		{ .name = "IPv6 host bits",
		  .dst = "fd09::7/64",
		  .scope = -1,
		  .want_dst = "fd09::/64" },
		{ .name = "IPv6 default", .dst = "::/0", .gw = "fe80::1", .scope = -1 },
		{ .name = "IPv6 everything",
		  .dst = "fd09::/64",
		  .gw = "fd99::1",
		  .src = "fd00::5",
		  .mtu = 1400,
		  .advmss = 1300,
		  .priority = 77,
		  .table = 100000,
		  .onlink = true,
		  .scope = -1 },
	};
	struct nl_batch b;
	struct space s;
	struct err e;
	int pod;

	pod = open_pod(&s);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route_spec want = spec_of(&rows[i], pod);
		sa_family_t family = want.dst.addr.family;
		struct list list = { .n = 0 };
		int r;

		route_add_msg(&b, &want, false);
		r = nl_do(&s.pod, &b, &e);
		cr_assert(r == 0, "%s: expected success, found %d: %s", rows[i].name, r, e.msg);
		ok(route_each(&s.pod, family, rows[i].table, pod, collect, &list, &e), &e);
		/* fe80::/64 is the kernel's own */
		for (size_t k = 0; k < list.n; k++)
			if (ip_is_link_local(&list.route[k].dst.addr) && family == AF_INET6)
				list.route[k--] = list.route[--list.n];
		cr_assert(list.n == 1, "%s: expected 1 route, found %zu", rows[i].name, list.n);
		check(&rows[i], &want, &list.route[0]);

		route_add_msg(&b, &want, false);
		r = nl_do(&s.pod, &b, &e);
		cr_expect(r == -EEXIST, "%s again: expected %d, found %d", rows[i].name, -EEXIST,
		          r);
		list.n = 0;
		ok(route_each(&s.pod, family, rows[i].table, 1, collect, &list, &e), &e);
		cr_expect(list.n == 0, "%s: expected none through lo, found %zu", rows[i].name,
		          list.n);
		route_del_msg(&b, &want);
		r = nl_do(&s.pod, &b, &e);
		cr_expect(r == 0, "%s: expected removal, found %d: %s", rows[i].name, r, e.msg);
		r = route_each(&s.pod, family, rows[i].table, pod, refuse, NULL, &e);
		cr_expect(r == 0 || family == AF_INET6, "%s: expected none left", rows[i].name);
	}
}

/* Two gateways for one destination: refused without @append, two next hops with it. */
Test(route, multipath)
{
	static const char *const dst[] = { "10.9.0.0/16", "fd09::/64" };
	static const char *const gw[][3] = { { "192.0.2.1", "192.0.2.2", "192.0.2.3" },
		                             { "fd99::1", "fd99::2", "fd99::3" } };
	struct nl_batch b;
	struct space s;
	struct err e;
	int pod;

	pod = open_pod(&s);
	nl_batch_init(&b);
	for (int i = 0; i < 2; i++) {
		struct route_spec r = { .ifindex = pod, .scope = -1, .onlink = true, .table = 50 };
		struct list list = { .n = 0 };

		cr_assert(prefix_parse(dst[i], &r.dst), "parse");
		for (int k = 0; k < 2; k++) {
			cr_assert(ip_parse(gw[i][k], &r.gw), "parse");
			route_add_msg(&b, &r, true);
			ok(nl_do(&s.pod, &b, &e), &e);
		}
		ok(route_each(&s.pod, r.dst.addr.family, 50, pod, collect, &list, &e), &e);
		cr_assert(list.n == 2, "%s: expected 2 next hops, found %zu", dst[i], list.n);
		cr_expect(!ip_eq(&list.route[0].gw, &list.route[1].gw),
		          "%s: expected different gateways", dst[i]);
		cr_expect(list.route[1].ifindex == pod && list.route[1].onlink,
		          "%s: link %d, onlink %d", dst[i], list.route[1].ifindex,
		          list.route[1].onlink);
		cr_assert(ip_parse(gw[i][2], &r.gw), "parse");
		route_add_msg(&b, &r, false);
		cr_expect(nl_do(&s.pod, &b, &e) == -EEXIST, "%s: expected EEXIST", dst[i]);
	}
}

Test(route, refused)
{
	static const struct {
		const char *name, *dst, *gw;
		uint32_t table;
		int no;
	} rows[] = {
		{ "unreachable gateway", "10.9.0.0/16", "192.0.2.1", 0, ENETUNREACH },
		{ "unreachable IPv6 gateway", "fd09::/64", "fd99::1", 0, EHOSTUNREACH },
	};
	struct list list = { .n = 0 };
	struct nl_batch b;
	struct space s;
	struct err e;
	int pod, r;

	pod = open_pod(&s);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct row row = {
			.name = rows[i].name, .dst = rows[i].dst, .gw = rows[i].gw, .scope = -1
		};
		struct route_spec spec = spec_of(&row, pod);

		route_add_msg(&b, &spec, false);
		r = nl_do(&s.pod, &b, &e);
		cr_expect(r == -rows[i].no, "%s: expected %d, found %d: %s", rows[i].name,
		          -rows[i].no, r, e.msg);
		cr_expect(!strncmp(e.msg, "add the route: ", 15), "%s: found \"%s\"", rows[i].name,
		          e.msg);
	}
	ok(route_each(&s.pod, AF_INET, 31337, 0, collect, &list, &e), &e);
	cr_expect(list.n == 0, "a table that is not there: expected no route, found %zu", list.n);
	/* A callee's own -ENOENT is not taken for that. */
	r = route_each(&s.pod, AF_INET, RT_TABLE_LOCAL, 0, refuse, NULL, &e);
	cr_expect(r == 0, "local addresses are no unicast routes: found %d", r);
	{
		struct route_spec spec = { .ifindex = pod, .scope = -1 };

		cr_assert(prefix_parse("10.9.0.0/16", &spec.dst), "parse");
		route_add_msg(&b, &spec, false);
		ok(nl_do(&s.pod, &b, &e), &e);
	}
	r = route_each(&s.pod, AF_INET, 0, 0, refuse, NULL, &e);
	cr_expect(r == -ENOENT, "refused by the callee: expected %d, found %d", -ENOENT, r);
	cr_expect_str_eq(e.msg, "not this one", "found \"%s\"", e.msg);
}
