/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_wait.c - waiting for a bridge port to carry traffic
 *
 * When both ends of a pair are up, each gets carrier, and only when the kernel has delivered that event, from a work queue,
 * does the bridge let its port forward and the pod's end send. link_sync_carrier() has it delivered at once (since Linux
 * 6.8); on older kernels we wait for the notification, never by polling.
 */
#include "kernel/link.h"
#include "kernel/nl_events.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>

/* RFC 2863, as linux/if.h numbers it (that header clashes with net/if.h). */
#define OPERSTATE_UP 6

static int look(struct nl_sock *s, const char *name, struct link_info *link, struct err *e)
{
	int r = link_get(s, 0, name, link, e);

	if (r == -ENODEV)
		return err_set(e, CNI_E_TRY_AGAIN, ENODEV, "%s was removed while we waited for it",
		               name);
	if (r < 0)
		return r;
	/* With spanning tree on, a port listens and learns for seconds: that is the administrator's wish. */
	return link->operstate == OPERSTATE_UP &&
	       (!link->is_port || link->port_state != BR_STATE_DISABLED);
}

static int wait_slowly(struct nl_sock *s, const char *name, int64_t deadline, struct err *e)
{
	_cleanup_nl_ struct nl_sock events = { .fd = -1 };
	struct link_info link;
	int r = nl_events_open(RTNLGRP_LINK, &events, e);

	if (r < 0)
		return r;
	while ((r = look(s, name, &link, e)) == 0) {
		if (nl_events_wait(&events, deadline) < 0)
			return err_set(
				e, CNI_E_TRY_AGAIN, ETIMEDOUT,
				"bridge port in error state: %s: operational state %u, port state %u",
				name, link.operstate, link.port_state);
	}
	return r < 0 ? r : 0;
}

int link_is_ready(struct nl_sock *s, const char *name, struct err *e)
{
	struct link_info link;

	(void)link_sync_carrier(s, name);
	return look(s, name, &link, e);
}

int link_wait_port(struct nl_sock *s, const char *name, unsigned int timeout_ms, struct err *e)
{
	int r = link_is_ready(s, name, e);

	if (r != 0)
		return r < 0 ? r : 0;
	return wait_slowly(s, name, nl_deadline(timeout_ms), e);
}
