/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * processes.c - a verb is one process: no helper, no fork, no thread, when the IPAM is our own; a list is as many
 * processes as it has plugins
 */
#include "test/lib/plugin_chain.h"
#include "test/lib/plugin_trace.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCAL \
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"/run/processes\",\"ranges\":[[{\"subnet\":\"10.78.%d.0/24\"}],[{\"subnet\":\"fd00:78:%d::/64\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}"

static const struct kind {
	const char *type, *keys;
} kinds[] = {
	{ "bridge", "\"bridge\":\"proc0\",\"isGateway\":true," LOCAL },
	{ "bridge", "\"bridge\":\"proc1\",\"isGateway\":true,\"ipMasq\":true," LOCAL },
	{ "bridge", "\"bridge\":\"proc2\",\"macspoofchk\":true," LOCAL },
	{ "bridge",
	  "\"bridge\":\"proc3\",\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.78.%d.2/24\"},{\"address\":\"fd00:78:%d::2/64\"}]}" },
	{ "ptp", LOCAL },
	{ "ptp", "\"ipMasq\":true," LOCAL },
	{ "cnida", "\"bridge\":\"proc4\",\"isGateway\":true,\"ipMasq\":true," LOCAL },
	{ "host-local", LOCAL },
	{ "static",
	  "\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.78.%d.2/24\"},{\"address\":\"fd00:78:%d::2/64\"}]}" },
	{ "loopback", "\"x%d%d\":1" },
};

/* One plugin's run: success, and nothing but itself. */
static void judge(struct suite *s, const struct plugin_trace *t, const char *verb, const char *name)
{
	char names[512] = "";
	const char *problem = run_problem(&t->run, verb);

	for (unsigned int i = 0; i < t->execs && i < TRACE_EXECS_MAX; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
		         t->exec_names[i]);
	expect(s, t->run.rc == 0 && !problem, name, "exit 0", "%s", run_brief(&t->run));
	expect(s, t->execs == 1 && t->forks == 0 && t->threads == 0, name,
	       "1 exec, no fork, no thread", "%u execs (%.*s), %u forks, %u threads", t->execs,
	       (int)strlen(names), names, t->forks, t->threads);
}

static void trace_verb(struct suite *s, struct suite_call *c, const char *label, char **result)
{
	static struct plugin_trace t;
	char path[PATH_MAX], *name = textf("%s %s", c->verb, label);
	struct plugin_call call = suite_call(s, c, path);

	if (plugin_trace(&call, &t) < 0)
		exit(2);
	judge(s, &t, c->verb, name);
	if (result)
		*result = t.run.rc == 0 ? strdup(t.run.out) : NULL;
	plugin_trace_free(&t);
	free(name);
}

static void trace_kind(struct suite *s, const struct kind *k, int number, const char *version)
{
	static const char *const verbs[] = { "CHECK", "STATUS", "GC", "DEL" };
	char *keys, *conf, *gc, *prev = NULL, *result = NULL, *name = textf("process-%d", number);
	char *label = textf("%s, configuration %d", k->type, number);
	struct suite_call c = { .type = k->type,
		                .verb = "ADD",
		                .ifname = strcmp(k->type, "loopback") ? "eth0" : "lo" };
	struct pod pod;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	keys = textf(k->keys, number, number);
#pragma GCC diagnostic pop
	conf = textf("{\"cniVersion\":\"%s\",\"name\":\"proc%d\",\"type\":\"%s\",%s}", version,
	             number, k->type, keys);
	gc = textf("{\"cni.dev/valid-attachments\":[],%s", conf + 1);
	if (pod_create(name, &pod) < 0)
		exit(2);
	c.pod = &pod;
	c.conf = conf;
	trace_verb(s, &c, label, &result);
	for (size_t i = 0; result && i < N(verbs); i++) {
		if (strcmp(version, "1.1.0") != 0 && (i == 1 || i == 2))
			continue;
		if (!prev)
			prev = with_prev(conf, result);
		c.verb = verbs[i];
		c.conf = i == 1 ? conf : i == 2 ? gc : prev;
		trace_verb(s, &c, label, NULL);
	}
	pod_destroy(&pod);
	free(keys);
	free(conf);
	free(gc);
	free(prev);
	free(result);
	free(name);
	free(label);
}

