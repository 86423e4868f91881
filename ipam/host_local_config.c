/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_local_config.c - the configuration of host-local: range sets and requested addresses from
 * all the places they come from
 *
 * Order matters, since the number of a set is the number in last_reserved_ip.N:
 * runtimeConfig.ipRanges, then the single range written right into "ipam" (the oldest form), then
 * ipam.ranges.
 */
#include "ipam/host_local.h"

#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- requested addresses ---- */

/* Address, with or without a prefix length, which is ignored: the range has one. */
static bool parse_requested(const char *text, struct ip_addr *ret)
{
	struct ip_prefix prefix;

	if (ip_parse(text, ret))
		return true;
	if (!prefix_parse(text, &prefix))
		return false;
	*ret = prefix.addr;
	return true;
}

static int add_requested(struct host_local *cfg, const struct ip_addr *addr, struct err *e)
{
	for (size_t i = 0; i < cfg->n_requested; i++)
		if (ip_eq(&cfg->requested[i], addr))
			return 0;
	if (cfg->n_requested == RESULT_IPS_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "more than %d addresses requested",
		               RESULT_IPS_MAX);
	cfg->requested[cfg->n_requested++] = *addr;
	return 0;
}

static int requested_from_args(const struct request *req, struct host_local *cfg, struct err *e)
{
	static const char *const known[] = { "IP", "IgnoreUnknown", NULL };
	struct cni_args args;
	struct ip_addr addr;
	const char *ip;
	int r;

	if (!*req->args)
		return 0;
	r = cni_args_parse(req->args, known, &args, e);
	if (r < 0)
		return r;
	ip = cni_args_get(&args, "IP");
	if (!ip || !*ip)
		return 0;
	if (!parse_requested(ip, &addr))
		return err_set(e, CNI_E_ENV, 0,
		               "ARGS: error parsing value of pair \"IP=%s\": invalid IP address %s",
		               ip, ip);
	return add_requested(cfg, &addr, e);
}

static int requested_from_list(const json_t *obj, const char *path, struct host_local *cfg,
                               struct err *e)
{
	json_t *list = NULL;
	int r = jget_arr(obj, path, "ips", &list, e);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		struct ip_addr addr;

		if (text && !*text)
			continue;
		if (!text || !parse_requested(text, &addr))
			return err_set(e, CNI_E_CONFIG, 0, "%s.ips[%zu]: invalid IP address %s",
			               path, i, text ? text : "(not a string)");
		r = add_requested(cfg, &addr, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_all_requested(const struct request *req, const json_t *runtime,
                               struct host_local *cfg, struct err *e)
{
	json_t *args = NULL, *cni = NULL;
	int r = requested_from_args(req, cfg, e);

	if (r == 0)
		r = jget_obj(req->config, "", "args", &args, e);
	if (r > 0)
		r = jget_obj(args, "args", "cni", &cni, e);
	if (r > 0)
		r = requested_from_list(cni, "args.cni", cfg, e);
	if (r < 0)
		return r;
	return runtime ? requested_from_list(runtime, "runtimeConfig", cfg, e) : 0;
}

/* ---- range sets ---- */

/* The place of the next set; NULL with @e filled if there is none left. */
static struct range_set *next_set(struct host_local *cfg, struct err *e)
{
	if (cfg->n_sets < RANGE_SETS_MAX)
		return &cfg->sets[cfg->n_sets];
	(void)err_set(e, CNI_E_CONFIG, 0, "more than %d range sets", RANGE_SETS_MAX);
	return NULL;
}

static int add_sets(const json_t *obj, const char *path, const char *key, struct host_local *cfg,
                    struct err *e)
{
	struct range_set *set;
	json_t *list = NULL;
	int r = jget_arr(obj, path, key, &list, e);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_array_size(list); i++) {
		char item[128];

		set = next_set(cfg, e);
		if (!set)
			return -EINVAL;
		(void)snprintf(item, sizeof(item), "%s.%s[%zu]", path, key, i);
		r = range_set_parse(json_array_get(list, i), item, set, e);
		if (r < 0)
			return err_wrap(e, "invalid range set %zu", cfg->n_sets);
		cfg->n_sets++;
	}
	return 0;
}

static int add_single_range(const json_t *ipam, struct host_local *cfg, struct err *e)
{
	const char *subnet = NULL;
	struct range_set *set;
	int r = jget_str(ipam, "ipam", "subnet", &subnet, e);

	if (r <= 0 || !*subnet)
		return r < 0 ? r : 0;
	set = next_set(cfg, e);
	if (!set)
		return -EINVAL;
	r = range_parse(ipam, "ipam", &set->v[0], e);
	if (r < 0)
		return err_wrap(e, "invalid range set %zu", cfg->n_sets);
	set->n = 1;
	cfg->n_sets++;
	return 0;
}

static int check_sets(const struct request *req, const struct host_local *cfg, struct err *e)
{
	unsigned int n_v4 = 0, n_v6 = 0;

	if (cfg->n_sets == 0)
		return err_set(e, CNI_E_INTERNAL, 0, "no IP ranges specified");
	for (size_t i = 0; i < cfg->n_sets; i++) {
		if (cfg->sets[i].v[0].start.family == AF_INET)
			n_v4++;
		else
			n_v6++;
	}
	if ((n_v4 > 1 || n_v6 > 1) && req->version < CNI_0_3_0)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "CNI version %s does not support more than 1 address per family",
		               cni_version_str(req->version));
	for (size_t i = 0; i < cfg->n_sets; i++)
		for (size_t j = i + 1; j < cfg->n_sets; j++)
			if (range_sets_overlap(&cfg->sets[i], &cfg->sets[j]))
				return err_set(e, CNI_E_INTERNAL, 0,
				               "range set %zu overlaps with %zu", i, j);
	return 0;
}

