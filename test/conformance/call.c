/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * call.c - steps that run plugins: from the step's keys to a job, and from its answer to passed or failed
 */
#include "test/conformance/job.h"
#include "test/conformance/match.h"
#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK "conf"

static const char *str(const json_t *obj, const char *key, const char *def)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : def;
}

/* One attachment: results are kept by it. Malloc'ed. */
static char *attachment(const json_t *step, const char *pod)
{
	return textf("%s %s %s", pod, str(step, "name", NETWORK), str(step, "ifname", "eth0"));
}

/* ---- configurations */

/* As libcni does it: of the runtime's values, those that the plugin says it can use. */
static void add_runtime(struct run *r, const json_t *step, json_t *conf)
{
	json_t *all = json_object_get(step, "runtime"),
	       *caps = json_object_get(conf, "capabilities");
	json_t *mine = all ? json_incref(all) : expand(r, json_object_get(r->scope, "runtime"));
	json_t *some = json_object(), *v;
	const char *key;

	json_object_foreach(mine, key, v) {
		if (json_is_true(json_object_get(caps, key)))
			json_object_set(some, key, v);
	}
	if (json_object_size(some) > 0)
		json_object_set(conf, "runtimeConfig", some);
	json_decref(some);
	json_decref(mine);
}

/* "valid": names of pods, each with eth0, or attachments as they are. */
static void add_valid(struct run *r, const json_t *step, json_t *conf)
{
	json_t *valid = json_object_get(step, "valid"), *list, *one;
	size_t i;

	if (!valid)
		return;
	list = json_array();
	json_array_foreach(valid, i, one) {
		if (json_is_string(one))
			json_array_append_new(list,
			                      json_pack("{s:s,s:s}", "containerID",
			                                pod_get(r, json_string_value(one))->pod.id,
			                                "ifname", str(step, "ifname", "eth0")));
		else
			json_array_append(list, one);
	}
	json_object_set_new(conf, "cni.dev/valid-attachments", list);
}

static json_t *configuration(struct run *r, const json_t *step, const json_t *plugin, bool subject)
{
	json_t *conf = json_deep_copy(plugin), *version = json_object_get(step, "version");
	json_t *patch = json_object_get(step, "patch"), *own = json_object_get(step, "conf"), *v;
	const char *key;

	if (!version)
		version = json_object_get(r->scope, "version");
	if (version)
		json_object_set(conf, "cniVersion", version);
	else
		json_object_set(conf, "cniVersion", json_object_get(r->scope, "newest"));
	json_object_set_new(conf, "name", json_string(str(step, "name", NETWORK)));
	if (subject && own)
		json_object_clear(conf);
	if (subject && own)
		json_object_update(conf, own);
	add_runtime(r, step, conf);
	if (subject && patch)
		json_object_update_recursive(conf, patch);
	if (!subject && json_object_get(step, "patchFirst"))
		json_object_update_recursive(conf, json_object_get(step, "patchFirst"));
	if (json_is_null(json_object_get(conf, "cniVersion")))
		json_object_del(conf, "cniVersion");
	json_object_foreach(patch, key, v) {
		if (subject && json_is_null(v)) /* null takes a key away */
			json_object_del(conf, key);
	}
	add_valid(r, step, conf);
	return conf;
}

static json_t *configurations(struct run *r, const json_t *step)
{
	bool only = json_is_true(json_object_get(step, "only"));
	size_t n = json_array_size(r->net), i;
	json_t *list = json_array(), *plugin;

	json_array_foreach(r->net, i, plugin) {
		if (only && i + 1 < n)
			continue;
		json_array_append_new(list, json_pack("{s:s,s:o}", "exec", str(plugin, "type", "?"),
		                                      "conf",
		                                      configuration(r, step, plugin, i + 1 == n)));
	}
	return list;
}

