/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * generate.h - cases that a program writes: suites "cyclonus" and "large"
 */
#ifndef CNIDA_TEST_POLICY_GENERATE_H
#define CNIDA_TEST_POLICY_GENERATE_H

#include <jansson.h>

/* Where cases go, and how many there were. Every function ends the program when it cannot go on. */
struct output {
	const char *folder; /* that of all suites */
	const char *suite;
	const char *family; /* of cases inside the suite; part of the file's name */
	unsigned int cases, steps;
	unsigned int of_family; /* cases since begin_family() */
};

/* give_up() - End the program with a message. */
void give_up(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* begin_family() - The cases that follow belong to it; complains if the previous one did not have @expected cases. */
void begin_family(struct output *o, const char *family);
void end_family(const struct output *o, unsigned int expected);

/**
 * write_case() - One case: three namespaces with three pods each, and these steps; "expect" comes from the oracle
 *
 * @steps:	stolen
 */
void write_case(struct output *o, const char *name, json_t *steps);

/* write_whole_case() - The same with namespaces and pods of its own. @c is stolen. */
void write_whole_case(struct output *o, json_t *c);

/* json() - A value from a text with printf's conversions; " may be written as '. */
json_t *json(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* derive_lines() - Put "expect" into every step, from the oracle. Return: 0, or -1 with a message printed. */
int derive_lines(json_t *c);

void cyclonus(struct output *o);
void large(struct output *o);

#endif
