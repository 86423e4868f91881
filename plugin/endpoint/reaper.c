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

#define LOCK_NAME "reaper.lock"
#define LOCK_TIMEOUT_MS 20000U

/* -ENODEV if there is no such link. */
static int mark(struct nl_sock *host, const char *name, struct err *e)
{
	struct nl_batch b;

	nl_batch_init(&b);
	link_set_group_msg(&b, name, REAPER_GROUP);
	return nl_do(host, &b, e);
}

int reaper_mark(struct nl_sock *host, const char *name, struct err *e)
{
	int r = mark(host, name, e);

	return r == -ENODEV ? 0 : r;
}

static int lock_reaper(struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(RUN_DIR, 0700, e);

	return dir < 0 ? dir : fs_lock(dir, LOCK_NAME, 0600, LOCK_TIMEOUT_MS, e);
}

int reaper_run(struct nl_sock *host, struct err *e)
{
	_cleanup_close_ int lock = lock_reaper(e);
	int r;

	if (lock < 0)
		return lock;
	r = link_del_group(host, REAPER_GROUP, e);
	return r == -ENODEV ? 0 : r;
}

int reaper_remove(struct nl_sock *host, const char *name, struct err *e)
{
	_cleanup_close_ int lock = -1;
	int r = mark(host, name, e);

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	lock = lock_reaper(e);
	/* A missing or stuck lock must not keep a link alive: then it goes alone. */
	if (lock < 0) {
		r = link_del(host, name, e);
		return r == -ENODEV ? 0 : r;
	}
	r = link_exists(host, name, e);
	if (r > 0)
		r = link_del_group(host, REAPER_GROUP, e);
	return r == -ENODEV ? 0 : r;
}
