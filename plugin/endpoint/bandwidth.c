/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth.c - shaping a pod's traffic: what is made for one host veth, and its removal
 *
 * Order: the ifb device first, the chain that leads to it last, and the other way round on the way back. So where there is a
 * chain there is a device, and a DEL that finds no device has nothing to do.
 */
#include "endpoint/bandwidth.h"

#include "base/hash.h"
#include "base/ip.h"
#include "base/log.h"
#include "endpoint/reaper.h"
#include "kernel/redirect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IFB_PREFIX "bwp"
#define IFB_DIGITS 12
#define OWNER_MAX  256 /* IFALIASZ */

/* Upstream's name knows only network and container, so that its second interface in the same network would have
 * the same: that one gets a name of ours. */
#define IFB_NAMES 2

static void ifb_names(const char *network, const char *container_id, const char *ifname,
                      char ret[IFB_NAMES][IFNAMSIZ])
{
	const char *const upstream[] = { network, container_id, NULL };
	const char *const ours[] = { network, container_id, ifname, NULL };

	memcpy(ret[0], IFB_PREFIX, sizeof(IFB_PREFIX) - 1);
	hash_hex_plain(upstream, IFB_DIGITS, ret[0] + sizeof(IFB_PREFIX) - 1);
	memcpy(ret[1], IFB_PREFIX, sizeof(IFB_PREFIX) - 1);
	hash_hex(ours, IFB_DIGITS, ret[1] + sizeof(IFB_PREFIX) - 1);
}

static void owner_text(const char *network, const char *container_id, const char *ifname,
                       char ret[static OWNER_MAX])
{
	(void)snprintf(ret, OWNER_MAX, "%s %s %s", network, container_id, ifname);
}

/* The attachment's ifb device: 1, 0 or -errno. Upstream's has no alias, and can only be of this container. */
static int find_ifb(struct nl_sock *host, char names[IFB_NAMES][IFNAMSIZ], const char *owner,
                    struct link_info *ret, struct err *e)
{
	for (size_t i = 0; i < IFB_NAMES; i++) {
		int r = link_get(host, 0, names[i], ret, e);

		if (r == -ENODEV)
			continue;
		if (r < 0)
			return r;
		if (strcmp(ret->kind, "ifb") == 0 &&
		    (!*ret->alias || strcmp(ret->alias, owner) == 0))
			return 1;
	}
	return 0;
}

static int remove_ifb(struct nl_sock *host, const char *name, bool later, struct err *e)
{
	int r = redirect_del(name, e);

	if (r == 0)
		r = later ? reaper_mark(host, name, e) : reaper_remove(host, name, e);
	return r < 0 ? r : 0;
}

int bandwidth_remove(struct nl_sock *host, const char *network, const char *container_id,
                     const char *ifname, bool later, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	struct link_info ifb = { 0 };
	int r;

	ifb_names(network, container_id, ifname, names);
	owner_text(network, container_id, ifname, owner);
	r = find_ifb(host, names, owner, &ifb, e);
	return r <= 0 ? r : remove_ifb(host, ifb.name, later, e);
}

int bandwidth_forget(struct nl_sock *host, const char *ifb, struct err *e)
{
	return remove_ifb(host, ifb, false, e);
}

/* Making */

/* A device of that name is what an unfinished ADD left, ours or upstream's, or serves another interface. */
static int need_ifb(struct nl_sock *host, const struct request *req, uint32_t mtu,
                    struct link_info *ret, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	int r;

	ifb_names(req->network, req->container_id, req->ifname, names);
	owner_text(req->network, req->container_id, req->ifname, owner);
	r = tc_add_ifb(host, names[0], mtu, owner, e);
	if (r == -EEXIST) {
		r = find_ifb(host, names, owner, ret, e);
		if (r > 0)
			r = remove_ifb(host, ret->name, false, e);
		if (r == 0)
			r = tc_add_ifb(host, names[0], mtu, owner, e);
		if (r == -EEXIST)
			r = tc_add_ifb(host, names[1], mtu, owner, e);
	}
	if (r == 0)
		r = find_ifb(host, names, owner, ret, e);
	if (r == 0)
		r = err_set(e, CNI_E_TRY_AGAIN, ENODEV, "the ifb device %s vanished", names[0]);
	return r < 0 ? r : 0;
}

