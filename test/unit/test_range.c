/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_range.c - ranges and range sets: defaults, checks, upstream's texts
 */
#include "ipam/range.h"

#include <criterion/criterion.h>
#include <string.h>

struct set_case {
	const char *name, *json;
	const char *expect; /* "start-end,...|gateway" of the first range, or the error's text */
};

static const struct set_case sets[] = {
	{ "defaults v4", "[{'subnet':'10.1.2.0/24'}]", "10.1.2.1-10.1.2.254|10.1.2.1" },
	{ "defaults v6", "[{'subnet':'2001:db8::/64'}]",
	  "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff|2001:db8::1" },
	{ "/30", "[{'subnet':'10.9.0.0/30'}]", "10.9.0.1-10.9.0.2|10.9.0.1" },
	{ "/126", "[{'subnet':'fd00::/126'}]", "fd00::1-fd00::3|fd00::1" },
	{ "/0", "[{'subnet':'0.0.0.0/0'}]", "0.0.0.1-255.255.255.254|0.0.0.1" },
	{ "all given",
	  "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.5','rangeEnd':'10.1.2.9','gateway':'10.1.2.254'}]",
	  "10.1.2.5-10.1.2.9|10.1.2.254" },
	{ "keys in other cases",
	  "[{'SubNet':'10.1.2.0/24','RANGESTART':'10.1.2.5','Gateway':'10.1.2.7'}]",
	  "10.1.2.5-10.1.2.254|10.1.2.7" },
	{ "empty gateway is none", "[{'subnet':'10.1.2.0/24','gateway':''}]",
	  "10.1.2.1-10.1.2.254|10.1.2.1" },
	{ "gateway elsewhere", "[{'subnet':'10.1.2.0/24','gateway':'192.168.7.1'}]",
	  "10.1.2.1-10.1.2.254|192.168.7.1" },
	{ "start at the network address", "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.0'}]",
	  "10.1.2.0-10.1.2.254|10.1.2.1" },
	{ "one address", "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.8','rangeEnd':'10.1.2.8'}]",
	  "10.1.2.8-10.1.2.8|10.1.2.1" },
	{ "two ranges", "[{'subnet':'10.1.2.0/24'},{'subnet':'10.1.3.0/29'}]",
	  "10.1.2.1-10.1.2.254,10.1.3.1-10.1.3.6|10.1.2.1" },
	{ "same subnet, apart",
	  "[{'subnet':'10.1.2.0/24','rangeEnd':'10.1.2.9'},{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.10'}]",
	  "10.1.2.1-10.1.2.9,10.1.2.10-10.1.2.254|10.1.2.1" },
	{ "/31", "[{'subnet':'192.0.2.0/31'}]", "Network 192.0.2.0/31 too small to allocate from" },
	{ "/32", "[{'subnet':'192.0.2.1/32'}]", "Network 192.0.2.1/32 too small to allocate from" },
	{ "/127", "[{'subnet':'fd00::/127'}]", "Network fd00::/127 too small to allocate from" },
	{ "host bits", "[{'subnet':'192.0.2.7/24'}]",
	  "Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0" },
	{ "start outside", "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.3.1'}]",
	  "RangeStart 10.1.3.1 not in network 10.1.2.0/24" },
	{ "start of the other family", "[{'subnet':'10.1.2.0/24','rangeStart':'fd00::1'}]",
	  "RangeStart fd00::1 not in network 10.1.2.0/24" },
	{ "end outside", "[{'subnet':'10.1.2.0/24','rangeEnd':'10.1.3.1'}]",
	  "RangeEnd 10.1.3.1 not in network 10.1.2.0/24" },
	{ "end before start",
	  "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.9','rangeEnd':'10.1.2.5'}]",
	  "RangeEnd 10.1.2.5 not in network 10.1.2.0/24" },
	{ "start at the broadcast address", "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.255'}]",
	  "RangeStart 10.1.2.255 is after RangeEnd 10.1.2.254" },
	{ "no subnet", "[{'gateway':'10.1.2.1'}]",
	  "IP <nil> not v4 nor v6: r[0].subnet is missing" },
	{ "subnet is no CIDR", "[{'subnet':'10.1.2.0'}]",
	  "r[0].subnet: invalid CIDR address: 10.1.2.0" },
	{ "gateway is no address", "[{'subnet':'10.1.2.0/24','gateway':'x'}]",
	  "r[0].gateway: invalid IP address: x" },
	{ "range is no object", "[5]", "r[0]: not an object" },
	{ "empty set", "[]", "empty range set" },
	{ "mixed families", "[{'subnet':'10.1.2.0/24'},{'subnet':'fd00::/64'}]",
	  "mixed address families" },
	{ "overlap", "[{'subnet':'10.1.2.0/24'},{'subnet':'10.1.2.0/25'}]",
	  "subnets 10.1.2.1-10.1.2.254 and 10.1.2.1-10.1.2.126 overlap" },
	{ "one inside the other",
	  "[{'subnet':'10.1.2.0/24','rangeStart':'10.1.2.50','rangeEnd':'10.1.2.60'},{'subnet':'10.1.2.0/24'}]",
	  "subnets 10.1.2.50-10.1.2.60 and 10.1.2.1-10.1.2.254 overlap" },
};

