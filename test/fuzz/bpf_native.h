/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bpf_native.h - the programs of bpf/cnida.bpf.c as C functions of this process: helpers and maps
 *
 * A frame's linear part ends where readable memory does, and lies below 4 GiB, since the context has 32 bits for its place. What
 * is not linear can only be had by the helpers.
 */
#ifndef CNIDA_TEST_FUZZ_BPF_NATIVE_H
#define CNIDA_TEST_FUZZ_BPF_NATIVE_H

/* In place of bpf/bpf_helpers.h. */
#define __BPF_HELPERS__
#define SEC(name)
#define __uint(name, value)  int(*name)[value]
#define __type(name, value)  value *name
#define __array(name, value) value *name[]

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAME_MAX 2048U

static void *bpf_map_lookup_elem(const void *map, const void *key);

static struct {
	uint8_t frame[FRAME_MAX];
	uint8_t *end;    /* of the linear part's place */
	uint32_t linear; /* bytes of it */
	uint32_t peer;   /* of bpf_redirect_peer() */
	uint64_t jiffies;
	long fib;
} native;

static uint32_t bounded(uint32_t v, uint32_t max)
{
	return v < max ? v : max;
}

/* Make @linear bytes of the frame readable, right before what is not. */
static void native_lay(struct __sk_buff *skb, uint32_t linear)
{
	if (!native.end) {
		const size_t page = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

		if (at == MAP_FAILED || mprotect(at + page, page, PROT_NONE) < 0)
			abort();
		native.end = at + page;
	}
	native.linear = bounded(linear, skb->len);
	memcpy(native.end - native.linear, native.frame, native.linear);
	skb->data = (__u32)(uintptr_t)(native.end - native.linear);
	skb->data_end = (__u32)(uintptr_t)native.end;
}

static long bpf_skb_pull_data(struct __sk_buff *skb, uint32_t len)
{
	if (len > skb->len)
		return -ENOMEM;
	if (len > native.linear)
		native_lay(skb, len);
	return 0;
}

static long bpf_skb_load_bytes(const struct __sk_buff *skb, uint32_t off, void *to, uint32_t len)
{
	if (off > 0xffff || off > skb->len || len > skb->len - off) {
		memset(to, 0, len);
		return -EFAULT;
	}
	memcpy(to, native.frame + off, len);
	return 0;
}

static long bpf_skb_store_bytes(struct __sk_buff *skb, uint32_t off, const void *from, uint32_t len,
                                uint64_t flags)
{
	(void)flags;
	if (off > 0xffff || off > skb->len || len > skb->len - off)
		return -EFAULT;
	memcpy(native.frame + off, from, len);
	native_lay(skb, native.linear);
	return 0;
}

static long bpf_skb_change_type(struct __sk_buff *skb, uint32_t type)
{
	skb->pkt_type = type;
	return 0;
}

static long bpf_redirect_peer(uint32_t ifindex, uint64_t flags)
{
	(void)flags;
	native.peer = ifindex;
	return 7; /* TC_ACT_REDIRECT */
}

static long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int size, uint32_t flags)
{
	(void)ctx, (void)params, (void)size, (void)flags;
	return native.fib;
}

static uint64_t bpf_jiffies64(void)
{
	return native.jiffies;
}

/* Nobody else is here. */
#define bpf_spin_lock(lock)   ((void)*(lock))
#define bpf_spin_unlock(lock) ((void)*(lock))

#endif
