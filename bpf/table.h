/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - the table of flows: see struct flow_bucket in abi.h
 */
#ifndef CNIDA_BPF_TABLE_H
#define CNIDA_BPF_TABLE_H

#include "bpf/maps.h"
#include "bpf/parse.h"

/* How often somebody looks whether a bucket is free: some microseconds. Who has it needs nanoseconds. */
#define FLOW_TRIES 64

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

/*
 * Multilinear: two keys have the same upper bits for few choices of the secret numbers only. The last step spreads what tells
 * addresses apart, the last byte in the network's order, over all bits.
 */
inline_always __u32 flow_hash(const struct flow_key *k, const struct control *c)
{
	const word64 *w = (const word64 *)k;
	__u64 h = w[0] * c->hash[0] + w[1] * c->hash[1] + w[2] * c->hash[2] + w[3] * c->hash[3] +
	          w[4] * c->hash[4] + w[5] * c->hash[5];

	h ^= h >> 32;
	return (__u32)(h * 0x9e3779b97f4a7c15ULL >> 32);
}

inline_always struct flow_bucket *flow_bucket(__u32 hash)
{
	__u32 i = hash & constants.flow_mask;

	return bpf_map_lookup_elem(&cnida_flow, &i);
}

inline_always int flow_key_eq(const struct flow_key *a, const struct flow_key *b)
{
	const word64 *x = (const word64 *)a, *y = (const word64 *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4]) |
	        (x[5] ^ y[5])) == 0;
}

/* Word by word, the generation first: see flow_renew(). */
inline_always void flow_copy(struct flow *to, const struct flow *from)
{
	const volatile word64 *x = (const volatile word64 *)from;
	word64 *y = (word64 *)to;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*to) / sizeof(*x); i++)
		y[i] = x[i];
}

enum flow_peek {
	PEEK_NONE,  /* it is not there */
	PEEK_FOUND, /* it is, and was not silent for too long; it is seen now */
	PEEK_MAYBE, /* only flow_find_in() can tell */
};

