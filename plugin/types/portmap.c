/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap.c - CNI type portmap: ports of the node lead to the pod, as upstream's portmap
 */
#include "endpoint/portmap.h"

#include "base/log.h"
#include "endpoint/chain.h"
#include "types/type.h"

static int add(const struct request *req, struct result *ret, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct portmap_conf conf;
	struct chain chain = { .pod = NULL };
	int r = portmap_conf_parse(req->config, false, &conf, e);

	if (r == 0)
		r = chain_read(req, "must be called as chained plugin", &chain, e);
	if (r > 0 && conf.n > 0)
		r = portmap_add(&nft, req, &conf, &chain.v4, &chain.v6, NULL, e);
	portmap_conf_free(&conf);
	if (r < 0)
		chain_free(&chain);
	else
		*ret = chain.prev;
	return r < 0 ? r : 0;
}

static int del(const struct request *req, struct err *e)
{
	struct portmap_conf conf;
	struct err ignored;
	int r;

	/* A configuration that no longer holds must not keep a port from being given back. */
	if (portmap_conf_parse(req->config, false, &conf, &ignored) < 0)
		log_warn("DEL goes on with an invalid configuration: %s", ignored.msg);
	r = portmap_del(req, &conf, e);
	portmap_conf_free(&conf);
	return r;
}

static int check(const struct request *req, struct err *e)
{
	struct portmap_conf conf;
	struct chain chain;
	int r = portmap_conf_parse(req->config, false, &conf, e);

	if (r == 0)
		r = chain_read(req, "Required prevResult missing", &chain, e);
	if (r > 0) {
		r = portmap_check(req, &conf, &chain.v4, &chain.v6, e);
		chain_free(&chain);
	}
	portmap_conf_free(&conf);
	return r < 0 ? r : 0;
}

const struct cni_type type_portmap = {
	.name = "portmap",
	.min = CNI_0_1_0,
	.about = "ports of the node lead to the pod, as upstream's portmap",
	.add = add,
	.check = check,
	.del = del,
	.gc = portmap_gc,
};
