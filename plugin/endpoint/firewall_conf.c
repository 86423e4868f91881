/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall_conf.c - upstream firewall's keys
 */
#include "endpoint/firewall_conf.h"

#include "base/json.h"

#include <string.h>

static const char *const policies[] = {
	[FIREWALL_OPEN] = "open",
	[FIREWALL_SAME_BRIDGE] = "same-bridge",
	[FIREWALL_ISOLATED] = "isolated",
};

const char *firewall_policy_name(enum firewall_policy policy)
{
	return policies[policy];
}

static int parse_policy(const char *text, struct firewall_conf *ret, struct err *e)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(text, policies[i]) == 0) {
			ret->policy = (enum firewall_policy)i;
			return 0;
		}
	}
	return *text ? err_set(e, CNI_E_CONFIG, 0, "unknown ingress policy: \"%s\"", text) : 0;
}

/* Names that iptables takes: printable, without blanks, and nothing that it would read as an option. */
static int check_chain(const char *name, struct err *e)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return err_set(e, CNI_E_CONFIG, 0,
			               "iptablesAdminChainName: \"%s\" is no name of a chain",
			               name);
	}
	if (len >= FIREWALL_CHAIN_MAX || name[0] == '-' || name[0] == '!')
		return err_set(
			e, CNI_E_CONFIG, 0,
			"iptablesAdminChainName: \"%s\" is no name of a chain, which has at most %d characters",
			name, FIREWALL_CHAIN_MAX - 1);
	return 0;
}

static int check_zone(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len >= FIREWALLD_ZONE_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz"
	                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/") < len)
		return err_set(e, CNI_E_CONFIG, 0, "firewalldZone: \"%s\" is no name of a zone",
		               name);
	return 0;
}

int firewall_conf_parse(const struct request *req, struct firewall_conf *ret, struct err *e)
{
	const char *backend = "", *admin = "", *policy = "", *zone = "";
	int any = 0, r = jget_str(req->config, "", "backend", &backend, e);

	*ret = (struct firewall_conf) { .admin_chain = "CNI-ADMIN", .zone = "trusted" };
	ret->firewalld = strcmp(backend, "firewalld") == 0;
	any |= ret->firewalld;
	if (r >= 0)
		r = jget_str(req->config, "", "iptablesAdminChainName", &admin, e);
	any |= r > 0;
	if (r >= 0)
		r = jget_str(req->config, "", "firewalldZone", &zone, e);
	any |= r > 0;
	if (r >= 0)
		r = jget_str(req->config, "", "ingressPolicy", &policy, e);
	any |= r > 0;
	if (r >= 0)
		r = check_chain(admin, e);
	if (r >= 0)
		r = check_zone(zone, e);
	if (r < 0)
		return r;
	if (*admin)
		ret->admin_chain = admin;
	if (*zone)
		ret->zone = zone;
	r = parse_policy(policy, ret, e);
	return r < 0 ? r : any;
}