static int shape(struct nl_sock *host, const struct bandwidth_limit *limit,
                 const struct link_info *link, uint32_t mtu, struct err *e)
{
	const struct tc_tbf tbf = bandwidth_bucket(limit, mtu);
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	tc_add_tbf_msg(&b, link->ifindex, &tbf);
	return nl_do(host, &b, e);
}

static int shape_egress(struct nl_sock *host, const struct bandwidth_conf *conf,
                        const struct request *req, const struct link_info *veth,
                        struct result_iface *ret_ifb, struct err *e)
{
	struct link_info ifb = { 0 };
	struct err lost;
	int r = need_ifb(host, req, veth->mtu, &ifb, e);

	if (r < 0)
		return r;
	r = shape(host, &conf->egress, &ifb, veth->mtu, e);
	if (r == 0)
		r = redirect_add(host, veth->name, veth->ifindex, ifb.name, ifb.ifindex, e);
	if (r < 0) {
		if (remove_ifb(host, ifb.name, false, &lost) < 0)
			log_warn("%s of a failed ADD stays: %s", ifb.name, lost.msg);
		return r;
	}
	(void)snprintf(ret_ifb->name, sizeof(ret_ifb->name), "%s", ifb.name);
	(void)mac_format(ifb.mac, ret_ifb->mac);
	ret_ifb->mtu = ifb.mtu;
	return 0;
}

int bandwidth_apply(struct nl_sock *host, const struct bandwidth_conf *conf,
                    const struct request *req, const struct link_info *veth,
                    struct result_iface *ret_ifb, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err lost;
	int r = 0;

	*ret_ifb = (struct result_iface) { .name = "" };
	if (conf->ingress.rate)
		r = shape(host, &conf->ingress, veth, veth->mtu, e);
	if (r < 0 || !conf->egress.rate)
		return r;
	r = shape_egress(host, conf, req, veth, ret_ifb, e);
	if (r < 0 && conf->ingress.rate) {
		nl_batch_init(&b);
		tc_del_root_msg(&b, veth->ifindex);
		(void)nl_do(host, &b, &lost);
	}
	return r;
}

/* Checking */

static int verify_bucket(struct nl_sock *host, const struct bandwidth_limit *limit,
                         const struct link_info *link, uint32_t mtu, const char *direction,
                         struct err *e)
{
	const struct tc_tbf want = bandwidth_bucket(limit, mtu);
	struct tc_tbf found;
	uint32_t ticks;
	int r = tc_get_tbf(host, link->ifindex, &found, &ticks, e);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "%s: expected a token bucket on %s, found none", direction,
		               link->name);
	if (found.rate != want.rate)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "%s: rate on %s: expected %llu bytes/s, found %llu", direction,
		               link->name, (unsigned long long)want.rate,
		               (unsigned long long)found.rate);
	if (!tc_same_burst(&want, ticks))
		return err_set(e, CNI_E_INTERNAL, 0,
		               "%s: burst on %s: expected %u bytes, found %llu", direction,
		               link->name, want.burst,
		               (unsigned long long)ticks * 64 * found.rate / 1000000000);
	return 0;
}

int bandwidth_verify(struct nl_sock *host, const struct bandwidth_conf *conf,
                     const struct request *req, const struct link_info *veth, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	struct link_info ifb = { 0 };
	int r = 0;

	if (conf->ingress.rate)
		r = verify_bucket(host, &conf->ingress, veth, veth->mtu, "ingress", e);
	if (r < 0 || !conf->egress.rate)
		return r;
	ifb_names(req->network, req->container_id, req->ifname, names);
	owner_text(req->network, req->container_id, req->ifname, owner);
	r = find_ifb(host, names, owner, &ifb, e);
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "egress: expected the ifb device %s, found none", names[0]);
	if (r > 0)
		r = verify_bucket(host, &conf->egress, &ifb, veth->mtu, "egress", e);
	if (r == 0)
		r = redirect_check(host, veth->ifindex, ifb.name, ifb.ifindex, e);
	if (r == 0)
		return err_set(e, CNI_E_INTERNAL, ENOENT,
		               "egress: expected a redirect from %s to %s, found none", veth->name,
		               ifb.name);
	return r < 0 ? r : 0;
}
