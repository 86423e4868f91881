/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.c - interfaces: look up, list, change, delete
 */
#include "kernel/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void copy_str(const struct nlattr *a, char *dst, size_t cap)
{
	const char *text = nl_str(a);
	size_t len = strnlen(text, cap - 1);

	memcpy(dst, text, len);
	dst[len] = '\0';
}

static void parse_port(const struct nlattr *data, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_BRPORT_MAX + 1];

	nl_attrs_nested(data, tb, IFLA_BRPORT_MAX);
	ret->is_port = true;
	ret->hairpin = nl_u8(tb[IFLA_BRPORT_MODE]);
	ret->isolated = nl_u8(tb[IFLA_BRPORT_ISOLATED]);
	ret->port_state = nl_u8(tb[IFLA_BRPORT_STATE]);
}

static void parse_kind(const struct nlattr *info, struct link_info *ret)
{
	const struct nlattr *tb[IFLA_INFO_MAX + 1], *bridge[IFLA_BR_MAX + 1];

	nl_attrs_nested(info, tb, IFLA_INFO_MAX);
	copy_str(tb[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
	if (!strcmp(ret->kind, "bridge")) {
		nl_attrs_nested(tb[IFLA_INFO_DATA], bridge, IFLA_BR_MAX);
		ret->vlan_filtering = nl_u8(bridge[IFLA_BR_VLAN_FILTERING]);
	}
	if (!strcmp(nl_str(tb[IFLA_INFO_SLAVE_KIND]), "bridge"))
		parse_port(tb[IFLA_INFO_SLAVE_DATA], ret);
}

static bool parse_link(const struct nlmsghdr *msg, struct link_info *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(msg);
	const struct nlattr *tb[IFLA_MAX + 1];

	if (msg->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(msg) < sizeof(*ifi))
		return false;
	memset(ret, 0, sizeof(*ret));
	nl_attrs(msg, sizeof(*ifi), tb, IFLA_MAX);
	ret->ifindex = ifi->ifi_index;
	ret->flags = ifi->ifi_flags;
	copy_str(tb[IFLA_IFNAME], ret->name, sizeof(ret->name));
	copy_str(tb[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
	ret->mtu = nl_u32(tb[IFLA_MTU]);
	ret->group = nl_u32(tb[IFLA_GROUP]);
	ret->master = (int)nl_u32(tb[IFLA_MASTER]);
	ret->peer = (int)nl_u32(tb[IFLA_LINK]);
	ret->peer_nsid = tb[IFLA_LINK_NETNSID] ? (int)nl_u32(tb[IFLA_LINK_NETNSID]) : -1;
	(void)nl_copy(tb[IFLA_ADDRESS], ret->mac, sizeof(ret->mac)); /* other lengths: stays zero */
	ret->operstate = nl_u8(tb[IFLA_OPERSTATE]);
	parse_kind(tb[IFLA_LINKINFO], ret);
	return true;
}

/* Counters are most of a link's description, and nobody here reads them. */
static void begin_get(struct nl_batch *b, uint16_t flags, int ifindex, const char *what)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };

	nl_begin(b, RTM_GETLINK, flags, &ifi, sizeof(ifi), what);
	nl_put_u32(b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static int got_link(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	(void)e;
	(void)parse_link(msg, arg);
	return 0;
}

int link_get(struct nl_sock *s, int ifindex, const char *name, struct link_info *ret, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err why;
	int r;

	nl_batch_init(&b);
	if (name && strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	begin_get(&b, 0, ifindex, "look up a link");
	if (name)
		nl_put_str(&b, IFLA_IFNAME, name);
	memset(ret, 0, sizeof(*ret));
	r = nl_ask(s, &b, got_link, NULL, ret, &why);
	if (r == -ENODEV || (!r && !ret->ifindex))
		return -ENODEV;
	if (r)
		*e = why;
	return r;
}

struct each_link {
	int (*fn)(const struct link_info *link, void *arg, struct err *e);
	void *arg;
};

static int dumped_link(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct each_link *each = arg;
	struct link_info link;

	return parse_link(msg, &link) ? each->fn(&link, each->arg, e) : 0;
}

int link_exists(struct nl_sock *s, const char *name, struct err *e)
{
	struct link_info link;
	int r = link_get(s, 0, name, &link, e);

	return r == -ENODEV ? 0 : r < 0 ? r : 1;
}

int link_each(struct nl_sock *s, int (*fn)(const struct link_info *link, void *arg, struct err *e),
              void *arg, struct err *e)
{
	struct each_link each = { .fn = fn, .arg = arg };
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	begin_get(&b, NLM_F_DUMP, 0, "list the links");
	return nl_ask(s, &b, dumped_link, NULL, &each, e);
}

/*
 * The ioctls of network devices work on any socket, and a netlink socket is the one at hand. Their numbers have 16
 * bits, which suits both glibc's ioctl(), of an unsigned long, and musl's, of an int.
 */
static bool device_ioctl(const struct nl_sock *s, uint16_t request, const char *name,
                         struct ifreq *ifr)
{
	size_t len = strlen(name);

	if (len >= IFNAMSIZ)
		return false;
	memcpy(ifr->ifr_name, name, len + 1);
	return ioctl(s->fd, request, ifr) == 0;
}

int link_index(const struct nl_sock *s, const char *name)
{
	struct ifreq ifr = { 0 };

	return device_ioctl(s, SIOCGIFINDEX, name, &ifr) ? ifr.ifr_ifindex : 0;
}

uint32_t link_mtu(const struct nl_sock *s, const char *name)
{
	struct ifreq ifr = { 0 };

	return device_ioctl(s, SIOCGIFMTU, name, &ifr) ? (uint32_t)ifr.ifr_mtu : 0;
}

bool link_sync_carrier(const struct nl_sock *s, const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	struct ifreq ifr = { .ifr_data = (char *)&value };

	return device_ioctl(s, SIOCETHTOOL, name, &ifr) && value.data;
}

/* Changes */

/* RTM_SETLINK of one link, by index or name. */
static void begin_set(struct nl_batch *b, int ifindex, const char *name, unsigned int flags,
                      unsigned int change, const char *what)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex,
		                       .ifi_flags = flags,
		                       .ifi_change = change };

	nl_begin(b, RTM_SETLINK, 0, &ifi, sizeof(ifi), what);
	if (name)
		nl_put_str(b, IFLA_IFNAME, name);
}

void link_up_msg(struct nl_batch *b, int ifindex, bool arp_notify)
{
	size_t spec, family, conf;

	begin_set(b, ifindex, NULL, IFF_UP, IFF_UP, "bring the link up");
	if (!arp_notify)
		return;
	spec = nl_nest(b, IFLA_AF_SPEC);
	family = nl_nest(b, AF_INET);
	conf = nl_nest(b, IFLA_INET_CONF);
	nl_put_u32(b, IPV4_DEVCONF_ARP_NOTIFY, 1);
	nl_nest_end(b, conf);
	nl_nest_end(b, family);
	nl_nest_end(b, spec);
}

void link_set_up_by_name_msg(struct nl_batch *b, const char *name, bool up)
{
	begin_set(b, 0, name, up ? IFF_UP : 0, IFF_UP,
	          up ? "bring the link up" : "take the link down");
}

void link_set_down_msg(struct nl_batch *b, int ifindex)
{
	begin_set(b, ifindex, NULL, 0, IFF_UP, "take the link down");
}

void link_announce_msg(struct nl_batch *b, int ifindex, const uint8_t mac[static 6])
{
	begin_set(b, ifindex, NULL, 0, 0, "announce the link's addresses");
	nl_put(b, IFLA_ADDRESS, mac, 6);
}

void link_set_mac_msg(struct nl_batch *b, int ifindex, const uint8_t mac[static 6])
{
	begin_set(b, ifindex, NULL, 0, 0, "set the link's MAC address");
	nl_put(b, IFLA_ADDRESS, mac, 6);
}

void link_set_promisc_msg(struct nl_batch *b, int ifindex, bool on)
{
	begin_set(b, ifindex, NULL, on ? IFF_PROMISC : 0, IFF_PROMISC, "set promiscuous mode");
}

void link_retire_msg(struct nl_batch *b, const char *name, uint32_t group)
{
	begin_set(b, 0, name, 0, IFF_UP, "put the link down and set its group");
	nl_put_u32(b, IFLA_GROUP, group);
}

/* Deleting */

/* Send one RTM_DELLINK; "there is none" is for the caller to judge and leaves @e alone. */
static int delete (struct nl_sock *s, struct nl_batch *b, struct err *e)
{
	struct err why;
	int r = nl_do(s, b, &why);

	if (r && r != -ENODEV)
		*e = why;
	return r;
}

int link_del(struct nl_sock *s, const char *name, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	_uninitialized_ struct nl_batch b;

	if (strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	nl_batch_init(&b);
	nl_begin(&b, RTM_DELLINK, 0, &ifi, sizeof(ifi), "delete the link");
	nl_put_str(&b, IFLA_IFNAME, name);
	return delete (s, &b, e);
}

int link_del_group(struct nl_sock *s, uint32_t group, struct err *e)
{
	const struct ifinfomsg ifi = { 0 };
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	nl_begin(&b, RTM_DELLINK, 0, &ifi, sizeof(ifi), "delete the links of a group");
	nl_put_u32(&b, IFLA_GROUP, group);
	return delete (s, &b, e);
}
