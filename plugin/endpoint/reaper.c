/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.c - taking links down in groups
 */
#include "endpoint/reaper.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "endpoint/record.h"
#include "kernel/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#define LOCK_NAME "removals.lock"
/* Who is stopped between arriving and marking must not hold the others up for long. */
#define ARRIVALS_MS 100

/* What is missing here costs time only: the removals are done one by one then. */
static int open_run_dir(void)
{
	return open(RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int reaper_arrive(void)
{
	_cleanup_close_ int dir = open_run_dir();
	struct err ignored;

	return dir < 0 ? -1 : fs_lock_shared(dir, LOCK_NAME, 0600, 0, &ignored);
}

/* The lock itself says that nobody is on the way any more; it is given back before the kernel is asked. */
static void wait_for_arrivals(void)
{
	_cleanup_close_ int dir = open_run_dir();
	struct err ignored;
	int lock;

	if (dir < 0)
		return;
	(void)sched_yield(); /* processes that have not got as far as reaper_arrive() */
	lock = fs_lock(dir, LOCK_NAME, 0600, ARRIVALS_MS, &ignored);
	if (lock >= 0)
		(void)close(lock);
}

int reaper_mark(struct nl_sock *host, const char *name, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	link_retire_msg(&b, name, REAPER_GROUP);
	r = nl_do(host, &b, e);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? r : 1;
}

int reaper_run(struct nl_sock *host, struct err *e)
{
	int r;

	wait_for_arrivals();
	r = link_del_group(host, REAPER_GROUP, e);
	return r == -ENODEV ? 0 : r;
}

int reaper_remove(struct nl_sock *host, const char *name, struct err *e)
{
	int there = reaper_mark(host, name, e), r;

	/* Without the link there may be its ifb device, marked by the plugin before us in the chain. */
	r = there < 0 ? there : reaper_run(host, e);
	return r < 0 ? r : there;
}
