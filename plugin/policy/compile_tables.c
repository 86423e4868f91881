/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_tables.c - rows of the compiler to tables: equal columns are one class, and all ids are given out
 *
 * Ids are given in the order in which sorted pods, namespaces and addresses ask for them.
 */
#include "policy/compiler.h"

#include <stdlib.h>
#include <string.h>

#define UNSET UINT32_MAX

struct emitter {
	struct compiler *c;
	struct tables *t;
	struct intern columns;           /* pairs (row, list of ports); number 0 is the empty one */
	uint32_t *column_of;             /* of each peer */
	uint32_t *class_of;              /* of each column */
	struct numbers columns_of_class; /* the column of each class; UNSET for those without cells */
	uint32_t plain;                  /* class of the pods that no rule has as a peer */
	uint32_t *set_of;                /* of each row */
	uint32_t *list_of;               /* of each list of ports */
};

static size_t count_cells(const struct compiler *c)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->rows.n; i++)
		n += c->rows.v[i].len / (2 * sizeof(uint32_t));
	return n;
}

/* Columns of the matrix, one behind the other; first[peer] counts words. */
static void transpose(const struct compiler *c, uint32_t *first, uint32_t *v)
{
	for (uint32_t row = 0; row < c->rows.n; row++) {
		size_t len;
		const uint32_t *cell = intern_get(&c->rows, row, &len);

		for (const uint32_t *end = cell + len / sizeof(*cell); cell < end; cell += 2) {
			uint32_t *at = &first[cell[0] + 1];

			v[(*at)++] = row;
			v[(*at)++] = cell[1];
		}
	}
}

/* Start of each column, written one place further: transpose() moves it to where it belongs. */
static void find_columns(const struct compiler *c, uint32_t *first)
{
	for (uint32_t row = 0; row < c->rows.n; row++) {
		size_t len;
		const uint32_t *cell = intern_get(&c->rows, row, &len);

		for (const uint32_t *end = cell + len / sizeof(*cell); cell < end; cell += 2)
			first[cell[0] + 2] += 2;
	}
	for (uint32_t i = 2; i < c->n_peers + 2; i++)
		first[i] += first[i - 1];
}

static int make_columns(struct emitter *m)
{
	const struct compiler *c = m->c;
	const size_t n = count_cells(c);
	uint32_t *first = calloc(c->n_peers + 2U, sizeof(*first));
	uint32_t *v = calloc(2 * n + 1, sizeof(*v));
	int r = first && v ? 0 : -ENOMEM;

	if (r == 0 && intern_put(&m->columns, NULL, 0) != 0)
		r = -ENOMEM;
	if (r == 0) {
		find_columns(c, first);
		transpose(c, first, v);
	}
	for (uint32_t i = 0; r == 0 && i < c->n_peers; i++) {
		m->column_of[i] = intern_put(&m->columns, v + first[i],
		                             (first[i + 1] - first[i]) * sizeof(*v));
		if (m->column_of[i] == INTERN_NONE)
			r = -ENOMEM;
	}
	free(first);
	free(v);
	return r;
}

static int new_class(struct emitter *m, uint32_t column, uint32_t *ret)
{
	*ret = (uint32_t)m->columns_of_class.n;
	return numbers_add(&m->columns_of_class, column);
}

/* Pods get a class even if they are nobody's peer, addresses get none then. */
static int find_class(struct emitter *m, uint32_t peer, uint32_t *ret)
{
	const uint32_t column = m->column_of[peer];
	const bool pod = peer <= m->c->n_classes;

	if (column == 0 && !pod) {
		*ret = CLASS_ANY;
		return 0;
	}
	if (column == 0) {
		if (m->plain == UNSET && new_class(m, UNSET, &m->plain) < 0)
			return -ENOMEM;
		*ret = m->plain;
		return 0;
	}
	if (m->class_of[column] == UNSET && new_class(m, column, &m->class_of[column]) < 0)
		return -ENOMEM;
	*ret = m->class_of[column];
	return 0;
}

static uint32_t find_set(struct emitter *m, uint32_t row)
{
	if (row == 0)
		return SET_OPEN;
	if (m->set_of[row - 1] == UNSET)
		m->set_of[row - 1] = m->t->n_sets++;
	return m->set_of[row - 1];
}

static int find_verdict(struct emitter *m, uint32_t kind, struct pod_verdict *ret)
{
	const struct pod_kind *k = &m->c->kinds[kind];

	ret->set[INGRESS] = find_set(m, k->row[INGRESS]);
	ret->set[EGRESS] = find_set(m, k->row[EGRESS]);
	return find_class(m, k->class + 1, &ret->class);
}

