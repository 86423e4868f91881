/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_address.c - addresses of links
 */
#include "kernel/address.h"
#include "kernel/route.h"
#include "space.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

struct found {
	int n;
	uint32_t flags;
	uint8_t broadcast[4];
};

/* What address_list() does not tell. */
static int look(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[IFA_MAX + 1];
	struct found *found = arg;

	(void)e;
	nl_attrs(msg, sizeof(struct ifaddrmsg), tb, IFA_MAX);
	found->n++;
	found->flags = nl_u32(tb[IFA_FLAGS]);
	(void)nl_copy(tb[IFA_BROADCAST], found->broadcast, 4);
	return 0;
}

static struct found details(struct nl_sock *s, int ifindex, sa_family_t family)
{
	const struct ifaddrmsg ifa = { .ifa_family = (uint8_t)family,
		                       .ifa_index = (uint32_t)ifindex };
	struct found found = { 0 };
	struct nl_batch b;
	struct err e;

	nl_batch_init(&b);
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "list");
	ok(nl_ask(s, &b, look, NULL, &found, &e), &e);
	return found;
}

static int count_route(const struct route_spec *r, void *arg, struct err *e)
{
	(void)r;
	(void)e;
	++*(int *)arg;
	return 0;
}

Test(address, add_list_remove)
{
	static const struct {
		const char *text;
		bool dad, noprefixroute;
		uint8_t broadcast[4];
		uint32_t flags; /* of those below */
		int routes;
	} rows[] = {
		{ "10.1.2.3/24", false, false, { 10, 1, 2, 255 }, IFA_F_PERMANENT, 1 },
		{ "10.1.2.3/24",
		  true,
		  true,
		  { 10, 1, 2, 255 },
		  IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE,
		  0 },
		{ "10.1.2.2/31", false, false, { 0 }, IFA_F_PERMANENT, 1 },
		{ "10.1.2.3/32", false, false, { 0 }, IFA_F_PERMANENT, 0 },
		{ "10.255.255.254/8", false, false, { 10, 255, 255, 255 }, IFA_F_PERMANENT, 1 },
		{ "169.254.1.1/30", false, false, { 169, 254, 1, 3 }, IFA_F_PERMANENT, 1 },
		{ "fd00::5/64", false, false, { 0 }, IFA_F_PERMANENT | IFA_F_NODAD, 1 },
		{ "fd00::5/64",
		  false,
		  true,
		  { 0 },
		  IFA_F_PERMANENT | IFA_F_NODAD | IFA_F_NOPREFIXROUTE,
		  0 },
		{ "fd00::5/64", true, false, { 0 }, IFA_F_PERMANENT | IFA_F_TENTATIVE, 1 },
		{ "fd00::5/128", false, false, { 0 }, IFA_F_PERMANENT | IFA_F_NODAD, 1 },
	};
	const uint32_t shown =
		IFA_F_PERMANENT | IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_TENTATIVE;
	struct nl_batch b;
	struct space s;
	struct err e;
	int pod;

	space_open(&s);
	space_add_bridge(&s);
	pod = space_add_veth(&s);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_prefix addr, list[4];
		struct found found;
		char text[PREFIX_STR_MAX];
		int n, routes = 0, r;

		cr_assert(prefix_parse(rows[i].text, &addr), "parse %s", rows[i].text);
		address_add_msg(&b, pod, &addr, rows[i].dad, rows[i].noprefixroute);
		ok(nl_do(&s.pod, &b, &e), &e);
		n = address_list(&s.pod, pod, addr.addr.family, list, NULL, 4, &e);
		cr_assert(n == 1, "%s: expected 1 address, found %d", rows[i].text, n);
		cr_expect_str_eq(prefix_format(&list[0], text), rows[i].text, "%s: found %s",
		                 rows[i].text, text);
		found = details(&s.pod, pod, addr.addr.family);
		cr_expect((found.flags & shown) == rows[i].flags, "%s: expected flags %x, found %x",
		          rows[i].text, rows[i].flags, found.flags & shown);
		cr_expect(!memcmp(found.broadcast, rows[i].broadcast, 4),
		          "%s: broadcast ends with %d", rows[i].text, found.broadcast[3]);

		address_add_msg(&b, pod, &addr, false, false);
		r = nl_do(&s.pod, &b, &e);
		cr_expect(r == -EEXIST, "%s again: expected %d, found %d", rows[i].text, -EEXIST,
		          r);
		cr_expect(!strncmp(e.msg, "add the address: File exists", 28),
		          "%s again: found \"%s\"", rows[i].text, e.msg);
		link_up_msg(&b, pod, false);
		ok(nl_do(&s.pod, &b, &e), &e);
		ok(route_each(&s.pod, addr.addr.family, 0, pod, count_route, &routes, &e), &e);
		if (addr.addr.family == AF_INET)
			cr_expect(routes == rows[i].routes, "%s: expected %d routes, found %d",
			          rows[i].text, rows[i].routes, routes);
		link_set_down_msg(&b, pod);
		if (addr.addr.family == AF_INET)
			address_del_msg(
				&b, pod,
				&addr); /* the kernel drops IPv6 addresses when a link goes down */
		ok(nl_do(&s.pod, &b, &e), &e);
		n = address_list(&s.pod, pod, addr.addr.family, list, NULL, 4, &e);
		cr_expect(n == 0, "%s: expected none left, found %d", rows[i].text, n);
		address_del_msg(&b, pod, &addr);
		r = nl_do(&s.pod, &b, &e);
		cr_expect(r == -EADDRNOTAVAIL, "%s: expected %d, found %d", rows[i].text,
		          -EADDRNOTAVAIL, r);
	}
}

