/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_node.c - CHECK, the node's half: bridge, gateways, forwarding, port
 */
#include "endpoint/check.h"
#include "endpoint/gateway.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <stdio.h>
#include <string.h>

#define ADDRS_MAX \
	1024 /* more than a bridge has: one that is not looked at would be a false alarm */
static const char *yes_no(bool on)
{
	return on ? "on" : "off";
}

static int check_flag(struct err *e, const char *link, const char *what, bool expected, bool found)
{
	char text[64];

	if (expected == found)
		return 0;
	(void)snprintf(text, sizeof(text), "%s of %s", what, link);
	return check_failed(e, text, yes_no(expected), yes_no(found));
}

static int get_link(struct nl_sock *s, const char *name, const char *kind, struct link_info *ret,
                    struct err *e)
{
	int r = link_get(s, 0, name, ret, e);

	if (r == -ENODEV)
		return check_failed(e, "interface", name, "no such interface");
	if (r == 0 && strcmp(ret->kind, kind) != 0)
		return check_failed(e, name, kind, *ret->kind ? ret->kind : "a physical interface");
	return r;
}

static int check_mac(const struct result_iface *expected, const struct link_info *found,
                     struct err *e)
{
	char text[MAC_STR_MAX], what[32];

	(void)mac_format(found->mac, text);
	if (!*expected->mac || strcasecmp(expected->mac, text) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "MAC of %s", found->name);
	return check_failed(e, what, expected->mac, text);
}

static int check_address(struct nl_sock *s, const struct link_info *link,
                         const struct ip_prefix *want, struct err *e)
{
	struct ip_prefix list[ADDRS_MAX];
	char text[PREFIX_STR_MAX], what[64];
	int n = address_list(s, link->ifindex, want->addr.family, list, NULL, ADDRS_MAX, e);

	for (int i = 0; i < n && i < ADDRS_MAX; i++) {
		if (list[i].len == want->len && ip_eq(&list[i].addr, &want->addr))
			return 0;
	}
	if (n < 0)
		return n;
	(void)snprintf(what, sizeof(what), "gateway address of %s", link->name);
	return check_failed(e, what, prefix_format(want, text), "no such address");
}

static int check_forwarding(sa_family_t family, struct err *e)
{
	const char *key =
		family == AF_INET ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
	char found[16] = "";
	int r = sysctl_get(key, found, sizeof(found), e);

	return r < 0 || strcmp(found, "1") == 0 ? r : check_failed(e, key, "1", found);
}

/* The gateways as ADD derives them, from the previous result's addresses. */
static int check_gateways(struct check *c, struct nl_sock *s, const struct link_info *bridge,
                          struct err *e)
{
	const struct link_info *link = bridge;
	struct link_info uplink;
	char name[IFNAMSIZ + 8];
	int r = 0;

	if (c->conf.vlan != 0 && c->conf.is_gateway) {
		(void)snprintf(name, sizeof(name), "%s.%u", c->conf.bridge, c->conf.vlan);
		r = get_link(s, name, "veth", &uplink, e);
		link = &uplink;
	}
	for (size_t i = 0; r == 0 && c->conf.is_gateway && i < c->prev.n_ips; i++) {
		const struct result_ip *ip = &c->prev.ips[i];
		struct ip_prefix gw = { .addr = ip->gateway, .len = ip->address.len };

		if (!ip_is_set(&ip->gateway))
			continue;
		r = check_address(s, link, &gw, e);
		if (r == 0)
			r = check_forwarding(gw.addr.family, e);
	}
	return r;
}

static int check_bridge(struct check *c, struct nl_sock *s, struct link_info *ret, struct err *e)
{
	int r = get_link(s, c->conf.bridge, "bridge", ret, e);

	if (r == 0)
		r = check_mac(c->bridge, ret, e);
	if (r == 0)
		r = check_flag(e, ret->name, "link", true, ret->flags & IFF_UP);
	if (r == 0 && c->conf.promisc)
		r = check_flag(e, ret->name, "promiscuous mode", true, ret->flags & IFF_PROMISC);
	return r < 0 ? r : check_gateways(c, s, ret, e);
}

