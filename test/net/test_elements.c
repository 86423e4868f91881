/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_elements.c - a pod's elements: put in, taken out, restored from the records, fought over
 */
#include "endpoint/elements.h"

#include <errno.h>
#include <unistd.h>

#include "nft_node.h"

/* Behind criterion's. */
#include "base/cleanup.h"

static void own_node(void)
{
	own_run();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
}

/* A record whose namespace lives, written to the folder. @ip2: "" for none. */
static struct record pod(const char *id, const char *ip, const char *ip2, bool spoof)
{
	struct record r = { .ready = true,
		            .network = "net1",
		            .ifname = "eth0",
		            .masquerade = true,
		            .spoof_check = spoof,
		            .mac = "02:00:00:00:00:0a" };
	char command[256];
	struct err e;
	int fd;

	(void)snprintf(r.container_id, sizeof(r.container_id), "%s", id);
	(void)snprintf(r.netns, sizeof(r.netns), "/run/netns/%s", id);
	record_name(r.network, r.container_id, r.ifname, r.name);
	r.ips[r.n_ips++] = prefix(ip);
	if (*ip2)
		r.ips[r.n_ips++] = prefix(ip2);
	(void)snprintf(
		command, sizeof(command),
		"[ -e /run/netns/%s ] || { ip netns add %s && ip link add %s type veth peer name eth0 netns %s; }",
		id, id, r.name, id);
	must(command);
	fd = netns_open(r.netns, &r.netns_id, &e);
	cr_assert(fd >= 0, "%s", e.msg);
	(void)close(fd);
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	return r;
}

static void kill_pod(const char *id)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "ip netns del %s", id);
	must(command);
}

static void put(const struct record *r, struct shared *shared)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct err e = { 0 };
	int x = elements_add(&nft, r, shared, &e);

	cr_assert_eq(x, 0, "elements_add of %s: expected 0, found %d (%s)", r->container_id, x,
	             e.msg);
}

static int take_out(const struct record *r, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	int x = nl_open(NETLINK_NETFILTER, &nft, e);

	return x < 0 ? x : elements_del(&nft, r, e);
}

static void intact(const char *name, const struct record *r)
{
	struct err e = { 0 };
	int x = elements_check(r, &e);

	cr_assert_eq(x, 0, "%s: %s: expected all elements, found %d (%s)", name, r->container_id, x,
	             e.msg);
}

static void lost(const char *name, const struct record *r, const char *what)
{
	struct err e = { 0 };
	int x = elements_check(r, &e);

	cr_assert(x == -ENOENT && e.code == CNI_E_INTERNAL && strstr(e.msg, "expected") &&
	                  strstr(e.msg, what),
	          "%s: %s: expected code 999 that names %s, found %d (code %d %s)", name,
	          r->container_id, what, x, e.code, e.msg);
}

/* Who has the address, as nft(8) shows it; "" for nobody. */
static const char *owner_of(const char *ip)
{
	static char out[256];
	char command[256];

	(void)snprintf(
		command, sizeof(command),
		"nft list table inet cnida 2>/dev/null | grep -o '%s comment \"[^\"]*\"' | sed 's/.*comment //; s/\"//g' | tr -d '\\n'",
		ip);
	(void)run(command, out, sizeof(out));
	return out;
}

static void owned(const char *name, const char *ip, const char *owner)
{
	cr_assert_str_eq(owner_of(ip), owner, "%s: owner of %s: expected \"%s\", found \"%s\"",
	                 name, ip, owner, owner_of(ip));
}

