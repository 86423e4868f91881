/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_bridge.c - bridges, their ports and the VLANs of both
 */
#include "kernel/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

int link_add_bridge(struct nl_sock *s, const struct bridge_spec *spec, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	_uninitialized_ struct nl_batch b;
	size_t info, data;

	nl_batch_init(&b);
	nl_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi),
	         "create the bridge");
	nl_put_str(&b, IFLA_IFNAME, spec->name);
	nl_put(&b, IFLA_ADDRESS, spec->mac, 6);
	if (spec->mtu)
		nl_put_u32(&b, IFLA_MTU, spec->mtu);
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, "bridge");
	if (spec->vlan_filtering) {
		data = nl_nest(&b, IFLA_INFO_DATA);
		nl_put_u8(&b, IFLA_BR_VLAN_FILTERING, 1);
		nl_nest_end(&b, data);
	}
	nl_nest_end(&b, info);
	return nl_do(s, &b, e);
}

void link_set_port_msg(struct nl_batch *b, const char *name, bool hairpin, bool isolated)
{
	const struct ifinfomsg ifi = { 0 };
	size_t info, data;

	/* RTM_NEWLINK, since RTM_SETLINK skips what a link tells its master; without
	 * NLM_F_CREATE it only changes. */
	nl_begin(b, RTM_NEWLINK, 0, &ifi, sizeof(ifi), "set the bridge port's flags");
	nl_put_str(b, IFLA_IFNAME, name);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_put_str(b, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(b, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(b, IFLA_BRPORT_MODE, hairpin);
	nl_put_u8(b, IFLA_BRPORT_ISOLATED, isolated);
	nl_nest_end(b, data);
	nl_nest_end(b, info);
}

/* VLANs */

void link_set_vlan_filtering_msg(struct nl_batch *b, int ifindex)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	size_t info, data;

	/* RTM_NEWLINK without NLM_F_CREATE changes what RTM_SETLINK does not: the kind's own
	 * settings. */
	nl_begin(b, RTM_NEWLINK, 0, &ifi, sizeof(ifi), "turn on VLAN filtering");
	info = nl_nest(b, IFLA_LINKINFO);
	nl_put_str(b, IFLA_INFO_KIND, "bridge");
	data = nl_nest(b, IFLA_INFO_DATA);
	nl_put_u8(b, IFLA_BR_VLAN_FILTERING, 1);
	nl_nest_end(b, data);
	nl_nest_end(b, info);
}

static size_t begin_vlans(struct nl_batch *b, uint16_t type, int ifindex, bool self,
                          const char *what)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE, .ifi_index = ifindex };
	size_t spec;

	nl_begin(b, type, 0, &ifi, sizeof(ifi), what);
	spec = nl_nest(b, IFLA_AF_SPEC);
	if (self)
		nl_put_u16(b, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
	return spec;
}

static void put_vlan(struct nl_batch *b, uint16_t vid, uint16_t flags)
{
	const struct bridge_vlan_info vlan = { .flags = flags, .vid = vid };

	nl_put(b, IFLA_BRIDGE_VLAN_INFO, &vlan, sizeof(vlan));
}

static void put_vlan_range(struct nl_batch *b, const struct vlan_range *range)
{
	if (range->first == range->last) {
		put_vlan(b, range->first, 0);
		return;
	}
	put_vlan(b, range->first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
	put_vlan(b, range->last, BRIDGE_VLAN_INFO_RANGE_END);
}

void link_set_vlans_msg(struct nl_batch *b, int ifindex, const struct port_vlans *vlans, bool self)
{
	size_t spec;

	if (vlans->drop_default) {
		spec = begin_vlans(b, RTM_DELLINK, ifindex, self,
		                   "remove the default VLAN from the bridge port");
		put_vlan(b, 1, 0);
		nl_nest_end(b, spec);
	}
	if (!vlans->pvid && !vlans->n_trunk)
		return;
	spec = begin_vlans(b, RTM_SETLINK, ifindex, self, "set the bridge port's VLANs");
	if (vlans->pvid)
		put_vlan(b, vlans->pvid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	for (size_t i = 0; i < vlans->n_trunk && i < ARRAY_SIZE(vlans->trunk); i++)
		put_vlan_range(b, &vlans->trunk[i]);
	nl_nest_end(b, spec);
}

static int add_vlans(struct port_vlans *vlans, uint16_t first, uint16_t last, uint16_t flags,
                     struct err *e)
{
	if (flags & BRIDGE_VLAN_INFO_PVID)
		vlans->pvid = first;
	if (flags & BRIDGE_VLAN_INFO_UNTAGGED)
		return 0;
	if (vlans->n_trunk >= ARRAY_SIZE(vlans->trunk))
		return err_set(e, CNI_E_INTERNAL, E2BIG,
		               "list the bridge port's VLANs: more than %zu ranges",
		               ARRAY_SIZE(vlans->trunk));
	vlans->trunk[vlans->n_trunk++] = (struct vlan_range) { .first = first, .last = last };
	return 0;
}

struct vlan_dump {
	int ifindex;
	struct port_vlans *ret;
};

static int add_vlan_entry(struct port_vlans *vlans, const struct nlattr *entry, struct err *e)
{
	const struct nlattr *tb[BRIDGE_VLANDB_ENTRY_MAX + 1];
	struct bridge_vlan_info vlan;
	uint16_t last;

	nl_attrs_nested(entry, tb, BRIDGE_VLANDB_ENTRY_MAX);
	if (!nl_copy(tb[BRIDGE_VLANDB_ENTRY_INFO], &vlan, sizeof(vlan)))
		return 0;
	last = tb[BRIDGE_VLANDB_ENTRY_RANGE] ? nl_u16(tb[BRIDGE_VLANDB_ENTRY_RANGE]) : vlan.vid;
	return add_vlans(vlans, vlan.vid, last, vlan.flags, e);
}

static int dumped_vlans(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct br_vlan_msg *bvm = mnl_nlmsg_get_payload(msg);
	const struct vlan_dump *dump = arg;
	const struct nlattr *a = mnl_nlmsg_get_payload_offset(msg, sizeof(*bvm));
	int left = (int)(mnl_nlmsg_get_payload_len(msg) - sizeof(*bvm)), r = 0;

	if (msg->nlmsg_type != RTM_NEWVLAN || left < 0 || (int)bvm->ifindex != dump->ifindex)
		return 0;
	for (; !r && mnl_attr_ok(a, left); a = mnl_attr_next(a)) {
		if (mnl_attr_get_type(a) == BRIDGE_VLANDB_ENTRY)
			r = add_vlan_entry(dump->ret, a, e);
		left -= (int)MNL_ALIGN(a->nla_len);
	}
	return r;
}

static void restart_vlans(void *arg)
{
	const struct vlan_dump *dump = arg;

	memset(dump->ret, 0, sizeof(*dump->ret));
}

int link_get_vlans(struct nl_sock *s, int ifindex, struct port_vlans *ret, struct err *e)
{
	const struct br_vlan_msg bvm = { .family = AF_BRIDGE, .ifindex = (uint32_t)ifindex };
	struct vlan_dump dump = { .ifindex = ifindex, .ret = ret };
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	memset(ret, 0, sizeof(*ret));
	nl_begin(&b, RTM_GETVLAN, NLM_F_DUMP, &bvm, sizeof(bvm), "list the bridge port's VLANs");
	return nl_ask(s, &b, dumped_vlans, restart_vlans, &dump, e);
}
