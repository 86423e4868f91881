/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_child.c - plugins that take or print much, that hang, that outlive us or their pipes
 */
#include "plugin_folder.h"

#include "base/cleanup.h"
#include "spec/child.h"
#include "spec/delegate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONFIG "{\"cniVersion\":\"1.0.0\",\"name\":\"n1\"}"

/* More than a pipe holds in both directions at once, and plugins that stop reading half way. */
Test(child, large, .init = folder_make, .fini = folder_remove)
{
	static const struct {
		const char *name, *script;
		size_t in, out;
		int r;
	} rows[] = {
		{ "both ways", "cat", 1000000, 1000000, 0 },
		{ "output first", "head -c 300000 /dev/zero; cat >/dev/null", 300000, 300000, 0 },
		{ "does not read", "echo x", 1000000, 2, 0 },
		{ "reads a little", "head -c 10", 1000000, 10, 0 },
		{ "as much as may be", "head -c 4194304 /dev/zero", 0, DELEGATE_OUTPUT_MAX, 0 },
		{ "too much", "head -c 4194305 /dev/zero", 0, 0, -E2BIG },
		{ "without end", "cat /dev/zero", 0, 0, -E2BIG },
	};
	_cleanup_free_ char *text = malloc(1000001);

	cr_assert(text, "out of memory");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *out = NULL;
		struct request req = folder_request("", 0);
		struct err e = { 0 };
		int r;

		memset(text, 'a', rows[i].in);
		text[rows[i].in] = '\0';
		req.text = text;
		req.text_len = rows[i].in;
		folder_script(rows[i].script);
		r = delegate_exec(&req, "plugin", CNI_ADD, 10000, &out, &e);
		cr_assert(r == rows[i].r, "%s: expected %d, found %d (%s)", rows[i].name, rows[i].r,
		          r, e.msg);
		folder_no_child(rows[i].name);
		if (r == 0 && rows[i].in == rows[i].out)
			cr_assert(strlen(out) == rows[i].out || out[0] == '\0',
			          "%s: found %zu bytes", rows[i].name, strlen(out));
		if (r == 0 && rows[i].out <= 10)
			cr_assert(strlen(out) == rows[i].out, "%s: found %zu bytes", rows[i].name,
			          strlen(out));
	}
}

/* Run the plugin with our end of a pipe as its stderr, which ends when the last process that holds it has gone. */
static int exec_with_stderr(const struct request *req, unsigned int timeout_ms, char **ret_out,
                            int *ret_gone, struct err *e)
{
	int ends[2], keep = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100), r;

	cr_assert(keep >= 0 && pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	(void)dup2(ends[1], STDERR_FILENO);
	(void)close(ends[1]);
	r = delegate_exec(req, "plugin", CNI_ADD, timeout_ms, ret_out, e);
	(void)dup2(keep, STDERR_FILENO);
	(void)close(keep);
	*ret_gone = ends[0];
	return r;
}

/* True if nobody holds the other end any more. */
static bool all_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 5000) == 1 && read(fd, &c, 1) == 0;
}

Test(child, deadline, .init = folder_make, .fini = folder_remove)
{
	static const struct {
		const char *name, *script;
	} rows[] = {
		{ "sleeps", "exec sleep 20" },
		{ "its child sleeps", "(sleep 20; :) & wait" },
		{ "ignores signals", "trap '' TERM INT HUP; while :; do sleep 20; done" },
		{ "stdout closed, still there", "exec 1>&-; sleep 20" },
		{ "prints all the time", "while :; do echo x; sleep 0.01; done" },
	};
	struct request req = folder_request(CONFIG, strlen(CONFIG));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *out = NULL;
		_cleanup_close_ int gone = -1;
		struct err e = { 0 };
		long long start = child_deadline(0), took;
		char expected[PATH_MAX + 96];
		int r;

		folder_script(rows[i].script);
		r = exec_with_stderr(&req, 150, &out, &gone, &e);
		took = child_deadline(0) - start;
		cr_assert(r == -ETIMEDOUT && e.code == CNI_E_TRY_AGAIN && !out,
		          "%s: expected %d and code 11, found %d and code %d (%s)", rows[i].name,
		          -ETIMEDOUT, r, e.code, e.msg);
		(void)snprintf(expected, sizeof(expected),
		               "%s did not answer in time and was killed", folder_path("plugin"));
		cr_assert_str_eq(e.msg, expected, "%s: found %s", rows[i].name, e.msg);
		cr_assert(took >= 149 && took < 5000, "%s: expected 150 ms, found %lld",
		          rows[i].name, took);
		folder_no_child(rows[i].name);
		cr_assert(all_gone(gone), "%s: something of the plugin outlived it", rows[i].name);
	}
}

