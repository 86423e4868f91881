/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result_parse.c - reading a CNI result of any of the seven versions
 *
 * Three shapes exist: up to 0.2.0 one address per family with its routes inside; from 0.3.0 lists of
 * interfaces, addresses and routes; from 1.0.0 the same with more to say about an interface. All of them
 * end up in the one form of struct result.
 *
 * The getters of base/json.h report code 7, as is right for a configuration. For a result it is code 6:
 * result_parse() changes it in one place, and tells a list that is too long apart by its -E2BIG.
 */
#include "spec/result.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/quote.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PATH_TEXT_MAX 64 /* "interfaces[15]", "ip4.routes[127]" */
#define QUOTE_MAX     160

static const char *join(const char *path, const char *key, char buf[static PATH_TEXT_MAX])
{
	(void)snprintf(buf, PATH_TEXT_MAX, "%s%s%s", path, *path ? "." : "", key);
	return buf;
}

static int bad_value(const char *path, const char *key, const char *value, const char *what,
                     struct err *e)
{
	char quoted[QUOTE_MAX];

	return err_set(e, CNI_E_CONFIG, 0, "%s%s%s: %s %s", path, *path ? "." : "", key, what,
	               quote(value, strlen(value), quoted, sizeof(quoted)));
}

static int missing(const char *path, const char *key, struct err *e)
{
	return err_set(e, CNI_E_CONFIG, 0, "%s%s%s: missing", path, *path ? "." : "", key);
}

/* Text into a field of fixed size; absent leaves it empty. */
static int get_field(const json_t *obj, const char *path, const char *key, char *ret, size_t cap,
                     struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, key, &text, e);

	if (r <= 0)
		return r;
	if (strlen(text) >= cap)
		return bad_value(path, key, text, "too long:", e);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* Borrowed text; empty counts as absent, as it is left out when written. */
static int get_text(const json_t *obj, const char *path, const char *key, const char **ret,
                    struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, key, &text, e);

	if (r > 0 && *text)
		*ret = text;
	return r < 0 ? r : 0;
}

/* Returns 1 if the key is there. */
static int get_u32(const json_t *obj, const char *path, const char *key, uint32_t *ret,
                   struct err *e)
{
	int64_t value;
	int r = jget_int(obj, path, key, 0, UINT32_MAX, &value, e);

	if (r > 0)
		*ret = (uint32_t)value;
	return r;
}

static int get_prefix(const json_t *obj, const char *path, const char *key, struct ip_prefix *ret,
                      struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, key, &text, e);

	if (r < 0)
		return r;
	if (r == 0)
		return missing(path, key, e);
	if (!prefix_parse(text, ret))
		return bad_value(path, key, text, "invalid CIDR address:", e);
	return 0;
}

/* An address that may be absent; empty text counts as absent, as in Go. */
static int get_addr(const json_t *obj, const char *path, const char *key, struct ip_addr *ret,
                    struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, key, &text, e);

	if (r <= 0 || *text == '\0')
		return r < 0 ? r : 0;
	if (!ip_parse(text, ret))
		return bad_value(path, key, text, "invalid IP address:", e);
	return 0;
}

static int expect_object(const json_t *value, const char *path, struct err *e)
{
	char found[QUOTE_MAX];

	if (json_is_object(value))
		return 0;
	return err_set(e, CNI_E_CONFIG, 0, "%s: expected an object, found %s", path,
	               jdescribe(value, found, sizeof(found)));
}

/* A list with at most @max entries; *ret stays NULL if there is none. */
static int get_list(const json_t *obj, const char *path, const char *key, size_t max, json_t **ret,
                    struct err *e)
{
	int r;

	*ret = NULL;
	r = jget_arr(obj, path, key, ret, e);
	if (r > 0 && json_array_size(*ret) > max)
		return err_set(e, CNI_E_CONFIG, E2BIG,
		               "%s%s%s: %zu entries, at most %zu are supported", path,
		               *path ? "." : "", key, json_array_size(*ret), max);
	return r < 0 ? r : 0;
}

