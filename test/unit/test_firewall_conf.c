/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_firewall_conf.c - type firewall: its keys
 */
#include "base/cleanup.h"
#include "base/json.h"
#include "endpoint/firewall.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
	const char *name, *text, *expected; /* "policy chain firewalld", or a part of the error */
	bool good;
	int asked; /* is a firewall asked for? */
} rows[] = {
	{ "nothing", "{}", "0 CNI-ADMIN 0", true, 0 },
	{ "all",
	  "{\"backend\":\"iptables\",\"iptablesAdminChainName\":\"MINE\",\"firewalldZone\":\"public\",\"ingressPolicy\":\"open\"}",
	  "0 MINE 0", true, 1 },
	{ "an unknown backend", "{\"backend\":\"nonsense\"}", "0 CNI-ADMIN 0", true, 0 },
	{ "firewalld", "{\"BACKEND\":\"firewalld\"}", "0 CNI-ADMIN 1", true, 1 },
	{ "same-bridge", "{\"ingressPolicy\":\"same-bridge\"}", "1 CNI-ADMIN 0", true, 1 },
	{ "isolated", "{\"INGRESSPOLICY\":\"isolated\"}", "2 CNI-ADMIN 0", true, 1 },
	{ "empty texts", "{\"iptablesAdminChainName\":\"\",\"ingressPolicy\":\"\"}",
	  "0 CNI-ADMIN 0", true, 1 },
	{ "the longest chain", "{\"iptablesAdminChainName\":\"A234567890123456789012345678\"}",
	  "0 A234567890123456789012345678 0", true, 1 },
	{ "a longer chain", "{\"iptablesAdminChainName\":\"A2345678901234567890123456789\"}",
	  "at most 28 characters", false, 0 },
	{ "an option as chain", "{\"iptablesAdminChainName\":\"-j\"}", "iptablesAdminChainName",
	  false, 0 },
	{ "a blank in a chain", "{\"iptablesAdminChainName\":\"A B\"}", "iptablesAdminChainName",
	  false, 0 },
	{ "an unknown policy", "{\"ingressPolicy\":\"closed\"}",
	  "unknown ingress policy: \"closed\"", false, 0 },
	{ "no zone", "{\"firewalldZone\":\"a b\"}", "firewalldZone", false, 0 },
	{ "a number", "{\"ingressPolicy\":1}", "ingressPolicy: expected a string, found 1", false,
	  0 },
	{ "a list", "{\"backend\":[]}", "backend: expected a string", false, 0 },
};

Test(unit_firewall_conf, keys)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request req = { .verb = CNI_ADD };
		struct firewall_conf c;
		struct err e = { 0 };
		char found[128];
		int r;

		cr_assert(jparse(rows[i].text, strlen(rows[i].text), &req.config, &e) == 0,
		          "%s: %s", rows[i].name, e.msg);
		r = firewall_conf_parse(&req, &c, &e);
		cr_assert(rows[i].good ? r == rows[i].asked : r < 0 && e.code == CNI_E_CONFIG,
		          "%s: found %d (code %d %s)", rows[i].name, r, e.code, e.msg);
		(void)snprintf(found, sizeof(found), "%d %s %d", (int)c.policy, c.admin_chain,
		               c.firewalld);
		if (rows[i].good)
			cr_assert_str_eq(found, rows[i].expected, "%s: expected %s, found %s",
			                 rows[i].name, rows[i].expected, found);
		else
			cr_assert(strstr(e.msg, rows[i].expected),
			          "%s: expected \"%s\", found \"%s\"", rows[i].name,
			          rows[i].expected, e.msg);
		json_decref(req.config);
	}
}
