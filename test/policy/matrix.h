/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * matrix.h - cases (README.md) with real pods and packets: what the parts of the runner hand to each other
 *
 *	matrix.c	command line, cases with the same pods in batches, a process for each batch, the sum
 *	matrix_case.c	one case: its steps, what is probed
 *	matrix_judge.c	what was expected and found, as text
 *	flows.c		connections that stay open across steps
 */
#ifndef CNIDA_TEST_POLICY_MATRIX_H
#define CNIDA_TEST_POLICY_MATRIX_H

#include "test/policy/case.h"
#include "test/policy/flows.h"
#include "test/policy/probe.h"
#include "test/policy/service.h"
#include "test/policy/topology.h"

#include <stdbool.h>
#include <stdio.h>

struct matrix_options {
	struct topology_conf topology;
	enum proxy_mode proxy;
	const char *rules; /* file for nft -f on this node, a stand-in for a back end; NULL: none */
	bool verbose, json;
	bool add_last; /* policies first: ADD must put them in force by itself */
	unsigned int jobs;
};

/* What came of a case; lies in memory that the processes share. */
struct outcome {
	bool done;
	long probes, wrong;
	unsigned int steps;
	double seconds, apply_ms, probe_ms;
};

/* One worker: a node and what runs on it. */
struct matrix {
	const struct matrix_options *options;
	struct topology topology;
	struct prober *prober;
	struct services services;
};

/* The ends that are probed in a step, and what is probed between them. */
struct matrix_end {
	struct end *end;
	const json_t *ports; /* that it serves and that are probed towards it */
	bool from, to;
};

struct step_probes {
	struct matrix_end ends[ENDS_MAX];
	size_t n_ends;
	struct probe *v;
	size_t n, space;
};

/* matrix_case() - Run a case; what is wrong goes to @report, one line or more for each step. */
void matrix_case(struct matrix *m, const json_t *c, FILE *report, struct outcome *ret);

/* matrix_forget() - Close what serves the pods, before they are deleted. */
void matrix_forget(struct matrix *m);

/* judge_expect() - Tell the probes which of them the lines expect to be answered. */
void judge_expect(struct step_probes *s, const json_t *lines);

/* judge_step() - Compare with the lines; returns how many are wrong, and tells @report about them. */
long judge_step(const struct step_probes *s, const json_t *lines, unsigned int step, bool verbose,
                FILE *report);

#endif
