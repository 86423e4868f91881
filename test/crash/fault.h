/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault.h - run a command and let it die at, or be refused, one of its system calls (ptrace(2))
 *
 * System calls are counted from 1, from the first after execve(2) on. What the command did before the fault is done, and
 * nothing after it: the kernel sees a call that is entered by a dying process no more than one that is refused.
 */
#ifndef CNIDA_TEST_CRASH_FAULT_H
#define CNIDA_TEST_CRASH_FAULT_H

#include "test/lib/plugin_exec.h"

#include <stdbool.h>

/* Then it must have ended, unless the machine is so busy that it has not come so far: as long as it gets processor time. */
#define FAULT_DEADLINE_S 5
#define FAULT_PATIENCE_S 30

enum fault_kind {
	FAULT_NONE,
	FAULT_KILL_BEFORE, /* SIGKILL where call n is entered: it does not happen */
	FAULT_KILL_AFTER,  /* SIGKILL where it returns */
	FAULT_ERROR, /* it does not happen (close(2) does, as always) and returns -error; the command goes on */
};

struct fault {
	enum fault_kind kind;
	unsigned int n;
	int error;
	const char *call; /* count only calls whose description has this in it; NULL: all */
};

struct faulted {
	struct plugin_run run; /* .late: it did not end in time */
	bool hit;              /* the fault happened */
	unsigned int calls;    /* made (all of them), up to the fault; without one to the end */
	char call[192];        /* the one that was hit: name and arguments in short */
};

/**
 * fault_run() - Run a command to its end, with one fault
 *
 * FAULT_ERROR skips calls that cannot fail, or whose failure the C library answers with death before main(): exit_group(2) and
 * what sets up the thread. They are not hit. Only for callers without other children.
 *
 * Return: 0 if it ran, -errno if it could not be started or traced. plugin_run_free(&ret->run) in any case.
 */
int fault_run(const struct plugin_call *call, const struct fault *fault, struct faulted *ret);

/* fault_supported() - Can this machine's processor be made to skip a system call? */
bool fault_supported(void);

/* call_describe() - A system call of a stopped process, for people. */
void call_describe(int pid, unsigned long nr, const unsigned long args[static 6], char *ret,
                   size_t size);

#endif
