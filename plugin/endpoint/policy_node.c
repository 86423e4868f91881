/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_node.c - the policy of the whole node: put in force for all pods that
 * the records tell of
 */
#include "endpoint/policy_node.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "endpoint/extra_record.h"
#include "endpoint/policy_nft_apply.h"
#include "kernel/link.h"
#include "policy/compile.h"
#include "policy/object_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int policy_lock(bool shared, struct err *e)
{
	int fd = (shared ? fs_lock_shared : fs_lock)(AT_FDCWD, RUN_DIR "/" POLICY_LOCK, 0600,
	                                             POLICY_LOCK_TIMEOUT_MS, e);

	if (fd != -ENOENT)
		return fd;
	/* The first of a boot. */
	if (fs_mkdirs(RUN_DIR, 0700, e) < 0)
		return -e->no;
	return (shared ? fs_lock_shared : fs_lock)(AT_FDCWD, RUN_DIR "/" POLICY_LOCK, 0600,
	                                           POLICY_LOCK_TIMEOUT_MS, e);
}

bool policy_is_loaded(void)
{
	/* What cannot be told is found out by whoever opens it, and can say so. */
	return access(CNIDA_BPF_ROOT, F_OK) == 0 || errno != ENOENT;
}

struct loader_conf policy_loader(uint32_t flows, uint32_t endpoints, bool fastpath)
{
	struct loader_conf conf = LOADER_DEFAULTS;

	if (flows)
		conf.max_flows = flows;
	if (endpoints)
		conf.max_endpoints = endpoints;
	conf.switches = (conf.switches & ~CONTROL_FASTPATH) | (fastpath ? CONTROL_FASTPATH : 0);
	return conf;
}

struct endpoint policy_endpoint(const struct record *r, int ifindex, const uint8_t *bridge_mac)
{
	struct endpoint ep = { .ifindex = (uint32_t)ifindex };

	(void)mac_parse(r->mac, ep.mac);
	if (bridge_mac) {
		memcpy(ep.host_mac, bridge_mac, sizeof(ep.host_mac));
	} else {
		(void)mac_parse(r->host_mac, ep.host_mac);
		ep.flags |= ENDPOINT_ROUTED;
	}
	if (extra_record_exists(EXTRA_BANDWIDTH, r->name))
		ep.flags |= ENDPOINT_SHAPED;
	return ep;
}

/* ---- pods ---- */

struct collecting {
	struct nl_sock *host;
	struct policy_pods *pods;
	struct link_info bridge; /* the one that was asked for last */
};

void policy_pods_free(struct policy_pods *pods)
{
	record_list_free(&pods->records);
	free(pods->v);
	*pods = (struct policy_pods) { 0 };
}

static int collect(const struct record *r, void *arg, struct err *e)
{
	struct collecting *c = arg;

	return *r->network && *r->policy ? record_list_add(&c->pods->records, r, e) : 0;
}

static int bridge_of(struct collecting *c, const char *name, struct err *e)
{
	int r = strcmp(c->bridge.name, name) == 0 ? 0 : link_get(c->host, 0, name, &c->bridge, e);

	return r == -ENODEV ? err_set(e, CNI_E_INTERNAL, ENODEV, "bridge %s is not there", name)
	                    : r;
}

static int add_pod(struct collecting *c, const struct record *r, struct err *e)
{
	struct apply_pod *pod = &c->pods->v[c->pods->n];
	struct link_info link;
	int x = link_get(c->host, 0, r->name, &link, e);

	if (x == -ENODEV)
		return 0; /* not made yet, or gone already */
	if (x == 0 && *r->bridge)
		x = bridge_of(c, r->bridge, e);
	if (x < 0)
		return x;
	*pod = (struct apply_pod) {
		.port = r->name,
		.bridge = *r->bridge ? c->bridge.ifindex : 0,
		.namespace = r->pod_namespace,
		.name = r->pod_name,
		.ips = r->ips,
		.n_ips = r->n_ips,
		.allow_unknown = strcmp(r->policy, "allow") == 0,
		.link = policy_endpoint(r, link.ifindex, *r->bridge ? c->bridge.mac : NULL),
	};
	c->pods->n++;
	return 0;
}

int policy_pods_collect(struct nl_sock *host, struct policy_pods *ret, struct err *e)
{
	struct collecting c = { .host = host, .pods = ret };
	int r = record_each(collect, &c, e);

	if (r == 0) {
		ret->v = calloc(ret->records.n + 1, sizeof(*ret->v));
		r = ret->v ? 0 : err_sys(e, ENOMEM, "collect the pods of this node");
	}
	for (size_t i = 0; r == 0 && i < ret->records.n; i++)
		r = add_pod(&c, &ret->records.v[i], e);
	return r;
}

/* ---- apply ---- */

/* A pod that is being attached may wait for our lock: what it would have loaded is what it must find. */
static enum apply_backend backend_of_pods(enum apply_backend said, const struct policy_pods *pods)
{
	for (size_t i = 0; said == APPLY_AUTO && i < pods->records.n; i++) {
		if (pods->records.v[i].policy_nftables && !policy_is_loaded())
			return APPLY_NFTABLES;
	}
	return said;
}

