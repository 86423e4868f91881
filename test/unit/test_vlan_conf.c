/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_vlan_conf.c - vlan, vlanTrunk and preserveDefaultVlan
 */
#include "base/cleanup.h"
#include "endpoint/vlan_conf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int parse(const char *text, struct netconf *ret, struct err *e)
{
	json_auto_t *doc = NULL;

	*ret = (struct netconf) { .ipam_type = "" };
	cr_assert(jparse(text, strlen(text), &doc, e) == 0, "%s: %s", text, e->msg);
	return vlan_conf_parse(doc, ret, e);
}

/* "5 7-9" */
static const char *ranges(const struct port_vlans *v, char buf[static 1024])
{
	size_t n = 0;

	*buf = '\0';
	for (size_t i = 0; i < v->n_trunk && n < 1000; i++) {
		n += (size_t)snprintf(buf + n, 1024 - n, "%s%u", i ? " " : "", v->trunk[i].first);
		if (v->trunk[i].last != v->trunk[i].first)
			n += (size_t)snprintf(buf + n, 1024 - n, "-%u", v->trunk[i].last);
	}
	return buf;
}

Test(vlan_conf, trunks)
{
	static const struct {
		const char *text;
		uint16_t vlan, pvid;
		bool has, drop;
		const char *trunk;
	} rows[] = {
		{ "{}", 0, 1, false, false, "" },
		{ "{\"vlan\":0}", 0, 1, false, false, "" },
		{ "{\"preserveDefaultVlan\":true}", 0, 1, false, false, "" },
		{ "{\"vlan\":100}", 100, 100, true, true, "" },
		{ "{\"vlan\":1}", 1, 1, true, true, "" },
		{ "{\"vlan\":100,\"preserveDefaultVlan\":true}", 100, 100, true, false, "" },
		{ "{\"vlan\":100,\"PRESERVEdefaultvlan\":false}", 100, 100, true, true, "" },
		{ "{\"vlanTrunk\":[]}", 0, 1, false, false, "" },
		{ "{\"vlanTrunk\":[{}]}", 0, 1, false, false, "" },
		{ "{\"vlanTrunk\":[{\"id\":5}]}", 0, 1, true, true, "5" },
		{ "{\"vlantrunk\":[{\"ID\":5}]}", 0, 1, true, true, "5" },
		{ "{\"vlanTrunk\":[{\"id\":5}],\"vlan\":7}", 7, 7, true, true, "5" },
		{ "{\"vlanTrunk\":[{\"minID\":5,\"maxID\":5}]}", 0, 1, true, true, "5" },
		{ "{\"vlanTrunk\":[{\"minid\":1,\"MAXID\":4094}]}", 0, 1, true, true, "2-4094" },
		/* 0 is no VLAN. */
		{ "{\"vlanTrunk\":[{\"id\":0}]}", 0, 1, false, false, "" },
		{ "{\"vlanTrunk\":[{\"minID\":0,\"maxID\":2}]}", 0, 1, true, true, "2" },
		{ "{\"vlanTrunk\":[{\"minID\":0,\"maxID\":0},{\"id\":1}]}", 0, 1, true, true, "" },
		/* A range and an ID in one entry. */
		{ "{\"vlanTrunk\":[{\"minID\":10,\"maxID\":12,\"id\":20}]}", 0, 1, true, true,
		  "10-12 20" },
		/* Any order, doubles, overlaps, neighbours. */
		{ "{\"vlanTrunk\":[{\"id\":9},{\"id\":5},{\"id\":9}]}", 0, 1, true, true, "5 9" },
		{ "{\"vlanTrunk\":[{\"id\":7},{\"id\":5},{\"id\":6}]}", 0, 1, true, true, "5-7" },
		{ "{\"vlanTrunk\":[{\"minID\":10,\"maxID\":20},{\"minID\":15,\"maxID\":30},{\"id\":31},{\"id\":33}]}",
		  0, 1, true, true, "10-31 33" },
		{ "{\"vlanTrunk\":[{\"minID\":100,\"maxID\":200},{\"minID\":120,\"maxID\":130}]}",
		  0, 1, true, true, "100-200" },
		{ "{\"vlanTrunk\":[{\"id\":4094},{\"id\":1}]}", 0, 1, true, true, "4094" },
		/* The untagged VLAN stays untagged. */
		{ "{\"vlanTrunk\":[{\"minID\":99,\"maxID\":101}],\"vlan\":100}", 100, 100, true,
		  true, "99 101" },
		{ "{\"vlanTrunk\":[{\"id\":100}],\"vlan\":100}", 100, 100, true, true, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char found[1024];
		struct netconf c;
		struct err e;
		int r = parse(rows[i].text, &c, &e);

		cr_assert(r == 0, "%s: expected success, found %d (%s)", rows[i].text, r, e.msg);
		cr_assert(c.vlan == rows[i].vlan && c.vlans.pvid == rows[i].pvid,
		          "%s: expected VLAN %u PVID %u, found %u %u", rows[i].text, rows[i].vlan,
		          rows[i].pvid, c.vlan, c.vlans.pvid);
		cr_assert(c.has_vlans == rows[i].has && c.vlans.drop_default == rows[i].drop,
		          "%s: expected VLANs %d, drop VLAN 1 %d, found %d %d", rows[i].text,
		          rows[i].has, rows[i].drop, c.has_vlans, c.vlans.drop_default);
		cr_assert_str_eq(ranges(&c.vlans, found), rows[i].trunk,
		                 "%s: expected trunk \"%s\", found \"%s\"", rows[i].text,
		                 rows[i].trunk, found);
	}
}

Test(vlan_conf, refusals)
{
	static const struct {
		const char *text, *msg; /* part of it */
	} rows[] = {
		{ "{\"vlan\":-1}", "invalid VLAN ID -1 (must be between 0 and 4094)" },
		{ "{\"vlan\":4095}", "invalid VLAN ID 4095 (must be between 0 and 4094)" },
		{ "{\"vlan\":5000000000}", "vlan" },
		{ "{\"vlan\":true}", "vlan" },
		{ "{\"vlanTrunk\":5}", "vlanTrunk" },
		{ "{\"vlanTrunk\":[5]}", "vlanTrunk[0]: expected an object" },
		{ "{\"vlanTrunk\":[{},null]}", "vlanTrunk[1]: expected an object" },
		{ "{\"vlanTrunk\":[{\"id\":\"5\"}]}", "vlanTrunk[0].id" },
		{ "{\"vlanTrunk\":[{\"id\":-1}]}",
		  "vlanTrunk[0]: incorrect trunk id parameter: -1" },
		{ "{\"vlanTrunk\":[{\"id\":1},{\"id\":4095}]}",
		  "vlanTrunk[1]: incorrect trunk id parameter: 4095" },
		{ "{\"vlanTrunk\":[{\"minID\":-1,\"maxID\":5}]}",
		  "incorrect trunk minID parameter: -1" },
		{ "{\"vlanTrunk\":[{\"minID\":4095,\"maxID\":4096}]}",
		  "incorrect trunk minID parameter: 4095" },
		{ "{\"vlanTrunk\":[{\"minID\":5,\"maxID\":4095}]}",
		  "incorrect trunk maxID parameter: 4095" },
		{ "{\"vlanTrunk\":[{\"minID\":5,\"maxID\":-5}]}",
		  "incorrect trunk maxID parameter: -5" },
		{ "{\"vlanTrunk\":[{\"minID\":5,\"maxID\":4}]}",
		  "minID is greater than maxID in trunk parameter: 5 > 4" },
		{ "{\"vlanTrunk\":[{\"minID\":5}]}",
		  "minID and maxID should be configured simultaneously, maxID is missing" },
		{ "{\"vlanTrunk\":[{\"maxID\":5}]}",
		  "minID and maxID should be configured simultaneously, minID is missing" },
		{ "{\"vlanTrunk\":[{\"maxID\":5,\"minID\":null}]}",
		  "minID and maxID should be configured simultaneously, minID is missing" },
		{ "{\"preserveDefaultVlan\":1}", "preserveDefaultVlan" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct netconf c;
		struct err e;
		int r = parse(rows[i].text, &c, &e);

		cr_assert(r == -EINVAL && e.code == CNI_E_CONFIG && strstr(e.msg, rows[i].msg),
		          "%s: expected code 7 \"%s\", found %d (code %d \"%s\")", rows[i].text,
		          rows[i].msg, r, r ? e.code : 0, r ? e.msg : "");
	}
}

/* As many separate ranges as fit, and one more. */
Test(vlan_conf, bound)
{
	enum {
		MAX = sizeof(((struct port_vlans *)0)->trunk) /
		      sizeof(((struct port_vlans *)0)->trunk[0])
	};

	for (unsigned int n = MAX; n <= MAX + 1; n++) {
		char text[8192] = "{\"vlanTrunk\":[";
		size_t len = strlen(text);
		struct netconf c;
		struct err e = { 0 };
		int r;

		for (unsigned int i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{\"id\":%u}",
			                        i ? "," : "", 4094 - 2 * i);
		(void)snprintf(text + len, sizeof(text) - len, "]}");
		r = parse(text, &c, &e);
		cr_assert((r == 0) == (n == MAX), "%u ranges: expected %s, found %d %s", n,
		          n == MAX ? "success" : "a refusal", r, e.msg);
		cr_assert(r < 0 || c.vlans.n_trunk == n, "%u ranges: found %zu", n,
		          c.vlans.n_trunk);
		cr_assert(r == 0 || strstr(e.msg, "vlanTrunk: more than 64 separate ranges"),
		          "%u ranges: found \"%s\"", n, e.msg);
	}
}
