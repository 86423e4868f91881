/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intern.h - equal contents get one number, and growing arrays of numbers
 *
 * Everything that the compiler compares often (texts, lists of ports, sets of
 * rules) is a run of bytes that is stored once; from then on its number stands
 * for it.
 */
#ifndef CNIDA_POLICY_INTERN_H
#define CNIDA_POLICY_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

struct interned {
	size_t offset; /* into data, a multiple of 8 */
	uint32_t len, hash;
};

/* All zero: empty. */
struct intern {
	uint8_t *data;
	size_t n_data, cap_data;
	struct interned *v; /* by number, in the order in which they came */
	uint32_t *slots;    /* hash table: number + 1, 0 is free */
	uint32_t n, cap, mask;
};

void intern_free(struct intern *t);

/* intern_put() - Number of these bytes, a new one (t->n before the call) if
 * they have none; INTERN_NONE when out of memory. Bytes between the members of
 * a structure count: set them to zero. */
uint32_t intern_put(struct intern *t, const void *bytes, size_t len);

/* intern_find() - The same without adding: INTERN_NONE if they have no number.
 */
uint32_t intern_find(const struct intern *t, const void *bytes, size_t len);

/* intern_get() - The bytes, aligned to 8; valid until the next intern_put(). */
const void *intern_get(const struct intern *t, uint32_t id, size_t *ret_len);

/* A growing array of numbers. All zero: empty. */
struct numbers {
	uint32_t *v;
	size_t n, cap;
};

void numbers_free(struct numbers *a);
/* numbers_add() - 0 or -ENOMEM. */
int numbers_add(struct numbers *a, uint32_t value);
/* numbers_sort() - Ascending, each once. */
void numbers_sort(struct numbers *a);

/* Lists of numbers, one per index: those of @i are v[first[i]] to v[first[i +
 * 1] - 1]. */
struct lists {
	uint32_t *first; /* n + 1 entries */
	uint32_t *v;
	size_t n;
};

void lists_free(struct lists *l);

/**
 * lists_make() - From pairs (index, value), which keep their order within an
 * index
 * @pairs:	index and value in turn
 * @n:		indices are below this
 *
 * Return: 0 or -ENOMEM. What @ret holds before is not freed.
 */
int lists_make(struct lists *ret, const struct numbers *pairs, size_t n);

#endif
