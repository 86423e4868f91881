/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_record.c - records of attachments: names, files, damage, life
 */
#include "base/cleanup.h"
#include "endpoint/record.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nft_node.h"

static const char *path_of(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), RECORD_DIR "/%s", name);
	return path;
}

static struct record full(void)
{
	struct record r = {
		.ready = true,
		.network = "net1",
		.container_id = "c1",
		.ifname = "eth0",
		.type = "cnida",
		.netns = "/run/netns/\"quoted\" \xc3\xa9",
		.netns_id = { 4, UINT64_C(4026532999) },
		.bridge = "cni0",
		.host_mac = "02:00:00:00:00:01",
		.mac = "02:00:00:00:00:02",
		.n_ips = 2,
		.masquerade = true,
		.spoof_check = true,
		.policy_nftables = true,
		.ipam = "host-local",
		.ipam_dir = "/var/lib/cni/networks",
		.pod_name = "web-0",
		.pod_namespace = "default",
		.pod_uid = "u-1",
		.created = 1700000000,
	};

	record_name(r.network, r.container_id, r.ifname, r.name);
	r.ips[0] = prefix("10.1.2.3/24");
	r.ips[1] = prefix("fd00::3/64");
	return r;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0, "%s: %s", name, strerror(errno));
}

/* Fourteen characters, of the same parts the same, of others others: also of parts that would be equal end to end. */
Test(record, names)
{
	static const char *const parts[][3] = {
		{ "net", "c1", "eth0" }, { "net", "c1", "eth1" }, { "netc", "1", "eth0" },
		{ "ne", "tc1", "eth0" }, { "net", "c1e", "th0" }, { "", "netc1", "eth0" },
		{ "net", "", "c1eth0" }, { "Net", "c1", "eth0" },
	};
	char names[ARRAY_SIZE(parts)][IFNAMSIZ], again[IFNAMSIZ];

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		record_name(parts[i][0], parts[i][1], parts[i][2], names[i]);
		record_name(parts[i][0], parts[i][1], parts[i][2], again);
		cr_assert_str_eq(names[i], again,
		                 "row %zu: expected the same name, found %s and %s", i, names[i],
		                 again);
		cr_assert(strlen(names[i]) == 14 && strncmp(names[i], "cni", 3) == 0 &&
		                  strspn(names[i] + 3, "0123456789abcdef") == 11,
		          "row %zu: expected cni and 11 hex digits, found %s", i, names[i]);
		for (size_t j = 0; j < i; j++)
			cr_assert(strcmp(names[i], names[j]) != 0,
			          "rows %zu and %zu: expected other names, found %s", i, j,
			          names[i]);
	}
}

static void same(const char *name, const struct record *want, const struct record *found)
{
	char a[PREFIX_STR_MAX], b[PREFIX_STR_MAX];

	cr_assert(strcmp(want->name, found->name) == 0 &&
	                  strcmp(want->network, found->network) == 0 &&
	                  strcmp(want->container_id, found->container_id) == 0 &&
	                  strcmp(want->ifname, found->ifname) == 0 &&
	                  strcmp(want->type, found->type) == 0 &&
	                  strcmp(want->netns, found->netns) == 0 &&
	                  strcmp(want->bridge, found->bridge) == 0 &&
	                  strcmp(want->host_mac, found->host_mac) == 0 &&
	                  strcmp(want->mac, found->mac) == 0 &&
	                  strcmp(want->ipam, found->ipam) == 0 &&
	                  strcmp(want->ipam_dir, found->ipam_dir) == 0 &&
	                  strcmp(want->pod_name, found->pod_name) == 0 &&
	                  strcmp(want->pod_namespace, found->pod_namespace) == 0 &&
	                  strcmp(want->pod_uid, found->pod_uid) == 0,
	          "%s: a text is not what was written (%s %s %s)", name, found->name,
	          found->network, found->netns);
	cr_assert(want->ready == found->ready && want->masquerade == found->masquerade &&
	                  want->spoof_check == found->spoof_check &&
	                  want->policy_nftables == found->policy_nftables &&
	                  want->created == found->created &&
	                  want->netns_id.dev == found->netns_id.dev &&
	                  want->netns_id.ino == found->netns_id.ino,
	          "%s: a number or a flag is not what was written", name);
	cr_assert(want->n_ips == found->n_ips, "%s: expected %zu addresses, found %zu", name,
	          want->n_ips, found->n_ips);
	for (size_t i = 0; i < want->n_ips; i++)
		cr_assert_str_eq(prefix_format(&want->ips[i], a), prefix_format(&found->ips[i], b),
		                 "%s: address %zu: expected %s, found %s", name, i, a, b);
}