/* The tables write JSON with ' for " */
static json_t *load(const char *text)
{
	char buf[1024];
	size_t i;

	for (i = 0; text[i] && i < sizeof(buf) - 1; i++)
		buf[i] = text[i] == '\'' ? '"' : text[i];
	buf[i] = '\0';
	return json_loads(buf, JSON_DECODE_ANY, NULL);
}

Test(range, sets)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const struct set_case *c = &sets[i];
		json_t *arr = load(c->json);
		char got[1200], gw[IP_STR_MAX];
		struct range_set set;
		struct err e;
		int r;

		cr_assert(arr, "%s: bad JSON in the table", c->name);
		r = range_set_parse(arr, "r", &set, &e);
		if (r == 0) {
			(void)range_set_format(&set, got, sizeof(got) - 64);
			(void)strcat(got, "|");
			(void)strcat(got, ip_format(&set.v[0].gateway, gw));
		} else {
			cr_expect(e.code == CNI_E_INTERNAL, "%s: code %d, expected 999", c->name,
			          e.code);
			(void)strcpy(got, e.msg);
		}
		cr_expect(strcmp(got, c->expect) == 0, "%s: expected \"%s\", got \"%s\"", c->name,
		          c->expect, got);
		json_decref(arr);
	}
}

Test(range, lookups)
{
	json_t *arr = load("[{'subnet':'10.1.2.0/29'},{'subnet':'10.1.3.0/29'}]"),
	       *other = load("[{'subnet':'10.1.3.0/28','rangeStart':'10.1.3.6'}]"),
	       *apart = load("[{'subnet':'10.1.3.0/28','rangeStart':'10.1.3.7'}]");
	static const struct {
		const char *ip;
		int range; /* -1: none */
	} cases[] = { { "10.1.2.0", -1 }, { "10.1.2.1", 0 },        { "10.1.2.6", 0 },
		      { "10.1.2.7", -1 }, { "10.1.3.1", 1 },        { "10.1.3.6", 1 },
		      { "10.1.3.7", -1 }, { "::ffff:10.1.3.1", 1 }, { "fd00::1", -1 } };
	struct range_set set, b, c;
	char small[24];
	struct err e;

	cr_assert(range_set_parse(arr, "r", &set, &e) == 0 &&
	          range_set_parse(other, "r", &b, &e) == 0 &&
	          range_set_parse(apart, "r", &c, &e) == 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct range *r;
		struct ip_addr a;

		cr_assert(ip_parse(cases[i].ip, &a));
		r = range_set_find(&set, &a);
		cr_expect((r ? (int)(r - set.v) : -1) == cases[i].range,
		          "%s: expected range %d, got %d", cases[i].ip, cases[i].range,
		          r ? (int)(r - set.v) : -1);
	}
	cr_expect(range_sets_overlap(&set, &b) && range_sets_overlap(&b, &set),
	          "sets with 10.1.3.6 overlap");
	cr_expect(!range_sets_overlap(&set, &c) && !range_sets_overlap(&c, &set),
	          "sets apart do not overlap");
	cr_expect(strcmp(range_set_format(&set, small, sizeof(small)), "10.1.2.1-10.1.2.6,10...") ==
	                  0,
	          "a long set is cut off: \"%s\"", small);
	json_decref(arr);
	json_decref(other);
	json_decref(apart);
}
