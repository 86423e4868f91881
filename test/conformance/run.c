/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - one check being carried out: its steps in order, until one fails
 *
 * Only the pods are removed at the end, for the next check of a shared node; everything else goes away with the node.
 */
#include "test/conformance/run.h"

#include "test/conformance/match.h"
#include "test/lib/plugin_suite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool fail_set(struct run *r, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (r->fail)
		return false;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		die("memory");
	va_end(ap);
	for (char *p = text; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	r->fail = r->step ? textf("step %zu: %s", r->step, text) : strdup(text);
	free(text);
	return false;
}

struct conf_pod *pod_get(struct run *r, const char *name)
{
	struct conf_pod *p;
	int e, back;

	for (size_t i = 0; i < r->n_pods; i++) {
		if (strcmp(r->pod[i].name, name) == 0)
			return &r->pod[i];
	}
	if (r->n_pods >= PODS_MAX)
		die("too many pods");
	p = &r->pod[r->n_pods++];
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	e = pod_create(name, &p->pod);
	if (e < 0)
		die("pod %s: %s", name, strerror(-e));
	back = pod_enter(&p->pod);
	if (back < 0)
		die("pod %s: %s", name, strerror(-back));
	dad_off();
	pod_leave(back);
	return p;
}

/* What comes and goes with the pods of the case is not the plugins' doing, and the table "local" follows the addresses. */
static void without_pods(struct state *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (strncmp(s->line[i], "file " POD_NETNS_DIR "/", 16) == 0 ||
		    strncmp(s->line[i], "file /run/.", 11) == 0 ||
		    strstr(s->line[i], " table=local"))
			free(s->line[i]);
		else
			s->line[n++] = s->line[i];
	}
	s->n = n;
}

static void take(struct state *s)
{
	static const char *const folders[] = { "/run", "/var/lib/cni", "/var/lib/cnida", "/etc/cni",
		                               NULL };

	state_take(folders, s);
	without_pods(s);
}

static bool step_snapshot(struct run *r, const json_t *step)
{
	struct snapshot *s = &r->snapshot[r->n_snapshots++];

	if (r->n_snapshots > 8)
		die("too many snapshots");
	(void)snprintf(s->name, sizeof(s->name), "%s",
	               json_string_value(json_object_get(step, "snapshot")));
	take(&s->state);
	return true;
}

/* The kernel ends a namespace some time after its last user: "same" waits a second for what then goes by itself. */
static bool step_same(struct run *r, const json_t *step)
{
	const char *name = json_string_value(json_object_get(step, "same"));
	const struct timespec pause = { 0, 150000000 };
	const struct snapshot *s = NULL;
	struct state now;
	char *diff;

	for (size_t i = 0; i < r->n_snapshots; i++)
		s = strcmp(r->snapshot[i].name, name) == 0 ? &r->snapshot[i] : s;
	if (!s)
		die("%s/%s: no snapshot \"%s\"", r->check->family, r->check->name, name);
	for (int tries = 6;; tries--) {
		take(&now);
		diff = state_diff(&s->state, &now);
		state_free(&now);
		if (!diff || tries == 0)
			break;
		free(diff);
		nanosleep(&pause, NULL);
	}
	if (diff)
		fail_set(r, "expected the node as it was at \"%s\", found %s", name, diff);
	free(diff);
	return !r->fail;
}

/* {"distinct": path}: in the results of all pods, no value is there twice. */
static bool step_distinct(struct run *r, const json_t *step)
{
	const char *path = json_string_value(json_object_get(step, "distinct")), *v;
	json_t *seen = json_object();

	for (size_t i = 0; i < r->n_pods && !r->fail; i++) {
		if (!r->pod[i].result)
			continue;
		v = json_string_value(path_get(r->pod[i].result, path));
		if (!v)
			fail_set(r, "expected %s in the result of %s, found none", path,
			         r->pod[i].name);
		else if (json_object_get(seen, v))
			fail_set(r, "expected %s of every pod to differ, found %s twice", path, v);
		else
			json_object_set_new(seen, v, json_true());
	}
	json_decref(seen);
	return !r->fail;
}