/* What the runtime has kept, when the version has it: from 0.4.0 on. An ADD gets one only if the step says so. */
static json_t *previous(struct run *r, const json_t *step, const char *verb, const char *key)
{
	const char *version = json_string_value(
		json_object_get(json_object_get(json_array_get(r->net, 0), "conf"), "cniVersion"));
	json_t *prev = json_object_get(step, "prev"), *edit = json_object_get(step, "prevEdit"), *v;
	bool stored = json_is_string(prev); /* "last" */
	const char *path;

	if (!version)
		version = str(r->scope, "version", str(r->scope, "newest", ""));
	version = str(step, "version", version);
	if (json_is_null(prev))
		return NULL;
	if (prev && !stored)
		return json_deep_copy(prev);
	if (!stored && ((strcmp(verb, "DEL") != 0 && strcmp(verb, "CHECK") != 0) ||
	                strcmp(version, "0.4.0") < 0))
		return NULL;
	prev = json_deep_copy(json_object_get(r->results, key));
	json_object_foreach(edit, path, v) {
		if (!path_set(prev, path, json_deep_copy(v)))
			fail_set(r, "expected a previous result with %s, found none", path);
	}
	return prev;
}

/* ---- jobs */

static void set_env(struct job *job, const json_t *env)
{
	const struct {
		const char *name;
		char **value;
	} vars[] = {
		{ "CNI_COMMAND", &job->verb }, { "CNI_CONTAINERID", &job->id },
		{ "CNI_NETNS", &job->netns },  { "CNI_IFNAME", &job->ifname },
		{ "CNI_ARGS", &job->args },    { "CNI_PATH", &job->path },
	};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)env, key, v) {
		size_t i = 0;

		while (i < 6 && strcmp(vars[i].name, key) != 0)
			i++;
		if (i == 6) {
			job->extra = textf("%s=%s", key, json_string_value(v));
			continue;
		}
		free(*vars[i].value);
		*vars[i].value = json_is_string(v) ? strdup(json_string_value(v)) : NULL;
	}
}

static struct job job_make(struct run *r, const json_t *step, const char *pod)
{
	const char *verb = str(step, "do", ""), *in = str(step, "stdin", "");
	const char *raw = json_string_value(json_object_get(step, "raw"));
	const char *args = json_string_value(json_object_get(step, "args"));
	bool on_pod = strcmp(verb, "GC") != 0 && strcmp(verb, "STATUS") != 0 &&
	              strcmp(verb, "VERSION") != 0;
	const struct conf_pod *p = on_pod ? pod_get(r, pod) : NULL;
	char *key = attachment(step, pod);
	struct job job = {
		.dir = strdup(r->plan->plugins),
		.verb = strdup(verb),
		.id = p ? strdup(p->pod.id) : NULL,
		.netns = p ? textf(POD_NETNS_DIR "/%s", pod) : NULL,
		.ifname = p ? strdup(str(step, "ifname", "eth0")) : NULL,
		.args = args ? strdup(args) : NULL,
		.path = strdup(r->plan->plugins),
		.confs = configurations(r, step),
		.raw = raw ? strdup(raw) : NULL,
		.deadline_ms = (unsigned int)json_integer_value(json_object_get(step, "deadline")),
		.prev = previous(r, step, verb, key),
	};

	job.stdin_kind = strcmp(in, "silent") == 0   ? PLUGIN_STDIN_SILENT
	                 : strcmp(in, "closed") == 0 ? PLUGIN_STDIN_CLOSED
	                                             : PLUGIN_STDIN_FILE;
	set_env(&job, json_object_get(step, "env"));
	free(key);
	return job;
}

/* ---- what is expected */

static bool all_match(struct run *r, const struct answer *a, const json_t *doc, const json_t *paths,
                      const char *what)
{
	const json_t *have;
	const char *path;
	char *w, *h;
	json_t *want;

	json_object_foreach((json_t *)(uintptr_t)paths, path, want) {
		if (path_match(doc, path, want, &have))
			continue;
		w = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
		h = have ? json_dumps(have, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("nothing");
		fail_set(r, "expected %s %s of %s to be %s, found %.400s; %s", what, path, a->type,
		         w, h, run_brief(&a->run));
		free(w);
		free(h);
		return false;
	}
	return true;
}

static bool text_is(struct run *r, const struct answer *a, const json_t *want, const char *text,
                    const char *what)
{
	json_t *v = json_string(text);
	bool is = !want || match(want, v);
	char *w = is ? NULL : json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);

	if (!is)
		fail_set(r, "expected %s of %s to be %s, found %.300s", what, a->type, w, text);
	json_decref(v);
	free(w);
	return is;
}

/*
 * "expect": nothing or {"result": paths}: success. {"error": paths}: an error with these. {"either": true}: any well-formed
 * answer. "stdout" and "stderr" are matched as text.
 */
