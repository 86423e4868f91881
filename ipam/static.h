/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * static.h - the static IPAM: addresses from the configuration, no state
 */
#ifndef CNIDA_IPAM_STATIC_H
#define CNIDA_IPAM_STATIC_H

#include "spec/request.h"
#include "spec/result.h"

/* static_add() - Addresses, routes and dns of the request (ipam section, CNI_ARGS IP and
 * GATEWAY, args.cni.ips, runtimeConfig.ips in upstream's order of precedence: reference cni.md
 * 1.7 and 2.4). */
int static_add(const struct request *req, struct result *ret, struct err *e);
/* static_check() - prev_result has the configured addresses with their gateways. */
int static_check(const struct request *req, struct err *e);

#endif
