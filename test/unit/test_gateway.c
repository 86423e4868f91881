/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_gateway.c - gateways of addresses, default routes, routes as the kernel gets them
 */
#include "base/cleanup.h"
#include "endpoint/gateway.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct ip_addr addr(const char *text)
{
	struct ip_addr a = { .family = AF_UNSPEC };

	cr_assert(!*text || ip_parse(text, &a), "%s is no address", text);
	return a;
}

/* "10.1.2.3/24" or "10.1.2.3/24 via 10.1.2.1"; the same for routes */
static void split(const char *text, struct ip_prefix *ret, struct ip_addr *ret_gw)
{
	char copy[128], *via;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	via = strstr(copy, " via ");
	if (via)
		*via = '\0';
	cr_assert(prefix_parse(copy, ret), "%s is no prefix", copy);
	*ret_gw = addr(via ? via + 5 : "");
}

/* @ips, @routes: separated by ", " */
static void fill(struct result *res, const char *ips, const char *routes)
{
	char copy[512], *save = NULL;

	result_init(res);
	(void)snprintf(copy, sizeof(copy), "%s", ips);
	for (char *p = strtok_r(copy, ",", &save); p;
	     p = strtok_r(NULL, ",", &save), res->n_ips++) {
		split(p + strspn(p, " "), &res->ips[res->n_ips].address,
		      &res->ips[res->n_ips].gateway);
		res->ips[res->n_ips].iface = -1;
	}
	(void)snprintf(copy, sizeof(copy), "%s", routes);
	for (char *p = strtok_r(copy, ",", &save); p;
	     p = strtok_r(NULL, ",", &save), res->n_routes++)
		split(p + strspn(p, " "), &res->routes[res->n_routes].dst,
		      &res->routes[res->n_routes].gw);
}

static size_t put(char *buf, size_t n, const struct ip_prefix *p, const struct ip_addr *gw)
{
	char text[PREFIX_STR_MAX], via[IP_STR_MAX];

	return n + (size_t)snprintf(buf + n, 1024 - n, "%s%s%s%s", n ? ", " : "",
	                            prefix_format(p, text), gw && ip_is_set(gw) ? " via " : "",
	                            gw ? ip_format(gw, via) : "");
}

