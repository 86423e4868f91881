/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gateway.h - which gateway a pod's addresses and routes use (pure)
 */
#ifndef CNIDA_ENDPOINT_GATEWAY_H
#define CNIDA_ENDPOINT_GATEWAY_H

#include "endpoint/netconf.h"
#include "kernel/route.h"
#include "spec/result.h"

/**
 * gateway_resolve() - Complete the IPAM's result for a mode
 * @iface:	index of the container's interface in the result; every address gets it
 * @ret:	bridge mode with isGateway: the gateway of each address with the address's prefix length, for the
 *		bridge; room for RESULT_IPS_MAX
 * @ret_n:	how many
 *
 * isGateway: an address without a gateway gets the first address of its prefix. isDefaultGateway: a default route per
 * family through that gateway, unless there is one with a gateway. ptp: every address needs a gateway (code 7).
 */
int gateway_resolve(const struct netconf *conf, struct result *res, int iface,
                    struct ip_prefix *ret, size_t *ret_n, struct err *e);

/* gateway_of_family() - First gateway among the addresses of a family; AF_UNSPEC if none. */
struct ip_addr gateway_of_family(const struct result *res, sa_family_t family);

/* gateway_route() - A route of the result as the kernel gets it, on a link: without a gateway of its own it uses the
 * family's, as upstream does. */
struct route_spec gateway_route(const struct result *res, const struct result_route *route,
                                int ifindex);

#endif
