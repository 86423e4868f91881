/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.c - peers side by side in one run: the same caller, taking turns, medians and ratios
 *
 * Must run as root inside a network and mount namespace of its own, with tmpfs on /run. What the figures mean is in
 * README.md beside this file.
 */
#include "test/bench/bench.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} scenarios[] = {
	{ "start", scenario_start },   { "status", scenario_status },
	{ "attach", scenario_attach }, { "drain", scenario_drain },
	{ "chain", scenario_chain },   { "boot", scenario_boot },
	{ "store", scenario_store },   { "cost", scenario_cost },
	{ "pods", scenario_pods },     { "policy", scenario_policy },
	{ "disk", scenario_disk },     { "datapath", scenario_datapath },
};

struct row *bench_row(struct bench *b, const char *unit, const char *key, const char *title, ...)
{
	struct row *row = &b->rows[b->n_rows < ROWS_MAX ? b->n_rows++ : ROWS_MAX - 1];
	va_list ap;

	memset(row, 0, sizeof(*row));
	row->unit = unit;
	snprintf(row->key, sizeof(row->key), "%s", key);
	va_start(ap, title);
	vsnprintf(row->title, sizeof(row->title), title, ap);
	va_end(ap);
	return row;
}

const struct row *bench_find(const struct bench *b, const char *key)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (strcmp(b->rows[i].key, key) == 0)
			return &b->rows[i];
	return NULL;
}

/* results.json gets its page beside it: report.html. */
static int write_files(const struct bench *b, const char *json)
{
	const char *slash = strrchr(json, '/');
	char page[PATH_MAX];
	int r = report_json(b, json);

	if (r == 0 && (size_t)snprintf(page, sizeof(page), "%.*sreport.html",
	                               slash ? (int)(slash - json) + 1 : 0, json) < sizeof(page))
		r = report_page(b, page);
	if (r < 0)
		fprintf(stderr, "bench: %s: %s\n", json, strerror(-r));
	return r;
}

static void find_peers(struct bench *b)
{
	char path[PATH_MAX];

	for (size_t p = 0; p < PEERS; p++) {
		snprintf(path, sizeof(path), "%s/bridge", b->peers[p].dir);
		b->peers[p].present = access(path, X_OK) == 0;
		if (!b->peers[p].present)
			fprintf(stderr, "bench: no %s in %s, its columns stay empty\n",
			        b->peers[p].name, b->peers[p].dir);
	}
}

static int usage(void)
{
	fprintf(stderr,
	        "usage: bench [--upstream DIR] [--cnida DIR] [--nothing FILE] [--samples N] [--only SCENARIO] [--json FILE]\n");
	return 2;
}

static int parse(int argc, char **argv, struct bench *b, const char **json)
{
	static const struct option options[] = {
		{ "upstream", required_argument, NULL, 'u' },
		{ "cnida", required_argument, NULL, 'c' },
		{ "nothing", required_argument, NULL, '0' },
		{ "samples", required_argument, NULL, 'n' },
		{ "only", required_argument, NULL, 'o' },
		{ "json", required_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	long n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			b->peers[0].dir = optarg;
			break;
		case 'c':
			b->peers[1].dir = optarg;
			break;
		case '0':
			b->nothing = optarg;
			break;
		case 'n':
			n = strtol(optarg, NULL, 10);
			b->samples = n > 0 && n <= 110 ? (unsigned int)n : SAMPLES;
			break;
		case 'o':
			b->only = optarg;
			break;
		case 'j':
			*json = optarg;
			break;
		default:
			return usage();
		}
	}
	return optind == argc ? 0 : usage();
}

int main(int argc, char **argv)
{
	static struct bench bench = {
		.peers = { { .name = "upstream", .dir = "/usr/lib/cni", .tag = "up", .net = 201 },
		           { .name = "cnida", .dir = "build/bin", .tag = "cn", .net = 202 } },
		.samples = SAMPLES,
	};
	const char *json = "build/bench/results.json";
	time_t start = time(NULL);
	int r = parse(argc, argv, &bench, &json);

	if (r)
		return r;
	find_peers(&bench);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (bench.only && !strstr(scenarios[i].name, bench.only))
			continue;
		fprintf(stderr, "bench: %s ...\n", scenarios[i].name);
		scenarios[i].run(&bench);
	}
	report_table(&bench);
	report_paths(&bench);
	report_goals(&bench);
	r = write_files(&bench, json);
	fprintf(stderr, "bench: %ld s, %s\n", (long)(time(NULL) - start), json);
	return r < 0;
}
