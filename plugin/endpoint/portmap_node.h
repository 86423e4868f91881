/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_node.h - what host ports need of the node besides nftables: localhost's way to the pod, old connections
 */
#ifndef CNIDA_ENDPOINT_PORTMAP_NODE_H
#define CNIDA_ENDPOINT_PORTMAP_NODE_H

#include "endpoint/portmap_record.h"
#include "kernel/netlink.h"

/* portmap_open_localhost() - Let connections from 127.0.0.1 out to the pods of a record: route_localnet of the links
 * towards them. The guard chain must be there before. */
int portmap_open_localhost(const struct portmap_record *r, struct err *e);
/* portmap_check_localhost() - Is it so? 0, or code 999 naming the sysctl. */
int portmap_check_localhost(const struct portmap_record *r, struct err *e);

/* portmap_forget_added() - Forget connections to these ports of the node that go elsewhere (UDP, SCTP).
 * portmap_forget_removed() - Forget those that lead to the pod. Both only log what fails. */
void portmap_forget_added(const struct portmap_record *r);
void portmap_forget_removed(const struct portmap_record *r);

#endif
