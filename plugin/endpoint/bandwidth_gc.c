/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bandwidth_gc.c - limits of pods whose DEL never came: GC, the sweep
 */
#include "endpoint/bandwidth.h"

#include "base/json.h"
#include "endpoint/garbage.h"
#include "kernel/redirect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Devices: known by their alias, "network container interface" */

struct garbage {
	char names[64][IFNAMSIZ];
	char aliases[64][sizeof(((struct link_info *)0)->alias)];
	size_t n;
	const struct request *req; /* of GC; NULL in the sweep */
};

/* "network container interface", as written by bandwidth_apply(); one that was cut is nobody's we could name. */
static bool is_garbage(const struct request *req, const char *alias)
{
	char owner[sizeof(((struct link_info *)0)->alias)];
	const json_t *item;
	size_t i, len = strlen(req->network);

	if (strncmp(alias, req->network, len) != 0 || alias[len] != ' ' ||
	    strlen(alias) >= sizeof(owner) - 1)
		return false;
	json_array_foreach(req->valid_attachments, i, item) {
		(void)snprintf(owner, sizeof(owner), "%s %s %s", req->network,
		               json_string_value(jget(item, "containerID")),
		               json_string_value(jget(item, "ifname")));
		if (strcmp(owner, alias) == 0)
			return false;
	}
	return true;
}

static int collect(const struct link_info *link, void *arg, struct err *e)
{
	struct garbage *g = arg;

	(void)e;
	if (strcmp(link->kind, "ifb") != 0 || strncmp(link->name, "bwp", 3) != 0 || !*link->alias ||
	    (g->req && !is_garbage(g->req, link->alias)))
		return 0;
	memcpy(g->aliases[g->n], link->alias, sizeof(link->alias));
	memcpy(g->names[g->n++], link->name, IFNAMSIZ);
	return g->n == sizeof(g->names) / sizeof(g->names[0]);
}

/* A round removes as many as it has room for; the list is of a node, so there are few. */
static int gc_devices(struct nl_sock *host, struct nl_sock *nft, const struct request *req,
                      struct err *e)
{
	struct garbage g = { .req = req };
	int more, r = 0;

	do {
		g.n = 0;
		more = link_each(host, collect, &g, e);
		for (size_t i = 0; more >= 0 && r == 0 && i < g.n; i++)
			r = bandwidth_forget(host, nft, g.names[i], e);
	} while (more > 0 && r == 0);
	return more < 0 ? more : r;
}

/* Records */

struct sockets {
	struct nl_sock *host, *nft;
};

static int remove_one(const char *name, void *arg, struct err *e)
{
	struct sockets *s = arg;

	return bandwidth_del_record(s->host, s->nft, name, false, e);
}

static int remove_all(struct nl_sock *host, struct nl_sock *nft, const struct garbage_names *list,
                      struct err *e)
{
	struct sockets s = { host, nft };

	return garbage_remove(list, "bandwidth limit", remove_one, &s, e);
}

static int collect_invalid(const struct extra_record *r, void *arg, struct err *e)
{
	return garbage_collect_invalid(arg, &r->owner, e);
}

int bandwidth_gc(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct garbage_invalid g = { .req = req };
	int r = garbage_need_list(req, "limit", e);

	if (r == 0)
		r = nl_open(NETLINK_ROUTE, &host, e);
	if (r == 0)
		r = extra_record_each(EXTRA_BANDWIDTH, collect_invalid, &g, e);
	if (r == 0)
		r = remove_all(&host, &nft, &g.names, e);
	free(g.names.v);
	return r < 0 ? r : gc_devices(&host, &nft, req, e);
}

/* The sweep */

static int collect_dead(const struct extra_record *r, void *arg, struct err *e)
{
	return garbage_collect_dead(arg, "bandwidth limit", &r->owner, e);
}

