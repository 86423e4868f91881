/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_wait.c - waiting for the kernel's events: a port that comes up later, duplicate address detection
 */
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/nl_events.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0xa }, mac_b[6] = { 2, 0, 0, 0, 0, 0xb };

/* A bridge with one port whose peer, "far", is down. Both ends are in this namespace. */
static void make_port(struct nl_sock *s)
{
	const struct bridge_spec bridge = { .name = "br", .mac = mac_a };
	struct veth_spec veth = { .host_name = "near",
		                  .host_mac = mac_a,
		                  .peer_name = "far",
		                  .peer_mac = mac_b,
		                  .alias = "test" };
	struct link_info link;
	struct nl_batch b;
	struct err e = { 0 };

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "unshare: %s", strerror(errno));
	veth.peer_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(nl_open(NETLINK_ROUTE, s, &e), 0, "%s", e.msg);
	cr_assert_eq(link_add_bridge(s, &bridge, &e), 0, "%s", e.msg);
	cr_assert_eq(link_get(s, 0, "br", &link, &e), 0, "%s", e.msg);
	veth.master = link.ifindex;
	nl_batch_init(&b);
	link_up_msg(&b, link.ifindex, false);
	link_add_veth_msg(&b, &veth);
	link_connect_msg(&b, &veth);
	link_set_up_by_name_msg(&b, veth.host_name, true);
	cr_assert_eq(nl_do(s, &b, &e), 0, "%s", e.msg);
	(void)close(veth.peer_netns);
}

static void bring_up(struct nl_sock *s, const char *name)
{
	struct nl_batch b;
	struct err e = { 0 };

	nl_batch_init(&b);
	link_set_up_by_name_msg(&b, name, true);
	cr_assert_eq(nl_do(s, &b, &e), 0, "%s", e.msg);
}

/* Brings a link up a little later, from another process. */
static pid_t bring_up_later(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct nl_sock s;
		struct err e;

		(void)usleep(100000);
		if (nl_open(NETLINK_ROUTE, &s, &e) == 0)
			bring_up(&s, name);
		_exit(0);
	}
	return pid;
}

Test(wait, port_that_is_up_already)
{
	struct nl_sock s;
	struct err e = { 0 };

	make_port(&s);
	bring_up(&s, "far");
	/* Before Linux 6.8 it is up when a worker of the kernel says so (test_link.c looks at what is later). */
	cr_assert_eq(link_wait_port(&s, "near", 10000, &e), 0, "%s", e.msg);
	cr_assert_eq(link_wait_port(&s, "near", 0, &e), 0, "expected no wait, found: %s", e.msg);
	nl_close(&s);
}

Test(wait, port_that_comes_up_later)
{
	struct nl_sock s;
	struct err e = { 0 };
	struct link_info link;
	pid_t pid;

	make_port(&s);
	pid = bring_up_later("far");
	cr_expect_eq(link_wait_port(&s, "near", 5000, &e), 0,
	             "expected the event to end the wait, found: %s", e.msg);
	cr_expect_eq(link_get(&s, 0, "near", &link, &e), 0, "%s", e.msg);
	cr_expect_eq(link.port_state, 3, "expected a forwarding port, found state %u",
	             link.port_state);
	(void)waitpid(pid, NULL, 0);
	nl_close(&s);
}

Test(wait, port_that_never_comes_up)
{
	struct nl_sock s;
	struct err e = { 0 };
	int r;

	make_port(&s);
	r = link_wait_port(&s, "near", 50, &e);
	cr_expect_eq(r, -ETIMEDOUT, "expected -ETIMEDOUT, found %d", r);
	cr_expect(strstr(e.msg, "bridge port in error state: near"), "found: %s", e.msg);
	cr_expect_eq(e.code, CNI_E_TRY_AGAIN, "expected code 11, found %d", e.code);
	r = link_wait_port(&s, "missing", 50, &e);
	cr_expect_eq(r, -ENODEV, "expected -ENODEV for a link that is gone, found %d", r);
	nl_close(&s);
}

