/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detach.c - DEL: everything of an attachment goes away
 */
#include "endpoint/detach.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "endpoint/bandwidth.h"
#include "endpoint/elements.h"
#include "endpoint/firewall.h"
#include "endpoint/ipam.h"
#include "endpoint/netconf.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "endpoint/reaper.h"
#include "endpoint/upstream.h"
#include "ipam/store.h"
#include "kernel/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the first error of several attempts, all of which are made. */
static void keep_first(int *first, int r, struct err *e, const struct err *this)
{
	if (r < 0 && *first == 0) {
		*first = r;
		*e = *this;
	}
}

static int release_store(const struct record *r, struct err *e)
{
	struct store_owner owner = { r->container_id, r->ifname, r->netns };
	_cleanup_store_ struct store s = { .dirfd = -1, .lockfd = -1 };
	int x;

	if (!*r->ipam_dir)
		return 0;
	x = store_open_existing(r->ipam_dir, r->network, &s, e);
	if (x == -ENOENT)
		return 0;
	if (x == 0)
		x = store_release(&s, &owner, e);
	return x < 0 ? x : 0;
}

/* Out of all tables; its link is left to the reaper. */
static int take_out(struct nl_sock *host, struct nl_sock *nft, const struct record *r,
                    struct err *e)
{
	struct err this;
	int first = 0, closed = reaper_mark(host, r->name, e);

	if (closed < 0)
		return closed;
	keep_first(&first, portmap_del_record(nft, r->name, &this), e, &this);
	keep_first(&first, firewall_del_record(nft, r->name, &this), e, &this);
	keep_first(&first, bandwidth_del_record(host, nft, r->name, true, &this), e, &this);
	if (*r->policy)
		keep_first(&first, policy_leave(host, nft, r, &this), e, &this);
	keep_first(&first, elements_del(nft, r, &this), e, &this);
	return first;
}

static int forget(struct nl_sock *nft, const struct record *r, struct err *e)
{
	struct err this;
	int first = 0;

	keep_first(&first, release_store(r, &this), e, &this);
	keep_first(&first, record_delete(r->name, &this), e, &this);
	keep_first(&first, elements_confirm(nft, r, &this), e, &this);
	keep_first(&first, policy_confirm(nft, r, &this), e, &this);
	return first;
}

int detach_records(struct nl_sock *host, const struct record *r, size_t n, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	_cleanup_free_ bool *out = calloc(n + 1, sizeof(*out));
	struct err this;
	int first = 0;

	if (!out)
		return err_sys(e, ENOMEM, "remove attachments");
	for (size_t i = 0; i < n; i++) {
		int x = take_out(host, &nft, &r[i], &this);

		out[i] = x == 0;
		keep_first(&first, x, e, &this);
	}
	keep_first(&first, reaper_run(host, &this), e, &this);
	for (size_t i = 0; i < n; i++) {
		/* An address is not handed out again while its link stands. */
		int there = link_exists(host, r[i].name, &this);

		keep_first(&first, there, e, &this);
		/* What could not be taken out is found again by its record. */
		if (there == 0 && out[i])
			keep_first(&first, policy_gone(host, &r[i], &this), e, &this);
		if (there == 0 && out[i])
			keep_first(&first, forget(&nft, &r[i], &this), e, &this);
	}
	return first;
}

int detach_record(struct nl_sock *host, const struct record *r, struct err *e)
{
	return detach_records(host, r, 1, e);
}

/* What the namespace, the previous result and the store tell of a pod. */
struct traces {
	struct record rec;        /* as much of it as is known */
	char host_link[IFNAMSIZ]; /* the node's end of the pod's veth; "" if unknown */
};

static void addresses_of_prev_result(const struct request *req, struct record *rec)
{
	struct result prev;
	struct err ignored;

	if (!req->prev_result || result_parse(req->prev_result, req->version, &prev, &ignored) < 0)
		return;
	for (size_t i = 0; i < prev.n_ips && rec->n_ips < RECORD_IPS_MAX; i++)
		rec->ips[rec->n_ips++] = prev.ips[i].address;
	result_free(&prev);
}