static int clear_recorded(const struct extra_record *r, void *arg, struct err *e)
{
	char owner[EXTRA_OWNER_MAX];
	struct garbage *g = arg;
	size_t n = 0;

	(void)e;
	(void)extra_record_owner(r, owner);
	for (size_t i = 0; i < g->n; i++) {
		if (strncmp(g->aliases[i], owner, sizeof(g->aliases[i]) - 1) == 0)
			continue;
		if (i != n) {
			memcpy(g->aliases[n], g->aliases[i], sizeof(g->aliases[n]));
			memcpy(g->names[n], g->names[i], sizeof(g->names[n]));
		}
		n++;
	}
	g->n = n;
	return 0;
}

/* Devices first, then records: an ADD writes its record before its device. */
static int sweep_devices(struct garbage_report *report, struct nl_sock *host, struct nl_sock *nft,
                         bool dry_run, struct err *e)
{
	struct garbage *g = calloc(1, sizeof(*g));
	char what[320];
	int r;

	if (!g)
		return err_sys(e, ENOMEM, "sweep ifb devices");
	r = link_each(host, collect, g, e);
	if (r >= 0)
		r = extra_record_each(EXTRA_BANDWIDTH, clear_recorded, g, e);
	for (size_t i = 0; r >= 0 && i < g->n; i++) {
		(void)snprintf(what, sizeof(what), "%s (%s)", g->names[i], g->aliases[i]);
		garbage_tell(report, what, "no record has it");
		if (!dry_run)
			r = bandwidth_forget(host, nft, g->names[i], e);
	}
	free(g);
	return r < 0 ? r : 0;
}

/* Chains whose device is gone; those of one that stands go with that */

struct chains {
	struct nl_sock *host, *nft;
	struct garbage_names names;
};

static int collect_chain(const char *ifb, void *arg, struct err *e)
{
	struct chains *c = arg;
	int there = strncmp(ifb, "bwp", 3) == 0 ? link_exists(c->host, ifb, e) : 1;

	return there == 0 ? garbage_add(&c->names, ifb, e) : there < 0 ? there : 0;
}

static int clear_owned(const struct extra_record *r, void *arg, struct err *e)
{
	struct garbage_names *names = arg;
	size_t n = 0;

	(void)e;
	for (size_t i = 0; i < names->n; i++)
		if (!bandwidth_owns(r, names->v[i]))
			memmove(names->v[n++], names->v[i], IFNAMSIZ);
	names->n = n;
	return 0;
}

static int remove_chains(struct garbage_report *report, struct chains *c, bool dry_run,
                         struct err *e)
{
	char what[64];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->names.n; i++) {
		(void)snprintf(what, sizeof(what), "redirect to %s", c->names.v[i]);
		garbage_tell(report, what, "no record has it");
		if (!dry_run)
			r = redirect_del(c->nft, c->names.v[i], e);
	}
	return r;
}

/* Chains first, then records, as above. */
static int sweep_chains(struct garbage_report *report, struct nl_sock *host, struct nl_sock *nft,
                        bool dry_run, struct err *e)
{
	struct chains c = { .host = host, .nft = nft };
	int r = redirect_each(nft, collect_chain, &c, e);

	if (r >= 0 && c.names.n > 0)
		r = extra_record_each(EXTRA_BANDWIDTH, clear_owned, &c.names, e);
	if (r >= 0)
		r = remove_chains(report, &c, dry_run, e);
	free(c.names.v);
	return r;
}

int bandwidth_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct garbage_dead dead = { .report = { .seen = seen, .arg = arg } };
	int r = nl_open(NETLINK_ROUTE, &host, e);

	if (r == 0)
		r = extra_record_each(EXTRA_BANDWIDTH, collect_dead, &dead, e);
	if (r == 0 && !dry_run)
		r = remove_all(&host, &nft, &dead.names, e);
	free(dead.names.v);
	if (r >= 0)
		r = sweep_devices(&dead.report, &host, &nft, dry_run, e);
	if (r >= 0)
		r = sweep_chains(&dead.report, &host, &nft, dry_run, e);
	return r < 0 ? r : dead.report.n;
}
