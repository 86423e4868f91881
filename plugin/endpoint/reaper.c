/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.c - taking links down in groups
 */
#include "endpoint/reaper.h"

#include "kernel/link.h"

#include <errno.h>

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
	int r = link_del_group(host, REAPER_GROUP, e);

	return r == -ENODEV ? 0 : r;
}

int reaper_remove(struct nl_sock *host, const char *name, struct err *e)
{
	int r = reaper_mark(host, name, e);

	if (r <= 0)
		return r;
	r = reaper_run(host, e);
	return r < 0 ? r : 1;
}
