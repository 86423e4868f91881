/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * processes.c - a verb is one process: no helper, no fork, no thread, when the IPAM is our own
 */
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

static void trace_verb(struct suite *s, struct suite_call *c, const char *label, char **result)
{
	static struct plugin_trace t;
	char path[PATH_MAX], names[512] = "", *name = textf("%s %s", c->verb, label);
	struct plugin_call call = suite_call(s, c, path);
	const char *problem;

	if (plugin_trace(&call, &t) < 0)
		exit(2);
	for (unsigned int i = 0; i < t.execs && i < TRACE_EXECS_MAX; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
		         t.exec_names[i]);
	problem = run_problem(&t.run, c->verb);
	expect(s, t.run.rc == 0 && !problem, name, "exit 0", "%s", run_brief(&t.run));
	expect(s, t.execs == 1 && t.forks == 0 && t.threads == 0, name,
	       "1 exec, no fork, no thread", "%u execs (%.*s), %u forks, %u threads", t.execs,
	       (int)strlen(names), names, t.forks, t.threads);
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

void suite_processes(struct suite *s)
{
	const char *version = suite_newest(s);

	for (size_t i = 0; i < N(kinds); i++)
		if (suite_has(s, kinds[i].type))
			trace_kind(s, &kinds[i], (int)i, version);
}
