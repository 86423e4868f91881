/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leaks.c - DEL takes everything away, whatever is left to work from; a failed ADD leaves nothing
 *
 * A witness pod stays attached to the same network all the time, so taking away too much shows as well. The node's
 * state before ADD and after DEL must be equal to the line.
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE "/run/leaks"
#define V4                                                                             \
	"\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE "\"," \
	"\"ranges\":[[{\"subnet\":\"10.79.0.0/24\"}]],\"routes\":[{\"dst\":\"0.0.0.0/0\"}]}"
#define DUAL                                                                            \
	"\"ipMasq\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE "\","  \
	"\"ranges\":[[{\"subnet\":\"10.79.0.0/24\"}],[{\"subnet\":\"fd00:79::/64\"}]]," \
	"\"routes\":[{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"::/0\"}]}"

static const struct kind {
	const char *type, *name, *keys;
} kinds[] = {
	{ "bridge", "bridge", "\"bridge\":\"leak0\",\"isGateway\":true," V4 },
	{ "bridge", "bridge-dual", "\"bridge\":\"leak1\",\"isGateway\":true," DUAL },
	{ "bridge", "bridge-no-gateway", "\"bridge\":\"leak2\"," DUAL },
	{ "ptp", "ptp", V4 },
	{ "ptp", "ptp-dual", DUAL },
	{ "cnida", "cnida", "\"bridge\":\"leak3\",\"isGateway\":true," DUAL },
	{ "cnida", "cnida-ptp", "\"mode\":\"ptp\"," DUAL },
};

enum {
	AGAIN = 1,     /* a second DEL */
	GONE = 2,      /* the namespace is gone */
	EMPTY = 4,     /* CNI_NETNS is empty */
	NO_PREV = 8,   /* no prevResult */
	WIPED = 16,    /* /run/cnida is gone */
	UNLINKED = 32, /* someone has removed the interface */
	NEVER = 64,    /* there was no ADD */
};

static const struct way {
	const char *name;
	int flags;
} ways[] = {
	{ "DEL", 0 },
	{ "DEL twice", AGAIN },
	{ "DEL, netns gone", GONE },
	{ "DEL, netns gone, no prevResult", GONE | NO_PREV },
	{ "DEL, CNI_NETNS empty", EMPTY },
	{ "DEL, CNI_NETNS empty, no prevResult", EMPTY | NO_PREV },
	{ "DEL, no prevResult", NO_PREV },
	{ "DEL, interface gone", UNLINKED },
	{ "DEL, interface gone, no prevResult", UNLINKED | NO_PREV },
	{ "DEL without ADD", NEVER | NO_PREV },
	{ "DEL without ADD, netns gone", NEVER | NO_PREV | GONE },
	/* From here on there are no records, also none of the witness. */
	{ "DEL, /run/cnida wiped", WIPED },
	{ "DEL, /run/cnida wiped, no prevResult", WIPED | NO_PREV },
	{ "DEL, /run/cnida wiped, netns gone", WIPED | GONE },
	{ "DEL, /run/cnida wiped, CNI_NETNS empty", WIPED | EMPTY },
	{ "DEL, /run/cnida wiped, netns gone, no prevResult", WIPED | GONE | NO_PREV },
};

static struct suite *suite;

static char *add(const struct kind *k, const struct pod *pod, const char *conf, const char *what)
{
	struct suite_call c = { .type = k->type, .verb = "ADD", .pod = pod, .conf = conf };
	char *result = NULL, *name = textf("%s, %s, its ADD", k->name, what);
	struct plugin_run run;
	const char *problem;

	suite_exec(suite, &c, &run);
	problem = run_problem(&run, "ADD");
	if (expect(suite, run.rc == 0 && !problem, name, "exit 0 and a result", "%s",
	           run_brief(&run)))
		result = strdup(run.out);
	plugin_run_free(&run);
	free(name);
	return result;
}

static void del(const struct kind *k, const struct pod *pod, const char *netns, const char *conf,
                const char *what)
{
	struct suite_call c = {
		.type = k->type, .verb = "DEL", .pod = pod, .netns = netns, .conf = conf
	};
	char *name = textf("%s, %s", k->name, what);
	struct plugin_run run;
	const char *problem;

	suite_exec(suite, &c, &run);
	problem = run_problem(&run, "DEL");
	expect(suite, run.rc == 0 && !problem, name, "exit 0 and no output", "%s", run_brief(&run));
	plugin_run_free(&run);
	free(name);
}

