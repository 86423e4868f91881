/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge.h - bridge mode: the node's bridge and its gateway addresses
 */
#ifndef CNIDA_ENDPOINT_BRIDGE_H
#define CNIDA_ENDPOINT_BRIDGE_H

#include "endpoint/attachment.h"

/* bridge_ensure() - The bridge is there, up, and a->bridge describes it; created with a pinned MAC, the configured MTU and,
 * for VLANs, with filtering. An existing link of the name that is no bridge is an error; MTU and filtering of an
 * existing bridge are left alone, except that filtering is turned on when VLANs need it. */
int bridge_ensure(struct attachment *a, struct err *e);

/* bridge_add_gateways() - Give the bridge (or the VLAN's uplink) the addresses in a->gateways and turn forwarding on.
 * Another address in the way is an error, or removed with forceAddress (IPv4: any other; IPv6: overlapping only). */
int bridge_add_gateways(struct attachment *a, struct err *e);

#endif
