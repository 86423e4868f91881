/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore.c - after somebody flushed the ruleset: everything of all live pods comes back
 */
#include "endpoint/restore.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "endpoint/bandwidth.h"
#include "endpoint/elements.h"
#include "endpoint/firewall.h"
#include "endpoint/policy.h"
#include "endpoint/portmap.h"
#include "kernel/nftables.h"
#include "kernel/ruleset_tables.h"

#include <stdio.h>
#include <unistd.h>

#define NOTES_DIR RUN_DIR "/tables"

/* By enum ruleset_table. */
static const char *const notes[RULESET_TABLES] = {
	[RULESET_INET] = "inet",         [RULESET_BRIDGE] = "bridge",
	[RULESET_NETDEV] = "netdev",     [RULESET_HOSTPORT] = "hostport",
	[RULESET_FIREWALL] = "firewall",
};

static bool is_noted(enum ruleset_table table)
{
	char path[64];

	(void)snprintf(path, sizeof(path), NOTES_DIR "/%s", notes[table]);
	return access(path, F_OK) == 0;
}

void restore_note(enum ruleset_table table)
{
	struct err e;
	_cleanup_close_ int dir = fs_opendir(NOTES_DIR, 0755, &e);

	if (dir < 0 || fs_write(dir, notes[table], 0600, "", 0, &e) < 0)
		log_warn("%s", e.msg);
}

void restore_forget(enum ruleset_table table)
{
	char path[64];

	(void)snprintf(path, sizeof(path), NOTES_DIR "/%s", notes[table]);
	(void)unlink(path);
}

/* Tables that were there, empty: so that the next one who asks finds them. */
static int make_tables(struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &s, e);

	for (size_t i = 0; r >= 0 && i < RULESET_TABLES; i++) {
		if (is_noted((enum ruleset_table)i))
			r = ruleset_create(&s, (enum ruleset_table)i, e);
	}
	return r;
}

static int elements(struct err *e)
{
	return elements_restore(e);
}

static const struct {
	enum restore_part part;
	const char *what;
	int (*run)(struct err *e);
} parts[] = {
	{ RESTORE_NOTHING, "nftables tables", make_tables },
	{ RESTORE_ELEMENTS, "masquerade and source checks", elements },
	{ RESTORE_PORTS, "host ports", portmap_restore },
	{ RESTORE_NOTHING, "network policy", policy_restore },
	{ RESTORE_NOTHING, "firewall", firewall_restore },
	{ RESTORE_NOTHING, "bandwidth limits", bandwidth_restore },
};

static int restore_parts(size_t from, enum restore_part except, struct err *e)
{
	struct err this;
	int first = 0;

	for (size_t i = from; i < ARRAY_SIZE(parts); i++) {
		int r = except != RESTORE_NOTHING && parts[i].part == except ? 0
		                                                             : parts[i].run(&this);

		if (r >= 0)
			continue;
		log_warn("%s are not restored: %s", parts[i].what, this.msg);
		if (first == 0) {
			first = r;
			*e = this;
		}
	}
	return first;
}

void restore_after_flush(enum restore_part except)
{
	struct err logged;

	(void)restore_parts(0, except, &logged);
}

void restore_if_flushed(struct nl_sock *nft)
{
	struct err e;
	size_t i = 0;
	int there;

	/* Most nodes without masquerading never made one. */
	if (access(NOTES_DIR, F_OK) < 0)
		return;
	while (i < RULESET_TABLES && !is_noted((enum ruleset_table)i))
		i++;
	if (i == RULESET_TABLES)
		return;
	there = nl_open_once(NETLINK_NETFILTER, nft, &e);
	if (there == 0)
		there = nft_has_table(nft, ruleset_tables[i].family, ruleset_tables[i].name, &e);
	if (there < 0)
		log_warn("looking for a flushed ruleset: %s", e.msg);
	if (there == 0)
		restore_after_flush(RESTORE_NOTHING);
}

int restore_all(struct err *e)
{
	return restore_parts(1, RESTORE_NOTHING, e);
}
