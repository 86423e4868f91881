/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.c - the node-wide sweep: what dead owners left goes away, what live ones lost comes back
 */
#include "ipam/sweep.h"
#include "base/cleanup.h"
#include "endpoint/bandwidth.h"
#include "endpoint/detach.h"
#include "endpoint/firewall.h"
#include "endpoint/garbage.h"
#include "endpoint/gc.h"
#include "endpoint/ipam.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "endpoint/record_list.h"
#include "endpoint/restore.h"
#include "kernel/ruleset.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

struct sweep {
	bool dry_run;
	struct garbage_report report;
	struct record_list dead;
	struct record_list alive;
	bool unreadable; /* a live attachment whose record cannot be read: nobody knows its addresses */
	const char *network; /* of the store that is being swept */
};

static int sort_record(const struct record *r, void *arg, struct err *e)
{
	struct sweep *s = arg;
	char what[GARBAGE_TEXT_MAX];

	if (*r->network && record_alive(r))
		return record_list_add(&s->alive, r, e);
	/* A veth goes with its pod's namespace: while it is there, the pod lives. doctor tells of it. */
	if (!*r->network && if_nametoindex(r->name) != 0) {
		s->unreadable = true;
		return 0;
	}
	garbage_describe("attachment", &r->owner, what);
	garbage_tell(&s->report, what, garbage_why(&r->owner));
	return record_list_add(&s->dead, r, e);
}

/* Of a record that cannot be read the name is known, and that is its port's. */
static int take_out_unreadable(const struct sweep *s, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < s->dead.n; i++) {
		if (*s->dead.v[i].network)
			continue;
		if (nft.fd < 0)
			r = nl_open(NETLINK_NETFILTER, &nft, e);
		if (r >= 0)
			r = ruleset_take_spoof(&nft, s->dead.v[i].name, e);
	}
	return r < 0 ? r : 0;
}

static int sweep_records(struct sweep *s, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r = record_each(sort_record, s, e);

	if (r < 0 || s->dry_run || s->dead.n == 0)
		return r;
	r = nl_open(NETLINK_ROUTE, &host, e);
	if (r == 0)
		r = detach_records(&host, s->dead.v, s->dead.n, e);
	return r < 0 ? r : take_out_unreadable(s, e);
}

/* What goes with a dead record is told with that: in a dry run it is still there. */
static bool of_dead_record(const struct sweep *s, const struct store_entry *entry)
{
	for (size_t i = 0; i < s->dead.n; i++) {
		const struct record *r = &s->dead.v[i];

		if (strcmp(r->network, s->network) == 0 &&
		    strcmp(r->container_id, entry->container_id) == 0 &&
		    strcmp(r->ifname, entry->ifname) == 0)
			return true;
	}
	return false;
}

static void seen_address(const struct store_entry *entry, const char *why, void *arg)
{
	char addr[IP_STR_MAX], what[512];
	struct sweep *s = arg;

	if (s->dry_run && of_dead_record(s, entry))
		return;
	(void)snprintf(what, sizeof(what), "address %s of %s %s", ip_format(&entry->addr, addr),
	               *entry->container_id ? entry->container_id : "nobody", entry->ifname);
	garbage_tell(&s->report, what, why);
}

