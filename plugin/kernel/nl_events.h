/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nl_events.h - waiting for the kernel to announce a change, with a deadline
 *
 * The pattern: open first, then look at the state, then wait for any event and look again. An event between looking and
 * waiting is queued, so nothing is missed and nothing is polled.
 */
#ifndef CNIDA_KERNEL_NL_EVENTS_H
#define CNIDA_KERNEL_NL_EVENTS_H

#include "kernel/netlink.h"

/* nl_events_open() - Listen to a group of rtnetlink (RTNLGRP_LINK, ...) in the current network namespace. */
int nl_events_open(int group, struct nl_sock *ret, struct err *e);

/* nl_deadline() - The time @ms milliseconds from now, for nl_events_wait(). */
int64_t nl_deadline(unsigned int ms);

/* nl_events_wait() - Block until there is an event or the deadline is over: 0 or -ETIMEDOUT (@e is not filled). */
int nl_events_wait(const struct nl_sock *events, int64_t deadline);

#endif
