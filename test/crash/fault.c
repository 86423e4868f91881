/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault.c - run a command and let it die at, or be refused, one of its system calls (ptrace(2))
 *
 * Up to the fault the command stops twice per call. Then it goes on untraced, but for its end: so a fault early in
 * the run costs little. Only the first thread is traced; cnida has no other.
 */
#include "test/crash/fault.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- registers ----------------------------------------------------------------------------------- */

/* Refused by the kernel with ENOSYS, whatever the processor. */
#define NO_CALL (-1)

#if defined(__x86_64__)

bool fault_supported(void)
{
	return true;
}

static int poke(pid_t pid, size_t offset, long value)
{
	return ptrace(PTRACE_POKEUSER, pid, (void *)offset, (void *)value) < 0 ? -errno : 0;
}

static int skip_call(pid_t pid)
{
	return poke(pid, offsetof(struct user_regs_struct, orig_rax), NO_CALL);
}

static int set_return(pid_t pid, int error)
{
	return poke(pid, offsetof(struct user_regs_struct, rax), -error);
}

#elif defined(__aarch64__)

#	ifndef NT_ARM_SYSTEM_CALL
#		define NT_ARM_SYSTEM_CALL 0x404
#	endif

bool fault_supported(void)
{
	return true;
}

static int skip_call(pid_t pid)
{
	int nr = NO_CALL;
	struct iovec iov = { &nr, sizeof(nr) };

	return ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &iov) < 0 ? -errno : 0;
}

static int set_return(pid_t pid, int error)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0)
		return -errno;
	regs.regs[0] = (unsigned long)-error;
	return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0 ? -errno : 0;
}

#else

bool fault_supported(void)
{
	return false;
}

static int skip_call(pid_t pid)
{
	(void)pid;
	return -ENOSYS;
}

static int set_return(pid_t pid, int error)
{
	(void)pid;
	(void)error;
	return -ENOSYS;
}

#endif

static bool can_fail(unsigned long nr)
{
	switch (nr) {
	case SYS_exit_group:
	case SYS_exit:
	case SYS_set_tid_address:
	case SYS_rt_sigreturn:
#ifdef SYS_arch_prctl
	case SYS_arch_prctl:
#endif
		return false;
	default:
		return true;
	}
}

/* ---- the run ------------------------------------------------------------------------------------- */

struct run {
	pid_t pid;
	const struct fault *fault;
	struct faulted *ret;
	bool inside;          /* of a system call */
	bool started;         /* execve(2) has returned */
	bool over;            /* nothing more to be done to it */
	bool refusing, dying; /* where the call returns */
	unsigned int matches;
	int broken;             /* -errno */
	int seconds;            /* of which it was asked */
	unsigned long long ran; /* ns of processor time by then */
};

/* Seconds since the start. */
static volatile sig_atomic_t seconds;

static void on_alarm(int sig)
{
	(void)sig;
	seconds++;
}

/* ns; less than what somebody who waits for something needs is nothing. */
#define PROGRESS 20000000ULL

/* Asked once a second. */
static bool is_late(struct run *r)
{
	unsigned long long before = r->ran;
	char path[64];
	FILE *f;

	if (seconds == r->seconds)
		return false;
	r->seconds = seconds;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)r->pid);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%llu", &r->ran) != 1)
			r->ran = before;
		fclose(f);
	}
	return seconds >= FAULT_PATIENCE_S ||
	       (seconds >= FAULT_DEADLINE_S && r->ran - before < PROGRESS);
}

static void describe(struct run *r, unsigned long *ret_nr)
{
	struct __ptrace_syscall_info info = { 0 };
	unsigned long args[6];

	if (ptrace(PTRACE_GET_SYSCALL_INFO, r->pid, (void *)sizeof(info), &info) < 0) {
		r->broken = -errno;
		return;
	}
	*ret_nr = info.entry.nr;
	for (int i = 0; i < 6; i++)
		args[i] = info.entry.args[i];
	call_describe(r->pid, info.entry.nr, args, r->ret->call, sizeof(r->ret->call));
}

static void die(struct run *r)
{
	r->ret->hit = r->over = true;
	(void)kill(r->pid, SIGKILL);
}

