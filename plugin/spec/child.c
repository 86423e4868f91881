/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.c - run one program: text into its stdin, its stdout into memory, all of it before a deadline
 *
 * vfork() and not posix_spawn(), for two things that the latter cannot do here: the child dies with us
 * (a runtime that gives up kills only us, and an orphaned IPAM plugin would go on to allocate an
 * address that nobody knows of), and it gets none of our descriptors, whoever opened them (a lock would
 * stay held as long as a daemon lives that it starts). execve()'s errno comes back through the shared memory.
 *
 * Feeding and draining go side by side, or two full pipes would block each other. The end of the child
 * is what ends the loop, seen through a pidfd; not the end of its stdout, which a daemon may hold open.
 */
#include "spec/child.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT_CHUNK 16384U
#define REAP_MS   1000 /* what a killed child may take to go away */

enum { IN, OUT, EXIT, N_POLL };

struct child {
	pid_t pid;
	struct pollfd
		fds[N_POLL]; /* our ends of its stdin and stdout, and its pidfd; -1 when done with */
	size_t in_done;
	char *out;
	size_t out_len, out_cap;
};

static long long now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

long long child_deadline(unsigned int timeout_ms)
{
	return now_ms() + timeout_ms;
}

/* Descriptors 0 to 2 may be closed in us; a pipe that landed there would be overwritten by the child's dup2(). */
static int above_stdio(int *fd)
{
	int up;

	if (*fd > STDERR_FILENO)
		return 0;
	up = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (up < 0)
		return -errno;
	(void)close(*fd);
	*fd = up;
	return 0;
}

static int open_pipe(int ret[static 2])
{
	int r;

	if (pipe2(ret, O_CLOEXEC) < 0)
		return -errno;
	r = above_stdio(&ret[0]);
	return r < 0 ? r : above_stdio(&ret[1]);
}

/* In the child, on the parent's memory: system calls only, and no way back. */
static void become(const struct child_job *job, int in, int out, pid_t parent, const sigset_t *mask)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	char *const argv[] = { (char *)(uintptr_t)job->path, NULL };

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127); /* it died before it was asked for: nobody would have told us */
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		return;
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)sigaction(SIGPIPE, &dfl, NULL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execve(job->path, argv, job->env);
}

/* Returns the process, or -errno of whatever kept it from running. Noinline: its frame is all that the
 * child may touch. */
__attribute__((noinline)) static pid_t spawn(const struct child_job *job, int in, int out,
                                             const sigset_t *mask)
{
	volatile int failed = 0;
	pid_t parent = getpid();
	pid_t pid = vfork();

	if (pid == 0) {
		become(job, in, out, parent, mask);
		failed = errno;
		_exit(127);
	}
	if (pid < 0)
		return -errno;
	if (failed) {
		(void)waitpid(pid, NULL, 0);
		return -failed;
	}
	return pid;
}

static int not_started(const struct child_job *job, int no, struct err *e)
{
	bool passing = no == ETXTBSY || no == EAGAIN || no == ENOMEM;

	return err_set(e, passing ? CNI_E_TRY_AGAIN : CNI_E_INTERNAL, no,
	               "netplugin failed with no error message: exec %s: %s", job->path,
	               err_text(no));
}