int route_parse(const json_t *obj, const char *path, struct result_route *ret, struct err *e)
{
	struct result_route route = { .scope = 0 };
	int64_t scope;
	int r;

	if (expect_object(obj, path, e) < 0)
		return -EINVAL;
	if (get_prefix(obj, path, "dst", &route.dst, e) < 0 ||
	    get_addr(obj, path, "gw", &route.gw, e) < 0 ||
	    get_u32(obj, path, "mtu", &route.mtu, e) < 0 ||
	    get_u32(obj, path, "advmss", &route.advmss, e) < 0)
		return -EINVAL;

	r = get_u32(obj, path, "priority", &route.priority, e);
	if (r < 0)
		return r;
	route.has_priority = r > 0;
	r = get_u32(obj, path, "table", &route.table, e);
	if (r < 0)
		return r;
	route.has_table = r > 0;
	r = jget_int(obj, path, "scope", 0, UINT8_MAX, &scope, e);
	if (r < 0)
		return r;
	route.has_scope = r > 0;
	if (r > 0)
		route.scope = (uint8_t)scope;

	*ret = route;
	return 0;
}

static int parse_routes(const json_t *obj, const char *path, struct result *ret, struct err *e)
{
	char at[PATH_TEXT_MAX];
	json_t *list, *entry;
	size_t i;
	int r = get_list(obj, path, "routes", RESULT_ROUTES_MAX - ret->n_routes, &list, e);

	if (r < 0)
		return r;
	json_array_foreach(list, i, entry) {
		(void)snprintf(at, sizeof(at), "%s%sroutes[%zu]", path, *path ? "." : "", i);
		r = route_parse(entry, at, &ret->routes[ret->n_routes], e);
		if (r < 0)
			return r;
		ret->n_routes++;
	}
	return 0;
}

static int parse_iface(const json_t *obj, const char *path, enum cni_version v,
                       struct result_iface *ret, struct err *e)
{
	int r = expect_object(obj, path, e);

	if (r == 0)
		r = get_field(obj, path, "name", ret->name, sizeof(ret->name), e);
	if (r == 0)
		r = get_field(obj, path, "mac", ret->mac, sizeof(ret->mac), e);
	if (r == 0)
		r = get_text(obj, path, "sandbox", &ret->sandbox, e);
	if (r < 0 || v < CNI_1_0_0)
		return r;

	r = get_u32(obj, path, "mtu", &ret->mtu, e);
	if (r >= 0)
		r = get_text(obj, path, "socketPath", &ret->socket_path, e);
	if (r >= 0)
		r = get_text(obj, path, "pciID", &ret->pci_id, e);
	return r;
}

static int parse_ifaces(const json_t *doc, enum cni_version v, struct result *ret, struct err *e)
{
	char at[PATH_TEXT_MAX];
	json_t *list, *entry;
	size_t i;
	int r = get_list(doc, "", "interfaces", RESULT_IFACES_MAX, &list, e);

	if (r < 0)
		return r;
	json_array_foreach(list, i, entry) {
		(void)snprintf(at, sizeof(at), "interfaces[%zu]", i);
		r = parse_iface(entry, at, v, &ret->ifaces[i], e);
		if (r < 0)
			return r;
		ret->n_ifaces++;
	}
	return 0;
}

/* The index must lead to an interface, so that nobody who uses it has to look again. */
static int parse_index(const json_t *obj, const char *path, size_t n_ifaces, int *ret,
                       struct err *e)
{
	int64_t index, max = n_ifaces ? (int64_t)n_ifaces - 1 : INT_MAX;
	int r = jget_int(obj, path, "interface", 0, max, &index, e);

	*ret = r > 0 && n_ifaces ? (int)index : -1;
	return r < 0 ? r : 0;
}

static int parse_ip(const json_t *obj, const char *path, enum cni_version v, struct result *in,
                    struct err *e)
{
	struct result_ip *ip = &in->ips[in->n_ips];
	const char *family;
	int r = expect_object(obj, path, e);

	/* "version" says what the address says better; it only has to be of the right type. */
	if (r == 0 && v < CNI_1_0_0)
		r = jget_str(obj, path, "version", &family, e);
	if (r >= 0)
		r = get_prefix(obj, path, "address", &ip->address, e);
	if (r == 0)
		r = get_addr(obj, path, "gateway", &ip->gateway, e);
	if (r == 0)
		r = parse_index(obj, path, in->n_ifaces, &ip->iface, e);
	if (r == 0)
		in->n_ips++;
	return r;
}