static bool has_address(const struct record *rec, const struct ip_addr *addr)
{
	for (size_t i = 0; i < rec->n_ips; i++) {
		if (ip_eq(&rec->ips[i].addr, addr))
			return true;
	}
	return false;
}

/* Without a previous result (a damaged cache) the store still knows the addresses. Errors show when it is released. */
static void addresses_of_store(struct record *rec)
{
	struct store_owner owner = { rec->container_id, rec->ifname, "" };
	_cleanup_store_ struct store s = { .dirfd = -1, .lockfd = -1 };
	struct ip_addr addrs[RECORD_IPS_MAX];
	struct err ignored;
	int n = -ENOENT;

	if (*rec->ipam_dir && store_open_existing(rec->ipam_dir, rec->network, &s, &ignored) == 0)
		n = store_owned(&s, &owner, addrs, RECORD_IPS_MAX, &ignored);
	for (int i = 0; i < n && rec->n_ips < RECORD_IPS_MAX; i++) {
		if (!has_address(rec, &addrs[i]))
			rec->ips[rec->n_ips++] = prefix_host(&addrs[i]);
	}
}

/* Inside the namespace: the peer of the pod's interface, if it is a veth (we never make anything else). */
static int peer_index(const char *ifname, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct link_info link = { .kind = "" };
	int r = nl_open(NETLINK_ROUTE, &s, e);

	if (r == 0)
		r = link_get(&s, 0, ifname, &link, e);
	return r < 0 || strcmp(link.kind, "veth") != 0 ? 0 : link.peer;
}

static int find_host_link(struct nl_sock *host, const struct request *req, struct traces *t,
                          struct err *e)
{
	_cleanup_close_ int fd = -1, back = -1;
	struct link_info link;
	struct netns_id id;
	struct err ignored;
	int index;

	if (!*req->netns)
		return 0;
	fd = netns_open(req->netns, &id, &ignored);
	if (fd < 0 || netns_is_own(&id) || netns_enter(fd, &back, &ignored) < 0)
		return 0;
	index = peer_index(req->ifname, &ignored);
	if (netns_leave(&back, e) < 0)
		return -EIO;
	/* The index is one of ours only if that link is a veth whose peer is in another namespace. */
	if (index > 0 && link_get(host, index, NULL, &link, &ignored) == 0 &&
	    strcmp(link.kind, "veth") == 0 && link.peer_nsid >= 0)
		(void)snprintf(t->host_link, sizeof(t->host_link), "%s", link.name);
	return 0;
}

static void describe(const struct request *req, const struct netconf *conf, struct record *rec)
{
	record_name(req->network, req->container_id, req->ifname, rec->name);
	(void)snprintf(rec->network, sizeof(rec->network), "%s", req->network);
	(void)snprintf(rec->container_id, sizeof(rec->container_id), "%s", req->container_id);
	(void)snprintf(rec->ifname, sizeof(rec->ifname), "%s", req->ifname);
	rec->masquerade =
		true; /* the configuration may have changed since: look, whatever it says now */
	ipam_data_dir(req, conf->ipam_type, rec->ipam_dir, sizeof(rec->ipam_dir));
	addresses_of_prev_result(req, rec);
	addresses_of_store(rec);
}

/* Of type cnida; in a chain, types bandwidth and firewall look for themselves. */
static int forget_capabilities(struct nl_sock *host, struct nl_sock *nft, const struct record *rec,
                               struct err *e)
{
	struct ip_addr ips[RECORD_IPS_MAX];
	char owner[OWNER_TEXT_MAX];
	int r = nl_open_once(NETLINK_NETFILTER, nft, e);

	for (size_t i = 0; i < rec->n_ips; i++)
		ips[i] = rec->ips[i].addr;
	(void)owner_text(&rec->owner, owner);
	if (r == 0)
		r = firewall_take_pods(nft, ips, rec->n_ips, owner, e);
	return r < 0 ? r
	             : bandwidth_remove(host, nft, rec->network, rec->container_id, rec->ifname,
	                                false, e);
}

