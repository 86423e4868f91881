/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * goals.h - what we promise, and whether this run kept it
 */
#ifndef CNIDA_BENCH_GOALS_H
#define CNIDA_BENCH_GOALS_H

#include <stdbool.h>
#include <stddef.h>

struct bench;

struct verdict {
	const char *title;
	char found[32], goal[64]; /* for people: "0.97 times", "at least 0.95" */
	bool measured, kept;
};

/* goals_count(), goal_verdict() - All of them, @i from 0. */
size_t goals_count(void);
struct verdict goal_verdict(const struct bench *b, size_t i);

#endif