static bool step_state(struct run *r, const json_t *step)
{
	json_t *list = json_object_get(step, "state"), *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (!state_is(r, one))
			return false;
	}
	return true;
}

static bool run_step(struct run *r, json_t *step)
{
	if (json_object_get(step, "do"))
		return step_call(r, step);
	if (json_object_get(step, "op"))
		return step_op(r, step);
	if (json_object_get(step, "state"))
		return step_state(r, step);
	if (json_object_get(step, "snapshot"))
		return step_snapshot(r, step);
	if (json_object_get(step, "same"))
		return step_same(r, step);
	if (json_object_get(step, "distinct"))
		return step_distinct(r, step);
	die("%s/%s: step %zu has no do, op, state, snapshot, same or distinct", r->check->family,
	    r->check->name, r->step);
}

/* Steps that come from a row are put in first; variables are replaced when a step's turn comes. */
static json_t *all_steps(struct run *r)
{
	json_t *list = json_array(), *steps = json_object_get(r->check->doc, "steps"), *one, *more,
	       *v;
	size_t i, k;

	json_array_foreach(steps, i, one) {
		const char *name = json_string_value(one);

		if (!name) {
			json_array_append(list, one);
			continue;
		}
		more = path_get(r->scope, name + 1);
		json_array_foreach(more, k, v)
			json_array_append(list, v);
		if (json_is_object(more))
			json_array_append(list, more);
	}
	return list;
}

/* Only for some types: "types": ["bridge"]. */
static bool is_for(const struct run *r, const json_t *step)
{
	json_t *list = json_object_get(step, "types"), *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (strcmp(json_string_value(one), r->check->type) == 0)
			return true;
	}
	return !list;
}

static const char *missing(const struct run *r)
{
	json_t *needs = json_object_get(r->check->row, "needs"), *one;
	size_t i;

	needs = needs ? needs : json_object_get(r->check->doc, "needs");
	json_array_foreach(needs, i, one) {
		char *script = NULL;
		int rc;

		if (strcmp(json_string_value(one), "vlan") == 0)
			script = strdup(
				"ip link add n0 type bridge vlan_filtering 1 && ip link del n0");
		else if (strcmp(json_string_value(one), "tbf") == 0)
			script = strdup(
				"ip link add n0 type veth && tc qdisc add dev veth0 root tbf rate "
				"1mbit burst 10k latency 1ms && ip link del n0");
		else
			die("%s/%s: needs \"%s\"?", r->check->family, r->check->name,
			    json_string_value(one));
		rc = shell(script, NULL, NULL);
		free(script);
		if (rc != 0)
			return json_string_value(one);
	}
	return NULL;
}

static void run_steps(struct run *r)
{
	json_t *steps = all_steps(r), *step;
	bool ok = true;

	for (r->step = 1; ok && r->step <= json_array_size(steps); r->step++) {
		step = json_array_get(steps, r->step - 1);
		if (!is_for(r, step))
			continue;
		step = expand(r, step);
		ok = run_step(r, step) && !r->fail;
		json_decref(step);
	}
	json_decref(steps);
}

static void run_free(struct run *r)
{
	for (size_t i = 0; i < r->n_pods; i++) {
		pod_destroy(&r->pod[i].pod);
		json_decref(r->pod[i].result);
	}
	for (size_t i = 0; i < r->n_servers; i++)
		close(r->server[i].fd);
	for (size_t i = 0; i < r->n_snapshots; i++)
		state_free(&r->snapshot[i].state);
	json_decref(r->scope);
	json_decref(r->net);
	json_decref(r->results);
}

int run_check(const struct plan *plan, const struct check *check, char **ret_text)
{
	struct run r = { .plan = plan, .check = check, .results = json_object() };
	const char *lack;
	int code;

	scope_start(&r);
	json_object_set_new(r.scope, "plugins", json_string(plan->plugins));
	(void)pod_get(&r, "a");
	lack = missing(&r);
	if (lack) {
		*ret_text = textf("this kernel has no %s", lack);
		code = RUN_SKIPPED;
	} else {
		run_steps(&r);
		*ret_text = r.fail;
		code = r.fail ? RUN_FAILED : RUN_PASSED;
	}
	run_free(&r);
	return code;
}
