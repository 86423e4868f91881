/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detach.h - DEL: everything of an attachment goes away
 */
#ifndef CNIDA_ENDPOINT_DETACH_H
#define CNIDA_ENDPOINT_DETACH_H

#include "endpoint/record.h"
#include "kernel/netlink.h"
#include "spec/request.h"

/**
 * detach() - Carry out DEL for bridge, ptp and cnida
 *
 * Works from whatever is left: the record; without one (an upgrade from upstream's plugins, a reboot) the namespace, the
 * previous result and the store. Order: elements first (from here nothing reaches or leaves the pod), then the link,
 * then the addresses, so that none is handed out while it is still configured, then the record.
 *
 * Return: 0 also when nothing is left; an error only for what is there and could not be removed: the runtime tries again.
 */
int detach(const struct request *req, struct err *e);

/* detach_record() - The same for a record, with no request at hand (GC, the sweep, an ADD that finds an unfinished one).
 * Addresses of host-local stores are released; a foreign IPAM is not asked. */
int detach_record(struct nl_sock *host, const struct record *r, struct err *e);

/* detach_records() - Many at once: all elements, then all links in one group, then all addresses. Goes on after errors
 * and returns the first. */
int detach_records(struct nl_sock *host, const struct record *r, size_t n, struct err *e);

#endif
