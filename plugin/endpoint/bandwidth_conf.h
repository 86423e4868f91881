/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth_conf.h - how fast a pod may be, seen from the pod: ingress is what it receives
 *
 * Keys and texts are upstream's: ingressRate, ingressBurst, egressRate, egressBurst, in bit/s and bits, at the top
 * level or, if none is there, in runtimeConfig.bandwidth (containerd writes them with a capital letter).
 */
#ifndef CNIDA_ENDPOINT_BANDWIDTH_CONF_H
#define CNIDA_ENDPOINT_BANDWIDTH_CONF_H

#include "base/err.h"
#include "kernel/tc.h"
#include "spec/request.h"

struct bandwidth_limit {
	uint64_t rate;  /* bit/s; 0: no limit */
	uint64_t burst; /* bits */
};

struct bandwidth_conf {
	struct bandwidth_limit ingress, egress;
};

/* bandwidth_conf_parse() - 1 if there is a limit, 0 if there is none, -EINVAL with code 7. */
int bandwidth_conf_parse(const struct request *req, struct bandwidth_conf *ret, struct err *e);

/**
 * bandwidth_bucket() - The token bucket for a limit on a link
 *
 * Upstream's sizes, but for three things. A burst that does not hold one full frame would stop all traffic, so it is
 * at least that. What may wait is 25 ms at the rate and the burst, but of the burst no more than another 25 ms or 128 KiB
 * (two large segments): containerd asks for a burst of 512 MB, which is fine as a credit but not as a queue. And it
 * is at least eight frames: with the four that 25 ms of 1 Mbit/s come to, TCP keeps losing a sixth of the rate.
 */
struct tc_tbf bandwidth_bucket(const struct bandwidth_limit *limit, uint32_t mtu);

#endif
