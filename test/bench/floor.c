/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.c - how far an ADD is above what the kernel alone needs for the same objects
 *
 * The floor is the ADD's own netlink requests, recorded once and sent again by a process that does nothing else (wire.h);
 * the start of a process is that of a static program that does nothing. All three take turns. Must run as root in a
 * network and mount namespace of its own, with tmpfs on /run (test/lib/node).
 */
#include "test/bench/lineup.h"
#include "test/bench/wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOAL       1.35
#define FIRST_NAME 2000 /* indexes of links are above it: see wire.h */

static const struct {
	enum lineup_kind kind;
	const char *key, *title;
} rows[] = {
	{ LINEUP_PLAIN, "plain", "bridge, host-local" },
	{ LINEUP_ONE, "one", "type cnida: masquerade, host port, firewall, limits" },
};

struct row_result {
	struct series floor, start, add;
	unsigned int requests, bytes, errors;
};

static int recorded(struct plugin_call *call, size_t step, void *arg, struct plugin_run *ret)
{
	(void)step;
	return wire_record(call, arg, ret);
}

static int record(struct line *l, const char *verb, struct wire *ret)
{
	struct chain_exec exec = { recorded, ret };
	char *runtime = chain_runtime(l->port), *result = NULL;
	struct chain_verb v = { .verb = verb,
		                .pod = &l->pod[0],
		                .args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=pod",
		                .runtime = runtime,
		                .prev = l->result[0],
		                .deadline_ms = 30000 };
	struct plugin_run last;
	int r = chain_run(&l->list, &v, &exec, &result, &last);

	if (r)
		fprintf(stderr, "floor: %s was not recorded: %s%s\n", verb,
		        r < 0 ? strerror(-r) : "", last.out ? last.out : "");
	if (result) {
		free(l->result[0]);
		l->result[0] = result;
	}
	plugin_run_free(&last);
	free(runtime);
	return r ? -1 : 0;
}

/* Links of the node that were not there before. */
static size_t new_links(const struct if_nameindex *before, struct wire_link ret[WIRE_LINKS_MAX])
{
	struct if_nameindex *now = if_nameindex();
	size_t n = 0;

	for (const struct if_nameindex *i = now; i && i->if_index; i++) {
		const struct if_nameindex *b = before;

		while (b && b->if_index && b->if_index != i->if_index)
			b++;
		if (b && !b->if_index && n < WIRE_LINKS_MAX) {
			ret[n].index = i->if_index;
			snprintf(ret[n++].name, IFNAMSIZ, "%s", i->if_name);
		}
	}
	if_freenameindex(now);
	return n;
}

/* The same pod in a new namespace. */
static int renew(struct pod *pod)
{
	const char *slash = strrchr(pod->netns, '/');
	char name[sizeof(pod->netns)];

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : pod->netns);
	pod_destroy(pod);
	return pod_create(name, pod);
}

static int one_start(const struct bench *b, struct series *ret)
{
	struct plugin_call call = { .path = b->nothing };
	struct plugin_run run;
	int r = plugin_exec(&call, &run);

	if (r == 0)
		series_add(ret, (double)run.wall_ns / 1e6);
	plugin_run_free(&run);
	return r;
}

static int one_add(const struct bench *b, struct line *l, struct series *ret)
{
	struct line_cost cost;

	if (renew(&l->pod[0]) < 0)
		return -EIO;
	cost = line_call(b, l, 0, "ADD");
	if (cost.ok)
		series_add(ret, cost.wall);
	return cost.ok && line_call(b, l, 0, "DEL").ok ? 0 : -EIO;
}

struct tape {
	struct wire add, del;
	struct wire_link links[WIRE_LINKS_MAX];
	size_t n_links;
};

static int one_floor(struct line *l, const struct tape *t, struct row_result *ret)
{
	struct wire_cost add, del;

	if (renew(&l->pod[0]) < 0 ||
	    wire_replay(&t->add, l->pod[0].netns, t->links, t->n_links, &add) < 0)
		return -EIO;
	for (size_t i = 0; i < t->n_links; i++) {
		if (!if_nametoindex(t->links[i].name)) {
			fprintf(stderr, "floor: the requests made no %s\n", t->links[i].name);
			return -EIO;
		}
	}
	series_add(&ret->floor, add.ms);
	ret->requests = add.requests;
	ret->bytes = add.bytes;
	ret->errors = add.errors;
	return wire_replay(&t->del, l->pod[0].netns, t->links, t->n_links, &del);
}

