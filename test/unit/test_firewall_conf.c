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
} rows[] = {
	{ "nothing", "{}", "0 CNI-ADMIN 0", true },
	{ "all",
	  "{\"backend\":\"iptables\",\"iptablesAdminChainName\":\"MINE\",\"firewalldZone\":\"public\",\"ingressPolicy\":\"open\"}",
	  "0 MINE 0", true },
	{ "an unknown backend", "{\"backend\":\"nonsense\"}", "0 CNI-ADMIN 0", true },
	{ "firewalld", "{\"BACKEND\":\"firewalld\"}", "0 CNI-ADMIN 1", true },
	{ "same-bridge", "{\"ingressPolicy\":\"same-bridge\"}", "1 CNI-ADMIN 0", true },
	{ "isolated", "{\"INGRESSPOLICY\":\"isolated\"}", "2 CNI-ADMIN 0", true },
	{ "empty texts", "{\"iptablesAdminChainName\":\"\",\"ingressPolicy\":\"\"}",
	  "0 CNI-ADMIN 0", true },
	{ "the longest chain", "{\"iptablesAdminChainName\":\"A234567890123456789012345678\"}",
	  "0 A234567890123456789012345678 0", true },
	{ "a longer chain", "{\"iptablesAdminChainName\":\"A2345678901234567890123456789\"}",
	  "at most 28 characters", false },
	{ "an option as chain", "{\"iptablesAdminChainName\":\"-j\"}", "iptablesAdminChainName",
	  false },
	{ "a blank in a chain", "{\"iptablesAdminChainName\":\"A B\"}", "iptablesAdminChainName",
	  false },
	{ "an unknown policy", "{\"ingressPolicy\":\"closed\"}",
	  "unknown ingress policy: \"closed\"", false },
	{ "a number", "{\"ingressPolicy\":1}", "ingressPolicy: expected a string, found 1", false },
	{ "a list", "{\"backend\":[]}", "backend: expected a string", false },
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
		cr_assert(rows[i].good ? r == 0 : r < 0 && e.code == CNI_E_CONFIG,
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
