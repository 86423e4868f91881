/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenarios.c - what a fault is done to, and how one sees that it did no harm
 *
 * Who was killed is cleaned up after as a runtime does: by the same verb again, or by GC when the runtime forgot (every
 * second time). What ended with an error is judged as it stands, and then by DEL as well.
 */
#include "test/crash/crash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct error_name error_names[ERRORS] = {
	{ EIO, "EIO" },     { ENOMEM, "ENOMEM" }, { ENOSPC, "ENOSPC" },   { EMFILE, "EMFILE" },
	{ EINTR, "EINTR" }, { EBUSY, "EBUSY" },   { ENOBUFS, "ENOBUFS" },
};

static bool forgot(const struct worker *w)
{
	return (w->fault.n + (w->fault.kind == FAULT_KILL_AFTER)) % 2;
}

static bool succeeded(const struct worker *w)
{
	return w->run.run.rc == 0;
}

/* Did it say that it goes on without something? */
static bool warned(const struct worker *w)
{
	return strstr(w->run.run.err, ": warn: ") != NULL;
}

/* ---- ADD ----------------------------------------------------------------------------------------- */

static void nothing(struct worker *w)
{
	(void)w;
}

static void call_add(struct worker *w, struct node_call *ret)
{
	node_verb(&w->node, "ADD", SERVER, ret);
}

static void works(struct worker *w, const char *when)
{
	do_check(w, SERVER, when);
	expect_probe(w, SERVER, PROBE_SEES_OLD, 0, when);
}

/* It may say that it does without something, but never without the policy. */
static void works_as_it_said(struct worker *w, const char *when)
{
	const unsigned int open = ~(unsigned int)PROBE_SEES_OLD;
	unsigned int seen;

	if (!warned(w)) {
		works(w, when);
		return;
	}
	do_check(w, SERVER, when);
	seen = probe(&w->node, SERVER);
	if (seen & open)
		wrong(w, "no ports that the policy does not allow", "%s", probe_text(seen));
}

static void judge_killed_add(struct worker *w)
{
	if (forgot(w))
		do_gc(w, "after the kill");
	else
		do_del(w, SERVER, "after the kill");
	expect_state(w, &w->clean, forgot(w) ? "after GC" : "after DEL");
	if (do_add(w, SERVER, "after the clean-up"))
		works(w, "after the next ADD");
	do_del(w, SERVER, "in the end");
	expect_state(w, &w->clean, "after ADD and DEL");
}

static void judge_add(struct worker *w)
{
	if (was_killed(w)) {
		judge_killed_add(w);
		return;
	}
	expect_answer(w, "ADD");
	if (succeeded(w)) {
		if (node_attached(&w->node, SERVER, w->run.run.out))
			works_as_it_said(w, "after ADD that succeeded in spite of it");
		else
			wrong(w, "a result with two addresses", "%s", w->run.run.out);
	} else {
		expect_state(w, &w->clean, "after the failed ADD");
	}
	do_del(w, SERVER, "after ADD");
	expect_state(w, &w->clean, "after DEL");
}

static void settle_add(struct worker *w)
{
	do_del(w, SERVER, "in the end");
}

/* ---- DEL ----------------------------------------------------------------------------------------- */

static void prepare_del(struct worker *w)
{
	do_add(w, SERVER, "before DEL");
	if (w->fault.n % 4 == 0)
		expect_probe(w, SERVER, PROBE_SEES_OLD, 0, "before DEL");
}

static void call_del(struct worker *w, struct node_call *ret)
{
	node_verb(&w->node, "DEL", SERVER, ret);
}

static void judge_del(struct worker *w)
{
	if (!was_killed(w))
		expect_answer(w, "DEL");
	if (!was_killed(w) && succeeded(w)) {
		node_detached(&w->node, SERVER);
		expect_state(w, &w->clean, "after DEL that succeeded in spite of it");
		return;
	}
	if (was_killed(w) && forgot(w))
		do_gc(w, "after DEL");
	else
		do_del(w, SERVER, "after DEL");
	expect_state(w, &w->clean, was_killed(w) && forgot(w) ? "after GC" : "after DEL again");
}

static void settle_del(struct worker *w)
{
	node_detached(&w->node, SERVER);
	expect_state(w, &w->clean, "after DEL without a fault");
}

/* ---- CHECK --------------------------------------------------------------------------------------- */

static void begin_check(struct worker *w)
{
	worker_begin(w);
	do_add(w, SERVER, "before CHECK");
	state_free(&w->attached);
	look_take(&w->node.look, &w->attached);
}

static void call_check(struct worker *w, struct node_call *ret)
{
	node_verb(&w->node, "CHECK", SERVER, ret);
}

