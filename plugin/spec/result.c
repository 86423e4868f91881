/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.c - a CNI result as values: its life, and how it is written for any of the seven versions
 *
 * Keys are put in upstream's order, which shows up to 0.4.0; from 1.0.0 on they are sorted when dumped.
 */
#include "spec/result.h"

#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

void result_init(struct result *r)
{
	memset(r, 0, sizeof(*r));
}

void result_free(struct result *r)
{
	json_decref(r->dns);
	json_decref(r->doc);
	result_init(r);
}

void result_copy(struct result *dst, const struct result *src)
{
	*dst = *src;
	(void)json_incref(dst->dns);
	(void)json_incref(dst->doc);
}

/*
 * Putting a key never fails visibly: what went wrong is remembered in the builder and reported once, at
 * the end. It is memory, or text (a namespace's path, say) that is not UTF-8 and so cannot be JSON.
 */
struct builder {
	bool failed;
};

/* Steals @value; NULL is a failed allocation. */
static void put(struct builder *b, json_t *obj, const char *key, json_t *value)
{
	if (json_object_set_new(obj, key, value) < 0)
		b->failed = true;
}

static void append(struct builder *b, json_t *list, json_t *value)
{
	if (json_array_append_new(list, value) < 0)
		b->failed = true;
}

/* Empty text and zero are left out: that is how absence is written. */
static void put_text(struct builder *b, json_t *obj, const char *key, const char *text)
{
	if (text && *text)
		put(b, obj, key, json_string(text));
}

static void put_number(struct builder *b, json_t *obj, const char *key, uint32_t value)
{
	if (value)
		put(b, obj, key, json_integer(value));
}

static void put_addr(struct builder *b, json_t *obj, const char *key, const struct ip_addr *addr)
{
	char buf[IP_STR_MAX];

	if (ip_is_set(addr))
		put(b, obj, key, json_string(ip_format(addr, buf)));
}

static void put_prefix(struct builder *b, json_t *obj, const char *key,
                       const struct ip_prefix *prefix)
{
	char buf[PREFIX_STR_MAX];

	put(b, obj, key, json_string(prefix_format(prefix, buf)));
}

/* Steals @list and drops it if it has no entry. */
static void put_list(struct builder *b, json_t *obj, const char *key, json_t *list)
{
	if (list && json_array_size(list) == 0)
		json_decref(list);
	else
		put(b, obj, key, list);
}

static json_t *build_iface(struct builder *b, const struct result_iface *iface, enum cni_version v)
{
	json_t *obj = json_object();

	put(b, obj, "name", json_string(iface->name));
	put_text(b, obj, "mac", iface->mac);
	if (v >= CNI_1_0_0)
		put_number(b, obj, "mtu", iface->mtu);
	put_text(b, obj, "sandbox", iface->sandbox);
	if (v >= CNI_1_0_0) {
		put_text(b, obj, "socketPath", iface->socket_path);
		put_text(b, obj, "pciID", iface->pci_id);
	}
	return obj;
}

static json_t *build_ip(struct builder *b, const struct result_ip *ip, enum cni_version v)
{
	json_t *obj = json_object();

	if (v < CNI_1_0_0)
		put(b, obj, "version", json_string(ip->address.addr.family == AF_INET ? "4" : "6"));
	/* 0 is an index like any other, the only number that is written although it is zero. */
	if (ip->iface >= 0)
		put(b, obj, "interface", json_integer(ip->iface));
	put_prefix(b, obj, "address", &ip->address);
	put_addr(b, obj, "gateway", &ip->gateway);
	return obj;
}

static json_t *build_route(struct builder *b, const struct result_route *route, enum cni_version v)
{
	json_t *obj = json_object();

	put_prefix(b, obj, "dst", &route->dst);
	put_addr(b, obj, "gw", &route->gw);
	if (v <= CNI_0_2_0)
		return obj;
	put_number(b, obj, "mtu", route->mtu);
	put_number(b, obj, "advmss", route->advmss);
	if (route->has_priority)
		put_number(b, obj, "priority", route->priority);
	if (route->has_table)
		put(b, obj, "table", json_integer(route->table));
	if (route->has_scope)
		put(b, obj, "scope", json_integer(route->scope));
	return obj;
}

