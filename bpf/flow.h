/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow.h - connections that were allowed, and what becomes of them when the policy changes
 *
 *	no entry ----allowed----> entry of this generation ----generation changes----> judged anew at the next packet
 *	                               ^                                                 |            |
 *	                               +---------------------allowed---------------------+          denied
 *	                               |                                                              |
 *	                               +--- allowed: TCP SYN, SCTP INIT, echo request, new policy --- FLOW_DENIED
 *
 * Judged anew is the direction in which the connection was opened, also when the packet is a reply. A denied entry stays, so
 * that what the other side still sends does not open the same connection backwards.
 *
 * An entry whose interface is no longer the one behind the address is deleted: the address has a new owner.
 */
#ifndef CNIDA_BPF_FLOW_H
#define CNIDA_BPF_FLOW_H

#include "bpf/judge.h"
#include "bpf/maps.h"
#include "bpf/parse.h"

/* After this many seconds without a packet an entry counts no more. */
#define IDLE_STREAM   86400ULL
#define IDLE_DATAGRAM 180ULL
#define IDLE_ECHO     60ULL
#define IDLE_FRAGMENT 30ULL

#define TICKS(s) ((__u32)((s)*1000000000ULL >> FLOW_TICK_SHIFT))

/* A packet and all that is known about its two ends, while the programs are in the slow path. */
struct scene {
	const struct image_header *image; /* NULL: no policy was ever applied */
	struct endpoint *src, *dst;	  /* NULL: not a pod of this node */
	__u64 generation;		  /* read before the image */
	__u32 switches;			  /* of struct control */
	__u32 parity;
	struct in6 src_addr, dst_addr;
};

inline_always __u32 flow_tick(void)
{
	return (__u32)(bpf_ktime_get_coarse_ns() >> FLOW_TICK_SHIFT);
}

inline_always __u32 flow_idle(__u32 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_SCTP_:
		return TICKS(IDLE_STREAM);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6_:
		return TICKS(IDLE_ECHO);
	case FLOW_FRAGMENT:
		return TICKS(IDLE_FRAGMENT);
	default:
		return TICKS(IDLE_DATAGRAM);
	}
}

/* Not idle for too long? Then it is seen now. */
inline_always int flow_touch(struct flow *f, __u32 proto)
{
	__u32 now = flow_tick();

	if (f->seen == now)
		return 1;
	if (now - f->seen > flow_idle(proto))
		return 0;
	f->seen = now;
	return 1;
}

inline_always int flow_opened_by(const struct flow *f, __u32 side)
{
	return (f->flags & FLOW_INITIATOR) == side;
}

