/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route_get.h - where would a packet go? One question, no dump
 */
#ifndef CNIDA_KERNEL_ROUTE_GET_H
#define CNIDA_KERNEL_ROUTE_GET_H

#include "base/ip.h"
#include "kernel/netlink.h"

struct route_answer {
	int ifindex;  /* out of which link; 0 if none */
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL (the node's own), ... */
};

/* route_get() - Ask for the route to an address. 0, -ENETUNREACH and the like if there is none, another -errno. */
int route_get(struct nl_sock *s, const struct ip_addr *dst, struct route_answer *ret,
              struct err *e);

#endif
