/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_pod.c - CHECK, the pod's half: link, addresses, routes
 */
#include "endpoint/check.h"
#include "endpoint/gateway.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define ADDRS_MAX 1024 /* more than a pod has: one that is not looked at would be a false alarm */

static int check_link(struct check *c, struct nl_sock *pod, struct link_info *ret, struct err *e)
{
	const char *name = c->req->ifname;
	char mac[MAC_STR_MAX];
	int r = link_get(pod, 0, name, ret, e);

	if (r == -ENODEV)
		return check_failed(e, "container interface", name, "no such interface");
	if (r < 0)
		return r;
	if (strcmp(ret->kind, "veth") != 0)
		return check_failed(e, name, "veth",
		                    *ret->kind ? ret->kind : "a physical interface");
	if (ret->peer != c->host_ifindex)
		return check_failed(e, name, c->host->name, "the peer of another interface");
	(void)mac_format(ret->mac, mac);
	if (*c->pod->mac && strcasecmp(c->pod->mac, mac) != 0)
		return check_failed(e, "MAC of the container interface", c->pod->mac, mac);
	if (!c->conf.disable_interface && !(ret->flags & IFF_UP))
		return check_failed(e, name, "up", "down");
	return 0;
}

static int check_addresses(struct check *c, struct nl_sock *pod, const struct link_info *link,
                           struct err *e)
{
	struct ip_prefix list[ADDRS_MAX];
	char text[PREFIX_STR_MAX];
	int n = address_list(pod, link->ifindex, AF_UNSPEC, list, NULL, ADDRS_MAX, e);

	if (n < 0)
		return n;
	for (size_t i = 0; i < c->prev.n_ips; i++) {
		const struct result_ip *ip = &c->prev.ips[i];
		bool found = false;

		for (int j = 0; !found && j < n && j < ADDRS_MAX; j++)
			found = list[j].len == ip->address.len &&
			        ip_eq(&list[j].addr, &ip->address.addr);
		if (!found)
			return check_failed(e, link->name, prefix_format(&ip->address, text),
			                    "no such address");
	}
	return 0;
}

/* A route that must be there; fields that are not set match anything. */
struct wanted_route {
	struct route_spec spec;
	bool seen_dst;           /* a route to the destination, with other attributes */
	struct route_spec other; /* that one */
};

static int match_route(const struct route_spec *have, void *arg, struct err *e)
{
	struct wanted_route *w = arg;
	const struct route_spec *want = &w->spec;
	struct ip_addr network = prefix_network(&want->dst);

	(void)e;
	if (have->dst.len != want->dst.len || !ip_eq(&have->dst.addr, &network))
		return 0;
	if ((!ip_is_set(&want->gw) || ip_eq(&have->gw, &want->gw)) &&
	    (want->mtu == 0 || have->mtu == want->mtu) &&
	    (want->advmss == 0 || have->advmss == want->advmss) &&
	    (want->priority == 0 || have->priority == want->priority))
		return 1;
	w->seen_dst = true;
	w->other = *have;
	return 0;
}

static const char *describe(const struct route_spec *r, char *buf, size_t cap)
{
	char dst[PREFIX_STR_MAX], gw[IP_STR_MAX];
	int n = snprintf(buf, cap, "route to %s%s%s", prefix_format(&r->dst, dst),
	                 ip_is_set(&r->gw) ? " via " : "", ip_format(&r->gw, gw));

	if (n > 0 && (size_t)n < cap && (r->mtu || r->advmss || r->priority))
		(void)snprintf(buf + n, cap - (size_t)n, " mtu %u advmss %u priority %u", r->mtu,
		               r->advmss, r->priority);
	return buf;
}

static int check_route(struct nl_sock *pod, const struct route_spec *spec, struct err *e)
{
	struct wanted_route w = { .spec = *spec };
	char expected[192], found[192];
	uint32_t table = spec->table ? spec->table : RT_TABLE_MAIN;
	int r = route_each(pod, spec->dst.addr.family, table, spec->ifindex, match_route, &w, e);

	if (r != 0)
		return r < 0 ? r : 0;
	return check_failed(e, "container", describe(spec, expected, sizeof(expected)),
	                    w.seen_dst ? describe(&w.other, found, sizeof(found))
	                               : "no such route");
}

static int check_routes(struct check *c, struct nl_sock *pod, const struct link_info *link,
                        struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->prev.n_routes; i++) {
		struct route_spec spec = gateway_route(&c->prev, &c->prev.routes[i], link->ifindex);

		/* A later plugin of the chain may have put another default route in place. */
		if (prefix_is_default(&spec.dst) && !ip_is_set(&c->prev.routes[i].gw))
			spec.gw = (struct ip_addr) { .family = AF_UNSPEC };
		r = check_route(pod, &spec, e);
	}
	return r;
}

/* Every address's own prefix must be reachable: by the connected route, in ptp mode through the gateway, which is on
 * link. */
static int check_prefix(struct check *c, struct nl_sock *pod, const struct result_ip *ip,
                        int ifindex, struct err *e)
{
	struct route_spec spec = { .dst = ip->address, .ifindex = ifindex };
	struct route_spec gw = { .dst = prefix_host(&ip->gateway), .ifindex = ifindex };
	int r = 0;

	if (c->conf.mode == MODE_PTP && ip_is_set(&ip->gateway)) {
		spec.gw = ip->gateway;
		r = check_route(pod, &gw, e);
	}
	if (r < 0 || ip->address.len >= ip_bits(ip->address.addr.family))
		return r;
	return check_route(pod, &spec, e);
}

static int check_prefixes(struct check *c, struct nl_sock *pod, const struct link_info *link,
                          struct err *e)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->prev.n_ips; i++)
		r = check_prefix(c, pod, &c->prev.ips[i], link->ifindex, e);
	return r;
}

int check_pod(struct check *c, struct nl_sock *pod, struct err *e)
{
	struct link_info link;
	int r = check_link(c, pod, &link, e);

	if (r < 0 || c->conf.disable_interface)
		return r;
	r = check_addresses(c, pod, &link, e);
	if (r == 0)
		r = check_prefixes(c, pod, &link, e);
	return r < 0 ? r : check_routes(c, pod, &link, e);
}
