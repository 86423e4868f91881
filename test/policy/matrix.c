/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * matrix.c - policy-matrix: cases (README.md) with real pods and packets
 *
 *	policy-matrix [--backend ebpf|nftables|none] [--family 4|6|dual] [--plugins DIR] [--mode bridge|ptp]
 *	              [--proxy nftables|iptables] [--bridge-nf on|off] [--jobs N] [--rules FILE] [--add-last]
 *	              [--json] [--verbose] FILE|DIR...
 *
 * A few processes, each with a node of its own, take batches of cases until there are none: most of the time goes by
 * waiting for what must not arrive. Cases that attach the same pods are a batch and share them; a case that adds or
 * removes pods has some for itself. Behind each batch all pods are deleted.
 */
#include "test/policy/matrix.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASES_MAX 4096
#define BATCH_MAX 40 /* cases */
#define JOBS_MAX  64
#define NOTHING   SIZE_MAX

struct item {
	json_t *c;
	const char *name;
	char *key; /* equal for cases that can share a node */
};

struct batch {
	size_t first, n; /* items */
};

/* Shared by all processes. */
struct shared {
	sem_t print;
	atomic_size_t next;          /* batch */
	size_t working_on[JOBS_MAX]; /* the batch of each worker, or NOTHING */
	struct outcome outcome[CASES_MAX];
};

struct run {
	struct matrix_options options;
	struct item item[CASES_MAX];
	struct batch batch[CASES_MAX];
	size_t n, n_batches;
	struct shared *shared;
};

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

_Noreturn static void usage(void)
{
	fputs("usage: policy-matrix [--backend ebpf|nftables|none] [--family 4|6|dual] [--plugins DIR]\n"
	      "                     [--mode bridge|ptp] [--proxy nftables|iptables] [--bridge-nf on|off]\n"
	      "                     [--jobs N] [--rules FILE] [--add-last] [--json] [--verbose] FILE|DIR...\n",
	      stderr);
	exit(2);
}

/* ---- cases --------------------------------------------------------------------------------------- */

static bool changes_pods(const json_t *c)
{
	const json_t *steps = json_object_get(c, "steps");

	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i),
			     *gone = json_object_get(step, "delete");

		if (json_object_get(step, "pods"))
			return true;
		for (size_t k = 0; k < json_array_size(gone); k++) {
			if (strncmp(json_string_value(json_array_get(gone, k)), "NetworkPolicy/",
			            14) != 0)
				return true;
		}
	}
	return false;
}

/* What decides which pods are attached, and in which order. */
static char *topology_key(const json_t *c, bool alone, size_t index)
{
	const json_t *pods = json_object_get(c, "pods");
	char *key = NULL;
	size_t len;
	FILE *f = open_memstream(&key, &len);

	for (size_t i = 0; i < json_array_size(pods); i++) {
		const json_t *pod = json_array_get(pods, i);

		fprintf(f, "%s/%s,%s,%d ", text(pod, "namespace"), text(pod, "name"),
		        text(pod, "node"), json_is_true(json_object_get(pod, "hostNetwork")));
	}
	if (alone || changes_pods(c))
		fprintf(f, "#%zu", index);
	fclose(f);
	return key;
}

static void add_file(struct run *r, const char *path)
{
	struct item *item = &r->item[r->n];
	char why[512];

	if (r->n == CASES_MAX) {
		fprintf(stderr, "policy-matrix: more than %d cases\n", CASES_MAX);
		exit(2);
	}
	item->c = case_load(path, why, sizeof(why));
	if (!item->c) {
		fprintf(stderr, "policy-matrix: %s\n", why);
		exit(2);
	}
	item->name = *text(item->c, "name") ? text(item->c, "name") : path;
	item->key = topology_key(item->c, r->options.add_last, r->n);
	r->n++;
}

static int json_files(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static void add_path(struct run *r, const char *path)
{
	struct dirent **list;
	struct stat st;
	int n;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		add_file(r, path);
		return;
	}
	n = scandir(path, &list, json_files, alphasort);
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];

		snprintf(file, sizeof(file), "%s/%s", path, list[i]->d_name);
		add_file(r, file);
		free(list[i]);
	}
	free(list);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

/* ---- reports ------------------------------------------------------------------------------------- */

static void print(struct run *r, const char *s)
{
	while (sem_wait(&r->shared->print) < 0 && errno == EINTR)
		;
	fputs(s, stdout);
	fflush(stdout);
	sem_post(&r->shared->print);
}

static void report_json(struct run *r, const struct item *item, const char *details)
{
	const struct outcome *o = &r->shared->outcome[item - r->item];
	json_t *line = json_pack("{s:s,s:I,s:I,s:i,s:f,s:f,s:f,s:s}", "case", item->name, "probes",
	                         (json_int_t)o->probes, "wrong", (json_int_t)o->wrong, "steps",
	                         (int)o->steps, "seconds", o->seconds, "apply_ms", o->apply_ms,
	                         "probe_ms", o->probe_ms, "details", details);
	char *s = json_dumps(line, JSON_COMPACT), *with_newline;

	if (asprintf(&with_newline, "%s\n", s) > 0)
		print(r, with_newline);
	free(with_newline);
	free(s);
	json_decref(line);
}