/* With 0 to 2 closed, the pipes to the plugin get those numbers at first. */
Test(child, without_standard_streams, .init = folder_make, .fini = folder_remove)
{
	_cleanup_free_ char *out = NULL;
	struct request req = folder_request(CONFIG, strlen(CONFIG));
	struct err e = { 0 };
	int keep[3], r;

	folder_script("cat");
	for (int fd = 0; fd < 3; fd++) {
		keep[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
		(void)close(fd);
	}
	r = delegate_exec(&req, "plugin", CNI_ADD, 5000, &out, &e);
	for (int fd = 0; fd < 3; fd++) {
		if (keep[fd] < 0)
			continue;
		(void)dup2(keep[fd], fd);
		(void)close(keep[fd]);
	}
	cr_assert(r == 0, "expected 0, found %d (%s)", r, e.msg);
	cr_assert_str_eq(out, CONFIG, "found %s", out);
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

Test(child, leaves_no_trace, .init = folder_make, .fini = folder_remove)
{
	static const char *const scripts[] = { "cat", "exit 1", "exec sleep 20", "cat /dev/zero",
		                               "exec 0<&-; sleep 0.28" };
	static char big[200001];
	struct request req = folder_request("", 0);
	sigset_t before = { 0 }, after = { 0 }, pending;
	int fds = count_fds();

	memset(big, 'a', sizeof(big) - 1);
	req.text = big;
	req.text_len = sizeof(big) - 1;
	(void)sigprocmask(SIG_SETMASK, NULL, &before);
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct err e = { 0 };
		clock_t cpu = clock();

		folder_script(scripts[i]);
		(void)delegate_exec(&req, "plugin", CNI_ADD, 300, NULL, &e);
		cpu = clock() - cpu;
		cr_assert(cpu < CLOCKS_PER_SEC / 20, "%s: took %ld us of processor time",
		          scripts[i], (long)cpu);
		(void)sigprocmask(SIG_SETMASK, NULL, &after);
		(void)sigpending(&pending);
		cr_assert(memcmp(&before, &after, sizeof(before)) == 0,
		          "%s: the signal mask was changed", scripts[i]);
		cr_assert(!sigismember(&pending, SIGPIPE), "%s: SIGPIPE is pending", scripts[i]);
		cr_assert(count_fds() == fds, "%s: expected %d descriptors, found %d", scripts[i],
		          fds, count_fds());
		folder_no_child(scripts[i]);
	}
	(void)delegate_exec(&req, "absent", CNI_ADD, 300, NULL, NULL);
	cr_assert(count_fds() == fds, "absent: expected %d descriptors, found %d", fds,
	          count_fds());
}

/* A disposition that survives execve(), so it is not ours to choose. */
Test(child, parent_ignores_sigchld, .init = folder_make, .fini = folder_remove)
{
	struct request req = folder_request(CONFIG, strlen(CONFIG));
	struct err e = { 0 };
	int r;

	cr_assert(signal(SIGCHLD, SIG_IGN) != SIG_ERR, "signal: %s", strerror(errno));
	folder_script("exit 3");
	r = delegate_exec(&req, "plugin", CNI_ADD, 5000, NULL, &e);
	cr_assert(r == -EINVAL && strstr(e.msg, "exit status 3"), "found %d (%s)", r, e.msg);
	cr_assert(signal(SIGCHLD, SIG_DFL) == SIG_IGN, "the disposition was changed");
}

/* When we are killed, so is the plugin: the runtime will not wait for it. */
Test(child, dies_with_us, .init = folder_make, .fini = folder_remove)
{
	struct request req = folder_request(CONFIG, strlen(CONFIG));
	struct err e;
	pid_t us;
	int ready[2];
	char c;

	/* Only the shell holds stderr: it ends with the shell. */
	folder_script("echo >&2; sleep 2 2>&-; : >\"${0%/*}/mark\"");
	cr_assert(pipe2(ready, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	us = fork();
	cr_assert(us >= 0, "fork: %s", strerror(errno));
	if (us == 0) {
		(void)dup2(ready[1], STDERR_FILENO);
		(void)delegate_exec(&req, "plugin", CNI_ADD, 5000, NULL, &e);
		_exit(0);
	}
	(void)close(ready[1]);
	cr_assert(read(ready[0], &c, 1) == 1, "the plugin did not start");
	cr_assert(kill(us, SIGKILL) == 0 && waitpid(us, NULL, 0) == us, "kill: %s",
	          strerror(errno));
	cr_assert(all_gone(ready[0]), "the plugin is still there");
	cr_assert(access(folder_path("mark"), F_OK) < 0, "the plugin went on");
	(void)close(ready[0]);
}
