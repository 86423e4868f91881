/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports.c - lists of allowed ports: normal form, union, one number for equal lists
 */
#include "policy/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t all = UINT16_MAX; /* protocol 0, from 0 to 65535 */

int ports_init(struct ports *p)
{
	*p = (struct ports) { .n = 0 };
	if (intern_put(&p->lists, NULL, 0) != PORTS_NONE)
		return -ENOMEM;
	return intern_put(&p->lists, &all, sizeof(all)) == PORTS_ALL ? 0 : -ENOMEM;
}

void ports_free(struct ports *p)
{
	intern_free(&p->lists);
	intern_free(&p->unions);
	numbers_free(&p->union_of);
	free(p->scratch);
	*p = (struct ports) { .n = 0 };
}

int ports_add(struct ports *p, uint64_t word)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		uint64_t *v = realloc(p->scratch, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->scratch = v;
		p->cap = cap;
	}
	p->scratch[p->n++] = word;
	return 0;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t last_of(uint64_t word)
{
	return word & UINT16_MAX;
}

/* Does the range begin in the other one, which is not behind it, or right after its end? */
static bool touches(uint64_t word, uint64_t before)
{
	return word >> 32 == before >> 32 && (word >> 16 & UINT16_MAX) <= last_of(before) + 1;
}

uint32_t ports_make(struct ports *p)
{
	uint64_t *v = p->scratch;
	size_t n = 0;

	if (p->n > 1)
		qsort(v, p->n, sizeof(*v), compare_words);
	for (size_t i = 0; i < p->n; i++) {
		if (n == 0 || !touches(v[i], v[n - 1]))
			v[n++] = v[i];
		else if (last_of(v[i]) > last_of(v[n - 1]))
			v[n - 1] = (v[n - 1] & ~(uint64_t)UINT16_MAX) | last_of(v[i]);
	}
	p->n = 0;
	/* Sorted, the entry without a protocol comes first, and leaves nothing to the others. */
	if (n > 0 && v[0] == all)
		return PORTS_ALL;
	return intern_put(&p->lists, v, n * sizeof(*v));
}

static uint32_t make_union(struct ports *p, const struct numbers *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		size_t n;
		const uint64_t *v = ports_get(p, ids->v[i], &n);

		for (size_t j = 0; j < n; j++)
			if (ports_add(p, v[j]) < 0)
				return INTERN_NONE;
	}
	return ports_make(p);
}

uint32_t ports_union(struct ports *p, struct numbers *ids)
{
	uint32_t combination, made;

	numbers_sort(ids);
	if (ids->n == 0)
		return PORTS_NONE;
	if (ids->n == 1)
		return ids->v[0];
	for (size_t i = 0; i < ids->n; i++)
		if (ids->v[i] == PORTS_ALL)
			return PORTS_ALL;
	if (p->union_of.n > 0) {
		size_t len;
		const uint32_t *last = intern_get(&p->unions, p->last_union, &len);

		if (len == ids->n * sizeof(*last) && memcmp(last, ids->v, len) == 0)
			return p->union_of.v[p->last_union];
	}
	combination = intern_put(&p->unions, ids->v, ids->n * sizeof(*ids->v));
	if (combination == INTERN_NONE)
		return INTERN_NONE;
	p->last_union = combination;
	if (combination < p->union_of.n)
		return p->union_of.v[combination];
	made = make_union(p, ids);
	if (made == INTERN_NONE || numbers_add(&p->union_of, made) < 0)
		return INTERN_NONE;
	return made;
}

bool ports_within(const struct ports *p, uint32_t a, uint32_t b)
{
	size_t na, nb, j = 0;
	const uint64_t *x, *y;

	if (a == b || a == PORTS_NONE || b == PORTS_ALL)
		return true;
	if (a == PORTS_ALL || b == PORTS_NONE)
		return false;
	x = ports_get(p, a, &na);
	y = ports_get(p, b, &nb);
	for (size_t i = 0; i < na; i++) {
		/* The last range of @b that does not begin behind this one; none else can hold all of it. */
		while (j + 1 < nb && y[j + 1] >> 16 <= x[i] >> 16)
			j++;
		if (y[j] >> 16 > x[i] >> 16 || y[j] >> 32 != x[i] >> 32 ||
		    last_of(y[j]) < last_of(x[i]))
			return false;
	}
	return true;
}

const uint64_t *ports_get(const struct ports *p, uint32_t id, size_t *ret_n)
{
	size_t len;
	const uint64_t *v = intern_get(&p->lists, id, &len);

	*ret_n = len / sizeof(*v);
	return v;
}
