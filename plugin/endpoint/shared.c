/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared.c - what attachments share, and when a failed ADD may take it back
 */
#include "endpoint/shared.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "endpoint/record.h"
#include "endpoint/restore.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/ruleset.h"
#include "kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define LOCK_NAME       "attach.lock"
#define LOCK_TIMEOUT_MS 10000U

static const char *const forwarding_key[] = { "net/ipv4/ip_forward",
	                                      "net/ipv6/conf/all/forwarding" };

void shared_init(struct shared *s)
{
	*s = (struct shared) { .lock = -1 };
}

int shared_enter(struct shared *s, struct err *e)
{
	_cleanup_close_ int dir = fs_opendir(RUN_DIR, 0700, e);
	int lock;

	if (dir < 0)
		return dir;
	lock = fs_lock_shared(dir, LOCK_NAME, 0600, LOCK_TIMEOUT_MS, e);
	if (lock < 0)
		return lock;
	s->lock = lock;
	return 0;
}

void shared_leave(struct shared *s)
{
	if (s->lock >= 0)
		(void)close(s->lock);
	s->lock = -1;
}

int shared_forwarding(struct shared *s, sa_family_t family, struct err *e)
{
	unsigned int which = family == AF_INET6;
	char now[16];
	int r = sysctl_get(forwarding_key[which], now, sizeof(now), e);

	if (r == 0 && strcmp(now, "1") == 0)
		return 0;
	r = sysctl_set(forwarding_key[which], "1", e);
	if (r < 0)
		return err_wrap(e, "failed to enable forwarding");
	s->made_forwarding[which] = true;
	return 0;
}

/* Stops the walk at the first port of the bridge. */
static int is_port_of(const struct link_info *link, void *arg, struct err *e)
{
	(void)e;
	return link->master == *(const int *)arg;
}

static void remove_bridge(const struct shared *s, struct nl_sock *host)
{
	struct link_info bridge;
	struct err e = { 0 };
	int ports, r = link_get(host, 0, s->bridge, &bridge, &e);

	if (r == -ENODEV)
		return;
	ports = r < 0 ? r : link_each(host, is_port_of, &bridge.ifindex, &e);
	if (ports == 0)
		ports = link_del(host, s->bridge, &e);
	if (ports < 0 && ports != -ENODEV)
		log_warn("bridge %s of a failed ADD stays: %s", s->bridge, e.msg);
}

static void remove_addresses(const struct shared *s, struct nl_sock *host)
{
	_uninitialized_ struct nl_batch b;
	struct err e;

	for (size_t i = 0; i < s->n_made_addr; i++) {
		int index = link_index(host, s->made_addr[i].link);

		nl_batch_init(&b);
		if (index > 0)
			address_del_msg(&b, index, &s->made_addr[i].addr);
		if (index > 0 && nl_do(host, &b, &e) < 0)
			log_warn("address on %s of a failed ADD stays: %s", s->made_addr[i].link,
			         e.msg);
	}
}

static int any_record(const struct record *r, void *arg, struct err *e)
{
	(void)r, (void)arg, (void)e;
	return 1;
}

/* Only those that attachments make: host ports may be those of another set of plugins' pods. */
static int remove_tables(struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	restore_forget(RULESET_INET);
	restore_forget(RULESET_BRIDGE);
	if (r == 0)
		r = ruleset_destroy_table(&nft, RULESET_INET, e);
	return r < 0 ? r : ruleset_destroy_table(&nft, RULESET_BRIDGE, e);
}

/* Tables and forwarding serve every attachment of the node: they go only when there is none. */
static void remove_node_wide(const struct shared *s)
{
	struct err e;

	if (record_each(any_record, NULL, &e) != 0)
		return;
	if (s->made_tables && remove_tables(&e) < 0)
		log_warn("nftables tables of a failed ADD stay: %s", e.msg);
	for (unsigned int i = 0; i < ARRAY_SIZE(s->made_forwarding); i++) {
		if (s->made_forwarding[i] && sysctl_set(forwarding_key[i], "0", &e) < 0)
			log_warn("forwarding stays on after a failed ADD: %s", e.msg);
	}
}

static bool made_anything(const struct shared *s)
{
	return s->made_bridge || s->made_tables || s->made_forwarding[0] || s->made_forwarding[1] ||
	       s->n_made_addr > 0;
}

void shared_undo(struct shared *s, struct nl_sock *host)
{
	if (s->lock < 0)
		return;
	/* flock() converts by dropping the old lock first: never both ADDs that fail at once keep each other out for
	 * good, since neither waits. */
	if (made_anything(s) && flock(s->lock, LOCK_EX | LOCK_NB) == 0) {
		if (s->made_bridge)
			remove_bridge(s, host);
		else
			remove_addresses(s, host);
		remove_node_wide(s);
	}
	shared_leave(s);
}
