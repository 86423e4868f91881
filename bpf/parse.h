/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.h - a frame as far as a policy cares: addresses, protocol, ports, and what kind of packet it is
 *
 * Fails closed: what is not understood completely is PARSE_DROP, or a protocol without ports, which only a rule for
 * all traffic allows. In particular
 *
 *	IPv4 options		skipped by the header's own length
 *	IPv6 extension headers	walked, at most PARSE_HEADERS of them
 *	fragments		the first is an ordinary packet that is also remembered, the others are known by their id
 *	lengths			the IP header's count, not the frame's: padding is not payload
 *	VLAN tags, other ethertypes	PARSE_OTHER
 */
#ifndef CNIDA_BPF_PARSE_H
#define CNIDA_BPF_PARSE_H

#include "bpf/maps.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PARSE_HEADERS 8   /* extension headers that are followed */
#define PARSE_LINEAR  128 /* bytes of a frame that are made readable if they are not yet */

#define IPPROTO_SCTP_     132
#define IPPROTO_ICMPV6_   58
#define IPPROTO_HOPOPTS_  0
#define IPPROTO_ROUTING_  43
#define IPPROTO_FRAGMENT_ 44
#define IPPROTO_AH_       51
#define IPPROTO_NONE_     59
#define IPPROTO_DSTOPTS_  60
#define IPPROTO_MH_       135

enum parse_result {
	PARSE_OK,    /* struct packet is complete */
	PARSE_CHAIN, /* IPv6 extension headers: parse_chain() goes on */
	PARSE_OTHER, /* not IP, or with a VLAN tag */
	PARSE_DROP,  /* malformed, or more than we follow */
};

#define PACKET_OPENS  1U  /* opens a connection: TCP SYN, SCTP INIT, ICMP echo request */
#define PACKET_MIDDLE 2U  /* never opens one: other TCP and SCTP, ICMP other than a request */
#define PACKET_FIRST  4U  /* first fragment */
#define PACKET_LATER  8U  /* other fragment */
#define PACKET_ERROR  16U /* ICMP error: the packet that it is about follows at l4 + 8 */
#define PACKET_NDP    32U /* neighbour discovery or multicast listener: icmp says which */
#define PACKET_RELATED \
	256U /* an ICMP error, taken as a packet of the connection that it is about */
#define PACKET_KNOWN   128U /* there may be an entry of its connection */
#define PACKET_NO_FLOW 64U  /* not worth remembering: ICMP that expects no answer */

struct packet {
	struct flow_key key; /* ends sorted */
	__u32 hash;          /* of the key, once it is known (flow_hash()) */
	__u32 want; /* protocol << 16 | destination port, as ranges are compared; see WANT_OTHER */
	__u32 fragment;  /* id, if it is one */
	__u16 want_back; /* port of the other direction, whose protocol is the same */
	__u16 flags;
	__u16 l4;                    /* offset of the protocol's header */
	__u8 from;                   /* side of the key that sent it */
	__u8 icmp;                   /* type */
	__u8 dst_mac[6], src_mac[6]; /* as in the frame */
};

/*
 * One of its two addresses, by the lowest bit of @side: cut down where the pointer is made, and nowhere a compiler could move
 * it from. Linux 6.1 knows nothing any more about a number that was made with XOR from two others.
 */
inline_always const struct in6 *packet_addr(const struct packet *p, __u32 side)
{
	__asm__ volatile("" : "+r"(side));
	return &p->key.addr[side & 1];
}

inline_always const struct in6 *packet_src(const struct packet *p)
{
	return packet_addr(p, p->from);
}

inline_always const struct in6 *packet_dst(const struct packet *p)
{
	return packet_addr(p, p->from ^ 1U);
}

/* No list of ports contains it, only RANGE_ALL_PROTO does. */
#define WANT_OTHER (255U << 16)

struct ports {
	__be16 src, dst;
};

/* An address as two words, network order. */
struct halves {
	__u64 high, low;
};

inline_always struct halves halves4(__be32 addr)
{
	struct halves h = { 0, WORD64(bpf_htonl(0xffff), addr) };

	return h;
}

inline_always struct halves halves6(const void *addr)
{
	const word64 *w = addr;
	struct halves h = { w[0], w[1] };

	return h;
}