Test(address, list)
{
	static const char *const texts[] = { "10.0.0.1/8", "10.0.0.2/8", "192.0.2.1/32",
		                             "fd00::1/64", "fd00::2/128" };
	static const struct {
		const char *name;
		sa_family_t family;
		bool all; /* links: all or only the bridge */
		size_t max;
		int n;
	} rows[] = {
		{ "IPv4", AF_INET, false, 8, 3 },          { "IPv6", AF_INET6, false, 8, 2 },
		{ "both", AF_UNSPEC, false, 8, 5 },        { "all links", AF_UNSPEC, true, 8, 6 },
		{ "little room", AF_UNSPEC, false, 2, 5 }, { "no room", AF_INET, false, 0, 3 },
	};
	struct ip_prefix addr, list[8];
	int index[8], bridge;
	struct nl_batch b;
	struct space s;
	struct err e;

	space_open(&s);
	space_add_bridge(&s);
	bridge = s.bridge;
	nl_batch_init(&b);
	link_set_up_by_name_msg(&b, SPACE_BRIDGE,
	                        false); /* without a link-local address of its own */
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cr_assert(prefix_parse(texts[i], &addr), "parse %s", texts[i]);
		address_add_msg(&b, bridge, &addr, false, false);
	}
	cr_assert(prefix_parse("127.1.1.1/32", &addr), "parse");
	address_add_msg(&b, 1, &addr, false, false);
	ok(nl_do(&s.node, &b, &e), &e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int n;

		memset(list, 0xff, sizeof(list));
		n = address_list(&s.node, rows[i].all ? 0 : bridge, rows[i].family, list, index,
		                 rows[i].max, &e);
		cr_expect(n == rows[i].n, "%s: expected %d, found %d", rows[i].name, rows[i].n, n);
		for (size_t k = 0; k < rows[i].max && (int)k < n; k++)
			cr_expect(index[k] == bridge || (rows[i].all && index[k] == 1),
			          "%s: link %d", rows[i].name, index[k]);
		if (rows[i].max < 8)
			cr_expect(list[rows[i].max].len == 0xff, "%s: wrote past the end",
			          rows[i].name);
	}
	cr_expect(address_list(&s.node, 9999, AF_INET, list, NULL, 8, &e) == -ENODEV,
	          "no such link: expected %d: %s", -ENODEV, e.msg);
}
