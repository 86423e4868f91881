/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks.c - ipBlocks to disjoint ranges of addresses
 *
 * A sweep over the edges of all groups in the order of addresses, with the groups that are open at the moment. An
 * exception closes its own block only, so the union of blocks is right whatever they cut out.
 */
#include "policy/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct edge {
	struct ip_addr at;
	uint32_t group;
	int32_t step; /* 1: begins here, -1: the address before was its last one */
};

struct edges {
	struct edge *v;
	size_t n, cap;
};

struct sweep {
	struct blocks *b;
	uint32_t *open;        /* of each group, how many of its blocks are open */
	struct numbers active; /* groups with at least one, sorted */
	struct numbers pairs;  /* group, class */
	size_t cost, cost_max;
};

void blocks_free(struct blocks *b)
{
	intern_free(&b->blocks);
	numbers_free(&b->uses);
	lists_free(&b->groups);
	intern_free(&b->classes);
	lists_free(&b->classes_of);
	free(b->cuts[0]);
	free(b->cuts[1]);
	*b = (struct blocks) { .n_cuts = { 0 } };
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct ip_prefix *x = a, *y = b;
	int order = ip_cmp(&x->addr, &y->addr);

	return order ? order : x->len - y->len;
}

/* A block as bytes: the prefix and its exceptions, sorted. struct ip_prefix has no holes that are never set: they are
 * copied member by member into zeroed memory. */
static void put_prefix(struct ip_prefix *to, const struct ip_prefix *from)
{
	memset(to, 0, sizeof(*to));
	to->addr.family = from->addr.family;
	memcpy(to->addr.bytes, from->addr.bytes, sizeof(to->addr.bytes));
	to->len = from->len;
}

int blocks_use(struct blocks *b, const struct peer *peer, uint32_t rule)
{
	const size_t n = peer->n_except + 1;
	struct ip_prefix *v = calloc(n, sizeof(*v));
	uint32_t block;

	if (!v)
		return -ENOMEM;
	put_prefix(&v[0], &peer->block);
	for (size_t i = 1; i < n; i++)
		put_prefix(&v[i], &peer->except[i - 1]);
	if (n > 2)
		qsort(v + 1, n - 1, sizeof(*v), compare_prefixes);
	block = intern_put(&b->blocks, v, n * sizeof(*v));
	free(v);
	if (block == INTERN_NONE || numbers_add(&b->uses, block) < 0)
		return -ENOMEM;
	return numbers_add(&b->uses, rule);
}

/* Blocks with the same rules get the same group. */
static int make_groups(struct blocks *b, size_t n_rules, uint32_t *group_of, uint32_t *ret_n)
{
	struct intern users = { .n = 0 };
	struct numbers pairs = { .n = 0 };
	struct lists rules = { .n = 0 };
	int r = lists_make(&rules, &b->uses, b->blocks.n);

	for (uint32_t i = 0; r == 0 && i < b->blocks.n; i++) {
		const uint32_t first = rules.first[i];
		/* Rules come in order; one that names a block twice is there twice. */
		struct numbers list = { .v = rules.v + first, .n = rules.first[i + 1] - first };
		uint32_t known = users.n;

		numbers_sort(&list);
		group_of[i] = intern_put(&users, list.v, list.n * sizeof(*list.v));
		if (group_of[i] == INTERN_NONE)
			r = -ENOMEM;
		for (size_t j = 0; r == 0 && group_of[i] == known && j < list.n; j++)
			if (numbers_add(&pairs, list.v[j]) < 0 || numbers_add(&pairs, known) < 0)
				r = -ENOMEM;
	}
	if (r == 0)
		r = lists_make(&b->groups, &pairs, n_rules);
	*ret_n = users.n;
	intern_free(&users);
	lists_free(&rules);
	numbers_free(&pairs);
	return r;
}

static int add_edge(struct edges *e, const struct ip_addr *at, uint32_t group, int32_t step)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 64;
		struct edge *v = realloc(e->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		e->v = v;
		e->cap = cap;
	}
	e->v[e->n++] = (struct edge) { .at = *at, .group = group, .step = step };
	return 0;
}

static bool is_first(const struct ip_addr *a)
{
	return ip_is_unspecified(a);
}

/* From @first up to but not including @end, or the end of the family where @end has wrapped around to zero */
static int add_range(struct edges *e, const struct ip_addr *first, const struct ip_addr *end,
                     uint32_t group)
{
	if (add_edge(e, first, group, 1) < 0)
		return -ENOMEM;
	return is_first(end) ? 0 : add_edge(e, end, group, -1);
}