/* Is the source the smaller end? As memcmp() would say. */
inline_always int packet_sorted(struct halves src, struct halves dst, struct ports p)
{
	if (src.high != dst.high)
		return bpf_be64_to_cpu(src.high) < bpf_be64_to_cpu(dst.high);
	if (src.low != dst.low)
		return bpf_be64_to_cpu(src.low) < bpf_be64_to_cpu(dst.low);
	return bpf_ntohs(p.src) <= bpf_ntohs(p.dst);
}

inline_always void packet_set_ends(struct packet *p, struct halves first, struct halves second)
{
	word64 *w = (word64 *)&p->key;

	w[0] = first.high;
	w[1] = first.low;
	w[2] = second.high;
	w[3] = second.low;
}

/*
 * Written in whole words, as they are read again for the hash. Ends that are the other way round are written twice: choosing
 * first would keep eight words at once.
 */
inline_always void packet_set_key(struct packet *p, struct halves src, struct halves dst,
                                  struct ports port, __u32 proto, __u32 id, int sorted)
{
	word64 *w = (word64 *)&p->key;
	__u32 ports = WORD32(port.src, port.dst);

	packet_set_ends(p, src, dst);
	if (!sorted) {
		compiler_barrier();
		packet_set_ends(p, dst, src);
		ports = WORD32(port.dst, port.src);
	}
	w[4] = WORD64(ports, __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? proto : proto << 24);
	w[5] = WORD64(id, 0);
	p->from = (__u8)!sorted;
}

/* What the protocol's header says: ports, and kind of packet. Headers of at most 16 bytes are looked at. */
struct l4 {
	struct ports port;
	__u32 flags;
	__u32 want;
	__u16 want_back;
	__u8 icmp;
};

inline_always int parse_icmp(struct l4 *l, const __u8 *h, __u32 v6)
{
	__u8 type = h[0];
	__be16 id = *(const __be16 *)(h + 4);

	l->icmp = type;
	l->flags = PACKET_MIDDLE | PACKET_NO_FLOW;
	if (v6) {
		if (type == 128)
			l->flags = PACKET_OPENS;
		else if (type == 129)
			l->flags = PACKET_MIDDLE;
		else if (type >= 1 && type <= 4)
			l->flags |= PACKET_ERROR;
		else if ((type >= 130 && type <= 137) || type == 143)
			l->flags |= PACKET_NDP;
		if (type == 128 || type == 129)
			l->port.src = l->port.dst = id;
		return PARSE_OK;
	}
	if (type == 8)
		l->flags = PACKET_OPENS;
	else if (type == 0)
		l->flags = PACKET_MIDDLE;
	else if (type == 3 || type == 4 || type == 11 || type == 12)
		l->flags |= PACKET_ERROR;
	if (type == 8 || type == 0)
		l->port.src = l->port.dst = id;
	return PARSE_OK;
}

/*
 * parse_l4() - @h has at least 8 readable bytes, 16 if @room says so; @len: payload that the IP header announces
 *
 * @fragment: more follows, so flags that are not in this one may be anything: it counts as opening a connection. Inside an ICMP
 * error (@quoted) 8 bytes are all that is promised.
 */
inline_always int parse_l4(struct l4 *l, const __u8 *h, __u32 room, __u32 len, __u32 proto,
                           __u32 v6, int fragment, int quoted)
{
	l->port.src = 0;
	l->port.dst = 0;
	l->flags = 0;
	l->want = WANT_OTHER;
	l->want_back = 0;
	l->icmp = 0;
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP_) {
		if (len < 8)
			return PARSE_DROP;
		l->port = *(const struct ports *)h;
		l->want = proto << 16 | bpf_ntohs(l->port.dst);
		l->want_back = bpf_ntohs(l->port.src);
		if (proto == IPPROTO_UDP || quoted)
			return PARSE_OK;
		if (len < (proto == IPPROTO_TCP ? 20 : 16) || room < 16) {
			l->flags = PACKET_OPENS;
			return fragment ? PARSE_OK : PARSE_DROP;
		}
		if (proto == IPPROTO_TCP) /* SYN without ACK */
			l->flags = (h[13] & 0x12) == 0x02 ? PACKET_OPENS : PACKET_MIDDLE;
		else /* INIT */
			l->flags = h[12] == 1 ? PACKET_OPENS : PACKET_MIDDLE;
		return PARSE_OK;
	}
	if (proto == (v6 ? IPPROTO_ICMPV6_ : IPPROTO_ICMP))
		return len < 8 ? PARSE_DROP : parse_icmp(l, h, v6);
	return PARSE_OK;
}

