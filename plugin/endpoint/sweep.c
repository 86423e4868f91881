/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.c - the node-wide sweep: what dead owners left goes away, what live ones lost comes back
 */
#include "base/log.h"
#include "endpoint/detach.h"
#include "endpoint/elements.h"
#include "endpoint/gc.h"
#include "endpoint/ipam.h"
#include "endpoint/record_list.h"
#include "ipam/sweep.h"
#include "kernel/ruleset.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct sweep {
	bool dry_run;
	gc_seen_fn seen;
	void *arg;
	int n;
	struct record_list dead;
	struct record_list alive;
};

static void tell(struct sweep *s, const char *why, const char *what)
{
	s->n++;
	if (s->seen)
		s->seen(what, why, s->arg);
}

static int sort_record(const struct record *r, void *arg, struct err *e)
{
	struct sweep *s = arg;
	char what[768];

	if (*r->network && record_alive(r))
		return record_list_add(&s->alive, r, e);
	(void)snprintf(what, sizeof(what), "attachment %s %s %s %s", r->name, r->network, r->container_id,
		       r->ifname);
	tell(s, *r->network ? "its network namespace is gone" : "its record cannot be read", what);
	return record_list_add(&s->dead, r, e);
}

static int sweep_records(struct sweep *s, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r = record_each(sort_record, s, e);

	if (r < 0 || s->dry_run || s->dead.n == 0)
		return r;
	r = nl_open(NETLINK_ROUTE, &host, e);
	return r < 0 ? r : detach_records(&host, s->dead.v, s->dead.n, e);
}

static void seen_address(const struct store_entry *entry, const char *why, void *arg)
{
	char addr[IP_STR_MAX], what[512];

	(void)snprintf(what, sizeof(what), "address %s of %s %s", ip_format(&entry->addr, addr),
		       *entry->container_id ? entry->container_id : "nobody", entry->ifname);
	tell(arg, why, what);
}

static int sweep_store(struct sweep *s, const char *data_dir, const char *network, struct err *e)
{
	_cleanup_store_ struct store store = { .dirfd = -1, .lockfd = -1 };
	struct sweep_ops ops = ipam_sweep_ops();
	int r = store_open_existing(data_dir, network, &store, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = sweep_run(&store, &ops, s->dry_run, seen_address, s, e);
	return r < 0 ? r : 0;
}

static int sweep_stores(struct sweep *s, const char *data_dir, struct err *e)
{
	_cleanup_closedir_ DIR *dir = opendir(data_dir);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", data_dir);
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && request_id_valid(entry->d_name))
			r = sweep_store(s, data_dir, entry->d_name, e);
	}
	return r;
}

/* A masquerade element is an orphan when no live record has its address. */
struct orphans {
	struct sweep *sweep;
	struct ip_prefix v[1024];
	size_t n;
};

static int collect_orphan(const struct ip_prefix *pod, const char *owner, void *arg, struct err *e)
{
	struct orphans *o = arg;
	const struct record_list *alive = &o->sweep->alive;
	char text[PREFIX_STR_MAX], what[256];

	(void)e;
	for (size_t i = 0; i < alive->n; i++) {
		for (size_t j = 0; j < alive->v[i].n_ips; j++) {
			if (ip_eq(&alive->v[i].ips[j].addr, &pod->addr))
				return 0;
		}
	}
	if (o->n == ARRAY_SIZE(o->v))
		return 0;
	o->v[o->n++] = *pod;
	(void)snprintf(what, sizeof(what), "masquerade of %s (%s)", prefix_format(pod, text), owner);
	tell(o->sweep, "no attachment has the address", what);
	return 0;
}

static int sweep_elements(struct sweep *s, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct orphans *o = calloc(1, sizeof(*o));
	struct ruleset_txn txn;
	int r;

	if (!o)
		return err_sys(e, ENOMEM, "sweep nftables elements");
	o->sweep = s;
	r = nl_open(NETLINK_NETFILTER, &nft, e);
	if (r == 0)
		r = ruleset_each_masquerade(&nft, collect_orphan, o, e);
	for (size_t i = 0; r >= 0 && !s->dry_run && i < o->n; i++) {
		ruleset_begin(&txn);
		ruleset_del_masquerade(&txn, &o->v[i]);
		r = ruleset_commit(&nft, &txn, e);
		if (r == -ENOENT)
			r = 0;
	}
	free(o);
	return r == -ENOENT ? 0 : r;
}

static bool any_elements(const struct sweep *s)
{
	for (size_t i = 0; i < s->alive.n; i++) {
		if (s->alive.v[i].masquerade || s->alive.v[i].spoof_check)
			return true;
	}
	return false;
}

int gc_sweep(const char *data_dir, bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	struct sweep s = { .dry_run = dry_run, .seen = seen, .arg = arg };
	int r = sweep_records(&s, e);

	if (r >= 0)
		r = sweep_elements(&s, e);
	if (r >= 0)
		r = sweep_stores(&s, data_dir, e);
	if (r >= 0 && !dry_run && any_elements(&s))
		r = elements_restore(e);
	record_list_free(&s.dead);
	record_list_free(&s.alive);
	return r < 0 ? r : s.n;
}
