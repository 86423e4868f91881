/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * play.h - a case without a network: all its probes, with addresses of an imagined node
 *
 * The addresses are those that README.md promises: pods in listed order in the first 16 of their prefix.
 */
#ifndef CNIDA_TEST_POLICY_PLAY_H
#define CNIDA_TEST_POLICY_PLAY_H

#include "test/policy/case.h"

struct play_probe {
	struct case_probe name;
	struct oracle_end from, to;
};

/* Called for every probe; @step counts from 0. */
typedef void play_fn(void *arg, int step, const json_t *lines, const struct oracle_world *w,
                     const struct play_probe *p);

/**
 * play_case() - Every probe of every step that has expectations, pod to pod and by all names in lines
 *
 * @expect:	false: also of steps without "expect" (the generator's, which is about to write them)
 * Return: number of probes, or -1 with the reason in @why.
 */
long play_case(const json_t *c, unsigned int families, bool expect, play_fn *fn, void *arg,
               char *why, size_t size);

#endif