/* Is this the call? */
static bool is_it(struct run *r, unsigned long *ret_nr)
{
	r->ret->calls++;
	if (r->fault->kind == FAULT_NONE || (!r->fault->call && r->ret->calls != r->fault->n))
		return false;
	describe(r, ret_nr);
	if (!r->fault->call)
		return true;
	r->matches += strstr(r->ret->call, r->fault->call) != NULL;
	return r->matches == r->fault->n && strstr(r->ret->call, r->fault->call);
}

static void at_entry(struct run *r)
{
	unsigned long nr = 0;

	if (!is_it(r, &nr))
		return;
	if (r->fault->kind == FAULT_KILL_BEFORE) {
		die(r);
	} else if (r->fault->kind == FAULT_KILL_AFTER) {
		r->dying = true;
	} else {
		r->refusing = can_fail(nr);
		r->over = !r->refusing;
		/* close(2) gives the descriptor back whatever it returns. */
		if (r->refusing && nr != SYS_close)
			r->broken = skip_call(r->pid);
	}
}

static void at_return(struct run *r)
{
	if (r->refusing) {
		r->broken = set_return(r->pid, r->fault->error);
		r->ret->hit = r->over = true;
		r->refusing = false;
	} else if (r->dying) {
		die(r);
	}
}

/* What to deliver to it when it goes on. */
static int on_stop(struct run *r, int status)
{
	int sig = WSTOPSIG(status);

	if (sig != (SIGTRAP | 0x80))
		return sig == SIGTRAP || sig == SIGSTOP ? 0 : sig;
	/* The first stop is the end of execve(2). */
	if (!r->started) {
		r->started = true;
		return 0;
	}
	r->inside = !r->inside;
	if (r->inside)
		at_entry(r);
	else
		at_return(r);
	return 0;
}

static void ended(const struct run *r, int status)
{
	r->ret->run.rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	r->ret->run.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void follow(struct run *r)
{
	int status, sig;

	for (;;) {
		pid_t pid = waitpid(r->pid, &status, __WALL);

		if (is_late(r)) {
			r->ret->run.late = true;
			(void)kill(r->pid, SIGKILL);
		}
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		if (!WIFSTOPPED(status)) {
			ended(r, status);
			return;
		}
		sig = on_stop(r, status);
		if (r->broken < 0)
			(void)kill(r->pid, SIGKILL);
		(void)ptrace(r->over ? PTRACE_CONT : PTRACE_SYSCALL, r->pid, NULL,
		             (void *)(uintptr_t)sig);
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

	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execve(call->path, arg.out, env);
	_exit(127);
}

/* On a busy machine the timer may be faster. */
static bool stops(pid_t pid)
{
	pid_t found;
	int status;

	do
		found = waitpid(pid, &status, __WALL);
	while (found < 0 && errno == EINTR);
	return found == pid && WIFSTOPPED(status);
}

/* Up to the stop that tells of its execve(2). */
static int start(pid_t pid)
{
	static const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD;

	if (!stops(pid) || ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0 ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL) < 0)
		return -ECHILD;
	if (!stops(pid))
		return -ENOEXEC;
	return ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 ? -errno : 0;
}

static int trace(struct run *r)
{
	const struct itimerval off = { 0 },
			       timer = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	struct sigaction alarm = { .sa_handler = on_alarm }, old;
	int ret;

	seconds = 0;
	sigaction(SIGALRM, &alarm, &old);
	setitimer(ITIMER_REAL, &timer, NULL);
	ret = start(r->pid);
	if (ret == 0) {
		follow(r);
		ret = r->broken;
	} else {
		(void)kill(r->pid, SIGKILL);
		(void)waitpid(r->pid, NULL, __WALL);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	return ret;
}

int fault_run(const struct plugin_call *call, const struct fault *fault, struct faulted *ret)
{
	struct run r = { .fault = fault, .ret = ret };
	char **env = plugin_env(call);
	int fd[3] = { plugin_memfd(call->in ? call->in : "", call->in_len), plugin_memfd(NULL, 0),
		      plugin_memfd(NULL, 0) };
	int err = -ENOMEM;

	memset(ret, 0, sizeof(*ret));
	ret->run.rc = -1;
	if (env && fd[0] >= 0 && fd[1] >= 0 && fd[2] >= 0) {
		r.pid = fork();
		if (r.pid == 0)
			child(call, env, fd);
		err = r.pid < 0 ? -errno : trace(&r);
		ret->run.out = plugin_slurp(fd[1], &ret->run.out_len);
		ret->run.err = plugin_slurp(fd[2], &ret->run.err_len);
	}
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	plugin_env_free(env);
	return err;
}
