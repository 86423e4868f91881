/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * range.c - the address ranges of a host-local configuration: parsing, defaults, checks
 */
#include "ipam/range.h"

#include <stdio.h>
#include <string.h>

/* An optional address: 1 if it is there, 0 if it is absent or "" (which Go takes for absent). */
static int get_addr(const json_t *obj, const char *path, const char *key, struct ip_addr *ret,
                    struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, key, &text, e);

	if (r <= 0 || !*text)
		return r < 0 ? r : 0;
	if (!ip_parse(text, ret))
		return err_set(e, CNI_E_INTERNAL, 0, "%s.%s: invalid IP address: %s", path, key,
		               text);
	return 1;
}

static int get_subnet(const json_t *obj, const char *path, struct ip_prefix *ret, struct err *e)
{
	const char *text;
	int r = jget_str(obj, path, "subnet", &text, e);

	if (r < 0)
		return r;
	if (r == 0 || !*text)
		return err_set(e, CNI_E_INTERNAL, 0, "IP <nil> not v4 nor v6: %s.subnet is missing",
		               path);
	if (!prefix_parse(text, ret))
		return err_set(e, CNI_E_INTERNAL, 0, "%s.subnet: invalid CIDR address: %s", path,
		               text);
	return 0;
}

static int check_subnet(const struct ip_prefix *subnet, struct err *e)
{
	char text[PREFIX_STR_MAX], net_text[IP_STR_MAX];
	struct ip_addr net = prefix_network(subnet);

	/* Two host bits at least: a /31 or /32 has nothing left besides its own ends. */
	if (subnet->len + 2U > ip_bits(subnet->addr.family))
		return err_set(e, CNI_E_INTERNAL, 0, "Network %s too small to allocate from",
		               prefix_format(subnet, text));
	if (!ip_eq(&subnet->addr, &net))
		return err_set(
			e, CNI_E_INTERNAL, 0,
			"Network has host bits set. For a subnet mask of length %u the network address is %s",
			subnet->len, ip_format(&net, net_text));
	return 0;
}

/* What may be handed out when the configuration does not say: all but the network address and the
 * IPv4 broadcast address. The gateway is inside and is skipped when it comes up. */
static void set_defaults(struct range *r)
{
	r->gateway = ip_next(&r->subnet.addr);
	r->start = ip_next(&r->subnet.addr);
	r->end = prefix_last(&r->subnet);
	if (r->end.family == AF_INET)
		r->end = ip_prev(&r->end);
}

static int bad_end(const char *which, const struct ip_addr *a, const struct ip_prefix *subnet,
                   struct err *e)
{
	char text[IP_STR_MAX], net[PREFIX_STR_MAX];

	return err_set(e, CNI_E_INTERNAL, 0, "%s %s not in network %s", which, ip_format(a, text),
	               prefix_format(subnet, net));
}

int range_parse(const json_t *obj, const char *path, struct range *ret, struct err *e)
{
	char start[IP_STR_MAX], end[IP_STR_MAX];
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!json_is_object(obj))
		return err_set(e, CNI_E_INTERNAL, 0, "%s: not an object", path);
	r = get_subnet(obj, path, &ret->subnet, e);
	if (r < 0)
		return r;
	r = check_subnet(&ret->subnet, e);
	if (r < 0)
		return r;
	set_defaults(ret);

	r = get_addr(obj, path, "gateway", &ret->gateway, e);
	if (r < 0)
		return r;
	r = get_addr(obj, path, "rangeStart", &ret->start, e);
	if (r < 0)
		return r;
	if (r > 0 && !prefix_contains(&ret->subnet, &ret->start))
		return bad_end("RangeStart", &ret->start, &ret->subnet, e);
	r = get_addr(obj, path, "rangeEnd", &ret->end, e);
	if (r < 0)
		return r;
	if (r > 0 &&
	    (!prefix_contains(&ret->subnet, &ret->end) || ip_cmp(&ret->end, &ret->start) < 0))
		return bad_end("RangeEnd", &ret->end, &ret->subnet, e);
	/* A start at the broadcast address lies behind the default end: upstream then runs out
	 * of the subnet, all the way around. */
	if (ip_cmp(&ret->start, &ret->end) > 0)
		return err_set(e, CNI_E_INTERNAL, 0, "RangeStart %s is after RangeEnd %s",
		               ip_format(&ret->start, start), ip_format(&ret->end, end));
	return 0;
}

bool range_contains(const struct range *r, const struct ip_addr *a)
{
	return a->family == r->start.family && ip_cmp(&r->start, a) <= 0 && ip_cmp(a, &r->end) <= 0;
}

static bool ranges_overlap(const struct range *a, const struct range *b)
{
	return range_contains(a, &b->start) || range_contains(b, &a->start);
}

int range_set_check(const struct range_set *set, struct err *e)
{
	char text[4][IP_STR_MAX];

	if (set->n == 0)
		return err_set(e, CNI_E_INTERNAL, 0, "empty range set");
	for (size_t i = 1; i < set->n; i++)
		if (set->v[i].start.family != set->v[0].start.family)
			return err_set(e, CNI_E_INTERNAL, 0, "mixed address families");
	for (size_t i = 0; i < set->n; i++) {
		for (size_t j = i + 1; j < set->n; j++) {
			const struct range *a = &set->v[i], *b = &set->v[j];

			if (ranges_overlap(a, b))
				return err_set(e, CNI_E_INTERNAL, 0,
				               "subnets %s-%s and %s-%s overlap",
				               ip_format(&a->start, text[0]),
				               ip_format(&a->end, text[1]),
				               ip_format(&b->start, text[2]),
				               ip_format(&b->end, text[3]));
		}
	}
	return 0;
}

int range_set_parse(const json_t *arr, const char *path, struct range_set *ret, struct err *e)
{
	ret->n = 0;
	if (!json_is_array(arr))
		return err_set(e, CNI_E_INTERNAL, 0, "%s: not a list of ranges", path);
	if (json_array_size(arr) > RANGES_MAX)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "%s: %zu ranges in a set, at most %d are supported", path,
		               json_array_size(arr), RANGES_MAX);
	for (size_t i = 0; i < json_array_size(arr); i++) {
		char item[256];
		int r;

		(void)snprintf(item, sizeof(item), "%s[%zu]", path, i);
		r = range_parse(json_array_get(arr, i), item, &ret->v[i], e);
		if (r < 0)
			return r;
		ret->n++;
	}
	return range_set_check(ret, e);
}

bool range_sets_overlap(const struct range_set *a, const struct range_set *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (ranges_overlap(&a->v[i], &b->v[j]))
				return true;
	return false;
}

const struct range *range_set_find(const struct range_set *set, const struct ip_addr *a)
{
	for (size_t i = 0; i < set->n; i++)
		if (range_contains(&set->v[i], a))
			return &set->v[i];
	return NULL;
}

const char *range_set_format(const struct range_set *set, char *buf, size_t cap)
{
	size_t used = 0;

	if (cap == 0)
		return "";
	buf[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		char start[IP_STR_MAX], end[IP_STR_MAX];
		int n = snprintf(buf + used, cap - used, "%s%s-%s", i ? "," : "",
		                 ip_format(&set->v[i].start, start),
		                 ip_format(&set->v[i].end, end));

		if (n < 0 || (size_t)n >= cap - used) {
			if (cap > 4)
				memcpy(buf + cap - 4, "...", 4);
			break;
		}
		used += (size_t)n;
	}
	return buf;
}
