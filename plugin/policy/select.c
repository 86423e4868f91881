/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * select.c - which items do label selectors match? Answered by looking up labels instead of trying all items
 *
 * The requirement that the fewest items can fulfil names the candidates, which are then asked for the others.
 */
#include "policy/select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OTHER INTERN_NONE /* a value that no selector mentions */

/* The largest label value is 63 characters; longer ones match nothing. */
struct value_text {
	uint32_t key;
	char text[64];
};

void select_free(struct select *s)
{
	intern_free(&s->keys);
	intern_free(&s->values);
	numbers_free(&s->labels);
	lists_free(&s->by_key);
	lists_free(&s->by_value);
	numbers_free(&s->wanted_values);
	free(s->items);
	free(s->wanted);
	*s = (struct select) { .n_items = 0 };
}

/* Bytes that stand for a value of a key; 0 if it is too long */
static size_t value_bytes(struct value_text *buf, uint32_t key, const char *value)
{
	const size_t len = strlen(value);

	if (len > sizeof(buf->text))
		return 0;
	buf->key = key;
	memcpy(buf->text, value, len);
	return offsetof(struct value_text, text) + len;
}

int select_mention(struct select *s, const struct selector *selector)
{
	for (size_t i = 0; i < selector->n; i++) {
		const struct requirement *q = &selector->v[i];
		uint32_t key = intern_put(&s->keys, q->key, strlen(q->key));
		struct value_text buf;

		if (key == INTERN_NONE)
			return -ENOMEM;
		for (size_t j = 0; j < q->n_values; j++) {
			size_t len = value_bytes(&buf, key, q->values[j]);

			if (len && intern_put(&s->values, &buf, len) == INTERN_NONE)
				return -ENOMEM;
		}
	}
	return 0;
}

static uint32_t find_value(const struct select *s, uint32_t key, const char *value)
{
	struct value_text buf;
	size_t len = value_bytes(&buf, key, value);

	return len ? intern_find(&s->values, &buf, len) : OTHER;
}

int select_project(struct select *s, const struct labels *labels, struct numbers *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < labels->n; i++) {
		const struct label *l = &labels->v[i];
		uint32_t key = intern_find(&s->keys, l->key, strlen(l->key));
		size_t at;

		if (key == INTERN_NONE)
			continue;
		if (numbers_add(ret, key) < 0 || numbers_add(ret, 0) < 0)
			return -ENOMEM;
		for (at = ret->n - 2; at > 0 && ret->v[at - 2] > key; at -= 2) {
			ret->v[at] = ret->v[at - 2];
			ret->v[at + 1] = ret->v[at - 1];
		}
		ret->v[at] = key;
		ret->v[at + 1] = find_value(s, key, l->value);
	}
	return 0;
}

