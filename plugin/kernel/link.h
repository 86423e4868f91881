/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h - interfaces over rtnetlink: bridge, veth pair, ports, groups
 *
 * Functions named *_msg() only add a message to a batch, so that a caller can send several objects at once; the
 * others talk to the kernel. A link is addressed by index, or by name where the index is not known yet.
 */
#ifndef CNIDA_KERNEL_LINK_H
#define CNIDA_KERNEL_LINK_H

#include "kernel/netlink.h"

#include <linux/if_link.h>
#include <net/if.h>

struct link_info {
	int ifindex;
	char name[IFNAMSIZ];
	char kind[16];   /* "bridge", "veth", ...; "" for a physical device or lo */
	char alias[256]; /* IFALIASZ; "" if none */
	uint32_t flags;  /* IFF_UP, IFF_PROMISC, ... */
	uint32_t mtu;
	uint32_t group;
	int master;    /* index of the bridge; 0 if none */
	int peer;      /* IFLA_LINK: index of a veth's other end; 0 if none */
	int peer_nsid; /* IFLA_LINK_NETNSID; -1 if the peer is in this namespace */
	uint8_t mac[6];
	uint8_t operstate;      /* IF_OPER_UP, ... */
	bool vlan_filtering;    /* bridges */
	bool is_port;           /* has bridge port attributes */
	bool hairpin, isolated; /* bridge ports */
	uint8_t port_state;     /* bridge ports: BR_STATE_FORWARDING = 3 */
};

/* link_get() - One link by index (name NULL) or by name (index 0). -ENODEV WITHOUT filling @e if there is none. */
int link_get(struct nl_sock *s, int ifindex, const char *name, struct link_info *ret,
             struct err *e);

/* link_exists() - Is there a link of that name? One short question; unlike link_index() it never makes the kernel look for
 * a module of that name. 1, 0 or -errno. */
int link_exists(struct nl_sock *s, const char *name, struct err *e);

/* link_index() - Index of a name by ioctl on any socket of the namespace (cheap: 0.4 us); 0 if there is none.
 * For names that should be there: on a kernel with loadable modules the ioctl for a missing name starts modprobe
 * first. link_get() does not (10 us). */
int link_index(const struct nl_sock *s, const char *name);
/* link_mtu() - MTU of a name by ioctl; 0 if there is none. */
uint32_t link_mtu(const struct nl_sock *s, const char *name);

/* link_sync_carrier() - Have the kernel deliver a pending carrier event of a link NOW (ioctl ETHTOOL_GLINK:
 * ethtool_op_get_link() -> linkwatch_sync_dev()), so that a bridge port forwards when we return, without
 * waiting or polling. Returns true if the link has carrier. Before Linux 6.8 the event is delivered by a worker of the
 * kernel as before, usually within some microseconds. */
bool link_sync_carrier(const struct nl_sock *s, const char *name);

/* link_is_ready() - Does the link carry traffic: operational and, if it is a bridge port, not disabled? After a pending event was
 * delivered. (IFF_RUNNING does not tell: a state that is not known yet looks like it.) 1, 0 or -errno. */
int link_is_ready(struct nl_sock *s, const char *name, struct err *e);

/* link_wait_port() - Wait for that, in the network namespace of the caller, which @s must be of too. Usually one
 * question and no wait (see link_wait.c). 0, or -ETIMEDOUT with code 11 and upstream's text. */
int link_wait_port(struct nl_sock *s, const char *name, unsigned int timeout_ms, struct err *e);

/* link_each() - Dump all links of the namespace: slow paths only. A link may come twice when the list changes
 * meanwhile. */
int link_each(struct nl_sock *s, int (*fn)(const struct link_info *link, void *arg, struct err *e),
              void *arg, struct err *e);

struct bridge_spec {
	const char *name;
	uint32_t mtu;       /* 0: kernel's default */
	const uint8_t *mac; /* six bytes, always given: a pinned MAC does not follow port churn */
	bool vlan_filtering;
};
/* link_add_bridge() - Create a bridge, down. -EEXIST (with @e filled) if the name is taken. */
int link_add_bridge(struct nl_sock *s, const struct bridge_spec *spec, struct err *e);

struct veth_spec {
	const char *host_name;
	const uint8_t *host_mac; /* six bytes */
	const char *peer_name;
	const uint8_t *peer_mac; /* six bytes */
	int peer_netns;          /* descriptor of the namespace where the peer is created */
	uint32_t mtu;            /* both ends; 0: kernel's default */
	int master;              /* bridge of the host end; 0: none */
	const char *alias;       /* of the host end */
};
/* link_add_veth_msg() - The pair in ONE message: names, MACs, MTU, one queue, namespace. Both ends are down. */
void link_add_veth_msg(struct nl_batch *b, const struct veth_spec *spec);
/* link_connect_msg() - The host end, by its name, gets its alias and its bridge, and as a bridge port no IPv6 address. Bring
 * it up afterwards, with link_set_up_by_name_msg(). */
void link_connect_msg(struct nl_batch *b, const struct veth_spec *spec);

/* link_up_msg() - Bring a link up. @arp_notify: also set net.ipv4.conf.<link>.arp_notify=1, in the same message. */
void link_up_msg(struct nl_batch *b, int ifindex, bool arp_notify);
void link_set_up_by_name_msg(struct nl_batch *b, const char *name, bool up);
void link_set_down_msg(struct nl_batch *b, int ifindex);
/* link_announce_msg() - Set the link's MAC to the one it has: with arp_notify and ndisc_notify on, the kernel then
 * sends gratuitous ARP and unsolicited neighbour advertisements for all its addresses. */
void link_announce_msg(struct nl_batch *b, int ifindex, const uint8_t mac[static 6]);
void link_set_mac_msg(struct nl_batch *b, int ifindex, const uint8_t mac[static 6]);
void link_set_promisc_msg(struct nl_batch *b, int ifindex, bool on);
/* link_retire_msg() - Down, and into that group. */
void link_retire_msg(struct nl_batch *b, const char *name, uint32_t group);
/* link_set_port_msg() - Bridge port flags of a host veth. */
void link_set_port_msg(struct nl_batch *b, const char *name, bool hairpin, bool isolated);

/* link_del() - Delete by name; -ENODEV without filling @e if there is none. */
int link_del(struct nl_sock *s, const char *name, struct err *e);
/* link_del_group() - Delete every link of a group in one request; -ENODEV without filling @e if the group is empty. */
int link_del_group(struct nl_sock *s, uint32_t group, struct err *e);

/* link_set_vlan_filtering_msg() - Turn on VLAN filtering of a bridge that was created without. */
void link_set_vlan_filtering_msg(struct nl_batch *b, int ifindex);

/* VLAN membership of bridge ports (kernel feature CONFIG_BRIDGE_VLAN_FILTERING). */
struct vlan_range {
	uint16_t first, last;
};
struct port_vlans {
	uint16_t pvid;               /* 0: none; PVID and untagged */
	struct vlan_range trunk[64]; /* tagged */
	size_t n_trunk;
	bool drop_default; /* remove VLAN 1 first */
};
/* link_set_vlans_msg() - By index, the kernel takes no name here. @self: the VLANs of the bridge device itself rather
 * than of a port. */
void link_set_vlans_msg(struct nl_batch *b, int ifindex, const struct port_vlans *vlans, bool self);
/* link_get_vlans() - What a port has, for CHECK: pvid and the tagged ranges. */
int link_get_vlans(struct nl_sock *s, int ifindex, struct port_vlans *ret, struct err *e);

#endif
