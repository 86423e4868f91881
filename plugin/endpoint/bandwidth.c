/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth.c - shaping a pod's traffic: what is made for one host veth, and its removal
 *
 * Order: the ifb device first, the chain that leads to it last, and the other way round on the way back: packets that are led to a
 * device that is gone are lost. Only a DEL that takes the link along marks the device before (see "Restoring").
 */
#include "endpoint/bandwidth.h"

#include "base/hash.h"
#include "base/ip.h"
#include "base/log.h"
#include "endpoint/reaper.h"
#include "endpoint/restore.h"
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

static void alias_text(const char *network, const char *container_id, const char *ifname,
                       char ret[static OWNER_MAX])
{
	char whole[EXTRA_OWNER_MAX];

	(void)snprintf(whole, sizeof(whole), "%s %s %s", network, container_id, ifname);
	(void)snprintf(ret, OWNER_MAX, "%.*s", OWNER_MAX - 1, whole);
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

static int remove_ifb(struct nl_sock *host, struct nl_sock *nft, const char *name, bool later,
                      struct err *e)
{
	int r = later ? reaper_mark(host, name, e) : 0;

	if (r >= 0)
		r = redirect_del(nft, name, e);
	if (r >= 0 && !later)
		r = reaper_remove(host, name, e);
	return r < 0 ? r : 0;
}

/* 1 if there was a device, 0 or -errno. */
static int remove_of(struct nl_sock *host, struct nl_sock *nft, const char *network,
                     const char *container_id, const char *ifname, bool later, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	struct link_info ifb = { 0 };
	int r;

	ifb_names(network, container_id, ifname, names);
	alias_text(network, container_id, ifname, owner);
	r = find_ifb(host, names, owner, &ifb, e);
	if (r <= 0)
		return r;
	r = remove_ifb(host, nft, ifb.name, later, e);
	return r < 0 ? r : 1;
}

int bandwidth_remove(struct nl_sock *host, struct nl_sock *nft, const char *network,
                     const char *container_id, const char *ifname, bool later, struct err *e)
{
	int r = remove_of(host, nft, network, container_id, ifname, later, e);

	return r < 0 ? r : 0;
}

/* A chain whose device is gone, or that one who restores has just put back (see "Restoring"). Mostly there is none: so it asks. A
 * device of the name is another interface's. */
static int remove_chains(struct nl_sock *host, struct nl_sock *nft, const struct extra_record *rec,
                         struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ];
	int r = 0;

	ifb_names(rec->network, rec->container_id, rec->ifname, names);
	for (size_t i = 0; r >= 0 && i < IFB_NAMES; i++) {
		r = link_exists(host, names[i], e);
		if (r > 0)
			continue;
		if (r == 0)
			r = redirect_has(nft, names[i], e);
		if (r > 0)
			r = redirect_del(nft, names[i], e);
	}
	return r;
}

/* A record that cannot be read leaves the device to the sweep, which knows it by its alias. */
int bandwidth_del_record(struct nl_sock *host, struct nl_sock *nft, const char *name, bool later,
                         struct err *e)
{
	struct extra_record r = { .n_ips = 0 };
	bool egress;
	int found;
	int x = extra_record_exists(EXTRA_BANDWIDTH, name)
	                ? extra_record_read(EXTRA_BANDWIDTH, name, &r, e)
	                : -ENOENT;

	if (x == -ENOENT)
		return 0;
	if (x < 0 && x != -EBADMSG)
		return x;
	if (x == -EBADMSG)
		log_warn("%s", e->msg);
	egress = x == 0 && r.limits.egress.rate;
	found = egress ? remove_of(host, nft, r.network, r.container_id, r.ifname, later, e) : 0;
	x = found < 0 ? found : extra_record_delete(EXTRA_BANDWIDTH, name, e);
	if (x >= 0 && egress && !(found && later))
		x = remove_chains(host, nft, &r, e);
	return x < 0 ? x : 1;
}

int bandwidth_forget(struct nl_sock *host, struct nl_sock *nft, const char *ifb, struct err *e)
{
	return remove_ifb(host, nft, ifb, false, e);
}

