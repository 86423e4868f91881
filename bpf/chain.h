/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.h - the slow part of parsing: IPv6 extension headers, and the packet that an ICMP error quotes
 *
 * Reads with bpf_skb_load_bytes(), so offsets need no proof.
 *
 * A routing header with segments left is refused: where such a packet goes in the end is not what its header says.
 */
#ifndef CNIDA_BPF_CHAIN_H
#define CNIDA_BPF_CHAIN_H

#include "bpf/parse.h"

/* The protocol's header at @off. @len: payload that is left, by the IP header. */
inline_always int chain_l4(struct __sk_buff *skb, struct packet *p, __u32 off, __u32 len,
                           __u32 proto, __u32 v6, int quoted, struct l4 *l)
{
	__u32 word[4] = { 0, 0, 0, 0 };
	__u32 room = 16;

	p->l4 = (__u16)off;
	if (len < 8)
		return parse_short(l, proto, v6);
	if (bpf_skb_load_bytes(skb, off, word, 16) < 0) {
		room = 8;
		if (bpf_skb_load_bytes(skb, off, word, 8) < 0)
			return PARSE_DROP;
	}
	return parse_l4(l, (const __u8 *)word, room, len, proto, v6, (p->flags & PACKET_FIRST) != 0,
	                quoted);
}

struct chain {
	__u32 off, left; /* where the next header is, what is left of the payload */
	__u8 next;
	__u8 fragmented;
};

enum chain_step { CHAIN_GO_ON, CHAIN_END, CHAIN_LATER, CHAIN_DROP };

inline_always int chain_step(struct __sk_buff *skb, struct packet *p, struct chain *c)
{
	__u32 word[2], size;
	const __u8 *h = (const __u8 *)word;

	switch (c->next) {
	case IPPROTO_HOPOPTS_:
	case IPPROTO_ROUTING_:
	case IPPROTO_DSTOPTS_:
	case IPPROTO_FRAGMENT_:
	case IPPROTO_AH_:
	case IPPROTO_MH_:
		break;
	default:
		return CHAIN_END;
	}
	if (c->left < sizeof(word) || bpf_skb_load_bytes(skb, c->off, word, sizeof(word)) < 0)
		return CHAIN_DROP;
	size = h[1] * 8U + 8U;
	if (c->next == IPPROTO_AH_)
		size = h[1] * 4U + 8U;
	if (c->next == IPPROTO_ROUTING_ && h[3] != 0)
		return CHAIN_DROP;
	if (c->next == IPPROTO_FRAGMENT_) {
		__u32 frag = bpf_ntohl(word[0]) & 0xfff9;

		size = 8;
		if (c->fragmented)
			return CHAIN_DROP;
		c->fragmented = 1;
		if (frag) {
			p->fragment = bpf_ntohl(word[1]);
			if (frag & 0xfff8)
				return CHAIN_LATER;
			p->flags |= PACKET_FIRST;
		}
	}
	if (c->left < size)
		return CHAIN_DROP;
	c->off += size;
	c->left -= size;
	c->next = h[0];
	return CHAIN_GO_ON;
}

/*
 * parse_chain() - An IPv6 packet at @off: what parse() leaves when it returns PARSE_CHAIN, or quoted in an ICMP error
 *
 * @quoted: 0, or how many bytes of the packet the error has room for by its own IP header
 */
verified_once int parse_chain(struct __sk_buff *skb, struct packet *p, __u32 off, __u32 quoted)
{
	struct chain c = { 0 };
	int step = CHAIN_GO_ON, r;
	__u64 addr[4];
	__u32 word[2];
	struct l4 l;

	if (!p || bpf_skb_load_bytes(skb, off, word, sizeof(word)) < 0 ||
	    bpf_ntohl(word[0]) >> 28 != 6 ||
	    bpf_skb_load_bytes(skb, off + 8, addr, sizeof(addr)) < 0)
		return PARSE_DROP;
	c.off = off + sizeof(struct ipv6hdr);
	c.next = (bpf_ntohl(word[1]) >> 8) & 0xff;
	if (c.off > skb->len)
		return PARSE_DROP;
	if (quoted)
		c.left = quoted < sizeof(struct ipv6hdr) ? ~0U : quoted - sizeof(struct ipv6hdr);
	else
		c.left = parse_length(skb, c.off, bpf_ntohl(word[1]) >> 16, 0);
	if (c.left == ~0U)
		return PARSE_DROP;
	for (int i = 0; i < PARSE_HEADERS && step == CHAIN_GO_ON; i++)
		step = chain_step(skb, p, &c);
	if (step == CHAIN_GO_ON || step == CHAIN_DROP)
		return PARSE_DROP;
	if (step == CHAIN_LATER) {
		packet_set_later(p, halves6(addr), halves6(addr + 2));
		return PARSE_OK;
	}
	r = chain_l4(skb, p, c.off, c.left, c.next, 1, quoted != 0, &l);
	if (r != PARSE_OK)
		return r;
	packet_take(p, &l);
	packet_set_key(p, halves6(addr), halves6(addr + 2), l.port, c.next, 0,
	               packet_sorted(halves6(addr), halves6(addr + 2), l.port));
	return r;
}

/* parse_quoted4() - The IPv4 packet that an ICMP error quotes at @off; @quoted as above. */
verified_once int parse_quoted4(struct __sk_buff *skb, struct packet *p, __u32 off, __u32 quoted)
{
	struct halves src, dst;
	struct iphdr ip;
	__u32 header;
	struct l4 l;
	int r;

	if (!p || bpf_skb_load_bytes(skb, off, &ip, sizeof(ip)) < 0 || ip.version != 4 ||
	    ip.ihl < 5)
		return PARSE_DROP;
	header = ip.ihl * 4U;
	if (quoted < header)
		return PARSE_DROP;
	if (bpf_ntohs(ip.frag_off) & 0x1fff)
		return PARSE_DROP;
	src = halves4(ip.saddr);
	dst = halves4(ip.daddr);
	r = chain_l4(skb, p, off + header, quoted - header, ip.protocol, 0, 1, &l);
	if (r != PARSE_OK)
		return r;
	packet_take(p, &l);
	packet_set_key(p, src, dst, l.port, ip.protocol, 0, packet_sorted(src, dst, l.port));
	return r;
}

#endif
