/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenarios.c - what is measured of single plugins: start, attach, drain, store, cost
 *
 * The peers take turns call by call (A B A B ...), so that whatever the machine does meanwhile hits both. Network
 * namespaces are made before and destroyed after a measured phase: the kernel cleans them up in the background.
 */
#include "test/bench/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLERS      16
#define DRAIN_ROUNDS 3U
#define PODS_MAX     128

/* The pods of both peers, and one configuration for each. As under a runtime, what comes after ADD gets its result. */
struct field {
	const char *type;
	char *conf[PEERS];
	struct pod pod[PEERS][PODS_MAX];
	char *after[PEERS][PODS_MAX]; /* conf with "prevResult"; NULL before ADD */
	unsigned int n;
};

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* One call of a peer without a pod. */
static void measure(const struct peer *peer, size_t p, const char *verb, const char *conf,
                    struct row *wall, struct row *cpu)
{
	char path[PATH_MAX];
	struct plugin_call call = peer_call(peer, "bridge", verb, NULL, conf, path);
	struct plugin_run run;

	if (plugin_exec(&call, &run) == 0 && peer_ok(peer, &call, &run)) {
		series_add(&wall->s[p], ms(run.wall_ns));
		series_add(&cpu->s[p], (double)run.cpu_us / 1e3);
	} else {
		wall->s[p].failed++;
	}
	plugin_run_free(&run);
}

static struct plugin_call field_call(const struct bench *b, const struct field *f, size_t p,
                                     unsigned int i, const char *verb, char *path)
{
	const char *conf = strcmp(verb, "ADD") != 0 && f->after[p][i] ? f->after[p][i] : f->conf[p];

	return peer_call(&b->peers[p], f->type, verb, &f->pod[p][i], conf, path);
}

/* What a successful call left for the next one. */
static void field_result(struct field *f, size_t p, unsigned int i, const struct plugin_run *run)
{
	if (run->out_len == 0)
		return;
	free(f->after[p][i]);
	f->after[p][i] = peer_conf_prev(f->conf[p], run->out);
}

/* One call for pod @i of peer @p; its times go to the rows (NULL: warming up). */
static void measure_pod(struct bench *b, struct field *f, size_t p, unsigned int i,
                        const char *verb, struct row *wall, struct row *cpu)
{
	char path[PATH_MAX];
	struct plugin_call call = field_call(b, f, p, i, verb, path);
	struct plugin_run run;

	if (plugin_exec(&call, &run) < 0 || !peer_ok(&b->peers[p], &call, &run)) {
		if (wall)
			wall->s[p].failed++;
	} else {
		field_result(f, p, i, &run);
		if (wall)
			series_add(&wall->s[p], ms(run.wall_ns));
		if (cpu)
			series_add(&cpu->s[p], (double)run.cpu_us / 1e3);
	}
	plugin_run_free(&run);
}

static void field_open(struct bench *b, struct field *f, const char *type, enum conf_kind kind,
                       const char *store, unsigned int n)
{
	char name[32];

	memset(f, 0, sizeof(*f));
	f->type = type;
	f->n = n < PODS_MAX ? n : PODS_MAX;
	for (size_t p = 0; p < PEERS; p++) {
		f->conf[p] = peer_conf(&b->peers[p], kind, store);
		for (unsigned int i = 0; i < f->n && b->peers[p].present; i++) {
			snprintf(name, sizeof(name), "bench-%s-%u", b->peers[p].tag, i);
			if (pod_create(name, &f->pod[p][i]) < 0)
				fprintf(stderr, "bench: cannot make the network namespace %s\n",
				        name);
		}
	}
}

static void field_close(struct field *f)
{
	for (size_t p = 0; p < PEERS; p++) {
		free(f->conf[p]);
		for (unsigned int i = 0; i < f->n; i++) {
			free(f->after[p][i]);
			pod_destroy(&f->pod[p][i]);
		}
	}
}

/* A verb for pods [first, last) of both peers in turns. */
static void in_turns(struct bench *b, struct field *f, const char *verb, unsigned int first,
                     unsigned int last, struct row *wall, struct row *cpu)
{
	for (unsigned int i = first; i < last; i++)
		for (size_t p = 0; p < PEERS; p++)
			if (b->peers[p].present)
				measure_pod(b, f, p, i, verb, wall, cpu);
}

void scenario_start(struct bench *b)
{
	struct row *version = bench_row(b, "ms", "version", "process start (VERSION)"),
		   *cpu = bench_row(b, "ms", "version.cpu", "process start, CPU time");

	for (unsigned int i = 0; i < b->samples; i++)
		for (size_t p = 0; p < PEERS; p++)
			if (b->peers[p].present)
				measure(&b->peers[p], p, "VERSION", NULL, version, cpu);
}