static bool answer_is(struct run *r, const json_t *step, const struct answer *a)
{
	const json_t *expect = json_object_get(step, "expect");
	const json_t *error = json_object_get(expect, "error");
	const char *verb = str(step, "do", "");
	const char *problem = answer_problem(a, verb);

	if (json_object_get(expect, "stdout") &&
	    !text_is(r, a, json_object_get(expect, "stdout"), a->run.out, "stdout"))
		return false;
	if (json_object_get(expect, "stderr") &&
	    !text_is(r, a, json_object_get(expect, "stderr"), a->run.err, "stderr"))
		return false;
	if (json_is_true(json_object_get(expect, "raw")))
		return a->run.rc == 0 ||
		       fail_set(r, "expected exit 0, found %s", run_brief(&a->run));
	if (problem)
		return fail_set(r, "expected a well-formed answer of %s, found %s: %s", a->type,
		                problem, run_brief(&a->run));
	if (json_is_true(json_object_get(expect, "either")))
		return true;
	if (error && a->run.rc == 0)
		return fail_set(r, "expected an error of %s, found exit 0", a->type);
	if (!error && a->run.rc != 0)
		return fail_set(r, "expected success of %s, found %s", a->type, run_brief(&a->run));
	return all_match(r, a, a->doc, error ? error : json_object_get(expect, "result"),
	                 error ? "error" : "result");
}

static void keep_result(struct run *r, const json_t *step, const char *pod, const struct answer *a)
{
	char *key;

	if (strcmp(str(step, "do", ""), "ADD") != 0 || a->run.rc != 0 || !a->doc)
		return;
	key = attachment(step, pod);
	json_object_set(r->results, key, a->doc);
	free(key);
	json_decref(pod_get(r, pod)->result);
	pod_get(r, pod)->result = json_incref(a->doc);
}

/* ---- many at once */

struct crowd {
	struct job *job;
	struct answer *answer;
	int *started;
	size_t n;
	atomic_size_t next;
};

static void *crowd_work(void *arg)
{
	struct crowd *c = arg;

	for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->n;)
		c->started[i] = job_run(&c->job[i], &c->answer[i]);
	return NULL;
}

/* All of c->job, by so many threads. */
static void crowd_run(struct crowd *c, size_t callers)
{
	pthread_t *thread = calloc(callers, sizeof(*thread));

	if (!thread)
		die("memory");
	for (size_t i = 0; i < callers; i++) {
		if (pthread_create(&thread[i], NULL, crowd_work, c) != 0)
			die("no thread");
	}
	for (size_t i = 0; i < callers; i++)
		(void)pthread_join(thread[i], NULL);
	free(thread);
}

/* "pods": so many, named p0, p1, ...; "callers": so many at a time. */
static bool step_crowd(struct run *r, const json_t *step)
{
	size_t n = (size_t)json_integer_value(json_object_get(step, "pods"));
	size_t callers = (size_t)json_integer_value(json_object_get(step, "callers"));
	struct crowd c = { .n = n };
	bool ok = true;
	char name[32];

	if (n > PODS_MAX)
		die("too many pods");
	c.job = calloc(n, sizeof(*c.job));
	c.answer = calloc(n, sizeof(*c.answer));
	c.started = calloc(n, sizeof(*c.started));
	if (!c.job || !c.answer || !c.started)
		die("memory");
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "p%zu", i);
		c.job[i] = job_make(r, step, name);
	}
	crowd_run(&c, callers ? callers : n);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "p%zu", i);
		ok = ok && c.started[i] == 0 && answer_is(r, step, &c.answer[i]);
		keep_result(r, step, name, &c.answer[i]);
		answer_free(&c.answer[i]);
		job_free(&c.job[i]);
	}
	free(c.job);
	free(c.answer);
	free(c.started);
	return ok;
}

bool step_call(struct run *r, json_t *step)
{
	const char *pod = str(step, "pod", "a");
	struct answer a;
	struct job job;
	bool ok;

	if (json_object_get(step, "pods"))
		return step_crowd(r, step);
	job = job_make(r, step, pod);
	if (job_run(&job, &a) < 0)
		die("%s: a plugin cannot be started", r->check->type);
	ok = answer_is(r, step, &a);
	keep_result(r, step, pod, &a);
	answer_free(&a);
	job_free(&job);
	return ok;
}