/*
 * An ADD that looked for a snapshot before there was one lets its pod start
 * unjudged, and its record may have come after we read them all. Whoever looked
 * before the snapshot was there has written its record by now.
 */
static int catch_up(struct apply_request *rq, struct nl_sock *host, struct apply_result *ret,
                    struct err *e)
{
	struct policy_pods again = { 0 };
	struct policy_nft_apply nft;
	int r = policy_pods_collect(host, &again, e);

	if (r == 0 && again.n > rq->n_pods) {
		struct apply_request late = *rq;

		late.text = NULL;
		late.backend = backend_of_pods(rq->backend, &again);
		late.pods = again.v;
		late.n_pods = again.n;
		policy_nft_apply_init(&nft, host);
		late.nft = &nft.callbacks;
		r = apply(&late, host, ret, e);
		policy_nft_apply_end(&nft);
	}
	policy_pods_free(&again);
	return r;
}

/* With the lock. */
static int apply_tables(const struct apply_request *rq, struct policy_pods *pods,
                        struct apply_result *ret, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	struct apply_request full = *rq;
	struct policy_nft_apply nft;
	int r = nl_open(NETLINK_ROUTE, &host, e);

	if (r == 0)
		r = policy_pods_collect(&host, pods, e);
	if (r < 0)
		return r;
	full.pods = pods->v;
	full.n_pods = pods->n;
	full.backend = backend_of_pods(rq->backend, pods);
	policy_nft_apply_init(&nft, &host);
	full.nft = &nft.callbacks;
	r = apply(&full, &host, ret, e);
	policy_nft_apply_end(&nft);
	return r < 0 || !full.text ? r : catch_up(&full, &host, ret, e);
}

int policy_apply(const struct objects *objects, const struct loader_conf *loader,
                 struct policy_pods *pods, struct apply_result *ret, struct err *e)
{
	struct tables tables = { 0 };
	_cleanup_close_ int lock = -1;
	_cleanup_free_ char *text = NULL;
	struct apply_request rq = {
		.tables = &tables,
		.n_policies = objects->n_policies,
		.loader = *loader,
		.applied = (int64_t)time(NULL),
	};
	int r = compile(objects, false, &tables, e);

	*pods = (struct policy_pods) { 0 };
	if (r < 0)
		return r;
	r = objects_write(objects, &text, &rq.len, e);
	rq.text = text;
	if (r == 0) {
		lock = policy_lock(false, e);
		r = lock < 0 ? lock : apply_tables(&rq, pods, ret, e);
	}
	tables_free(&tables);
	return r;
}

/* ---- load ---- */

static int load_objects(const struct objects *objects, const struct snapshot *s,
                        enum apply_backend backend, const struct loader_conf *loader, struct err *e)
{
	struct apply_request rq = {
		.backend = backend,
		.n_policies = objects->n_policies,
		.loader = *loader,
		.load = true,
		.applied = s->applied,
		.sum = s->sum,
	};
	struct policy_pods pods = { 0 };
	struct tables tables = { 0 };
	struct apply_result ignored;
	int r = compile(objects, false, &tables, e);

	if (r < 0)
		return r;
	rq.tables = &tables;
	r = apply_tables(&rq, &pods, &ignored, e);
	policy_pods_free(&pods);
	tables_free(&tables);
	return r;
}

int policy_load(enum apply_backend backend, const struct loader_conf *loader, struct err *e)
{
	struct snapshot s = { 0 };
	struct objects objects;
	int r = snapshot_read(&s, e);

	if (r < 0 && r != -ENOENT)
		return r;
	objects_init(&objects);
	if (r == 0)
		r = objects_read(&objects, SNAPSHOT_PATH, s.text, s.len, e);
	if (r == 0 || r == -ENOENT)
		r = objects_finish(&objects, e);
	if (r == 0)
		r = load_objects(&objects, &s, backend, loader, e);
	objects_free(&objects);
	snapshot_free(&s);
	return r;
}

/* ---- clear ---- */

static int let_go(struct policy_pods *pods, struct nl_sock *host, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	int r = policy_is_loaded() ? datapath_open(&d, e) : 0;

	if (r <= 0)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < pods->n; i++)
		r = datapath_detach(&d, host, (int)pods->v[i].link.ifindex, e);
	return r;
}

int policy_clear(struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_close_ int lock = policy_lock(false, e);
	struct policy_pods pods = { 0 };
	int r = lock < 0 ? lock : nl_open(NETLINK_ROUTE, &host, e);

	/* First the snapshot: an ADD that comes after the lock is free finds no policy. */
	if (r == 0)
		r = snapshot_remove(e);
	if (r == 0)
		r = policy_pods_collect(&host, &pods, e);
	if (r == 0)
		r = let_go(&pods, &host, e);
	if (r == 0)
		r = verdicts_remove(e);
	if (r == 0)
		r = policy_nft_remove(&host, e);
	if (r == 0)
		r = loader_unload(e);
	if (r == 0)
		r = (int)pods.n;
	policy_pods_free(&pods);
	return r;
}