static int parse_ips(const json_t *doc, enum cni_version v, struct result *ret, struct err *e)
{
	char at[PATH_TEXT_MAX];
	json_t *list, *entry;
	size_t i;
	int r = get_list(doc, "", "ips", RESULT_IPS_MAX, &list, e);

	if (r < 0)
		return r;
	json_array_foreach(list, i, entry) {
		(void)snprintf(at, sizeof(at), "ips[%zu]", i);
		r = parse_ip(entry, at, v, ret, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "ip4" or "ip6" of the versions up to 0.2.0. */
static int parse_family(const json_t *doc, const char *key, sa_family_t family, struct result *ret,
                        struct err *e)
{
	struct result_ip *ip = &ret->ips[ret->n_ips];
	char buf[PREFIX_STR_MAX];
	json_t *obj;
	int r = jget_obj(doc, "", key, &obj, e);

	if (r <= 0)
		return r;
	r = get_prefix(obj, key, "ip", &ip->address, e);
	if (r < 0)
		return r;
	if (ip->address.addr.family != family)
		return bad_value(key, "ip", prefix_format(&ip->address, buf),
		                 "address of the other family:", e);
	r = get_addr(obj, key, "gateway", &ip->gateway, e);
	if (r < 0)
		return r;
	ip->iface = -1;
	ret->n_ips++;
	return parse_routes(obj, key, ret, e);
}

/* One key of "dns": text, or a list of texts, copied into @to unless it is empty. */
static int copy_dns_key(const json_t *obj, const char *path, const char *key, bool list, json_t *to,
                        struct err *e)
{
	char at[PATH_TEXT_MAX], found[QUOTE_MAX];
	json_t *value, *entry, *copy;
	const char *text;
	size_t i;
	int r = list ? jget_arr(obj, path, key, &value, e) : jget_str(obj, path, key, &text, e);

	if (r <= 0 || (list ? json_array_size(value) == 0 : *text == '\0'))
		return r < 0 ? r : 0;
	if (list) {
		json_array_foreach(value, i, entry)
			if (!json_is_string(entry))
				return err_set(e, CNI_E_CONFIG, 0,
				               "%s[%zu]: expected a string, found %s",
				               join(path, key, at), i,
				               jdescribe(entry, found, sizeof(found)));
	}
	copy = list ? json_copy(value) : json_string(text);
	if (!copy || json_object_set_new(to, key, copy) < 0)
		return err_sys(e, ENOMEM, "%s", join(path, key, at));
	return 0;
}

int dns_parse(const json_t *obj, const char *path, json_t **ret, struct err *e)
{
	static const struct {
		const char *key;
		bool list;
	} keys[] = { { "nameservers", true },
		     { "domain", false },
		     { "search", true },
		     { "options", true } };
	json_auto_t *dns = json_object();
	int r;

	if (!dns)
		return err_sys(e, ENOMEM, "%s", path);
	r = expect_object(obj, path, e);
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++)
		r = copy_dns_key(obj, path, keys[i].key, keys[i].list, dns, e);
	if (r < 0)
		return r;
	*ret = json_object_size(dns) > 0 ? take_ptr(dns) : NULL;
	return 0;
}

static int parse_dns(const json_t *doc, struct result *ret, struct err *e)
{
	const json_t *dns = jget(doc, "dns");

	return dns ? dns_parse(dns, "dns", &ret->dns, e) : 0;
}

static int parse_version(const json_t *doc, enum cni_version config, enum cni_version *ret,
                         struct err *e)
{
	char quoted[QUOTE_MAX];
	const char *text = "";
	int version = (int)config;
	int r = jget_str(doc, "", "cniVersion", &text, e);

	if (r < 0)
		return r;
	if (*text)
		version = cni_version_parse(text);
	if (version < 0)
		return err_set(e, CNI_E_VERSION, 0, "cniVersion: unsupported CNI result version %s",
		               quote(text, strlen(text), quoted, sizeof(quoted)));
	*ret = (enum cni_version)version;
	return 0;
}

static int parse_document(const json_t *doc, enum cni_version v, struct result *ret, struct err *e)
{
	int r;

	if (v <= CNI_0_2_0) {
		r = parse_family(doc, "ip4", AF_INET, ret, e);
		if (r == 0)
			r = parse_family(doc, "ip6", AF_INET6, ret, e);
	} else {
		r = parse_ifaces(doc, v, ret, e);
		if (r == 0)
			r = parse_ips(doc, v, ret, e);
		if (r == 0)
			r = parse_routes(doc, "", ret, e);
	}
	return r < 0 ? r : parse_dns(doc, ret, e);
}

int result_parse(json_t *doc, enum cni_version config, struct result *ret, struct err *e)
{
	enum cni_version v = config;
	int r;

	result_init(ret);
	r = expect_object(doc, "result", e);
	if (r == 0)
		r = parse_version(doc, config, &v, e);
	if (r == 0)
		r = parse_document(doc, v, ret, e);
	if (r < 0) {
		result_free(ret);
		if (r != -E2BIG && e->code == CNI_E_CONFIG)
			e->code = CNI_E_DECODE;
		return r;
	}
	ret->doc = json_incref(doc);
	return 0;
}