static void report(struct run *r, const struct item *item, const char *details)
{
	const struct outcome *o = &r->shared->outcome[item - r->item];
	char *s;

	if (r->options.json) {
		report_json(r, item, details);
		return;
	}
	if (o->wrong) {
		if (asprintf(&s, "WRONG %s: %ld of %ld\n%s", item->name, o->wrong, o->probes,
		             details) < 0)
			return;
	} else if (asprintf(&s, "ok %s %ld probes %.2f s\n%s", item->name, o->probes, o->seconds,
	                    details) < 0) {
		return;
	}
	print(r, s);
	free(s);
}

/* ---- workers ------------------------------------------------------------------------------------- */

static void load_rules(struct matrix *m)
{
	if (!m->options->rules)
		return;
	topology_enter(m->topology.own);
	run_tool(NULL, (const char *const[]) { "/usr/sbin/nft", "-f", m->options->rules, NULL });
}

static void run_batch(struct run *r, struct matrix *m, const struct batch *b)
{
	for (size_t i = b->first; i < b->first + b->n; i++) {
		char *details = NULL;
		size_t len;
		FILE *f = open_memstream(&details, &len);

		matrix_case(m, r->item[i].c, f, &r->shared->outcome[i]);
		fclose(f);
		report(r, &r->item[i], details);
		free(details);
	}
	matrix_forget(m);
	topology_reset(&m->topology);
}

/* Takes batches until there are none: the datapath is loaded once, as on a node. */
static void work(struct run *r, unsigned int worker)
{
	struct matrix m = { .options = &r->options };
	size_t i;

	topology_open(&m.topology, &r->options.topology);
	m.prober = prober_new();
	load_rules(&m);
	while ((i = atomic_fetch_add(&r->shared->next, 1)) < r->n_batches) {
		r->shared->working_on[worker] = i;
		run_batch(r, &m, &r->batch[i]);
		r->shared->working_on[worker] = NOTHING;
	}
	prober_free(m.prober);
}

static void make_batches(struct run *r)
{
	size_t max = r->n / (r->options.jobs * 2) + 1;

	if (max > BATCH_MAX)
		max = BATCH_MAX;
	for (size_t i = 0; i < r->n; i++) {
		struct batch *last = r->n_batches ? &r->batch[r->n_batches - 1] : NULL;

		if (!last || last->n == max ||
		    strcmp(r->item[i].key, r->item[last->first].key) != 0) {
			last = &r->batch[r->n_batches++];
			last->first = i;
		}
		last->n++;
	}
}

static int larger_first(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;

	return (x->n < y->n) - (x->n > y->n);
}

/* A worker that dies behind its last case is an error of that case. */
static void worker_died(struct run *r, const struct batch *b, int status)
{
	for (size_t i = b->first; i < b->first + b->n; i++) {
		struct outcome *o = &r->shared->outcome[i];
		char details[128];

		if (o->done && i + 1 < b->first + b->n)
			continue;
		snprintf(details, sizeof(details), "  the worker ended with status 0x%x\n",
		         (unsigned int)status);
		o->wrong++;
		report(r, &r->item[i], details);
	}
}

static pid_t start_worker(struct run *r, unsigned int worker)
{
	pid_t pid;

	r->shared->working_on[worker] = NOTHING;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		broken("fork: %s", strerror(errno));
	if (pid == 0) {
		work(r, worker);
		_exit(0);
	}
	return pid;
}

/* Another takes over from one that died; not for ever, if none ever gets to work. */
static void worker_ended(struct run *r, pid_t *pid, unsigned int worker, int status)
{
	const size_t i = r->shared->working_on[worker];

	*pid = 0;
	if (status == 0)
		return;
	if (i == NOTHING) {
		fprintf(stderr, "policy-matrix: a worker could not start, status 0x%x\n",
		        (unsigned int)status);
		return;
	}
	worker_died(r, &r->batch[i], status);
	*pid = start_worker(r, worker);
}

static void run_all(struct run *r)
{
	pid_t pid[JOBS_MAX] = { 0 }, ended;
	int status;

	qsort(r->item, r->n, sizeof(r->item[0]), by_key);
	make_batches(r);
	qsort(r->batch, r->n_batches, sizeof(r->batch[0]), larger_first);
	for (unsigned int w = 0; w < r->options.jobs; w++)
		pid[w] = start_worker(r, w);
	while ((ended = wait(&status)) > 0) {
		for (unsigned int w = 0; w < r->options.jobs; w++) {
			if (pid[w] == ended)
				worker_ended(r, &pid[w], w, status);
		}
	}
	/* Nobody was left to take these. */
	for (size_t i = atomic_load(&r->shared->next); i < r->n_batches; i++)
		worker_died(r, &r->batch[i], -1);
}

