/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - one check being carried out, in a node of its own
 */
#ifndef CNIDA_TEST_CONFORMANCE_RUN_H
#define CNIDA_TEST_CONFORMANCE_RUN_H

#include "test/conformance/plan.h"
#include "test/lib/plugin_pod.h"
#include "test/lib/plugin_state.h"

#define PODS_MAX    128
#define SERVERS_MAX 64

struct conf_pod {
	char name[16]; /* also of its namespace, /run/netns/NAME */
	struct pod pod;
	json_t *result; /* of its last successful ADD */
};

struct server {
	char in[16];
	int fd;
	bool udp;
};

struct snapshot {
	char name[32];
	struct state state;
};

struct run {
	const struct plan *plan;
	const struct check *check;
	json_t *scope;   /* what "$name" means */
	json_t *net;     /* the plugins of the network, as in a conflist's "plugins" */
	json_t *results; /* "pod network ifname": result */
	struct conf_pod pod[PODS_MAX];
	size_t n_pods;
	struct server server[SERVERS_MAX];
	size_t n_servers;
	struct snapshot snapshot[8];
	size_t n_snapshots;
	size_t step;
	char *fail; /* what was expected and found; NULL */
};

enum { RUN_PASSED = 0, RUN_FAILED = 1, RUN_BROKEN = 2, RUN_SKIPPED = 3 };

/* run_check() - Do a check in this node, with plan->plugins as node_enter() returned it. One of RUN_...; @ret_text says why,
 * malloc'ed or NULL. A file that cannot be understood ends the process. */
int run_check(const struct plan *plan, const struct check *check, char **ret_text);

/* node_enter() - Become the first process of a node: new network, mount and PID namespace, empty /run, /var/lib/cni, ... and
 * the plugins at the returned path. The caller must be a process with one thread; another process waits for the node to end
 * and passes its exit code on. When either is killed, everything of the node ends with it. */
const char *node_enter(const char *plugins);

/* dad_off() - No duplicate address detection in this network namespace: it costs a second or two for each address, and
 * nobody else is on these links. */
void dad_off(void);

/* fail_set() - The check has failed; the first reason counts. Returns false. */
bool fail_set(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* pod_get() - A pod of the check, made when it is named for the first time. */
struct conf_pod *pod_get(struct run *r, const char *name);

/* scope.c: variables. */

/* scope_start() - Set up the variables and the network of a check. */
void scope_start(struct run *r);
/* expand() - A value with all variables replaced; NULL if it was one that is not set. New reference. */
json_t *expand(struct run *r, const json_t *v);
/* subject_type() - The executable's name of the type under test. */
const char *subject_type(const struct run *r);

/* call.c: plugins. Steps are expanded. */
bool step_call(struct run *r, json_t *step);

/* shell.c: named operations and predicates. */
bool step_op(struct run *r, const json_t *step);
bool state_is(struct run *r, const json_t *predicate);
/* shell() - Run a script with the strings and numbers of an object as its variables. Exit code; @ret_out malloc'ed. */
int shell(const char *script, const json_t *vars, char **ret_out);

/* probe.c: connections. */
bool server_start(struct run *r, const json_t *step);
bool probe_is(struct run *r, const json_t *probe);

#endif
