/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.c - taking links down in groups
 */
#include "endpoint/reaper.h"

#include "kernel/link.h"

#include <errno.h>
#include <sched.h>

int reaper_mark(struct nl_sock *host, const char *name, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	link_set_group_msg(&b, name, REAPER_GROUP);
	r = nl_do(host, &b, e);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? r : 1;
}

int reaper_run(struct nl_sock *host, struct err *e)
{
	int r;

	/* Whoever else is tearing down marks first: one request then takes all, and only this one waits. */
	(void)sched_yield();
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
