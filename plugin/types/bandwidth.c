/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth.c - CNI type bandwidth: limits for what the pod receives and sends
 */
#include "endpoint/bandwidth.h"
#include "types/type.h"

const struct cni_type type_bandwidth = {
	.name = "bandwidth",
	.min = CNI_0_3_0,
	.about = "chained: limits for what the pod receives and sends",
	.add = bandwidth_add,
	.check = bandwidth_check,
	.del = bandwidth_del,
	.gc = bandwidth_gc,
};
