/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - frames for the programs, from a few words about them
 */
#ifndef CNIDA_TEST_BPF_FRAME_H
#define CNIDA_TEST_BPF_FRAME_H

#include "bpf/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who sends and who is meant; each has an address of either family. */
enum who {
	NOBODY, /* as a sender: 0.0.0.0 or :: */
	A,
	B,
	C,          /* pods of this node */
	REMOTE,     /* pod of another node */
	OUTSIDE,    /* in an ipBlock */
	ELSEWHERE,  /* in none */
	NODE,       /* the node itself */
	SERVICE,    /* an address that is translated */
	GROUP,      /* multicast */
	ALL,        /* broadcast, or all nodes */
	DHCP_ALL,   /* where DHCP requests go */
	LINK_LOCAL, /* a pod's link-local address (IPv4: like any unknown one) */
	N_WHO,
};

#define SYN 0x02
#define ACK 0x10
#define RST 0x04

#define TCP     6
#define UDP     17
#define SCTP    132
#define ICMP    1  /* in IPv6 frames: ICMPv6 */
#define NO_PORT 47 /* GRE: any protocol that has none */

struct spec {
	enum who from, to;
	uint8_t proto;
	uint16_t sport, dport; /* ICMP: sport is the identifier */
	uint8_t tcp;           /* flags; 0: SYN */
	uint8_t sctp;          /* chunk type; 0: INIT */
	uint8_t icmp; /* type of IPv4; mapped to that of IPv6 if it is 0, 3 (fragmentation needed), 8 or 11 */
	bool raw_icmp;             /* take the type as it is */
	const struct spec *quoted; /* of an ICMP error */
	const char *
		headers; /* IPv6: h hop-by-hop, d destination, r routing, s routing with segments left, a authentication,
	                        f fragment; IPv4: o options, f fragment */
	uint16_t offset; /* of the fragment, in 8 bytes */
	bool more;
	uint32_t id;
	uint16_t payload; /* bytes after the protocol's header */
	uint16_t cut; /* bytes that the frame lacks at the end, the IP header's length following */
	bool cut_frame;     /* the IP header's length does not follow */
	enum who mac;       /* source MAC of another pod */
	enum who to_mac;    /* destination MAC of a pod; else the node's */
	uint16_t ethertype; /* of a frame that is not IP; with a body of zeros */
	bool vlan;          /* tag inside the frame */
	uint8_t hops;       /* 0: 64 */
	enum who target;    /* of neighbour discovery */
};

struct frame {
	uint8_t data[2048];
	size_t len;
};

const uint8_t *frame_mac(enum who who);
struct in6 frame_addr(enum who who, bool v6);

/* frame_make() - IPv4 or IPv6 by @v6. */
void frame_make(struct frame *f, const struct spec *s, bool v6);
/* frame_arp() - A request by @who for @target, which claims the given sender. */
void frame_arp(struct frame *f, enum who who, const uint8_t *sender_mac, enum who sender,
               enum who target);

#endif