static void judge_check(struct worker *w)
{
	if (!was_killed(w))
		expect_answer(w, "CHECK");
	expect_state(w, &w->attached, "and nothing gone after CHECK");
	if (was_killed(w))
		do_check(w, SERVER, "after CHECK");
}

/* ---- GC ------------------------------------------------------------------------------------------ */

static void prepare_gc(struct worker *w)
{
	do_add(w, SERVER, "before GC");
	do_add(w, THIRD, "before GC");
}

static void call_gc(struct worker *w, struct node_call *ret)
{
	node_gc(&w->node, ret);
}

static void judge_gc(struct worker *w)
{
	if (!was_killed(w))
		expect_answer(w, "GC");
	if (!was_killed(w) && succeeded(w)) {
		node_detached(&w->node, SERVER);
		node_detached(&w->node, THIRD);
		expect_state(w, &w->clean, "after GC that succeeded in spite of it");
		return;
	}
	if (was_killed(w) && !forgot(w)) {
		do_del(w, SERVER, "after GC");
		do_del(w, THIRD, "after GC");
		expect_state(w, &w->clean, "after DEL");
	} else {
		do_gc(w, "after GC");
		expect_state(w, &w->clean, "after GC again");
	}
}

static void settle_gc(struct worker *w)
{
	node_detached(&w->node, SERVER);
	node_detached(&w->node, THIRD);
	expect_state(w, &w->clean, "after GC without a fault");
}

/* ---- cnida policy apply -------------------------------------------------------------------------- */

/* What a version looks like with either side of nf_tables. */
static void begin_apply(struct worker *w)
{
	worker_begin(w);
	do_add(w, SERVER, "before apply");
	for (int v = POLICIES; v-- > 0;) {
		for (int i = 0; i < 2; i++) {
			do_apply(w, (enum policy_version)v, "in the beginning");
			state_free(&w->ref[v][i]);
			look_take(&w->node.look, &w->ref[v][i]);
		}
	}
}

static void prepare_apply(struct worker *w)
{
	if (w->in_force != POLICY_OLD)
		do_apply(w, POLICY_OLD, "of the old version");
}

static void call_apply(struct worker *w, struct node_call *ret)
{
	node_apply(&w->node, POLICY_NEW, ret);
}

static void expect_new(struct worker *w, const char *when)
{
	expect_probe(w, SERVER, PROBE_SEES_NEW, 0, when);
	expect_either(w, w->ref[POLICY_NEW], when);
}

/* A pod that comes meanwhile is judged like those that are there. */
static void next_add(struct worker *w)
{
	unsigned int seen;

	if (do_add(w, THIRD, "after apply")) {
		seen = probe(&w->node, THIRD);
		if (seen != PROBE_SEES_OLD && seen != PROBE_SEES_NEW)
			wrong(w, "the old policy or the new one for the next pod", "%s",
			      probe_text(seen));
		expect_probe(w, SERVER, seen, 0, "as the next pod");
	}
	do_del(w, THIRD, "after apply");
}

static void judge_apply(struct worker *w)
{
	if (!was_killed(w))
		expect_answer(w, NULL);
	if (!was_killed(w) && succeeded(w)) {
		w->in_force = POLICY_NEW;
		/* What eBPF leaves to nf_tables may be missing, which opens nothing; the next apply makes it good. */
		if (warned(w)) {
			expect_probe(w, SERVER, PROBE_SEES_NEW, 0, "after apply that warned");
			do_apply(w, POLICY_NEW, "after apply that warned");
		}
		expect_new(w, "after apply that succeeded in spite of it");
		return;
	}
	expect_probe(w, SERVER, PROBE_SEES_OLD, PROBE_SEES_NEW, "after apply");
	if (forgot(w))
		next_add(w);
	do_apply(w, POLICY_NEW, "again");
	expect_new(w, "after the next apply");
}

static void settle_apply(struct worker *w)
{
	w->in_force = POLICY_NEW;
	expect_new(w, "after apply without a fault");
}

const struct scenario scenarios[SCENARIOS] = {
	{ "ADD", SCENARIO_ADD, worker_begin, nothing, call_add, judge_add, settle_add, 1 },
	{ "DEL", SCENARIO_DEL, worker_begin, prepare_del, call_del, judge_del, settle_del, 1 },
	{ "CHECK", SCENARIO_CHECK, begin_check, nothing, call_check, judge_check, nothing, 1 },
	{ "GC", SCENARIO_GC, worker_begin, prepare_gc, call_gc, judge_gc, settle_gc, 1 },
	{ "apply", SCENARIO_APPLY, begin_apply, prepare_apply, call_apply, judge_apply,
	  settle_apply, 1 },
	{ "first", SCENARIO_FIRST, begin_first, prepare_first, call_add, judge_first, settle_first,
	  FIRST_EVERY },
};
