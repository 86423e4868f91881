/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrack.h - forget tracked connections (ctnetlink)
 *
 * A connection keeps the translation that its first packet got. For UDP and SCTP that is for as long as the client
 * goes on sending from the same port, so a mapping that comes or goes has to be followed by forgetting.
 */
#ifndef CNIDA_KERNEL_CONNTRACK_H
#define CNIDA_KERNEL_CONNTRACK_H

#include "base/ip.h"
#include "kernel/netlink.h"

#define CONNTRACK_DST_NAT (1U << 5) /* IPS_DST_NAT: the destination was translated */

struct conntrack {
	uint8_t proto;           /* IPPROTO_UDP, ... */
	struct ip_addr src, dst; /* of the first packet, as it came */
	uint16_t sport, dport;   /* host order */
	struct ip_addr answers;  /* who answers: dst, or what it was translated to */
	uint16_t answers_port;
	uint32_t status; /* bits of enum ip_conntrack_status, see CONNTRACK_DST_NAT */
	uint32_t id;
	uint16_t zone;
};

/* Connections that are alike. */
struct conntrack_filter {
	sa_family_t family;
	uint8_t proto;
	uint16_t dport;         /* of the first packet, host order */
	struct ip_addr dst;     /* of the first packet; AF_UNSPEC: any */
	struct ip_addr answers; /* who answers, from which port; AF_UNSPEC: anybody */
	uint16_t answers_port;
};

/**
 * conntrack_flush() - Forget all connections that match one of the filters
 *
 * The kernel skips what is empty of its table here, which it does not when it is asked for a list: 0.1 ms a filter against 11 ms for
 * a list of nothing, with 262,144 slots.
 *
 * No IPv6 addresses: Linux 6.18 compares them the wrong way round, and would forget all the others.
 *
 * Return: 1, 0 if the kernel cannot (an earlier one, or without ctnetlink; nothing is forgotten then), or -errno.
 */
int conntrack_flush(struct nl_sock *s, const struct conntrack_filter *v, size_t n, struct err *e);

/* Is it to be forgotten? Must not use the socket of the walk. */
typedef bool (*conntrack_fn)(const struct conntrack *ct, void *arg);

/**
 * conntrack_forget() - Forget the connections of a protocol that a function chooses
 * @s:		socket of NETLINK_NETFILTER
 * @port:	only those whose first packet went to this port; 0: any
 *
 * The kernel looks through its table once and hands over only what matches protocol and port. At most 8,192 entries are
 * forgotten, in rounds.
 *
 * Return: how many were forgotten; 0 also for a kernel without ctnetlink; or -errno.
 */
int conntrack_forget(struct nl_sock *s, sa_family_t family, uint8_t proto, uint16_t port,
                     conntrack_fn choose, void *arg, struct err *e);

#endif
