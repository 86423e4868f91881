/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.c - the node that pods are soaked on: its weather, and what it has before and after
 */
#include "test/soak/node.h"

#include "test/lib/plugin_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_SIZE "size=4m"
#define FILLER     SOAK_STORE "/filler"
#define BAD_US     300000
#define WAIT       100 /* times 100 ms */
/* Of kernel memory, for all pods together: below what a leak of 1.6 KiB for each of 10,000 would be. */
#define GROWTH_KB 16384L

static const char *const folders[] = {
	"/run/cnida",     "/run/cni",    "/run/netns", "/var/lib/cni",
	"/var/lib/cnida", "/sys/fs/bpf", NULL
};

/* Pods soak/pod-N are isolated in both ways, but for two rules; under the other policies they are others. */
static const char *const policies[3] = {
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"namespace\":\"soak\",\"name\":\"p\"},"
	"\"spec\":{\"podSelector\":{},\"policyTypes\":[\"Ingress\",\"Egress\"],\"ingress\":[{\"from\":[{\"podSelector\":{}}],"
	"\"ports\":[{\"port\":80}]}],\"egress\":[{\"to\":[{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":[\"10.80.1.0/24\"]}}]}]}}",
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"namespace\":\"soak\",\"name\":\"p\"},"
	"\"spec\":{\"podSelector\":{},\"ingress\":[{\"from\":[{\"namespaceSelector\":{}}],\"ports\":[{\"port\":53,\"protocol\":\"UDP\"}]}]}}",
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"namespace\":\"soak\",\"name\":\"p\"},"
	"\"spec\":{\"podSelector\":{}}}",
};
static const char soak_namespace[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"soak\"}}\n";

static bool apply(const char *dir, unsigned int which)
{
	char *command = textf(
		"%s/cnida policy apply - > /run/soak-apply.log 2>&1 || { cat /run/soak-apply.log >&2; false; }",
		dir);
	FILE *f = popen(command, "we");
	int status = -1;

	if (f) {
		fprintf(f, "%s%s", soak_namespace, policies[which]);
		status = pclose(f);
	}
	free(command);
	return status == 0;
}

void soak_node_begin(const char *dir)
{
	(void)mkdir(SOAK_STORE, 0755);
	if (mount("store", SOAK_STORE, "tmpfs", 0, STORE_SIZE) < 0) {
		perror("mount the store");
		exit(2);
	}
	if (!apply(dir, 0))
		exit(2);
}

/* ---- weather ---- */

static void fill(void)
{
	static const char block[4096];
	int fd = open(FILLER, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (fd >= 0 && write(fd, block, sizeof(block)) > 0)
		;
	usleep(BAD_US);
	(void)unlink(FILLER);
	if (fd >= 0)
		close(fd);
}

static void make_read_only(void)
{
	int tries = 0;

	/* Busy while a file is open for writing. */
	while (mount(NULL, SOAK_STORE, NULL, MS_REMOUNT | MS_RDONLY, STORE_SIZE) < 0 &&
	       tries++ < 200)
		usleep(1000);
	usleep(BAD_US);
	if (mount(NULL, SOAK_STORE, NULL, MS_REMOUNT, STORE_SIZE) < 0) {
		perror("make the store writable again");
		exit(2);
	}
}

void soak_bad_weather(unsigned int i, const char *dir, struct soak_weather *said)
{
	switch (i % 6) {
	case 0:
	case 3:
		if (system("nft flush ruleset") == 0)
			said->flushes++;
		/* What is gone is put back by whoever comes next: those who are there already may miss it. */
		usleep(BAD_US);
		break;
	case 1:
	case 4:
		*(apply(dir, said->applies % 3) ? &said->applies : &said->refused) += 1;
		break;
	case 2:
		fill();
		said->full++;
		break;
	default:
		make_read_only();
		said->read_only++;
	}
}

void soak_fair_weather(const char *dir)
{
	/* nftables keep the policy before until the next one. */
	if (!apply(dir, 0) || !apply(dir, 0))
		printf("not ok policy apply in fair weather\n");
}

void soak_collect(const char *dir)
{
	char *command = textf("%s/cnida gc 2>&1", dir), line[512], last[512] = "";
	FILE *f = popen(command, "re");

	while (f && fgets(line, sizeof(line), f))
		memcpy(last, line, sizeof(last));
	printf("count: gc afterwards: %s", *last ? last : "nothing\n");
	if (f && pclose(f) != 0)
		printf("not ok gc\n");
	free(command);
}

/* ---- what it has ---- */

struct soak_node {
	struct state state;
	long kernel_kb; /* that nobody can reclaim: slab, per CPU, page tables of none of us */
	unsigned int programs, maps;
	char entries[64]; /* of the table of pods */
};

static long meminfo(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[256];
	long ret = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			ret = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return ret;
}

/* Of ours, on the whole machine. */
static unsigned int count_bpf(const char *kind)
{
	char *command = textf("bpftool %s show -j 2>/dev/null", kind);
	FILE *f = popen(command, "re");
	json_t *list = f ? json_loadf(f, 0, NULL) : NULL, *one;
	unsigned int n = 0;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));

		n += name && (strncmp(name, "cnida", 5) == 0 || strcmp(name, "from_pod") == 0 ||
		              strcmp(name, "to_pod") == 0);
	}
	json_decref(list);
	if (f)
		pclose(f);
	free(command);
	return n;
}

