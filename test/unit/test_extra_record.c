/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_extra_record.c - what a record of bandwidth or firewall may say, and what is taken for damage
 */
#include "endpoint/extra_record.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define OF_POD "\"v\":1,\"network\":\"n\",\"containerID\":\"c\",\"ifname\":\"eth0\""

static const struct {
	const char *name;
	enum extra_kind kind;
	const char *text;
	enum firewall_policy policy;
	const char *part; /* of the error; NULL: it is understood */
} rows[] = {
	{ "open", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"open\"}", FIREWALL_OPEN, NULL },
	{ "same-bridge", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"same-bridge\"}",
	  FIREWALL_SAME_BRIDGE, NULL },
	{ "isolated", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"isolated\",\"ips\":[]}",
	  FIREWALL_ISOLATED, NULL },
	{ "an unknown policy", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"closed\"}",
	  FIREWALL_OPEN, "ingressPolicy: \"closed\"" },
	{ "an empty policy", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"\"}", FIREWALL_OPEN,
	  "ingressPolicy: \"\"" },
	{ "no policy", EXTRA_FIREWALL, "{" OF_POD "}", FIREWALL_OPEN, "ingressPolicy: \"\"" },
	{ "a policy that is no text", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":2}",
	  FIREWALL_OPEN, "ingressPolicy" },
	{ "limits have no policy", EXTRA_BANDWIDTH, "{" OF_POD ",\"egressRate\":8}", FIREWALL_OPEN,
	  NULL },
	{ "a rate below 0", EXTRA_BANDWIDTH, "{" OF_POD ",\"egressRate\":-8}", FIREWALL_OPEN,
	  "egressRate" },
	{ "another version", EXTRA_BANDWIDTH, "{\"v\":2,\"network\":\"n\"}", FIREWALL_OPEN, "v" },
	{ "no network", EXTRA_BANDWIDTH, "{\"v\":1}", FIREWALL_OPEN, "no network" },
	{ "no address", EXTRA_FIREWALL,
	  "{" OF_POD ",\"ingressPolicy\":\"open\",\"ips\":[\"10.1.2.3\",\"10.1.2\"]}",
	  FIREWALL_OPEN, "ips[1] is no address" },
	{ "half a file", EXTRA_FIREWALL, "{" OF_POD ",\"ingressPolicy\":\"isol", FIREWALL_OPEN,
	  "" },
	{ "nothing", EXTRA_FIREWALL, "", FIREWALL_OPEN, "" },
};

/* Damage is said so: what is unknown never means "no policy". */
Test(extra_record, understood_or_damaged)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct extra_record r;
		struct err e = { 0 };
		const int want = rows[i].part ? -EBADMSG : 0;
		const int found = extra_record_parse(rows[i].kind, "cni0123456789a", rows[i].text,
		                                     strlen(rows[i].text), &r, &e);

		cr_assert_eq(found, want, "%s: expected %d, found %d (%s)", rows[i].name, want,
		             found, e.msg);
		if (rows[i].part) {
			cr_assert(strstr(e.msg, rows[i].part) && strstr(e.msg, "cni0123456789a"),
			          "%s: expected \"%s\" and the file's name, found %s", rows[i].name,
			          rows[i].part, e.msg);
			cr_assert_str_eq(r.network, "", "%s: expected no network, found %s",
			                 rows[i].name, r.network);
			continue;
		}
		cr_assert_eq(r.policy, rows[i].policy, "%s: expected policy %d, found %d",
		             rows[i].name, rows[i].policy, r.policy);
		cr_assert_str_eq(r.network, "n", "%s: expected network n, found %s", rows[i].name,
		                 r.network);
	}
}