/* parse_short() - Less payload than the shortest header that we know has: whatever may follow it in the frame. */
inline_always int parse_short(struct l4 *l, __u32 proto, __u32 v6)
{
	*l = (struct l4) { .want = WANT_OTHER };
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP_ ||
	                       proto == (v6 ? IPPROTO_ICMPV6_ : IPPROTO_ICMP)
	               ? PARSE_DROP
	               : PARSE_OK;
}

inline_always void packet_take(struct packet *p, const struct l4 *l)
{
	p->flags |= (__u16)l->flags;
	p->want = l->want;
	p->want_back = l->want_back;
	p->icmp = l->icmp;
}

/* A fragment that is not the first: has no ports, is known by its id only. */
inline_always void packet_set_later(struct packet *p, struct halves src, struct halves dst)
{
	struct ports none = { 0, 0 };
	int sorted = packet_sorted(src, dst, none);

	none.src = 1;
	packet_set_key(p, src, dst, none, FLOW_FRAGMENT, p->fragment, sorted);
	p->flags |= PACKET_LATER | PACKET_MIDDLE | PACKET_NO_FLOW;
	p->want = WANT_OTHER;
	p->want_back = 0;
}

/* The two words of the key that make it the one under which the fragments that follow this packet find it. */
inline_always __u64 packet_fragment_word(const struct packet *p)
{
	__u32 proto = FLOW_FRAGMENT;

	return WORD64(p->from ? WORD32(0, 1) : WORD32(1, 0),
	              __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? proto : proto << 24);
}

/* Length of the payload after a header of @header bytes, by the IP header's @total; 0xffffffff: malformed. */
inline_always __u32 parse_length(const struct __sk_buff *skb, __u32 off, __u32 total, __u32 header)
{
	__u32 frame = skb->len - off;

	/*
	 * Segments of more than 64 KB (BIG TCP) have 0 here. A 0 goes no further: Linux 6.1 does not see that it is less than
	 * any header, takes that branch all the same, and in it the pointer behind the header for an invalid one.
	 */
	if (total == 0) {
		if (!skb->gso_size)
			return ~0U; /* nothing that follows is as short */
		total = frame;
	}
	if (total < header || total > frame)
		return ~0U;
	return total - header;
}

/* packet_end() - Where the IP packet ends by its own header: behind it is padding. For the slow path; 0 if it cannot be read. */
inline_always __u32 packet_end(struct __sk_buff *skb, int v4)
{
	__be16 len = 0;

	if (bpf_skb_load_bytes(skb, ETH_HLEN + (v4 ? 2 : 4), &len, sizeof(len)) < 0)
		return 0;
	return ETH_HLEN + (v4 ? 0 : sizeof(struct ipv6hdr)) + bpf_ntohs(len);
}

inline_always int parse_ipv4(const struct __sk_buff *skb, struct packet *p, const __u8 *data,
                             const __u8 *end)
{
	const struct iphdr *ip = (const void *)(data + ETH_HLEN);
	struct halves src, dst;
	__u32 header, len, frag;
	struct l4 l;
	const __u8 *h;
	int r;

	if ((const __u8 *)(ip + 1) > end)
		return PARSE_DROP;
	header = ip->ihl * 4U;
	if (ip->version != 4 || header < sizeof(*ip))
		return PARSE_DROP;
	len = parse_length(skb, ETH_HLEN, bpf_ntohs(ip->tot_len), header);
	if (len == ~0U)
		return PARSE_DROP;
	src = halves4(ip->saddr);
	dst = halves4(ip->daddr);
	p->l4 = (__u16)(ETH_HLEN + header);
	frag = bpf_ntohs(ip->frag_off) & 0x3fff; /* MF and offset */
	if (frag) {
		p->fragment = (__u32)ip->protocol << 16 ^ bpf_ntohs(ip->id);
		if (frag & 0x1fff) {
			packet_set_later(p, src, dst);
			return PARSE_OK;
		}
		p->flags |= PACKET_FIRST;
	}
	h = data + ETH_HLEN + header;
	if (len < 8)
		r = parse_short(&l, ip->protocol, 0);
	else if (h + 16 <= end)
		r = parse_l4(&l, h, 16, len, ip->protocol, 0, frag != 0, 0);
	else if (h + 8 <= end)
		r = parse_l4(&l, h, 8, len, ip->protocol, 0, frag != 0, 0);
	else
		return PARSE_DROP;
	if (r != PARSE_OK)
		return r;
	packet_take(p, &l);
	packet_set_key(p, src, dst, l.port, ip->protocol, 0, packet_sorted(src, dst, l.port));
	return r;
}

