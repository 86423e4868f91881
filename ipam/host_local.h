/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_local.h - the host-local IPAM: one address from each range set, round robin
 */
#ifndef CNIDA_IPAM_HOST_LOCAL_H
#define CNIDA_IPAM_HOST_LOCAL_H

#include "ipam/range.h"
#include "ipam/store.h"
#include "ipam/sweep.h"
#include "spec/request.h"
#include "spec/result.h"

/* 86 KB, of which a usual configuration fills two pages: what is always there comes first. */
struct host_local {
	const char *resolv_conf; /* NULL: none */
	size_t n_sets, n_requested, n_routes;
	/* "statusOnExhaustion": when the pool is full, STATUS answers "ok" (default: an error
	 * would turn the node NotReady under containerd 2.1 and later) or "not-available" (code
	 * 50). */
	bool exhaustion_is_error;
	struct range_set sets[RANGE_SETS_MAX];
	char data_dir[3072];
	struct ip_addr requested[RESULT_IPS_MAX]; /* runtimeConfig.ips, args.cni.ips, CNI_ARGS IP */
	struct result_route routes[RESULT_ROUTES_MAX];
};

/**
 * host_local_parse() - The configuration of a request: ipam section, runtimeConfig.ipRanges and
 * ips, args.cni.ips, CNI_ARGS
 *
 * Return: 0 or -EINVAL with upstream's texts ("IPAM config missing 'ipam' key", "no IP ranges
 * specified", "invalid range set 0: ...", "range set 0 overlaps with 1", "CNI version 0.2.0 does
 * not support more than 1 address per family").
 */
int host_local_parse(const struct request *req, struct host_local *ret, struct err *e);

/* host_local_add() - Allocate; fills ips, routes and dns of @ret (initialised by the caller). On
 * failure nothing stays allocated. A full pool is swept once (ops NULL: never) and tried again. */
int host_local_add(const struct request *req, const struct host_local *cfg,
                   const struct sweep_ops *ops, struct result *ret, struct err *e);
/* host_local_del() - Release all of the owner; 0 also if there is nothing, no store, or an
 * unreadable configuration. */
int host_local_del(const struct request *req, const struct host_local *cfg, struct err *e);
/* host_local_check() - The owner has a reservation, and every address of prev_result that lies
 * in our ranges is reserved for it. */
int host_local_check(const struct request *req, const struct host_local *cfg, struct err *e);
/* host_local_status() - Store writable, and (if configured) an address left; no scan. */
int host_local_status(const struct request *req, const struct host_local *cfg, struct err *e);
/* host_local_gc() - Release what is not in the list of valid attachments (absent list: error 7).
 * Goes on after errors. */
int host_local_gc(const struct request *req, const struct host_local *cfg, struct err *e);

#endif
