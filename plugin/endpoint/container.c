/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container.c - the pod's side: addresses and routes inside its namespace
 *
 * Order matters. The link is still down when IPv6 is configured, so that no duplicate address detection has begun when it is
 * switched off; addresses are added before the link comes up, so that it never has carrier without them; routes come
 * last, since their gateways must be reachable. All of it is one batch. Carrier comes when the node's end is connected.
 *
 * A pod without an IPv6 address keeps the kernel's IPv6 defaults: what we assign needs no detection, and writing a
 * sysctl costs as much as adding the address does.
 */
#include "endpoint/container.h"

#include "endpoint/gateway.h"
#include "kernel/address.h"
#include "kernel/nl_events.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAD_TIMEOUT_MS       5000U /* as upstream */
#define CONTAINER_CARRIER_MS 2550U

/* A per-interface IPv6 sysctl of a link that was made a moment ago, so written without a look at its value; where
 * /proc/sys is read-only, a value that is right already will do. */
static int set_ipv6(const char *ifname, const char *name, const char *value, struct err *e)
{
	char key[128];
	int r;

	(void)snprintf(key, sizeof(key), "net/ipv6/conf/%s/%s", ifname, name);
	r = sysctl_set(key, value, e);
	if (r == -EROFS || r == -EACCES || r == -EPERM)
		r = sysctl_ensure(key, value, e);
	return r;
}

/* lo and a namespace's default may have IPv6 switched off; mostly they have not. */
static int enable_ipv6(const char *ifname, struct err *e)
{
	char key[128];

	(void)snprintf(key, sizeof(key), "net/ipv6/conf/%s/disable_ipv6", ifname);
	return sysctl_ensure(key, "0", e);
}

static bool has_family(const struct attachment *a, sa_family_t family)
{
	for (size_t i = 0; i < a->res->n_ips; i++) {
		if (a->res->ips[i].address.addr.family == family)
			return true;
	}
	return false;
}

static int configure_ipv6(const struct attachment *a, struct err *e)
{
	const char *ifname = a->req->ifname, *dad = a->conf.enable_dad ? "1" : "0";
	int r = 0;

	if (!has_family(a, AF_INET6))
		return 0;
	r = set_ipv6(ifname, "accept_dad", dad, e);
	if (r == 0 && a->conf.enable_dad)
		r = set_ipv6(ifname, "enhanced_dad", dad, e);
	if (r == 0)
		r = enable_ipv6("lo", e);
	if (r == 0)
		r = enable_ipv6(ifname, e);
	if (r == 0)
		r = set_ipv6(ifname, "keep_addr_on_down", "1", e);
	if (r == 0)
		r = set_ipv6(ifname, "ndisc_notify", "1", e);
	return r;
}

static void put_addresses(const struct attachment *a, struct nl_batch *b)
{
	/* ptp: what is in the pod's prefix is reached through the gateway too, so no connected route. */
	bool noprefixroute = a->conf.mode == MODE_PTP;

	for (size_t i = 0; i < a->res->n_ips; i++)
		address_add_msg(b, a->pod_ifindex, &a->res->ips[i].address, a->conf.enable_dad,
		                noprefixroute);
}

/* ptp: the gateway is on link, and the pod's own prefix behind it. */
static void put_ptp_routes(const struct attachment *a, struct nl_batch *b)
{
	for (size_t i = 0; i < a->res->n_ips; i++) {
		const struct result_ip *ip = &a->res->ips[i];
		struct route_spec gw = {
			.dst = prefix_host(&ip->gateway),
			.src = ip->address.addr,
			.ifindex = a->pod_ifindex,
			.scope = -1,
		};
		struct route_spec prefix = {
			.dst = ip->address,
			.gw = ip->gateway,
			.src = ip->address.addr,
			.ifindex = a->pod_ifindex,
			.scope = -1,
		};

		route_add_msg(b, &gw, true);
		if (ip->address.len < ip_bits(ip->address.addr.family))
			route_add_msg(b, &prefix, true);
	}
}

static bool same_route(const struct route_spec *r, const struct route_spec *q)
{
	return r->dst.len == q->dst.len && ip_eq(&r->dst.addr, &q->dst.addr) &&
	       ip_eq(&r->gw, &q->gw) && r->priority == q->priority && r->table == q->table;
}

/* A route that says the same as an earlier one would be refused: the default route of the IPAM and ours. */
static bool is_repeated(const struct attachment *a, size_t i)
{
	struct route_spec r = gateway_route(a->res, &a->res->routes[i], a->pod_ifindex);

	for (size_t j = 0; j < i; j++) {
		struct route_spec earlier =
			gateway_route(a->res, &a->res->routes[j], a->pod_ifindex);

		if (same_route(&r, &earlier))
			return true;
	}
	return false;
}

