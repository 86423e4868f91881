/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.h - routes
 */
#ifndef CNIDA_KERNEL_ROUTE_H
#define CNIDA_KERNEL_ROUTE_H

#include "base/ip.h"
#include "kernel/netlink.h"

struct route_spec {
	struct ip_prefix dst; /* host bits are cleared when it is sent */
	struct ip_addr gw;    /* AF_UNSPEC: on link */
	struct ip_addr src;   /* preferred source; AF_UNSPEC: none */
	int ifindex;
	uint32_t mtu, advmss; /* 0: not set; RTA_METRICS */
	uint32_t priority;    /* 0: kernel's default */
	uint32_t table;       /* 0: main */
	int scope;            /* -1: global with a gateway, link (IPv4) without */
	bool onlink;          /* the gateway need not be in a connected prefix */
};

/* route_add_msg() - Add a route. @append: as upstream's bridge does (NLM_F_CREATE without EXCL, for multipath); else
 * present already is EEXIST. */
void route_add_msg(struct nl_batch *b, const struct route_spec *r, bool append);
void route_del_msg(struct nl_batch *b, const struct route_spec *r);

/* route_each() - Dump unicast routes of a family and table (0: main) through one link (0: any), a multipath route once
 * for each next hop. A route may come twice when the table changes meanwhile. CHECK and slow paths. */
int route_each(struct nl_sock *s, sa_family_t family, uint32_t table, int ifindex,
               int (*fn)(const struct route_spec *r, void *arg, struct err *e), void *arg,
               struct err *e);

#endif