/* flow_peek() - Copy the entry of @hash's first place, without a lock. */
inline_always int flow_peek(const struct flow_key *k, __u32 hash, struct flow *ret)
{
	struct flow_bucket *b = flow_bucket(hash);
	__u32 sequence, way, now;
	struct flow_slot *slot;
	__u64 match;

	if (!b || constants.locks)
		return PEEK_MAYBE;
	sequence = *(volatile __u32 *)&b->sequence;
	compiler_barrier();
	match = tags_match(*(volatile __u64 *)&b->tags, tag_of(hash >> 24));
	if (!match) {
		compiler_barrier();
		if ((sequence & 1) || *(volatile __u32 *)&b->sequence != sequence)
			return PEEK_MAYBE;
		b = flow_bucket(hash ^ FLOW_BESIDE);
		return !b || tags_match(*(volatile __u64 *)&b->tags, tag_of(hash >> 24))
		               ? PEEK_MAYBE
		               : PEEK_NONE;
	}
	way = tags_first(match);
	if (!flow_key_eq(&b->slot[way].key, k)) {
		match &= match - 1;
		way = tags_first(match);
		if (!match || !flow_key_eq(&b->slot[way].key, k))
			return PEEK_MAYBE;
	}
	slot = &b->slot[way];
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

/* Where the key is, FLOW_WAYS if nowhere. */
inline_always __u32 flow_locate(const struct flow_bucket *b, const struct flow_key *k, __u32 tag)
{
	__u64 match = tags_match(b->tags, tag);

#pragma clang loop unroll(disable)
	for (__u32 i = 0; match && i < FLOW_WAYS; i++, match &= match - 1) {
		derive_again(k);
		if (flow_key_eq(&b->slot[tags_first(match)].key, k))
			return tags_first(match);
	}
	return FLOW_WAYS;
}

/* Copies what lies at the key's place: @return as of flow_locate(). */
inline_always __u32 flow_read(const struct flow_bucket *b, const struct flow_key *k, __u32 hash,
                              struct flow *ret)
{
	__u32 way = flow_locate(b, k, tag_of(hash >> 24));

	flow_copy(ret, &b->slot[way & (FLOW_WAYS - 1)].flow);
	ret->seen = b->seen[way & (FLOW_WAYS - 1)];
	return way;
}

/*
 * Does what was found at @way, or not found (FLOW_WAYS), hold although somebody has the bucket? @writes was read after it: who had
 * said nothing then had changed nothing either. (A hash of 0 counts as being written then: the safe side.)
 */
inline_always int flow_holds(__u64 writes, __u32 hash, __u32 way)
{
	return way == FLOW_WAYS ? writes >> 32 != hash : (__u32)writes != way + 1;
}

inline_always int flow_is_alive(const struct flow_key *k, __u32 way, const struct flow *f)
{
	return way != FLOW_WAYS && flow_tick() - f->seen <= flow_idle(k->proto);
}

/* ---- in one of the two buckets that a key can be in: @hash is the key's, or that ^ FLOW_BESIDE, whose tag is the same ---- */

/*
 * Once, without a lock: 1, 0, or -1 if the entry, or perhaps it, is being written, or the bucket changed meanwhile. A function of its
 * own because the verifier follows each round of the loop that calls it.
 */
verified_once int flow_look(const struct flow_key *k, __u32 hash, struct flow *ret)
{
	struct flow_bucket *b = flow_bucket(hash);
	__u32 sequence, way;
	__u64 writes;

	if (!k || !ret || !b)
		return -1;
	sequence = *(volatile __u32 *)&b->sequence;
	compiler_barrier();
	way = flow_read(b, k, hash, ret);
	compiler_barrier();
	writes = *(volatile __u64 *)&b->writes;
	compiler_barrier();
	if (*(volatile __u32 *)&b->sequence != sequence ||
	    ((sequence & 1) && !flow_holds(writes, hash, way)))
		return -1;
	return flow_is_alive(k, way, ret);
}

verified_once int flow_look_locked(const struct flow_key *k, __u32 hash, struct flow *ret)
{
	struct flow_bucket *b = flow_bucket(hash);
	__u32 way;

	if (!k || !ret || !b)
		return -1;
	bpf_spin_lock(&b->lock);
	way = flow_read(b, k, hash, ret);
	bpf_spin_unlock(&b->lock);
	return flow_is_alive(k, way, ret);
}

/* For who has no room on the stack for one more call. */
inline_always int flow_find_inline(const struct flow_key *k, __u32 hash, struct flow *ret)
{
	if (constants.locks)
		return flow_look_locked(k, hash, ret);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < FLOW_TRIES; i++) {
		int r = flow_look(k, hash, ret);

		if (r >= 0)
			return r > 0;
	}
	return -1;
}

/* flow_find_in() - Copy an entry: 1, 0 if there is none that was seen lately, -1 if it is being written */
verified_once int flow_find_in(const struct flow_key *k, __u32 hash, struct flow *ret)
{
	return k && ret ? flow_find_inline(k, hash, ret) : -1;
}

inline_always int flow_lock(struct flow_bucket *b)
{
	if (constants.locks) {
		bpf_spin_lock(&b->lock);
		b->sequence += 2; /* flow_oldest() counts writes with it */
		return 1;
	}
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < FLOW_TRIES; i++) {
		__u32 sequence = *(volatile __u32 *)&b->sequence;

		if (!(sequence & 1) &&
		    __sync_bool_compare_and_swap(&b->sequence, sequence, sequence + 1))
			return 1;
	}
	return 0;
}

/* Said before anything changes there, see flow_holds(). */
inline_always void flow_writes(struct flow_bucket *b, __u32 hash, __u32 way)
{
	*(volatile __u64 *)&b->writes = (__u64)hash << 32 | (way + 1);
	compiler_barrier();
}

inline_always void flow_unlock(struct flow_bucket *b)
{
	compiler_barrier();
	if (constants.locks) {
		bpf_spin_unlock(&b->lock);
		return;
	}
	*(volatile __u64 *)&b->writes = 0;
	compiler_barrier();
	*(volatile __u32 *)&b->sequence += 1;
}

