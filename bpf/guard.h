/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - frames that are not connections, and frames that have no address of the pod
 *
 *	what a pod sends				isolated or not
 *	ARP						its own MAC and address (or 0.0.0.0: a probe) as sender
 *	neighbour/router solicitation, MLD report	from its own address, a link-local one, or ::
 *	neighbour advertisement				for its own or a link-local address
 *	router advertisement, redirect, MLD query	never: a pod is no router
 *	DHCP (68 -> 67, 546 -> 547) to all		yes, and the answer passes
 *	other non-IP, VLAN tags				only if egress is not isolated
 *	multicast, broadcast				as any address: judged by ipBlocks and rules for all peers
 *
 *	what reaches a pod
 *	ARP, neighbour discovery, MLD			yes
 *	DHCP						if it asked
 *	other non-IP, VLAN tags				only if ingress is not isolated
 *	multicast, broadcast				judged by its ingress rules
 *	unicast to an address that is not its own	never: the bridge flooded it
 */
#ifndef CNIDA_BPF_GUARD_H
#define CNIDA_BPF_GUARD_H

#include "bpf/flow.h"

#define ICMP6_MLD_QUERY    130
#define ICMP6_MLD_REPORT   131
#define ICMP6_MLD_DONE     132
#define ICMP6_ROUTER_SOL   133
#define ICMP6_NEIGHBOR_SOL 135
#define ICMP6_NEIGHBOR_ADV 136
#define ICMP6_MLD2_REPORT  143

#define PORT_DHCP_SERVER  67U
#define PORT_DHCP_CLIENT  68U
#define PORT_DHCP6_CLIENT 546U
#define PORT_DHCP6_SERVER 547U

inline_always int addr_is_link_local(const struct in6 *a)
{
	return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

inline_always int addr_is_any(const struct in6 *a)
{
	return a->word[0] == 0 && a->word[1] == 0 &&
	       (a->word[2] == 0 || a->word[2] == bpf_htonl(0xffff)) && a->word[3] == 0;
}

/* Multicast and broadcast; IPv4's reserved addresses from 240.0.0.0 on count with them. */
inline_always int addr_is_group(const struct in6 *a)
{
	if (addr_is4(a))
		return bpf_ntohl(a->word[3]) >= 0xe0000000;
	return (a->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

inline_always int addr_is_of(const struct in6 *a, __u32 ifindex)
{
	const struct endpoint *ep = map_endpoint(a);

	return ep && ep->ifindex == ifindex;
}

/* ---- ARP ---- */

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
};

/* Does a pod tell the truth about itself? */
inline_always int arp_is_honest(struct __sk_buff *skb, const struct endpoint *link)
{
	struct in6 sender;
	struct arp arp;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof(arp)) < 0)
		return 0;
	if (arp.hardware != bpf_htons(1) || arp.protocol != bpf_htons(ETH_P_IP) ||
	    arp.hardware_len != 6 || arp.protocol_len != 4 || !mac_eq(arp.sender_mac, link->mac))
		return 0;
	sender.word[0] = 0;
	sender.word[1] = 0;
	sender.word[2] = bpf_htonl(0xffff);
	sender.word[3] = *(const __be32 *)arp.sender;
	return sender.word[3] == 0 || addr_is_of(&sender, skb->ifindex);
}

inline_always int frame_is_arp(const struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_ARP) && !skb->vlan_present;
}

/* ---- neighbour discovery ---- */

/* Discovery crosses no router: the hop limit says so. */
inline_always int ndp_is_local(struct __sk_buff *skb, const struct packet *p)
{
	__u8 hops = 0;

	if (bpf_skb_load_bytes(skb, ETH_HLEN + 7, &hops, 1) < 0)
		return 0;
	return p->icmp >= ICMP6_ROUTER_SOL && p->icmp <= 137 ? hops == 255 : hops == 1;
}

inline_always int ndp_is_honest(struct __sk_buff *skb, const struct packet *p)
{
	struct in6 target;

	switch (p->icmp) {
	case ICMP6_ROUTER_SOL:
	case ICMP6_NEIGHBOR_SOL:
	case ICMP6_MLD_REPORT:
	case ICMP6_MLD_DONE:
	case ICMP6_MLD2_REPORT:
		return 1;
	case ICMP6_NEIGHBOR_ADV:
		if (p->l4 + 8U + sizeof(target) > packet_end(skb, 0) ||
		    bpf_skb_load_bytes(skb, p->l4 + 8, &target, sizeof(target)) < 0)
			return 0;
		return addr_is_link_local(&target) || addr_is_of(&target, skb->ifindex);
	default:
		return 0;
	}
}

/* ---- DHCP ---- */

inline_always int dhcp_ports(const struct packet *p, __u32 from, __u32 to)
{
	return p->want == ((__u32)IPPROTO_UDP << 16 | to) && p->want_back == from;
}

inline_always void dhcp_key(struct flow_key *ret, __u32 port, __u32 ifindex)
{
	__builtin_memset(ret, 0, sizeof(*ret));
	ret->port[0] = (__be16)port;
	ret->proto = IPPROTO_UDP;
	ret->id = ifindex;
}

/* Server port that a pod's request to everybody is for, 0 if it is none. */
inline_always __u32 dhcp_asks(const struct packet *p, const struct in6 *dst)
{
	if (dhcp_ports(p, PORT_DHCP_CLIENT, PORT_DHCP_SERVER) && addr_is4(dst) &&
	    dst->word[3] == 0xffffffff)
		return PORT_DHCP_SERVER;
	if (dhcp_ports(p, PORT_DHCP6_CLIENT, PORT_DHCP6_SERVER) &&
	    dst->word[0] == bpf_htonl(0xff020000) && dst->word[1] == 0 && dst->word[2] == 0 &&
	    dst->word[3] == bpf_htonl(0x00010002))
		return PORT_DHCP6_SERVER;
	return 0;
}

static __attribute__((noinline)) void dhcp_remember(__u32 ifindex, __u32 port)
{
	const struct control *c = map_control();
	struct flow f = { .seen = flow_tick() };
	struct flow_key key;

	dhcp_key(&key, port, ifindex);
	if (c)
		flow_store(&key, flow_hash(&key, c), &f);
}

static __attribute__((noinline)) int dhcp_asked(__u32 ifindex, __u32 port)
{
	const struct control *c = map_control();
	struct flow_key key;
	struct flow f;
	__u32 hash;

	if (!c)
		return 0;
	dhcp_key(&key, port, ifindex);
	hash = flow_hash(&key, c);
	/* With locks nothing lies beside, see flow_known(). */
	return flow_find_inline(&key, hash, &f) > 0 ||
	       (!constants.locks && flow_find_inline(&key, hash ^ FLOW_BESIDE, &f) > 0);
}

/* What a pod asked everybody for? */
inline_always int dhcp_answers(const struct packet *p, __u32 ifindex)
{
	if (dhcp_ports(p, PORT_DHCP_SERVER, PORT_DHCP_CLIENT))
		return dhcp_asked(ifindex, PORT_DHCP_SERVER);
	if (dhcp_ports(p, PORT_DHCP6_SERVER, PORT_DHCP6_CLIENT))
		return dhcp_asked(ifindex, PORT_DHCP6_SERVER);
	return 0;
}

#endif
