/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.h - taking links down in groups
 *
 * Removing a veth costs the kernel several grace periods (~18 ms), removing a hundred in one request hardly more. A
 * DEL therefore puts its link into a reserved link group and then takes the reaper's lock: whoever holds it removes the
 * whole group in one request, and those who waited find their link gone. Everyone returns only when its own link is gone.
 * A link whose DEL was killed in between stays in the group and goes with the next one.
 */
#ifndef CNIDA_ENDPOINT_REAPER_H
#define CNIDA_ENDPOINT_REAPER_H

#include "base/err.h"
#include "kernel/netlink.h"

/* The reserved group: "cnid" in ASCII. Group 0 is everybody's, small numbers are administrators'. */
#define REAPER_GROUP 0x636e6964U

/* reaper_remove() - Remove one link of the node's namespace by name, together with whatever else waits. 0 also if it is not
 * there; code 11 if it could not be done in time. */
int reaper_remove(struct nl_sock *host, const char *name, struct err *e);

/* reaper_mark() - Only put a link into the group; 0 also if it is not there. reaper_run() - Remove the group. For many at once. */
int reaper_mark(struct nl_sock *host, const char *name, struct err *e);
int reaper_run(struct nl_sock *host, struct err *e);

#endif
