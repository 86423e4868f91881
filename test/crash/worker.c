/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.c - commands with and without a fault, and what must hold afterwards */
#include "test/crash/crash.h"

#include "test/lib/plugin_suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool was_killed(const struct worker *w)
{
	return w->fault.kind == FAULT_KILL_BEFORE || w->fault.kind == FAULT_KILL_AFTER;
}

static const char *fault_text(const struct fault *f)
{
	if (f->kind == FAULT_KILL_BEFORE)
		return "killed before";
	if (f->kind == FAULT_KILL_AFTER)
		return "killed after";
	for (int i = 0; i < ERRORS; i++) {
		if (f->kind == FAULT_ERROR && error_names[i].number == f->error)
			return error_names[i].name;
	}
	return "no fault";
}

/* One write, so that lines of several workers do not mix. */
void wrong(struct worker *w, const char *expected, const char *found, ...)
{
	char text[4096], *line;
	va_list ap;

	va_start(ap, found);
	vsnprintf(text, sizeof(text), found, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	line = textf("FAIL crash: %s, %s, call %u %s, %s: expected %s, found %s\n",
	             w->scenario->name, mode_names[w->node.mode], w->run.calls, w->run.call,
	             fault_text(&w->fault), expected, text);
	(void)!write(STDOUT_FILENO, line, strlen(line));
	free(line);
	w->bad = true;
}

/* ---- commands without a fault -------------------------------------------------------------------- */

static bool succeed(struct worker *w, struct node_call *c, const char *what, const char *when,
                    struct plugin_run *ret)
{
	char *expected = textf("success of %s %s", what, when);

	node_run(c, ret);
	if (ret->rc != 0)
		wrong(w, expected, "rc %d%s: %s %s", ret->rc, ret->late ? ", too late" : "",
		      ret->out, ret->err);
	node_call_free(c);
	free(expected);
	return ret->rc == 0;
}

bool do_add(struct worker *w, enum pod_name pod, const char *when)
{
	_cleanup_run_ struct plugin_run run = { 0 };
	struct node_call c;

	node_verb(&w->node, "ADD", pod, &c);
	if (!succeed(w, &c, "ADD", when, &run))
		return false;
	if (node_attached(&w->node, pod, run.out))
		return true;
	wrong(w, "a result with two addresses", "%s", run.out);
	return false;
}

bool do_del(struct worker *w, enum pod_name pod, const char *when)
{
	_cleanup_run_ struct plugin_run run = { 0 };
	struct node_call c;

	node_verb(&w->node, "DEL", pod, &c);
	node_detached(&w->node, pod);
	return succeed(w, &c, "DEL", when, &run);
}

bool do_check(struct worker *w, enum pod_name pod, const char *when)
{
	_cleanup_run_ struct plugin_run run = { 0 };
	struct node_call c;

	node_verb(&w->node, "CHECK", pod, &c);
	return succeed(w, &c, "CHECK", when, &run);
}

bool do_gc(struct worker *w, const char *when)
{
	_cleanup_run_ struct plugin_run run = { 0 };
	struct node_call c;

	node_gc(&w->node, &c);
	node_detached(&w->node, SERVER);
	node_detached(&w->node, THIRD);
	return succeed(w, &c, "GC", when, &run);
}

bool do_apply(struct worker *w, enum policy_version version, const char *when)
{
	_cleanup_run_ struct plugin_run run = { 0 };
	struct node_call c;

	node_apply(&w->node, version, &c);
	w->in_force = version;
	return succeed(w, &c, "policy apply", when, &run);
}

/* ---- what must hold ------------------------------------------------------------------------------ */

void expect_state(struct worker *w, const struct state *ref, const char *when)
{
	_cleanup_state_ struct state now = { 0 };
	char *diff, *expected;

	look_take(&w->node.look, &now);
	diff = state_diff(ref, &now);
	if (!diff)
		return;
	expected = textf("nothing left %s", when);
	wrong(w, expected, "%s; the command: rc %d %s %s", diff, w->run.run.rc, w->run.run.out,
	      w->run.run.err);
	free(expected);
	free(diff);
}

void expect_probe(struct worker *w, enum pod_name to, unsigned int a, unsigned int b,
                  const char *when)
{
	const unsigned int seen = probe(&w->node, to);
	char *expected;

	if (seen == a || (b && seen == b))
		return;
	expected = textf("ports %s%s%s to be reached %s", probe_text(a), b ? " or " : "",
	                 b ? probe_text(b) : "", when);
	wrong(w, expected, "%s", probe_text(seen));
	free(expected);
}

void expect_either(struct worker *w, const struct state ref[static 2], const char *when)
{
	_cleanup_state_ struct state now = { 0 };
	char *one, *other;

	look_take(&w->node.look, &now);
	one = state_diff(&ref[0], &now);
	other = one ? state_diff(&ref[1], &now) : NULL;
	/* The shorter of two differences is the one that says something. */
	if (one && other)
		wrong(w, "exactly what there should be", "%s %s", when,
		      strlen(one) < strlen(other) ? one : other);
	free(one);
	free(other);
}

/* Of a command that people type: one line that says what is wrong. */
static const char *line_problem(const struct plugin_run *run)
{
	const char *end = strchr(run->err, '\n');

	if (run->rc == 0)
		return NULL;
	if (run->rc != 1)
		return "an exit code other than 0 and 1";
	if (!end || end == run->err || end[1])
		return "not one line on stderr";
	return NULL;
}

void expect_answer(struct worker *w, const char *verb)
{
	const struct plugin_run *run = &w->run.run;
	const char *problem = run->late ? "no end in 5 s"
	                      : verb    ? run_problem(run, verb)
	                                : line_problem(run);

	if (problem)
		wrong(w, "success or one error, in time",
		      "%s: rc %d signal %d: stdout %s stderr %s", problem, run->rc, run->signal,
		      run->out, run->err);
}

/* ---- commands with a fault ----------------------------------------------------------------------- */

void worker_run(struct worker *w)
{
	struct node_call c;
	int r;

	w->scenario->call(w, &c);
	c.call.argv = c.call.argv ? c.argv : NULL;
	r = fault_run(&c.call, &w->fault, &w->run);
	node_call_free(&c);
	if (r < 0) {
		fprintf(stderr, "crash: cannot trace: %s\n", strerror(-r));
		_exit(2);
	}
}

void worker_begin(struct worker *w)
{
	do_add(w, CLIENT, "of the first pod");
	do_apply(w, POLICY_OLD, "of the first policy");
	/* Whatever a first pod makes for all that come later. */
	do_add(w, SERVER, "of the second pod");
	do_check(w, SERVER, "of the second pod");
	do_add(w, THIRD, "of the third pod");
	do_del(w, THIRD, "of the third pod");
	expect_probe(w, SERVER, PROBE_SEES_OLD, 0, "in the beginning");
	do_gc(w, "in the beginning");
	state_free(&w->clean);
	look_take(&w->node.look, &w->clean);
}
