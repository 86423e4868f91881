/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * derive.c - from what the oracle says about every probe to lines of a case
 *
 * Lines are few where whole rows, columns or pairs are denied; each case is played again with the
 * lines that it got, so that a mistake here cannot become an expectation.
 */
#include "test/policy/generate.h"
#include "test/policy/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	int step;
	const char *from, *to; /* interned: equal names are equal pointers */
	int family, proto, port;
	bool allow;
};

struct records {
	struct record *v;
	size_t n, room;
	json_t *names; /* keys are what was interned */
};

static const char *intern(json_t *names, const char *name)
{
	if (!json_object_get(names, name))
		json_object_set_new(names, name, json_true());
	return json_object_iter_key(json_object_iter_at(names, name));
}

static void record(void *arg, int step, const json_t *lines, const struct oracle_world *w,
                   const struct play_probe *p)
{
	struct records *all = arg;
	struct record *r;

	(void)lines;
	if (all->n == all->room) {
		all->room = all->room ? all->room * 2 : 1024;
		all->v = realloc(all->v, all->room * sizeof(*all->v));
		if (!all->v)
			abort();
	}
	r = &all->v[all->n++];
	r->step = step;
	r->from = intern(all->names, p->name.from);
	r->to = intern(all->names, p->name.to);
	r->family = p->name.family;
	r->proto = p->name.proto;
	r->port = p->name.port;
	r->allow = oracle_allow(w, &p->from, &p->to, p->name.proto, p->name.port);
}

/* What records to look at; NULL and 0: any. */
struct filter {
	const char *from, *to;
	int family;
};

static bool is_pod(const char *name)
{
	return name[0] >= 'a' && strchr(name, '/') && !strchr(name, ':');
}

static bool passes(const struct filter *f, const struct record *r)
{
	return (!f->from || f->from == r->from) && (!f->to || f->to == r->to) &&
	       (!f->family || f->family == r->family);
}

struct count {
	size_t n, denied;
};

/* Counts pods only, and not a pod with itself, when a side is left open. */
static struct count count(const struct records *all, const struct filter *f)
{
	struct count c = { 0, 0 };

	for (size_t i = 0; i < all->n; i++) {
		const struct record *r = &all->v[i];

		if (!passes(f, r))
			continue;
		if ((!f->from || !f->to) &&
		    (!is_pod(r->from) || !is_pod(r->to) || r->from == r->to))
			continue;
		c.n++;
		c.denied += !r->allow;
	}
	return c;
}

static bool all_denied(const struct records *all, const struct filter *f)
{
	const struct count c = count(all, f);

	return c.n && c.n == c.denied;
}

static const char *suffix(int family)
{
	return family == 4 ? " ipv4" : family == 6 ? " ipv6" : "";
}

static void add_line(json_t *lines, const struct filter *f, const char *ports, bool allow)
{
	char line[512];

	snprintf(line, sizeof(line), "%s -> %s %s %s%s", f->from ? f->from : "*",
	         f->to ? f->to : "*", ports, allow ? "allow" : "deny", suffix(f->family));
	json_array_append_new(lines, json_string(line));
}

static void add_ports(json_t *lines, const struct records *all, const struct filter *f, bool allow)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct record *r = &all->v[i];
		char ports[32];

		if (!passes(f, r) || r->allow != allow)
			continue;
		if (!f->family && r->family == 6 &&
		    count(all, &(struct filter) { f->from, f->to, 4 }).n)
			continue;
		if (r->proto == ORACLE_ECHO)
			snprintf(ports, sizeof(ports), "echo");
		else
			snprintf(ports, sizeof(ports), "%d/%s", r->port, case_proto_name(r->proto));
		add_line(lines, f, ports, allow);
	}
}

/* One pair of ends, in one family or in both when they are alike. */
static void add_pair(json_t *lines, const struct records *all, const struct filter *f)
{
	const struct count c = count(all, f);
	bool outside = !is_pod(f->from) || !is_pod(f->to);

	if (c.denied == c.n || (!c.denied && outside)) {
		add_line(lines, f, "*", !c.denied);
	} else if (c.denied * 2 > c.n) {
		add_line(lines, f, "*", false);
		add_ports(lines, all, f, true);
	} else {
		add_ports(lines, all, f, false);
	}
}