/* A whole list: as many execs as it has plugins. */
struct traced_list {
	struct suite *s;
	const struct chain *list;
	unsigned int execs, calls;
};

static int trace_step(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	static struct plugin_trace t;
	struct traced_list *l = arg;
	char *name = textf("%s %s, plugin %zu of %zu (%s)", call->command, l->list->network,
	                   step + 1, l->list->n, l->list->step[step].type);
	int r = plugin_trace(call, &t);

	if (r == 0)
		judge(l->s, &t, call->command, name);
	l->execs += t.execs;
	l->calls++;
	*ret = t.run;
	free(name);
	return r;
}

static void trace_list_verb(struct traced_list *l, struct chain_verb *v, char **result)
{
	struct chain_exec exec = { trace_step, l };
	char *name = textf("%s %s", v->verb, l->list->network);
	struct plugin_run run;

	l->execs = l->calls = 0;
	if (strcmp(v->verb, "ADD") == 0) {
		free(*result);
		(void)chain_run(l->list, v, &exec, result, &run);
	} else {
		(void)chain_run(l->list, v, &exec, NULL, &run);
	}
	expect(l->s, l->calls == l->list->n && l->execs == l->calls, name,
	       "one exec for each plugin of the list", "%u execs, %u of %zu plugins", l->execs,
	       l->calls, l->list->n);
	plugin_run_free(&run);
	free(name);
}

static void trace_list(struct suite *s, const struct chain *list)
{
	/* The new ones are of 1.1.0; the others are about a pod. */
	static const struct {
		const char *verb;
		bool is_new, pod, prev;
	} verbs[] = {
		{ "ADD", false, true, false },    { "CHECK", false, true, true },
		{ "STATUS", true, false, false }, { "DEL", false, true, true },
		{ "ADD", false, true, false },    { "GC", true, false, false },
		{ "DEL", false, true, false },
	};
	struct traced_list l = { .s = s, .list = list };
	char *runtime = chain_runtime(32000), *result = NULL;
	struct pod pod;

	if (pod_create(list->network, &pod) < 0)
		exit(2);
	for (size_t i = 0; i < N(verbs); i++) {
		struct chain_verb v = { .verb = verbs[i].verb,
			                .runtime = runtime,
			                .pod = verbs[i].pod ? &pod : NULL,
			                .prev = verbs[i].prev ? result : NULL };

		if (verbs[i].is_new && strcmp(list->version, "1.1.0") != 0)
			continue;
		/* None is valid, so there is something to collect. */
		if (strcmp(v.verb, "GC") == 0)
			v.extra = "\"cni.dev/valid-attachments\":[],";
		trace_list_verb(&l, &v, &result);
	}
	pod_destroy(&pod);
	free(runtime);
	free(result);
}

static void trace_lists(struct suite *s, const char *version)
{
	struct chain_site site = { .dir = s->dir,
		                   .version = version,
		                   .network = "process-chain",
		                   .bridge = "proc5",
		                   .data_dir = "/run/processes",
		                   .v4 = "10.78.50.0/24",
		                   .v6 = "fd00:78:50::/64" };
	struct chain list;

	chain_four(&list, &site);
	trace_list(s, &list);
	chain_free(&list);
	site = (struct chain_site) { .dir = s->dir,
		                     .version = version,
		                     .network = "process-one",
		                     .bridge = "proc6",
		                     .data_dir = "/run/processes",
		                     .v4 = "10.78.51.0/24",
		                     .v6 = "fd00:78:51::/64" };
	chain_one(&list, &site);
	trace_list(s, &list);
	chain_free(&list);
}

void suite_processes(struct suite *s)
{
	static const char *const chained[] = { "portmap", "firewall", "bandwidth", "cnida" };
	const char *version = suite_newest(s);

	for (size_t i = 0; i < N(kinds); i++)
		if (suite_has(s, kinds[i].type))
			trace_kind(s, &kinds[i], (int)i, version);
	for (size_t i = 0; i < N(chained); i++)
		if (!suite_has(s, chained[i]))
			return;
	trace_lists(s, version);
}