/* As policy status says. */
static void count_entries(const char *dir, char ret[static 64])
{
	char *command = textf("%s/cnida policy status --json 2>&1", dir);
	FILE *f = popen(command, "re");
	json_t *doc = f ? json_loadf(f, 0, NULL) : NULL;

	snprintf(ret, 64, "%lld",
	         json_integer_value(json_object_get(json_object_get(doc, "endpoints"), "used")));
	json_decref(doc);
	if (f)
		pclose(f);
	free(command);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Policy's sets and chains take turns between two names, with every apply; and a table that was made anew is listed behind others, so
 * that its comment stands behind another chain. */
static void one_name(struct state *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char *at = strstr(s->line[i], ": comment \"cnida");

		if (at && strncmp(s->line[i], "nft table ", 10) == 0)
			memmove(s->line[i], at, strlen(at) + 1);
		at = s->line[i];
		if (strncmp(at, "nft table inet cnida_policy", 27) == 0)
			while ((at = strstr(at, "_1")))
				at[1] = '0';
	}
	qsort(s->line, s->n, sizeof(*s->line), by_text);
}

static void take(const char *dir, struct soak_node *n)
{
	state_take_all(folders, &n->state);
	one_name(&n->state);
	count_entries(dir, n->entries);
	n->kernel_kb = meminfo("SUnreclaim:") + meminfo("Percpu:");
	n->programs = count_bpf("prog");
	n->maps = count_bpf("map");
}

struct soak_node *soak_node_take(const char *dir)
{
	struct soak_node *n = calloc(1, sizeof(*n));

	if (!n)
		exit(2);
	/* What the first pods' namespaces had goes in the background. */
	sleep(2);
	take(dir, n);
	return n;
}

void soak_node_compare(struct suite *s, const struct soak_node *before, unsigned int pods)
{
	struct soak_node now = { 0 };
	char *diff = NULL;

	for (unsigned int i = 0; i < (getenv("SOAK_SHARED") ? WAIT / 5 : WAIT); i++) {
		state_free(&now.state);
		free(diff);
		take(s->dir, &now);
		diff = state_diff(&before->state, &now.state);
		if (!diff && now.kernel_kb - before->kernel_kb <= GROWTH_KB &&
		    now.programs == before->programs && now.maps == before->maps &&
		    strcmp(now.entries, before->entries) == 0)
			break;
		usleep(100000);
	}
	expect(s, !diff, "the node",
	       "links, addresses, rules, elements, qdiscs, namespaces, pins and files as before",
	       "%s", diff ? diff : "");
	expect(s, strcmp(now.entries, before->entries) == 0, "entries of the table of pods",
	       before->entries, "%s", now.entries);
	/* SOAK_SHARED: others on this machine have programs too, and what they have is not ours to judge. */
	if (getenv("SOAK_SHARED"))
		now.programs = before->programs, now.maps = before->maps,
		now.kernel_kb = before->kernel_kb;
	expect(s, now.programs == before->programs && now.maps == before->maps, "programs and maps",
	       "as many as before", "%u and %u, before %u and %u", now.programs, now.maps,
	       before->programs, before->maps);
	expect(s, now.kernel_kb - before->kernel_kb <= GROWTH_KB, "memory of the kernel",
	       "less than 1.6 KiB for each of 10,000 pods", "%ld KiB more for %u pods",
	       now.kernel_kb - before->kernel_kb, pods);
	printf("count: KiB of kernel memory %ld before, %ld after\n", before->kernel_kb,
	       now.kernel_kb);
	free(diff);
	state_free(&now.state);
}