static long sum(struct run *r, double seconds)
{
	struct outcome all = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		const struct outcome *o = &r->shared->outcome[i];

		all.probes += o->probes;
		all.wrong += o->wrong;
		all.steps += o->steps;
		all.apply_ms += o->apply_ms;
		all.probe_ms += o->probe_ms;
	}
	if (r->options.json) {
		printf("{\"cases\":%zu,\"probes\":%ld,\"wrong\":%ld,\"steps\":%u,\"seconds\":%.2f,"
		       "\"apply_ms\":%.1f,\"probe_ms\":%.1f}\n",
		       r->n, all.probes, all.wrong, all.steps, seconds, all.apply_ms, all.probe_ms);
		return all.wrong;
	}
	if (all.steps)
		printf("%u steps, a step %.1f ms of apply and %.1f ms of probing, %.1f s in all\n",
		       all.steps, all.apply_ms / all.steps, all.probe_ms / all.steps, seconds);
	printf("%zu cases, %ld probes, %ld wrong\n", r->n, all.probes, all.wrong);
	return all.wrong;
}

/* ---- command line -------------------------------------------------------------------------------- */

enum {
	OPT_BACKEND,
	OPT_FAMILY,
	OPT_PLUGINS,
	OPT_MODE,
	OPT_PROXY,
	OPT_BRIDGE_NF,
	OPT_JOBS,
	OPT_ADD_LAST,
	OPT_RULES,
	OPT_JSON,
	OPT_VERBOSE
};

static const struct option options[] = {
	{ "backend", 1, NULL, OPT_BACKEND },   { "family", 1, NULL, OPT_FAMILY },
	{ "plugins", 1, NULL, OPT_PLUGINS },   { "mode", 1, NULL, OPT_MODE },
	{ "proxy", 1, NULL, OPT_PROXY },       { "bridge-nf", 1, NULL, OPT_BRIDGE_NF },
	{ "jobs", 1, NULL, OPT_JOBS },         { "rules", 1, NULL, OPT_RULES },
	{ "add-last", 0, NULL, OPT_ADD_LAST }, { "json", 0, NULL, OPT_JSON },
	{ "verbose", 0, NULL, OPT_VERBOSE },   { NULL, 0, NULL, 0 },
};

/* Index of the argument among the words, or the usage. */
static unsigned int one_of(const char *first, const char *second, const char *third)
{
	const char *const word[] = { first, second, third };

	for (unsigned int i = 0; i < 3; i++) {
		if (word[i] && strcmp(optarg, word[i]) == 0)
			return i;
	}
	usage();
}

static void one_option(struct matrix_options *o, int opt)
{
	static char plugins[PATH_MAX];

	switch (opt) {
	case OPT_BACKEND:
		one_of("ebpf", "nftables", "none");
		o->topology.backend = optarg;
		break;
	case OPT_FAMILY:
		o->topology.families = one_of("4", "6", "dual") + 1;
		break;
	case OPT_PLUGINS:
		if (!realpath(optarg, plugins))
			broken("%s: %s", optarg, strerror(errno));
		o->topology.plugins = plugins;
		break;
	case OPT_MODE:
		one_of("bridge", "ptp", NULL);
		o->topology.mode = optarg;
		break;
	case OPT_PROXY:
		o->proxy = one_of("nftables", "iptables", NULL);
		break;
	case OPT_BRIDGE_NF:
		o->topology.bridge_nf = one_of("off", "on", NULL);
		break;
	case OPT_JOBS:
		o->jobs = (unsigned int)atoi(optarg);
		break;
	case OPT_RULES:
		o->rules = optarg;
		break;
	case OPT_ADD_LAST:
		o->add_last = true;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_VERBOSE:
		o->verbose = true;
		break;
	default:
		usage();
	}
}

int main(int argc, char **argv)
{
	static struct run r = {
		.options = { .jobs = 4,
		             .topology = { .backend = "ebpf",
		                           .mode = "bridge",
		                           .bridge_nf = true,
		                           .families = CASE_IPV4 | CASE_IPV6,
		                           .keys = "" } },
	};
	const double start = now_ms();
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0)
		one_option(&r.options, opt);
	if (optind == argc || r.options.jobs < 1 || r.options.jobs > JOBS_MAX)
		usage();
	if (!r.options.topology.plugins)
		r.options.topology.plugins = topology_plugins();
	for (int i = optind; i < argc; i++)
		add_path(&r, argv[i]);
	r.shared = mmap(NULL, sizeof(*r.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	if (r.shared == MAP_FAILED || sem_init(&r.shared->print, 1, 1) < 0)
		broken("shared memory: %s", strerror(errno));
	run_all(&r);
	return sum(&r, (now_ms() - start) / 1e3) != 0;
}
