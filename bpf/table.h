/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - the table of flows: see struct flow_bucket in abi.h
 */
#ifndef CNIDA_BPF_TABLE_H
#define CNIDA_BPF_TABLE_H

#include "bpf/maps.h"
#include "bpf/parse.h"

#define compiler_barrier() __asm__ volatile("" ::: "memory")

/* Jiffies are one load, a clock is a call that costs as much as all the rest of a known packet. */
inline_always __u32 flow_tick(void)
{
	return (__u32)(bpf_jiffies64() >> constants.times.shift);
}

/* After how many ticks without a packet an entry counts no more. */
inline_always __u32 flow_idle(__u32 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_SCTP_:
		return constants.times.stream;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6_:
		return constants.times.echo;
	case FLOW_FRAGMENT:
		return constants.times.fragment;
	default:
		return constants.times.datagram;
	}
}

/* Multilinear: two keys have the same upper bits for few choices of the secret numbers only. */
inline_always __u64 flow_hash(const struct flow_key *k, const struct control *c)
{
	const word64 *w = (const word64 *)k;

	return w[0] * c->hash[0] + w[1] * c->hash[1] + w[2] * c->hash[2] + w[3] * c->hash[3] +
	       w[4] * c->hash[4] + w[5] * c->hash[5];
}

inline_always __u32 flow_tag(__u64 hash)
{
	return (__u32)(hash >> 32) | 1;
}

inline_always struct flow_bucket *flow_bucket(__u64 hash)
{
	__u32 i = (__u32)(hash >> 40) & constants.flow_mask;

	return bpf_map_lookup_elem(&cnida_flow, &i);
}

inline_always int flow_key_eq(const struct flow_key *a, const struct flow_key *b)
{
	const word64 *x = (const word64 *)a, *y = (const word64 *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]) |
	        (x[5] ^ y[5])) == 0;
}

inline_always void flow_copy(struct flow *to, const struct flow *from)
{
	const word64 *x = (const word64 *)from;
	word64 *y = (word64 *)to;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*to) / sizeof(*x); i++)
		y[i] = x[i];
}

/* Place in the bucket that has the tag, FLOW_WAYS if there is none. */
inline_always __u32 flow_way(const struct flow_bucket *b, __u32 tag)
{
#pragma unroll
	for (__u32 i = 0; i < FLOW_WAYS; i++)
		if (b->tag[i] == tag)
			return i;
	return FLOW_WAYS;
}

enum flow_peek {
	PEEK_NONE,  /* it is not there */
	PEEK_FOUND, /* it is, and was not silent for too long; it is seen now */
	PEEK_MAYBE, /* only flow_find() can tell */
};

/* flow_peek() - Copy an entry, without a lock. */
inline_always int flow_peek(const struct flow_key *k, const struct control *c, struct flow *ret)
{
	__u64 hash = flow_hash(k, c);
	struct flow_bucket *b = flow_bucket(hash);
	__u32 sequence, way, now;
	struct flow_slot *slot;

	if (!b || constants.lock_to_read)
		return PEEK_MAYBE;
	sequence = *(volatile __u32 *)&b->sequence;
	compiler_barrier();
	way = flow_way(b, flow_tag(hash));
	if (way == FLOW_WAYS) {
		compiler_barrier();
		return (sequence & 1) || *(volatile __u32 *)&b->sequence != sequence ? PEEK_MAYBE
		                                                                     : PEEK_NONE;
	}
	slot = &b->slot[way];
	if (!flow_key_eq(&slot->key, k))
		return PEEK_MAYBE;
	flow_copy(ret, &slot->flow);
	ret->seen = b->seen[way];
	compiler_barrier();
	if ((sequence & 1) || *(volatile __u32 *)&b->sequence != sequence)
		return PEEK_MAYBE;
	now = flow_tick();
	if (ret->seen != now) {
		if (now - ret->seen > flow_idle(k->proto) || (ret->flags & FLOW_DENIED))
			return PEEK_MAYBE;
		b->seen[way] = now;
	}
	return PEEK_FOUND;
}

/* Under the lock: where the key is, FLOW_WAYS if nowhere. A loop that stays one needs less stack. */
inline_always __u32 flow_locate(const struct flow_bucket *b, const struct flow_key *k, __u32 tag)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < FLOW_WAYS; i++)
		if (b->tag[i] == tag && flow_key_eq(&b->slot[i].key, k))
			return i;
	return FLOW_WAYS;
}

/* flow_find() - Copy an entry, idle or not: 1, 0 if there is none. */
verified_once int flow_find(const struct flow_key *k, struct flow *ret)
{
	const struct control *c = map_control();
	struct flow_bucket *b;
	__u32 tag, way;
	__u64 hash;

	if (!k || !ret || !c)
		return 0;
	hash = flow_hash(k, c);
	tag = flow_tag(hash);
	b = flow_bucket(hash);
	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
	way = flow_locate(b, k, tag);
	flow_copy(ret, &b->slot[way & (FLOW_WAYS - 1)].flow);
	ret->seen = b->seen[way & (FLOW_WAYS - 1)];
	bpf_spin_unlock(&b->lock);
	return way != FLOW_WAYS;
}

/*
 * The place that is empty, or was silent for longest. Ticks are coarse: among those that were seen in the same one the places
 * take turns, by the number of writes, or a new connection would push out the one before it.
 */
inline_always __u32 flow_victim(const struct flow_bucket *b, __u32 now)
{
	__u32 first = b->sequence >> 1, way = first & (FLOW_WAYS - 1), most = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		__u32 at = (first + i) & (FLOW_WAYS - 1);
		__u32 silent = b->tag[at] ? now - b->seen[at] : ~0U;

		if (silent > most) {
			most = silent;
			way = at;
		}
	}
	return way;
}

/* flow_store() - Write an entry, in place of the one that is there. */
verified_once int flow_store(const struct flow_key *k, const struct flow *f)
{
	const struct control *c = map_control();
	__u32 tag, way, now = flow_tick();
	struct flow_bucket *b;
	struct flow_slot *slot;
	__u64 hash;

	if (!k || !f || !c)
		return 0;
	hash = flow_hash(k, c);
	tag = flow_tag(hash);
	b = flow_bucket(hash);
	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
	way = flow_locate(b, k, tag);
	if (way == FLOW_WAYS)
		way = flow_victim(b, now);
	way &= FLOW_WAYS - 1;
	slot = &b->slot[way];
	b->sequence++;
	compiler_barrier();
	b->tag[way] = tag;
	b->seen[way] = f->seen;
	{
		const word64 *from = (const word64 *)k;
		word64 *to = (word64 *)&slot->key;

#pragma unroll
		for (__u32 i = 0; i < sizeof(*k) / sizeof(*from); i++)
			to[i] = from[i];
	}
	flow_copy(&slot->flow, f);
	compiler_barrier();
	b->sequence++;
	bpf_spin_unlock(&b->lock);
	return 1;
}

/* flow_remove() - Forget an entry. */
verified_once int flow_remove(const struct flow_key *k)
{
	const struct control *c = map_control();
	struct flow_bucket *b;
	__u32 tag, way;
	__u64 hash;

	if (!k || !c)
		return 0;
	hash = flow_hash(k, c);
	tag = flow_tag(hash);
	b = flow_bucket(hash);
	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
	way = flow_locate(b, k, tag);
	if (way != FLOW_WAYS) {
		b->sequence++;
		compiler_barrier();
		b->tag[way & (FLOW_WAYS - 1)] = 0;
		compiler_barrier();
		b->sequence++;
	}
	bpf_spin_unlock(&b->lock);
	return 1;
}

#endif
