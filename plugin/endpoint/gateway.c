/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gateway.c - which gateway a pod's addresses and routes use (pure)
 */
#include "endpoint/gateway.h"

#include <errno.h>

struct ip_addr gateway_of_family(const struct result *res, sa_family_t family)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		if (res->ips[i].gateway.family == family)
			return res->ips[i].gateway;
	}
	return (struct ip_addr) { .family = AF_UNSPEC };
}

static bool has_default_route(const struct result *res, sa_family_t family)
{
	for (size_t i = 0; i < res->n_routes; i++) {
		const struct result_route *r = &res->routes[i];

		if (r->dst.addr.family == family && prefix_is_default(&r->dst) && ip_is_set(&r->gw))
			return true;
	}
	return false;
}

static int add_default_route(struct result *res, const struct ip_addr *gw, struct err *e)
{
	if (has_default_route(res, gw->family))
		return 0;
	if (res->n_routes == RESULT_ROUTES_MAX)
		return err_set(e, CNI_E_CONFIG, 0, "more than %d routes", RESULT_ROUTES_MAX);
	res->routes[res->n_routes++] = (struct result_route) {
		.dst = { .addr = { .family = gw->family } },
		.gw = *gw,
	};
	return 0;
}

/* The first address of the prefix after its network address. */
static struct ip_addr first_address(const struct ip_prefix *p)
{
	struct ip_addr network = prefix_network(p);

	return ip_next(&network);
}

int gateway_resolve(const struct netconf *conf, struct result *res, int iface,
                    struct ip_prefix *ret, size_t *ret_n, struct err *e)
{
	char text[PREFIX_STR_MAX];

	*ret_n = 0;
	for (size_t i = 0; i < res->n_ips; i++) {
		struct result_ip *ip = &res->ips[i];

		ip->iface = iface;
		if (conf->mode == MODE_PTP && !ip_is_set(&ip->gateway))
			return err_set(e, CNI_E_CONFIG, 0,
			               "ipam gave no gateway for %s: ptp routes through one",
			               prefix_format(&ip->address, text));
		if (conf->mode == MODE_PTP && conf->is_default_gateway &&
		    add_default_route(res, &ip->gateway, e) < 0)
			return -EINVAL;
		if (conf->mode == MODE_PTP || !conf->is_gateway)
			continue;
		if (!ip_is_set(&ip->gateway))
			ip->gateway = first_address(&ip->address);
		if (conf->is_default_gateway && add_default_route(res, &ip->gateway, e) < 0)
			return -EINVAL;
		ret[(*ret_n)++] =
			(struct ip_prefix) { .addr = ip->gateway, .len = ip->address.len };
	}
	return 0;
}

struct route_spec gateway_route(const struct result *res, const struct result_route *route,
                                int ifindex)
{
	return (struct route_spec) {
		.dst = route->dst,
		.gw = ip_is_set(&route->gw) ? route->gw
		                            : gateway_of_family(res, route->dst.addr.family),
		.ifindex = ifindex,
		.mtu = route->mtu,
		.advmss = route->advmss,
		.priority = route->has_priority ? route->priority : 0,
		.table = route->has_table ? route->table : 0,
		.scope = route->has_scope ? route->scope : -1,
	};
}
