/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs_lock.c - locks that are waited for with a deadline
 *
 * flock() has no deadline of its own, so a timer interrupts it with SIGALRM. The timer repeats: a signal that
 * arrives between our look at the clock and the system call would otherwise be lost, and the wait endless. A lock on a
 * file that is no longer the one behind the name locks nobody out, so after the wait the two are compared.
 */
#include "base/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs_name.h"

#define NS_PER_S     1000000000
#define LOCK_TRIES   64              /* times that the lock file may be replaced under our hands */
#define LOCK_TICK_NS (10 * 1000000L) /* repeated signal after the deadline */

static void on_alarm(int signo)
{
	(void)signo; /* its only work is to interrupt flock() */
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* glibc has the field, but until 2.38 not the name that the manual gives it. */
#ifndef sigev_notify_thread_id
#	define sigev_notify_thread_id _sigev_un._tid
#endif

/*
 * The timer by its system calls: glibc's functions would bring its thread library into a static program, 86 KiB for
 * three lines. The kernel takes the C library's structures as they are where time_t is as wide as long.
 */
static_assert(sizeof(time_t) == sizeof(long), "struct itimerspec is the kernel's");

static int timer_start(int64_t deadline, int *ret_timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	struct itimerspec spec = {
		.it_interval.tv_nsec = LOCK_TICK_NS,
		.it_value = { .tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S },
	};
	int no;

	/* The waiting thread, not just any thread of the process, has to get the signal. */
	event.sigev_notify_thread_id = gettid();
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, ret_timer) < 0)
		return -errno;
	if (syscall(SYS_timer_settime, *ret_timer, TIMER_ABSTIME, &spec, NULL) == 0)
		return 0;
	no = errno;
	(void)syscall(SYS_timer_delete, *ret_timer);
	return -no;
}

/* A blocking flock() that SIGALRM ends; whatever it changes for that is put back. */
static int flock_timed(int fd, int how, int64_t deadline)
{
	/* Without SA_RESTART: that is what makes flock() return. */
	struct sigaction action = { .sa_handler = on_alarm }, old_action;
	sigset_t mask, old_mask;
	int timer, r;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGALRM);
	(void)sigaction(SIGALRM, &action, &old_action);
	/* A runtime may have handed us a mask that blocks it. */
	(void)sigprocmask(SIG_UNBLOCK, &mask, &old_mask);
	r = timer_start(deadline, &timer);
	if (r == 0) {
		do
			r = flock(fd, how) == 0 ? 0 : -errno;
		while (r == -EINTR && now_ns() < deadline);
		(void)syscall(SYS_timer_delete, timer);
	}
	/* Only now: after the timer is gone no signal can come any more that the old handler would get. */
	(void)sigprocmask(SIG_SETMASK, &old_mask, NULL);
	(void)sigaction(SIGALRM, &old_action, NULL);
	return r == -EINTR ? -EAGAIN : r;
}

/* 0, -EAGAIN when the time is up, or another -errno */
static int flock_until(int fd, int how, int64_t deadline)
{
	if (flock(fd, how | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	return now_ns() < deadline ? flock_timed(fd, how, deadline) : -EAGAIN;
}

static bool is_behind_name(int fd, int dirfd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	       fstatat(dirfd, name, &b, fs_nofollow(dirfd, name) ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int lock(int dirfd, const char *name, mode_t mode, int how, unsigned int timeout_ms,
                struct err *e)
{
	int flags =
		O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | fs_nofollow(dirfd, name);
	int64_t deadline = now_ns() + (int64_t)timeout_ms * 1000000;
	char path[PATH_MAX];
	int r = -EAGAIN;

	for (int i = 0; i < LOCK_TRIES; i++) {
		_cleanup_close_ int fd = openat(dirfd, name, flags, mode);

		if (fd < 0)
			return fs_fail(e, errno, "open lock file", dirfd, name);
		r = flock_until(fd, how, deadline);
		if (r == 0 && is_behind_name(fd, dirfd, name))
			return take_fd(&fd);
		if (r < 0)
			break;
		r = -EAGAIN;
	}
	if (r != -EAGAIN)
		return fs_fail(e, -r, "lock", dirfd, name);
	return err_set(e, CNI_E_TRY_AGAIN, EAGAIN, "lock %s was not free within %u ms",
	               e ? fs_full_name(dirfd, name, path) : name, timeout_ms);
}

int fs_lock(int dirfd, const char *name, mode_t mode, unsigned int timeout_ms, struct err *e)
{
	return lock(dirfd, name, mode, LOCK_EX, timeout_ms, e);
}

int fs_lock_shared(int dirfd, const char *name, mode_t mode, unsigned int timeout_ms, struct err *e)
{
	return lock(dirfd, name, mode, LOCK_SH, timeout_ms, e);
}