Test(elements, in_and_out)
{
	struct shared shared, second;
	struct record a, b;
	struct err e;

	own_node();
	a = pod("c1", "10.1.0.5/24", "fd00:1::5/64", true);
	b = pod("c2", "10.1.0.6/24", "", false);
	shared_init(&shared);
	shared_init(&second);
	lost("before", &a, "cnida");
	put(&a, &shared);
	cr_assert(shared.made_tables, "first: expected the tables to be made by it");
	put(&b, &second);
	cr_assert(!second.made_tables, "second: expected the tables to be there");
	intact("put in", &a);
	intact("put in", &b);
	owned("put in", "10.1.0.5", "net1 c1 eth0");
	owned("put in", "fd00:1::5", "net1 c1 eth0");
	cr_assert_eq(take_out(&a, &e), 0, "%s", e.msg);
	lost("taken out", &a, "10.1.0.5");
	intact("the other", &b);
	cr_assert_eq(take_out(&a, &e), 0, "twice: %s", e.msg);
	a.ready = false;
	cr_assert_eq(take_out(&a, &e), 0, "unfinished: %s", e.msg);
	intact("the other", &b);
	owned("taken out", "10.1.0.5", "");
	must("[ $(nft list ruleset | grep -c c1) -eq 0 ]");
}

Test(elements, none)
{
	struct record r;
	struct err e;

	own_node();
	r = pod("c1", "10.1.0.5/24", "", false);
	r.masquerade = false;
	put(&r, NULL);
	intact("nothing asked for", &r);
	cr_assert_eq(take_out(&r, &e), 0, "%s", e.msg);
	r.masquerade = true;
	r.n_ips = 0;
	put(&r, NULL);
	must("[ -z \"$(nft list ruleset)\" ]");
}

/* What is half there is taken out all the same. */
Test(elements, halves)
{
	static const char *const deleted[] = {
		"nft delete element inet cnida masq4 '{ 10.1.0.5 }'",
		"nft delete element inet cnida masq6 '{ fd00:1::5 }'",
		"nft delete element bridge cnida spoof_port '{ \"%s\" }'",
		"nft delete table bridge cnida",
		"nft flush ruleset",
	};
	struct record a, b;
	struct err e;

	own_node();
	a = pod("c1", "10.1.0.5/24", "fd00:1::5/64", true);
	b = pod("c2", "10.1.0.6/24", "", false);
	for (size_t i = 0; i < ARRAY_SIZE(deleted); i++) {
		char command[128];

		put(&a, NULL);
		if (i == 0)
			put(&b, NULL);
		(void)snprintf(command, sizeof(command),
		               i == 2 ? "nft delete element bridge cnida spoof_port '{ \"%s\" }'"
		                      : "%s",
		               i == 2 ? a.name : deleted[i]);
		must(command);
		cr_assert_eq(take_out(&a, &e), 0, "%s: %s", deleted[i], e.msg);
		cr_assert_str_eq(owner_of("10.1.0.5"), "", "%s: expected nothing left", deleted[i]);
		cr_assert_str_eq(owner_of("fd00:1::5"), "", "%s: expected nothing left",
		                 deleted[i]);
		must("[ $(nft list ruleset | grep -c c1) -eq 0 ]");
	}
}

/* Somebody flushes the ruleset: the next ADD brings back what the live ones had, whatever it asks for itself. */
Test(elements, flushed)
{
	static const struct {
		const char *name;
		bool first, next; /* source check */
	} rows[] = {
		{ "no source check", false, false },
		{ "the next one has a source check", false, true },
		{ "both have", true, true },
		{ "the first one has a source check", true, false },
	};

	own_node();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct record a = pod("c1", "10.1.0.5/24", "fd00:1::5/64", rows[i].first);
		struct record dead = pod("c2", "10.1.0.6/24", "", rows[i].first);
		struct record next;
		struct err e;

		put(&a, NULL);
		put(&dead, NULL);
		kill_pod("c2");
		must("nft flush ruleset");
		lost(rows[i].name, &a, "cnida");
		next = pod("c3", "10.1.0.7/24", "", rows[i].next);
		put(&next, NULL);
		intact(rows[i].name, &a);
		intact(rows[i].name, &next);
		owned(rows[i].name, "10.1.0.6", "");
		cr_assert_eq(take_out(&a, &e), 0, "%s", e.msg);
		cr_assert_eq(take_out(&next, &e), 0, "%s", e.msg);
		must("rm /run/cnida/endpoints/*; nft flush ruleset");
	}
}

