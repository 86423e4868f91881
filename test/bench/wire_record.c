/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire_record.c - write down what a process asks of the kernel, by ptrace(2)
 */
#include "test/bench/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS_MAX  64
#define DATA_MAX 65536

/* What a descriptor of the process is. */
struct seen_fd {
	int socket; /* number in the recording, -1: no netlink socket */
	char sysctl[128];
};

struct recorder {
	struct wire *w;
	pid_t pid;
	ino_t home;
	bool in_pod;
	struct seen_fd fd[FDS_MAX];
	struct __ptrace_syscall_info call; /* as it was entered */
};

static size_t peek(pid_t pid, uint64_t from, void *to, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)(uintptr_t)from, len };
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

static void peek_text(pid_t pid, uint64_t from, char *to, size_t size)
{
	size_t n = peek(pid, from, to, size - 1);

	to[n] = '\0';
}

static ino_t ns_of_fd(pid_t pid, uint64_t fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%llu", (int)pid, (unsigned long long)fd);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static struct wire_step *new_step(struct recorder *r, enum wire_kind kind, uint64_t data,
                                  size_t len)
{
	struct wire_step *s;

	if (r->w->n == WIRE_STEPS_MAX || len > DATA_MAX) {
		r->w->overflow = true;
		return NULL;
	}
	s = &r->w->step[r->w->n++];
	s->kind = kind;
	s->in_pod = r->in_pod;
	s->data = malloc(len + 1);
	s->len = s->data ? peek(r->pid, data, s->data, len) : 0;
	if (s->len != len)
		r->w->overflow = true;
	return s;
}

static struct seen_fd *known(struct recorder *r, uint64_t fd)
{
	return fd < FDS_MAX ? &r->fd[fd] : NULL;
}

static void on_entry(struct recorder *r)
{
	const uint64_t *arg = r->call.entry.args;
	struct seen_fd *fd = known(r, arg[0]);
	struct wire_step *s;

	switch (r->call.entry.nr) {
	case SYS_sendto:
		if (fd && fd->socket >= 0) {
			s = new_step(r, WIRE_SEND, arg[1], arg[2]);
			if (s)
				s->socket = (unsigned int)fd->socket;
		}
		break;
	case SYS_write:
		if (fd && *fd->sysctl) {
			s = new_step(r, WIRE_SYSCTL, arg[1], arg[2]);
			if (s)
				memcpy(s->path, fd->sysctl, sizeof(s->path));
		}
		break;
	case SYS_setns: {
		ino_t to = ns_of_fd(r->pid, arg[0]);

		r->in_pod = to != r->home;
		if (r->in_pod && r->w->netns_fd < 0)
			r->w->netns_fd = (int)arg[0];
		break;
	}
	case SYS_close:
		if (fd)
			*fd = (struct seen_fd) { .socket = -1 };
		break;
	default:
		break;
	}
}

static void opened_socket(struct recorder *r, struct seen_fd *fd)
{
	if (r->call.entry.args[0] != AF_NETLINK)
		return;
	if (r->w->n_sockets == WIRE_SOCKETS_MAX) {
		r->w->overflow = true;
		return;
	}
	fd->socket = (int)r->w->n_sockets;
	r->w->socket[r->w->n_sockets].protocol = (int)r->call.entry.args[2];
	r->w->socket[r->w->n_sockets++].in_pod = r->in_pod;
}

static void on_exit_of_call(struct recorder *r, int64_t result)
{
	struct seen_fd *fd = result >= 0 ? known(r, (uint64_t)result) : NULL;
	char path[128];

	if (!fd)
		return;
	switch (r->call.entry.nr) {
	case SYS_socket:
		*fd = (struct seen_fd) { .socket = -1 };
		opened_socket(r, fd);
		break;
#ifdef SYS_open
	case SYS_open:
#endif
	case SYS_openat:
		*fd = (struct seen_fd) { .socket = -1 };
		peek_text(r->pid, r->call.entry.args[r->call.entry.nr == SYS_openat ? 1 : 0], path,
		          sizeof(path));
		if (strncmp(path, "/proc/sys/", 10) == 0)
			memcpy(fd->sysctl, path, sizeof(path));
		break;
	default:
		break;
	}
}

static void on_stop(struct recorder *r)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, r->pid, (void *)sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		r->call = info;
		on_entry(r);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		on_exit_of_call(r, info.exit.rval);
	}
}

static void follow(struct recorder *r, struct plugin_run *run)
{
	int status, sig = 0;

	while (ptrace(PTRACE_SYSCALL, r->pid, NULL, (void *)(uintptr_t)sig) == 0 &&
	       waitpid(r->pid, &status, 0) == r->pid) {
		if (!WIFSTOPPED(status)) {
			run->rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			return;
		}
		sig = WSTOPSIG(status);
		if (sig == (SIGTRAP | 0x80)) {
			on_stop(r);
			sig = 0;
		} else if (sig == SIGTRAP || sig == SIGSTOP) {
			sig = 0;
		}
	}
}

__attribute__((noreturn)) static void child(const struct plugin_call *call, char **env,
                                            const int fd[static 3])
{
	char *argv[] = { strdup(call->path), NULL };

	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execve(call->path, argv, env);
	_exit(127);
}

int wire_record(const struct plugin_call *call, struct wire *ret, struct plugin_run *run)
{
	char **env = plugin_env(call);
	int fd[3] = { plugin_memfd(call->in ? call->in : "", call->in_len), plugin_memfd(NULL, 0),
		      plugin_memfd(NULL, 0) };
	static struct recorder r;
	struct stat home;
	int status, result = 0;

	memset(ret, 0, sizeof(*ret));
	memset(run, 0, sizeof(*run));
	ret->netns_fd = -1;
	run->rc = -1;
	r = (struct recorder) { .w = ret };
	for (size_t i = 0; i < FDS_MAX; i++)
		r.fd[i].socket = -1;
	r.home = stat("/proc/self/ns/net", &home) == 0 ? home.st_ino : 0;
	r.pid = fork();
	if (r.pid == 0)
		child(call, env, fd);
	if (r.pid < 0 || waitpid(r.pid, &status, 0) != r.pid ||
	    ptrace(PTRACE_SETOPTIONS, r.pid, NULL,
	           (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) < 0)
		result = -ECHILD;
	else
		follow(&r, run);
	run->out = plugin_slurp(fd[1], &run->out_len);
	run->err = plugin_slurp(fd[2], &run->err_len);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	plugin_env_free(env);
	return result < 0 ? result : ret->overflow ? -E2BIG : 0;
}

void wire_free(struct wire *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->step[i].data);
	w->n = 0;
}
