/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature.c - does a pod's rule set allow the same as before?
 */
#include "policy/signature.h"

#include "base/cleanup.h"

#include <stdlib.h>

/* A word well mixed (the finalizer of splitmix64). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t mix_bytes(uint64_t h, const void *data, size_t n)
{
	for (const uint8_t *p = data; n-- > 0; p++)
		h = (h ^ *p) * 0x100000001b3ULL;
	return mix(h);
}

static uint64_t of_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3ULL;
	return mix(h);
}

/* Where a family's last range ends is nobody's first address. */
static uint64_t of_boundary(const struct block_entry *blocks, size_t i, size_t n, uint64_t family)
{
	return i < n ? mix_bytes(family + 1, blocks[i].first.bytes, 16) : mix(family + 1000);
}

static void add_classes(const struct tables *t, uint64_t *classes)
{
	for (size_t i = 0; i < t->n_pods; i++) {
		const struct pod_entry *pod = &t->pods[i];

		classes[pod->verdict.class] += of_text(of_text(1, pod->namespace), pod->name);
	}
	for (size_t family = 0; family < 2; family++) {
		for (size_t i = 0; i < t->n_blocks[family]; i++)
			classes[t->blocks[family][i].class] +=
				of_boundary(t->blocks[family], i + 1, t->n_blocks[family], family) -
				of_boundary(t->blocks[family], i, t->n_blocks[family], family);
	}
	classes[CLASS_ANY] = mix(1); /* any peer at all, whoever is in no class */
}

static uint64_t of_ports(const struct tables *t, const struct port_list *list)
{
	uint64_t h = 1;

	for (uint32_t i = 0; i < list->n; i++) {
		const struct port_range *range = &t->ranges[list->first + i];

		h = mix(h ^ ((uint64_t)range->proto << 32 | (uint64_t)range->first << 16 |
		             range->last));
	}
	return h | 1; /* odd: a product with it loses nothing */
}

uint64_t *signatures(const struct tables *t)
{
	_cleanup_free_ uint64_t *classes = calloc(t->n_classes + 1, sizeof(*classes));
	uint64_t *sets = calloc(t->n_sets + 1, sizeof(*sets));

	if (!classes || !sets) {
		free(sets);
		return NULL;
	}
	add_classes(t, classes);
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct cell *c = &t->cells[i];

		sets[c->set] += classes[c->class] * of_ports(t, &t->lists[c->ports]);
	}
	return sets;
}
