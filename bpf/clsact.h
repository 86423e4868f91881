/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact.h - programs at a link by the way that every kernel has: a clsact qdisc and direct-action filters
 */
#ifndef CNIDA_BPF_CLSACT_H
#define CNIDA_BPF_CLSACT_H

#include "base/err.h"
#include "kernel/netlink.h"

#include <stdbool.h>
#include <stdint.h>

/* clsact_attach() - The first filter of each direction is our program, also in place of ours of another version; on a new
 * link in one request. 0 or -errno. */
int clsact_attach(struct nl_sock *route, int ifindex, int from_pod, int to_pod, struct err *e);
/* clsact_replace() - The same for one direction, where the qdisc is there. */
int clsact_replace(struct nl_sock *route, int ifindex, bool ingress, int prog, struct err *e);
/* clsact_detach() - Remove our filter; 0 also if there is none. The qdisc stays: others may use it. */
int clsact_detach(struct nl_sock *route, int ifindex, bool ingress, struct err *e);
/* clsact_find() - Id of the program of our filter, 0 if there is none, or -errno. */
int64_t clsact_find(struct nl_sock *route, int ifindex, bool ingress, struct err *e);

#endif
