/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.c - what is measured of whole lists: chain (bridge, portmap, firewall, bandwidth), boot, status
 *
 * Upstream's four plugins stand beside ours as four, and beside the type cnida that does the same in one.
 */
#include "test/bench/lineup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS      16U
#define CROWD_PODS   50U
#define CROWD_ROUNDS 3U
#define BOOT_PODS    110U

enum { UP, FOUR, ONE, LINES };

static struct line lines[LINES];

/* The rows of one verb: upstream's samples stand in those of both comparisons. */
struct verb_rows {
	const char *verb;
	struct row *wall[2], *cpu[2], *step[CHAIN_MAX];
};

static struct row *chain_row(struct bench *b, const char *prefix, const char *verb,
                             const char *suffix, const char *unit, const char *what)
{
	char key[48];
	bool add = strcmp(verb, "ADD") == 0;

	snprintf(key, sizeof(key), "%s.%s%s", prefix, add ? "add" : "del", suffix);
	return bench_row(b, unit, key, "%s %s%s", verb,
	                 strcmp(prefix, "one") == 0 ? "chain, by type cnida" : "chain", what);
}

static void make_rows(struct bench *b, struct verb_rows *r, const char *verb)
{
	static const char *const prefix[] = { "chain", "one" };
	const struct chain *four = &lines[FOUR].list;

	memset(r, 0, sizeof(*r));
	r->verb = verb;
	for (int k = 0; k < 2; k++) {
		r->wall[k] = chain_row(b, prefix[k], verb, "", "ms", "");
		r->cpu[k] = chain_row(b, prefix[k], verb, ".cpu", "ms", ", CPU time");
	}
	for (size_t i = 0; i < four->n; i++) {
		char suffix[40], what[40];

		snprintf(suffix, sizeof(suffix), ".%s", four->step[i].type);
		snprintf(what, sizeof(what), ", of it %s", four->step[i].type);
		r->step[i] = chain_row(b, "chain", verb, suffix, "ms", what);
	}
}

/* Of line @k, for the rows in which it stands. */
static void take(struct verb_rows *r, int k, const struct line_cost *cost)
{
	size_t p = lines[k].peer;

	for (int c = 0; c < 2; c++) {
		if (k != UP && k != FOUR + c)
			continue;
		if (!cost->ok) {
			r->wall[c]->s[p].failed++;
			continue;
		}
		series_add(&r->wall[c]->s[p], cost->wall);
		series_add(&r->cpu[c]->s[p], cost->cpu);
	}
	for (size_t i = 0; cost->ok && k != ONE && i < lines[k].list.n; i++)
		series_add(&r->step[i]->s[p], cost->step[i]);
}

/* A verb for pods [first, last) of all lines in turns. @r NULL: warming up. */
static void in_turns(const struct bench *b, struct verb_rows *r, const char *verb,
                     unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i < last; i++) {
		for (int k = 0; k < LINES; k++) {
			struct line_cost cost;

			if (!b->peers[lines[k].peer].present)
				continue;
			cost = line_call(b, &lines[k], i, verb);
			if (r)
				take(r, k, &cost);
		}
	}
}

static void open_lines(const struct bench *b, enum lineup_kind first, unsigned int n)
{
	line_open(b, &lines[UP], UPSTREAM, first, 0, n);
	line_open(b, &lines[FOUR], CNIDA, first, 1, first == LINEUP_PLAIN ? 0 : n);
	line_open(b, &lines[ONE], CNIDA, first == LINEUP_PLAIN ? LINEUP_PLAIN : LINEUP_ONE, 2, n);
}

static void close_lines(void)
{
	for (int k = 0; k < LINES; k++)
		line_close(&lines[k]);
}

/* Under ptrace, so apart from everything that is timed. */
static void cost(struct bench *b, const char *verb)
{
	static const char *const prefix[] = { "chain", "one" };
	struct row *row[2][3];

	for (int c = 0; c < 2; c++) {
		row[c][0] = chain_row(b, prefix[c], verb, ".execs", "", ", processes");
		row[c][1] = chain_row(b, prefix[c], verb, ".peak", "kB", ", largest process");
		row[c][2] = chain_row(b, prefix[c], verb, ".tree", "kB", ", processes at a time");
	}
	for (int k = 0; k < LINES; k++) {
		size_t p = lines[k].peer;
		struct line_cost cost = { .ok = false };

		if (!b->peers[p].present)
			continue;
		cost = line_trace(b, &lines[k], 0, verb);
		for (int c = 0; c < 2; c++) {
			if (k != UP && k != FOUR + c)
				continue;
			series_add(&row[c][0]->s[p], cost.execs);
			series_add(&row[c][1]->s[p], (double)cost.largest_kb);
			series_add(&row[c][2]->s[p], (double)cost.together_kb);
		}
	}
}

/* Upstream's list and the one type, all pods at once. */
static void crowds(struct bench *b, const char *key, const char *title, enum lineup_kind kind,
                   unsigned int pods, unsigned int rounds)
{
	static const char *const verbs[] = { "ADD", "DEL" };
	struct row *row[2][3];
	char k[48];

	for (int v = 0; v < 2; v++) {
		static const char *const what[] = { "wall", "each", "cpu" };
		static const char *const names[] = { "all", "each", "CPU time per pod" };

		for (int i = 0; i < 3; i++) {
			snprintf(k, sizeof(k), "%s.%s.%s", key, v ? "del" : "add", what[i]);
			row[v][i] = bench_row(b, "ms", k, "%s %u pods by %u%s, %s", verbs[v], pods,
			                      CALLERS, title, names[i]);
		}
	}
	for (unsigned int round = 0; round < rounds; round++) {
		open_lines(b, kind, pods);
		for (int v = 0; v < 2; v++) {
			for (int l = 0; l < LINES; l++) {
				if (l != FOUR && b->peers[lines[l].peer].present)
					line_crowd(b, &lines[l], verbs[v], CALLERS, row[v][0],
					           row[v][1], row[v][2]);
			}
		}
		close_lines();
	}
}

