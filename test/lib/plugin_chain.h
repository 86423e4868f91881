/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_chain.h - a list of plugins, called as libcni calls them
 *
 * ADD goes through the list and hands each plugin the result of the one before; CHECK and DEL give all of them the
 * last result, DEL in reverse. What a plugin is run with (timed, traced, killed half-way) is the caller's.
 */
#ifndef CNIDA_TEST_PLUGIN_CHAIN_H
#define CNIDA_TEST_PLUGIN_CHAIN_H

#include "test/lib/plugin_exec.h"
#include "test/lib/plugin_pod.h"

#define CHAIN_MAX 6

struct chain {
	const char *dir;               /* plugin folder */
	const char *version, *network; /* of the list */
	struct {
		const char *type;
		char *keys;   /* of its configuration, as members of an object; "" for none */
		bool runtime; /* it has capabilities: it gets "runtimeConfig" */
	} step[CHAIN_MAX];
	size_t n;
};

/* What chain_four() and chain_one() are made of. Bridge and data directory are the list's own. */
struct chain_site {
	const char *dir, *version, *network; /* as in struct chain */
	const char *bridge, *data_dir;
	const char *policy;  /* the firewall's ingressPolicy; NULL: open, upstream's default */
	const char *v4, *v6; /* subnets of pods; v6 NULL: IPv4 only */
};

/* chain_four() - bridge (gateway, ipMasq, host-local), portmap, firewall, bandwidth: four plugins.
 * chain_one() - all of that in one plugin, type cnida.
 * chain_plain() - only the first of the four, without ipMasq.
 * chain_policy() - type cnida: the first of the four, and network policy by @backend (or "none").
 * Free with chain_free(). No memory ends the program. */
void chain_four(struct chain *c, const struct chain_site *site);
void chain_one(struct chain *c, const struct chain_site *site);
void chain_plain(struct chain *c, const struct chain_site *site);
void chain_policy(struct chain *c, const struct chain_site *site, const char *backend);
void chain_free(struct chain *c);

/* chain_runtime() - A runtimeConfig for them: the pod's TCP port 80 at a port of the node, 100 Mbit/s each way; in the
 * spelling of containerd. malloc'ed. */
char *chain_runtime(unsigned int host_port);

/* One operation of a runtime. */
struct chain_verb {
	const char *verb;
	const struct pod *pod; /* NULL: the operation is not about one */
	const char *netns;     /* instead of the pod's; NULL: the pod's */
	const char *args;
	const char *runtime; /* runtimeConfig, an object's text; NULL: none */
	const char *prev;    /* last result for CHECK and DEL; NULL: none is known */
	const char *
		extra; /* further members of every plugin's configuration, with a comma behind; NULL: none */
	unsigned int deadline_ms;
};

/* Runs the plugin of @step. Fills *ret as plugin_exec() does; below 0: it could not be run, which ends the chain. */
struct chain_exec {
	int (*run)(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret);
	void *arg;
};

/**
 * chain_run() - Call the plugins of a list one after the other
 * @ret_result:	after ADD the last plugin's result, malloc'ed, NULL otherwise; NULL allowed
 * @ret:	how the last plugin that was run ended; free with plugin_run_free()
 *
 * Return: 0 if all of them exited with 0, 1 + the step that did not, -errno if one could not be run.
 */
int chain_run(const struct chain *c, const struct chain_verb *v, const struct chain_exec *exec,
              char **ret_result, struct plugin_run *ret);

#endif
