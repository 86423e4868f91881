/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * static.c - the static IPAM: addresses from the configuration, no state
 *
 * Precedence: ipam.addresses and those of CNI_ARGS IP add up, then GATEWAY of CNI_ARGS goes to each
 * address whose subnet contains it; args.cni.ips replaces them all, and runtimeConfig.ips replaces
 * even that (without a gateway, as neither has a place for one).
 */
#include "ipam/static.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLANK " \t\r\n"

struct static_config {
	struct result_ip ips[RESULT_IPS_MAX];
	size_t n_ips;
	json_t *ipam; /* borrowed */
};

static int add_address(struct static_config *cfg, const char *text, const char *expectation,
                       struct err *e)
{
	struct result_ip ip = { .gateway = { .family = AF_UNSPEC }, .iface = -1 };

	if (!prefix_parse(text, &ip.address))
		return err_set(e, CNI_E_INTERNAL, 0, "%s, got: '%s'", expectation, text);
	if (cfg->n_ips == RESULT_IPS_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "more than %d addresses", RESULT_IPS_MAX);
	cfg->ips[cfg->n_ips++] = ip;
	return 0;
}

/* ---- ipam.addresses ---- */

static int parse_address(const json_t *obj, size_t i, struct static_config *cfg, struct err *e)
{
	const char *address = "", *gateway = "";
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "ipam.addresses[%zu]", i);
	if (!json_is_object(obj))
		return err_set(e, CNI_E_CONFIG, 0, "%s: not an object", path);
	if (jget_str(obj, path, "address", &address, e) < 0 ||
	    jget_str(obj, path, "gateway", &gateway, e) < 0)
		return -EINVAL;
	r = add_address(cfg, address, "the 'address' field is expected to be in CIDR notation", e);
	if (r == 0 && *gateway && !ip_parse(gateway, &cfg->ips[cfg->n_ips - 1].gateway))
		return err_set(e, CNI_E_CONFIG, 0, "%s.gateway: invalid IP address: %s", path,
		               gateway);
	return r;
}

static int parse_addresses(struct static_config *cfg, struct err *e)
{
	json_t *list = NULL;
	int r = jget_arr(cfg->ipam, "ipam", "addresses", &list, e);

	for (size_t i = 0; r > 0 && i < json_array_size(list); i++) {
		int res = parse_address(json_array_get(list, i), i, cfg, e);

		if (res < 0)
			return res;
	}
	return r < 0 ? r : 0;
}

/* ---- CNI_ARGS ---- */

/* The next item of a comma list, without blanks around it; NULL at the end. An empty item is one
 * too. */
static char *next_item(char **list)
{
	char *item = strsep(list, ","), *end;

	if (!item)
		return NULL;
	item += strspn(item, BLANK);
	for (end = item + strlen(item); end > item && strchr(BLANK, end[-1]); end--)
		end[-1] = '\0';
	return item;
}

static int add_gateway(struct static_config *cfg, const char *text, struct err *e)
{
	struct ip_addr gw;

	if (!ip_parse(text, &gw))
		return err_set(e, CNI_E_ENV, 0, "invalid gateway address: %s", text);
	for (size_t i = 0; i < cfg->n_ips; i++)
		if (prefix_contains(&cfg->ips[i].address, &gw))
			cfg->ips[i].gateway = gw;
	return 0;
}