/* No record, or none that led to a link: upstream's plugins may have made the attachment, or what we knew is lost. */
static int detach_traces(struct nl_sock *host, struct nl_sock *nft, const struct request *req,
                         const struct netconf *conf, struct err *e)
{
	struct traces t = { .host_link = "" };
	struct record *rec = &t.rec;
	struct err this;
	int first = 0, r;

	describe(req, conf, rec);
	r = find_host_link(host, req, &t, e);
	if (r == 0 && *t.host_link)
		r = reaper_mark(host, t.host_link, e);
	if (r < 0)
		return r;
	keep_first(&first, policy_leave(host, nft, rec, &this), e, &this);
	keep_first(&first, elements_del(nft, rec, &this), e, &this);
	if (strcmp(req->type, "cnida") == 0)
		keep_first(&first, forget_capabilities(host, nft, rec, &this), e, &this);
	keep_first(&first, reaper_run(host, &this), e, &this);
	if (upstream_remove(rec->network, rec->container_id, rec->ifname, rec->ips, rec->n_ips,
	                    &this) < 0)
		log_warn("what upstream's plugins left for %s: %s", rec->container_id, this.msg);
	return first;
}

/* What the record says. The reaper runs also if the pod has no link any more: its ifb device may wait, marked by the plugin
 * before us in a chain. */
static int detach_recorded(struct nl_sock *host, struct nl_sock *nft, int *arrival,
                           const struct record *rec, struct err *e)
{
	struct err this;
	int first = 0;

	if (*rec->policy)
		keep_first(&first, policy_leave(host, nft, rec, &this), e, &this);
	keep_first(&first, elements_del(nft, rec, &this), e, &this);
	if (*arrival >= 0)
		(void)close(take_fd(arrival));
	keep_first(&first, reaper_run(host, &this), e, &this);
	keep_first(&first, policy_gone(host, rec, &this), e, &this);
	return first;
}

static int detach_with(struct nl_sock *host, struct nl_sock *nft, const struct request *req,
                       const struct netconf *conf, struct err *e)
{
	_cleanup_close_ int arrival = reaper_arrive();
	char name[IFNAMSIZ];
	struct record rec;
	int r, known, marked;

	record_name(req->network, req->container_id, req->ifname, name);
	known = record_read(name, &rec, e);
	/* It may be there: without its content something would be left for ever. */
	if (known < 0 && known != -ENOENT && known != -EBADMSG)
		return known;
	/* First of all: what is taken out below also says what the pod may not do. */
	r = marked = reaper_mark(host, name, e);
	/* Type cnida's; in a chain, type portmap has taken its own back before us. */
	if (r >= 0)
		r = portmap_del_record(nft, name, e);
	if (r >= 0)
		r = firewall_del_record(nft, name, e);
	if (r >= 0)
		r = bandwidth_del_record(host, nft, name, true, e);
	if (r >= 0)
		r = known == 0 ? detach_recorded(host, nft, &arrival, &rec, e) : 0;
	if (arrival >= 0)
		(void)close(take_fd(&arrival));
	if (r >= 0 && (known < 0 || !marked))
		r = detach_traces(host, nft, req, conf, e);
	if (r >= 0 && *conf->ipam_type)
		r = ipam_del(req, conf->ipam_type, e);
	if (r >= 0)
		r = record_delete(name, e);
	if (r < 0 || known < 0)
		return r;
	r = elements_confirm(nft, &rec, e);
	return r < 0 ? r : policy_confirm(nft, &rec, e);
}

int detach(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct netconf conf;
	struct err this;
	int r;

	/* A configuration that no longer holds must not keep a pod from going. */
	if (netconf_parse(req, &conf, &this) < 0)
		log_warn("DEL goes on with an invalid configuration: %s", this.msg);
	r = nl_open(NETLINK_ROUTE, &host, e);
	return r < 0 ? r : detach_with(&host, &nft, req, &conf, e);
}