/*
 * The place that was silent for longest. Ticks are coarse: among those that were seen in the same one the places
 * take turns, by the number of writes, or a new connection would push out the one before it.
 */
inline_always __u32 flow_oldest(const struct flow_bucket *b, __u32 now)
{
	__u32 first = b->sequence >> 1, way = first & (FLOW_WAYS - 1), most = 0;
	const word64 *seen = (const word64 *)b->seen;
	const __u64 both = WORD64(now, now);

	/* A flood: nobody was silent. */
	if (((seen[0] ^ both) | (seen[1] ^ both) | (seen[2] ^ both) | (seen[3] ^ both)) == 0)
		return way;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		__u32 at = (first + i) & (FLOW_WAYS - 1);
		__u32 silent = now - b->seen[at];

		if (silent > most) {
			most = silent;
			way = at;
		}
	}
	return way;
}

/* The place for a new entry: an empty one, or that of the oldest. */
inline_always __u32 flow_choose(const struct flow_bucket *b, __u32 now)
{
	__u64 empty = tags_match(b->tags, 0);

	return empty ? tags_first(empty) : flow_oldest(b, now);
}

inline_always int flow_sides_eq(const struct flow *a, const struct flow *b)
{
	const word64 *x = (const word64 *)a->side, *y = (const word64 *)b->side;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2])) == 0;
}

/*
 * The same pods are judged anew: readers need not be kept away. They read the generation first. With the old one they ask the
 * rules, whatever the flags are; the new one comes after its flags.
 */
inline_always void flow_renew(struct flow *e, const struct flow *f)
{
	*(volatile __u32 *)&e->flags = f->flags;
	compiler_barrier();
	*(volatile __u64 *)&e->generation = f->generation;
}

inline_always void flow_write(struct flow_bucket *b, const struct flow_key *k, __u32 hash,
                              __u32 way, const struct flow *f)
{
	const word64 *from = (const word64 *)k;
	word64 *to = (word64 *)&b->slot[way].key;

	flow_writes(b, hash, way);
	b->tags = tags_set(b->tags, way, tag_of(hash >> 24));
#pragma unroll
	for (__u32 i = 0; i < sizeof(*k) / sizeof(*from); i++)
		to[i] = from[i];
	flow_copy(&b->slot[way].flow, f);
}

/* flow_store_in() - Write an entry, in place of the one that is there: 1, 0 if that cannot be done now. */
verified_once int flow_store_in(const struct flow_key *k, __u32 hash, const struct flow *f)
{
	struct flow_bucket *b = flow_bucket(hash);
	__u32 way, now = flow_tick();

	if (!k || !f || !b || !flow_lock(b))
		return 0;
	way = flow_locate(b, k, tag_of(hash >> 24));
	if (way != FLOW_WAYS && flow_sides_eq(&b->slot[way].flow, f)) {
		flow_renew(&b->slot[way].flow, f);
	} else {
		if (way == FLOW_WAYS)
			way = flow_choose(b, now);
		flow_write(b, k, hash, way & (FLOW_WAYS - 1), f);
	}
	b->seen[way & (FLOW_WAYS - 1)] = f->seen;
	flow_unlock(b);
	return 1;
}

/* flow_remove_in() - Forget an entry, if that can be done now. */
verified_once int flow_remove_in(const struct flow_key *k, __u32 hash)
{
	struct flow_bucket *b = flow_bucket(hash);
	__u32 way;

	if (!k || !b || !flow_lock(b))
		return 0;
	way = flow_locate(b, k, tag_of(hash >> 24));
	if (way != FLOW_WAYS) {
		flow_writes(b, hash, way);
		b->tags = tags_set(b->tags, way, 0);
	}
	flow_unlock(b);
	return 1;
}

/* ---- in both ---- */

/*
 * flow_store() - Remember something new: 1, 0 if both buckets are held up. What is there already is only brought up to date in its own
 * bucket, by flow_store_in(): the next packet does that too, and a second copy would take another entry's place.
 */
inline_always int flow_store(const struct flow_key *k, __u32 hash, const struct flow *f)
{
	return flow_store_in(k, hash, f) || flow_store_in(k, hash ^ FLOW_BESIDE, f);
}

#endif
