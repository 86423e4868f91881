/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft_cells.c - what sets allow, in nftables
 */
#include "endpoint/policy_nft_cells.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* List 0 is nobody's: a key that was not filled in finds nothing. */
#define LIST_ID(list) ((list) + 1)
/* Port ranges of the whole policy that are filled in at once. To put one into a set of ranges, the kernel copies the set:
 * for an ADD that is the dearest part, and most policies have few. */
#define RANGES_AT_ONCE 256

static bool at_once(const struct cells *c)
{
	return c->n_ranges <= RANGES_AT_ONCE;
}

int policy_nft_cells_init(struct policy_nft_cells *c, const struct cells *cells, size_t n,
                          struct err *e)
{
	*c = (struct policy_nft_cells) {
		.cells = cells,
		.sets = calloc(n + 1, sizeof(*c->sets)),
		.lists = calloc(cells->n_lists + 1, sizeof(*c->lists)),
	};
	return c->sets && c->lists ? 0 : err_sys(e, ENOMEM, "put network policy into nftables");
}

void policy_nft_cells_free(struct policy_nft_cells *c)
{
	free(c->sets);
	free(c->lists);
}

void policy_nft_cells_add(struct policy_nft_cells *c, uint32_t set)
{
	c->sets[c->n_sets++] = set;
}

static int by_id(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Each once. */
static void sort_sets(struct policy_nft_cells *c)
{
	size_t kept = 0;

	qsort(c->sets, c->n_sets, sizeof(*c->sets), by_id);
	for (size_t i = 0; i < c->n_sets; i++) {
		if (kept == 0 || c->sets[kept - 1] != c->sets[i])
			c->sets[kept++] = c->sets[i];
	}
	c->n_sets = kept;
}

static void fill_list(struct policy_nft_cells *c, struct policy_fill *f, uint32_t list)
{
	size_t n;
	const struct port_range *r = cells_ports(c->cells, list, &n);

	if (n == 0 || c->lists[list])
		return;
	c->lists[list] = 1;
	for (size_t i = 0; i < n; i++)
		policy_fill_ports(f, LIST_ID(list), r[i].proto, r[i].first, r[i].last);
}

void policy_nft_cells_begin(struct policy_nft_cells *c, struct policy_fill *f)
{
	for (uint32_t i = 0; at_once(c->cells) && i < c->cells->n_lists; i++)
		fill_list(c, f, i);
}

void policy_nft_cells_fill(struct policy_nft_cells *c, struct policy_fill *f)
{
	size_t n;

	sort_sets(c);
	memset(c->lists, 0, c->cells->n_lists);
	for (size_t i = 0; !at_once(c->cells) && i < c->n_sets; i++) {
		const struct cell *v = cells_of_set(c->cells, c->sets[i], &n);

		while (n > 0)
			fill_list(c, f, v[--n].ports);
	}
	for (size_t i = 0; i < c->n_sets; i++) {
		const struct cell *v = cells_of_set(c->cells, c->sets[i], &n);

		for (; n > 0; n--)
			policy_fill_cell(f, v[n - 1].set, v[n - 1].class, LIST_ID(v[n - 1].ports));
	}
}

int policy_nft_cells_there(const struct cells *cells, struct nl_sock *nft, unsigned int side,
                           uint32_t set, struct err *e)
{
	size_t n;
	const struct cell *first = cells_of_set(cells, set, &n);
	uint32_t list = 0;
	int r;

	if (n == 0)
		return 1;
	r = ruleset_policy_list(nft, side, set, first->class, &list, e);
	return r <= 0 ? r : list == LIST_ID(first->ports);
}
