/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge.c - bridge mode: the node's bridge and its gateway addresses
 *
 * The usual ADD finds everything there: one get for the bridge, one refused address per family. Lists of
 * addresses are read only when an address is new on the bridge.
 */
#include "endpoint/bridge.h"

#include "endpoint/mac.h"
#include "kernel/address.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BRIDGE_ADDRS_MAX 64

static int get_bridge(struct attachment *a, struct err *e)
{
	const char *name = a->conf.bridge;
	int r = link_get(&a->host, 0, name, &a->bridge, e);

	if (r == 0 && strcmp(a->bridge.kind, "bridge") != 0)
		return err_set(e, CNI_E_CONFIG, 0, "\"%s\" already exists but is not a bridge",
		               name);
	return r;
}

static int create(struct attachment *a, struct err *e)
{
	static const char *const off[] = { "accept_ra", "accept_dad" };
	uint8_t mac[6];
	struct bridge_spec spec = {
		.name = a->conf.bridge,
		.mtu = a->conf.mtu,
		.mac = mac,
		.vlan_filtering = a->conf.has_vlans,
	};
	char key[64];
	int r = mac_random(mac, e);

	if (r < 0)
		return r;
	/* Before it is tried: if the kernel's answer is lost, it may be there all the same. */
	a->shared.made_bridge = true;
	(void)snprintf(a->shared.bridge, sizeof(a->shared.bridge), "%s", a->conf.bridge);
	r = link_add_bridge(&a->host, &spec, e);
	if (r == -EEXIST) { /* another ADD was faster */
		a->shared.made_bridge = false;
		return 0;
	}
	if (r < 0)
		return err_wrap(e, "could not add \"%s\"", a->conf.bridge);
	/* The bridge is a router port: it must not take addresses from advertisements of pods, and asks for their MACs
	 * with a link-local address, which must not wait for duplicate address detection. Without IPv6 in the kernel
	 * there is nothing to set. */
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		(void)snprintf(key, sizeof(key), "net/ipv6/conf/%s/%s", a->conf.bridge, off[i]);
		(void)sysctl_set(key, "0", &(struct err) { 0 });
	}
	return 0;
}

/* Brings up what is down, promiscuous what is asked to be; nothing is sent when all is as it should be. */
static int adjust(struct attachment *a, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	bool up = a->bridge.flags & IFF_UP;
	bool promisc = !a->conf.promisc || (a->bridge.flags & IFF_PROMISC);
	bool filtering = !a->conf.has_vlans || a->bridge.vlan_filtering;
	int r;

	if (up && promisc && filtering)
		return 0;
	nl_batch_init(&b);
	if (!filtering)
		link_set_vlan_filtering_msg(&b, a->bridge.ifindex);
	if (!promisc)
		link_set_promisc_msg(&b, a->bridge.ifindex, true);
	if (!up)
		link_up_msg(&b, a->bridge.ifindex, false);
	r = nl_do(&a->host, &b, e);
	return r < 0 ? err_wrap(e, "bridge %s", a->conf.bridge) : get_bridge(a, e);
}

int bridge_ensure(struct attachment *a, struct err *e)
{
	int r = get_bridge(a, e);

	if (r == -ENODEV) {
		r = create(a, e);
		if (r == 0)
			r = get_bridge(a, e);
		if (r == -ENODEV)
			r = err_set(e, CNI_E_TRY_AGAIN, ENODEV,
			            "bridge %s was removed while we used it", a->conf.bridge);
	}
	return r < 0 ? r : adjust(a, e);
}

static bool in_the_way(const struct ip_prefix *have, const struct ip_prefix *want)
{
	if (have->addr.family != want->addr.family || ip_eq(&have->addr, &want->addr))
		return false;
	if (want->addr.family == AF_INET)
		return true;
	/* Link-local addresses come by themselves, and IPv6 links carry many prefixes. */
	return !ip_is_link_local(&have->addr) && prefix_overlaps(have, want);
}

/* An address is new on the link: nothing else may be in its way, unless we may force it. */
static int clear_the_way(struct attachment *a, const char *name, int ifindex,
                         const struct ip_prefix *want, struct err *e)
{
	struct ip_prefix list[BRIDGE_ADDRS_MAX];
	char text[PREFIX_STR_MAX];
	int n = address_list(&a->host, ifindex, want->addr.family, list, NULL, BRIDGE_ADDRS_MAX, e);

	for (int i = 0; i < n && i < BRIDGE_ADDRS_MAX; i++) {
		_uninitialized_ struct nl_batch b;
		int r;

		if (!in_the_way(&list[i], want))
			continue;
		if (!a->conf.force_address)
			return err_set(e, CNI_E_CONFIG, EEXIST,
			               "failed to set bridge addr: \"%s\" already has an IP address "
			               "different from %s",
			               name, prefix_format(want, text));
		nl_batch_init(&b);
		address_del_msg(&b, ifindex, &list[i]);
		r = nl_do(&a->host, &b, e);
		if (r < 0 && r != -EADDRNOTAVAIL)
			return err_wrap(e, "failed to set bridge addr: forceAddress");
	}
	return n < 0 ? n : 0;
}

static int add_address(struct attachment *a, const char *name, int ifindex,
                       const struct ip_prefix *want, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r;

	/* The address is added first, so that the usual case (it is there) asks nothing else. */
	nl_batch_init(&b);
	address_add_msg(&b, ifindex, want, false, false);
	r = nl_do(&a->host, &b, e);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return err_wrap(e, "failed to set bridge addr");
	r = clear_the_way(a, name, ifindex, want, e);
	if (r < 0) {
		nl_batch_init(&b);
		address_del_msg(&b, ifindex, want);
		(void)nl_do(&a->host, &b, &(struct err) { 0 });
		return r;
	}
	if (a->shared.n_made_addr < ARRAY_SIZE(a->shared.made_addr)) {
		size_t i = a->shared.n_made_addr++;

		(void)snprintf(a->shared.made_addr[i].link, IFNAMSIZ, "%s", name);
		a->shared.made_addr[i].addr = *want;
	}
	/* What pods answer to the node's own programs comes here. */
	return address_wait_local(&a->host, &want->addr, ADDRESS_LOCAL_MS, e);
}

int bridge_add_gateways(struct attachment *a, struct err *e)
{
	const struct link_info *link = a->uplink ? &a->uplink_link : &a->bridge;

	for (size_t i = 0; i < a->n_gateways; i++) {
		int r = add_address(a, link->name, link->ifindex, &a->gateways[i], e);

		if (r == 0)
			r = shared_forwarding(&a->shared, a->gateways[i].addr.family, e);
		if (r < 0)
			return r;
	}
	return 0;
}
