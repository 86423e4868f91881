/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reaper.c - taking links down in groups: one, many at once, what a killed DEL left, nothing else
 */
#include "endpoint/reaper.h"

#include <errno.h>
#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nft_node.h"

#define MANY 24

static struct nl_sock node(void)
{
	struct nl_sock s;
	struct err e;

	own_run();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
	cr_assert_eq(nl_open(NETLINK_ROUTE, &s, &e), 0, "%s", e.msg);
	must("ip link add keep0 type veth peer keep1 && ip link add br0 type bridge && ip link set keep0 master br0");
	return s;
}

static void expect_links(const char *name, const char *expected)
{
	char out[4096];

	run("ip -o link | sed -E 's/^[0-9]+: //; s/[@:].*//' | sort | tr '\\n' ' '", out,
	    sizeof(out));
	cr_assert_str_eq(out, expected, "%s: expected links \"%s\", found \"%s\"", name, expected,
	                 out);
}

#define KEPT "br0 keep0 keep1 lo "

Test(reaper, one)
{
	struct nl_sock s = node();
	struct err e;

	must("ip link add cni1 type veth peer peer1 && ip link set cni1 master br0 up");
	cr_assert_eq(reaper_remove(&s, "cni1", &e), 1, "expected 1: it was there");
	expect_links("one", KEPT);
	cr_assert_eq(reaper_remove(&s, "cni1", &e), 0, "again: %s", e.msg);
	cr_assert_eq(reaper_remove(&s, "never", &e), 0, "never there: %s", e.msg);
	expect_links("again", KEPT);
	cr_assert_eq(reaper_run(&s, &e), 0, "nothing waits: %s", e.msg);
	cr_assert_eq(reaper_mark(&s, "never", &e), 0, "mark what is not there: %s", e.msg);
	expect_links("nothing", KEPT);
	nl_close(&s);
}

/* A DEL that was killed between marking and removing: its link goes with the next one. */
Test(reaper, left_by_a_killed_one)
{
	struct nl_sock s = node();
	struct err e;

	must("for i in 1 2 3; do ip link add cni$i type veth peer peer$i || exit 1; done");
	cr_assert_eq(reaper_mark(&s, "cni1", &e), 1, "expected 1: it is there");
	expect_links("marked is not removed",
	             "br0 cni1 cni2 cni3 keep0 keep1 lo peer1 peer2 peer3 ");
	cr_assert_eq(reaper_remove(&s, "cni2", &e), 1, "expected 1: it was there");
	expect_links("both", "br0 cni3 keep0 keep1 lo peer3 ");
	cr_assert_eq(reaper_mark(&s, "cni3", &e), 1, "expected 1: it is there");
	cr_assert_eq(reaper_run(&s, &e), 0, "%s", e.msg);
	expect_links("run", KEPT);
	nl_close(&s);
}

/* Each of many processes removes its own link: each finds it gone when it returns, and nobody else's is touched. */
Test(reaper, many)
{
	struct nl_sock s = node();
	pid_t pids[MANY];

	must("for i in $(seq 24); do ip link add cni$i type veth peer peer$i && ip link set cni$i master br0 up || exit 1; done");
	for (unsigned int i = 0; i < MANY; i++) {
		pids[i] = fork();
		cr_assert(pids[i] >= 0, "fork: %s", strerror(errno));
		if (pids[i] == 0) {
			struct nl_sock own;
			char name[IFNAMSIZ];
			struct err e;

			(void)snprintf(name, sizeof(name), "cni%u", i + 1);
			if (nl_open(NETLINK_ROUTE, &own, &e) < 0 ||
			    reaper_remove(&own, name, &e) < 0)
				_exit(1);
			_exit(if_nametoindex(name) ? 2 : 0);
		}
	}
	for (unsigned int i = 0; i < MANY; i++) {
		int status = -1;

		cr_assert(waitpid(pids[i], &status, 0) == pids[i] && status == 0,
		          "process %u: expected 0, found wait status 0x%x", i,
		          (unsigned int)status);
	}
	expect_links("many", KEPT);
	nl_close(&s);
}
