/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.c - do something in the pod's namespace and come back
 */
#include "endpoint/inside.h"

#include <errno.h>

int inside_pod(const struct request *req, struct netns_id *ret_id, inside_fn fn, void *arg,
               struct err *e)
{
	_cleanup_nl_ struct nl_sock pod = { .fd = -1 };
	struct netns_id id;
	struct err lost;
	_cleanup_close_ int fd = netns_open(req->netns, &id, e), back = -1;
	int r;

	if (fd < 0)
		return fd;
	if (ret_id)
		*ret_id = id;
	if (!req->netns_override && netns_is_own(&id))
		return err_set(e, CNI_E_NETNS, 0,
		               "plugin's netns and netns from CNI_NETNS should not be the same");
	r = netns_enter(fd, &back, e);
	if (r < 0)
		return r;
	r = nl_open(NETLINK_ROUTE, &pod, e);
	if (r == 0)
		r = fn(&pod, arg, e);
	if (netns_leave(&back, &lost) < 0) {
		*e = lost;
		return -EIO;
	}
	return r;
}

int inside_socket(const struct request *req, struct nl_sock *ret, struct err *e)
{
	struct err lost;
	_cleanup_close_ int fd = netns_open(req->netns, NULL, e), back = -1;
	int r;

	if (fd < 0)
		return fd;
	r = netns_enter(fd, &back, e);
	if (r < 0)
		return r;
	r = nl_open(NETLINK_ROUTE, ret, e);
	if (netns_leave(&back, &lost) < 0) {
		*e = lost;
		return -EIO;
	}
	return r;
}
