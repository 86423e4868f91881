/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.h - what a chained plugin learns from the previous result
 */
#ifndef CNIDA_ENDPOINT_CHAIN_H
#define CNIDA_ENDPOINT_CHAIN_H

#include "base/err.h"
#include "kernel/netlink.h"
#include "spec/request.h"
#include "spec/result.h"

struct chain {
	struct result prev;
	/* In prev; NULL if it names none. */
	const struct result_iface *pod; /* CNI_IFNAME with a sandbox */
	const struct result_iface *
		host; /* the first interface of the node that is no bridge by its place: the last one on the
					  * node before the pod's */
	/* The first address of each family that belongs to the pod's interface (or to none); AF_UNSPEC if none. */
	struct ip_prefix v4, v6;
};

/**
 * chain_read() - Parse the previous result of a request
 * @missing:	text of the error (code 7) when there is none; NULL: then it is no error, and ret->prev is empty
 * @ret:	free with chain_free() on success
 *
 * Return: 1 if there is a previous result, 0 if there is none and @missing is NULL, -EINVAL otherwise ("could not parse prevResult: ...").
 */
int chain_read(const struct request *req, const char *missing, struct chain *ret, struct err *e);
void chain_free(struct chain *c);

/**
 * chain_own_del_follows() - In DEL: was the interface made by one of our own plugins, whose DEL comes behind ours?
 *
 * That DEL takes back what records of this attachment say, all in one go. Whoever has to take something out of the tables can leave it
 * to that: a process that does so and ends is held up for a grace period by the kernel (nl_close()).
 *
 * Return: 1, 0 or -errno.
 */
int chain_own_del_follows(struct nl_sock *host, const char *name, struct err *e);

#endif