/* What `cnida gc` does, after damage of every size. */
Test(elements, restored)
{
	static const char *const damages[] = {
		"nft flush ruleset",
		"nft delete table inet cnida",
		"nft delete table bridge cnida",
		"nft flush table inet cnida",
		"nft flush table bridge cnida",
		"nft flush chain inet cnida postrouting",
		"nft flush map inet cnida masq4",
		"nft delete element inet cnida masq4 '{ 10.1.0.5 }'",
		"nft delete element inet cnida masq6 '{ fd00:1::5 }'",
		"nft flush set bridge cnida spoof_mac",
		"nft flush set bridge cnida spoof_port",
		":",
	};
	struct record a, b, dead;

	own_node();
	a = pod("c1", "10.1.0.5/24", "fd00:1::5/64", true);
	b = pod("c2", "10.1.0.6/24", "", false);
	dead = pod("c3", "10.1.0.7/24", "", true);
	put(&a, NULL);
	put(&b, NULL);
	put(&dead, NULL);
	kill_pod("c3");
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct err e = { 0 };
		int n;

		must(damages[i]);
		n = elements_restore(&e);
		cr_assert(n == 2, "%s: expected 2 records, found %d (%s)", damages[i], n, e.msg);
		intact(damages[i], &a);
		intact(damages[i], &b);
	}
	must("nft flush ruleset");
	(void)elements_restore(&(struct err) { 0 });
	owned("dead ones stay away", "10.1.0.7", "");
}

/* The address of a dead pod is given to a new one before anybody has taken the old elements out. */
Test(elements, stale_owner)
{
	struct record old, new, found;
	struct err e = { 0 };

	own_node();
	old = pod("c1", "10.1.0.5/24", "fd00:1::5/64", false);
	put(&old, NULL);
	kill_pod("c1");
	/* Only one of the two addresses is given out again. */
	new = pod("c2", "10.1.0.5/24", "", true);
	put(&new, NULL);
	intact("the new owner", &new);
	owned("the new owner", "10.1.0.5", "net1 c2 eth0");
	cr_assert_eq(record_read(old.name, &found, &e), 0, "%s", e.msg);
	/* DEL of the dead one, with what the folder says of it, and by a runtime that lost the record. */
	cr_assert_eq(take_out(&found, &e), 0, "%s", e.msg);
	owned("DEL of the dead owner", "10.1.0.5", "net1 c2 eth0");
	found = old;
	found.ready = false;
	cr_assert_eq(take_out(&found, &e), 0, "%s", e.msg);
	owned("DEL without a record", "10.1.0.5", "net1 c2 eth0");
	owned("DEL without a record", "fd00:1::5", "");
	intact("the new owner, in the end", &new);
}

Test(elements, live_owner)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct record a, b;
	struct err e = { 0 };
	int x;

	own_node();
	a = pod("c1", "10.1.0.5/24", "", false);
	put(&a, NULL);
	b = pod("c2", "10.1.0.9/24", "fd00:1::5/64", false);
	b.ips[1] = prefix("10.1.0.5/24");
	b.ready = false;
	cr_assert_eq(record_write(&b, &e), 0, "%s", e.msg);
	x = elements_add(&nft, &b, NULL, &e);
	cr_assert(x < 0 && e.code == CNI_E_TRY_AGAIN && strstr(e.msg, "c1") &&
	                  strstr(e.msg, "net1"),
	          "expected code 11 that names the owner, found %d (code %d %s)", x, e.code, e.msg);
	owned("refused", "10.1.0.5", "net1 c1 eth0");
	owned("refused, all of it", "10.1.0.9", "");
	cr_assert_eq(take_out(&b, &e), 0, "undo: %s", e.msg);
	intact("undo", &a);
}

/* An element that no record knows is nobody's. */
Test(elements, unknown_owner)
{
	struct record a;

	own_node();
	a = pod("c1", "10.1.0.5/24", "", true);
	put(&a, NULL);
	must("rm /run/cnida/endpoints/*");
	a = pod("c2", "10.1.0.5/24", "", false);
	put(&a, NULL);
	owned("taken over", "10.1.0.5", "net1 c2 eth0");
}