void scenario_chain(struct bench *b)
{
	static struct verb_rows add, del;

	/* The first pod makes what all share, and stays, as on a node that is in use. */
	open_lines(b, LINEUP_FOUR, b->samples + 1);
	make_rows(b, &add, "ADD");
	make_rows(b, &del, "DEL");
	in_turns(b, NULL, "ADD", 0, 1);
	in_turns(b, &add, "ADD", 1, lines[UP].n);
	in_turns(b, &del, "DEL", 1, lines[UP].n);
	in_turns(b, NULL, "DEL", 0, 1);
	cost(b, "ADD");
	cost(b, "DEL");
	close_lines();
	crowds(b, "crowd", ", chain", LINEUP_FOUR, CROWD_PODS, CROWD_ROUNDS);
}

void scenario_boot(struct bench *b)
{
	crowds(b, "boot.plain", ", bridge", LINEUP_PLAIN, BOOT_PODS, 1);
	crowds(b, "boot.chain", ", chain", LINEUP_FOUR, BOOT_PODS, 1);
}

/* One pod after the other until the node is full: does the last one cost what the first did? Samples stay in order. */
void scenario_pods(struct bench *b)
{
	static const int which[PEERS] = { UP, ONE };
	struct row *add = bench_row(b, "ms", "pods.add", "ADD chain, %u pods one by one",
	                            BOOT_PODS),
		   *first = bench_row(b, "ms", "pods.add.first", "ADD chain, of them the first 10"),
		   *last = bench_row(b, "ms", "pods.add.last", "ADD chain, of them the last 10");

	open_lines(b, LINEUP_FOUR, 0);
	line_open(b, &lines[UP], UPSTREAM, LINEUP_FOUR, 0, BOOT_PODS);
	line_open(b, &lines[ONE], CNIDA, LINEUP_ONE, 2, BOOT_PODS);
	for (unsigned int i = 0; i < BOOT_PODS; i++) {
		for (size_t p = 0; p < PEERS; p++) {
			struct line *l = &lines[which[p]];
			struct line_cost cost;

			if (!b->peers[p].present)
				continue;
			cost = line_call(b, l, i, "ADD");
			if (!cost.ok)
				add->s[p].failed++;
			if (!cost.ok || i == 0) /* the first makes what all share */
				continue;
			series_add(&add->s[p], cost.wall);
			if (i <= 10)
				series_add(&first->s[p], cost.wall);
			if (i + 10 >= BOOT_PODS)
				series_add(&last->s[p], cost.wall);
		}
	}
	for (size_t p = 0; p < PEERS; p++)
		if (b->peers[p].present)
			line_crowd(b, &lines[which[p]], "DEL", CALLERS, NULL, NULL, NULL);
	close_lines();
}

static void measure(const struct peer *peer, size_t p, const char *path, const char *type,
                    const char *verb, const char *conf, struct row *wall, struct row *cpu)
{
	char buf[PATH_MAX];
	struct plugin_call call = peer_call(peer, type, verb, NULL, conf, buf);
	struct plugin_run run;

	if (path)
		call.path = path;
	if (plugin_exec(&call, &run) == 0 && peer_ok(peer, &call, &run))
		series_add(&wall->s[p], (double)run.wall_ns / 1e6);
	else
		wall->s[p].failed++;
	if (cpu && run.rc == 0)
		series_add(&cpu->s[p], (double)run.cpu_us / 1e3);
	plugin_run_free(&run);
}

void scenario_status(struct bench *b)
{
	struct row *status = bench_row(b, "ms", "status", "STATUS bridge + host-local"),
		   *cpu = bench_row(b, "ms", "status.cpu", "STATUS bridge + host-local, CPU time"),
		   *version = bench_row(b, "ms", "status.version",
	                                "STATUS, beside VERSION of upstream"),
		   *one = bench_row(b, "ms", "status.one", "STATUS type cnida"),
		   *start = bench_row(b, "ms", "status.start", "VERSION in turns with it"),
		   *nothing = bench_row(b, "ms", "status.nothing",
	                                "a static program that does nothing");
	const struct peer *up = &b->peers[UPSTREAM], *ours = &b->peers[CNIDA];
	char *conf = peer_conf(ours, CONF_STATUS, NULL);

	(void)peer_fill_store(ours, "bench-status", 0);
	for (unsigned int i = 0; i < b->samples; i++) {
		if (b->nothing)
			measure(ours, CNIDA, b->nothing, "nothing", "VERSION", NULL, nothing, NULL);
		/* Debian's 1.1.1 has no STATUS: the cheapest verb that it has. */
		if (up->present)
			measure(up, UPSTREAM, NULL, "bridge", "VERSION", NULL, version, NULL);
		if (!ours->present)
			continue;
		measure(ours, CNIDA, NULL, "bridge", "VERSION", NULL, start, NULL);
		measure(ours, CNIDA, NULL, "bridge", "STATUS", conf, status, cpu);
		measure(ours, CNIDA, NULL, "cnida", "STATUS", conf, one, NULL);
	}
	version->s[CNIDA] = status->s[CNIDA];
	peer_drop_store(ours, "bench-status");
	free(conf);
}