/* @family: of the destination, or AF_UNSPEC for the routes of both. */
static json_t *build_routes(struct builder *b, const struct result *r, sa_family_t family,
                            enum cni_version v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_routes; i++)
		if (family == AF_UNSPEC || r->routes[i].dst.addr.family == family)
			append(b, list, build_route(b, &r->routes[i], v));
	return list;
}

/* Up to 0.2.0: the first address of a family, with the routes of that family. False if there is none. */
static bool put_family(struct builder *b, json_t *doc, const char *key, const struct result *r,
                       sa_family_t family)
{
	json_t *obj;
	size_t i = 0;

	while (i < r->n_ips && r->ips[i].address.addr.family != family)
		i++;
	if (i == r->n_ips)
		return false;

	obj = json_object();
	put_prefix(b, obj, "ip", &r->ips[i].address);
	put_addr(b, obj, "gateway", &r->ips[i].gateway);
	put_list(b, obj, "routes", build_routes(b, r, family, CNI_0_2_0));
	put(b, doc, key, obj);
	return true;
}

static void put_lists(struct builder *b, json_t *doc, const struct result *r, enum cni_version v)
{
	json_t *ifaces = json_array(), *ips = json_array();

	for (size_t i = 0; i < r->n_ifaces; i++)
		append(b, ifaces, build_iface(b, &r->ifaces[i], v));
	for (size_t i = 0; i < r->n_ips; i++)
		append(b, ips, build_ip(b, &r->ips[i], v));
	put_list(b, doc, "interfaces", ifaces);
	put_list(b, doc, "ips", ips);
	put_list(b, doc, "routes", build_routes(b, r, AF_UNSPEC, v));
}

/* Only the four keys, in their order, each only when there is something in it, whoever filled r->dns. */
static void put_dns(struct builder *b, json_t *doc, const struct result *r, enum cni_version v)
{
	static const char *const keys[] = { "nameservers", "domain", "search", "options" };
	json_t *dns = json_object(), *value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		value = jget(r->dns, keys[i]);
		if (json_array_size(value) > 0 || json_string_length(value) > 0)
			put(b, dns, keys[i], json_deep_copy(value));
	}
	if (dns && json_object_size(dns) == 0 && v >= CNI_1_0_0)
		json_decref(dns);
	else
		put(b, doc, "dns", dns);
}

int result_build(const struct result *r, enum cni_version v, json_t **ret, struct err *e)
{
	json_auto_t *doc = json_object();
	struct builder b = { .failed = !doc };

	put(&b, doc, "cniVersion", json_string(cni_version_str(v)));
	if (v <= CNI_0_2_0) {
		bool has4 = put_family(&b, doc, "ip4", r, AF_INET);
		bool has6 = put_family(&b, doc, "ip6", r, AF_INET6);

		if (!has4 && !has6)
			return err_set(e, CNI_E_INTERNAL, 0,
			               "cannot convert: no valid IP addresses");
	} else {
		put_lists(&b, doc, r, v);
	}
	put_dns(&b, doc, r, v);
	if (b.failed)
		return err_set(e, CNI_E_INTERNAL, ENOMEM,
		               "cannot write the result: out of memory, or not UTF-8");
	*ret = take_ptr(doc);
	return 0;
}

int result_text(const struct result *r, enum cni_version v, char **ret, struct err *e)
{
	json_auto_t *doc = NULL;
	int n = result_build(r, v, &doc, e);

	if (n < 0)
		return n;
	if (jdump(doc, v >= CNI_1_0_0, ret) < 0)
		return err_sys(e, ENOMEM, "cannot write the result");
	return 0;
}
