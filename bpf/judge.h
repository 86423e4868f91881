/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * judge.h - what the policy image says about one direction of a new connection
 *
 * All of it is arithmetic inside one map value. Whatever the image holds, an offset is cut down to the value's size, so
 * the verifier accepts every access, and a damaged image gives wrong verdicts but no wild reads. Tables start at
 * multiples of their entries' size.
 */
#ifndef CNIDA_BPF_JUDGE_H
#define CNIDA_BPF_JUDGE_H

#include "bpf/maps.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define JUDGE_STEPS \
	18 /* of a binary search: 2^17 entries of 8 bytes are an image of 1 MB, the largest */

/* The entry of @size bytes (a power of two) at @off. */
inline_always const void *image_at(const void *image, __u32 off, __u32 size)
{
	return (const __u8 *)image + (off & (constants.image_size - size));
}

/*
 * @step if @a <= @b, else 0: without a branch. A branch would cost the processor a wrong guess at every second step of a search,
 * and the verifier two states at each, which differ in what they know of @b.
 */
inline_always __u32 step_if_le(__u32 a, __u32 b, __u32 step)
{
	__u64 less = (__u64)b - a; /* its upper half is all ones if b < a */

	__asm__ volatile("" : "+r"(less));
	return step & ~(__u32)(less >> 32);
}

/* 1 if @a < @b, without a comparison that a compiler would make a branch of. */
inline_always __u64 less64(__u64 a, __u64 b)
{
	__u64 d = a - b;

	__asm__ volatile("" : "+r"(d));
	return ((~a & b) | (~(a ^ b) & d)) >> 63;
}

/* Two words of an address as a number. */
inline_always __u64 in6_half(const struct in6 *addr, __u32 i)
{
	return (__u64)bpf_ntohl(addr->word[i]) << 32 | bpf_ntohl(addr->word[i + 1]);
}

/* step_if_le() of 128 bits, the high half first. */
inline_always __u32 step_if_le6(const __u64 a[2], const struct in6 *addr, __u32 step)
{
	__u64 high = in6_half(addr, 0), low = in6_half(addr, 2);
	__u64 differ = high ^ a[0];
	__u64 equal = ~(differ | -differ) >> 63;

	__asm__ volatile("" : "+r"(equal));
	return step & ((__u32)(less64(high, a[0]) | (equal & less64(low, a[1]))) - 1);
}

inline_always __u32 range_key(const struct image_range *r)
{
	return (__u32)r->proto << 16 | r->first;
}

/* Does a list of @n ranges hold @want (protocol << 16 | port)? */
inline_always int list_holds(const struct image_header *h, __u32 at, __u32 n, __u32 want)
{
	const struct image_range *r;

	/* The last range that begins at or before @want. */
	for (int i = 0; i < JUDGE_STEPS && n > 1; i++) {
		__u32 half = n / 2;

		r = image_at(h, h->ranges.offset + (at + half) * sizeof(*r), sizeof(*r));
		at += step_if_le(range_key(r), want, half);
		n -= half;
	}
	r = image_at(h, h->ranges.offset + at * sizeof(*r), sizeof(*r));
	if (r->proto == RANGE_ALL_PROTO)
		return 1;
	return r->proto == want >> 16 && r->first <= (want & 0xffff) && (want & 0xffff) <= r->last;
}

/* Does the set allow peers of this very class? */
inline_always int cell_allows(const void *image, __u32 set, __u32 class, __u32 want)
{
	const struct image_header *h = image;
	__u32 slot = image_hash(set, class), places = h->cells.n, first = 0, n = 0;

	if (places == 0)
		return 0;
	/* What is found is carried out of the loop: the verifier walks what comes after it once, not eight times. */
	for (__u32 i = 0; i < IMAGE_PROBES; i++) {
		const struct image_cell *c =
			image_at(h, h->cells.offset + ((slot + i) & (places - 1)) * sizeof(*c),
		                 sizeof(*c));

		if (c->set == 0)
			break;
		if (c->set == set && c->class == class) {
			first = c->first;
			n = c->n;
			break;
		}
	}
	return n && list_holds(h, first, n, want);
}

inline_always __u32 block4_class(const struct image_header *h, __u32 addr)
{
	const struct image_block4 *b;
	__u32 at = 0, n = h->blocks4.n, off = h->blocks4.offset;

	if (n == 0)
		return 0;
	for (int i = 0; i < JUDGE_STEPS && n > 1; i++) {
		__u32 half = n / 2;

		b = image_at(h, off + (at + half) * sizeof(*b), sizeof(*b));
		at += step_if_le(b->first, addr, half);
		n -= half;
	}
	b = image_at(h, off + at * sizeof(*b), sizeof(*b));
	return b->class;
}

inline_always __u32 block6_class(const struct image_header *h, const struct in6 *addr)
{
	__u32 n = h->blocks6.n, off = h->blocks6.offset;
	const struct image_block6 *b;

	if (n == 0)
		return 0;
	for (int i = 0; i < JUDGE_STEPS && n > 1; i++) {
		__u32 half = n / 2;

		b = image_at(h, off + half * sizeof(*b), sizeof(*b));
		derive_again(addr);
		off += step_if_le6(b->first, addr, half) * sizeof(*b);
		n -= half;
	}
	b = image_at(h, off, sizeof(*b));
	return b->class;
}

inline_always int addr_is4(const struct in6 *a)
{
	return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == bpf_htonl(0xffff);
}

/* A call of its own, like host_class(): the stack is short. */
static __attribute__((noinline)) __u32 block_class(const void *image, const struct in6 *addr)
{
	return addr_is4(addr) ? block4_class(image, bpf_ntohl(addr->word[3]))
	                      : block6_class(image, addr);
}

/* Class of a pod of another node, 0 if the address is nobody's. */
static __attribute__((noinline)) __u32 host_class(const void *image, const struct in6 *addr)
{
	const struct image_header *h = image;
	__u32 n = h->hosts.n, slot;

	if (n == 0)
		return 0;
	slot = image_hash_in6(addr);
	for (__u32 i = 0; i < IMAGE_PROBES; i++) {
		const struct image_host *e =
			image_at(h, h->hosts.offset + ((slot + i) & (n - 1)) * sizeof(*e),
		                 sizeof(*e));

		if (e->class == 0)
			return 0;
		if (e->addr.word[3] == addr->word[3] && e->addr.word[2] == addr->word[2] &&
		    e->addr.word[1] == addr->word[1] && e->addr.word[0] == addr->word[0])
			return e->class;
	}
	return 0;
}

/*
 * judge() - May a pod whose rule set for this direction is @set talk to the peer?
 * @class:	of the peer as a pod, 0 if it is none
 * @want:	protocol << 16 | port
 *
 * One loop, not three calls: each costs as much as what it does.
 */
inline_always int judge(const void *image, __u32 set, __u32 class, const struct in6 *addr,
                        __u32 want)
{
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 3; i++) {
		derive_again(image);
		derive_again(want);
		if (i == 1)
			class = 0;
		if (i == 2)
			class = block_class(image, addr);
		if ((class || i == 1) && cell_allows(image, set, class, want))
			return 1;
	}
	return 0;
}

#endif