static int measure(const struct bench *b, size_t row, struct row_result *ret)
{
	struct if_nameindex *before;
	static struct line l;
	static struct tape t;
	int r = -EIO;

	memset(ret, 0, sizeof(*ret));
	memset(&t, 0, sizeof(t));
	line_open(b, &l, CNIDA, rows[row].kind, (unsigned int)row, 2);
	/* As on a node in use: bridge and tables are there. */
	if (line_call(b, &l, 1, "ADD").ok) {
		before = if_nameindex();
		r = record(&l, "ADD", &t.add);
		t.n_links = new_links(before, t.links);
		if_freenameindex(before);
		if (r == 0)
			r = record(&l, "DEL", &t.del);
	}
	for (unsigned int i = 0; r == 0 && i < b->samples; i++) {
		r = one_start(b, &ret->start);
		if (r == 0)
			r = one_add(b, &l, &ret->add);
		if (r == 0)
			r = one_floor(&l, &t, ret);
	}
	(void)line_call(b, &l, 1, "DEL");
	wire_free(&t.add);
	wire_free(&t.del);
	line_close(&l);
	return r;
}

static void print(const struct row_result *r, size_t n, FILE *json)
{
	printf("%-52s %8s %8s %8s %8s %8s  %s\n", "ms, medians", "requests", "floor", "start",
	       "ADD", "ratio", "goal");
	fputs("{\"goal\": 1.35, \"rows\": [", json);
	for (size_t i = 0; i < n; i++) {
		double floor = series_quantile(&r[i].floor, 0.5),
		       start = series_quantile(&r[i].start, 0.5),
		       add = series_quantile(&r[i].add, 0.5), ratio = add / (floor + start);

		printf("%-52s %8u %8.3f %8.3f %8.3f %8.2f  at most %.2f%s\n", rows[i].title,
		       r[i].requests, floor, start, add, ratio, GOAL,
		       ratio > GOAL ? "  MISSED" : "");
		fprintf(json,
		        "%s{\"key\": \"%s\", \"requests\": %u, \"bytes\": %u, \"errors\": %u, \"floor\": %.4f, "
		        "\"start\": %.4f, \"add\": %.4f, \"ratio\": %.3f, \"n\": %zu}",
		        i ? ", " : "", rows[i].key, r[i].requests, r[i].bytes, r[i].errors, floor,
		        start, add, ratio, r[i].add.n);
	}
	fputs("]}\n", json);
}

static int parse(int argc, char **argv, struct bench *b, const char **json)
{
	static const struct option options[] = { { "cnida", required_argument, NULL, 'c' },
		                                 { "nothing", required_argument, NULL, '0' },
		                                 { "samples", required_argument, NULL, 'n' },
		                                 { "json", required_argument, NULL, 'j' },
		                                 { 0 } };
	long n;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			b->peers[CNIDA].dir = optarg;
		} else if (c == '0') {
			b->nothing = optarg;
		} else if (c == 'n') {
			n = strtol(optarg, NULL, 10);
			b->samples = n > 0 && n <= SERIES_MAX ? (unsigned int)n : SAMPLES;
		} else if (c == 'j') {
			*json = optarg;
		} else {
			fputs("usage: floor [--cnida DIR] [--nothing FILE] [--samples N] [--json FILE]\n",
			      stderr);
			return 2;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench b = { .peers = { [CNIDA] = { .name = "cnida",
		                                         .dir = "build/bin",
		                                         .tag = "fl",
		                                         .net = 203,
		                                         .present = true } },
		                  .samples = SAMPLES,
		                  .nothing = "build/test/nothing" };
	static struct row_result results[sizeof(rows) / sizeof(rows[0])];
	const char *json = "build/bench/floor.json";
	FILE *f;
	int r = parse(argc, argv, &b, &json);

	if (r)
		return r;
	f = fopen(json, "we");
	r = f ? wire_burn_indexes(FIRST_NAME) : -errno;
	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		r = measure(&b, i, &results[i]);
	if (r == 0)
		print(results, sizeof(rows) / sizeof(rows[0]), f);
	else
		fprintf(stderr, "floor: %s\n", strerror(-r));
	if (f)
		fclose(f);
	return r != 0;
}