static bool has_vlan(const struct port_vlans *have, const struct vlan_range *want)
{
	for (size_t i = 0; i < have->n_trunk; i++) {
		if (have->trunk[i].first <= want->first && want->last <= have->trunk[i].last)
			return true;
	}
	return false;
}

static int check_vlans(struct check *c, struct nl_sock *s, const struct link_info *port,
                       struct err *e)
{
	struct port_vlans have = { 0 };
	char expected[32], found[32];
	int r;

	if (!c->conf.has_vlans)
		return 0;
	r = link_get_vlans(s, port->ifindex, &have, e);
	if (r < 0)
		return r;
	if (have.pvid != c->conf.vlans.pvid) {
		(void)snprintf(expected, sizeof(expected), "VLAN %u", c->conf.vlans.pvid);
		(void)snprintf(found, sizeof(found), "VLAN %u", have.pvid);
		return check_failed(e, port->name, expected, found);
	}
	for (size_t i = 0; i < c->conf.vlans.n_trunk; i++) {
		const struct vlan_range *want = &c->conf.vlans.trunk[i];

		if (has_vlan(&have, want))
			continue;
		(void)snprintf(expected, sizeof(expected), "VLANs %u-%u tagged", want->first,
		               want->last);
		return check_failed(e, port->name, expected, "not all of them");
	}
	return 0;
}

static const char *port_state(uint8_t state)
{
	static const char *const names[] = { "disabled", "listening", "learning", "forwarding",
		                             "blocking" };

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static int check_port(struct check *c, struct nl_sock *s, const struct link_info *bridge,
                      const struct link_info *port, struct err *e)
{
	int r = 0;

	if (port->master != bridge->ifindex)
		return check_failed(e, port->name, c->conf.bridge, "no port of it");
	/* With spanning tree on, a port may listen and learn for a while: that is the administrator's. Without carrier it
	 * is disabled because the pod's end is down, which check_pod() tells. */
	if (!c->conf.disable_interface && (port->flags & IFF_RUNNING) &&
	    port->port_state == BR_STATE_DISABLED)
		return check_failed(e, port->name, "a forwarding port",
		                    port_state(port->port_state));
	r = check_flag(e, port->name, "hairpin mode", c->conf.hairpin, port->hairpin);
	if (r == 0)
		r = check_flag(e, port->name, "port isolation", c->conf.port_isolation,
		               port->isolated);
	return r < 0 ? r : check_vlans(c, s, port, e);
}

/* ptp: is there a route to the pod through its own link? */
static int is_host_route(const struct route_spec *r, void *arg, struct err *e)
{
	const struct ip_addr *wanted = arg;

	(void)e;
	return r->dst.len == ip_bits(wanted->family) && ip_eq(&r->dst.addr, wanted);
}

static int check_host_routes(struct check *c, struct nl_sock *s, const struct link_info *host,
                             struct err *e)
{
	for (size_t i = 0; i < c->prev.n_ips; i++) {
		const struct result_ip *ip = &c->prev.ips[i];
		struct ip_addr pod = ip->address.addr;
		struct ip_prefix gw = prefix_host(&ip->gateway);
		char text[IP_STR_MAX], expected[IP_STR_MAX + 16];
		int r;

		if (!ip_is_set(&ip->gateway))
			continue;
		r = check_address(s, host, &gw, e);
		if (r == 0)
			r = check_forwarding(gw.addr.family, e);
		if (r == 0)
			r = route_each(s, pod.family, 0, host->ifindex, is_host_route, &pod, e);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		(void)snprintf(expected, sizeof(expected), "a route to %s", ip_format(&pod, text));
		return check_failed(e, host->name, expected, "no such route");
	}
	return 0;
}

int check_node(struct check *c, struct nl_sock *host, struct err *e)
{
	struct link_info bridge, link;
	int r = get_link(host, c->host->name, "veth", &link, e);

	if (r == 0)
		r = check_mac(c->host, &link, e);
	if (r == 0)
		r = check_flag(e, link.name, "link", true, link.flags & IFF_UP);
	if (r < 0)
		return r;
	c->host_ifindex = link.ifindex;
	if (c->conf.mode == MODE_PTP)
		return check_host_routes(c, host, &link, e);
	r = check_bridge(c, host, &bridge, e);
	return r < 0 ? r : check_port(c, host, &bridge, &link, e);
}
