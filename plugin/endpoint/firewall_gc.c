/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall_gc.c - what the firewall has of pods whose DEL never came: GC, the sweep
 */
#include "endpoint/firewall.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "endpoint/garbage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GARBAGE_MAX 64

/* Owners of elements without a record */

struct garbage {
	const struct request *req; /* of GC; NULL in the sweep */
	char owners[GARBAGE_MAX][RULESET_COMMENT_MAX + 1];
	size_t n;
};

static void remember(struct garbage *g, const char *owner)
{
	for (size_t i = 0; i < g->n; i++) {
		if (strcmp(g->owners[i], owner) == 0)
			return;
	}
	if (g->n < GARBAGE_MAX)
		(void)snprintf(g->owners[g->n++], sizeof(g->owners[0]), "%s", owner);
}

static bool is_valid(const struct request *req, const char *owner)
{
	char valid[RULESET_COMMENT_MAX + 1];
	const json_t *item;
	size_t i;

	json_array_foreach(req->valid_attachments, i, item) {
		(void)snprintf(valid, sizeof(valid), "%s %s %s", req->network,
		               json_string_value(jget(item, "containerID")),
		               json_string_value(jget(item, "ifname")));
		if (strcmp(valid, owner) == 0)
			return true;
	}
	return false;
}

static int collect_invalid(const char *owner, void *arg, struct err *e)
{
	struct garbage *g = arg;
	size_t len = strlen(g->req->network);

	(void)e;
	if (strncmp(owner, g->req->network, len) == 0 && owner[len] == ' ' &&
	    !is_valid(g->req, owner))
		remember(g, owner);
	return 0;
}

/* "network container-id ifname", not the "network" of a bridge's policy. */
static int collect_pods(const char *owner, void *arg, struct err *e)
{
	(void)e;
	if (strchr(owner, ' '))
		remember(arg, owner);
	return 0;
}

/* Records */

static int remove_one(const char *name, void *arg, struct err *e)
{
	return firewall_del_record(arg, name, e);
}

static int remove_all(const struct garbage_names *list, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };

	return garbage_remove(list, "firewall", remove_one, &nft, e);
}

static int collect_records(const struct extra_record *r, void *arg, struct err *e)
{
	return garbage_collect_invalid(arg, &r->owner, e);
}

static int gc_elements(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct garbage g = { .req = req };
	int r = nl_open(NETLINK_NETFILTER, &s, e);

	do {
		g.n = 0;
		if (r >= 0)
			r = firewall_each(&s, collect_invalid, &g, e);
		for (size_t i = 0; r >= 0 && i < g.n; i++)
			r = firewall_take_owner(&s, g.owners[i], e);
	} while (r > 0 && g.n == GARBAGE_MAX);
	return r < 0 ? r : 0;
}

int firewall_gc(const struct request *req, struct err *e)
{
	struct garbage_invalid g = { .req = req };
	int r = garbage_need_list(req, "pod", e);

	if (r == 0)
		r = extra_record_each(EXTRA_FIREWALL, collect_records, &g, e);
	if (r == 0)
		r = remove_all(&g.names, e);
	free(g.names.v);
	return r < 0 ? r : gc_elements(req, e);
}

/* The sweep */

static int collect_dead(const struct extra_record *r, void *arg, struct err *e)
{
	return garbage_collect_dead(arg, "firewall", &r->owner, e);
}

static int clear_recorded(const struct extra_record *r, void *arg, struct err *e)
{
	char owner[EXTRA_OWNER_MAX];
	struct garbage *g = arg;
	size_t n = 0;

	(void)e;
	(void)extra_record_owner(r, owner);
	for (size_t i = 0; i < g->n; i++) {
		if (strncmp(g->owners[i], owner, RULESET_COMMENT_MAX) != 0) {
			if (i != n)
				memcpy(g->owners[n], g->owners[i], sizeof(g->owners[n]));
			n++;
		}
	}
	g->n = n;
	return 0;
}

/* Elements first, then records: an ADD writes its record before its elements. */
static int sweep_orphans(struct garbage_report *report, bool dry_run, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	_cleanup_free_ struct garbage *g = calloc(1, sizeof(*g));
	char what[256];
	int r;

	if (!g)
		return err_sys(e, ENOMEM, "sweep the firewall");
	r = nl_open(NETLINK_NETFILTER, &nft, e);
	if (r == 0)
		r = firewall_each(&nft, collect_pods, g, e);
	if (r >= 0)
		r = extra_record_each(EXTRA_FIREWALL, clear_recorded, g, e);
	for (size_t i = 0; r >= 0 && i < g->n; i++) {
		(void)snprintf(what, sizeof(what), "firewall (%s)", g->owners[i]);
		garbage_tell(report, what, "no record has it");
		if (!dry_run)
			r = firewall_take_owner(&nft, g->owners[i], e);
	}
	return r < 0 ? r : 0;
}

int firewall_sweep(bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	struct garbage_dead dead = { .report = { .seen = seen, .arg = arg } };
	int r = extra_record_each(EXTRA_FIREWALL, collect_dead, &dead, e);

	if (r == 0 && !dry_run)
		r = remove_all(&dead.names, e);
	free(dead.names.v);
	if (r >= 0)
		r = sweep_orphans(&dead.report, dry_run, e);
	return r < 0 ? r : dead.report.n;
}
