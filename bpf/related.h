/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * related.h - ICMP errors: taken as a packet of the connection that they are about, the other way
 */
#ifndef CNIDA_BPF_RELATED_H
#define CNIDA_BPF_RELATED_H

#include "bpf/chain.h"
#include "bpf/judge.h"
#include "bpf/parse.h"

inline_always int in6_eq(const struct in6 *a, const struct in6 *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

/* The packet that an ICMP error quotes, read over the error itself. */
inline_always int read_quoted(struct __sk_buff *skb, struct packet *p)
{
	__u32 off = p->l4 + 8U, end = packet_end(skb, addr_is4(packet_dst(p)));

	p->flags = 0;
	if (end <= off)
		return PARSE_DROP;
	return addr_is4(packet_dst(p)) ? parse_quoted4(skb, p, off, end - off)
	                               : parse_chain(skb, p, off, end - off);
}

/* An ICMP error about nothing that we know: any other packet, which no port is in. Its addresses are read again. */
verified_once int unrelated(struct __sk_buff *skb, struct packet *p)
{
	word64 *w = (word64 *)p;
	__be32 addr[8];
	int v4;

	if (!p)
		return 0;
	v4 = addr_is4(packet_dst(p));
	if (bpf_skb_load_bytes(skb, ETH_HLEN + (v4 ? 12 : 8), addr, v4 ? 8 : 32) < 0)
		return 0;
	w[0] = v4 ? halves4(addr[0]).high : halves6(addr).high;
	w[1] = v4 ? halves4(addr[0]).low : halves6(addr).low;
	w[2] = v4 ? halves4(addr[1]).high : halves6(addr + 4).high;
	w[3] = v4 ? halves4(addr[1]).low : halves6(addr + 4).low;
	p->from = 0;
	p->flags = PACKET_MIDDLE | PACKET_NO_FLOW;
	p->want = WANT_OTHER;
	p->want_back = 0;
	return 0;
}

/*
 * related() - Make of an ICMP error what it is about: a packet of the quoted connection, the other way
 *
 * An error goes to the one who sent the packet that it quotes. Who reports it may be any router, but what a pod reports
 * (@sender) is about packets to itself.
 */
verified_once int related(struct __sk_buff *skb, struct packet *p, int sender)
{
	__u64 src[2], dst[2];
	__u32 want;

	if (!p)
		return 0;
	__builtin_memcpy(src, packet_src(p), sizeof(src));
	__builtin_memcpy(dst, packet_dst(p), sizeof(dst));
	if (read_quoted(skb, p) != PARSE_OK || (p->flags & PACKET_LATER))
		return unrelated(skb, p);
	p->from ^= 1;
	if (!in6_eq(packet_dst(p), (struct in6 *)dst) ||
	    (sender && !in6_eq(packet_src(p), (struct in6 *)src)))
		return unrelated(skb, p);
	want = p->want;
	p->want = (want & ~0xffffU) | p->want_back;
	p->want_back = (__u16)want;
	p->flags = PACKET_RELATED;
	return 0;
}

#endif
