/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attachment.h - one ADD in progress: what the steps of attach.c hand to each other
 *
 * ADD is a list of steps; each has an inverse. A step that fails leaves nothing of its own; the inverses of the
 * steps before it run backwards. What belongs to the pod alone (addresses, link, elements, record) is removed at once;
 * what is shared with other pods (bridge, its addresses, forwarding, tables) only under the rule of shared.h.
 */
#ifndef CNIDA_ENDPOINT_ATTACHMENT_H
#define CNIDA_ENDPOINT_ATTACHMENT_H

#include "endpoint/netconf.h"
#include "endpoint/record.h"
#include "endpoint/shared.h"
#include "kernel/link.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "spec/request.h"
#include "spec/result.h"

struct attachment {
	const struct request *req;
	struct netconf conf;
	struct record rec;
	struct shared shared;

	struct nl_sock host; /* rtnetlink of the node */
	struct nl_sock pod;  /* rtnetlink of the pod's namespace */
	struct nl_sock nft;  /* nftables of the node; open from the first step that needs it */
	struct nl_sock pod_events; /* address events there; only open with enabledad */
	int netns;                 /* descriptor of the pod's namespace */
	struct link_info bridge;   /* bridge mode */
	bool connected;            /* the node's end is up */
	bool judged;               /* it may be an endpoint of the policy */
	uint8_t host_mac[6], mac[6];
	uint32_t mtu; /* of the pair, as the kernel has it */
	int pod_ifindex;

	/* Addresses that a bridge gets: the gateway of each pod address with its prefix length. */
	struct ip_prefix gateways[RESULT_IPS_MAX];
	size_t n_gateways;
	bool uplink; /* a veth carries the gateway addresses of a VLAN */
	struct link_info uplink_link;
	struct result_iface ifb; /* that shapes what the pod sends; its name is "" if nothing does */

	struct result *res; /* the caller's; starts as the IPAM's, becomes ADD's */
};

/* iface_of_pod() - Index of the container's interface in the result of each mode. */
int iface_of_pod(const struct attachment *a);

#endif
