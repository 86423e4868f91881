/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scene.h - a packet's two ends and the policy in force, as the slow paths see them, and what the rules say
 */
#ifndef CNIDA_BPF_SCENE_H
#define CNIDA_BPF_SCENE_H

#include "bpf/judge.h"
#include "bpf/maps.h"
#include "bpf/parse.h"

/* What is known about one end of a packet's connection: its endpoint, read once, with the slot of the image in force. */
struct end {
	__u32 ifindex; /* 0: not a pod of this node */
	__u32 class, ingress, egress;
	__u8 mac[6];
	__u16 flags;
};

/* A packet's surroundings in the slow path. No pointers to maps: such a struct can go to a function that is verified once. */
struct scene {
	__u64 generation; /* read before the image */
	__u64 image;      /* address of the one in force; 0: no policy was ever applied */
	__u32 switches;   /* of struct control */
	__u32 parity;
	struct end src, dst;
	__u8 host_mac[6]; /* of the source */
};

inline_always int mac_eq(const __u8 *a, const __u8 *b)
{
	return *(const __u16 *)a == *(const __u16 *)b &&
	       *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

inline_always void mac_copy(__u8 *to, const __u8 *from)
{
	*(__u16 *)to = *(const __u16 *)from;
	*(__u16 *)(to + 2) = *(const __u16 *)(from + 2);
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

inline_always void end_copy(struct end *end, const struct endpoint *ep, __u32 parity)
{
	end->ifindex = ep->ifindex;
	end->flags = (__u16)ep->flags;
	end->class = ep->slot[parity & 1].class;
	end->ingress = ep->slot[parity & 1].ingress;
	end->egress = ep->slot[parity & 1].egress;
	mac_copy(end->mac, ep->mac);
}

/* end_set() - By an address or, of a link, what it stands under: 0 if the entry was being written. @host_mac: NULL if not
 * wanted. */
inline_always int end_set(struct end *end, __u64 high, __u64 low, __u32 parity, __u8 *host_mac)
{
	__u32 sequence;
	const struct endpoint *ep = map_find(high, low, &sequence);

	if (!ep) {
		__builtin_memset(end, 0, sizeof(*end));
		return 1;
	}
	end_copy(end, ep, parity);
	if (host_mac)
		mac_copy(host_mac, ep->host_mac);
	compiler_barrier();
	return !(sequence & 1) && *(const volatile __u32 *)&ep->sequence == sequence;
}

inline_always int end_set_address(struct end *end, const struct in6 *addr, __u32 parity,
                                  __u8 *host_mac)
{
	const word64 *w = (const word64 *)addr;

	return end_set(end, w[0], w[1], parity, host_mac);
}

inline_always int end_set_link(struct end *end, __u32 ifindex, __u32 parity)
{
	return end_set(end, LINK_HIGH, LINK_LOW(ifindex), parity, NULL);
}

/* Reads the generation first: see abi.h. 0 if what was read changed meanwhile. */
inline_always int scene_set(struct scene *s, const struct packet *p, const struct control *c)
{
	const struct image_header *image;

	s->generation = *(const volatile __u64 *)&c->generation;
	s->switches = c->flags;
	image = map_image();
	s->image = (__u64)image;
	s->parity = image ? image->parity : 0;
	return end_set_address(&s->src, packet_src(p), s->parity, s->host_mac) &&
	       end_set_address(&s->dst, packet_dst(p), s->parity, NULL);
}

/* What the rules of one end say about the other; an end that is not a pod of this node is judged elsewhere. */
inline_always int scene_allows(const struct scene *s, const struct packet *p, const void *image,
                               int subject_is_dst, int ingress, __u32 want)
{
	const struct end *subject = subject_is_dst ? &s->dst : &s->src;
	const struct end *peer = subject_is_dst ? &s->src : &s->dst;
	const struct in6 *addr = packet_addr(p, p->from ^ !subject_is_dst);
	__u32 set = ingress ? subject->ingress : subject->egress;

	if (subject->ifindex == 0 || set == 0)
		return 1;
	return judge(image, set, peer->ifindex ? peer->class : host_class(image, addr), addr, want);
}

#define VERDICT_AGAIN 0x80000000U /* the image was replaced meanwhile */

/*
 * scene_verdict() - Which of the two directions' rules allow it: FLOW_EGRESS, FLOW_INGRESS, both
 * @reverse:	the connection was opened by the packet's receiver
 * @which:	flags of a flow: those directions are judged
 *
 * When the first that is needed says no, the other is not asked. The image cannot be an argument of a function that is verified once,
 * so it is looked up again: if it is not the one to which the scene's slots belong the answer is VERDICT_AGAIN. (An
 * address is not used again while a program runs that has seen it.)
 */
verified_once __u32 scene_verdict(const struct scene *s, const struct packet *p, __u32 reverse,
                                  __u32 which)
{
	const void *image = map_image();
	__u32 ok = 0, want;

	if (!s || !p || !image || (__u64)image != s->image)
		return VERDICT_AGAIN;
	want = reverse ? (p->want & ~0xffffU) | p->want_back : p->want;
	for (__u32 i = 0; i < 2; i++) {
		__u32 bit = i ? FLOW_INGRESS : FLOW_EGRESS;

		derive_again(s);
		derive_again(p);
		derive_again(which);
		if (!(which & (i ? FLOW_INGRESS : FLOW_EGRESS | FLOW_DEFERRED)))
			continue;
		if (scene_allows(s, p, image, (i ^ reverse) & 1, (int)i, want))
			ok |= bit;
		else if (!(which & FLOW_DEFERRED))
			break;
	}
	return ok;
}

#endif
