/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crash.h - the matrix: verbs times system calls times faults; what workers share
 */
#ifndef CNIDA_TEST_CRASH_CRASH_H
#define CNIDA_TEST_CRASH_CRASH_H

#include "test/crash/node.h"

#define ERRORS 7
/* Of each system call: killed before it, killed after it, refused with each errno. */
#define FAULTS (2 + ERRORS)

enum scenario_id {
	SCENARIO_ADD,
	SCENARIO_DEL,
	SCENARIO_CHECK,
	SCENARIO_GC,
	SCENARIO_APPLY,
	SCENARIO_FIRST,
	SCENARIOS
};

struct error_name {
	int number;
	const char *name;
};
extern const struct error_name error_names[ERRORS];

/* Of all workers; in shared memory, changed atomically. */
struct tally {
	unsigned int passed, failed, skipped;
	unsigned int killed[SCENARIOS], refused[SCENARIOS][ERRORS];
	unsigned int ended_well[SCENARIOS]; /* refused, and succeeded all the same */
};

struct worker {
	struct node node;
	const struct scenario *scenario;
	struct tally *tally;
	struct fault fault;
	struct faulted run;            /* of the command with the fault */
	struct state clean;            /* the node without server and third */
	struct state attached;         /* CHECK: with server */
	struct state ref[POLICIES][2]; /* apply: what a version looks like */
	struct state booted;           /* first: nothing was ever attached; ref is after one pod */
	enum policy_version in_force;
	bool bad; /* something about this case was wrong */
};

struct scenario {
	const char *name;
	enum scenario_id id;
	void (*begin)(struct worker *w);   /* once; also after something went wrong */
	void (*prepare)(struct worker *w); /* before each run */
	void (*call)(struct worker *w, struct node_call *ret);
	void (*judge)(
		struct worker *w); /* after a run with a fault; must leave what prepare() finds */
	void (*settle)(struct worker *w); /* after a run without one */
	unsigned int every;               /* that many-th case of the matrix */
};
extern const struct scenario scenarios[SCENARIOS];

/* worker_begin() - A node on which the client runs under the old policy. */
void worker_begin(struct worker *w);

/* worker_run() - One run of the scenario's command, with w->fault. */
void worker_run(struct worker *w);

/* wrong() - A line that says everything about this case. */
__attribute__((format(printf, 3, 4))) void wrong(struct worker *w, const char *expected,
                                                 const char *found, ...);

/* Commands without a fault: what fails is wrong. @when: for the message. */
bool do_add(struct worker *w, enum pod_name pod, const char *when);
bool do_del(struct worker *w, enum pod_name pod, const char *when);
bool do_check(struct worker *w, enum pod_name pod, const char *when);
bool do_gc(struct worker *w, const char *when);
bool do_apply(struct worker *w, enum policy_version version, const char *when);

void expect_state(struct worker *w, const struct state *ref, const char *when);
/* expect_either() - The same with two: nf_tables has two sides for the policy, which take turns. */
void expect_either(struct worker *w, const struct state ref[static 2], const char *when);
/* expect_probe() - One of two sets of ports; the second may be 0. */
void expect_probe(struct worker *w, enum pod_name to, unsigned int a, unsigned int b,
                  const char *when);
/* expect_answer() - A good answer to a fault that was no kill: a result, or one error. */
void expect_answer(struct worker *w, const char *verb);

bool was_killed(const struct worker *w);

/* The first ADD after a boot (first.c): thousands of calls, a boot each. */
#define FIRST_EVERY 23
void begin_first(struct worker *w);
void prepare_first(struct worker *w);
void judge_first(struct worker *w);
void settle_first(struct worker *w);

/* Faults that once did harm (rows.c): tried in every run, however small the sample. */
struct row {
	enum scenario_id scenario;
	enum node_mode mode;
	const char *call; /* as fault.call */
	unsigned int nth; /* of those; 0: each of them */
	int error;        /* 0: killed before it */
};
extern const struct row rows[];
extern const size_t n_rows;

#endif