static int start(const struct child_job *job, struct child *c, struct err *e)
{
	_cleanup_close_ int in_r = -1, in_w = -1, out_r = -1, out_w = -1;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	sigset_t all, old, childs;
	int r = open_pipe(in);

	in_r = in[0];
	in_w = in[1];
	if (r == 0)
		r = open_pipe(out);
	out_r = out[0];
	out_w = out[1];
	if (r < 0)
		return err_sys(e, -r, "pipe to %s", job->path);
	if (fcntl(in_w, F_SETFL, O_NONBLOCK) < 0 || fcntl(out_r, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, errno, "pipe to %s", job->path);

	/* No handler of ours may run in the child while it still is on our memory. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	childs = old;
	(void)sigdelset(&childs, SIGPIPE);
	c->pid = spawn(job, in_r, out_w, &childs);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (c->pid < 0)
		return not_started(job, -c->pid, e);

	c->fds[IN] = (struct pollfd) { .fd = take_fd(&in_w), .events = POLLOUT };
	c->fds[OUT] = (struct pollfd) { .fd = take_fd(&out_r), .events = POLLIN };
	c->fds[EXIT] =
		(struct pollfd) { .fd = (int)syscall(SYS_pidfd_open, c->pid, 0), .events = POLLIN };
	if (c->fds[EXIT].fd < 0)
		return err_sys(e, errno, "pidfd_open");
	return 0;
}

static void finish(struct pollfd *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

static void feed(const struct child_job *job, struct child *c)
{
	ssize_t n = write(c->fds[IN].fd, job->in + c->in_done, job->in_len - c->in_done);

	if (n > 0)
		c->in_done += (size_t)n;
	/* EPIPE and the like: it does not want to know. Its answer counts, not its appetite. */
	if (c->in_done == job->in_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		finish(&c->fds[IN]);
}

/* Room for one more chunk and the terminator. */
static int make_room(const struct child_job *job, struct child *c, struct err *e)
{
	size_t cap = c->out_cap ? c->out_cap * 2 : OUT_CHUNK;
	char *p;

	if (c->out_len + 1 < c->out_cap)
		return 0;
	if (c->out_len > job->out_max)
		return err_set(e, CNI_E_INTERNAL, E2BIG, "%s printed more than %zu bytes",
		               job->path, job->out_max);
	if (cap > job->out_max + 2)
		cap = job->out_max + 2;
	p = realloc(c->out, cap);
	if (!p)
		return err_sys(e, ENOMEM, "output of %s", job->path);
	c->out = p;
	c->out_cap = cap;
	return 0;
}

/* Read what is there. Returns 0 also when nothing is. */
static int drain(const struct child_job *job, struct child *c, struct err *e)
{
	while (c->fds[OUT].fd >= 0) {
		int r = make_room(job, c, e);

		if (r < 0)
			return r;

		ssize_t n = read(c->fds[OUT].fd, c->out + c->out_len, c->out_cap - c->out_len - 1);

		if (n > 0)
			c->out_len += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			return 0;
		else if (n == 0 || errno != EINTR)
			finish(&c->fds[OUT]);
	}
	return 0;
}

/* Until it has ended: 0 then, with all that it printed read. */
static int pump(const struct child_job *job, struct child *c, long long deadline, struct err *e)
{
	for (;;) {
		long long left = deadline - now_ms();
		int n = left > 0 ? poll(c->fds, N_POLL, left < 1000000 ? (int)left : 1000000) : 0;
		int r = 0;

		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "poll");
		if (n == 0 && left <= 0)
			return err_set(e, CNI_E_TRY_AGAIN, ETIMEDOUT,
			               "%s did not answer in time and was killed", job->path);
		if (n <= 0)
			continue;
		if (c->fds[IN].revents)
			feed(job, c);
		/* Its end is looked at before its output, so that nothing it printed comes later. */
		if (c->fds[OUT].revents || c->fds[EXIT].revents)
			r = drain(job, c, e);
		if (r < 0 || c->fds[EXIT].revents)
			return r;
	}
}

/* The whole group, so that what it started (a shell's commands) goes with it. */
static void kill_group(struct child *c)
{
	(void)kill(-c->pid, SIGKILL);
	/* A process that cannot die now (a hung file system) is left to init. */
	while (c->fds[EXIT].fd >= 0 && poll(&c->fds[EXIT], 1, REAP_MS) < 0 && errno == EINTR)
		;
}

static int run(const struct child_job *job, struct child *c, long long deadline, int *ret_status,
               struct err *e)
{
	int r = start(job, c, e);
	int no;

	if (c->pid <= 0)
		return r;
	if (r == 0)
		r = pump(job, c, deadline, e);
	if (r < 0)
		kill_group(c);

	no = waitpid(c->pid, ret_status, r < 0 && c->fds[EXIT].fd >= 0 ? WNOHANG : 0) < 0 ? errno
	                                                                                  : 0;
	if (r == 0 && no)
		return err_sys(e, no, "wait for %s", job->path);
	return r;
}

/*
 * Two signals are in the way while there is a child. Writing to one that is gone raises SIGPIPE, which
 * would end us without a word: it is blocked, and taken back if it came from here. And if whoever
 * started us ignores SIGCHLD, so do we, and the kernel would not keep the child's status.
 */
struct signals {
	sigset_t pipe, mask;
	struct sigaction chld;
	bool pending; /* SIGPIPE, before it all began */
};

static void signals_prepare(struct signals *s)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t pending;

	(void)sigemptyset(&s->pipe);
	(void)sigaddset(&s->pipe, SIGPIPE);
	(void)sigpending(&pending);
	s->pending = sigismember(&pending, SIGPIPE) > 0;
	(void)sigprocmask(SIG_BLOCK, &s->pipe, &s->mask);
	(void)sigaction(SIGCHLD, &dfl, &s->chld);
}

static void signals_restore(struct signals *s)
{
	const struct timespec now = { 0 };

	while (!s->pending && sigtimedwait(&s->pipe, NULL, &now) < 0 && errno == EINTR)
		;
	(void)sigaction(SIGCHLD, &s->chld, NULL);
	(void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

int child_run(const struct child_job *job, long long deadline, char **ret_out, int *ret_status,
              struct err *e)
{
	struct child c = { .fds = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } } };
	struct signals signals;
	int r;

	*ret_out = NULL;
	signals_prepare(&signals);
	r = run(job, &c, deadline, ret_status, e);
	for (size_t i = 0; i < N_POLL; i++)
		finish(&c.fds[i]);
	signals_restore(&signals);

	if (r == 0 && !c.out)
		r = make_room(job, &c, e);
	if (r < 0) {
		free(c.out);
		return r;
	}
	c.out[c.out_len] = '\0';
	*ret_out = c.out;
	return 0;
}
