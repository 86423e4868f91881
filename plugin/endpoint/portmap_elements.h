/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_elements.h - host ports of a record in nftables; every caller holds portmap_record_lock()
 */
#ifndef CNIDA_ENDPOINT_PORTMAP_ELEMENTS_H
#define CNIDA_ENDPOINT_PORTMAP_ELEMENTS_H

#include "endpoint/portmap_record.h"
#include "kernel/netlink.h"

/**
 * portmap_put() - Put in what the record says
 *
 * A missing table is made, and the ports of all other live pods come back with it. A port that somebody has is refused
 * (-EEXIST, code 7) if that pod lives; what a dead one has is taken from it.
 */
int portmap_put(struct nl_sock *s, const struct portmap_record *r, struct err *e);

/* portmap_take() - Take out what is there of it. Number of elements, or -errno. */
int portmap_take(struct nl_sock *s, const struct portmap_record *r, struct err *e);

/* portmap_put_all() - Put in what the records of all live pods say, except one's (NULL: none). Returns how many. */
int portmap_put_all(struct nl_sock *s, const char *except, struct err *e);

/* port_describe() - "8080/tcp on 192.0.2.1" or "8080/tcp"; returns buf. */
#define PORT_STR_MAX 80
const char *port_describe(const struct hostport *hp, char buf[static PORT_STR_MAX]);

#endif
