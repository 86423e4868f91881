/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_trace.h - run a plugin under ptrace(2): what it starts and how much memory it takes
 *
 * Every process of the tree is followed. Memory is the kernel's own high-water mark (VmHWM), read while the
 * process stands at its exit: unlike ru_maxrss it does not include what the caller had before the exec.
 */
#ifndef CNIDA_TEST_PLUGIN_TRACE_H
#define CNIDA_TEST_PLUGIN_TRACE_H

#include "test/lib/plugin_exec.h"

#define TRACE_EXECS_MAX 96

struct plugin_trace {
	struct plugin_run run; /* without wall time, CPU time and maxrss */
	unsigned int execs; /* successful execve(2) of the whole tree, the plugin itself included */
	unsigned int forks; /* fork, vfork, and clone of a process */
	unsigned int threads;                 /* clone of a thread */
	char exec_names[TRACE_EXECS_MAX][32]; /* file names of what was exec'ed, in order */
	long peak_kb;                         /* of the plugin's own process */
	unsigned int stops; /* entries and ends of system calls, if kill_stops is set */
	long tree_peak_kb;  /* largest sum over processes that lived at the same time */
};

/**
 * plugin_trace() - Run a plugin to its end under ptrace
 *
 * Only for programs without other children of their own while it runs; not thread-safe.
 *
 * Return: 0 if it ran, -errno if it could not be started or traced.
 */
int plugin_trace(const struct plugin_call *call, struct plugin_trace *ret);
void plugin_trace_free(struct plugin_trace *trace);

#endif
