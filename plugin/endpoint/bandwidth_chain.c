/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth_chain.c - the verbs of type bandwidth, behind whatever plugin made the veth
 */
#include "endpoint/bandwidth.h"

#include "base/json.h"
#include "base/log.h"
#include "endpoint/chain.h"
#include "endpoint/inside.h"
#include "endpoint/pod_change.h"
#include "endpoint/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The node's end of the pod's veth */

static int get_pod_link(struct nl_sock *pod, void *arg, struct err *e)
{
	struct link_info *link = arg;
	char name[IFNAMSIZ];
	int r;

	memcpy(name, link->name, sizeof(name));
	r = link_get(pod, 0, name, link, e);
	if (r == -ENODEV)
		return err_set(e, CNI_E_INTERNAL, ENODEV, "container interface %s is not there",
		               name);
	if (r == 0 && (strcmp(link->kind, "veth") != 0 || link->peer <= 0))
		return err_set(e, CNI_E_INTERNAL, 0, "container interface %s has no veth peer",
		               name);
	return r;
}

static bool is_in_result(const struct result *prev, const char *name)
{
	for (size_t i = 0; i < prev->n_ifaces; i++) {
		const struct result_iface *iface = &prev->ifaces[i];

		if ((!iface->sandbox || !*iface->sandbox) && strcmp(iface->name, name) == 0)
			return true;
	}
	return false;
}

static int find_veth(const struct request *req, struct nl_sock *host, const struct result *prev,
                     struct link_info *ret, struct err *e)
{
	struct link_info pod = { .ifindex = 0 };
	int r;

	if (prev->n_ifaces == 0)
		return err_set(e, CNI_E_CONFIG, 0, "no interfaces provided");
	(void)snprintf(pod.name, sizeof(pod.name), "%s", req->ifname);
	r = inside_pod(req, NULL, get_pod_link, &pod, e);
	if (r < 0)
		return r;
	r = link_get(host, pod.peer, NULL, ret, e);
	/* An index is of one namespace: the peer's may be somebody else's here. */
	if (r == -ENODEV ||
	    (r == 0 && (strcmp(ret->kind, "veth") != 0 || ret->peer != pod.ifindex)))
		return err_set(e, CNI_E_INTERNAL, ENODEV,
		               "veth peer with index %d is not in host ns", pod.peer);
	if (r == 0 && !is_in_result(prev, ret->name))
		return err_set(
			e, CNI_E_CONFIG, 0,
			"no veth peer of container interface found in host ns: %s is not in prevResult",
			ret->name);
	return r;
}

/* ADD */

/* Packets between pods of this node, which network policy hands over directly, must meet the limits too. */
static int keep_to_limits(const struct request *req, struct nl_sock *host, struct nl_sock *nft,
                          struct err *e)
{
	char name[IFNAMSIZ];
	struct err lost;
	int r;

	record_name(req->network, req->container_id, req->ifname, name);
	r = pod_change_limits(name, e);
	if (r < 0 && bandwidth_del_record(host, nft, name, false, &lost) < 0)
		log_warn("%s: limits of a failed ADD stay: %s", name, lost.msg);
	return r;
}

static int add_limits(const struct request *req, const struct bandwidth_conf *conf,
                      struct result *res, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct result_iface ifb;
	struct link_info veth;
	int r;

	if (conf->egress.rate && res->n_ifaces == RESULT_IFACES_MAX)
		return err_set(e, CNI_E_CONFIG, E2BIG, "prevResult: more than %d interfaces",
		               RESULT_IFACES_MAX - 1);
	r = nl_open(NETLINK_ROUTE, &host, e);
	if (r == 0)
		r = find_veth(req, &host, res, &veth, e);
	if (r == 0)
		r = bandwidth_apply(&host, &nft, conf, req, &veth, &ifb, e);
	if (r == 0)
		r = keep_to_limits(req, &host, &nft, e);
	if (r == 0 && *ifb.name)
		res->ifaces[res->n_ifaces++] = ifb;
	return r;
}

int bandwidth_add(const struct request *req, struct result *ret, struct err *e)
{
	struct bandwidth_conf conf;
	struct chain chain;
	int limited = bandwidth_conf_parse(req, &conf, e);
	int r = limited < 0 ? limited
	                    : chain_read(req, "must be called as chained plugin", &chain, e);

	if (r < 0)
		return r;
	r = limited ? add_limits(req, &conf, &chain.prev, e) : 0;
	if (r == 0)
		result_copy(ret, &chain.prev);
	chain_free(&chain);
	return r;
}

/* DEL */

int bandwidth_del(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	char name[IFNAMSIZ];
	int later, r = nl_open(NETLINK_ROUTE, &host, e);

	record_name(req->network, req->container_id, req->ifname, name);
	later = r < 0 ? r : chain_own_del_follows(&host, name, e);
	/* Limits go with the link; that DEL reads our record too. To take them away here would cost a grace period more. */
	if (later < 0 || (later && extra_record_exists(EXTRA_BANDWIDTH, name)))
		return later < 0 ? later : 0;
	r = bandwidth_del_record(&host, &nft, name, later, e);
	if (r != 0)
		return r < 0 ? r : 0;
	/* Whatever the configuration says by now: what is there is found by its name. */
	return bandwidth_remove(&host, &nft, req->network, req->container_id, req->ifname, later,
	                        e);
}

/* CHECK */

int bandwidth_check(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct bandwidth_conf conf;
	struct link_info veth;
	struct chain chain;
	int limited = bandwidth_conf_parse(req, &conf, e);
	int r = limited < 0 ? limited
	                    : chain_read(req, "must be called as a chained plugin", &chain, e);

	if (r < 0)
		return r;
	r = limited ? nl_open(NETLINK_ROUTE, &host, e) : 0;
	if (r == 0 && limited)
		r = find_veth(req, &host, &chain.prev, &veth, e);
	if (r == 0 && limited)
		r = bandwidth_verify(&host, &conf, req, &veth, e);
	chain_free(&chain);
	return r;
}
