/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * job.c - one operation of a runtime on one attachment: the plugins of a network in their order, as libcni runs them
 */
#include "test/conformance/job.h"

#include "test/lib/plugin_suite.h"

#include <stdlib.h>
#include <string.h>

static int run_one(const struct job *job, json_t *entry, const json_t *prev, struct answer *ret)
{
	const char *name = json_string_value(json_object_get(entry, "exec"));
	json_t *conf = json_object_get(entry, "conf");
	char *path = textf("%s/%s", job->dir, name), *text;
	const char *env[] = { job->extra, NULL };
	struct plugin_call call = {
		.path = path,
		.command = job->verb,
		.container_id = job->id,
		.netns = job->netns,
		.ifname = job->ifname,
		.args = job->args,
		.cni_path = job->path,
		.env = env,
		.stdin_kind = job->stdin_kind,
		.deadline_ms = job->deadline_ms,
	};
	int r;

	if (prev)
		json_object_set(conf, "prevResult", (json_t *)(uintptr_t)prev);
	text = job->raw ? strdup(job->raw) : json_dumps(conf, JSON_COMPACT);
	call.in = text;
	call.in_len = strlen(text);
	answer_free(ret);
	ret->type = name;
	r = plugin_exec(&call, &ret->run);
	ret->doc = r == 0 ? run_json(&ret->run) : NULL;
	free(text);
	free(path);
	return r;
}

int job_run(const struct job *job, struct answer *ret)
{
	bool add = job->verb && strcmp(job->verb, "ADD") == 0;
	bool back = job->verb && strcmp(job->verb, "DEL") == 0;
	bool go_on = job->verb && strcmp(job->verb, "GC") == 0;
	size_t n = json_array_size(job->confs);
	json_t *prev = json_incref(job->prev);
	int r = 0;

	*ret = (struct answer) { .type = "" };
	for (size_t i = 0; i < n && r == 0; i++) {
		r = run_one(job, json_array_get(job->confs, back ? n - 1 - i : i), prev, ret);
		if (r < 0 || (ret->run.rc != 0 && !go_on))
			break;
		if (add && json_is_object(ret->doc)) {
			json_decref(prev);
			prev = json_incref(ret->doc);
		}
	}
	json_decref(prev);
	return r;
}

void job_free(struct job *job)
{
	char *texts[] = { job->dir,  job->verb, job->id,    job->netns, job->ifname,
		          job->args, job->path, job->extra, job->raw };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	json_decref(job->confs);
	json_decref(job->prev);
	*job = (struct job) { .dir = NULL };
}

void answer_free(struct answer *a)
{
	plugin_run_free(&a->run);
	json_decref(a->doc);
	*a = (struct answer) { .type = "" };
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static const char *success_problem(const struct answer *a, const char *verb)
{
	if (strcmp(verb, "ADD") == 0 &&
	    (!json_is_object(a->doc) || json_object_get(a->doc, "code")))
		return "exit 0 and stdout is not one result document";
	if (strcmp(verb, "VERSION") == 0 && !json_is_object(a->doc))
		return "exit 0 and stdout is not one document";
	if (strcmp(verb, "ADD") != 0 && strcmp(verb, "VERSION") != 0 && !is_blank(a->run.out))
		return "exit 0 with something on stdout";
	return NULL;
}

const char *answer_problem(const struct answer *a, const char *verb)
{
	const json_t *code = json_object_get(a->doc, "code"), *msg = json_object_get(a->doc, "msg");

	if (a->run.late)
		return "no answer in time";
	if (a->run.signal)
		return "killed by a signal";
	if (strstr(a->run.err, "Sanitizer") || strstr(a->run.err, "runtime error:"))
		return "a sanitizer's report";
	if (a->run.rc == 0)
		return success_problem(a, verb);
	if (!json_is_object(a->doc))
		return "an exit code other than 0 and stdout is not one JSON document";
	if (!json_is_integer(code))
		return "an error without a numeric code";
	return json_string_length(msg) > 0 ? NULL : "an error without msg";
}
