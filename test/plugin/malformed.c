/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * malformed.c - garbage of all kinds: always one answer in time, never a crash, nothing left behind
 *
 * Every input goes to every type with ADD and, in rotation, with the other verbs. What ADD accepts is given back
 * with the same input. Slow plugins (a sanitizer build) get a sample of the inputs, so that the suite ends in time.
 */
#include "test/plugin/malformed.h"

#include "test/lib/plugin_state.h"
#include "test/plugin/suites.h"

#include <dirent.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct runner {
	struct suite *s;
	const char *type;
	char *folder;
	struct pod pod;
	unsigned int number, stride;
	int base; /* what is_left() counts */
	char *valid;
};

static const char *const others[] = { "DEL", "CHECK", "STATUS", "GC" };

static int count_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	while (dir && (d = readdir(dir)))
		n += d->d_name[0] != '.' && strncmp(d->d_name, "last", 4) != 0 &&
		     strcmp(d->d_name, "lock") != 0;
	if (dir)
		closedir(dir);
	return n;
}

/* Host ends of veth pairs: "vethXXXXXXXX" (upstream) or "cni" and 11 hexadecimal digits. */
static int count_veths(void)
{
	struct if_nameindex *list = if_nameindex();
	int n = 0;

	for (size_t i = 0; list && list[i].if_index; i++)
		n += strncmp(list[i].if_name, "veth", 4) == 0 ||
		     (strncmp(list[i].if_name, "cni", 3) == 0 &&
		      strspn(list[i].if_name + 3, "0123456789abcdef") == 11);
	if_freenameindex(list);
	return n;
}

/* Links in the pod and of the node, addresses, records: cheap enough to look after every call. */
static int count_left(const struct runner *r)
{
	int n = count_veths() + count_files("/run/cnida/endpoints"), fd = pod_enter(&r->pod);

	n += count_files(MALFORMED_STORE "/mal") + count_files("/var/lib/cni/networks/mal");
	if (fd >= 0) {
		n += state_links();
		pod_leave(fd);
	}
	return n;
}

static struct plugin_call call_of(const struct runner *r, const struct input *in, const char *verb,
                                  const char *path)
{
	struct plugin_call c = {
		.path = path,
		.command = verb,
		.container_id = in->id ? in->id : r->pod.id,
		.netns = in->netns ? in->netns : r->pod.netns,
		.ifname = in->ifname                         ? in->ifname
		          : strcmp(r->type, "loopback") == 0 ? "lo"
		                                             : "eth0",
		.args = in->args,
		.cni_path = in->path ? in->path : r->s->dir,
		.in = in->conf,
		.in_len = in->len,
		.deadline_ms = 5000,
	};

	return c;
}

static void run_verb(struct runner *r, const struct input *in, const char *verb, int *ret_rc)
{
	char path[PATH_MAX], *name = textf("%s %s, %s", r->type, verb, in->name);
	bool add = strcmp(verb, "ADD") == 0;
	struct plugin_call call;
	struct plugin_run run;
	const char *problem;

	snprintf(path, sizeof(path), "%s/%s", r->s->dir, r->type);
	call = call_of(r, in, verb, path);
	/* A variable that is too long for execve(2) never reaches a plugin. */
	if (plugin_exec(&call, &run) == 0) {
		problem = run_problem(&run, verb);
		if (!problem && add && in->must_fail && run.rc == 0)
			problem = "ADD took it";
		expect(r->s, !problem, name,
		       add && in->must_fail ? "an error document" : "an answer", "%s: %s",
		       problem ? problem : "", run_brief(&run));
		if (ret_rc)
			*ret_rc = run.rc;
	}
	plugin_run_free(&run);
	free(name);
}

/* A pod that something was left in is no use for the next input. */
static void clean_up(struct runner *r)
{
	char path[PATH_MAX];
	struct input in = { .conf = r->valid, .len = strlen(r->valid) };
	struct plugin_call call;
	struct plugin_run run;

	snprintf(path, sizeof(path), "%s/%s", r->s->dir, r->type);
	call = call_of(r, &in, "DEL", path);
	(void)plugin_exec(&call, &run);
	plugin_run_free(&run);
	pod_destroy(&r->pod);
	if (pod_create("malformed", &r->pod) < 0)
		exit(2);
	usleep(100000);
	r->base = count_left(r);
}

