/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lineup.c - whole lists of plugins in the comparison: their pods, one call after the other or many at once
 */
#include "test/bench/lineup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLERS_MAX 32

void line_open(const struct bench *b, struct line *l, size_t peer, enum lineup_kind kind,
               unsigned int slot, unsigned int n)
{
	static const char *const kinds[] = { "plain", "four", "one", "none", "ebpf", "nftables" };
	const struct peer *p = &b->peers[peer];
	/* The list keeps network and folder; the keys are its own. */
	static char network[8][48];
	char bridge[16], data[64], v4[32], name[48];
	struct chain_site site = { .dir = p->dir,
		                   .version = "1.0.0",
		                   .network = network[slot],
		                   .bridge = bridge,
		                   .data_dir = data,
		                   .v4 = v4 };

	memset(l, 0, sizeof(*l));
	snprintf(network[slot], sizeof(network[slot]), "bench-%s-%s-%u", p->tag, kinds[kind], slot);
	snprintf(bridge, sizeof(bridge), "be%s-l%u", p->tag, slot);
	snprintf(data, sizeof(data), DATA_ROOT "/%s", p->tag);
	snprintf(v4, sizeof(v4), "10.%u.%u.0/24", p->net, 20 + slot);
	l->peer = peer;
	l->n = n < LINEUP_PODS ? n : LINEUP_PODS;
	l->port = 20000 + slot * 1000;
	if (kind == LINEUP_PLAIN)
		chain_plain(&l->list, &site);
	else if (kind == LINEUP_FOUR)
		chain_four(&l->list, &site);
	else if (kind == LINEUP_ONE)
		chain_one(&l->list, &site);
	else
		chain_policy(&l->list, &site, kinds[kind]);
	for (unsigned int i = 0; i < l->n && p->present; i++) {
		snprintf(name, sizeof(name), "bench-%s-l%u-%u", p->tag, slot, i);
		if (pod_create(name, &l->pod[i]) < 0)
			fprintf(stderr, "bench: cannot make the network namespace %s\n", name);
	}
}

void line_close(struct line *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		free(l->result[i]);
		pod_destroy(&l->pod[i]);
	}
	chain_free(&l->list);
	l->n = 0;
}

struct taking {
	const struct peer *peer;
	struct line_cost cost;
};

static int timed(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	struct taking *t = arg;
	int r = plugin_exec(call, ret);

	t->cost.ok = t->cost.ok && r == 0 && peer_ok(t->peer, call, ret);
	t->cost.step[step] = (double)ret->wall_ns / 1e6;
	t->cost.wall += t->cost.step[step];
	t->cost.cpu += (double)ret->cpu_us / 1e3;
	return r;
}

static int traced(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	static struct plugin_trace trace;
	struct taking *t = arg;
	int r = plugin_trace(call, &trace);

	(void)step;
	*ret = trace.run;
	t->cost.ok = t->cost.ok && r == 0 && peer_ok(t->peer, call, ret);
	t->cost.execs += trace.execs;
	if (trace.peak_kb > t->cost.largest_kb)
		t->cost.largest_kb = trace.peak_kb;
	if (trace.tree_peak_kb > t->cost.together_kb)
		t->cost.together_kb = trace.tree_peak_kb;
	return r;
}

static struct line_cost call_with(const struct bench *b, struct line *l, unsigned int i,
                                  const char *verb,
                                  int (*run)(struct plugin_call *call, size_t step, void *arg,
                                             struct plugin_run *ret))
{
	struct taking t = { .peer = &b->peers[l->peer], .cost.ok = true };
	struct chain_exec exec = { run, &t };
	bool add = strcmp(verb, "ADD") == 0;
	char *runtime = chain_runtime(l->port + i), *result = NULL, args[96];
	struct chain_verb v = {
		.verb = verb,
		.pod = &l->pod[i],
		.args = args,
		.runtime = runtime,
		.prev = add ? NULL : l->result[i],
		.deadline_ms = 30000,
	};
	struct plugin_run last;

	snprintf(args, sizeof(args),
	         "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=" LINEUP_POD, i);
	(void)chain_run(&l->list, &v, &exec, &result, &last);
	if (add) {
		free(l->result[i]);
		l->result[i] = result;
	}
	plugin_run_free(&last);
	free(runtime);
	return t.cost;
}

struct line_cost line_call(const struct bench *b, struct line *l, unsigned int i, const char *verb)
{
	return call_with(b, l, i, verb, timed);
}

struct line_cost line_trace(const struct bench *b, struct line *l, unsigned int i, const char *verb)
{
	return call_with(b, l, i, verb, traced);
}

struct crowd {
	const struct bench *b;
	struct line *l;
	const char *verb;
	unsigned int next, failed;
	struct series each;
	double cpu;
	pthread_mutex_t lock;
};

static void *caller(void *arg)
{
	struct crowd *c = arg;
	unsigned int i;

	while ((i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->l->n) {
		struct line_cost cost = line_call(c->b, c->l, i, c->verb);

		pthread_mutex_lock(&c->lock);
		if (cost.ok)
			series_add(&c->each, cost.wall);
		else
			c->failed++;
		c->cpu += cost.cpu;
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

void line_crowd(const struct bench *b, struct line *l, const char *verb, unsigned int callers,
                struct row *wall, struct row *each, struct row *cpu)
{
	static struct crowd c;
	pthread_t t[CALLERS_MAX];
	struct timespec a, z;
	unsigned int n = 0;

	c = (struct crowd) { .b = b, .l = l, .verb = verb, .lock = PTHREAD_MUTEX_INITIALIZER };
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (n < callers && n < CALLERS_MAX && pthread_create(&t[n], NULL, caller, &c) == 0)
		n++;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &z);
	if (wall) {
		series_add(&wall->s[l->peer], (double)(z.tv_sec - a.tv_sec) * 1e3 +
		                                      (double)(z.tv_nsec - a.tv_nsec) / 1e6);
		wall->s[l->peer].failed += c.failed;
	}
	for (size_t i = 0; each && i < c.each.n; i++)
		series_add(&each->s[l->peer], c.each.v[i]);
	if (cpu && l->n > 0)
		series_add(&cpu->s[l->peer], c.cpu / l->n);
}
