/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_trace.c - run a plugin under ptrace(2): what it starts and how much memory it takes
 *
 * The child stops itself before the exec, so that nothing of the plugin runs untraced. Threads and processes
 * that it makes are attached by the kernel (PTRACE_O_TRACE*); each stops once on its own (SIGSTOP), which may be
 * seen before or after the event in its parent.
 */
#include "test/lib/plugin_trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRACEES_MAX 512

/* A thread group that has exec'ed: its memory counts from then on. */
struct tracer {
	struct plugin_trace *t;
	pid_t root;
	unsigned int stops, kill_stops; /* at ends of system calls; 0: these are not looked at */
	pid_t live[TRACEES_MAX];
	size_t n_live;
};

static volatile sig_atomic_t deadline_passed;

static void on_alarm(int sig)
{
	(void)sig;
	deadline_passed = 1;
}

/* A number of /proc/<tid>/status ("Tgid", "VmHWM"), -1 if it has none. */
static long status_field(pid_t tid, const char *key)
{
	char path[64], line[256];
	long value = -1;
	size_t n = strlen(key);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, n) == 0 && line[n] == ':') {
			value = strtol(line + n + 1, NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return value;
}

static void exec_name(pid_t pid, char ret[static 32])
{
	char path[64], target[4096];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	base = strrchr(target, '/');
	snprintf(ret, 32, "%.31s", base ? base + 1 : target);
}

static void seen_exec(struct tracer *tr, pid_t pid)
{
	if (tr->t->execs < TRACE_EXECS_MAX)
		exec_name(pid, tr->t->exec_names[tr->t->execs]);
	tr->t->execs++;
	for (size_t i = 0; i < tr->n_live; i++)
		if (tr->live[i] == pid)
			return;
	if (tr->n_live < TRACEES_MAX)
		tr->live[tr->n_live++] = pid;
}

/* A thread is about to end. The memory is still there: add up what lives now. */
static void seen_exit(struct tracer *tr, pid_t tid)
{
	long tgid = status_field(tid, "Tgid"), sum = 0;
	size_t gone = tr->n_live;

	for (size_t i = 0; i < tr->n_live; i++) {
		long kb = status_field(tr->live[i], "VmHWM");

		sum += kb > 0 ? kb : 0;
		if (tr->live[i] == tr->root && kb > tr->t->peak_kb)
			tr->t->peak_kb = kb;
		if (tr->live[i] == tid && tgid == tid)
			gone = i;
	}
	if (sum > tr->t->tree_peak_kb)
		tr->t->tree_peak_kb = sum;
	if (gone < tr->n_live)
		tr->live[gone] = tr->live[--tr->n_live];
}

/* Is the new task, shown by an event of its parent, a process of its own? */
static void seen_clone(struct tracer *tr, pid_t parent)
{
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child) < 0)
		return;
	if (status_field((pid_t)child, "Tgid") == (long)child)
		tr->t->forks++;
	else
		tr->t->threads++;
}

/* What to deliver to the task when it goes on. */
static int on_stop(struct tracer *tr, pid_t tid, int status)
{
	int sig = WSTOPSIG(status);

	if (sig == (SIGTRAP | 0x80)) {
		if (++tr->stops == tr->kill_stops)
			kill(-tr->root, SIGKILL);
		return 0;
	}
	switch ((unsigned int)status >> 16) {
	case PTRACE_EVENT_EXEC:
		seen_exec(tr, tid);
		return 0;
	case PTRACE_EVENT_EXIT:
		seen_exit(tr, tid);
		return 0;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		tr->t->forks++;
		return 0;
	case PTRACE_EVENT_CLONE:
		seen_clone(tr, tid);
		return 0;
	default:
		return sig == SIGSTOP || sig == SIGTRAP ? 0 : sig;
	}
}

static void follow(struct tracer *tr)
{
	const enum __ptrace_request go = tr->kill_stops ? PTRACE_SYSCALL : PTRACE_CONT;
	int status;
	pid_t tid;

	for (;;) {
		tid = waitpid(-1, &status, __WALL);
		if (deadline_passed && !tr->t->run.late) {
			tr->t->run.late = true;
			kill(-tr->root, SIGKILL);
		}
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			return;
		if (WIFSTOPPED(status)) {
			int sig = on_stop(tr, tid, status);

			(void)ptrace(go, tid, NULL, (void *)(uintptr_t)sig);
		} else if (tid == tr->root) {
			tr->t->run.rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			tr->t->run.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		}
	}
}

__attribute__((noreturn)) static void child(const struct plugin_call *call, char **env,
                                            const int fd[static 3])
{
	const char *const just_path[] = { call->path, NULL };
	union {
		const char *const *in;
		char *const *out;
	} arg = { .in = call->argv ? call->argv : just_path };

	setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execve(call->path, arg.out, env);
	_exit(127);
}

static int trace_pid(const struct plugin_call *call, pid_t pid, struct plugin_trace *ret)
{
	static const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
	                            PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
	                            PTRACE_O_TRACESYSGOOD;
	unsigned int ms = call->deadline_ms ? call->deadline_ms : PLUGIN_DEADLINE_MS;
	struct itimerval timer = { .it_interval.tv_sec = 1,
		                   .it_value = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 } };
	struct itimerval off = { 0 };
	struct sigaction alarm = { .sa_handler = on_alarm }, old;
	struct tracer *tr = calloc(1, sizeof(*tr));
	int status, r = 0;

	if (!tr)
		return -ENOMEM;
	tr->t = ret;
	tr->root = pid;
	tr->kill_stops = call->kill_stops;
	deadline_passed = 0;
	sigaction(SIGALRM, &alarm, &old);
	setitimer(ITIMER_REAL, &timer, NULL);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0) {
		r = -ECHILD;
		kill(pid, SIGKILL);
		(void)waitpid(pid, &status, __WALL);
	} else {
		(void)ptrace(PTRACE_CONT, pid, NULL, NULL);
		follow(tr);
		ret->stops = tr->stops;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	free(tr);
	return r;
}

int plugin_trace(const struct plugin_call *call, struct plugin_trace *ret)
{
	char **env = plugin_env(call);
	int fd[3] = { plugin_memfd(call->in ? call->in : "", call->in_len), plugin_memfd(NULL, 0),
		      plugin_memfd(NULL, 0) };
	int r = -ENOMEM;
	pid_t pid;

	memset(ret, 0, sizeof(*ret));
	ret->run.rc = -1;
	if (env && fd[0] >= 0 && fd[1] >= 0 && fd[2] >= 0) {
		pid = fork();
		if (pid == 0)
			child(call, env, fd);
		r = pid < 0 ? -errno : trace_pid(call, pid, ret);
		ret->run.out = plugin_slurp(fd[1], &ret->run.out_len);
		ret->run.err = plugin_slurp(fd[2], &ret->run.err_len);
	}
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	plugin_env_free(env);
	return r;
}

void plugin_trace_free(struct plugin_trace *trace)
{
	plugin_run_free(&trace->run);
}
