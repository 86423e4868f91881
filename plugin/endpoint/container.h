/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container.h - the pod's side: addresses and routes inside its namespace
 */
#ifndef CNIDA_ENDPOINT_CONTAINER_H
#define CNIDA_ENDPOINT_CONTAINER_H

#include "endpoint/attachment.h"

/**
 * container_configure() - Sysctls, then everything else in one batch: addresses, link up, routes
 *
 * Needs the pair and a->res; opens a->pod, sets a->pod_ifindex and a->mtu. With disableContainerInterface it only looks the link up.
 * Returns with the process back in the node's namespace; if that fails, nothing may be done but to report it.
 */
int container_configure(struct attachment *a, struct err *e);

/* container_wait_ready() - After the pair is connected: until the pod can send and receive. Usually one question about the link and one
 * about each IPv6 address (unless they await container_settle()), and no wait. */
int container_wait_ready(struct attachment *a, struct err *e);

/* container_settle() - With enabledad, wait for duplicate address detection, and fail when an address is taken. After the port
 * forwards, or nobody could object. */
int container_settle(struct attachment *a, struct err *e);

/* container_announce() - Tell the neighbours: gratuitous ARP and unsolicited neighbour advertisements. After the
 * port forwards. */
int container_announce(struct attachment *a, struct err *e);

#endif