static void set_sysctl(const char *link, const char *name, const char *value)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", link, name);
	f = fopen(path, "we");
	cr_assert(f && fputs(value, f) >= 0 && fclose(f) == 0, "write %s", path);
}

/* Adds fd01::5/64 with detection on a link and waits for the outcome. */
static int add_and_settle(struct nl_sock *s, const char *link, struct err *e)
{
	struct nl_sock events;
	struct ip_prefix addr;
	struct nl_batch b;
	int r;

	cr_assert(prefix_parse("fd01::5/64", &addr));
	cr_assert_eq(nl_events_open(RTNLGRP_IPV6_IFADDR, &events, e), 0, "%s", e->msg);
	nl_batch_init(&b);
	address_add_msg(&b, link_index(s, link), &addr, true, false);
	r = nl_do(s, &b, e);
	if (r == 0)
		r = address_settle(s, &events, link_index(s, link), 5000, e);
	nl_close(&events);
	return r;
}

Test(wait, duplicate_address_detection)
{
	struct nl_sock s;
	struct err e = { 0 };
	int r;

	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		cr_skip_test("the kernel has no IPv6");
	make_port(&s);
	/* The kernel answers for an address on whichever of its links: detection must only see the other end. */
	set_sysctl("far", "accept_dad", "1");
	set_sysctl("br", "accept_dad", "1");
	bring_up(&s, "far");
	cr_assert_eq(link_wait_port(&s, "near", 10000, &e), 0, "%s", e.msg);
	r = add_and_settle(&s, "far", &e);
	cr_expect_eq(r, 0, "expected a free address, found: %s", e.msg);
	r = add_and_settle(&s, "br", &e);
	cr_expect_eq(r, -EADDRINUSE, "expected the duplicate to be found, found %d: %s", r, e.msg);
	cr_expect(r == 0 || strstr(e.msg, "fd01::5"), "expected the address in: %s", e.msg);
	nl_close(&s);
}

/* Adds fd02::5/64, without detection, a little later, from another process. */
static pid_t add_address_later(const char *link)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct ip_prefix addr;
		struct nl_batch b;
		struct nl_sock s;
		struct err e;

		(void)usleep(100000);
		if (nl_open(NETLINK_ROUTE, &s, &e) == 0 && prefix_parse("fd02::5/64", &addr)) {
			nl_batch_init(&b);
			address_add_msg(&b, link_index(&s, link), &addr, false, false);
			(void)nl_do(&s, &b, &e);
		}
		_exit(0);
	}
	return pid;
}

Test(wait, address_that_is_local_later)
{
	struct nl_sock s;
	struct ip_addr addr;
	struct err e = { 0 };
	pid_t pid;
	int r;

	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		cr_skip_test("the kernel has no IPv6");
	make_port(&s);
	cr_assert(ip_parse("fd02::5", &addr));
	cr_expect_eq(address_is_local(&s, &addr, &e), 0, "expected no such address: %s", e.msg);
	r = address_wait_local(&s, &addr, 50, &e);
	cr_expect_eq(r, -ETIMEDOUT, "expected -ETIMEDOUT, found %d", r);
	cr_expect(strstr(e.msg, "fd02::5"), "expected the address in: %s", e.msg);
	cr_expect_eq(e.code, CNI_E_TRY_AGAIN, "expected code 11, found %d", e.code);
	pid = add_address_later("far");
	cr_expect_eq(address_wait_local(&s, &addr, 10000, &e), 0,
	             "expected the event to end the wait, found: %s", e.msg);
	cr_expect_eq(address_is_local(&s, &addr, &e), 1, "expected it to stay so: %s", e.msg);
	/* A way to an address is not the address. */
	cr_assert(ip_parse("fd02::6", &addr));
	cr_expect_eq(address_is_local(&s, &addr, &e), 0, "expected a neighbour: %s", e.msg);
	(void)waitpid(pid, NULL, 0);
	nl_close(&s);
}
