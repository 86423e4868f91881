/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_random.c - the compiler of policies against the oracle, in random worlds
 *
 * POLICY_VERDICTS sets how many verdicts are compared (100,000), POLICY_SEED where the dice start. A
 * difference is printed as the smallest world that still shows it.
 */
#include "test/policy/compiled.h"
#include "test/policy/shrink.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_WORLD 100 /* questions */

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static const char *name_of(const json_t *pod, const char *key)
{
	const char *value = json_string_value(json_object_get(pod, key));

	return value ? value : "";
}

static void print_question(char *ret, size_t size, const struct world_question *q)
{
	char addr[IP_STR_MAX];
	struct ip_addr a = { .family = q->peer.addr.family == 6 ? AF_INET6 : AF_INET };

	memcpy(a.bytes, q->peer.addr.b, sizeof(a.bytes));
	snprintf(ret, size, "%s of %s/%s, peer %s (%s/%s), protocol %d port %d",
	         q->d == ORACLE_INGRESS ? "ingress" : "egress", name_of(q->pod, "namespace"),
	         name_of(q->pod, "name"), ip_format(&a, addr), name_of(q->peer.pod, "namespace"),
	         name_of(q->peer.pod, "name"), q->proto, q->port);
}

/* ---- the compiler and the oracle ----------------------------------------------------------- */

static bool oracle_says(const struct world *w, const struct world_question *q)
{
	const struct oracle_world view = world_view(w);

	return oracle_direction(&view, q->pod, q->d, &q->peer, q->proto, q->port);
}

struct difference {
	struct world *w;
	struct world_question q;
};

static bool still_differs(void *arg)
{
	struct difference *d = arg;
	const struct oracle_world view = world_view(d->w);
	struct compiled c;
	struct err e;
	bool differs;

	if (compiled_make(&c, &view, &e) != 0)
		return false;
	differs = compiled_direction(&c, &d->q) != oracle_says(d->w, &d->q);
	compiled_free(&c);
	return differs;
}

/* A pod of the question stays as it is: the question holds on to it. */
static void shrink_world(struct difference *d)
{
	json_t *pod;

	shrink(d->w->policies, still_differs, d);
	for (size_t i = json_array_size(d->w->pods); i-- > 0;) {
		pod = json_array_get(d->w->pods, i);
		if (pod == d->q.pod || pod == d->q.peer.pod)
			continue;
		json_incref(pod);
		json_array_remove(d->w->pods, i);
		if (!still_differs(d))
			json_array_insert(d->w->pods, i, pod);
		json_decref(pod);
	}
	shrink(d->w->namespaces, still_differs, d);
}

static void report(struct world *w, const struct world_question *q, unsigned long seed)
{
	struct difference d = { w, *q };
	json_t *all = json_object();
	char question[512], *text;

	shrink_world(&d);
	json_object_set(all, "namespaces", w->namespaces);
	json_object_set(all, "pods", w->pods);
	json_object_set(all, "policies", w->policies);
	text = json_dumps(all, 0);
	print_question(question, sizeof(question), q);
	cr_expect_fail("POLICY_SEED=%lu: %s: the oracle says %s, the tables do not: %s", seed,
	               question, oracle_says(w, q) ? "allow" : "deny", text);
	free(text);
	json_decref(all);
}

/* Return: false after a difference. */
static bool compare_world(unsigned long seed, const struct world_kind *kind, unsigned long *allowed)
{
	struct dice dice = { seed };
	struct world w;
	struct compiled c;
	struct err e;
	struct oracle_world view;
	bool same = true;

	world_make(&w, &dice, kind);
	view = world_view(&w);
	if (compiled_make(&c, &view, &e) != 0) {
		cr_expect_fail("POLICY_SEED=%lu: %s", seed, e.msg);
		world_free(&w);
		return false;
	}
	for (int i = 0; i < PER_WORLD && same; i++) {
		struct world_question q;
		bool want;

		world_ask(&w, &dice, kind, &q);
		want = oracle_says(&w, &q);
		*allowed += want;
		same = compiled_direction(&c, &q) == want;
		if (!same)
			report(&w, &q, seed);
	}
	compiled_free(&c);
	world_free(&w);
	return same;
}

Test(policy_random, tables_are_what_the_oracle_says)
{
	static const struct world_kind small = { .pods = 6, .policies = 5 };
	static const struct world_kind large = { .pods = 60, .policies = 40 };
	unsigned long seed = setting("POLICY_SEED", 1), allowed = 0;
	unsigned long worlds = (setting("POLICY_VERDICTS", 100000) + PER_WORLD - 1) / PER_WORLD;
	unsigned long different = 0;

	for (unsigned long i = 0; i < worlds && different < 5; i++)
		different += !compare_world(seed + i, i % 40 == 39 ? &large : &small, &allowed);
	/* Worlds in which nothing is denied, or all, would test nothing. */
	if (!different)
		cr_assert(allowed > worlds * PER_WORLD / 5 && allowed < worlds * PER_WORLD * 4 / 5,
		          "%lu of %lu verdicts were \"allow\"", allowed, worlds * PER_WORLD);
}
