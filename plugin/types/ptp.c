/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ptp.c - CNI type ptp: a routed veth pair, as upstream's ptp
 */
#include "endpoint/attach.h"
#include "endpoint/check.h"
#include "endpoint/detach.h"
#include "endpoint/gc.h"
#include "endpoint/status.h"
#include "types/type.h"

const struct cni_type type_ptp = {
	.name = "ptp",
	.min = CNI_0_1_0,
	.about = "a routed veth pair, as upstream's ptp",
	.add = attach,
	.check = check,
	.del = detach,
	.gc = gc,
	.status = status,
};
