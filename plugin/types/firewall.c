/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.c - CNI type firewall: the node forwards for its pods, and keeps bridges apart
 */
#include "endpoint/firewall.h"
#include "types/type.h"

const struct cni_type type_firewall = {
	.name = "firewall",
	.min = CNI_0_4_0,
	.about = "chained: forwarding for the pod, bridges kept apart",
	.add = firewall_add,
	.check = firewall_check,
	.del = firewall_del,
	.gc = firewall_gc,
};