/* The kernel takes a dead namespace's links away in the background: up to @tries times 100 ms. */
static void expect_state(const struct kind *k, const char *what, const char *const folders[],
                         const struct state *before, unsigned int tries)
{
	char *name = textf("%s, %s", k->name, what), *diff = NULL;

	for (unsigned int i = 0; i <= tries; i++) {
		_cleanup_state_ struct state after = { 0 };

		if (i > 0)
			usleep(100000);
		free(diff);
		state_take(folders, &after);
		diff = state_diff(before, &after);
		if (!diff)
			break;
	}
	expect(suite, !diff, name, "the node as before", "%s", diff ? diff : "");
	free(diff);
	free(name);
}

static bool in_pod(const struct pod *pod, const char *command)
{
	int fd = pod_enter(pod), rc;

	if (fd < 0)
		return false;
	rc = system(command);
	if (rc != 0)
		fprintf(stderr, "plugin/leaks: \"%s\" failed in the pod\n", command);
	pod_leave(fd);
	return rc == 0;
}

static void try_way(const struct kind *k, const struct way *w, const char *conf)
{
	static const char *const all[] = { STORE, "/run/cnida/endpoints", NULL };
	static const char *const no_records[] = { STORE, NULL };
	const char *const *folders = w->flags & WIPED ? no_records : all;
	_cleanup_state_ struct state before = { 0 };
	char *result = NULL, *last = NULL;
	struct pod pod;

	state_take(folders, &before);
	if (pod_create("leaks-pod", &pod) < 0)
		exit(2);
	if (!(w->flags & NEVER))
		result = add(k, &pod, conf, w->name);
	if (w->flags & UNLINKED)
		in_pod(&pod, "ip link del eth0");
	if (w->flags & WIPED)
		remove_tree("/run/cnida");
	if (w->flags & GONE) {
		struct pod gone = pod; /* keeps its path */

		pod_destroy(&gone);
	}
	if (result && !(w->flags & NO_PREV))
		last = with_prev(conf, result);
	for (int i = 0; i < (w->flags & AGAIN ? 2 : 1); i++)
		del(k, &pod, w->flags & EMPTY ? "" : NULL, last ? last : conf, w->name);
	expect_state(k, w->name, folders, &before, w->flags & GONE ? 30 : 0);
	pod_destroy(&pod);
	free(result);
	free(last);
}

/* An ADD that must fail and leave neither the node nor the pod changed. */
static void try_bad_add(const struct kind *k, const char *what, const struct pod *pod,
                        const char *conf)
{
	static const char *const folders[] = { STORE, "/run/cnida/endpoints", NULL };
	struct suite_call c = { .type = k->type, .verb = "ADD", .pod = pod, .conf = conf };
	char *name = textf("%s, %s", k->name, what), *inside = textf("%s, inside the pod", what);
	struct state before, pod_before;
	struct plugin_run run;
	const char *problem;
	int fd;

	fd = pod_enter(pod);
	state_take(NULL, &pod_before);
	pod_leave(fd);
	state_take(folders, &before);
	suite_exec(suite, &c, &run);
	problem = run_problem(&run, "ADD");
	expect(suite, run.rc == 1 && !problem, name, "exit 1 and an error", "%s", run_brief(&run));
	expect_state(k, what, folders, &before, 0);
	fd = pod_enter(pod);
	expect_state(k, inside, NULL, &pod_before, 0);
	pod_leave(fd);
	plugin_run_free(&run);
	state_free(&before);
	state_free(&pod_before);
	free(name);
	free(inside);
}

/* One ADD more for the same container and interface: refused, and the pod works as before. */
static void try_twice(const struct kind *k, const char *conf)
{
	struct suite_call c = { .type = k->type, .verb = "CHECK" };
	struct plugin_run run;
	char *result, *last = NULL, *name = textf("%s, CHECK after a second ADD", k->name);
	struct pod pod;

	if (pod_create("leaks-pod", &pod) < 0)
		exit(2);
	result = add(k, &pod, conf, "a first ADD");
	try_bad_add(k, "a second ADD", &pod, conf);
	if (result) {
		last = with_prev(conf, result);
		c.conf = last;
		c.pod = &pod;
		suite_exec(suite, &c, &run);
		expect(suite, run.rc == 0 && !run_problem(&run, "CHECK"), name, "exit 0", "%s",
		       run_brief(&run));
		plugin_run_free(&run);
	}
	del(k, &pod, NULL, last ? last : conf, "DEL after a second ADD");
	pod_destroy(&pod);
	free(result);
	free(last);
	free(name);
}