Test(record, there_and_back)
{
	struct record r = full(), empty = { .network = "n" }, many = full(), found;
	struct err e = { 0 };
	struct stat st;

	own_run();
	cr_assert_eq(record_read(r.name, &found, &e), -ENOENT, "no folder: expected -ENOENT");
	cr_assert_eq(e.code, 0, "no folder: expected no error, found %s", e.msg);
	cr_assert_eq(record_delete(r.name, &e), 0, "no folder: %s", e.msg);
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	cr_assert_eq(record_read("cni00000000000", &found, &e), -ENOENT,
	             "no such record: expected -ENOENT");
	cr_assert_eq(record_read(r.name, &found, &e), 0, "%s", e.msg);
	same("all fields", &r, &found);
	cr_assert(stat(path_of(r.name), &st) == 0 && (st.st_mode & 07777) == 0600,
	          "file: expected mode 0600, found %o", st.st_mode & 07777);
	cr_assert(stat(RECORD_DIR, &st) == 0 && (st.st_mode & 07777) == 0700,
	          "folder: expected mode 0700, found %o", st.st_mode & 07777);
	must("grep -q '\"v\": 1,' " RECORD_DIR "/cni*");

	/* Replaced, not appended to. */
	r.ready = false;
	r.n_ips = 0;
	r.pod_name[0] = '\0';
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	cr_assert_eq(record_read(r.name, &found, &e), 0, "%s", e.msg);
	same("replaced", &r, &found);

	record_name("n", "", "", empty.name);
	cr_assert_eq(record_write(&empty, &e), 0, "%s", e.msg);
	cr_assert_eq(record_read(empty.name, &found, &e), 0, "%s", e.msg);
	same("nothing but a network", &empty, &found);

	memset(many.netns, 'n', sizeof(many.netns) - 1);
	memset(many.network, 'm', sizeof(many.network) - 1);
	for (many.n_ips = 0; many.n_ips < RECORD_IPS_MAX; many.n_ips++)
		many.ips[many.n_ips] = prefix("fd00:1111:2222:3333:4444:5555:6666:7777/128");
	cr_assert_eq(record_write(&many, &e), 0, "%s", e.msg);
	cr_assert_eq(record_read(many.name, &found, &e), 0, "%s", e.msg);
	same("as long as can be", &many, &found);

	cr_assert_eq(record_delete(r.name, &e), 0, "%s", e.msg);
	cr_assert_eq(record_delete(r.name, &e), 0, "twice: %s", e.msg);
	cr_assert_eq(record_read(r.name, &found, &e), -ENOENT, "deleted: expected -ENOENT");
}

/* A text that would come back changed is refused, and nothing is left of the attempt. */
Test(record, not_utf8)
{
	struct record r = full();
	struct err e = { 0 };

	own_run();
	(void)snprintf(r.netns, sizeof(r.netns), "/run/netns/\xff");
	cr_assert(record_write(&r, &e) < 0 && strstr(e.msg, r.name),
	          "expected a refusal with the name, found %s", e.msg);
	must("[ -z \"$(ls -A " RECORD_DIR " 2>/dev/null)\" ]");
}

struct seen {
	unsigned int n, unreadable;
	int stop_at;
};

static int look(const struct record *r, void *arg, struct err *e)
{
	struct seen *s = arg;

	(void)e;
	s->n++;
	s->unreadable += !*r->network;
	cr_assert(*r->name, "a record without a name");
	return s->stop_at && (int)s->n == s->stop_at ? 7 : 0;
}

