/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_netns.c - network namespaces
 */
#include "kernel/netns.h"
#include "space.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

/* Names that mountinfo writes with escapes. */
static const char *const odd_names[] = { "/run/netns/plain", "/run/netns/with blank",
	                                 "/run/netns/tab\tnewline\n", "/run/netns/back\\slash\\040",
	                                 "/run/netns/ends with \\" };

/* A namespace kept by a mount and by nothing else; the process stays where it was. */
static void add_mount(const char *path)
{
	int back = -1, fd;

	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0, "open /proc/self/ns/net");
	back = fd;
	close(space_new_netns());
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
	cr_assert(fd >= 0, "create %s", path);
	close(fd);
	cr_assert(mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) == 0, "mount %s", path);
	cr_assert(setns(back, CLONE_NEWNET) == 0, "setns");
	close(back);
}

static void prepare(void)
{
	space_private_mounts();
	close(space_new_netns());
	cr_assert(mkdir("/run/netns", 0755) == 0, "mkdir");
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++)
		add_mount(odd_names[i]);
}

Test(netns, open)
{
	static const struct {
		const char *path;
		int no; /* 0: a namespace */
		const char *msg;
	} rows[] = {
		{ "/proc/self/ns/net", 0, "" },
		{ "/run/netns/plain", 0, "" },
		{ "/run/netns/with blank", 0, "" },
		{ "/run/link", 0, "" },
		{ "/run/netns/gone", ENOENT,
		  "failed to open netns \"/run/netns/gone\": failed to Statfs \"/run/netns/gone\": no such file or directory" },
		{ "", ENOENT,
		  "failed to open netns \"\": failed to Statfs \"\": no such file or directory" },
		{ "/run/file/x", ENOENT,
		  "failed to open netns \"/run/file/x\": failed to Statfs \"/run/file/x\": no such file or directory" },
		{ "/run/dangling", ENOENT,
		  "failed to open netns \"/run/dangling\": failed to Statfs \"/run/dangling\": no such file or directory" },
		{ "/run/file", ENOENT,
		  "failed to open netns \"/run/file\": it is no network namespace" },
		{ "/run/netns", ENOENT,
		  "failed to open netns \"/run/netns\": it is no network namespace" },
		{ "/run/fifo", ENOENT,
		  "failed to open netns \"/run/fifo\": it is no network namespace" },
		{ "/dev/null", ENOENT,
		  "failed to open netns \"/dev/null\": it is no network namespace" },
		{ "/proc/self/ns/mnt", ENOENT,
		  "failed to open netns \"/proc/self/ns/mnt\": it is no network namespace" },
		{ "/proc/self/status", ENOENT,
		  "failed to open netns \"/proc/self/status\": it is no network namespace" },
	};

	prepare();
	close(open("/run/file", O_CREAT | O_WRONLY, 0600));
	cr_assert(symlink("/run/netns/plain", "/run/link") == 0 &&
	                  symlink("/run/none", "/run/dangling") == 0 &&
	                  mkfifo("/run/fifo", 0600) == 0,
	          "prepare /run");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { .msg = "" };
		struct netns_id id = { 0 };
		int fd = netns_open(rows[i].path, &id, &e);

		cr_expect(rows[i].no ? fd == -rows[i].no : fd >= 0, "%s: expected %d, found %d",
		          rows[i].path, -rows[i].no, fd);
		cr_expect_str_eq(e.msg, rows[i].msg, "%s: expected \"%s\", found \"%s\"",
		                 rows[i].path, rows[i].msg, e.msg);
		cr_expect(e.code == (rows[i].no ? CNI_E_NETNS : 0), "%s: code %d", rows[i].path,
		          e.code);
		cr_expect(netns_alive(rows[i].path, NULL) == !rows[i].no, "%s: alive",
		          rows[i].path);
		if (fd < 0)
			continue;
		cr_expect(netns_is_own(&id) == (i == 0), "%s: own: expected %d", rows[i].path,
		          i == 0);
		cr_expect(netns_alive(rows[i].path, &id), "%s: still the same", rows[i].path);
		cr_expect(netns_alive(rows[i].path, &(struct netns_id) { 0 }), "%s: no identity",
		          rows[i].path);
		id.ino++;
		cr_expect(!netns_alive(rows[i].path, &id), "%s: another one", rows[i].path);
		cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s: close on exec", rows[i].path);
		close(fd);
	}
}

