/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h - run one program: text into its stdin, its stdout into memory, all of it before a deadline
 */
#ifndef CNIDA_SPEC_CHILD_H
#define CNIDA_SPEC_CHILD_H

#include "base/err.h"

#include <stddef.h>

struct child_job {
	const char *path; /* of the program, which is also its only argument */
	char *const *env; /* NULL-terminated */
	const char *in;   /* what it reads; a program that does not want it all is no error */
	size_t in_len;
	size_t out_max; /* bytes of output that are accepted */
};

/* child_deadline() - CLOCK_MONOTONIC in milliseconds, @timeout_ms from now. */
long long child_deadline(unsigned int timeout_ms);

/**
 * child_run() - Run the program to its end, or kill its process group at the deadline
 * @deadline:	from child_deadline()
 * @ret_out:	its output, malloc'ed and terminated, also if it fails
 * @ret_status:	as from waitpid()
 *
 * It runs in a process group of its own, with our stderr, no other descriptor of ours, and dies when we die.
 * What outlives it (a daemon that it started and that holds its stdout) is not waited for.
 *
 * Return: 0 when it ended by itself; -ETXTBSY (and other values of execve()) if it could not be started;
 * -ETIMEDOUT with code 11; -E2BIG if it printed too much; another -errno.
 */
int child_run(const struct child_job *job, long long deadline, char **ret_out, int *ret_status,
              struct err *e);

#endif