bool bandwidth_owns(const struct extra_record *r, const char *ifb)
{
	char names[IFB_NAMES][IFNAMSIZ];

	ifb_names(r->network, r->container_id, r->ifname, names);
	for (size_t i = 0; i < IFB_NAMES; i++)
		if (strcmp(ifb, names[i]) == 0)
			return true;
	return false;
}

/* Making */

/* A device of that name is what an unfinished ADD left, ours or upstream's, or serves another interface. */
static int need_ifb(struct nl_sock *host, struct nl_sock *nft, const struct request *req,
                    uint32_t mtu, struct link_info *ret, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	int r;

	ifb_names(req->network, req->container_id, req->ifname, names);
	alias_text(req->network, req->container_id, req->ifname, owner);
	r = tc_add_ifb(host, names[0], mtu, owner, e);
	if (r == -EEXIST) {
		r = find_ifb(host, names, owner, ret, e);
		if (r > 0)
			r = bandwidth_forget(host, nft, ret->name, e);
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

static int shape_egress(struct nl_sock *host, struct nl_sock *nft,
                        const struct bandwidth_conf *conf, const struct request *req,
                        const struct link_info *veth, struct result_iface *ret_ifb, struct err *e)
{
	struct link_info ifb = { 0 };
	struct err lost;
	int r = need_ifb(host, nft, req, veth->mtu, &ifb, e);

	if (r == 0)
		r = shape(host, &conf->egress, &ifb, veth->mtu, e);
	if (r == 0)
		r = redirect_add(host, nft, veth->name, veth->ifindex, ifb.name, ifb.ifindex, e);
	if (r > 0) { /* the table had to be made */
		restore_note(RULESET_NETDEV);
		restore_after_flush(RESTORE_NOTHING);
	}
	if (r < 0) {
		/* By its name: it may be there although the kernel's answer was lost. */
		if (bandwidth_remove(host, nft, req->network, req->container_id, req->ifname, false,
		                     &lost) < 0)
			log_warn("the ifb device of a failed ADD stays: %s", lost.msg);
		return r;
	}
	(void)snprintf(ret_ifb->name, sizeof(ret_ifb->name), "%s", ifb.name);
	(void)mac_format(ifb.mac, ret_ifb->mac);
	ret_ifb->mtu = ifb.mtu;
	return 0;
}

static int apply(struct nl_sock *host, struct nl_sock *nft, const struct bandwidth_conf *conf,
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
	r = shape_egress(host, nft, conf, req, veth, ret_ifb, e);
	if (r < 0 && conf->ingress.rate) {
		nl_batch_init(&b);
		tc_del_root_msg(&b, veth->ifindex);
		(void)nl_do(host, &b, &lost);
	}
	return r;
}

int bandwidth_apply(struct nl_sock *host, struct nl_sock *nft, const struct bandwidth_conf *conf,
                    const struct request *req, const struct link_info *veth,
                    struct result_iface *ret_ifb, struct err *e)
{
	struct extra_record rec;
	struct err lost;
	bool again;
	int r = extra_record_describe(req, &rec, e);

	if (r < 0)
		return r;
	rec.limits = *conf;
	(void)snprintf(rec.veth, sizeof(rec.veth), "%s", veth->name);
	/* A second ADD fails, and what the first one made stays. */
	again = extra_record_exists(EXTRA_BANDWIDTH, rec.name);
	r = again ? 0 : extra_record_write(EXTRA_BANDWIDTH, &rec, e);
	if (r == 0)
		r = apply(host, nft, conf, req, veth, ret_ifb, e);
	if (r == 0 && again)
		r = extra_record_write(EXTRA_BANDWIDTH, &rec, e);
	if (r < 0 && !again && extra_record_delete(EXTRA_BANDWIDTH, rec.name, &lost) < 0)
		log_warn("%s", lost.msg);
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

struct whose {
	const char *network, *container_id, *ifname;
};

static int verify(struct nl_sock *host, const struct bandwidth_conf *conf, const struct whose *w,
                  const struct link_info *veth, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ] = { "" }, owner[OWNER_MAX];
	struct link_info ifb = { 0 };
	int r = 0;

	if (conf->ingress.rate)
		r = verify_bucket(host, &conf->ingress, veth, veth->mtu, "ingress", e);
	if (r < 0 || !conf->egress.rate)
		return r;
	ifb_names(w->network, w->container_id, w->ifname, names);
	alias_text(w->network, w->container_id, w->ifname, owner);
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
		               "egress: expected a redirect from %s to %s, found none: the ruleset "
		               "was changed by others; the next ADD or `cnida gc` restores it",
		               veth->name, ifb.name);
	return r < 0 ? r : 0;
}

int bandwidth_verify(struct nl_sock *host, const struct bandwidth_conf *conf,
                     const struct request *req, const struct link_info *veth, struct err *e)
{
	const struct whose w = { req->network, req->container_id, req->ifname };

	return verify(host, conf, &w, veth, e);
}

int bandwidth_verify_record(const struct extra_record *r, struct err *e)
{
	const struct whose w = { r->network, r->container_id, r->ifname };
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct link_info veth = { .mtu = 0 };
	int x = nl_open(NETLINK_ROUTE, &host, e);

	if (x == 0)
		x = link_get(&host, 0, r->veth, &veth, e);
	return x < 0 ? x : verify(&host, &r->limits, &w, &veth, e);
}

/*
 * Restoring
 *
 * Who restores has read a record whose DEL may be under way, and may put back what that DEL took out just before. So it looks again
 * afterwards, and takes it out if the DEL has done one of two things in between, or before: put the ifb device into the reaper's group, or
 * deleted the record. A DEL marks the device before it takes out what leads there, so whatever is put in behind that is seen; a
 * DEL that only lifts the limits, with the link staying, removes the device after, and looks again itself (remove_chains()).
 */

struct restore {
	struct nl_sock host;
	int n;
};

/* Of the device: 1, 0 or -errno. */
static int is_going(struct nl_sock *host, const struct extra_record *r, const char *name,
                    struct err *e)
{
	struct link_info ifb = { 0 };
	int x = link_get(host, 0, name, &ifb, e);

	if (x < 0)
		return x == -ENODEV ? 1 : x;
	return ifb.group == REAPER_GROUP || !extra_record_exists(EXTRA_BANDWIDTH, r->name);
}

static int restore_one(const struct extra_record *r, void *arg, struct err *e)
{
	char names[IFB_NAMES][IFNAMSIZ], owner[OWNER_MAX];
	struct link_info ifb = { 0 }, veth;
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct restore *restore = arg;
	int x;

	if (!*r->network || !r->limits.egress.rate || !owner_alive(&r->owner))
		return 0;
	ifb_names(r->network, r->container_id, r->ifname, names);
	alias_text(r->network, r->container_id, r->ifname, owner);
	x = link_get(&restore->host, 0, r->veth, &veth, e);
	if (x == 0)
		x = find_ifb(&restore->host, names, owner, &ifb, e);
	/* Gone: its DEL is under way or to come. Not yet there: so is its ADD. */
	if (x == 0 || x == -ENODEV)
		return 0;
	if (x > 0)
		x = redirect_check(&restore->host, veth.ifindex, ifb.name, ifb.ifindex, e);
	if (x != 0)
		return x < 0 ? x : 0;
	x = redirect_add(&restore->host, &nft, veth.name, veth.ifindex, ifb.name, ifb.ifindex, e);
	if (x < 0)
		return x;
	restore->n++;
	x = is_going(&restore->host, r, ifb.name, e);
	return x <= 0 ? x : redirect_del(&nft, ifb.name, e);
}

int bandwidth_restore(struct err *e)
{
	struct restore restore = { .host = { .fd = -1 } };
	int r = nl_open(NETLINK_ROUTE, &restore.host, e);

	if (r == 0)
		r = extra_record_each(EXTRA_BANDWIDTH, restore_one, &restore, e);
	nl_close(&restore.host);
	return r < 0 ? r : restore.n;
}
