/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_local.c - CNI type host-local: our IPAM for other plugins (macvlan, ipvlan, ...)
 */
#include "endpoint/ipam.h"
#include "types/type.h"

static int add(const struct request *req, struct result *ret, struct err *e)
{
	return ipam_add(req, "host-local", ret, e);
}

static int check(const struct request *req, struct err *e)
{
	return ipam_check(req, "host-local", e);
}

static int del(const struct request *req, struct err *e)
{
	return ipam_del(req, "host-local", e);
}

static int gc(const struct request *req, struct err *e)
{
	return ipam_gc(req, "host-local", e);
}

static int status(const struct request *req, struct err *e)
{
	return ipam_status(req, "host-local", e);
}

const struct cni_type type_host_local = {
	.name = "host-local",
	.min = CNI_0_1_0,
	.about = "addresses from ranges, kept in files of this node",
	.add = add,
	.check = check,
	.del = del,
	.gc = gc,
	.status = status,
};
