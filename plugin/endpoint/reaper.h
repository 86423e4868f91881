/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reaper.h - taking links down in groups
 *
 * Removing a veth costs the kernel several grace periods (~18 ms), removing a hundred in one request hardly more. A
 * DEL therefore puts its link into a reserved link group, then asks the kernel to remove the whole group. Both requests
 * wait for the kernel's rtnetlink mutex, whose queue is in order: while one removal runs, all DELs that come meanwhile
 * queue up to mark their links, and the first of them to ask for a removal then takes all of them at once; the others
 * find the group empty. No lock of ours is needed, and the grace period that the kernel waits for after it gave the mutex
 * back overlaps with the next group's work. Everyone returns only when its own link is gone.
 *
 * Whoever asks for a removal waits for a grace period, and while it does its caller starts no other DEL. So as few as
 * possible should: a DEL that has marked lets those go first that are on the way. They say so by a shared lock on
 * /run/cnida/removals.lock from their start until they have marked (reaper_arrive()); one who gets it exclusively knows that
 * nobody is. A DEL that dies gives its lock back by that, one that is stopped is waited for 100 ms at most, and
 * without the lock everything works as well, only slower.
 *
 * The mark comes first of all that a DEL does, and also puts the link down (0.1 ms: the long wait is for removing it). What a
 * DEL takes out of tables afterwards is, for some tables, what kept the pod from sending and receiving: a policy's sets, the
 * source check, an isolating firewall.
 *
 * A link whose DEL was killed in between stays in the group and goes with the next one.
 */
#ifndef CNIDA_ENDPOINT_REAPER_H
#define CNIDA_ENDPOINT_REAPER_H

#include "base/err.h"
#include "kernel/netlink.h"

/* The reserved group: "cnid" in ASCII. Group 0 is everybody's, small numbers are administrators'. */
#define REAPER_GROUP 0x636e6964U

/* reaper_arrive() - About to mark a link: the descriptor is to be closed once it is marked, before reaper_run() or
 * reaper_remove(). -1 if there is no such lock. */
int reaper_arrive(void);

/* reaper_remove() - Remove one link of the node's namespace by name, together with whatever else waits. 1 if it was there,
 * 0 if it was not, or -errno. */
int reaper_remove(struct nl_sock *host, const char *name, struct err *e);

/* reaper_mark() - Only put a link down (nothing reaches the pod or leaves it from here) and into the group; 1, 0 and -errno as
 * above. */
int reaper_mark(struct nl_sock *host, const char *name, struct err *e);
/* reaper_run() - Remove the group: 0 or -errno. For many at once. */
int reaper_run(struct nl_sock *host, struct err *e);

#endif