inline_always int parse_ipv6(const struct __sk_buff *skb, struct packet *p, const __u8 *data,
                             const __u8 *end)
{
	const struct ipv6hdr *ip = (const void *)(data + ETH_HLEN);
	const __u8 *h = (const __u8 *)(ip + 1);
	struct halves src, dst;
	struct l4 l;
	__u32 len;
	int r;

	if (h > end || ip->version != 6)
		return PARSE_DROP;
	p->l4 = ETH_HLEN + sizeof(*ip);
	switch (ip->nexthdr) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP_:
	case IPPROTO_ICMPV6_:
		break;
	default:
		return PARSE_CHAIN;
	}
	len = parse_length(skb, ETH_HLEN + sizeof(*ip), bpf_ntohs(ip->payload_len), 0);
	if (len == ~0U)
		return PARSE_DROP;
	if (h + 16 <= end)
		r = parse_l4(&l, h, 16, len, ip->nexthdr, 1, 0, 0);
	else if (h + 8 <= end)
		r = parse_l4(&l, h, 8, len, ip->nexthdr, 1, 0, 0);
	else
		return PARSE_DROP;
	src = halves6(&ip->saddr);
	dst = halves6(&ip->daddr);
	if (r != PARSE_OK)
		return r;
	packet_take(p, &l);
	packet_set_key(p, src, dst, l.port, ip->nexthdr, 0, packet_sorted(src, dst, l.port));
	return r;
}

/*
 * Of a frame of which only the start is readable: is all that we look at? Asking for more is dear: what a pod's TCP sends is its headers,
 * with the payload in pages, and shared with the queue for retransmission, so the kernel would copy the headers and move payload to them.
 */
inline_always int headers_are_linear(const __u8 *data, const __u8 *end)
{
	const struct iphdr *ip = (const void *)(data + ETH_HLEN);
	__u32 need, proto;

	if ((const __u8 *)(ip + 1) > end)
		return 0;
	if (ip->version == 4) {
		need = ETH_HLEN + ip->ihl * 4U;
		proto = ip->protocol;
	} else {
		need = ETH_HLEN + sizeof(struct ipv6hdr);
		proto = ((const struct ipv6hdr *)ip)->nexthdr;
	}
	need += proto == IPPROTO_TCP || proto == IPPROTO_SCTP_ ? 16 : 8;
	return (__u32)(end - data) >= need;
}

/* A call of its own: the stack is short. */
static __attribute__((noinline)) void make_readable(struct __sk_buff *skb)
{
	const __u8 *data = (const __u8 *)(long)skb->data;

	if (!headers_are_linear(data, (const __u8 *)(long)skb->data_end))
		(void)bpf_skb_pull_data(skb, skb->len < PARSE_LINEAR ? skb->len : PARSE_LINEAR);
}

/* parse() - A frame with its Ethernet header; *p is complete if this is PARSE_OK. */
inline_always int parse(struct __sk_buff *skb, struct packet *p)
{
	const __u8 *data, *end;
	__be16 type;

	data = (const __u8 *)(long)skb->data;
	end = (const __u8 *)(long)skb->data_end;
	if (end - data < PARSE_LINEAR && skb->len > (__u32)(end - data)) {
		make_readable(skb);
		data = (const __u8 *)(long)skb->data;
		end = (const __u8 *)(long)skb->data_end;
	}
	p->flags = 0;
	p->fragment = 0;
	p->icmp = 0;
	p->l4 = 0;
	if (data + ETH_HLEN > end)
		return PARSE_DROP;
	*(__u32 *)p->dst_mac = *(const __u32 *)data;
	*(__u16 *)(p->dst_mac + 4) = *(const __u16 *)(data + 4);
	*(__u16 *)p->src_mac = *(const __u16 *)(data + 6);
	*(__u32 *)(p->src_mac + 2) = *(const __u32 *)(data + 8);
	type = *(const __be16 *)(data + 12);
	if (skb->vlan_present)
		return PARSE_OTHER;
	if (type == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, p, data, end);
	if (type == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, p, data, end);
	return PARSE_OTHER;
}

#endif
