/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_gc.c - host ports that nobody takes back by DEL: restore, GC, the sweep
 */
#include "base/cleanup.h"
#include "endpoint/garbage.h"
#include "endpoint/portmap.h"
#include "endpoint/portmap_elements.h"
#include "endpoint/portmap_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORPHANS_MAX 1024 /* in one sweep; the next one finds the others */

/* Restore */

static int any_live(const struct portmap_record *r, void *arg, struct err *e)
{
	(void)arg, (void)e;
	return *r->network && r->n > 0 && owner_alive(&r->owner);
}

int portmap_restore(struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	int lock, r = portmap_record_each(any_live, NULL, e);

	if (r <= 0)
		return r;
	lock = portmap_record_lock(e);
	if (lock < 0)
		return lock;
	r = nl_open(NETLINK_NETFILTER, &s, e);
	if (r == 0)
		r = ruleset_repair(&s, RULESET_HOSTPORT, e);
	if (r >= 0)
		r = portmap_put_all(&s, NULL, e);
	(void)close(lock);
	return r;
}

/* GC of one network */

static int remove_one(const char *name, void *arg, struct err *e)
{
	return portmap_del_record(arg, name, e);
}

static int remove_all(const struct garbage_names *list, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };

	return garbage_remove(list, "host ports", remove_one, &nft, e);
}

static int collect_invalid(const struct portmap_record *r, void *arg, struct err *e)
{
	return garbage_collect_invalid(arg, &r->owner, e);
}

int portmap_gc(const struct request *req, struct err *e)
{
	struct garbage_invalid g = { .req = req };
	int r = garbage_need_list(req, "host port", e);

	if (r == 0)
		r = portmap_record_each(collect_invalid, &g, e);
	if (r == 0)
		r = remove_all(&g.names, e);
	free(g.names.v);
	return r;
}

/* The sweep */

struct sweep {
	struct garbage_dead dead;
	struct portmap_record *orphan; /* its ports; every element may have another owner */
	char (*owners)[RULESET_COMMENT_MAX + 1];
};

static int collect_dead(const struct portmap_record *r, void *arg, struct err *e)
{
	struct sweep *s = arg;

	return garbage_collect_dead(&s->dead, "host ports", &r->owner, e);
}

/* An element of the maps: does its owner's record have it? */
struct suspect {
	const struct hostport *hp;
	char owner[RULESET_COMMENT_MAX + 1];
};

static bool same_port(const struct hostport *a, const struct hostport *b)
{
	return a->proto == b->proto && a->port == b->port && a->pod_port == b->pod_port &&
	       ip_eq(&a->pod.addr, &b->pod.addr) && a->addr.family == b->addr.family &&
	       ip_eq(&a->addr, &b->addr);
}

static int is_recorded(const struct portmap_record *r, void *arg, struct err *e)
{
	const struct suspect *suspect = arg;
	char owner[PORTMAP_OWNER_MAX];

	(void)e;
	if (!*r->network ||
	    strncmp(portmap_record_owner(r, owner), suspect->owner, RULESET_COMMENT_MAX) != 0)
		return 0;
	for (size_t i = 0; i < r->n; i++) {
		if (same_port(&r->v[i], suspect->hp))
			return 1;
	}
	return 0;
}

static int collect_orphan(const struct hostport *hp, const char *owner, void *arg, struct err *e)
{
	struct sweep *s = arg;
	struct suspect suspect = { .hp = hp };
	char port[PORT_STR_MAX], what[256];
	int r;

	(void)snprintf(suspect.owner, sizeof(suspect.owner), "%s", owner);
	r = portmap_record_each(is_recorded, &suspect, e);
	if (r != 0 || s->orphan->n == ORPHANS_MAX)
		return r < 0 ? r : 0;
	(void)snprintf(what, sizeof(what), "host port %s (%s)", port_describe(hp, port),
	               suspect.owner);
	garbage_tell(&s->dead.report, what, "no record has it");
	memcpy(s->owners[s->orphan->n], suspect.owner, sizeof(suspect.owner));
	s->orphan->v[s->orphan->n++] = *hp;
	return 0;
}

/* With the lock held, so that no ADD is between its record and its elements. */
static int sweep_orphans(struct sweep *s, bool dry_run, struct err *e)
{
	_cleanup_portmap_record_ struct portmap_record orphan = { .v = NULL };
	_cleanup_free_ char(*owners)[RULESET_COMMENT_MAX + 1] =
		calloc(ORPHANS_MAX, sizeof(*owners));
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r;

	orphan.v = calloc(ORPHANS_MAX, sizeof(*orphan.v));
	if (!owners || !orphan.v)
		return err_sys(e, ENOMEM, "sweep host ports");
	s->orphan = &orphan;
	s->owners = owners;
	r = nl_open(NETLINK_NETFILTER, &nft, e);
	if (r == 0)
		r = ruleset_each_hostport(&nft, collect_orphan, s, e);
	for (size_t i = 0; r >= 0 && !dry_run && i < orphan.n; i++)
		r = ruleset_take_hostports(&nft, &orphan.v[i], 1, owners[i], e);
	s->orphan = NULL;
	s->owners = NULL;
	return r < 0 ? r : 0;
}

int portmap_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	struct sweep s = { .dead.report = { .seen = seen, .arg = arg } };
	int lock, r = portmap_record_each(collect_dead, &s, e);

	if (r == 0 && !dry_run)
		r = remove_all(&s.dead.names, e);
	free(s.dead.names.v);
	if (r < 0)
		return r;
	lock = portmap_record_lock(e);
	if (lock < 0)
		return lock;
	r = sweep_orphans(&s, dry_run, e);
	(void)close(lock);
	return r < 0 ? r : s.dead.report.n;
}