/* The first group of a namespace is that of its unknown pods, which are of one kind. */
static uint32_t unknown_kind(const struct compiler *c, size_t namespace)
{
	return c->first_kind[c->first_group[namespace]];
}

static bool alloc_pods(struct tables *t, const struct objects *o)
{
	t->pods = calloc(o->n_pods + 1, sizeof(*t->pods));
	t->namespaces = calloc(o->n_namespaces + 1, sizeof(*t->namespaces));
	return t->pods && t->namespaces;
}

static int emit_pods(struct emitter *m)
{
	const struct compiler *c = m->c;
	const struct objects *o = c->o;
	struct tables *t = m->t;

	for (size_t i = 0; i < o->n_pods; i++) {
		struct pod_entry *entry = &t->pods[t->n_pods];

		if (c->kind_of_pod[i] == UNSET)
			continue;
		entry->namespace = o->pods[i].namespace;
		entry->name = o->pods[i].name;
		if (find_verdict(m, c->kind_of_pod[i], &entry->verdict) < 0)
			return -ENOMEM;
		t->n_pods++;
	}
	for (size_t i = 0; i < o->n_namespaces; i++) {
		t->namespaces[i].name = o->namespaces[i].name;
		if (find_verdict(m, unknown_kind(c, i), &t->namespaces[i].unknown) < 0)
			return -ENOMEM;
	}
	t->n_namespaces = o->n_namespaces;
	return find_verdict(m, unknown_kind(c, o->n_namespaces), &t->stranger);
}

struct host_sort {
	struct host_entry entry;
	const struct pod *pod;
};

/* Of one address the pod that owns it comes first. */
static int compare_hosts(const void *a, const void *b)
{
	const struct host_sort *x = a, *y = b;
	int order = ip_cmp(&x->entry.addr, &y->entry.addr);

	if (order || x->pod == y->pod)
		return order;
	return pod_owns(x->pod, y->pod) ? -1 : 1;
}

static size_t list_hosts(const struct emitter *m, struct host_sort *v)
{
	const struct objects *o = m->c->o;
	uint32_t pod = 0;
	size_t n = 0;

	for (size_t i = 0; i < o->n_pods; i++) {
		if (m->c->kind_of_pod[i] == UNSET)
			continue;
		for (size_t j = 0; v && j < o->pods[i].n_ips; j++)
			v[n + j] = (struct host_sort) {
				.entry = { .addr = o->pods[i].ips[j],
				           .pod = pod,
				           .class = m->t->pods[pod].verdict.class },
				.pod = &o->pods[i],
			};
		n += o->pods[i].n_ips;
		pod++;
	}
	return n;
}

static int emit_hosts(struct emitter *m)
{
	struct tables *t = m->t;
	const size_t n = list_hosts(m, NULL);
	struct host_sort *v = calloc(n + 1, sizeof(*v));

	t->hosts = calloc(n + 1, sizeof(*t->hosts));
	if (!v || !t->hosts) {
		free(v);
		return -ENOMEM;
	}
	(void)list_hosts(m, v);
	qsort(v, n, sizeof(*v), compare_hosts);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !ip_eq(&v[i].entry.addr, &v[i - 1].entry.addr))
			t->hosts[t->n_hosts++] = v[i].entry;
	free(v);
	return 0;
}

static int emit_blocks(struct emitter *m, int family)
{
	const struct blocks *b = &m->c->blocks;
	struct tables *t = m->t;
	struct block_entry *v = calloc(b->n_cuts[family] + 1, sizeof(*v));
	size_t n = 0;

	t->blocks[family] = v;
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < b->n_cuts[family]; i++) {
		const struct cut *cut = &b->cuts[family][i];
		uint32_t class = CLASS_ANY;

		if (cut->class != CUT_NONE &&
		    find_class(m, m->c->n_classes + cut->class, &class) < 0)
			return -ENOMEM;
		if (n == 0 || v[n - 1].class != class)
			v[n++] = (struct block_entry) { .first = cut->first, .class = class };
	}
	t->n_blocks[family] = n == 1 && v[0].class == CLASS_ANY ? 0 : n;
	return 0;
}

