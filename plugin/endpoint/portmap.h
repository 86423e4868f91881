/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap.h - ports of the node that lead to a pod: for type portmap in a chain and for type cnida
 *
 * A host port of one protocol belongs to one pod for each address of the node, and to one for all the others; a second
 * one is refused, not given the port. The port is free again when its holder is gone, also without a DEL.
 */
#ifndef CNIDA_ENDPOINT_PORTMAP_H
#define CNIDA_ENDPOINT_PORTMAP_H

#include "base/err.h"
#include "base/ip.h"
#include "endpoint/gc.h"
#include "endpoint/portmap_conf.h"
#include "endpoint/portmap_record.h"
#include "kernel/netlink.h"
#include "spec/request.h"

/**
 * portmap_add() - Give the ports to the attachment of a request
 * @nft:	netfilter socket of the node, as nl_open_once() opens it
 * @v4, @v6:	its addresses, AF_UNSPEC for none; a mapping for which there is no address is skipped, as upstream does
 * @pod:	a socket of its namespace, which is entered otherwise (15 us); NULL for none
 *
 * What an earlier ADD of the same attachment gave is taken back first. Opens route_localnet on the link towards the pod if
 * the node's own 127.0.0.1 is to reach it, and forgets the UDP and SCTP connections that would keep their old way.
 *
 * Return: 0, or -errno with nothing left; -EEXIST with code 7 names the port and its holder.
 */
int portmap_add(struct nl_sock *nft, const struct request *req, const struct portmap_conf *c,
                const struct ip_prefix *v4, const struct ip_prefix *v6, const struct nl_sock *pod,
                struct err *e);

/**
 * portmap_del() - Take all ports of the attachment back
 * @c:		what is known from the configuration; only needed when the record is lost
 *
 * Without a trace of ours, what upstream's portmap left is removed.
 *
 * Return: 0 also when there is nothing, or -errno.
 */
int portmap_del(const struct request *req, const struct portmap_conf *c, struct err *e);

/* portmap_del_record() - The same for a record's name, with no request at hand. 1 if there was something, 0 or -errno.
 * @nft: opened if its fd is -1, and left open: closing a netfilter socket waits, with the tables locked, until the kernel
 * has freed what was removed. After the link's removal that is over; before it, DELs of a node's drain wait for each other's
 * one by one. */
int portmap_del_record(struct nl_sock *nft, const char *name, struct err *e);

/* portmap_check() - All there, and leading to these addresses? 0, or -ENOENT with code 999 that names what is missing. */
int portmap_check(const struct request *req, const struct portmap_conf *c,
                  const struct ip_prefix *v4, const struct ip_prefix *v6, struct err *e);

/* portmap_check_record() - The same for a record, for doctor. */
int portmap_check_record(const struct portmap_record *rec, struct err *e);

/* portmap_add_pod(), portmap_check_pod() - The same for type cnida: the ports of the request's configuration or, before those, of
 * its runtimeConfig, for the first address of each family. Nothing without mappings. DEL is portmap_del_record(). */
int portmap_add_pod(struct nl_sock *nft, const struct request *req, const struct ip_prefix *ips,
                    size_t n, const struct nl_sock *pod, struct err *e);
int portmap_check_pod(const struct request *req, const struct ip_prefix *ips, size_t n,
                      struct err *e);

/* portmap_restore() - Make a table that others emptied or removed anew, and put in what the records of live pods say. How
 * many of them had ports put in, or -errno. Nothing is asked of the kernel if there are no records. */
int portmap_restore(struct err *e);

/* portmap_gc() - GC: take back the ports of attachments of the network that are not valid any more. */
int portmap_gc(const struct request *req, struct err *e);

/* portmap_sweep() - Take back what dead owners left, of all networks: records whose namespace is gone, elements without
 * a record. As gc_sweep(): how many were found, or -errno. */
int portmap_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e);

#endif
