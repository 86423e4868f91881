/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_sets.c - the policies that select a kind of pods -> a row: which peers may use which ports
 *
 * A row is the union of all rules. What a rule gives a peer is written down as a link in the peer's chain of lists; the
 * chains are united when all rules are through, so that ten thousand rules for one peer cost one union.
 */
#include "policy/compiler.h"

#include <stdlib.h>
#include <string.h>

struct link {
	uint32_t ports, next; /* next: index + 1, 0 ends the chain */
};

struct rows {
	struct compiler *c;
	struct intern done;    /* direction, named ports (if they matter), policies */
	struct numbers row_of; /* by number in done */
	struct numbers key, ids, row;
	uint32_t *chain;  /* of each peer: index + 1 of its first link */
	uint64_t *filled; /* a bit per peer: has a chain */
	struct link *links;
	size_t n_links, cap_links;
};

static void rows_free(struct rows *w)
{
	intern_free(&w->done);
	numbers_free(&w->row_of);
	numbers_free(&w->key);
	numbers_free(&w->ids);
	numbers_free(&w->row);
	free(w->chain);
	free(w->filled);
	free(w->links);
}

static int allow(struct rows *w, uint32_t peer, uint32_t ports)
{
	uint32_t *chain = &w->chain[peer];

	if (ports == PORTS_NONE || (*chain && w->links[*chain - 1].ports == ports))
		return 0;
	if (w->n_links == w->cap_links) {
		size_t cap = w->cap_links ? w->cap_links * 2 : 1024;
		struct link *v = realloc(w->links, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		w->links = v;
		w->cap_links = cap;
	}
	w->links[w->n_links] = (struct link) { .ports = ports, .next = *chain };
	*chain = (uint32_t)++w->n_links;
	w->filled[peer / 64] |= (uint64_t)1 << (peer % 64);
	return spend(w->c, 1);
}

/* Named ports of an egress rule for any peer: whichever pods have them */
static int allow_names(struct rows *w, const struct rule_code *rule)
{
	struct compiler *c = w->c;
	const struct lists *l = &c->classes_of_name;

	for (size_t i = 0; i < rule->n_names; i++) {
		const uint32_t name = c->rule_names.v[rule->first_name + i];
		const struct rule_code one = { .first_name = rule->first_name + i, .n_names = 1 };

		for (uint32_t j = l->first[name]; j < l->first[name + 1]; j++) {
			const uint32_t class = l->v[j];
			uint32_t ports = resolve_ports(c, &one, c->ports_of_class[class]);
			int r = ports == INTERN_NONE ? -ENOMEM : allow(w, class + 1, ports);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int allow_class(struct rows *w, const struct rule_code *rule, uint32_t class, uint32_t ports,
                       enum direction dir)
{
	uint32_t named;
	int r = allow(w, class + 1, ports);

	if (r < 0 || dir == INGRESS || rule->n_names == 0)
		return r;
	named = resolve_ports(w->c, rule, w->c->ports_of_class[class]);
	return named == INTERN_NONE ? -ENOMEM : allow(w, class + 1, named);
}

static int allow_pods(struct rows *w, const struct rule_code *rule, uint32_t ports,
                      enum direction dir)
{
	const struct lists *l = &w->c->classes_of_target;

	for (size_t i = 0; i < rule->n_targets; i++) {
		const uint32_t target = w->c->rule_targets.v[rule->first_target + i];

		for (uint32_t j = l->first[target]; j < l->first[target + 1]; j++) {
			int r = allow_class(w, rule, l->v[j], ports, dir);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int allow_blocks(struct rows *w, uint32_t rule, uint32_t ports)
{
	const struct blocks *b = &w->c->blocks;
	int r = 0;

	for (uint32_t i = b->groups.first[rule]; i < b->groups.first[rule + 1]; i++) {
		const uint32_t group = b->groups.v[i];

		for (uint32_t j = b->classes_of.first[group];
		     r == 0 && j < b->classes_of.first[group + 1]; j++)
			r = allow(w, w->c->n_classes + b->classes_of.v[j], ports);
	}
	return r;
}

/* What one list of ports of a rule gives its peers */
static int allow_peers(struct rows *w, size_t number, uint32_t ports, enum direction dir)
{
	const struct rule_code *rule = &w->c->rules[number];
	int r;

	if (rule->all_peers) {
		r = allow(w, PEER_ANY, ports);
		return r == 0 && dir == EGRESS ? allow_names(w, rule) : r;
	}
	r = allow_pods(w, rule, ports, dir);
	return r < 0 ? r : allow_blocks(w, (uint32_t)number, ports);
}

static int allow_rule(struct rows *w, size_t number, uint32_t kind, enum direction dir)
{
	const struct rule_code *rule = &w->c->rules[number];
	uint32_t named;
	int r = allow_peers(w, number, rule->ports, dir);

	if (r < 0 || dir == EGRESS || rule->n_names == 0)
		return r;
	/* Ingress: the names are those of the pod that is judged, and one for all peers. */
	named = resolve_ports(w->c, rule, w->c->kinds[kind].ports);
	if (named == INTERN_NONE)
		return -ENOMEM;
	return named == PORTS_NONE ? 0 : allow_peers(w, number, named, dir);
}

/* The union of a peer's chain, which is gone after that */
static uint32_t unite(struct rows *w, uint32_t peer)
{
	w->ids.n = 0;
	for (uint32_t i = w->chain[peer]; i; i = w->links[i - 1].next)
		if (numbers_add(&w->ids, w->links[i - 1].ports) < 0)
			return INTERN_NONE;
	w->chain[peer] = 0;
	return ports_union(&w->c->ports, &w->ids);
}

static int add_cell(struct rows *w, uint32_t peer, uint32_t *any)
{
	uint32_t ports = unite(w, peer);

	if (ports == INTERN_NONE)
		return -ENOMEM;
	if (peer == PEER_ANY)
		*any = ports;
	else if (ports_within(&w->c->ports, ports, *any))
		return 0; /* any peer may do as much */
	return numbers_add(&w->row, peer) < 0 ? -ENOMEM : numbers_add(&w->row, ports);
}

/* All chains become a row. */
static uint32_t close_row(struct rows *w)
{
	uint32_t any = PORTS_NONE;

	w->row.n = 0;
	for (uint32_t i = 0; i <= w->c->n_peers / 64; i++) {
		for (; w->filled[i]; w->filled[i] &= w->filled[i] - 1) {
			uint32_t peer = i * 64 + (uint32_t)__builtin_ctzll(w->filled[i]);

			if (add_cell(w, peer, &any) < 0)
				return INTERN_NONE;
		}
	}
	w->n_links = 0;
	return intern_put(&w->c->rows, w->row.v, w->row.n * sizeof(*w->row.v));
}

/* The row of the policies whose numbers stand in the key from its third word on */
static int make_row(struct rows *w, uint32_t kind, enum direction dir)
{
	struct compiler *c = w->c;
	const uint32_t known = c->rows.n;
	uint32_t row;

	for (size_t i = 2; i < w->key.n; i++) {
		const struct policy_code *p = &c->policies[w->key.v[i]];

		for (size_t j = 0; j < p->n[dir]; j++) {
			int r = allow_rule(w, p->first[dir] + j, kind, dir);

			if (r < 0)
				return r;
		}
	}
	row = close_row(w);
	if (row == INTERN_NONE || numbers_add(&w->row_of, row) < 0)
		return -ENOMEM;
	if (row == known)
		c->n_cells += w->row.n / 2;
	return c->n_cells > TABLES_CELLS_MAX ? -E2BIG : spend(c, c->n_peers / 64 + w->row.n);
}

static int list_policies(struct rows *w, uint32_t kind, enum direction dir)
{
	const struct compiler *c = w->c;
	const uint32_t group = c->kinds[kind].group;
	bool names = false;

	w->key.n = 0;
	if (numbers_add(&w->key, dir) < 0 || numbers_add(&w->key, 0) < 0)
		return -ENOMEM;
	for (uint32_t i = c->policies_of.first[group]; i < c->policies_of.first[group + 1]; i++) {
		const uint32_t policy = c->policies_of.v[i];

		if (!c->o->policies[policy].isolates[dir])
			continue;
		names |= dir == INGRESS && c->policies[policy].has_names[INGRESS];
		if (numbers_add(&w->key, policy) < 0)
			return -ENOMEM;
	}
	if (names)
		w->key.v[1] = c->kinds[kind].ports;
	return 0;
}

static int find_row(struct rows *w, uint32_t kind, enum direction dir)
{
	struct compiler *c = w->c;
	struct pod_kind *k = &c->kinds[kind];
	const struct pod_group *group = &c->groups[k->group];
	uint32_t done;
	int r = list_policies(w, kind, dir);

	if (r < 0)
		return r;
	k->row[dir] = 0;
	/* Any policy of the namespace may be meant for a pod that nobody has told of. */
	if (w->key.n == 2 && !(group->unknown && !c->relaxed && c->isolates[dir][group->namespace]))
		return 0;
	done = intern_put(&w->done, w->key.v, w->key.n * sizeof(*w->key.v));
	if (done == INTERN_NONE)
		return -ENOMEM;
	r = spend(c, w->key.n);
	if (r == 0 && done == w->row_of.n)
		r = make_row(w, kind, dir);
	if (r == 0)
		k->row[dir] = w->row_of.v[done] + 1;
	return r;
}

int compile_sets(struct compiler *c)
{
	struct rows w = { .c = c };
	int r = 0;

	c->n_peers = 1 + c->n_classes + c->blocks.classes.n - 1;
	w.chain = calloc(c->n_peers, sizeof(*w.chain));
	w.filled = calloc(c->n_peers / 64 + 1, sizeof(*w.filled));
	if (!w.chain || !w.filled || intern_put(&c->rows, NULL, 0) != 0)
		r = -ENOMEM;
	for (uint32_t kind = 0; kind < c->n_kinds && r == 0; kind++) {
		r = find_row(&w, kind, INGRESS);
		if (r == 0)
			r = find_row(&w, kind, EGRESS);
	}
	rows_free(&w);
	return r;
}
