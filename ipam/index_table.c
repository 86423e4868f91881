/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_table.c - the hash tables of an index
 */
#include "ipam/index_table.h"

#include <string.h>

#define PAGE 4096U /* at least; it only saves time */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93U;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93U;
	return x ^ (x >> 32);
}

void table_touch(volatile uint8_t *unused)
{
	*unused = 0;
}

static bool starts_page(const struct slot *s)
{
	return ((uintptr_t)s & (PAGE - 1)) < sizeof(*s);
}

static size_t owner_home(const struct table *t, uint64_t owner)
{
	return (size_t)mix(owner >> 32) & t->mask;
}

static size_t slot_home(const struct table *t, const struct slot *s)
{
	uint64_t half[2];

	if (t->by_owner)
		return owner_home(t, s->value);
	memcpy(half, s->addr, sizeof(half));
	return (size_t)mix(mix(half[0]) ^ half[1] ^ s->family) & t->mask;
}

static bool slot_equal(const struct table *t, const struct slot *a, const struct slot *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 &&
	       (!t->by_owner || a->value == b->value);
}

struct slot *table_seek(const struct table *t, const struct slot *key)
{
	size_t i = slot_home(t, key);

	for (size_t n = 0; n <= t->mask; n++, i = (i + 1) & t->mask) {
		struct slot *s = &t->v[i];

		if (n == 0 || starts_page(s))
			table_touch(&s->touched);
		if (!s->family || slot_equal(t, s, key))
			return s;
	}
	return NULL;
}

void table_free(const struct table *t, struct slot *s)
{
	size_t gap = (size_t)(s - t->v), i = gap;

	for (size_t n = 0; n < t->mask; n++) {
		i = (i + 1) & t->mask;
		if (!t->v[i].family)
			break;
		/* Only what is at least as far from home as from the gap may go there. */
		if (((i - slot_home(t, &t->v[i])) & t->mask) >= ((i - gap) & t->mask)) {
			t->v[gap] = t->v[i];
			gap = i;
		}
	}
	memset(&t->v[gap], 0, sizeof(t->v[gap]));
}

size_t table_owned(const struct table *t, uint64_t owner, struct ip_addr *ret, size_t max)
{
	size_t i = owner_home(t, owner), n = 0;

	for (size_t probes = 0; probes <= t->mask && n < max; probes++, i = (i + 1) & t->mask) {
		struct slot *s = &t->v[i];

		if (probes == 0 || starts_page(s))
			table_touch(&s->touched);
		if (!s->family)
			break;
		if (s->value != owner || (s->family != AF_INET && s->family != AF_INET6))
			continue;
		ret[n] = (struct ip_addr) { .family = s->family };
		memcpy(ret[n].bytes, s->addr, ip_size(s->family));
		n++;
	}
	return n;
}
