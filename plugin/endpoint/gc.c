/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gc.c - GC: what a network still has beyond its valid attachments goes away
 */
#include "endpoint/gc.h"

#include "base/log.h"
#include "endpoint/detach.h"
#include "endpoint/garbage.h"
#include "endpoint/ipam.h"
#include "endpoint/netconf.h"
#include "endpoint/record_list.h"

#include <errno.h>
#include <string.h>

struct collect {
	const struct request *req;
	struct record_list list;
};

static int collect(const struct record *r, void *arg, struct err *e)
{
	struct collect *c = arg;

	if (strcmp(r->network, c->req->network) != 0 || owner_is_valid(c->req, &r->owner))
		return 0;
	return record_list_add(&c->list, r, e);
}

static int remove_invalid(const struct request *req, struct err *e)
{
	struct collect c = { .req = req };
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r = record_each(collect, &c, e);

	if (r == 0 && c.list.n > 0)
		r = nl_open(NETLINK_ROUTE, &host, e);
	if (r == 0 && c.list.n > 0)
		r = detach_records(&host, c.list.v, c.list.n, e);
	record_list_free(&c.list);
	return r;
}

int gc(const struct request *req, struct err *e)
{
	struct netconf conf;
	struct err this;
	int first, r;

	if (netconf_parse(req, &conf, e) < 0)
		log_warn("GC goes on with an invalid configuration: %s", e->msg);
	r = garbage_need_list(req, "attachment", e);
	if (r < 0)
		return r;
	first = remove_invalid(req, e);
	if (first < 0)
		log_error("GC of network %s: %s", req->network, e->msg);
	r = *conf.ipam_type ? ipam_gc(req, conf.ipam_type, &this) : 0;
	if (r < 0)
		log_error("GC of network %s: ipam: %s", req->network, this.msg);
	if (first == 0 && r < 0)
		*e = this;
	return first < 0 ? first : r;
}