static void attach(struct bench *b, enum conf_kind kind, const char *key, const char *title)
{
	static struct field f;
	struct row *row[4];
	char k[48];

	for (int i = 0; i < 4; i++) {
		snprintf(k, sizeof(k), "%s.%s%s", key, i % 2 ? "del" : "add", i < 2 ? "" : ".cpu");
		row[i] = bench_row(b, "ms", k, "%s %s%s", i % 2 ? "DEL" : "ADD", title,
		                   i < 2 ? "" : ", CPU time");
	}
	/* The first pod makes the bridge and the tables, and stays, as on a node that is in use. */
	field_open(b, &f, "bridge", kind, NULL, b->samples + 1);
	in_turns(b, &f, "ADD", 0, 1, NULL, NULL);
	in_turns(b, &f, "ADD", 1, f.n, row[0], row[2]);
	in_turns(b, &f, "DEL", 1, f.n, row[1], row[3]);
	in_turns(b, &f, "DEL", 0, 1, NULL, NULL);
	field_close(&f);
}

void scenario_attach(struct bench *b)
{
	attach(b, CONF_BRIDGE, "bridge", "bridge");
	attach(b, CONF_MASQ, "masq", "bridge, ipMasq");
}

struct drain {
	struct bench *b;
	struct field *f;
	size_t peer;
	unsigned int next;
	struct row each;
	double cpu; /* ms, of all */
	pthread_mutex_t lock;
};

static void *drain_caller(void *arg)
{
	struct drain *d = arg;
	char path[PATH_MAX];
	unsigned int i;

	while ((i = __atomic_fetch_add(&d->next, 1, __ATOMIC_RELAXED)) < d->f->n) {
		const struct peer *peer = &d->b->peers[d->peer];
		struct plugin_call call = field_call(d->b, d->f, d->peer, i, "DEL", path);
		struct plugin_run run;
		bool ok = plugin_exec(&call, &run) == 0 && peer_ok(peer, &call, &run);

		pthread_mutex_lock(&d->lock);
		d->cpu += (double)run.cpu_us / 1e3;
		if (ok)
			series_add(&d->each.s[d->peer], ms(run.wall_ns));
		else
			d->each.s[d->peer].failed++;
		pthread_mutex_unlock(&d->lock);
		plugin_run_free(&run);
	}
	return NULL;
}

/* All pods of one peer by CALLERS callers at once: how long until the last one is gone? */
static void drain(struct bench *b, struct field *f, size_t p, struct row *wall, struct row *each,
                  struct row *cpu)
{
	static struct drain d;
	pthread_t t[CALLERS];
	struct timespec a, z;
	size_t n = 0;

	d = (struct drain) { .b = b, .f = f, .peer = p, .lock = PTHREAD_MUTEX_INITIALIZER };
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (n < CALLERS && pthread_create(&t[n], NULL, drain_caller, &d) == 0)
		n++;
	for (size_t i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &z);
	series_add(&wall->s[p],
	           (double)(z.tv_sec - a.tv_sec) * 1e3 + (double)(z.tv_nsec - a.tv_nsec) / 1e6);
	wall->s[p].failed += d.each.s[p].failed;
	series_add(&cpu->s[p], d.cpu / f->n);
	for (size_t i = 0; i < d.each.s[p].n; i++)
		series_add(&each->s[p], d.each.s[p].v[i]);
}

void scenario_drain(struct bench *b)
{
	static struct field f;
	struct row *wall =
		bench_row(b, "ms", "drain.wall", "%u DELs by %d callers, all", b->samples, CALLERS);
	struct row *each = bench_row(b, "ms", "drain.each", "%u DELs by %d callers, each",
	                             b->samples, CALLERS);
	struct row *cpu = bench_row(b, "ms", "drain.cpu", "%u DELs by %d callers, CPU time per pod",
	                            b->samples, CALLERS);

	for (unsigned int round = 0; round < DRAIN_ROUNDS; round++) {
		field_open(b, &f, "bridge", CONF_BRIDGE, NULL, b->samples);
		in_turns(b, &f, "ADD", 0, f.n, NULL, NULL);
		for (size_t p = 0; p < PEERS; p++)
			if (b->peers[p].present)
				drain(b, &f, p, wall, each, cpu);
		field_close(&f);
	}
}