/* More routes than one batch holds go in several. */
static int put_routes(struct attachment *a, struct nl_batch *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->res->n_routes; i++) {
		struct route_spec spec = gateway_route(a->res, &a->res->routes[i], a->pod_ifindex);

		if (is_repeated(a, i))
			continue;
		if (b->n >= NL_BATCH_MAX / 2)
			r = nl_do(&a->pod, b, e);
		route_add_msg(b, &spec, true);
	}
	return r;
}

static int find_link(struct attachment *a, struct err *e)
{
	a->pod_ifindex = link_index(&a->pod, a->req->ifname);
	if (a->pod_ifindex == 0)
		return err_set(e, CNI_E_INTERNAL, ENODEV, "interface %s is not in the namespace",
		               a->req->ifname);
	a->mtu = link_mtu(&a->pod, a->req->ifname);
	return 0;
}

static bool wants_dad(const struct attachment *a)
{
	return a->conf.enable_dad && !a->conf.disable_interface && has_family(a, AF_INET6);
}

static int configure_inside(struct attachment *a, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r = nl_open(NETLINK_ROUTE, &a->pod, e);

	if (r == 0)
		r = find_link(a, e);
	if (r < 0 || a->conf.disable_interface)
		return r;
	r = configure_ipv6(a, e);
	if (r == 0 && wants_dad(a))
		r = nl_events_open(RTNLGRP_IPV6_IFADDR, &a->pod_events, e);
	if (r < 0)
		return r;
	nl_batch_init(&b);
	put_addresses(a, &b);
	link_up_msg(&b, a->pod_ifindex, true);
	if (a->conf.mode == MODE_PTP)
		put_ptp_routes(a, &b);
	r = put_routes(a, &b, e);
	return r < 0 ? r : nl_do(&a->pod, &b, e);
}

/* Runs @fn in the pod's namespace. */
static int inside(struct attachment *a, int (*fn)(struct attachment *a, struct err *e),
                  struct err *e)
{
	struct err lost;
	int back, r = netns_enter(a->netns, &back, e);

	if (r < 0)
		return r;
	r = fn(a, e);
	if (netns_leave(&back, &lost) < 0) {
		*e = lost;
		return lost.no ? -lost.no : -EINVAL;
	}
	return r;
}

int container_configure(struct attachment *a, struct err *e)
{
	int r = inside(a, configure_inside, e);

	return r < 0 ? err_wrap(e, "failed to configure %s in the container", a->req->ifname) : 0;
}

static int addresses_are_local(struct attachment *a, struct err *e)
{
	int r = 1;

	for (size_t i = 0; r > 0 && i < a->res->n_ips; i++)
		r = address_is_local(&a->pod, &a->res->ips[i].address.addr, e);
	return r;
}

static int wait_for_addresses(struct attachment *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->res->n_ips; i++)
		r = address_wait_local(&a->pod, &a->res->ips[i].address.addr, ADDRESS_LOCAL_MS, e);
	return r;
}

static int wait_inside(struct attachment *a, struct err *e)
{
	int r = link_wait_port(&a->pod, a->req->ifname, CONTAINER_CARRIER_MS, e);

	return r < 0 || wants_dad(a) ? r : wait_for_addresses(a, e);
}

int container_wait_ready(struct attachment *a, struct err *e)
{
	int r;

	if (a->conf.disable_interface)
		return 0;
	/* Until the kernel has handled the event that the pair is connected, it drops what the pod sends. */
	r = link_is_ready(&a->pod, a->req->ifname, e);
	if (r > 0 && !wants_dad(a))
		r = addresses_are_local(a, e);
	return r == 0 ? inside(a, wait_inside, e) : r < 0 ? r : 0;
}

int container_settle(struct attachment *a, struct err *e)
{
	int r;

	if (!wants_dad(a))
		return 0;
	r = address_settle(&a->pod, &a->pod_events, a->pod_ifindex, DAD_TIMEOUT_MS, e);
	return r < 0 ? r : inside(a, wait_for_addresses, e);
}

int container_announce(struct attachment *a, struct err *e)
{
	_uninitialized_ struct nl_batch b;

	if (a->conf.disable_interface || a->res->n_ips == 0)
		return 0;
	nl_batch_init(&b);
	link_announce_msg(&b, a->pod_ifindex, a->mac);
	return nl_do(&a->pod, &b, e);
}
