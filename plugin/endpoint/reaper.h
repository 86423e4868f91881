/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.h - taking links down in groups
 *
 * Removing a veth costs the kernel several grace periods (~18 ms), removing a hundred in one request hardly more. A
 * DEL therefore puts its link into a reserved link group, then asks the kernel to remove the whole group. Both requests
 * wait for the kernel's rtnetlink mutex, whose queue is in order: while one removal runs, all DELs that come meanwhile
 * queue up to mark their links, and the first of them to ask for a removal then takes all of them at once; the others
 * find the group empty. No lock of ours is needed, and the grace period that the kernel waits for after it gave the mutex
 * back overlaps with the next group's work. Everyone returns only when its own link is gone. Between the two requests a
 * DEL gives way to processes that could run: those that are about to mark do so, and only one of them all waits for
 * the grace period (50 removals by 16 callers: 120 ms without, 80 to 105 ms with it).
 *
 * A link whose DEL was killed in between stays in the group and goes with the next one.
 */
#ifndef CNIDA_ENDPOINT_REAPER_H
#define CNIDA_ENDPOINT_REAPER_H

#include "base/err.h"
#include "kernel/netlink.h"

/* The reserved group: "cnid" in ASCII. Group 0 is everybody's, small numbers are administrators'. */
#define REAPER_GROUP 0x636e6964U

/* reaper_remove() - Remove one link of the node's namespace by name, together with whatever else waits. 1 if it was there,
 * 0 if it was not, or -errno. */
int reaper_remove(struct nl_sock *host, const char *name, struct err *e);

/* reaper_mark() - Only put a link into the group; 1, 0 and -errno as above. reaper_run() - Remove the group: 0 or -errno. For
 * many at once. */
int reaper_mark(struct nl_sock *host, const char *name, struct err *e);
int reaper_run(struct nl_sock *host, struct err *e);

#endif