static int sweep_store(struct sweep *s, const char *data_dir, const char *network, struct err *e)
{
	_cleanup_store_ struct store store = { .dirfd = -1, .lockfd = -1 };
	struct sweep_ops ops = ipam_sweep_ops();
	int r = store_open_existing(data_dir, network, &store, e);

	if (r == -ENOENT)
		return 0;
	s->network = network;
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

/* A masquerade element is an orphan when no record has its address. */
struct orphans {
	struct {
		struct ip_prefix pod;
		char owner[RULESET_COMMENT_MAX + 1];
	} v[1024];
	size_t n;
};

static bool has_address(const struct record *r, const struct ip_addr *addr)
{
	for (size_t i = 0; i < r->n_ips; i++) {
		if (ip_eq(&r->ips[i].addr, addr))
			return true;
	}
	return false;
}

/* Elements that no record had when the sweep began. */
struct suspects {
	const struct sweep *sweep;
	struct orphans *orphans;
};

static int suspect(const struct ip_prefix *pod, const char *owner, void *arg, struct err *e)
{
	const struct suspects *s = arg;
	const struct record_list *lists[] = { &s->sweep->alive, &s->sweep->dead };
	struct orphans *o = s->orphans;

	(void)e;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (size_t i = 0; i < lists[l]->n; i++) {
			if (has_address(&lists[l]->v[i], &pod->addr))
				return 0;
		}
	}
	if (o->n == ARRAY_SIZE(o->v))
		return 0;
	o->v[o->n].pod = *pod;
	(void)snprintf(o->v[o->n].owner, sizeof(o->v[o->n].owner), "%s", owner);
	o->n++;
	return 0;
}

/* An ADD that began after the records were read wrote its own before its elements: that one clears it now. */
static int clear_suspect(const struct record *r, void *arg, struct err *e)
{
	struct orphans *o = arg;
	size_t n = 0;

	(void)e;
	for (size_t i = 0; i < o->n; i++) {
		if (!has_address(r, &o->v[i].pod.addr))
			o->v[n++] = o->v[i];
	}
	o->n = n;
	return 0;
}

static int remove_orphans(struct sweep *s, struct nl_sock *nft, const struct orphans *o,
                          struct err *e)
{
	char text[PREFIX_STR_MAX], what[256];
	struct ruleset_txn txn;

	for (size_t i = 0; i < o->n; i++) {
		int r;

		(void)snprintf(what, sizeof(what), "masquerade of %s (%s)",
		               prefix_format(&o->v[i].pod, text), o->v[i].owner);
		garbage_tell(&s->report, what, "no attachment has the address");
		if (s->dry_run)
			continue;
		ruleset_begin(&txn);
		ruleset_del_masquerade(&txn, &o->v[i].pod);
		r = ruleset_commit(nft, &txn, e);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

static int sweep_elements(struct sweep *s, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	_cleanup_free_ struct orphans *o = calloc(1, sizeof(*o));
	struct suspects suspects = { .sweep = s, .orphans = o };
	int r;

	if (!o)
		return err_sys(e, ENOMEM, "sweep nftables elements");
	if (s->unreadable)
		return 0;
	r = nl_open(NETLINK_NETFILTER, &nft, e);
	if (r == 0)
		r = ruleset_each_masquerade(&nft, suspect, &suspects, e);
	if (r == -ENOENT)
		return 0;
	if (r >= 0 && o->n > 0)
		r = record_each(clear_suspect, o, e);
	return r < 0 ? r : remove_orphans(s, &nft, o, e);
}

/* What types portmap, bandwidth and firewall gave, behind whatever plugin, and endpoints of the policy. */
static int sweep_capabilities(struct sweep *s, struct err *e)
{
	int (*const sweeps[])(bool, gc_seen_fn, void *,
	                      struct err *) = { portmap_sweep, bandwidth_sweep, firewall_sweep,
		                                policy_sweep };

	for (size_t i = 0; i < ARRAY_SIZE(sweeps); i++) {
		int r = sweeps[i](s->dry_run, s->report.seen, s->report.arg, e);

		if (r < 0)
			return r;
		s->report.n += r;
	}
	return 0;
}

int gc_sweep(const char *data_dir, bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	struct sweep s = { .dry_run = dry_run, .report = { .seen = seen, .arg = arg } };
	int r = sweep_records(&s, e);

	if (r >= 0)
		r = sweep_elements(&s, e);
	if (r >= 0)
		r = sweep_capabilities(&s, e);
	if (r >= 0)
		r = sweep_stores(&s, data_dir, e);
	if (r >= 0 && !dry_run)
		r = restore_all(e);
	record_list_free(&s.dead);
	record_list_free(&s.alive);
	return r < 0 ? r : s.report.n;
}
