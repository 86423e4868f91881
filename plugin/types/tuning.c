/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning.c - CNI type tuning: sysctls and properties of the pod's interface
 */
#include "endpoint/tuning.h"
#include "types/type.h"

const struct cni_type type_tuning = {
	.name = "tuning",
	.min = CNI_0_1_0,
	.about = "chained: sysctls and properties of the pod's interface",
	.add = tuning_add,
	.check = tuning_check,
	.del = tuning_del,
};