int select_add(struct select *s, const struct numbers *projected, bool partial)
{
	if (s->n_items == s->cap_items) {
		size_t cap = s->cap_items ? s->cap_items * 2 : 64;
		struct item *v = realloc(s->items, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->items = v;
		s->cap_items = cap;
	}
	s->items[s->n_items++] = (struct item) {
		.first = s->labels.n,
		.n = projected->n / 2,
		.partial = partial,
	};
	for (size_t i = 0; i < projected->n; i++)
		if (numbers_add(&s->labels, projected->v[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int add_postings(const struct select *s, struct numbers *keys, struct numbers *values)
{
	for (uint32_t i = 0; i < s->n_items; i++) {
		for (size_t j = 0; j < s->items[i].n; j++) {
			const size_t at = s->items[i].first + 2 * j;
			const uint32_t key = s->labels.v[at], value = s->labels.v[at + 1];

			if (numbers_add(keys, key) < 0 || numbers_add(keys, i) < 0)
				return -ENOMEM;
			if (value != OTHER &&
			    (numbers_add(values, value) < 0 || numbers_add(values, i) < 0))
				return -ENOMEM;
		}
	}
	return 0;
}

int select_finish(struct select *s)
{
	struct numbers keys = { .n = 0 }, values = { .n = 0 };
	int r = add_postings(s, &keys, &values);

	if (r == 0)
		r = lists_make(&s->by_key, &keys, s->keys.n);
	if (r == 0)
		r = lists_make(&s->by_value, &values, s->values.n);
	numbers_free(&keys);
	numbers_free(&values);
	return r;
}

static int translate_one(struct select *s, const struct requirement *q, struct wanted *ret)
{
	struct numbers *all = &s->wanted_values, values;

	*ret = (struct wanted) {
		.op = q->op,
		.key = intern_find(&s->keys, q->key, strlen(q->key)),
		.first = all->n,
	};
	for (size_t i = 0; i < q->n_values; i++) {
		uint32_t value = find_value(s, ret->key, q->values[i]);

		if (value != OTHER && numbers_add(all, value) < 0)
			return -ENOMEM;
	}
	ret->n = all->n - ret->first;
	if (ret->n > 1) {
		values = (struct numbers) { .v = all->v + ret->first, .n = ret->n };
		numbers_sort(&values);
		ret->n = values.n;
	}
	all->n = ret->first + ret->n;
	return 0;
}

static int translate(struct select *s, const struct selector *selector)
{
	if (selector->n > s->cap_wanted) {
		struct wanted *v = realloc(s->wanted, selector->n * sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->wanted = v;
		s->cap_wanted = selector->n;
	}
	s->wanted_values.n = 0;
	for (size_t i = 0; i < selector->n; i++)
		if (translate_one(s, &selector->v[i], &s->wanted[i]) < 0)
			return -ENOMEM;
	return 0;
}

int select_key(struct select *s, const struct selector *selector, struct numbers *ret)
{
	if (translate(s, selector) < 0 || numbers_add(ret, (uint32_t)selector->n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < selector->n; i++) {
		const struct wanted *w = &s->wanted[i];

		if (numbers_add(ret, w->op) < 0 || numbers_add(ret, w->key) < 0 ||
		    numbers_add(ret, (uint32_t)w->n) < 0)
			return -ENOMEM;
		for (size_t j = 0; j < w->n; j++)
			if (numbers_add(ret, s->wanted_values.v[w->first + j]) < 0)
				return -ENOMEM;
	}
	return 0;
}

static bool holds(const uint32_t *v, size_t n, uint32_t value)
{
	while (n > 0) {
		size_t half = n / 2;

		if (v[half] == value)
			return true;
		if (v[half] < value) {
			v += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return false;
}

static bool fulfils(const struct select *s, const struct item *item, const struct wanted *w)
{
	const uint32_t *label = s->labels.v + item->first, *end = label + 2 * item->n;
	bool there, among;

	while (label < end && label[0] != w->key)
		label += 2;
	there = label < end;
	if (!there && item->partial)
		return false;
	if (w->op == OP_EXISTS || w->op == OP_DOES_NOT_EXIST)
		return there == (w->op == OP_EXISTS);
	among = there && holds(s->wanted_values.v + w->first, w->n, label[1]);
	return among == (w->op == OP_IN);
}

static bool matches(const struct select *s, uint32_t item, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!fulfils(s, &s->items[item], &s->wanted[i]))
			return false;
	return true;
}

/* The part of an ascending list that lies from @first up to but not including @end */
static void clip(const struct lists *l, uint32_t id, uint32_t first, uint32_t end,
                 const uint32_t **ret, size_t *ret_n)
{
	size_t bounds[2];

	for (int i = 0; i < 2; i++) {
		size_t low = l->first[id], high = l->first[id + 1];
		const uint32_t limit = i ? end : first;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (l->v[middle] < limit)
				low = middle + 1;
			else
				high = middle;
		}
		bounds[i] = low;
	}
	*ret = l->v + bounds[0];
	*ret_n = bounds[1] - bounds[0];
}

/* How many items can fulfil this requirement; SIZE_MAX if it does not say which */
static size_t count(const struct select *s, const struct wanted *w, uint32_t first, uint32_t end)
{
	const uint32_t *v;
	size_t n, total = 0;

	if (w->op == OP_EXISTS) {
		clip(&s->by_key, w->key, first, end, &v, &n);
		return n;
	}
	if (w->op != OP_IN)
		return SIZE_MAX;
	for (size_t i = 0; i < w->n; i++) {
		clip(&s->by_value, s->wanted_values.v[w->first + i], first, end, &v, &n);
		total += n;
	}
	return total;
}

static int try_list(const struct select *s, const uint32_t *v, size_t n, size_t n_wanted,
                    struct numbers *ret)
{
	for (size_t i = 0; i < n; i++)
		if (matches(s, v[i], n_wanted) && numbers_add(ret, v[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int try_wanted(const struct select *s, const struct wanted *w, uint32_t first, uint32_t end,
                      size_t n_wanted, struct numbers *ret)
{
	const uint32_t *v;
	size_t n;

	if (w->op == OP_EXISTS) {
		clip(&s->by_key, w->key, first, end, &v, &n);
		return try_list(s, v, n, n_wanted, ret);
	}
	for (size_t i = 0; i < w->n; i++) {
		clip(&s->by_value, s->wanted_values.v[w->first + i], first, end, &v, &n);
		if (try_list(s, v, n, n_wanted, ret) < 0)
			return -ENOMEM;
	}
	return 0;
}

int select_items(struct select *s, const struct selector *selector, uint32_t first, uint32_t end,
                 struct numbers *ret, size_t *ret_cost)
{
	size_t least = SIZE_MAX, best = 0;

	if (translate(s, selector) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < selector->n; i++) {
		size_t n = count(s, &s->wanted[i], first, end);

		if (n < least) {
			least = n;
			best = i;
		}
	}
	*ret_cost += 1 + selector->n + (least < SIZE_MAX ? least : end - first);
	if (least < SIZE_MAX)
		return try_wanted(s, &s->wanted[best], first, end, selector->n, ret);
	for (uint32_t i = first; i < end; i++)
		if (matches(s, i, selector->n) && numbers_add(ret, i) < 0)
			return -ENOMEM;
	return 0;
}
