/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cnida.c - CNI type cnida: everything in one exec, on a bridge or routed
 */
#include "endpoint/attach.h"
#include "endpoint/check.h"
#include "endpoint/detach.h"
#include "endpoint/gc.h"
#include "endpoint/status.h"
#include "types/type.h"

const struct cni_type type_cnida = {
	.name = "cnida",
	.min = CNI_0_1_0,
	.about = "everything in one exec, on a bridge or routed",
	.add = attach,
	.check = check,
	.del = detach,
	.gc = gc,
	.status = status,
};