inline_always int mac_eq(const __u8 *a, const __u8 *b)
{
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

inline_always void mac_copy(__u8 *to, const __u8 *from)
{
	*(__u16 *)to = *(const __u16 *)from;
	*(__u16 *)(to + 2) = *(const __u16 *)(from + 2);
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

/* What the rules of one end say about the other; an end that is not a pod of this node is judged elsewhere. */
static __attribute__((noinline)) int scene_allows(const struct scene *s, int subject_is_dst, int ingress,
						  __u32 want)
{
	const struct endpoint *subject = subject_is_dst ? s->dst : s->src;
	const struct endpoint *peer = subject_is_dst ? s->src : s->dst;
	const struct in6 *addr = subject_is_dst ? &s->src_addr : &s->dst_addr;
	const struct endpoint_slot *slot;
	__u32 set;

	if (!subject)
		return 1;
	slot = &subject->slot[s->parity & 1];
	set = ingress ? slot->ingress : slot->egress;
	if (set == 0)
		return 1;
	return judge(s->image, set,
		     peer ? peer->slot[s->parity & 1].class : host_class(s->image, addr), addr, want);
}

enum flow_state {
	FLOW_GOOD,    /* the packet belongs to it */
	FLOW_UNKNOWN, /* the packet is to be judged as a new connection */
	FLOW_REFUSED, /* the packet is to be dropped */
};

/* Are the rules that allowed it still of this opinion? @reverse: the packet is a reply. */
inline_always int flow_judge(const struct packet *p, const struct flow *f, const struct scene *s, int reverse)
{
	__u32 want = reverse ? p->want_back : p->want;

	if ((f->flags & (FLOW_EGRESS | FLOW_DEFERRED)) && !scene_allows(s, reverse, 0, want) &&
	    !((f->flags & FLOW_DEFERRED) && (s->switches & CONTROL_DEFER)))
		return 0;
	return !(f->flags & FLOW_INGRESS) || scene_allows(s, !reverse, 1, want);
}

/* flow_state() - Does this entry hold for this packet now? For all that the fast path does not take. */
static __attribute__((noinline)) int flow_state(const struct packet *p, struct flow *f, const struct scene *s)
{
	const struct flow_side *src = &f->side[p->from & 1], *dst = &f->side[(p->from & 1) ^ 1];
	int reverse = !flow_opened_by(f, p->from);

	if (flow_tick() - f->seen > flow_idle(p->key.proto) ||
	    src->ifindex != (s->src ? s->src->ifindex : 0) ||
	    dst->ifindex != (s->dst ? s->dst->ifindex : 0))
		goto gone;
	if ((p->flags & PACKET_OPENS) && (reverse || (f->flags & FLOW_DENIED)))
		return FLOW_UNKNOWN;
	if (f->generation == s->generation)
		return f->flags & FLOW_DENIED ? FLOW_REFUSED : FLOW_GOOD;
	/* Fragments cannot be judged without their first, and whether an address is the node's may have changed. */
	if (p->key.proto == FLOW_FRAGMENT || ((f->flags & FLOW_NODE) && f->side[f->flags & FLOW_INITIATOR].ifindex))
		goto gone;
	if (flow_judge(p, f, s, reverse))
		f->flags &= ~FLOW_DENIED;
	else
		f->flags |= FLOW_DENIED;
	f->generation = s->generation;
	return f->flags & FLOW_DENIED ? FLOW_REFUSED : FLOW_GOOD;
gone:
	(void)bpf_map_delete_elem(&cnida_flow, &p->key);
	return FLOW_UNKNOWN;
}

/*
 * TCP and SCTP packets in the middle of a connection that is not known any more: its entry made room for another. If
 * the packet is allowed it passes. It opens the connection again, so that replies pass too, unless the sender looks like
 * the server, whose packet must not turn the connection round.
 */
inline_always int flow_may_open(const struct packet *p)
{
	__u32 to = p->want & 0xffff, from = p->want_back & 0xffff;

	if (p->flags & PACKET_NO_FLOW)
		return 0;
	if (!(p->flags & PACKET_MIDDLE))
		return 1;
	if (p->key.proto != IPPROTO_TCP && p->key.proto != IPPROTO_SCTP_)
		return 0;
	return from >= to || from >= 32768;
}

inline_always void flow_set_side(struct flow_side *side, const struct endpoint *ep)
{
	side->ifindex = ep ? ep->ifindex : 0;
	if (ep) {
		mac_copy(side->mac, ep->mac);
	} else {
		*(__u16 *)side->mac = 0;
		*(__u16 *)(side->mac + 2) = 0;
		*(__u16 *)(side->mac + 4) = 0;
	}
	side->pad[0] = 0;
	side->pad[1] = 0;
}

/* The fragments that follow this first one share its fate. */
static __attribute__((noinline)) void flow_remember_fragment(const struct packet *p, const struct flow *f)
{
	struct flow_key key;

	packet_fragment_key(p, &key);
	(void)bpf_map_update_elem(&cnida_flow, &key, f, BPF_ANY);
}

/* flow_open() - Remember that the packet's connection was allowed. Failure is no error: the next packet is judged again. */
static __attribute__((noinline)) void flow_open(const struct packet *p, const struct scene *s, __u32 flags)
{
	struct flow f;

	f.generation = s->generation;
	f.seen = flow_tick();
	f.flags = flags | p->from;
	if (p->from) {
		flow_set_side(&f.side[0], s->dst);
		flow_set_side(&f.side[1], s->src);
	} else {
		flow_set_side(&f.side[0], s->src);
		flow_set_side(&f.side[1], s->dst);
	}
	if (flow_may_open(p))
		(void)bpf_map_update_elem(&cnida_flow, &p->key, &f, BPF_ANY);
	if (p->flags & PACKET_FIRST)
		flow_remember_fragment(p, &f);
}

#endif