/*
 * Nobody looks into the table of the pod's own addresses: what arrives for them is forwarded or dropped, as it is while the kernel
 * has not made the route yet (kernel/address_wait.c). Without a rule of somebody's the kernel does not ask the rules at all.
 */
static void try_unreachable(const struct kind *k, const struct pod *pod, const char *conf)
{
	static const char what[] = "ADD, IPv6 packets do not reach the pod";

	if (in_pod(pod, "ip -6 rule add pref 100 table main && ip -6 rule del pref 0"))
		try_bad_add(k, what, pod, conf);
	else
		skip(suite, what, "this kernel has no CONFIG_IPV6_MULTIPLE_TABLES");
}

/* Refusals that come early, in the middle and last. */
static void try_bad_adds(const struct kind *k, const char *conf)
{
	char *no_route, *full, *routes = strstr(conf, "\"routes\":["),
			       *range = strstr(conf, "\"subnet\":\"10.79.0.0/24\"");
	struct pod pod;

	if (pod_create("leaks-pod", &pod) < 0)
		exit(2);
	in_pod(&pod, "ip link add eth0 type bridge");
	try_bad_add(k, "ADD, the interface's name is taken", &pod, conf);
	in_pod(&pod, "ip link del eth0");
	/* The kernel refuses a route to a gateway that it cannot reach: the last step inside the pod. */
	no_route = textf("%.*s\"routes\":[{\"dst\":\"192.0.2.0/24\",\"gw\":\"198.51.100.1\"},%s",
	                 (int)(routes - conf), conf, routes + strlen("\"routes\":["));
	try_bad_add(k, "ADD, a route to nowhere", &pod, no_route);
	/* The witness has the only address. */
	full = textf(
		"%.*s\"subnet\":\"10.79.0.0/24\",\"rangeStart\":\"10.79.0.2\",\"rangeEnd\":\"10.79.0.2\"%s",
		(int)(range - conf), conf, range + strlen("\"subnet\":\"10.79.0.0/24\""));
	try_bad_add(k, "ADD, the pool is full", &pod, full);
	if (strstr(conf, "fd00:"))
		try_unreachable(k, &pod, conf);
	pod_destroy(&pod);
	free(no_route);
	free(full);
}

static void try_kind(const struct kind *k, const char *version)
{
	char *conf = textf("{\"cniVersion\":\"%s\",\"name\":\"%s\",\"type\":\"%s\",%s}", version,
	                   k->name, k->type, k->keys);
	struct pod witness;
	char *result, *last;

	if (pod_create("leaks-witness", &witness) < 0)
		exit(2);
	result = add(k, &witness, conf, "witness");
	if (result) {
		try_twice(k, conf);
		try_bad_adds(k, conf);
		for (size_t i = 0; i < N(ways); i++)
			try_way(k, &ways[i], conf);
		last = with_prev(conf, result);
		del(k, &witness, NULL, last, "the witness");
		free(last);
	}
	pod_destroy(&witness);
	remove_tree(STORE);
	free(result);
	free(conf);
}

static void run_kinds(struct suite *s, const char *type)
{
	static const char *const folders[] = { STORE, "/run/cnida/endpoints", NULL };
	const char *version = suite_newest(s);

	suite = s;
	for (size_t i = 0; i < N(kinds); i++) {
		_cleanup_state_ struct state before = { 0 };

		if (strcmp(kinds[i].type, type) != 0)
			continue;
		if (!suite_has(s, type))
			return;
		(void)mkdir(STORE, 0755);
		if (system("nft flush ruleset") < 0)
			exit(2);
		state_take(folders, &before);
		try_kind(&kinds[i], version);
		/* What all pods share stays; without it the node is as it was booted. */
		if (system("for i in 0 1 2 3; do ip link del leak$i 2>/dev/null; done; nft delete table inet cnida 2>/dev/null; nft delete table bridge cnida 2>/dev/null") <
		    0)
			exit(2);
		expect_state(&kinds[i], "the node in the end", folders, &before, 0);
	}
}

void suite_leaks_bridge(struct suite *s)
{
	run_kinds(s, "bridge");
}

void suite_leaks_cnida(struct suite *s)
{
	run_kinds(s, "cnida");
}

void suite_leaks_ptp(struct suite *s)
{
	run_kinds(s, "ptp");
}