static void store(struct bench *b, unsigned int taken, unsigned int samples)
{
	static struct field f;
	struct row *row[5];
	char key[48], name[32];

	snprintf(name, sizeof(name), "bench-%u", taken);
	for (int i = 0; i < 5; i++) {
		static const char *const verb[] = { "add", "del", "first", "add.cpu", "del.cpu" };
		static const char *const what[] = { "", "", ", the first", ", CPU time",
			                            ", CPU time" };

		snprintf(key, sizeof(key), "host-local.%u.%s", taken, verb[i]);
		row[i] = bench_row(b, "ms", key, "%s host-local, %u taken%s",
		                   strncmp(verb[i], "del", 3) == 0 ? "DEL" : "ADD", taken, what[i]);
	}
	/* host-local does not look at the namespace, and a pod needs none here. */
	field_open(b, &f, "host-local", CONF_STORE, name, 0);
	f.n = samples + 1;
	for (size_t p = 0; p < PEERS; p++) {
		for (unsigned int i = 0; i < f.n; i++) {
			snprintf(f.pod[p][i].id, sizeof(f.pod[p][i].id), "bench%059u", i);
			snprintf(f.pod[p][i].netns, sizeof(f.pod[p][i].netns),
			         "/run/netns/bench-%u", i);
		}
		if (b->peers[p].present && peer_fill_store(&b->peers[p], name, taken) < 0)
			fprintf(stderr, "bench: cannot fill the store %s\n", name);
	}
	in_turns(b, &f, "ADD", 0, 1, row[2], NULL);
	in_turns(b, &f, "ADD", 1, f.n, row[0], row[3]);
	in_turns(b, &f, "DEL", 0, f.n, row[1], row[4]);
	for (size_t p = 0; p < PEERS; p++)
		peer_drop_store(&b->peers[p], name);
	field_close(&f);
}

void scenario_store(struct bench *b)
{
	store(b, 10, b->samples);
	store(b, 250, b->samples);
	store(b, 4000, b->samples);
	/* Upstream needs half a second for each of these. */
	store(b, 60000, b->samples < 10 ? b->samples : 10);
}

/* Under ptrace, so apart from everything that is timed. */
static void cost(struct bench *b, struct field *f, const char *verb, const char *key,
                 const char *title)
{
	static const char *const what[] = { "execs", "peak", "tree" };
	static const char *const names[] = { "processes", "memory, largest process",
		                             "memory, all processes" };
	static struct plugin_trace t;
	struct row *row[3];
	char path[PATH_MAX], k[48];

	for (int i = 0; i < 3; i++) {
		snprintf(k, sizeof(k), "%s.%s", key, what[i]);
		row[i] = bench_row(b, i ? "kB" : "", k, "%s, %s", title, names[i]);
	}
	for (size_t p = 0; p < PEERS; p++) {
		struct plugin_call call = field_call(b, f, p, 0, verb, path);

		/* Debian's version 1.1.1 has no STATUS. */
		if (!b->peers[p].present || (p == UPSTREAM && strcmp(verb, "STATUS") == 0))
			continue;
		if (plugin_trace(&call, &t) < 0 || !peer_ok(&b->peers[p], &call, &t.run)) {
			row[0]->s[p].failed++;
		} else {
			if (strcmp(verb, "ADD") == 0)
				field_result(f, p, 0, &t.run);
			series_add(&row[0]->s[p], (double)t.execs);
			series_add(&row[1]->s[p], (double)t.peak_kb);
			series_add(&row[2]->s[p], (double)t.tree_peak_kb);
		}
		plugin_trace_free(&t);
	}
}

void scenario_cost(struct bench *b)
{
	static struct field f;

	field_open(b, &f, "bridge", CONF_BRIDGE, NULL, 1);
	cost(b, &f, "ADD", "bridge.add", "ADD bridge");
	cost(b, &f, "CHECK", "bridge.check", "CHECK bridge");
	cost(b, &f, "DEL", "bridge.del", "DEL bridge");
	cost(b, &f, "VERSION", "bridge.version", "VERSION");
	field_close(&f);
	field_open(b, &f, "bridge", CONF_STATUS, NULL, 1);
	cost(b, &f, "STATUS", "status", "STATUS");
	field_close(&f);
	field_open(b, &f, "host-local", CONF_STORE, "bench-cost", 1);
	cost(b, &f, "ADD", "host-local.add", "ADD host-local");
	cost(b, &f, "DEL", "host-local.del", "DEL host-local");
	field_close(&f);
	field_open(b, &f, "bridge", CONF_MASQ, NULL, 1);
	cost(b, &f, "ADD", "masq.add", "ADD bridge, ipMasq");
	cost(b, &f, "DEL", "masq.del", "DEL bridge, ipMasq");
	field_close(&f);
}
