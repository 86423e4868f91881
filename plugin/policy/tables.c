/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.c - looking things up in compiled policy
 */
#include "policy/tables.h"

#include <stdlib.h>
#include <string.h>

void tables_free(struct tables *t)
{
	free(t->ranges);
	free(t->lists);
	free(t->cells);
	free(t->pods);
	free(t->namespaces);
	free(t->hosts);
	free(t->blocks[0]);
	free(t->blocks[1]);
	*t = (struct tables) { .n_sets = 0 };
}

static int compare_pods(const void *a, const void *b)
{
	const struct pod_entry *x = a, *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order ? order : strcmp(x->name, y->name);
}

static int compare_namespaces(const void *a, const void *b)
{
	const struct namespace_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

const struct pod_verdict *tables_pod(const struct tables *t, const char *namespace,
                                     const char *name)
{
	const struct pod_entry key = { .namespace = namespace, .name = name };
	const struct namespace_entry ns_key = { .name = namespace };
	const struct pod_entry *pod = NULL;
	const struct namespace_entry *ns = NULL;

	if (namespace && name && t->n_pods)
		pod = bsearch(&key, t->pods, t->n_pods, sizeof(key), compare_pods);
	if (pod)
		return &pod->verdict;
	if (namespace && t->n_namespaces)
		ns = bsearch(&ns_key, t->namespaces, t->n_namespaces, sizeof(ns_key),
		             compare_namespaces);
	return ns ? &ns->unknown : &t->stranger;
}

uint32_t tables_block(const struct tables *t, const struct ip_addr *addr)
{
	const int family = addr->family == AF_INET6;
	const struct block_entry *v = t->blocks[family];
	size_t low = 0, high = t->n_blocks[family];

	if (high == 0 || !ip_is_set(addr))
		return CLASS_ANY;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (ip_cmp(&v[middle].first, addr) <= 0)
			low = middle;
		else
			high = middle;
	}
	return v[low].class;
}

static int compare_cells(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return (x->class > y->class) - (x->class < y->class);
}

struct cells tables_cells(const struct tables *t)
{
	return (struct cells) {
		.v = t->cells,
		.lists = t->lists,
		.ranges = t->ranges,
		.n = t->n_cells,
		.n_lists = t->n_lists,
		.n_ranges = t->n_ranges,
	};
}

const struct cell *cells_of_set(const struct cells *c, uint32_t set, size_t *ret_n)
{
	size_t low = 0, high = c->n, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->v[middle].set < set)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < c->n && c->v[low + n].set == set)
		n++;
	*ret_n = n;
	return c->v + low;
}

const struct port_range *cells_ports(const struct cells *c, uint32_t list, size_t *ret_n)
{
	const struct port_list *l;

	*ret_n = 0;
	if (list >= c->n_lists)
		return NULL;
	l = &c->lists[list];
	if (l->first > c->n_ranges || c->n_ranges - l->first < l->n)
		return NULL;
	*ret_n = l->n;
	return c->ranges + l->first;
}

bool tables_allow(const struct tables *t, uint32_t set, uint32_t class, uint8_t proto,
                  uint16_t port)
{
	const struct cell key = { .set = set, .class = class };
	const struct port_list *list;
	const struct cell *cell = NULL;

	if (set == SET_OPEN)
		return true;
	if (t->n_cells)
		cell = bsearch(&key, t->cells, t->n_cells, sizeof(key), compare_cells);
	if (!cell)
		return false;
	list = &t->lists[cell->ports];
	for (uint32_t i = 0; i < list->n; i++) {
		const struct port_range *r = &t->ranges[list->first + i];

		if (r->proto == 0 || (r->proto == proto && r->first <= port && port <= r->last))
			return true;
	}
	return false;
}
