/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - the table, the goals as text, and results.json
 */
#include "test/bench/bench.h"
#include "test/bench/goals.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

bool row_has_both(const struct row *r)
{
	return r->s[UPSTREAM].n > 0 && r->s[CNIDA].n > 0 && series_quantile(&r->s[CNIDA], 0.5) > 0;
}

double row_ratio(const struct row *r)
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
		if (row_has_both(r))
			printf(" %8.1fx", row_ratio(r));
		else
			printf(" %9s", "-");
		printf(" %4zu", n);
		for (size_t p = 0; p < PEERS; p++)
			if (r->s[p].failed)
				printf("  %s: %zu failed", b->peers[p].name, r->s[p].failed);
		putchar('\n');
	}
}

void report_goals(const struct bench *b)
{
	putchar('\n');
	for (size_t i = 0; i < goals_count(); i++) {
		struct verdict v = goal_verdict(b, i);

		if (v.measured)
			printf("%s: %s (goal: %s)%s\n", v.title, v.found, v.goal,
			       v.kept ? "" : "  MISSED");
		else
			printf("%s: not measured\n", v.title);
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
	                 r->unit, "ratio", row_has_both(r) ? json_real(row_ratio(r)) : json_null(),
	                 "peers", peers);
}

static json_t *paths_json(const struct bench *b)
{
	static const char *const kinds[] = { "rr", "crr", "stream" };
	static const char *const units[] = { "us", "1/s", "Gbit/s" };
	json_t *paths = json_array();

	for (size_t i = 0; i < PATHS && b->has_paths; i++) {
		const struct path *path = &b->paths[i];
		json_t *one = json_pack("{s:s, s:s}", "key", path->key, "title", path->title);

		if (*path->missing)
			json_object_set_new(one, "missing", json_string(path->missing));
		for (size_t k = 0; k < LOAD_KINDS && !*path->missing; k++) {
			json_t *load = series_json(&path->load[k]);

			json_object_set_new(load, "unit", json_string(units[k]));
			json_object_set_new(one, kinds[k], load);
		}
		if (!*path->missing)
			json_object_set_new(one, "rr_p99", series_json(&path->p99));
		json_array_append_new(paths, one);
	}
	return paths;
}

static json_t *goals_json(const struct bench *b)
{
	json_t *goals = json_array();

	for (size_t i = 0; i < goals_count(); i++) {
		struct verdict v = goal_verdict(b, i);

		if (v.measured)
			json_array_append_new(goals, json_pack("{s:s, s:s, s:s, s:b}", "title",
			                                       v.title, "found", v.found, "goal",
			                                       v.goal, "kept", (int)v.kept));
	}
	return goals;
}

void report_cpu(char *ret, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *value;

	snprintf(ret, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) != 0 || !(value = strstr(line, ": ")))
			continue;
		value[strcspn(value, "\n")] = '\0';
		snprintf(ret, size, "%s", value + 2);
		break;
	}
	if (f)
		fclose(f);
}

static json_t *machine_json(void)
{
	struct utsname u = { 0 };
	char cpu[128];

	uname(&u);
	report_cpu(cpu, sizeof(cpu));
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "kernel", u.release, "machine", u.machine,
	                 "cpu", cpu, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_kb",
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
	time_t now = time(NULL);
	char date[32];
	int r;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	for (size_t i = 0; i < b->n_rows; i++)
		json_array_append_new(rows, row_json(b, &b->rows[i]));
	doc = json_pack("{s:s, s:o, s:I, s:o, s:o, s:o}", "date", date, "machine", machine_json(),
	                "samples", (json_int_t)b->samples, "rows", rows, "datapath", paths_json(b),
	                "goals", goals_json(b));
	if (!doc)
		return -ENOMEM;
	make_parents(file);
	r = json_dump_file(doc, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0 ? -EIO : 0;
	json_decref(doc);
	return r;
}
