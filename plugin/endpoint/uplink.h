/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink.h - the gateway of a VLAN: a veth whose one end is a port of the bridge in that VLAN
 *
 * With "vlan" and "isGateway" the gateway address cannot be the bridge's own, which is in another VLAN. Upstream makes an
 * interface "<bridge>.<vlan>" for it; so do we, under the same name, shared by all pods of the VLAN and never removed.
 */
#ifndef CNIDA_ENDPOINT_UPLINK_H
#define CNIDA_ENDPOINT_UPLINK_H

#include "endpoint/attachment.h"

/* uplink_ensure() - a->uplink_link describes it, created if it is not there. Nothing happens without a VLAN or a gateway. */
int uplink_ensure(struct attachment *a, struct err *e);

#endif