Test(gateway, resolve)
{
	static const struct {
		const char *name;
		enum attach_mode mode;
		bool gateway, default_gateway;
		const char *ips, *routes;
		const char *expected_ips, *expected_routes, *bridge; /* bridge: its addresses */
	} rows[] = {
		{ "no gateway, none asked for", MODE_BRIDGE, false, false, "10.1.2.3/24", "",
		  "10.1.2.3/24", "", "" },
		{ "the IPAM's gateway stays", MODE_BRIDGE, false, false, "10.1.2.3/24 via 10.1.2.9",
		  "", "10.1.2.3/24 via 10.1.2.9", "", "" },
		{ "isGateway: first address of the prefix", MODE_BRIDGE, true, false, "10.1.2.3/24",
		  "", "10.1.2.3/24 via 10.1.2.1", "", "10.1.2.1/24" },
		{ "isGateway: the IPAM's", MODE_BRIDGE, true, false, "10.1.2.3/24 via 10.1.2.9", "",
		  "10.1.2.3/24 via 10.1.2.9", "", "10.1.2.9/24" },
		{ "isGateway: IPv6", MODE_BRIDGE, true, false, "fd00:1::77/64", "",
		  "fd00:1::77/64 via fd00:1::1", "", "fd00:1::1/64" },
		{ "isGateway: dual", MODE_BRIDGE, true, false,
		  "10.1.2.3/24, fd00:1::77/64 via fd00:1::5", "",
		  "10.1.2.3/24 via 10.1.2.1, fd00:1::77/64 via fd00:1::5", "",
		  "10.1.2.1/24, fd00:1::5/64" },
		{ "isGateway: odd prefix", MODE_BRIDGE, true, false, "10.1.2.131/26", "",
		  "10.1.2.131/26 via 10.1.2.129", "", "10.1.2.129/26" },
		{ "isGateway: no default route", MODE_BRIDGE, true, false, "10.1.2.3/24",
		  "0.0.0.0/0", "10.1.2.3/24 via 10.1.2.1", "0.0.0.0/0", "10.1.2.1/24" },
		{ "default: added", MODE_BRIDGE, true, true, "10.1.2.3/24", "",
		  "10.1.2.3/24 via 10.1.2.1", "0.0.0.0/0 via 10.1.2.1", "10.1.2.1/24" },
		{ "default: once per family", MODE_BRIDGE, true, true,
		  "10.1.2.3/24, 10.1.2.4/24, fd00:1::3/64, fd00:2::3/64", "",
		  "10.1.2.3/24 via 10.1.2.1, 10.1.2.4/24 via 10.1.2.1, fd00:1::3/64 via fd00:1::1, fd00:2::3/64 via fd00:2::1",
		  "0.0.0.0/0 via 10.1.2.1, ::/0 via fd00:1::1",
		  "10.1.2.1/24, 10.1.2.1/24, fd00:1::1/64, fd00:2::1/64" },
		{ "default: one with a gateway is there", MODE_BRIDGE, true, true, "10.1.2.3/24",
		  "0.0.0.0/0 via 10.1.2.254", "10.1.2.3/24 via 10.1.2.1",
		  "0.0.0.0/0 via 10.1.2.254", "10.1.2.1/24" },
		{ "default: one without a gateway does not count", MODE_BRIDGE, true, true,
		  "10.1.2.3/24", "0.0.0.0/0", "10.1.2.3/24 via 10.1.2.1",
		  "0.0.0.0/0, 0.0.0.0/0 via 10.1.2.1", "10.1.2.1/24" },
		{ "default: one of the other family does not count", MODE_BRIDGE, true, true,
		  "10.1.2.3/24", "::/0 via fd00::1", "10.1.2.3/24 via 10.1.2.1",
		  "::/0 via fd00::1, 0.0.0.0/0 via 10.1.2.1", "10.1.2.1/24" },
		{ "default: half of everything is no default route", MODE_BRIDGE, true, true,
		  "10.1.2.3/24", "0.0.0.0/1 via 10.1.2.7", "10.1.2.3/24 via 10.1.2.1",
		  "0.0.0.0/1 via 10.1.2.7, 0.0.0.0/0 via 10.1.2.1", "10.1.2.1/24" },
		{ "no address", MODE_BRIDGE, true, true, "", "", "", "", "" },
		{ "ptp", MODE_PTP, false, false,
		  "10.1.2.3/24 via 10.1.2.1, fd00:1::3/64 via fd00:1::1", "0.0.0.0/0",
		  "10.1.2.3/24 via 10.1.2.1, fd00:1::3/64 via fd00:1::1", "0.0.0.0/0", "" },
		{ "ptp knows no isGateway", MODE_PTP, true, false, "10.1.2.3/24 via 10.1.2.1", "",
		  "10.1.2.3/24 via 10.1.2.1", "", "" },
		{ "ptp: default route, once per family", MODE_PTP, false, true,
		  "10.1.2.3/24 via 10.1.2.1, 10.1.2.4/24 via 10.1.2.1, fd00:1::3/64 via fd00:1::1",
		  "",
		  "10.1.2.3/24 via 10.1.2.1, 10.1.2.4/24 via 10.1.2.1, fd00:1::3/64 via fd00:1::1",
		  "0.0.0.0/0 via 10.1.2.1, ::/0 via fd00:1::1", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct netconf conf = {
			.mode = rows[i].mode,
			.is_gateway = rows[i].gateway,
			.is_default_gateway = rows[i].default_gateway,
		};
		struct ip_prefix bridge[RESULT_IPS_MAX];
		char found[3][1024] = { "", "", "" };
		size_t n = 99, len[3] = { 0 };
		struct err e = { 0 };
		struct result res;
		int r;

		fill(&res, rows[i].ips, rows[i].routes);
		r = gateway_resolve(&conf, &res, 2, bridge, &n, &e);
		cr_assert(r == 0, "%s: expected success, found %d %s", rows[i].name, r, e.msg);
		for (size_t j = 0; j < res.n_ips; j++) {
			len[0] = put(found[0], len[0], &res.ips[j].address, &res.ips[j].gateway);
			cr_assert(res.ips[j].iface == 2,
			          "%s: address %zu: expected interface 2, found %d", rows[i].name,
			          j, res.ips[j].iface);
		}
		for (size_t j = 0; j < res.n_routes; j++)
			len[1] = put(found[1], len[1], &res.routes[j].dst, &res.routes[j].gw);
		for (size_t j = 0; j < n; j++)
			len[2] = put(found[2], len[2], &bridge[j], NULL);
		cr_assert_str_eq(found[0], rows[i].expected_ips,
		                 "%s: expected addresses %s, found %s", rows[i].name,
		                 rows[i].expected_ips, found[0]);
		cr_assert_str_eq(found[1], rows[i].expected_routes,
		                 "%s: expected routes %s, found %s", rows[i].name,
		                 rows[i].expected_routes, found[1]);
		cr_assert_str_eq(found[2], rows[i].bridge,
		                 "%s: expected on the bridge %s, found %s", rows[i].name,
		                 rows[i].bridge, found[2]);
	}
}

Test(gateway, refusals)
{
	struct netconf conf = { .mode = MODE_PTP };
	struct ip_prefix bridge[RESULT_IPS_MAX];
	struct err e = { 0 };
	struct result res;
	size_t n;
	int r;

	fill(&res, "10.1.2.3/24 via 10.1.2.1, fd00:1::3/64", "");
	r = gateway_resolve(&conf, &res, 1, bridge, &n, &e);
	cr_assert(r == -EINVAL && e.code == CNI_E_CONFIG && strstr(e.msg, "fd00:1::3/64"),
	          "ptp without a gateway: expected code 7 with the address, found %d (%d %s)", r,
	          e.code, e.msg);

	conf = (struct netconf) { .mode = MODE_BRIDGE,
		                  .is_gateway = true,
		                  .is_default_gateway = true };
	fill(&res, "10.1.2.3/24", "");
	for (; res.n_routes < RESULT_ROUTES_MAX; res.n_routes++)
		split("10.9.0.0/16", &res.routes[res.n_routes].dst, &res.routes[res.n_routes].gw);
	r = gateway_resolve(&conf, &res, 2, bridge, &n, &e);
	cr_assert(r == -EINVAL && e.code == CNI_E_CONFIG &&
	                  strcmp(e.msg, "more than 128 routes") == 0,
	          "one route too many: expected code 7, found %d (%d %s)", r, e.code, e.msg);
	cr_assert(res.n_routes == RESULT_ROUTES_MAX, "one route too many: found %zu", res.n_routes);
}

Test(gateway, of_family)
{
	char text[IP_STR_MAX];
	struct ip_addr gw;
	struct result res;

	fill(&res, "10.1.2.3/24, 10.1.3.3/24 via 10.1.3.1, 10.1.4.3/24 via 10.1.4.1", "");
	gw = gateway_of_family(&res, AF_INET);
	cr_assert_str_eq(ip_format(&gw, text), "10.1.3.1",
	                 "the first gateway: expected 10.1.3.1, found %s", text);
	gw = gateway_of_family(&res, AF_INET6);
	cr_assert(!ip_is_set(&gw), "no gateway: expected none, found %s", ip_format(&gw, text));
}

Test(gateway, route)
{
	char gw[IP_STR_MAX], dst[PREFIX_STR_MAX];
	struct route_spec spec;
	struct result res;

	fill(&res, "10.1.2.3/24 via 10.1.2.1, fd00:1::3/64",
	     "0.0.0.0/0, 10.9.0.0/16 via 10.1.2.77, ::/0, 10.8.0.0/16");
	res.routes[3].mtu = 1400;
	res.routes[3].advmss = 1300;
	res.routes[3].has_priority = res.routes[3].has_table = res.routes[3].has_scope = true;
	res.routes[3].priority = 50;
	res.routes[3].table = 100;
	res.routes[3].scope = 253;
	static const struct {
		const char *dst, *gw;
		uint32_t mtu, advmss, priority, table;
		int scope;
	} rows[] = {
		{ "0.0.0.0/0", "10.1.2.1", 0, 0, 0, 0, -1 },
		{ "10.9.0.0/16", "10.1.2.77", 0, 0, 0, 0, -1 },
		{ "::/0", "", 0, 0, 0, 0, -1 },
		{ "10.8.0.0/16", "10.1.2.1", 1400, 1300, 50, 100, 253 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		spec = gateway_route(&res, &res.routes[i], 7);
		(void)ip_format(&spec.gw, gw);
		(void)prefix_format(&spec.dst, dst);
		cr_assert(strcmp(dst, rows[i].dst) == 0 && strcmp(gw, rows[i].gw) == 0 &&
		                  spec.ifindex == 7,
		          "route %zu: expected %s via \"%s\" on 7, found %s via \"%s\" on %d", i,
		          rows[i].dst, rows[i].gw, dst, gw, spec.ifindex);
		cr_assert(spec.mtu == rows[i].mtu && spec.advmss == rows[i].advmss &&
		                  spec.priority == rows[i].priority &&
		                  spec.table == rows[i].table && spec.scope == rows[i].scope,
		          "route %zu: expected %u %u %u %u %d, found %u %u %u %u %d", i,
		          rows[i].mtu, rows[i].advmss, rows[i].priority, rows[i].table,
		          rows[i].scope, spec.mtu, spec.advmss, spec.priority, spec.table,
		          spec.scope);
	}
	/* What the result does not say is not set, whatever lies in the field. */
	res.routes[3].has_priority = res.routes[3].has_table = res.routes[3].has_scope = false;
	spec = gateway_route(&res, &res.routes[3], 7);
	cr_assert(spec.priority == 0 && spec.table == 0 && spec.scope == -1,
	          "nothing said: found %u %u %d", spec.priority, spec.table, spec.scope);
}