static int parse_args(const struct request *req, struct static_config *cfg, struct err *e)
{
	static const char *const known[] = { "IP", "GATEWAY", "IgnoreUnknown", NULL };
	char ips[sizeof(((struct cni_arg *)0)->value)] = "", gateways[sizeof(ips)] = "";
	char *list, *item;
	struct cni_args args;
	const char *value;
	int r;

	if (!*req->args)
		return 0;
	r = cni_args_parse(req->args, known, &args, e);
	if (r < 0)
		return r;
	value = cni_args_get(&args, "IP");
	(void)snprintf(ips, sizeof(ips), "%s", value ? value : "");
	value = cni_args_get(&args, "GATEWAY");
	(void)snprintf(gateways, sizeof(gateways), "%s", value ? value : "");

	list = ips;
	while (*ips && (item = next_item(&list))) {
		r = add_address(cfg, item, "the 'ip' field is expected to be in CIDR notation", e);
		if (r < 0) {
			e->code = CNI_E_ENV;
			return r;
		}
	}
	list = gateways;
	while (*gateways && (item = next_item(&list))) {
		r = add_gateway(cfg, item, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- lists that replace what was there ---- */

static int replace_ips(const json_t *obj, const char *path, struct static_config *cfg,
                       struct err *e)
{
	json_t *list = NULL;
	int r = jget_arr(obj, path, "ips", &list, e);

	if (r <= 0 || json_array_size(list) == 0)
		return r < 0 ? r : 0;
	cfg->n_ips = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text)
			return err_set(e, CNI_E_CONFIG, 0, "%s.ips[%zu]: not a string", path, i);
		r = add_address(cfg, text, "an entry in the 'ips' field is NOT in CIDR notation",
		                e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_families(const struct request *req, const struct static_config *cfg, struct err *e)
{
	unsigned int n_v4 = 0, n_v6 = 0;

	for (size_t i = 0; i < cfg->n_ips; i++) {
		if (cfg->ips[i].address.addr.family == AF_INET)
			n_v4++;
		else
			n_v6++;
	}
	if ((n_v4 > 1 || n_v6 > 1) && req->version < CNI_0_3_0)
		return err_set(e, CNI_E_CONFIG, 0,
		               "CNI version %s does not support more than 1 address per family",
		               cni_version_str(req->version));
	return 0;
}

static int static_parse(const struct request *req, struct static_config *cfg, struct err *e)
{
	json_t *args = NULL, *cni = NULL, *runtime = NULL;
	int r = jget_obj(req->config, "", "ipam", &cfg->ipam, e);

	cfg->n_ips = 0;
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, 0, "IPAM config missing 'ipam' key");
	if (r < 0 || jget_obj(req->config, "", "args", &args, e) < 0 ||
	    jget_obj(args, "args", "cni", &cni, e) < 0 ||
	    jget_obj(req->config, "", "runtimeConfig", &runtime, e) < 0)
		return -EINVAL;
	r = parse_addresses(cfg, e);
	if (r == 0)
		r = parse_args(req, cfg, e);
	if (r == 0)
		r = replace_ips(cni, "args.cni", cfg, e);
	if (r == 0)
		r = replace_ips(runtime, "runtimeConfig", cfg, e);
	return r == 0 ? check_families(req, cfg, e) : r;
}

/* ---- results ---- */

static int fill_routes(const struct static_config *cfg, struct result *ret, struct err *e)
{
	json_t *list = NULL;
	int r = jget_arr(cfg->ipam, "ipam", "routes", &list, e);

	if (r <= 0)
		return r;
	if (json_array_size(list) > RESULT_ROUTES_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "ipam.routes: more than %d routes",
		               RESULT_ROUTES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "ipam.routes[%zu]", i);
		r = route_parse(json_array_get(list, i), path, &ret->routes[i], e);
		if (r < 0)
			return r;
		ret->n_routes = i + 1;
	}
	return 0;
}

int static_add(const struct request *req, struct result *ret, struct err *e)
{
	struct static_config cfg = { .n_ips = 0 };
	json_auto_t *parsed = NULL;
	json_t *dns = NULL;
	int r = static_parse(req, &cfg, e);

	if (r == 0)
		r = jget_obj(cfg.ipam, "ipam", "dns", &dns, e);
	if (r > 0)
		r = dns_parse(dns, "ipam.dns", &parsed, e);
	if (r >= 0)
		r = fill_routes(&cfg, ret, e);
	if (r < 0)
		return r;
	memcpy(ret->ips, cfg.ips, cfg.n_ips * sizeof(cfg.ips[0]));
	ret->n_ips = cfg.n_ips;
	json_decref(ret->dns);
	ret->dns = json_incref(parsed);
	return 0;
}

static const struct result_ip *find_ip(const struct result *r, const struct ip_addr *addr)
{
	for (size_t i = 0; i < r->n_ips; i++)
		if (ip_eq(addr, &r->ips[i].address.addr))
			return &r->ips[i];
	return NULL;
}

static int check_ips(const struct request *req, const struct static_config *cfg,
                     const struct result *prev, struct err *e)
{
	char text[IP_STR_MAX];

	for (size_t i = 0; i < cfg->n_ips; i++) {
		const struct result_ip *want = &cfg->ips[i];
		const struct result_ip *is = find_ip(prev, &want->address.addr);

		if (!is || (ip_is_set(&want->gateway) && !ip_eq(&want->gateway, &is->gateway)))
			return err_set(e, CNI_E_INTERNAL, 0,
			               "static: Failed to match addr %s on interface %s",
			               ip_format(&want->address.addr, text), req->ifname);
	}
	return 0;
}

int static_check(const struct request *req, struct err *e)
{
	struct static_config cfg = { .n_ips = 0 };
	struct result prev;
	int r = static_parse(req, &cfg, e);

	if (r < 0)
		return r;
	if (!req->prev_result)
		return err_set(e, CNI_E_CONFIG, 0, "Required prevResult missing");
	result_init(&prev);
	r = result_parse(req->prev_result, req->version, &prev, e);
	if (r == 0)
		r = check_ips(req, &cfg, &prev, e);
	result_free(&prev);
	return r;
}
