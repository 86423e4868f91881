/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_exec.c - run a CNI plugin the way a runtime does, and see everything that comes out
 */
#include "test/lib/plugin_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENV_MAX 64

/* Upstream's bridge runs iptables by name. */
#define PLUGIN_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stdio {
	int in, out, err, in_peer;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int plugin_memfd(const void *bytes, size_t len)
{
	const char *p = bytes;
	int fd = memfd_create("plugin", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0) {
			int no = errno;

			close(fd);
			return -no;
		}
		p += n;
		len -= (size_t)n;
	}
	if (bytes)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

char *plugin_slurp(int fd, size_t *ret_len)
{
	struct stat st;
	size_t len = 0, size;
	char *text;

	if (fstat(fd, &st) < 0)
		return NULL;
	size = st.st_size < (off_t)PLUGIN_OUTPUT_MAX ? (size_t)st.st_size : PLUGIN_OUTPUT_MAX;
	text = malloc(size + 1);
	if (!text)
		return NULL;
	while (len < size) {
		ssize_t n = pread(fd, text + len, size - len, (off_t)len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret_len = len;
	return text;
}

static int env_add(char **env, size_t *n, const char *key, const char *value)
{
	if (!value)
		return 0;
	if (*n >= ENV_MAX)
		return -E2BIG;
	if (asprintf(&env[*n], "%s=%s", key, value) < 0) {
		env[*n] = NULL;
		return -ENOMEM;
	}
	++*n;
	return 0;
}

/* The sanitizers' options are for the plugin, everything else of our environment is not. */
static int env_inherit(char **env, size_t *n)
{
	static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
	int r = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++)
		r = env_add(env, n, names[i], getenv(names[i]));
	return r;
}

char **plugin_env(const struct plugin_call *call)
{
	const struct {
		const char *key, *value;
	} vars[] = {
		{ "CNI_COMMAND", call->command }, { "CNI_CONTAINERID", call->container_id },
		{ "CNI_NETNS", call->netns },     { "CNI_IFNAME", call->ifname },
		{ "CNI_ARGS", call->args },       { "CNI_PATH", call->cni_path },
	};
	char **env = calloc(ENV_MAX + 1, sizeof(*env));
	size_t n = 0;
	int r;

	if (!env)
		return NULL;
	r = env_inherit(env, &n);
	for (size_t i = 0; i < sizeof(vars) / sizeof(vars[0]) && r == 0; i++)
		r = env_add(env, &n, vars[i].key, vars[i].value);
	for (size_t i = 0; call->env && call->env[i] && r == 0; i++) {
		r = n < ENV_MAX ? 0 : -E2BIG;
		if (r == 0)
			env[n++] = strdup(call->env[i]);
	}
	if (r == 0 && n < ENV_MAX)
		env[n++] = strdup(PLUGIN_PATH);
	if (r < 0) {
		plugin_env_free(env);
		return NULL;
	}
	return env;
}

void plugin_env_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

static void stdio_close(struct stdio *s)
{
	close_fd(&s->in);
	close_fd(&s->in_peer);
	close_fd(&s->out);
	close_fd(&s->err);
}

static int stdio_open(const struct plugin_call *call, struct stdio *s)
{
	int p[2];

	*s = (struct stdio) { -1, -1, -1, -1 };
	if (call->stdin_kind == PLUGIN_STDIN_FILE) {
		s->in = plugin_memfd(call->in ? call->in : "", call->in_len);
		if (s->in < 0)
			return s->in;
	} else if (call->stdin_kind == PLUGIN_STDIN_SILENT) {
		if (pipe2(p, O_CLOEXEC) < 0)
			return -errno;
		s->in = p[0];
		s->in_peer = p[1];
	}
	s->out = plugin_memfd(NULL, 0);
	s->err = plugin_memfd(NULL, 0);
	if (s->out < 0 || s->err < 0) {
		stdio_close(s);
		return -EMFILE;
	}
	return 0;
}

/* Its own process group (to kill helpers too), default signals, our three files. */
static int spawn(const struct plugin_call *call, const struct stdio *s, char **env, pid_t *ret)
{
	const char *const just_path[] = { call->path, NULL };
	const char *const *argv = call->argv ? call->argv : just_path;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	union {
		const char *const *in;
		char *const *out;
	} arg = {
		.in = argv
	}; /* posix_spawn() does not write to it, but its type does not say so */
	int r;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawn_file_actions_init(&fa);
	if (s->in >= 0)
		posix_spawn_file_actions_adddup2(&fa, s->in, STDIN_FILENO);
	else
		posix_spawn_file_actions_addclose(&fa, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, s->out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&fa, s->err, STDERR_FILENO);
	r = posix_spawn(ret, call->path, &fa, &attr, arg.out, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return -r;
}

/* Wait for the process, at most until the deadline, or until it shall die. */
static void reap(const struct plugin_call *call, pid_t pid, struct plugin_run *ret)
{
	unsigned int ms = call->deadline_ms ? call->deadline_ms : PLUGIN_DEADLINE_MS;
	uint64_t ns = call->kill_us ? call->kill_us * 1000ULL : ms * 1000000ULL;
	struct timespec wait = { (time_t)(ns / 1000000000U), (long)(ns % 1000000000U) };
	int status = 0, pidfd = pidfd_open(pid, 0), n;
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	struct rusage ru = { 0 };

	do
		n = ppoll(&p, 1, &wait, NULL);
	while (n < 0 && errno == EINTR);
	if (n == 0) {
		ret->late = !call->kill_us;
		kill(-pid, SIGKILL);
	}
	while (wait4(pid, &status, 0, &ru) < 0 && errno == EINTR)
		;
	close_fd(&pidfd);
	ret->rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ret->maxrss_kb = ru.ru_maxrss;
	ret->cpu_us = (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000U +
	              (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

int plugin_exec(const struct plugin_call *call, struct plugin_run *ret)
{
	char **env = plugin_env(call);
	struct stdio s;
	uint64_t start;
	pid_t pid;
	int r;

	*ret = (struct plugin_run) { .rc = -1 };
	if (!env)
		return -ENOMEM;
	r = stdio_open(call, &s);
	if (r < 0) {
		plugin_env_free(env);
		return r;
	}
	start = now_ns();
	r = spawn(call, &s, env, &pid);
	if (r == 0) {
		reap(call, pid, ret);
		ret->wall_ns = now_ns() - start;
		ret->out = plugin_slurp(s.out, &ret->out_len);
		ret->err = plugin_slurp(s.err, &ret->err_len);
		ret->in_read = call->stdin_kind == PLUGIN_STDIN_FILE ? lseek(s.in, 0, SEEK_CUR) : 0;
		if (!ret->out || !ret->err)
			r = -ENOMEM;
	}
	stdio_close(&s);
	plugin_env_free(env);
	return r;
}

void plugin_run_free(struct plugin_run *run)
{
	free(run->out);
	free(run->err);
	run->out = run->err = NULL;
	run->out_len = run->err_len = 0;
}
