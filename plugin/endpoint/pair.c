/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.c - the veth pair between node and pod
 */
#include "endpoint/pair.h"

#include "base/log.h"
#include "endpoint/mac.h"
#include "endpoint/reaper.h"
#include "kernel/address.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

int pair_choose_macs(struct attachment *a, struct err *e)
{
	int r = mac_random(a->host_mac, e);

	if (r < 0)
		return r;
	if (a->conf.has_mac) {
		for (size_t i = 0; i < sizeof(a->mac); i++)
			a->mac[i] = a->conf.mac[i];
	} else {
		r = mac_random(a->mac, e);
	}
	(void)mac_format(a->host_mac, a->rec.host_mac);
	(void)mac_format(a->mac, a->rec.mac);
	return r;
}

static struct veth_spec pair_spec(const struct attachment *a)
{
	return (struct veth_spec) {
		.host_name = a->rec.name,
		.host_mac = a->host_mac,
		.peer_name = a->req->ifname,
		.peer_mac = a->mac,
		.peer_netns = a->netns,
		.mtu = a->conf.mtu,
		.master = a->conf.mode == MODE_BRIDGE ? a->bridge.ifindex : 0,
		.alias = a->req->container_id,
	};
}

static int already_exists(const struct attachment *a, struct err *e)
{
	return err_set(e, CNI_E_INTERNAL, EEXIST,
	               "container veth name (\"%s\") peer provided (\"%s\") already exists",
	               a->req->ifname, a->rec.name);
}

static int try_create(struct attachment *a, struct err *e)
{
	struct veth_spec spec = pair_spec(a);
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	r = nl_do(&a->host, &b, e);
	if (r < 0 && r != -EEXIST)
		pair_undo(a); /* made, but the kernel's answer was lost */
	return r;
}

/* ptp mode: the node's end routes for the pod. It takes nothing from advertisements, and asks for the pod's MAC with a
 * link-local address, which must not wait for duplicate address detection. */
static void prepare_router_port(const struct attachment *a)
{
	static const char *const off[] = { "accept_ra", "accept_dad" };
	char key[64];

	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		(void)snprintf(key, sizeof(key), "net/ipv6/conf/%s/%s", a->rec.name, off[i]);
		(void)sysctl_set(key, "0", &(struct err) { 0 });
	}
}

int pair_create(struct attachment *a, struct err *e)
{
	int r = try_create(a, e);

	/* Either the pod has such an interface, or our name is taken by what a killed ADD left without a record. Only
	 * the second goes away with our name. */
	if (r == -EEXIST && link_exists(&a->host, a->rec.name, &(struct err) { 0 }) > 0) {
		r = reaper_remove(&a->host, a->rec.name, e);
		if (r == 0)
			r = try_create(a, e);
	}
	if (r == -EEXIST)
		return already_exists(a, e);
	if (r == 0 && a->conf.mode == MODE_PTP)
		prepare_router_port(a);
	return r;
}

int pair_connect(struct attachment *a, struct err *e)
{
	struct veth_spec spec = pair_spec(a);
	_uninitialized_ struct nl_batch b;
	int r;

	if (a->connected)
		return 0;
	nl_batch_init(&b);
	link_connect_msg(&b, &spec);
	if (a->conf.mode == MODE_BRIDGE) {
		/* Off is the kernel's default for a new port. */
		if (a->conf.hairpin || a->conf.port_isolation)
			link_set_port_msg(&b, a->rec.name, a->conf.hairpin, a->conf.port_isolation);
		if (a->conf.has_vlans)
			link_set_vlans_msg(&b, link_index(&a->host, a->rec.name), &a->conf.vlans,
			                   false);
	}
	link_set_up_by_name_msg(&b, a->rec.name, true);
	r = nl_do(&a->host, &b, e);
	a->connected = r == 0;
	return r;
}

void pair_undo(struct attachment *a)
{
	struct err e;

	if (reaper_remove(&a->host, a->rec.name, &e) < 0)
		log_warn("%s: link of a failed ADD stays: %s", a->rec.name, e.msg);
}

int pair_route_ptp(struct attachment *a, struct err *e)
{
	int index = link_index(&a->host, a->rec.name);
	_uninitialized_ struct nl_batch b;
	int r = 0;

	nl_batch_init(&b);
	for (size_t i = 0; i < a->res->n_ips; i++) {
		const struct result_ip *ip = &a->res->ips[i];
		struct ip_prefix gw = prefix_host(&ip->gateway);
		struct route_spec pod = {
			.dst = prefix_host(&ip->address.addr),
			.ifindex = index,
			.scope = RT_SCOPE_HOST,
		};

		/* Two addresses of a family usually share their gateway. */
		if (i == 0 || !ip_eq(&ip->gateway, &a->res->ips[i - 1].gateway))
			address_add_msg(&b, index, &gw, false, false);
		route_add_msg(&b, &pod, false);
		if (r == 0)
			r = shared_forwarding(&a->shared, ip->address.addr.family, e);
	}
	if (r == 0)
		r = nl_do(&a->host, &b, e);
	for (size_t i = 0; r == 0 && i < a->res->n_ips; i++)
		r = address_wait_local(&a->host, &a->res->ips[i].gateway, ADDRESS_LOCAL_MS, e);
	return r < 0 ? err_wrap(e, "failed to route to the container") : 0;
}
