/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pods.c - the table of this node's pods as user space writes and reads it
 *
 * Programs read meanwhile, so the order of stores matters: abi.h has the rules.
 */
#include "bpf/pods.h"

#include "bpf/sys.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define READ_TRIES 1000000U /* of an entry that is being written */

uint32_t pods_buckets(uint32_t n)
{
	uint32_t buckets = 1;

	while (buckets * (TAGS_WAYS / 2) < n)
		buckets *= 2;
	return buckets;
}

static size_t bytes(const struct pods *p)
{
	return (p->mask + (size_t)1) * sizeof(*p->v);
}

int pods_map(int map, struct pods *ret, struct err *e)
{
	struct bpf_map_info info;
	int r = sys_map_info(map, &info);
	void *v;

	*ret = (struct pods) { 0 };
	if (r < 0)
		return err_sys(e, -r, "ask for " CNIDA_BPF_DIR "/endpoint");
	v = mmap(NULL, info.value_size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (v == MAP_FAILED)
		return err_sys(e, errno, "map " CNIDA_BPF_DIR "/endpoint");
	ret->v = v;
	ret->mask = info.value_size / (uint32_t)sizeof(*ret->v) - 1;
	return 0;
}

void pods_unmap(struct pods *p)
{
	if (p->v)
		(void)munmap(p->v, bytes(p));
	*p = (struct pods) { 0 };
}

/* ---- one entry ---- */

static uint64_t hash_of(const struct in6 *key)
{
	uint64_t word[2];

	memcpy(word, key, sizeof(word));
	return endpoint_hash(word[0], word[1]);
}

static struct endpoint_bucket *bucket_of(const struct pods *p, uint64_t hash, uint32_t which)
{
	return &p->v[endpoint_bucket_of(hash, which) & p->mask];
}

static uint64_t tags_of(const struct endpoint_bucket *b)
{
	return __atomic_load_n(&b->tags, __ATOMIC_ACQUIRE);
}

static void set_tag(struct endpoint_bucket *b, uint32_t way, uint32_t tag)
{
	__atomic_store_n(&b->tags, tags_set(b->tags, way, tag), __ATOMIC_RELEASE);
}

/* Where a key is: its bucket and place, or NULL. */
static struct endpoint_bucket *find(const struct pods *p, const struct in6 *key, uint32_t *ret_way)
{
	const uint64_t hash = hash_of(key);

	for (uint32_t which = 0; which < 2; which++) {
		struct endpoint_bucket *b = bucket_of(p, hash, which);

		for (uint64_t m = tags_match(tags_of(b), endpoint_tag(hash)); m; m &= m - 1) {
			*ret_way = tags_first(m);
			if (memcmp(&b->place[*ret_way].key, key, sizeof(*key)) == 0)
				return b;
		}
	}
	return NULL;
}

/* The emptier of its two buckets, so that they fill evenly; NULL if both are full. */
static struct endpoint_bucket *choose(const struct pods *p, uint64_t hash, uint32_t *ret_way)
{
	struct endpoint_bucket *best = NULL;
	int most = 0;

	for (uint32_t which = 0; which < 2; which++) {
		struct endpoint_bucket *b = bucket_of(p, hash, which);
		uint64_t empty = tags_match(tags_of(b), 0);

		if (__builtin_popcountll(empty) > most) {
			most = __builtin_popcountll(empty);
			*ret_way = tags_first(empty);
			best = b;
		}
	}
	return best;
}

/* An entry changes that a program may be reading: its sequence is odd from here, and even after end_write(). */
static void begin_write(struct endpoint_place *at)
{
	uint32_t sequence = at->endpoint.sequence;

	/* Odd already: somebody was killed. */
	__atomic_store_n(&at->endpoint.sequence, sequence | 1, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
}

static void end_write(struct endpoint_place *at)
{
	__atomic_store_n(&at->endpoint.sequence, at->endpoint.sequence + 1, __ATOMIC_RELEASE);
}

static void write_entry(struct endpoint_place *at, const struct in6 *key, const struct endpoint *ep)
{
	const size_t rest = offsetof(struct endpoint, ifindex);

	begin_write(at);
	at->key = *key;
	memcpy((uint8_t *)&at->endpoint + rest, (const uint8_t *)ep + rest, sizeof(*ep) - rest);
	end_write(at);
}

int pods_put(const struct pods *p, const struct in6 *key, const struct endpoint *ep)
{
	uint32_t way = 0;
	struct endpoint_bucket *b = find(p, key, &way);

	if (b) {
		write_entry(&b->place[way], key, ep);
		return 0;
	}
	b = choose(p, hash_of(key), &way);
	if (!b)
		return -ENOSPC;
	write_entry(&b->place[way], key, ep);
	set_tag(b, way, endpoint_tag(hash_of(key)));
	return 0;
}

bool pods_remove(const struct pods *p, const struct in6 *key)
{
	uint32_t way = 0;
	struct endpoint_bucket *b = find(p, key, &way);

	if (!b)
		return false;
	/* Tag first: whoever is killed here leaves no half of an entry. */
	set_tag(b, way, 0);
	begin_write(&b->place[way]);
	end_write(&b->place[way]);
	return true;
}

bool pods_set_slot(const struct pods *p, const struct in6 *key, uint32_t parity,
                   const struct endpoint_slot *slot)
{
	uint32_t way = 0;
	struct endpoint_bucket *b = find(p, key, &way);

	if (b)
		b->place[way].endpoint.slot[parity & 1] = *slot;
	return b != NULL;
}

/* A consistent copy. Whoever writes does not stop; one who was killed left what nobody completes: then it is taken as it is. */
static void copy(const struct endpoint_place *at, struct in6 *key, struct endpoint *ret)
{
	for (uint32_t i = 0; i < READ_TRIES; i++) {
		uint32_t sequence = __atomic_load_n(&at->endpoint.sequence, __ATOMIC_ACQUIRE);

		*key = at->key;
		*ret = at->endpoint;
		atomic_thread_fence(memory_order_acquire);
		if (!(sequence & 1) &&
		    __atomic_load_n(&at->endpoint.sequence, __ATOMIC_RELAXED) == sequence)
			break;
	}
	ret->sequence = 0;
}

bool pods_get(const struct pods *p, const struct in6 *key, struct endpoint *ret)
{
	struct in6 found;
	uint32_t way = 0;
	struct endpoint_bucket *b = find(p, key, &way);

	if (!b)
		return false;
	copy(&b->place[way], &found, ret);
	return memcmp(&found, key, sizeof(found)) == 0;
}

size_t pods_places(const struct pods *p)
{
	return (p->mask + (size_t)1) * TAGS_WAYS;
}

bool pods_at(const struct pods *p, size_t i, struct in6 *key, struct endpoint *ret)
{
	const struct endpoint_bucket *b = &p->v[i / TAGS_WAYS];

	if (!(tags_of(b) >> i % TAGS_WAYS * 8 & 0xff))
		return false;
	copy(&b->place[i % TAGS_WAYS], key, ret);
	return true;
}
