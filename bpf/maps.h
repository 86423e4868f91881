/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.h - the maps of abi.h, with default sizes; the loader sets what is configured
 */
#ifndef CNIDA_BPF_MAPS_H
#define CNIDA_BPF_MAPS_H

#include "bpf/abi.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define compiler_barrier() __asm__ volatile("" ::: "memory")

typedef __u64 __attribute__((may_alias)) word64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define WORD64(first, second) ((__u64)(first) | (__u64)(second) << 32)
#	define WORD32(first, second) ((__u32)(first) | (__u32)(second) << 16)
#else
#	define WORD64(first, second) ((__u64)(first) << 32 | (__u64)(second))
#	define WORD32(first, second) ((__u32)(first) << 16 | (__u32)(second))
#endif

/* In a loop: what follows from @v is computed or loaded again in each round, not kept on the stack, which is short. */
#define derive_again(v) __asm__ volatile("" : "+r"(v))

#define inline_always static inline __attribute__((always_inline))

/*
 * A function that the verifier looks at once, whatever its callers know about the arguments. Others are walked through at each
 * call in each state, which multiplies. Arguments: the context, numbers, pointers to typed memory (which may be NULL to it).
 */
#define verified_once __attribute__((noinline))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} cnida_control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 128 * sizeof(struct endpoint_bucket));
	__uint(map_flags, BPF_F_MMAPABLE);
} cnida_endpoint SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__type(key, __u32);
	__type(value, struct flow_bucket);
} cnida_flow SEC(".maps");

struct image_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 65536);
	__uint(map_flags, BPF_F_RDONLY_PROG);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, struct image_map);
} cnida_policy SEC(".maps");

/* Set by the loader and frozen, so that the verifier knows the values. One struct: the loader writes it as a whole. */
const volatile struct constants constants = { 65536, 511, 127, 0, { 8, 84375, 176, 59, 30 } };

inline_always struct control *map_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cnida_control, &zero);
}

inline_always const struct image_header *map_image(void)
{
	__u32 zero = 0;
	void *image = bpf_map_lookup_elem(&cnida_policy, &zero);

	return image ? bpf_map_lookup_elem(image, &zero) : NULL;
}

/*
 * map_find() - The entry under a key of two words, NULL if there is none
 *
 * @sequence: its, from before the key was compared: see struct endpoint_place.
 */
inline_always const struct endpoint *map_find(__u64 high, __u64 low, __u32 *sequence)
{
	const __u64 hash = endpoint_hash(high, low);
	const struct endpoint_bucket *b;
	__u32 zero = 0;
	const void *table = bpf_map_lookup_elem(&cnida_endpoint, &zero);
	__u64 match;

	if (!table)
		return NULL;
	for (__u32 which = 0; which < 2; which++) {
		b = (const struct endpoint_bucket *)table +
		    (endpoint_bucket_of(hash, which) & constants.endpoint_mask);
		match = tags_match(*(const volatile __u64 *)&b->tags, endpoint_tag(hash));
		for (__u32 i = 0; match && i < TAGS_WAYS; i++, match &= match - 1) {
			const struct endpoint_place *p = &b->place[tags_first(match)];
			const word64 *key = (const word64 *)&p->key;

			*sequence = *(const volatile __u32 *)&p->endpoint.sequence;
			compiler_barrier();
			if (((key[0] ^ high) | (key[1] ^ low)) == 0)
				return &p->endpoint;
		}
	}
	return NULL;
}

inline_always const struct endpoint *map_endpoint(const struct in6 *addr)
{
	const word64 *w = (const word64 *)addr;
	__u32 ignored;

	return map_find(w[0], w[1], &ignored);
}

/* The entry of an interface, see abi.h. */
#define LINK_HIGH         WORD64(bpf_htonl(0xff000000), 0)
#define LINK_LOW(ifindex) WORD64(0, bpf_htonl(ifindex))

inline_always const struct endpoint *map_link(__u32 ifindex)
{
	__u32 ignored;

	return map_find(LINK_HIGH, LINK_LOW(ifindex), &ignored);
}

#endif
