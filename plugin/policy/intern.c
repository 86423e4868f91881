/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intern.c - equal contents get one number, and growing arrays of numbers
 *
 * The hash is seeded per process, so that nobody can write a policy whose names
 * all fall into one slot. No result depends on it: numbers are given in the
 * order of arrival.
 */
#include "policy/intern.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define INTERN_MAX (1U << 30)

void intern_free(struct intern *t)
{
	free(t->data);
	free(t->v);
	free(t->slots);
	*t = (struct intern) { .n = 0 };
}

static uint64_t hash_seed(void)
{
	static uint64_t seed;
	const void *random;

	if (!seed) {
		random = (const void *)getauxval(AT_RANDOM); /* 16 bytes of any alignment */
		if (random)
			memcpy(&seed, random, sizeof(seed));
		seed |= 1;
	}
	return seed;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 p =
		(unsigned __int128)(a ^ 0x9e3779b97f4a7c15U) * (b ^ 0xd6e8feb86659fd93U);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t hash_bytes(const uint8_t *p, size_t len)
{
	uint64_t h = hash_seed() ^ len, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = mix(h ^ word, h + 0x2545f4914f6cdd1dU);
	}
	word = 0;
	bytes_copy(&word, p, len);
	h = mix(h ^ word, hash_seed());
	return (uint32_t)(h ^ h >> 32);
}

/* Slot of these bytes: theirs, or the free one where they would go */
static uint32_t find_slot(const struct intern *t, const void *bytes, size_t len, uint32_t hash)
{
	uint32_t i = hash & t->mask;

	for (; t->slots[i]; i = (i + 1) & t->mask) {
		const struct interned *e = &t->v[t->slots[i] - 1];

		if (e->hash == hash && e->len == len &&
		    (!len || memcmp(t->data + e->offset, bytes, len) == 0))
			break;
	}
	return i;
}

/* Half of the slots stay free. */
static int grow_slots(struct intern *t)
{
	uint32_t size = t->slots ? (t->mask + 1) * 2 : 64;
	uint32_t *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t id = 0; id < t->n; id++) {
		uint32_t i = t->v[id].hash & (size - 1);

		while (slots[i])
			i = (i + 1) & (size - 1);
		slots[i] = id + 1;
	}
	free(t->slots);
	t->slots = slots;
	t->mask = size - 1;
	return 0;
}

static int grow_entries(struct intern *t)
{
	uint32_t cap = t->cap ? t->cap * 2 : 32;
	struct interned *v = realloc(t->v, cap * sizeof(*v));

	if (!v)
		return -ENOMEM;
	t->v = v;
	t->cap = cap;
	return 0;
}

static int grow_data(struct intern *t, size_t need)
{
	size_t cap = t->cap_data ? t->cap_data : 512;
	uint8_t *data;

	while (cap - t->n_data < need)
		cap *= 2;
	data = realloc(t->data, cap);
	if (!data)
		return -ENOMEM;
	t->data = data;
	t->cap_data = cap;
	return 0;
}

uint32_t intern_put(struct intern *t, const void *bytes, size_t len)
{
	const size_t need = (len + 7) & ~(size_t)7;
	const uint32_t hash = hash_bytes(bytes, len);
	uint32_t slot;

	if (len > UINT32_MAX / 2 || t->n >= INTERN_MAX)
		return INTERN_NONE;
	if ((!t->slots || t->n >= (t->mask + 1) / 2) && grow_slots(t) < 0)
		return INTERN_NONE;
	slot = find_slot(t, bytes, len, hash);
	if (t->slots[slot])
		return t->slots[slot] - 1;
	if (t->n == t->cap && grow_entries(t) < 0)
		return INTERN_NONE;
	if ((!t->data || t->cap_data - t->n_data < need) && grow_data(t, need) < 0)
		return INTERN_NONE;
	bytes_copy(t->data + t->n_data, bytes, len);
	t->v[t->n] = (struct interned) { .offset = t->n_data, .len = (uint32_t)len, .hash = hash };
	t->n_data += need;
	t->slots[slot] = ++t->n;
	return t->n - 1;
}

uint32_t intern_find(const struct intern *t, const void *bytes, size_t len)
{
	uint32_t slot;

	if (!t->slots)
		return INTERN_NONE;
	slot = find_slot(t, bytes, len, hash_bytes(bytes, len));
	return t->slots[slot] ? t->slots[slot] - 1 : INTERN_NONE;
}

const void *intern_get(const struct intern *t, uint32_t id, size_t *ret_len)
{
	if (ret_len)
		*ret_len = t->v[id].len;
	return t->data + t->v[id].offset;
}

void numbers_free(struct numbers *a)
{
	free(a->v);
	*a = (struct numbers) { .n = 0 };
}

int numbers_add(struct numbers *a, uint32_t value)
{
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 64;
		uint32_t *v = realloc(a->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		a->v = v;
		a->cap = cap;
	}
	a->v[a->n++] = value;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Most lists are short, and a call of qsort() costs as much as they take. */
static void insertion_sort(uint32_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const uint32_t value = v[i];
		size_t at = i;

		for (; at > 0 && v[at - 1] > value; at--)
			v[at] = v[at - 1];
		v[at] = value;
	}
}

void numbers_sort(struct numbers *a)
{
	size_t n = 0;
	bool ascending = true;

	for (size_t i = 1; i < a->n && ascending; i++)
		ascending = a->v[i - 1] < a->v[i];
	if (ascending)
		return;
	if (a->n <= 16)
		insertion_sort(a->v, a->n);
	else
		qsort(a->v, a->n, sizeof(*a->v), compare_numbers);
	for (size_t i = 0; i < a->n; i++)
		if (n == 0 || a->v[n - 1] != a->v[i])
			a->v[n++] = a->v[i];
	a->n = n;
}

void lists_free(struct lists *l)
{
	free(l->first);
	free(l->v);
	*l = (struct lists) { .n = 0 };
}

int lists_make(struct lists *ret, const struct numbers *pairs, size_t n)
{
	*ret = (struct lists) {
		.first = calloc(n + 2, sizeof(*ret->first)),
		.v = calloc(pairs->n / 2 + 1, sizeof(*ret->v)),
		.n = n,
	};
	if (!ret->first || !ret->v) {
		lists_free(ret);
		return -ENOMEM;
	}
	/* Counted two places ahead, so that filling moves each first to where it
   * belongs. */
	for (size_t i = 0; i < pairs->n; i += 2)
		ret->first[pairs->v[i] + 2]++;
	for (size_t i = 2; i < n + 2; i++)
		ret->first[i] += ret->first[i - 1];
	for (size_t i = 0; i < pairs->n; i += 2)
		ret->v[ret->first[pairs->v[i] + 1]++] = pairs->v[i + 1];
	return 0;
}