Test(record, damaged)
{
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"v\":1}",
		"{\"v\":2,\"network\":\"n\"}",
		"{\"v\":\"1\",\"network\":\"n\"}",
		"{\"v\":1,\"network\":5}",
		"{\"v\":1,\"network\":\"\"}",
		"{\"v\":1,\"network\":\"n\",\"ips\":[\"10.1.2.3\"]}",
		"{\"v\":1,\"network\":\"n\",\"ips\":[5]}",
		"{\"v\":1,\"network\":\"n\",\"ips\":\"10.1.2.3/24\"}",
		"{\"v\":1,\"network\":\"n\",\"ready\":2}",
		"{\"v\":1,\"network\":\"n\",\"netnsIno\":-1}",
		"{\"v\":1,\"network\":\"n\",\"ifname\":\"0123456789abcdef\"}",
		"{\"v\":1,\"network\":\"n\"} x",
	};
	struct record r = full(), found;
	struct seen seen = { 0 };
	struct err e = { 0 };

	own_run();
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		char name[IFNAMSIZ];
		int x;

		(void)snprintf(name, sizeof(name), "cni%011zx", i);
		write_file(name, damaged[i]);
		e = (struct err) { 0 };
		x = record_read(name, &found, &e);
		cr_assert(x == -EBADMSG && strstr(e.msg, name),
		          "%s: expected %d with the name, found %d (%s)", damaged[i], -EBADMSG, x,
		          e.msg);
	}
	cr_assert_eq(record_each(look, &seen, &e), 0, "%s", e.msg);
	cr_assert(seen.n == ARRAY_SIZE(damaged) + 1 && seen.unreadable == ARRAY_SIZE(damaged),
	          "expected %zu records, all but one unreadable, found %u and %u",
	          ARRAY_SIZE(damaged) + 1, seen.n, seen.unreadable);
}

/* A record that is there, but cannot be read at this moment, is none that may be passed over: GC would say that it is done. */
Test(record, not_at_this_moment)
{
	struct record r = full();
	struct seen seen = { 0 };
	struct err e = { 0 };
	struct rlimit few, before;
	int fd, x;

	own_run();
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	fd = dup(STDIN_FILENO);
	cr_assert(fd >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0, "%s", strerror(errno));
	close(fd);
	few = before;
	few.rlim_cur = (rlim_t)fd + 1; /* the folder, but no file in it */
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0, "%s", strerror(errno));
	x = record_each(look, &seen, &e);
	(void)setrlimit(RLIMIT_NOFILE, &before);
	cr_assert(x == -EMFILE && seen.n == 0, "expected %d and no record, found %d and %u (%s)",
	          -EMFILE, x, seen.n, e.msg);
}

Test(record, each)
{
	static const char *const others[] = { ".cnida-tmp",     "cni",
		                              "lock",           "cni0123456789g",
		                              "cni0123456789A", "cni012345678901" };
	struct record r = full();
	struct seen seen = { 0 };
	struct err e = { 0 };

	own_run();
	cr_assert_eq(record_each(look, &seen, &e), 0, "no folder: %s", e.msg);
	for (unsigned int i = 0; i < 5; i++) {
		(void)snprintf(r.container_id, sizeof(r.container_id), "c%u", i);
		record_name(r.network, r.container_id, r.ifname, r.name);
		cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		write_file(others[i], "{}");
	cr_assert_eq(record_each(look, &seen, &e), 0, "%s", e.msg);
	cr_assert(seen.n == 5 && seen.unreadable == 0,
	          "expected 5 records, found %u, %u unreadable", seen.n, seen.unreadable);
	seen = (struct seen) { .stop_at = 3 };
	cr_assert_eq(record_each(look, &seen, &e), 7, "expected what the function said");
	cr_assert_eq(seen.n, 3, "expected an end after 3, found %u", seen.n);
}

Test(record, life)
{
	struct record r = full();
	struct netns_id id;
	struct err e;
	int fd;

	own_run();
	must("ip netns add life && ip netns add other");
	fd = netns_open("/run/netns/life", &id, &e);
	cr_assert(fd >= 0, "%s", e.msg);
	(void)close(fd);
	r.netns[0] = '\0';
	cr_assert(record_alive(&r), "without a namespace: expected alive");
	(void)snprintf(r.netns, sizeof(r.netns), "/run/netns/life");
	r.netns_id = id;
	cr_assert(record_alive(&r), "its namespace: expected alive");
	(void)snprintf(r.netns, sizeof(r.netns), "/run/netns/other");
	cr_assert(!record_alive(&r), "another namespace at the path: expected dead");
	(void)snprintf(r.netns, sizeof(r.netns), "/run/netns/life");
	must("umount /run/netns/life");
	cr_assert(!record_alive(&r), "a mere file at the path: expected dead");
	must("rm /run/netns/life");
	cr_assert(!record_alive(&r), "nothing at the path: expected dead");
}
