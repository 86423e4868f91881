/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lineup.h - whole lists of plugins in the comparison: their pods, one call after the other or many at once
 */
#ifndef CNIDA_BENCH_LINEUP_H
#define CNIDA_BENCH_LINEUP_H

#include "test/bench/bench.h"
#include "test/lib/plugin_chain.h"

#define LINEUP_PODS 112
#define LINEUP_POD  "pod-%u" /* name of the pod with that number, in namespace "bench" */

/* The last three: type cnida with ipMasq, and policy by that backend or none. */
enum lineup_kind {
	LINEUP_PLAIN,
	LINEUP_FOUR,
	LINEUP_ONE,
	LINEUP_OPEN,
	LINEUP_EBPF,
	LINEUP_NFTABLES
};

/* One list and its pods. */
struct line {
	size_t peer;
	struct chain list;
	struct pod pod[LINEUP_PODS];
	char *result[LINEUP_PODS]; /* of ADD; NULL before */
	unsigned int n;            /* pods */
	unsigned int port;         /* of the node, of the first pod */
};

/* line_open() - @slot: number of the line in this run, for names, subnet and ports. */
void line_open(const struct bench *b, struct line *l, size_t peer, enum lineup_kind kind,
               unsigned int slot, unsigned int n);
void line_close(struct line *l);

/* What one verb of a pod took. */
struct line_cost {
	bool ok;
	double wall, cpu;             /* ms, sum over the plugins */
	double step[CHAIN_MAX];       /* ms of each */
	unsigned int execs;           /* only from line_trace() */
	long largest_kb, together_kb; /* of a process, of processes at a time; the same */
};

/* line_call() - Run a verb for pod @i. The caller's own work between the plugins is not in the times. */
struct line_cost line_call(const struct bench *b, struct line *l, unsigned int i, const char *verb);
/* line_trace() - The same under ptrace, with what it starts and takes instead of times. */
struct line_cost line_trace(const struct bench *b, struct line *l, unsigned int i,
                            const char *verb);

/**
 * line_crowd() - A verb for all pods by @callers callers at once
 * @wall:	ms from the first start to the last end; NULL: not wanted, as the others
 * @each:	of every pod
 * @cpu:	CPU time per pod
 */
void line_crowd(const struct bench *b, struct line *l, const char *verb, unsigned int callers,
                struct row *wall, struct row *each, struct row *cpu);

#endif
