/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_oracle.c - the naive evaluator of policies against matrices that were written by hand
 *
 * Every case of test/policy/cases/ in IPv4, IPv6 and dual stack, and the compiler's tables against
 * the evaluator in each. POLICY_CASES: a pattern of more files.
 */
#include "test/policy/compiled.h"
#include "test/policy/play.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

struct tally {
	const char *file;
	long wrong;
};

static void compare(void *arg, int step, const json_t *lines, const struct oracle_world *w,
                    const struct play_probe *p)
{
	struct tally *t = arg;
	const char *bad = NULL;
	enum case_verdict want = case_expected(lines, &p->name, &bad);
	bool got = oracle_allow(w, &p->from, &p->to, p->name.proto, p->name.port);

	if (want == CASE_BAD_LINE) {
		cr_expect_fail("%s: step %d: bad line \"%s\"", t->file, step, bad);
		return;
	}
	if (got == (want == CASE_ALLOW))
		return;
	t->wrong++;
	cr_expect_fail("%s: step %d: %s -> %s %d/%s IPv%d: expected %s, the oracle says %s",
	               t->file, step, p->name.from, p->name.to, p->name.port,
	               case_proto_name(p->name.proto), p->name.family,
	               want == CASE_ALLOW ? "allow" : "deny", got ? "allow" : "deny");
}

/* ---- the same through the compiler ---------------------------------------------------------- */

struct compiled_step {
	const char *file;
	int step; /* that @c is of; -1: none */
	struct compiled c;
};

static void leave_step(struct compiled_step *s)
{
	if (s->step >= 0)
		compiled_free(&s->c);
	s->step = -1;
}

static void compare_pod(struct compiled_step *s, const struct oracle_world *w,
                        const struct play_probe *p, enum oracle_direction d)
{
	const struct oracle_end *subject = d == ORACLE_INGRESS ? &p->to : &p->from;
	const struct world_question q = { subject->pod, d, d == ORACLE_INGRESS ? p->from : p->to,
		                          p->name.proto, p->name.port };
	bool want;

	if (!subject->pod || subject->node)
		return;
	want = oracle_direction(w, q.pod, d, &q.peer, q.proto, q.port);
	cr_expect(compiled_direction(&s->c, &q) == want,
	          "%s: step %d: %s -> %s %d/%s IPv%d, %s: the oracle says %s, the tables do not",
	          s->file, s->step, p->name.from, p->name.to, p->name.port,
	          case_proto_name(p->name.proto), p->name.family,
	          d == ORACLE_INGRESS ? "ingress" : "egress", want ? "allow" : "deny");
}

static void compare_compiled(void *arg, int step, const json_t *lines, const struct oracle_world *w,
                             const struct play_probe *p)
{
	struct compiled_step *s = arg;
	struct err e;

	(void)lines;
	if (s->step != step) {
		leave_step(s);
		cr_assert_eq(compiled_make(&s->c, w, &e), 0, "%s: step %d: %s", s->file, step,
		             e.msg);
		s->step = step;
	}
	compare_pod(s, w, p, ORACLE_INGRESS);
	compare_pod(s, w, p, ORACLE_EGRESS);
}

/* ---- all cases ------------------------------------------------------------------------------- */

static bool has_flows(const json_t *c)
{
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(c, "steps"), i, step) {
		if (json_object_get(step, "flows"))
			return true;
	}
	return false;
}

static void play_one(const char *file, const json_t *c, unsigned int families)
{
	struct tally t = { .file = file };
	struct compiled_step s = { .file = file, .step = -1 };
	char why[256] = "";
	long n = play_case(c, families, true, compare, &t, why, sizeof(why));

	cr_expect(n >= 0, "%s: %s", file, why);
	/* Flows are for real packets: a case may have nothing else. */
	cr_expect(n != 0 || has_flows(c), "%s: nothing was probed", file);
	play_case(c, families, true, compare_compiled, &s, why, sizeof(why));
	leave_step(&s);
}

/* Return: number of files. */
static size_t play_all(const char *pattern)
{
	glob_t files;

	cr_assert_eq(glob(pattern, 0, NULL, &files), 0, "no file %s", pattern);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *file = files.gl_pathv[i];
		char why[256] = "";
		json_t *c = case_load(file, why, sizeof(why));

		cr_expect(c, "%s", why);
		for (unsigned int families = 1; c && families <= (CASE_IPV4 | CASE_IPV6);
		     families++)
			play_one(file, c, families);
		json_decref(c);
	}
	globfree(&files);
	return files.gl_pathc;
}

Test(policy_oracle, agrees_with_upstream_e2e)
{
	size_t n = play_all("test/policy/cases/e2e/*.json");

	cr_assert_eq(n, 48, "expected 48 tests of the upstream suite, found %zu", n);
}

Test(policy_oracle, agrees_with_own_cases)
{
	size_t n = play_all("test/policy/cases/own/*.json");

	cr_assert(n >= 60, "expected at least 60 cases, found %zu", n);
}

Test(policy_oracle, agrees_with_more_cases)
{
	const char *pattern = getenv("POLICY_CASES");

	if (pattern)
		play_all(pattern);
}