/* Do both families say the same of this pair? (One that is not there says nothing.) */
static bool families_agree(const struct records *all, const struct filter *pair)
{
	for (size_t i = 0; i < all->n; i++) {
		for (size_t k = i + 1; k < all->n; k++) {
			const struct record *a = &all->v[i], *b = &all->v[k];

			if (passes(pair, a) && passes(pair, b) && a->proto == b->proto &&
			    a->port == b->port && a->allow != b->allow)
				return false;
		}
	}
	return true;
}

static void add_pairs(json_t *lines, const struct records *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct record *r = &all->v[i];
		struct filter pair = { r->from, r->to, 0 };
		size_t first = 0;

		while (!passes(&pair, &all->v[first]))
			first++;
		if (first != i)
			continue;
		if (all_denied(all, &(struct filter) { r->from, NULL, 0 }) && is_pod(r->to))
			continue;
		if (all_denied(all, &(struct filter) { NULL, r->to, 0 }) && is_pod(r->from))
			continue;
		if (families_agree(all, &pair)) {
			add_pair(lines, all, &pair);
			continue;
		}
		for (pair.family = 4; pair.family <= 6; pair.family += 2)
			add_pair(lines, all, &pair);
	}
}

/* Rows and columns that are denied as a whole. */
static void add_whole(json_t *lines, const struct records *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const char *name = all->v[i].from;
		const struct filter row = { name, NULL, 0 }, column = { NULL, name, 0 };
		size_t first = 0;

		while (all->v[first].from != name)
			first++;
		if (first != i || !is_pod(name))
			continue;
		if (all_denied(all, &row))
			add_line(lines, &row, "*", false);
		if (all_denied(all, &column))
			add_line(lines, &column, "*", false);
	}
}

/* The part that belongs to a step: records come in the order of steps. */
static struct records of_step(const struct records *all, int step)
{
	struct records ret = { .v = all->v };

	while (ret.v < all->v + all->n && ret.v->step != step)
		ret.v++;
	while (ret.v + ret.n < all->v + all->n && ret.v[ret.n].step == step)
		ret.n++;
	return ret;
}

struct proof {
	long wrong;
};

static void prove(void *arg, int step, const json_t *lines, const struct oracle_world *w,
                  const struct play_probe *p)
{
	struct proof *proof = arg;
	const char *bad = "";
	enum case_verdict want = case_expected(lines, &p->name, &bad);

	if ((want == CASE_ALLOW) == oracle_allow(w, &p->from, &p->to, p->name.proto, p->name.port))
		return;
	if (!proof->wrong++)
		fprintf(stderr, "step %d: %s -> %s %d proto %d IPv%d is not what the lines say\n",
		        step, p->name.from, p->name.to, p->name.port, p->name.proto,
		        p->name.family);
}

int derive_lines(json_t *c)
{
	json_t *steps = json_object_get(c, "steps"), *step;
	struct records all = { .names = json_object() };
	struct proof proof = { 0 };
	char why[256] = "";
	json_t *derived = json_array(), *lines;
	size_t i;

	if (play_case(c, CASE_IPV4 | CASE_IPV6, false, record, &all, why, sizeof(why)) <= 0) {
		fprintf(stderr, "%s\n", why);
		return -1;
	}
	/* Lines that were there to name nodes and hosts go only after the last step was played. */
	json_array_foreach(steps, i, step) {
		const struct records own = of_step(&all, (int)i);

		lines = json_array();
		add_whole(lines, &own);
		add_pairs(lines, &own);
		json_array_append_new(derived, lines);
	}
	free(all.v);
	json_decref(all.names);
	json_array_foreach(steps, i, step)
		json_object_set(step, "expect", json_array_get(derived, i));
	json_decref(derived);
	for (unsigned int families = CASE_IPV4; families <= (CASE_IPV4 | CASE_IPV6); families++) {
		if (play_case(c, families, true, prove, &proof, why, sizeof(why)) <= 0)
			fprintf(stderr, "%s\n", why);
	}
	return proof.wrong || *why ? -1 : 0;
}