static void run_input(const struct input *in, void *arg)
{
	struct runner *r = arg;
	int rc = 1, left;
	char *name;

	if (r->number++ % r->stride != 0)
		return;
	run_verb(r, in, "ADD", &rc);
	if (rc == 0)
		run_verb(r, in, "DEL", NULL);
	left = count_left(r);
	name = textf("%s ADD%s, %s", r->type, rc == 0 ? " and DEL" : "", in->name);
	if (!expect(r->s, left == r->base, name, "nothing left", "%d things more", left - r->base))
		clean_up(r);
	free(name);
	if (in->big && r->number % 4 != 0)
		return;
	run_verb(r, in, others[r->number / r->stride % N(others)], NULL);
}

/* How much can be asked of this build? A sanitized plugin takes some 30 ms only to start. */
static unsigned int stride_for(const struct suite *s)
{
	struct suite_call c = { .type = "bridge", .verb = "VERSION" };
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct plugin_run run;

		suite_exec(s, &c, &run);
		best = run.wall_ns < best ? run.wall_ns : best;
		plugin_run_free(&run);
	}
	/* 3 has no factor in common with the number of values per key: every value gets its turn. */
	return best < 4000000 ? 1 : 3;
}

static void run_type(struct suite *s, const char *type, const char *version, unsigned int stride)
{
	struct runner r = {
		.s = s, .type = type, .stride = stride, .valid = malformed_valid(type, version)
	};
	struct input valid = { .name = "the valid one", .conf = r.valid, .len = strlen(r.valid) };
	int rc = 1;

	if (pod_create("malformed", &r.pod) < 0)
		exit(2);
	run_verb(&r, &valid, "ADD", &rc);
	expect(s, rc == 0, type, "its valid configuration to be taken", "exit %d", rc);
	run_verb(&r, &valid, "DEL", NULL);
	r.base = count_left(&r);
	malformed_each(type, version, run_input, &r);
	pod_destroy(&r.pod);
	free(r.valid);
}

static void run_types(struct suite *s, const char *const types[])
{
	static const char *const folders[] = { MALFORMED_STORE "/mal", "/run/cnida/endpoints",
		                               NULL };
	const char *version = suite_newest(s);
	unsigned int stride = stride_for(s);
	_cleanup_state_ struct state before = { 0 }, after = { 0 };
	char *diff;

	(void)mkdir(MALFORMED_STORE, 0755);
	/* Relative folders must not end up in the tree. */
	if (chdir(MALFORMED_STORE) < 0)
		exit(2);
	if (stride > 1)
		fprintf(stderr, "plugin/%s: slow plugins, 1 input of %u only\n", s->name, stride);
	state_take(folders, &before);
	for (size_t i = 0; types[i]; i++)
		if (suite_has(s, types[i]))
			run_type(s, types[i], version, stride);
	/* Bridges are shared and stay; inputs may have given them any name. */
	if (system("ip -j link show type bridge | jq -r '.[].ifname // empty' | while read -r b; do ip link del dev \"$b\"; done;"
	           "(nft delete table inet cnida; nft delete table bridge cnida) 2>/dev/null") < 0)
		exit(2);
	state_take(folders, &after);
	diff = state_diff(&before, &after);
	expect(s, !diff, "the node in the end", "as before", "%s", diff ? diff : "");
	free(diff);
}

void suite_malformed_bridge(struct suite *s)
{
	run_types(s, (const char *const[]) { "bridge", NULL });
}

void suite_malformed_cnida(struct suite *s)
{
	run_types(s, (const char *const[]) { "cnida", NULL });
}

void suite_malformed_ptp(struct suite *s)
{
	run_types(s, (const char *const[]) { "ptp", NULL });
}

void suite_malformed_ipam(struct suite *s)
{
	run_types(s, (const char *const[]) { "host-local", "static", "loopback", NULL });
}
