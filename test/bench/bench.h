/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - peers, rows of the table, and the scenarios that fill them
 */
#ifndef CNIDA_BENCH_BENCH_H
#define CNIDA_BENCH_BENCH_H

#include "test/bench/datapath.h"
#include "test/bench/peer.h"
#include "test/bench/series.h"

enum { UPSTREAM, CNIDA, PEERS }; /* the ratios refer to upstream */
#define ROWS_MAX 160
#define SAMPLES  50U

/* One line of the table: the same thing measured with every peer. */
struct row {
	char key[48]; /* for results.json and the goals: "bridge.add" */
	char title[64];
	const char *unit; /* "ms", "kB", "" */
	struct series s[PEERS];
};

struct bench {
	struct peer peers[PEERS];
	struct row rows[ROWS_MAX];
	size_t n_rows;
	struct path paths[PATHS];
	bool has_paths;
	unsigned int samples;
	const char *nothing; /* a static program that does nothing; NULL: not there */
	const char *only;    /* run just the scenarios whose name contains this; NULL: all */
};

/* bench_row() - A new row; the last one over again if the table is full. */
struct row *bench_row(struct bench *b, const char *unit, const char *key, const char *title, ...)
	__attribute__((format(printf, 4, 5)));

/* Scenarios; each adds its rows. Failures are counted in the rows. */
void scenario_start(struct bench *b);
void scenario_attach(struct bench *b);
void scenario_drain(struct bench *b);
void scenario_chain(struct bench *b);
void scenario_boot(struct bench *b);
void scenario_status(struct bench *b);
void scenario_store(struct bench *b);
void scenario_cost(struct bench *b);
void scenario_pods(struct bench *b);
void scenario_policy(struct bench *b);
void scenario_disk(struct bench *b);
void scenario_datapath(struct bench *b);

/* bench_find() - A row by its key, NULL if there is none. */
const struct row *bench_find(const struct bench *b, const char *key);

/* row_has_both(), row_ratio() - Has a row medians of both peers? Upstream's divided by ours. */
bool row_has_both(const struct row *r);
double row_ratio(const struct row *r);

/* report_table(), report_paths(), report_goals() - To stdout. report_json(), report_page() - To a file; 0 or -errno. */
void report_table(const struct bench *b);
void report_paths(const struct bench *b);
void report_goals(const struct bench *b);
int report_json(const struct bench *b, const char *file);
int report_page(const struct bench *b, const char *file);

/* report_cpu() - What the kernel calls the processor. */
void report_cpu(char *ret, size_t size);

#endif