Test(netns, enter_and_leave)
{
	struct netns_id home, pod;
	struct err e;
	int fd, back = -1;

	prepare();
	close(netns_open("/proc/self/ns/net", &home, &e));
	fd = netns_open(odd_names[0], &pod, &e);
	cr_assert(fd >= 0, "open: %s", e.msg);
	ok(netns_enter(fd, &back, &e), &e);
	cr_expect(netns_is_own(&pod) && !netns_is_own(&home), "entered");
	ok(netns_leave(&back, &e), &e);
	cr_expect(netns_is_own(&home) && back == -1, "back");
	cr_expect(netns_leave(&back, &e) == -EBADF, "leaving twice: expected %d", -EBADF);
	cr_expect(netns_enter(0, &back, &e) < 0 && back == -1, "entering what is no namespace");
	/* Unmounted, but alive for as long as we hold it. */
	cr_assert(umount2(odd_names[0], MNT_DETACH) == 0, "umount");
	cr_expect(!netns_alive(odd_names[0], &pod), "unmounted: expected dead");
	ok(netns_enter(fd, &back, &e), &e);
	cr_expect(netns_is_own(&pod), "entered by descriptor");
	ok(netns_leave(&back, &e), &e);
	close(fd);
}

struct census {
	struct netns_id want[ARRAY_SIZE(odd_names) + 1];
	int seen[ARRAY_SIZE(odd_names) + 1];
	int stop_after, calls, bad;
};

static int count(int fd, const struct netns_id *id, void *arg, struct err *e)
{
	struct census *c = arg;
	struct stat st;

	c->calls++;
	c->bad += fstat(fd, &st) < 0 || st.st_ino != id->ino || st.st_dev != id->dev;
	for (size_t i = 0; i < ARRAY_SIZE(c->want); i++)
		c->seen[i] += c->want[i].ino == id->ino && c->want[i].dev == id->dev;
	return c->calls == c->stop_after ? err_set(e, CNI_E_INTERNAL, ECANCELED, "enough") : 0;
}

/* Stops at the second. */
static int find(int fd, const struct netns_id *id, void *arg, struct err *e)
{
	int *calls = arg;

	(void)fd, (void)id, (void)e;
	return ++*calls == 2;
}

Test(netns, each)
{
	struct census c = { .stop_after = 0 };
	struct err e;
	int r, fds;

	prepare();
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++)
		close(netns_open(odd_names[i], &c.want[i], &e));
	close(netns_open("/proc/self/ns/net", &c.want[ARRAY_SIZE(odd_names)], &e));
	/* Twice in the table of mounts: still once. */
	close(open("/run/netns/again", O_CREAT | O_WRONLY, 0600));
	cr_assert(mount(odd_names[0], "/run/netns/again", NULL, MS_BIND, NULL) == 0, "mount");
	fds = open("/dev/null", O_RDONLY);
	ok(netns_each(count, &c, &e), &e);
	for (size_t i = 0; i < ARRAY_SIZE(c.want); i++)
		cr_expect(c.seen[i] == 1, "%s: expected once, found %d times",
		          i < ARRAY_SIZE(odd_names) ? odd_names[i] : "own", c.seen[i]);
	cr_expect(c.bad == 0, "expected each descriptor to be of its identity, found %d others",
	          c.bad);
	r = open("/dev/null", O_RDONLY);
	cr_expect(r == fds + 1, "expected no descriptor left open, found %d", r - fds - 1);
	c = (struct census) { .stop_after = 2 };
	r = netns_each(count, &c, &e);
	cr_expect(r == -ECANCELED && c.calls == 2,
	          "stopped: expected %d after 2 calls, found %d after %d", -ECANCELED, r, c.calls);
	c.calls = 0;
	r = netns_each(find, &c.calls, &e);
	cr_expect(r == 1 && c.calls == 2, "found: expected 1 after 2 calls, found %d after %d", r,
	          c.calls);
}

Test(netns, cookie)
{
	uint64_t first, again, other, own;
	struct netns_id home;
	struct err e;
	int fd;

	prepare();
	fd = netns_open(odd_names[0], NULL, &e);
	ok(netns_cookie(fd, &first, &e), &e);
	ok(netns_cookie(fd, &again, &e), &e);
	close(fd);
	fd = netns_open(odd_names[1], NULL, &e);
	ok(netns_cookie(fd, &other, &e), &e);
	close(fd);
	fd = netns_open("/proc/self/ns/net", &home, &e);
	ok(netns_cookie(fd, &own, &e), &e);
	close(fd);
	cr_expect(first && first == again, "expected one cookie, found %" PRIu64 " and %" PRIu64,
	          first, again);
	cr_expect(first != other && first != own && other != own,
	          "expected three cookies, found %" PRIu64 ", %" PRIu64 " and %" PRIu64, first,
	          other, own);
	cr_expect(netns_is_own(&home), "expected to be back");
	cr_expect(netns_cookie(0, &own, &e) < 0, "of what is no namespace: expected an error");
}
