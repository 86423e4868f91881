/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - the table, the goals and results.json
 */
#include "test/bench/bench.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What we want of a row: at most 1/@share of upstream's median, or at most @limit in its own unit. */
/* What we promise: a share of upstream's median in the same run, an absolute limit, or a multiple of another row of ours. */
static const struct goal {
	const char *key, *title;
	double share;        /* at most 1/share of upstream */
	double limit;        /* at most this */
	const char *against; /* at most @times of this row of ours */
	double times;
} goals[] = {
	{ "bridge.add", "ADD bridge", 5, 0, NULL, 0 },
	{ "masq.add", "ADD bridge with ipMasq", 10, 0, NULL, 0 },
	{ "drain.wall", "50 DELs by 16 callers", 3, 0, NULL, 0 },
	{ "chain.add", "ADD of the chain, four drop-ins", 12, 0, NULL, 0 },
	{ "chain.del", "DEL of the chain, four drop-ins", 5, 0, NULL, 0 },
	{ "one.add", "ADD of the chain, type cnida", 20, 0, NULL, 0 },
	{ "crowd.add.wall", "ADD of 50 pods by 16 callers, type cnida", 15, 0, NULL, 0 },
	{ "crowd.del.wall", "DEL of 50 pods by 16 callers, type cnida", 15, 0, NULL, 0 },
	{ "host-local.60000.add", "ADD host-local, 60,000 taken, against 10", 0, 0,
	  "host-local.10.add", 1.5 },
	{ "host-local.60000.del", "DEL host-local, 60,000 taken, against 10", 0, 0,
	  "host-local.10.del", 1.5 },
	{ "bridge.add.tree", "memory of an ADD", 0, 3072, NULL, 0 },
	{ "bridge.del.tree", "memory of a DEL", 0, 3072, NULL, 0 },
	{ "bridge.add.execs", "processes of an ADD", 0, 1, NULL, 0 },
	{ "chain.add.execs", "processes of an ADD of the chain, four drop-ins", 0, 4, NULL, 0 },
	{ "one.add.execs", "processes of an ADD of the chain, type cnida", 0, 1, NULL, 0 },
	{ "one.add.tree", "memory of an ADD of the chain, type cnida", 0, 3072, NULL, 0 },
	{ "status", "STATUS", 0, 1, NULL, 0 },
	{ "status", "STATUS against process start (our VERSION)", 0, 0, "version", 1.15 },
	{ "status", "STATUS against a program that does nothing", 0, 0, "status.nothing", 1.15 },
};

static bool has_both(const struct row *r)
{
	return r->s[UPSTREAM].n > 0 && r->s[CNIDA].n > 0 && series_quantile(&r->s[CNIDA], 0.5) > 0;
}

static double ratio(const struct row *r)
{
	return series_quantile(&r->s[UPSTREAM], 0.5) / series_quantile(&r->s[CNIDA], 0.5);
}

static void cell(const struct series *s, double q, const char *unit)
{
	if (s->n == 0)
		printf(" %10s", s->failed ? "FAILED" : "-");
	else if (strcmp(unit, "ms") == 0)
		printf(" %10.3f", series_quantile(s, q));
	else
		printf(" %10.0f", series_quantile(s, q));
}

void report_table(const struct bench *b)
{
	printf("%-46s %4s %10s %10s %10s %10s %9s %4s\n", "", "unit", "upstream", "p99", "cnida",
	       "p99", "ratio", "n");
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct row *r = &b->rows[i];
		size_t n = r->s[CNIDA].n ? r->s[CNIDA].n : r->s[UPSTREAM].n;

		printf("%-46s %4s", r->title, r->unit);
		for (size_t p = 0; p < PEERS; p++) {
			cell(&r->s[p], 0.5, r->unit);
			cell(&r->s[p], 0.99, r->unit);
		}
		if (has_both(r))
			printf(" %8.1fx", ratio(r));
		else
			printf(" %9s", "-");
		printf(" %4zu", n);
		for (size_t p = 0; p < PEERS; p++)
			if (r->s[p].failed)
				printf("  %s: %zu failed", b->peers[p].name, r->s[p].failed);
		putchar('\n');
	}
}

static void report_goal(const struct goal *g, const struct row *r, const struct row *other)
{
	double median = series_quantile(&r->s[CNIDA], 0.5);
	double times = median / series_quantile(&other->s[CNIDA], 0.5);

	if (g->share > 0)
		printf("%s: 1/%.1f of upstream (goal: at most 1/%.0f)%s\n", g->title, ratio(r),
		       g->share, ratio(r) >= g->share ? "" : "  MISSED");
	else if (g->against)
		printf("%s: %.2f times (goal: at most %g)%s\n", g->title, times, g->times,
		       times <= g->times ? "" : "  MISSED");
	else
		printf("%s: %.4g%s%s (goal: at most %g)%s\n", g->title, median, *r->unit ? " " : "",
		       r->unit, g->limit, median <= g->limit ? "" : "  MISSED");
}

void report_goals(const struct bench *b)
{
	putchar('\n');
	for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
		const struct goal *g = &goals[i];
		const struct row *r = bench_find(b, g->key);
		const struct row *other = g->against ? bench_find(b, g->against) : r;

		if (!r || !other || r->s[CNIDA].n == 0 || other->s[CNIDA].n == 0 ||
		    (g->share > 0 && !has_both(r)))
			printf("%s: not measured\n", g->title);
		else
			report_goal(g, r, other);
	}
}

static json_t *series_json(const struct series *s)
{
	json_t *samples = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(samples, json_real(s->v[i]));
	return json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:o}", "median", series_quantile(s, 0.5),
	                 "p99", series_quantile(s, 0.99), "min", series_quantile(s, 0), "max",
	                 series_quantile(s, 1), "n", (json_int_t)s->n, "failed",
	                 (json_int_t)s->failed, "samples", samples);
}

static json_t *row_json(const struct bench *b, const struct row *r)
{
	json_t *peers = json_object();

	for (size_t p = 0; p < PEERS; p++)
		if (r->s[p].n || r->s[p].failed)
			json_object_set_new(peers, b->peers[p].name, series_json(&r->s[p]));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "key", r->key, "title", r->title, "unit",
	                 r->unit, "ratio", has_both(r) ? json_real(ratio(r)) : json_null(), "peers",
	                 peers);
}

static json_t *machine_json(void)
{
	struct utsname u = { 0 };

	uname(&u);
	return json_pack("{s:s, s:s, s:I, s:I}", "kernel", u.release, "machine", u.machine, "cpus",
	                 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_kb",
	                 (json_int_t)(sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024)));
}

static void make_parents(const char *file)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s", file);
	for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		(void)mkdir(path, 0755);
		*s = '/';
	}
}

int report_json(const struct bench *b, const char *file)
{
	json_t *rows = json_array(), *doc;
	int r;

	for (size_t i = 0; i < b->n_rows; i++)
		json_array_append_new(rows, row_json(b, &b->rows[i]));
	doc = json_pack("{s:o, s:I, s:o}", "machine", machine_json(), "samples",
	                (json_int_t)b->samples, "rows", rows);
	if (!doc)
		return -ENOMEM;
	make_parents(file);
	r = json_dump_file(doc, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0 ? -EIO : 0;
	json_decref(doc);
	return r;
}