/* ---- the rest ---- */

static int parse_routes(const json_t *ipam, struct host_local *cfg, struct err *e)
{
	json_t *list = NULL;
	int r = jget_arr(ipam, "ipam", "routes", &list, e);

	if (r <= 0)
		return r;
	if (json_array_size(list) > RESULT_ROUTES_MAX)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "ipam.routes: %zu routes, at most %d are supported",
		               json_array_size(list), RESULT_ROUTES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		char item[64];

		(void)snprintf(item, sizeof(item), "ipam.routes[%zu]", i);
		r = route_parse(json_array_get(list, i), item, &cfg->routes[i], e);
		if (r < 0)
			return r;
		cfg->n_routes++;
	}
	return 0;
}

static int parse_scalars(const json_t *ipam, struct host_local *cfg, struct err *e)
{
	const char *data_dir = "", *on_exhaustion = "ok";

	if (jget_str(ipam, "ipam", "dataDir", &data_dir, e) < 0 ||
	    jget_str(ipam, "ipam", "resolvConf", &cfg->resolv_conf, e) < 0 ||
	    jget_str(ipam, "ipam", "statusOnExhaustion", &on_exhaustion, e) < 0)
		return -EINVAL;
	if (strlen(data_dir) >= sizeof(cfg->data_dir))
		return err_set(e, CNI_E_CONFIG, 0, "ipam.dataDir is longer than %zu bytes",
		               sizeof(cfg->data_dir) - 1);
	(void)snprintf(cfg->data_dir, sizeof(cfg->data_dir), "%s",
	               *data_dir ? data_dir : STORE_DIR_DEFAULT);
	if (cfg->resolv_conf && !*cfg->resolv_conf)
		cfg->resolv_conf = NULL;
	cfg->exhaustion_is_error = strcmp(on_exhaustion, "not-available") == 0;
	if (!cfg->exhaustion_is_error && strcmp(on_exhaustion, "ok") != 0)
		return err_set(
			e, CNI_E_INTERNAL, 0,
			"ipam.statusOnExhaustion: \"%s\" is neither \"ok\" nor \"not-available\"",
			on_exhaustion);
	return 0;
}

int host_local_parse(const struct request *req, struct host_local *ret, struct err *e)
{
	json_t *ipam = NULL, *runtime = NULL;
	int r;

	ret->resolv_conf = NULL;
	ret->n_sets = 0;
	ret->n_requested = 0;
	ret->n_routes = 0;
	r = jget_obj(req->config, "", "ipam", &ipam, e);
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, 0, "IPAM config missing 'ipam' key");
	if (r > 0)
		r = parse_scalars(ipam, ret, e);
	if (r == 0)
		r = jget_obj(req->config, "", "runtimeConfig", &runtime, e);
	if (r >= 0)
		r = parse_all_requested(req, runtime, ret, e);
	if (r == 0 && runtime)
		r = add_sets(runtime, "runtimeConfig", "ipRanges", ret, e);
	if (r == 0)
		r = add_single_range(ipam, ret, e);
	if (r == 0)
		r = add_sets(ipam, "ipam", "ranges", ret, e);
	if (r == 0)
		r = check_sets(req, ret, e);
	return r == 0 ? parse_routes(ipam, ret, e) : r;
}
