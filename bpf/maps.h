/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.h - the maps of abi.h, with default sizes; the loader sets what is configured
 */
#ifndef CNIDA_BPF_MAPS_H
#define CNIDA_BPF_MAPS_H

#include "bpf/abi.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, struct in6);
	__type(value, struct endpoint);
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
const volatile struct constants constants = { 65536, 511, 0, { 8, 84375, 176, 59, 30 } };

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

inline_always struct endpoint *map_endpoint(const struct in6 *addr)
{
	return bpf_map_lookup_elem(&cnida_endpoint, addr);
}

/* The entry of an interface, see abi.h. */
inline_always struct endpoint *map_link(__u32 ifindex)
{
	const struct in6 key = { { bpf_htonl(0xff000000), 0, 0, bpf_htonl(ifindex) } };

	return map_endpoint(&key);
}

#endif
