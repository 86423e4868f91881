/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h - CHECK: is everything that ADD set still so?
 *
 * CRI-O calls it right after ADD and again when it restarts, so there must be no false alarm: compared is with the
 * previous result (which holds what later plugins of the chain changed), then with the configuration and the record.
 * Every complaint names what was expected and what was found.
 */
#ifndef CNIDA_ENDPOINT_CHECK_H
#define CNIDA_ENDPOINT_CHECK_H

#include "endpoint/netconf.h"
#include "kernel/netlink.h"
#include "spec/request.h"
#include "spec/result.h"

/* check() - Carry out CHECK for bridge, ptp and cnida. */
int check(const struct request *req, struct err *e);

/* What the two halves look at. */
struct check {
	const struct request *req;
	struct netconf conf;
	struct result prev;                /* of its addresses those of the container's interface */
	const struct result_iface *bridge; /* of prev; NULL in ptp mode */
	const struct result_iface *host;
	const struct result_iface *pod;
	int host_ifindex; /* set by check_node(), used by check_pod() */
};

/* check_node() - Bridge, gateway addresses, forwarding, the node's end and its port. */
int check_node(struct check *c, struct nl_sock *host, struct err *e);
/* check_pod() - Link, addresses and routes; @pod is a socket of the pod's namespace. */
int check_pod(struct check *c, struct nl_sock *pod, struct err *e);

/* check_failed() - The form of every complaint: "what: expected A, found B". Returns -EINVAL. */
int check_failed(struct err *e, const char *what, const char *expected, const char *found);

#endif
