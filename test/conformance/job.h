/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * job.h - one operation of a runtime on one attachment: the plugins of a network in their order, as libcni runs them
 */
#ifndef CNIDA_TEST_CONFORMANCE_JOB_H
#define CNIDA_TEST_CONFORMANCE_JOB_H

#include "test/lib/plugin_exec.h"

#include <jansson.h>

/*
 * Everything is owned by the job, and a job may be run by any thread. An ADD passes each plugin's result to the next;
 * everything else, and the first plugin of an ADD, gets "prev". DEL goes backwards. The first failure ends the job, except for
 * GC.
 */
struct job {
	char *dir;
	char *verb, *id, *netns, *ifname, *args, *path; /* NULL: not in the environment */
	char *extra;                                    /* "K=V", NULL for none */
	json_t *confs; /* array of {"exec": name, "conf": object} */
	char *raw;     /* the text on stdin instead of the configuration; NULL */
	enum plugin_stdin stdin_kind;
	unsigned int deadline_ms; /* of each plugin; 0: PLUGIN_DEADLINE_MS */
	json_t *prev;             /* NULL: none */
};

struct answer {
	struct plugin_run run; /* of the last plugin that ran */
	const char *type;      /* its name, borrowed from the job */
	json_t *doc;           /* its stdout as one document, or NULL */
};

/* job_run() - 0, or -errno if a plugin could not be started. Free the answer with answer_free(), in any case. */
int job_run(const struct job *job, struct answer *ret);
void job_free(struct job *job);
void answer_free(struct answer *a);

/* answer_problem() - What the specification forbids of any answer, or NULL: neither 0 nor an error document, no result ... */
const char *answer_problem(const struct answer *a, const char *verb);

#endif
