/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_exec.h - run a CNI plugin the way a runtime does, and see everything that comes out
 *
 * The same few system calls for every plugin, whoever made it: standard input, output and error are anonymous
 * files that exist before the clock starts, so the caller neither copies nor polls pipes while the plugin runs.
 * A plugin gets a process group of its own, and the whole group is killed at the deadline.
 *
 * Safe to use from several threads at once.
 */
#ifndef CNIDA_TEST_PLUGIN_EXEC_H
#define CNIDA_TEST_PLUGIN_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PLUGIN_DEADLINE_MS 10000U
/* Of stdout and of stderr; what is beyond is dropped. */
#define PLUGIN_OUTPUT_MAX ((size_t)(16U << 20))

enum plugin_stdin {
	PLUGIN_STDIN_FILE,   /* the bytes of .in, then end of file */
	PLUGIN_STDIN_SILENT, /* a pipe that stays open and says nothing: who reads it hangs */
	PLUGIN_STDIN_CLOSED, /* no descriptor 0 */
};

/* One invocation. A NULL variable is absent from the environment, "" is there and empty. */
struct plugin_call {
	const char *path;        /* executable */
	const char *const *argv; /* NULL-terminated, with argv[0]; NULL: just the path */
	const char *command, *container_id, *netns, *ifname, *args, *cni_path;
	const char *const *env; /* further "K=V", NULL-terminated; NULL: none */
	const void *in;
	size_t in_len;
	enum plugin_stdin stdin_kind;
	unsigned int deadline_ms; /* 0: PLUGIN_DEADLINE_MS */
	/* Death half-way, as by a runtime's time-out (SIGKILL). 0: none */
	unsigned int kill_us;    /* plugin_exec(): so long after the start */
	unsigned int kill_stops; /* plugin_trace(): at the N-th entry or end of a system call */
};

struct plugin_run {
	int rc;     /* exit code, -1 if killed by a signal */
	int signal; /* that killed it, 0 if it exited */
	bool late;  /* killed by us at the deadline */
	char *out;  /* stdout, terminated */
	size_t out_len;
	char *err; /* stderr, terminated */
	size_t err_len;
	off_t in_read;    /* bytes of .in that were read (PLUGIN_STDIN_FILE) */
	uint64_t wall_ns; /* from just before the spawn to after the wait */
	uint64_t cpu_us;  /* user and system time, with the children that it waited for */
	long maxrss_kb; /* getrusage(2)'s: never below the caller's own, which a child shares until it
			   * execs; plugin_trace() measures it without that floor */
};

/**
 * plugin_exec() - Run a plugin to its end
 * @ret:	what came out; free with plugin_run_free(), also after a failure
 *
 * Return: 0 if it ran (however it ended), -errno if it could not be started.
 */
int plugin_exec(const struct plugin_call *call, struct plugin_run *ret);
void plugin_run_free(struct plugin_run *run);
#define _cleanup_run_ __attribute__((cleanup(plugin_run_free)))

/* For plugin_trace(): the environment of a call as a NULL-terminated array; free with plugin_env_free(). NULL: no memory. */
char **plugin_env(const struct plugin_call *call);
void plugin_env_free(char **env);

/* An anonymous file holding the bytes, at its start; plugin_slurp() is the reverse. -errno; NULL. */
int plugin_memfd(const void *bytes, size_t len);
char *plugin_slurp(int fd, size_t *ret_len);

#endif
