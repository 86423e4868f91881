/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge.c - CNI type bridge: a veth pair on a bridge, as upstream's bridge
 */
#include "endpoint/attach.h"
#include "endpoint/check.h"
#include "endpoint/detach.h"
#include "endpoint/gc.h"
#include "endpoint/status.h"
#include "types/type.h"

const struct cni_type type_bridge = {
	.name = "bridge",
	.min = CNI_0_1_0,
	.about = "a veth pair on a bridge, as upstream's bridge",
	.add = attach,
	.check = check,
	.del = detach,
	.gc = gc,
	.status = status,
};
