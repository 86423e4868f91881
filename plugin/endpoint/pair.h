/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pair.h - the veth pair between node and pod
 */
#ifndef CNIDA_ENDPOINT_PAIR_H
#define CNIDA_ENDPOINT_PAIR_H

#include "endpoint/attachment.h"

/* pair_choose_macs() - Both MACs, into @a and its record: the record must know them before anything is made. */
int pair_choose_macs(struct attachment *a, struct err *e);
/* pair_create() - The pair with names, MACs and MTU; both ends are down. -EEXIST with upstream's text if the pod has
 * an interface of that name. */
int pair_create(struct attachment *a, struct err *e);
/* pair_connect() - The node's end gets its bridge, port flags and VLANs, then comes up: from here the pod can be heard.
 * Does nothing the second time. */
int pair_connect(struct attachment *a, struct err *e);
/* pair_undo() - Remove it. */
void pair_undo(struct attachment *a);

/* pair_route_ptp() - ptp mode: the gateway addresses on the node's end, and a route to each pod address through it. */
int pair_route_ptp(struct attachment *a, struct err *e);

#endif
