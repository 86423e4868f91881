/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink.c - the gateway of a VLAN: a veth whose one end is a port of the bridge in that VLAN
 */
#include "endpoint/uplink.h"

#include "endpoint/mac.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static int uplink_name(const struct attachment *a, char ret[static IFNAMSIZ], struct err *e)
{
	int n = snprintf(ret, IFNAMSIZ, "%s.%u", a->conf.bridge, a->conf.vlan);

	if (n >= IFNAMSIZ)
		return err_set(
			e, CNI_E_CONFIG, 0,
			"vlan: the gateway's interface \"%s.%u\" would have more than %d characters",
			a->conf.bridge, a->conf.vlan, IFNAMSIZ - 1);
	return 0;
}

/*
 * From a new pair, both of whose ends are down, to a gateway. Its own end is up last of all: as long as that is down something may be
 * missing, for another ADD is at it or was killed, and doing all of it again is harmless.
 */
static int finish(struct attachment *a, const char *port, const char *name, struct err *e)
{
	const struct veth_spec spec = {
		.host_name = port,
		.mtu = a->bridge.mtu,
		.master = a->bridge.ifindex,
		.alias = "cnida: gateway of a VLAN",
	};
	const struct port_vlans vlans = { .pvid = a->conf.vlan,
		                          .drop_default = a->conf.vlans.drop_default };
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	link_connect_msg(&b, &spec);
	link_set_vlans_msg(&b, link_index(&a->host, port), &vlans, false);
	link_set_up_by_name_msg(&b, port, true);
	link_set_up_by_name_msg(&b, name, true);
	return nl_do(&a->host, &b, e);
}

static int create(struct attachment *a, const char *port, const char *name, struct err *e)
{
	_cleanup_close_ int own_ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint8_t port_mac[6], mac[6];
	struct veth_spec spec = {
		.host_name = port,
		.host_mac = port_mac,
		.peer_name = name,
		.peer_mac = mac,
		.peer_netns = own_ns,
		.mtu = a->bridge.mtu,
	};
	_uninitialized_ struct nl_batch b;
	int r;

	if (own_ns < 0)
		return err_sys(e, errno, "open our network namespace");
	r = mac_random(port_mac, e);
	if (r == 0)
		r = mac_random(mac, e);
	if (r < 0)
		return r;
	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	r = nl_do(&a->host, &b, e);
	if (r == -EEXIST) /* another ADD was faster */
		return finish(a, port, name, e);
	if (r == 0)
		r = finish(a, port, name, e);
	if (r < 0)
		(void)link_del(&a->host, port, &(struct err) { 0 });
	return r;
}

int uplink_ensure(struct attachment *a, struct err *e)
{
	char name[IFNAMSIZ], port[IFNAMSIZ];
	int r;

	if (a->conf.mode != MODE_BRIDGE || a->conf.vlan == 0 || !a->conf.is_gateway)
		return 0;
	r = uplink_name(a, name, e);
	if (r < 0)
		return r;
	record_name("", a->conf.bridge, name, port);
	r = link_get(&a->host, 0, name, &a->uplink_link, e);
	/* Another ADD is at it, or was killed. */
	if (r == 0 && !(a->uplink_link.flags & IFF_UP))
		r = finish(a, port, name, e);
	if (r == -ENODEV) {
		r = create(a, port, name, e);
		if (r == 0)
			r = link_get(&a->host, 0, name, &a->uplink_link, e);
		if (r == -ENODEV)
			r = err_set(e, CNI_E_TRY_AGAIN, ENODEV, "%s was removed while we used it",
			            name);
	}
	if (r < 0)
		return err_wrap(e, "gateway of VLAN %u", a->conf.vlan);
	a->uplink = true;
	return 0;
}
