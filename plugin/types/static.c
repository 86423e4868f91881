/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * static.c - CNI type static: addresses from the configuration
 */
#include "endpoint/ipam.h"
#include "types/type.h"

static int add(const struct request *req, struct result *ret, struct err *e)
{
	return ipam_add(req, "static", ret, e);
}

static int check(const struct request *req, struct err *e)
{
	return ipam_check(req, "static", e);
}

const struct cni_type type_static = {
	.name = "static",
	.min = CNI_0_1_0,
	.about = "addresses from the configuration, no state",
	.add = add,
	.check = check,
};
