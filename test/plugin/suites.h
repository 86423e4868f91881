/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * suites.h - the black-box suites of a plugin folder; main.c runs each in a process of its own
 */
#ifndef CNIDA_TEST_PLUGIN_SUITES_H
#define CNIDA_TEST_PLUGIN_SUITES_H

#include "test/lib/plugin_suite.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* For suite_random(), from the command line; 0: its own choice. */
struct random_options {
	uint64_t seed;
	unsigned int count;   /* sequences */
	unsigned int workers; /* 1: the node is looked at after each sequence */
};
extern struct random_options random_options;

void suite_errors(struct suite *s); /* every refusal, to the letter */
/* Garbage of all kinds: always an answer, nothing left. */
void suite_malformed_bridge(struct suite *s);
void suite_malformed_cnida(struct suite *s);
void suite_malformed_ptp(struct suite *s);
void suite_malformed_ipam(struct suite *s);
void suite_processes(struct suite *s); /* one exec, no fork */
/* DEL in every condition takes everything away. */
void suite_leaks_bridge(struct suite *s);
void suite_leaks_cnida(struct suite *s);
void suite_leaks_ptp(struct suite *s);
/* CHECK finds every change, and only faults. */
void suite_check_bridge(struct suite *s);
void suite_check_cnida(struct suite *s);
void suite_check_ptp(struct suite *s);
void suite_random(
	struct suite *s); /* killed at random, by several callers at once: nothing is left */
void suite_versions(struct suite *s); /* results, CHECK and GC in all protocol versions */

#endif