/* What a block leaves between its exceptions, which are sorted and may lie in each other */
static int add_block(struct edges *e, const struct ip_prefix *v, size_t n, uint32_t group)
{
	const struct ip_addr last = prefix_last(&v[0]), end = ip_next(&last);
	struct ip_addr from = v[0].addr;

	for (size_t i = 1; i < n; i++) {
		const struct ip_addr cut_last = prefix_last(&v[i]), next = ip_next(&cut_last);

		if (ip_cmp(&cut_last, &from) < 0)
			continue;
		if (ip_cmp(&v[i].addr, &from) > 0 && add_range(e, &from, &v[i].addr, group) < 0)
			return -ENOMEM;
		if (ip_eq(&next, &end))
			return 0;
		from = next;
	}
	return add_range(e, &from, &end, group);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return memcmp(x->at.bytes, y->at.bytes, sizeof(x->at.bytes));
}

static size_t find_active(const struct numbers *active, uint32_t group)
{
	size_t low = 0, high = active->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (active->v[middle] < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int step_over(struct sweep *s, const struct edge *e)
{
	struct numbers *a = &s->active;
	const bool was_open = s->open[e->group] > 0;
	size_t at = find_active(a, e->group);

	s->open[e->group] += (uint32_t)e->step;
	if (was_open == (s->open[e->group] > 0))
		return 0;
	s->cost += (a->n - at) / 64;
	if (was_open && at < a->n) {
		memmove(a->v + at, a->v + at + 1, (a->n - at - 1) * sizeof(*a->v));
		a->n--;
		return 0;
	}
	if (numbers_add(a, 0) < 0)
		return -ENOMEM;
	memmove(a->v + at + 1, a->v + at, (a->n - at - 1) * sizeof(*a->v));
	a->v[at] = e->group;
	return 0;
}

/* The class of the groups that are open */
static int find_class(struct sweep *s, uint32_t *ret)
{
	struct intern *classes = &s->b->classes;
	const uint32_t known = classes->n;
	const struct numbers *a = &s->active;

	s->cost += 1 + a->n / 8;
	*ret = intern_put(classes, a->v, a->n * sizeof(*a->v));
	if (*ret == INTERN_NONE)
		return -ENOMEM;
	if (*ret < known)
		return 0;
	s->cost += a->n;
	for (size_t i = 0; i < a->n; i++)
		if (numbers_add(&s->pairs, a->v[i]) < 0 || numbers_add(&s->pairs, *ret) < 0)
			return -ENOMEM;
	return s->cost > s->cost_max ? -E2BIG : 0;
}

static int sweep_family(struct sweep *s, int family, struct edges *edges)
{
	struct blocks *b = s->b;
	struct cut *cuts = calloc(edges->n + 1, sizeof(*cuts));
	size_t n = 0;

	if (!cuts)
		return -ENOMEM;
	b->cuts[family] = cuts;
	qsort(edges->v, edges->n, sizeof(*edges->v), compare_edges);
	if (!is_first(&edges->v[0].at))
		cuts[n++] = (struct cut) {
			.first.family = edges->v[0].at.family,
			.class = CUT_NONE,
		};
	for (size_t i = 0; i < edges->n;) {
		const struct edge *first = &edges->v[i];
		uint32_t class;
		int r = 0;

		for (; r == 0 && i < edges->n && compare_edges(first, &edges->v[i]) == 0; i++)
			r = step_over(s, &edges->v[i]);
		if (r == 0)
			r = find_class(s, &class);
		if (r < 0)
			return r;
		if (n == 0 || cuts[n - 1].class != class)
			cuts[n++] = (struct cut) { .first = first->at, .class = class };
	}
	b->n_cuts[family] = n;
	return 0;
}

static int cut_family(struct sweep *s, int family, const uint32_t *group_of, uint32_t n_groups)
{
	const sa_family_t wanted = family ? AF_INET6 : AF_INET;
	struct edges edges = { .n = 0 };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->b->blocks.n; i++) {
		size_t len;
		const struct ip_prefix *v = intern_get(&s->b->blocks, i, &len);

		if (v->addr.family == wanted)
			r = add_block(&edges, v, len / sizeof(*v), group_of[i]);
	}
	memset(s->open, 0, n_groups * sizeof(*s->open));
	s->active.n = 0;
	if (r == 0 && edges.n > 0)
		r = sweep_family(s, family, &edges);
	free(edges.v);
	return r;
}

int blocks_cut(struct blocks *b, size_t n_rules, size_t cost_max)
{
	struct sweep s = { .b = b, .cost_max = cost_max };
	uint32_t *group_of = calloc(b->blocks.n + 1U, sizeof(*group_of)), n_groups = 0;
	int r = group_of ? make_groups(b, n_rules, group_of, &n_groups) : -ENOMEM;

	if (r == 0) {
		s.open = calloc(n_groups + 1U, sizeof(*s.open));
		if (!s.open || intern_put(&b->classes, NULL, 0) != CUT_NONE)
			r = -ENOMEM;
	}
	for (int family = 0; family < 2 && r == 0; family++)
		r = cut_family(&s, family, group_of, n_groups);
	if (r == 0)
		r = lists_make(&b->classes_of, &s.pairs, n_groups);
	free(group_of);
	free(s.open);
	numbers_free(&s.active);
	numbers_free(&s.pairs);
	return r;
}