/* Cells by class first, so that sorting them by set alone leaves them sorted by both. */
static int emit_cells(struct emitter *m)
{
	struct tables *t = m->t;
	struct numbers pairs = { .n = 0 }; /* set, index into cells */
	struct numbers cells = { .n = 0 }; /* class, list */
	struct lists by_set = { .n = 0 };
	int r = 0;

	for (uint32_t id = 0; id < t->n_classes; id++) {
		const uint32_t column = m->columns_of_class.v[id];
		size_t len = 0;
		const uint32_t *v = column == UNSET ? NULL : intern_get(&m->columns, column, &len);

		for (size_t i = 0; i < len / sizeof(*v) && r == 0; i += 2) {
			r = numbers_add(&pairs, m->set_of[v[i]]);
			if (r == 0)
				r = numbers_add(&pairs, (uint32_t)(cells.n / 2));
			if (r == 0)
				r = numbers_add(&cells, id);
			if (r == 0)
				r = numbers_add(&cells, v[i + 1]);
		}
	}
	t->cells = calloc(cells.n / 2 + 1, sizeof(*t->cells));
	if (r == 0)
		r = t->cells ? lists_make(&by_set, &pairs, t->n_sets) : -ENOMEM;
	for (uint32_t set = 0; r == 0 && set < t->n_sets; set++)
		for (uint32_t i = by_set.first[set]; i < by_set.first[set + 1]; i++)
			t->cells[t->n_cells++] = (struct cell) {
				.set = set,
				.class = cells.v[2 * by_set.v[i]],
				.ports = cells.v[2 * by_set.v[i] + 1],
			};
	numbers_free(&pairs);
	numbers_free(&cells);
	lists_free(&by_set);
	return r;
}

/* Lists are numbered as the cells name them. */
static int emit_lists(struct emitter *m)
{
	const struct ports *p = &m->c->ports;
	struct tables *t = m->t;
	size_t n_lists = 0, n_ranges = 0, n;

	for (size_t i = 0; i < t->n_cells; i++) {
		uint32_t *number = &m->list_of[t->cells[i].ports];

		if (*number == UNSET) {
			*number = (uint32_t)n_lists++;
			(void)ports_get(p, t->cells[i].ports, &n);
			n_ranges += n;
		}
	}
	t->lists = calloc(n_lists + 1, sizeof(*t->lists));
	t->ranges = calloc(n_ranges + 1, sizeof(*t->ranges));
	if (!t->lists || !t->ranges || n_ranges > UINT32_MAX)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_cells; i++) {
		const uint32_t list = t->cells[i].ports;

		t->cells[i].ports = m->list_of[list];
		if (t->cells[i].ports == t->n_lists) {
			const uint64_t *v = ports_get(p, list, &n);

			t->lists[t->n_lists++] =
				(struct port_list) { (uint32_t)t->n_ranges, (uint32_t)n };
			for (size_t j = 0; j < n; j++)
				t->ranges[t->n_ranges++] = (struct port_range) {
					.proto = (uint8_t)(v[j] >> 32),
					.first = (uint16_t)(v[j] >> 16),
					.last = (uint16_t)v[j],
				};
		}
	}
	return 0;
}

static int emit(struct emitter *m)
{
	struct tables *t = m->t;
	uint32_t any;

	if (!alloc_pods(t, m->c->o))
		return -ENOMEM;
	m->set_of[0] = SET_DENY; /* the empty row */
	m->plain = UNSET;
	t->n_sets = SET_DENY + 1;
	if (new_class(m, m->column_of[PEER_ANY] ? m->column_of[PEER_ANY] : UNSET, &any) < 0 ||
	    emit_pods(m) < 0 || emit_hosts(m) < 0 || emit_blocks(m, 0) < 0 || emit_blocks(m, 1) < 0)
		return -ENOMEM;
	t->n_classes = (uint32_t)m->columns_of_class.n;
	return emit_cells(m) < 0 ? -ENOMEM : emit_lists(m);
}

/* Room for @n numbers, all UNSET; NULL when out of memory */
static uint32_t *unset(size_t n)
{
	uint32_t *v = calloc(n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = UNSET;
	return v;
}

int compile_tables(struct compiler *c, struct tables *ret)
{
	struct emitter m = { .c = c, .t = ret };
	int r;

	m.column_of = calloc(c->n_peers + 1U, sizeof(*m.column_of));
	m.set_of = unset(c->rows.n);
	m.list_of = unset(c->ports.lists.n);
	r = m.column_of && m.set_of && m.list_of ? make_columns(&m) : -ENOMEM;
	if (r == 0) {
		m.class_of = unset(m.columns.n);
		r = m.class_of ? emit(&m) : -ENOMEM;
	}
	intern_free(&m.columns);
	numbers_free(&m.columns_of_class);
	free(m.column_of);
	free(m.class_of);
	free(m.set_of);
	free(m.list_of);
	return r;
}
