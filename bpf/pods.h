/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pods.h - the table of this node's pods (cnida_endpoint, see abi.h) as user space writes and reads it
 *
 * Plain memory: the map's, which every process that wants it maps. Readers need nothing. Who puts or removes holds the lock of
 * attach.h, which dies with him; killed in between, an entry is there or it is not.
 */
#ifndef CNIDA_BPF_PODS_H
#define CNIDA_BPF_PODS_H

#include "base/err.h"
#include "bpf/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pods {
	struct endpoint_bucket *v;
	uint32_t mask; /* number of buckets - 1 */
};

/* pods_buckets() - How many buckets a table for @n entries has: they are half full then. A power of two. */
uint32_t pods_buckets(uint32_t n);

/* pods_map() - Map the table of a map's descriptor; 0 or -errno. pods_unmap() - and let it go, also if it is not mapped. */
int pods_map(int map, struct pods *ret, struct err *e);
void pods_unmap(struct pods *p);

/* pods_get() - Copy an entry: false if there is none. */
bool pods_get(const struct pods *p, const struct in6 *key, struct endpoint *ret);

/* pods_put() - Make an entry, or change it (ep->sequence is ignored): 0, or -ENOSPC when neither of its buckets has room. */
int pods_put(const struct pods *p, const struct in6 *key, const struct endpoint *ep);

/* pods_remove() - false if there is none. */
bool pods_remove(const struct pods *p, const struct in6 *key);

/* pods_set_slot() - Change one slot, which must not be in force: false if there is no such entry. Not beside pods_put(). */
bool pods_set_slot(const struct pods *p, const struct in6 *key, uint32_t parity,
                   const struct endpoint_slot *slot);

/* pods_places() - How many there are. pods_at() - Copy what is at one of them, counted from 0: false if it is empty. */
size_t pods_places(const struct pods *p);
bool pods_at(const struct pods *p, size_t i, struct in6 *key, struct endpoint *ret);

#endif
