/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset.c - cnida's nftables in a real kernel: what nft(8) makes of them, races, packets
 */
#include "kernel/nftables.h"
#include "kernel/ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

/* Behind the kernel's headers. */
#include <criterion/criterion.h>

#define PARALLEL 16

/* A namespace of our own, and a socket into its nftables. */
static struct nl_sock fresh(void)
{
	struct nl_sock s;
	struct err e;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "a network namespace: %s", strerror(errno));
	cr_assert_eq(nl_open(NETLINK_NETFILTER, &s, &e), 0, "%s", e.msg);
	return s;
}

/* Output of a shell command, cut at the buffer's size. */
static int run(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");
	size_t n;

	cr_assert_not_null(f, "%s", command);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	return pclose(f);
}

static void must(const char *command)
{
	char out[4096];
	int rc = run(command, out, sizeof(out));

	cr_assert_eq(rc, 0, "`%s` ended with %d: %s", command, rc, out);
}

static const char *listing(char *out, size_t cap)
{
	run("nft list ruleset", out, cap);
	return out;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	cr_assert(prefix_parse(text, &p), "%s", text);
	return p;
}

static void create(struct nl_sock *s, enum ruleset_table table)
{
	struct err e;

	cr_assert_eq(ruleset_create(s, table, &e), 0, "create: %s", e.msg);
}

static int add(struct nl_sock *s, const char *pod, const char *owner, struct err *e)
{
	const struct ip_prefix p = prefix(pod);
	struct ruleset_txn t;

	ruleset_begin(&t);
	ruleset_add_masquerade(&t, &p, owner);
	return ruleset_commit(s, &t, e);
}

static int del(struct nl_sock *s, const char *pod, struct err *e)
{
	const struct ip_prefix p = prefix(pod);
	struct ruleset_txn t;

	ruleset_begin(&t);
	ruleset_del_masquerade(&t, &p);
	return ruleset_commit(s, &t, e);
}

static const uint8_t pod_mac[6] = { 0x02, 0, 0, 0, 0, 0x0a };

/* What an operator sees */

static const char expected_listing[] =
	"table inet cnida {\n"
	"\tcomment \"cnida: pods are elements of the maps\"\n"
	"\tmap masq4 {\n"
	"\t\ttype ipv4_addr : verdict\n"
	"\t\telements = { 10.244.0.5 comment \"net1 c1 eth0\" : goto masq_10.244.0.0/24 }\n"
	"\t}\n\n"
	"\tmap masq6 {\n"
	"\t\ttype ipv6_addr : verdict\n"
	"\t\telements = { fd00:1::5 comment \"net1 c1 eth0\" : goto masq_fd00-1--/64 }\n"
	"\t}\n\n"
	"\tchain postrouting {\n"
	"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
	"\t\tip daddr 224.0.0.0/4 return\n"
	"\t\tip6 daddr ff00::/8 return\n"
	"\t\tip saddr vmap @masq4\n"
	"\t\tip6 saddr vmap @masq6\n"
	"\t}\n\n"
	"\tchain masq_10.244.0.0/24 {\n"
	"\t\tip daddr != 10.244.0.0/24 masquerade\n"
	"\t}\n\n"
	"\tchain masq_fd00-1--/64 {\n"
	"\t\tip6 daddr != fd00:1::/64 masquerade\n"
	"\t}\n"
	"}\n"
	"table bridge cnida {\n"
	"\tcomment \"cnida: source check of bridge ports\"\n"
	"\tset spoof_port {\n"
	"\t\ttype ifname\n"
	"\t\telements = { \"cni0123456789a\" comment \"net1 c1 eth0\" }\n"
	"\t}\n\n"
	"\tset spoof_mac {\n"
	"\t\ttype ifname . ether_addr\n"
	"\t\telements = { \"cni0123456789a\" . 02:00:00:00:00:0a comment \"net1 c1 eth0\" }\n"
	"\t}\n\n"
	"\tchain prerouting {\n"
	"\t\ttype filter hook prerouting priority dstnat; policy accept;\n"
	"\t\tiifname @spoof_port iifname . ether saddr != @spoof_mac drop\n"
	"\t}\n"
	"}\n";

Test(net_ruleset, reads_like_rules)
{
	const struct ip_prefix p4 = prefix("10.244.0.5/24"), p6 = prefix("fd00:1::5/64");
	struct nl_sock s = fresh();
	struct ruleset_txn t;
	char out[8192], again[8192];
	const char *missing;
	struct err e;

	create(&s, RULESET_INET);
	create(&s, RULESET_BRIDGE);
	ruleset_begin(&t);
	ruleset_add_masquerade(&t, &p4, "net1 c1 eth0");
	ruleset_add_masquerade(&t, &p6, "net1 c1 eth0");
	ruleset_add_spoof(&t, "cni0123456789a", pod_mac, "net1 c1 eth0");
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "%s", e.msg);
	cr_assert_str_eq(listing(out, sizeof(out)), expected_listing);

	/* An operator may save and load the ruleset; ours must not keep the rest from loading. */
	must("t=$(nft list ruleset) && nft flush ruleset && printf '%s\\n' \"$t\" | nft -f -");
	cr_assert_str_eq(listing(again, sizeof(again)), out, "saved and loaded");
	for (int table = RULESET_INET; table <= RULESET_BRIDGE; table++)
		cr_assert_eq(ruleset_intact(&s, (enum ruleset_table)table, &missing, &e), 1, "loaded: table %d misses %s",
			     table, missing);
	cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_destroy(&s, &e), 0, "twice: %s", e.msg);
	cr_assert_str_eq(listing(out, sizeof(out)), "");
	nl_close(&s);
}

/* Elements */

Test(net_ruleset, chains_of_prefixes)
{
	static const struct {
		const char *pod, *chain;
	} rows[] = {
		{ "10.0.0.5/8", "chain masq_10.0.0.0/8 {\n\t\tip daddr != 10.0.0.0/8 masquerade\n" },
		{ "10.1.2.3/9", "chain masq_10.0.0.0/9 {\n\t\tip daddr != 10.0.0.0/9 masquerade\n" },
		{ "10.1.2.4/31", "chain masq_10.1.2.4/31 {\n\t\tip daddr != 10.1.2.4/31 masquerade\n" },
		{ "10.1.2.5/32", "chain masq_10.1.2.5/32 {\n\t\tip daddr != 10.1.2.5 masquerade\n" },
		{ "10.1.2.6/24", "chain masq_10.1.2.0/24 {\n\t\tip daddr != 10.1.2.0/24 masquerade\n" },
		{ "10.1.2.7/0", "chain masq_0.0.0.0/0 {" },
		{ "2001:db8::7/61", "chain masq_2001-db8--/61 {\n\t\tip6 daddr != 2001:db8::/61 masquerade\n" },
		{ "2001:db8::8/128", "chain masq_2001-db8--8/128 {\n\t\tip6 daddr != 2001:db8::8 masquerade\n" },
		{ "2001:db8:1:2:3:4:5:6/127",
		  "chain masq_2001-db8-1-2-3-4-5-6/127 {\n\t\tip6 daddr != 2001:db8:1:2:3:4:5:6/127 masquerade\n" },
	};
	struct nl_sock s = fresh();
	char before[8192], out[8192];
	struct err e;

	create(&s, RULESET_INET);
	listing(before, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct ip_prefix p = prefix(rows[i].pod);
		char owner[RULESET_COMMENT_MAX + 1] = "";

		cr_assert_eq(add(&s, rows[i].pod, rows[i].pod, &e), 0, "%s: %s", rows[i].pod, e.msg);
		listing(out, sizeof(out));
		cr_assert_not_null(strstr(out, rows[i].chain), "%s: expected %s in:\n%s", rows[i].pod, rows[i].chain, out);
		cr_assert_eq(ruleset_has_masquerade(&s, &p, owner, &e), 1, "%s: not found", rows[i].pod);
		cr_assert_str_eq(owner, rows[i].pod, "%s: owner", rows[i].pod);
	}
	must("t=$(nft list ruleset) && nft flush ruleset && printf '%s\\n' \"$t\" | nft -f -");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct ip_prefix p = prefix(rows[i].pod);

		cr_assert_eq(del(&s, rows[i].pod, &e), 0, "%s: %s", rows[i].pod, e.msg);
		cr_assert_eq(ruleset_has_masquerade(&s, &p, NULL, &e), 0, "%s: still there", rows[i].pod);
		cr_assert_eq(del(&s, rows[i].pod, &e), -ENOENT, "%s: a second time", rows[i].pod);
	}
	listing(out, sizeof(out));
	cr_assert_null(strstr(out, "/32"), "chain of a single address:\n%s", out);
	cr_assert_null(strstr(out, "/128"), "chain of a single address:\n%s", out);
	nl_close(&s);
}

struct seen {
	size_t n;
	char text[1024];
};

static int see(const struct ip_prefix *pod, const char *owner, void *arg, struct err *e)
{
	struct seen *seen = arg;
	char buf[PREFIX_STR_MAX];
	size_t len = strlen(seen->text);

	(void)e;
	seen->n++;
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%s;", prefix_format(pod, buf), owner);
	return 0;
}

Test(net_ruleset, elements)
{
	static const char long_owner[] = "network-of-some-length 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef "
					 "eth0 and what does not fit any more is cut off";
	struct nl_sock s = fresh();
	struct ip_prefix p = prefix("10.0.0.2/24"), q = prefix("10.0.0.3/24"), none = { .len = 0 };
	char owner[RULESET_COMMENT_MAX + 1];
	struct seen seen = { .n = 0 };
	struct ruleset_txn t;
	struct err e;

	/* Before there is a table, everything says so. */
	cr_assert_eq(add(&s, "10.0.0.2/24", "o", &e), -ENOENT, "add without a table");
	cr_assert_eq(del(&s, "10.0.0.2/24", &e), -ENOENT, "delete without a table");
	cr_assert_eq(ruleset_has_masquerade(&s, &p, NULL, &e), 0, "has without a table");
	cr_assert_eq(ruleset_has_spoof(&s, "p0", pod_mac, NULL, &e), 0, "has without a table");
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "each without a table: %s", e.msg);
	ruleset_begin(&t);
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "an empty transaction needs none");

	create(&s, RULESET_INET);
	create(&s, RULESET_INET);
	create(&s, RULESET_BRIDGE);
	cr_assert_eq(add(&s, "10.0.0.2/24", long_owner, &e), 0, "%s", e.msg);
	cr_assert_eq(add(&s, "10.0.0.2/24", "other", &e), -EEXIST, "an address has one owner");
	cr_assert_eq(add(&s, "10.0.0.2/16", "other", &e), -EEXIST, "an address has one prefix");
	cr_assert_eq(ruleset_has_masquerade(&s, &p, owner, &e), 1, "%s", e.msg);
	cr_assert_eq(strlen(owner), RULESET_COMMENT_MAX, "owner of %zu bytes", strlen(owner));
	cr_assert_eq(strncmp(owner, long_owner, RULESET_COMMENT_MAX), 0, "owner: %s", owner);
	p.len = 16;
	cr_assert_eq(ruleset_has_masquerade(&s, &p, NULL, &e), 0, "not with another prefix");

	/* All or nothing. */
	ruleset_begin(&t);
	ruleset_add_masquerade(&t, &q, "q");
	p.len = 24;
	ruleset_add_masquerade(&t, &p, "q");
	cr_assert_eq(ruleset_commit(&s, &t, &e), -EEXIST, "second of two is there");
	cr_assert_eq(ruleset_has_masquerade(&s, &q, NULL, &e), 0, "nothing of a failed transaction stays");
	cr_assert_eq(add(&s, "fd00::3/64", "six \"quoted\"\n", &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "%s", e.msg);
	cr_assert_eq(seen.n, 2U, "expected 2 pods, found %zu: %s", seen.n, seen.text);
	cr_assert_not_null(strstr(seen.text, "10.0.0.2/24=network-of-some"), "%s", seen.text);
	cr_assert_not_null(strstr(seen.text, "fd00::3/64=six ?quoted??;"), "%s", seen.text);

	/* Nonsense is refused before the kernel sees it. */
	ruleset_begin(&t);
	ruleset_add_masquerade(&t, &none, "o");
	cr_assert_eq(ruleset_commit(&s, &t, &e), -EMSGSIZE, "no address");
	ruleset_begin(&t);
	for (int i = 0; i < 100; i++)
		ruleset_add_masquerade(&t, &q, "o");
	cr_assert_eq(ruleset_commit(&s, &t, &e), -EMSGSIZE, "too much for one transaction");

	ruleset_begin(&t);
	ruleset_add_spoof(&t, "p0", pod_mac, "sp");
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_has_spoof(&s, "p0", pod_mac, owner, &e), 1, "spoof");
	cr_assert_str_eq(owner, "sp");
	cr_assert_eq(ruleset_has_spoof(&s, "p0", (const uint8_t[6]){ 2 }, NULL, &e), 0, "another MAC");
	ruleset_begin(&t);
	ruleset_del_spoof(&t, "p0", pod_mac);
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "%s", e.msg);
	cr_assert_eq(ruleset_has_spoof(&s, "p0", pod_mac, NULL, &e), 0, "spoof is gone");
	nl_close(&s);
}

/* More than the rulesets use today: maps with data, intervals of concatenations. */
Test(net_ruleset, layer_below)
{
	static const struct nft_set map = {
		.name = "m",
		.flags = NFT_SET_MAP,
		.key_type = NFT_TYPE_CONCAT(NFT_TYPE_PROTO, NFT_TYPE_SERVICE),
		.key_len = 8,
		.data_type = NFT_TYPE_CONCAT(NFT_TYPE_IP4, NFT_TYPE_SERVICE),
		.data_len = 8,
	};
	static const struct nft_set ranges = {
		.name = "r",
		.flags = NFT_SET_INTERVAL | NFT_SET_CONCAT,
		.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IP4, NFT_TYPE_SERVICE),
		.key_len = 8,
		.fields = { 4, 2 },
	};
	static const struct nft_set *const sets[] = { &map, &ranges };
	static const struct nft_table table = { .family = NFPROTO_IPV4, .name = "t", .sets = sets, .n_sets = 2 };
	static const uint8_t key[8] = { 6, 0, 0, 0, 0x1f, 0x90 }, data[8] = { 10, 0, 0, 2, 0, 80 };
	static const uint8_t from[8] = { 10, 0, 0, 0, 0, 80 }, to[8] = { 10, 0, 255, 255, 0, 90 };
	struct nl_sock s = fresh();
	struct nl_batch b;
	char out[4096];
	struct err e;

	nft_begin(&b);
	nft_add_table(&b, &table);
	nft_add_elem(&b, &table, &map, &(const struct nft_elem){ .key = key, .data = data }, NLM_F_EXCL, "m");
	nft_add_elem(&b, &table, &ranges, &(const struct nft_elem){ .key = from, .key_end = to, .comment = "c" },
		     NLM_F_EXCL, "r");
	cr_assert_eq(nft_commit(&s, &b, &e), 0, "%s", e.msg);
	cr_assert_str_eq(listing(out, sizeof(out)),
			 "table ip t {\n"
			 "\tmap m {\n"
			 "\t\ttype inet_proto . inet_service : ipv4_addr . inet_service\n"
			 "\t\telements = { tcp . 8080 : 10.0.0.2 . 80 }\n"
			 "\t}\n\n"
			 "\tset r {\n"
			 "\t\ttype ipv4_addr . inet_service\n"
			 "\t\tflags interval\n"
			 "\t\telements = { 10.0.0.0/16 . 80-90 comment \"c\" }\n"
			 "\t}\n"
			 "}\n");
	nft_begin(&b);
	nft_del_elem(&b, &table, &ranges, &(const struct nft_elem){ .key = from, .key_end = to }, "r");
	cr_assert_eq(nft_commit(&s, &b, &e), 0, "%s", e.msg);
	nl_close(&s);
}

/* What others break is seen. */
Test(net_ruleset, intact)
{
	static const struct {
		const char *name, *command;
		enum ruleset_table table;
		const char *missing; /* NULL: intact */
	} rows[] = {
		{ "untouched", "true", RULESET_INET, NULL },
		{ "untouched", "true", RULESET_BRIDGE, NULL },
		{ "another table", "nft add table inet other", RULESET_INET, NULL },
		{ "flushed", "nft flush ruleset", RULESET_INET, "cnida" },
		{ "flushed", "nft flush ruleset", RULESET_BRIDGE, "cnida" },
		{ "table deleted", "nft delete table inet cnida", RULESET_INET, "cnida" },
		{ "table flushed", "nft flush table inet cnida", RULESET_INET, "postrouting" },
		{ "chain flushed", "nft flush chain bridge cnida prerouting", RULESET_BRIDGE, "prerouting" },
		{ "rule added", "nft add rule inet cnida postrouting accept", RULESET_INET, "postrouting" },
		{ "set deleted", "nft flush chain inet cnida postrouting; nft delete map inet cnida masq6",
		  RULESET_INET, "masq6" },
		{ "chain deleted", "nft delete chain inet cnida postrouting", RULESET_INET, "postrouting" },
	};
	struct nl_sock s = fresh();
	const struct ip_prefix p = prefix("10.0.0.2/24");
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *missing = "?";
		int r;

		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s: %s", rows[i].name, e.msg);
		create(&s, RULESET_INET);
		create(&s, RULESET_BRIDGE);
		must(rows[i].command);
		r = ruleset_intact(&s, rows[i].table, &missing, &e);
		cr_assert_eq(r, !rows[i].missing, "%s: found %d, missing %s", rows[i].name, r, missing);
		if (rows[i].missing)
			cr_assert_str_eq(missing, rows[i].missing, "%s", rows[i].name);
		else
			cr_assert_null(missing, "%s: %s", rows[i].name, missing);
	}
	/* The chain of a prefix belongs to its pods. */
	cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
	create(&s, RULESET_INET);
	cr_assert_eq(add(&s, "10.0.0.2/24", "o", &e), 0, "%s", e.msg);
	must("nft flush chain inet cnida masq_10.0.0.0/24");
	cr_assert_eq(ruleset_has_masquerade(&s, &p, NULL, &e), 0, "its chain is empty");
	nl_close(&s);
}

/* Races */

/* Starts n processes that wait for each other, and returns how many failed. */
static int in_parallel(int n, int (*fn)(int i))
{
	int gate[2], failed = 0, status;

	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		char c;

		cr_assert(pid >= 0, "fork: %s", strerror(errno));
		if (pid > 0)
			continue;
		(void)close(gate[1]);
		if (read(gate[0], &c, 1) != 0) /* opens when the parent closes it */
			_exit(99);
		_exit(fn(i) == 0 ? 0 : 1);
	}
	(void)close(gate[1]);
	for (int i = 0; i < n; i++) {
		cr_assert(wait(&status) > 0, "wait: %s", strerror(errno));
		failed += status != 0;
	}
	(void)close(gate[0]);
	return failed;
}

static int create_one(int i)
{
	struct nl_sock s;
	struct err e;

	(void)i;
	return nl_open(NETLINK_NETFILTER, &s, &e) < 0 || ruleset_create(&s, RULESET_INET, &e) < 0;
}

static int create_and_add(int i)
{
	struct nl_sock s;
	struct err e;
	char pod[32], pod6[32];

	if (create_one(i) || nl_open(NETLINK_NETFILTER, &s, &e) < 0)
		return 1;
	(void)snprintf(pod, sizeof(pod), "10.7.0.%d/24", i + 2);
	(void)snprintf(pod6, sizeof(pod6), "fd00:7::%x/64", i + 2);
	return add(&s, pod, "parallel", &e) < 0 || add(&s, pod6, "parallel", &e) < 0;
}

static int add_same(int i)
{
	struct nl_sock s;
	struct err e;

	(void)i;
	return nl_open(NETLINK_NETFILTER, &s, &e) < 0 || add(&s, "10.8.0.9/24", "one", &e) < 0;
}

Test(net_ruleset, parallel)
{
	struct nl_sock s = fresh();
	struct seen seen = { .n = 0 };
	char once[8192], out[8192];
	const char *missing;
	struct err e;

	create(&s, RULESET_INET);
	listing(once, sizeof(once));
	for (int round = 0; round < 5; round++) {
		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
		cr_assert_eq(in_parallel(PARALLEL, create_one), 0, "round %d: a creator failed", round);
		cr_assert_str_eq(listing(out, sizeof(out)), once, "round %d", round);
	}
	for (int round = 0; round < 10; round++) {
		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
		cr_assert_eq(in_parallel(PARALLEL, create_and_add), 0, "first ADDs of a node at once, round %d", round);
	}
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "%s", e.msg);
	cr_assert_eq(seen.n, 2U * PARALLEL, "expected %d pods, found %zu", 2 * PARALLEL, seen.n);
	cr_assert_eq(ruleset_intact(&s, RULESET_INET, &missing, &e), 1, "missing %s", missing);
	cr_assert_eq(nft_count_rules(&s, NFPROTO_INET, "cnida", "masq_10.7.0.0/24", &e), 1, "one rule");
	cr_assert_eq(in_parallel(PARALLEL, add_same), PARALLEL - 1, "exactly one gets an address");
	nl_close(&s);
}

/* A node's worth and more. */
Test(net_ruleset, thousand_pods)
{
	struct nl_sock s = fresh();
	struct seen seen = { .n = 0 };
	char pod[32];
	struct err e;

	create(&s, RULESET_INET);
	for (int i = 2; i < 1002; i++) {
		(void)snprintf(pod, sizeof(pod), "10.0.%d.%d/16", i / 256, i % 256);
		cr_assert_eq(add(&s, pod, "n c i", &e), 0, "%s: %s", pod, e.msg);
	}
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "%s", e.msg);
	cr_assert_eq(seen.n, 1000U, "expected 1000 pods, found %zu", seen.n);
	for (int i = 2; i < 1002; i++) {
		(void)snprintf(pod, sizeof(pod), "10.0.%d.%d/16", i / 256, i % 256);
		cr_assert_eq(del(&s, pod, &e), 0, "%s: %s", pod, e.msg);
	}
	nl_close(&s);
}

/* Packets */

static void own_run(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "%s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0, "%s", strerror(errno));
}

/* A UDP socket in a namespace ("": this one), bound to an address and a port, with a time-out. */
static int udp(const char *netns, const char *addr, uint16_t port)
{
	char path[64];
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct timeval deadline = { .tv_sec = 3 };
	bool v6 = strchr(addr, ':') != NULL;
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = -1, fd;

	if (*netns) {
		(void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
		there = open(path, O_RDONLY | O_CLOEXEC);
		cr_assert_eq(setns(there, CLONE_NEWNET), 0, "%s: %s", netns, strerror(errno));
	}
	fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0, "%s", strerror(errno));
	cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, addr, v6 ? (void *)&six.sin6_addr : &four.sin_addr), 1);
	cr_assert_eq(bind(fd, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)), 0, "bind %s %s: %s",
		     netns, addr, strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	cr_assert_eq(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
	if (there >= 0)
		(void)close(there);
	return fd;
}

static void send_to(int fd, const char *addr, uint16_t port, const char *text)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = strchr(addr, ':') != NULL;

	cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, addr, v6 ? (void *)&six.sin6_addr : &four.sin_addr), 1);
	cr_assert_eq(sendto(fd, text, strlen(text), 0, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)),
		     (ssize_t)strlen(text), "send to %s: %s", addr, strerror(errno));
}

/* Where a datagram seems to come from, "" if none came. */
static void receive_from(int fd, char text[static 64], char ret[static INET6_ADDRSTRLEN])
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, text, 63, 0, (struct sockaddr *)&from, &len);

	*ret = '\0';
	text[n > 0 ? n : 0] = '\0';
	if (n < 0)
		return;
	if (from.ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)&from)->sin6_addr, ret, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&from)->sin_addr, ret, INET6_ADDRSTRLEN);
}

/* Two pods of one prefix that the host routes, and an outside that knows no route back to them. */
static const char topology[] =
	"set -e\n"
	"exec 2>&1\n"
	"ip link set lo up\n"
	/* Without duplicate address detection, also of link-local addresses, nothing has to be waited for. */
	"quick='sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0'\n"
	"$quick net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
	"for i in 2 3; do\n"
	"  ip netns add pod$i\n"
	"  ip netns exec pod$i $quick\n"
	"  ip link add h$i type veth peer name eth0 netns pod$i\n"
	"  ip addr add 10.1.0.1/32 dev h$i\n"
	"  ip addr add fd01::1/128 dev h$i nodad\n"
	"  ip link set h$i up\n"
	"  ip -n pod$i link set lo up\n"
	"  ip -n pod$i link set eth0 up\n"
	"  ip -n pod$i addr add 10.1.0.$i/32 dev eth0\n"
	"  ip -n pod$i addr add fd01::$i/128 dev eth0 nodad\n"
	"  ip -n pod$i route add 10.1.0.1 dev eth0\n"
	"  ip -n pod$i route add default via 10.1.0.1\n"
	"  ip -n pod$i route add fd01::1 dev eth0\n"
	"  ip -n pod$i route add default via fd01::1\n"
	"  ip route add 10.1.0.$i dev h$i\n"
	"  ip route add fd01::$i dev h$i\n"
	"done\n"
	"ip netns add outside\n"
	"ip netns exec outside $quick\n"
	"ip link add up0 type veth peer name eth0 netns outside\n"
	"ip addr add 192.0.2.1/24 dev up0\n"
	"ip addr add 2001:db8::1/64 dev up0 nodad\n"
	"ip link set up0 up\n"
	"ip -n outside addr add 192.0.2.2/24 dev eth0\n"
	"ip -n outside addr add 2001:db8::2/64 dev eth0 nodad\n"
	"ip -n outside link set eth0 up\n"
	"ip -n outside route add default via 192.0.2.1\n"
	"ip -n outside route add default via 2001:db8::1\n"
	"ip addr add 10.9.9.9/32 dev lo\n"
	"ip addr add fd09::9/128 dev lo nodad\n";

static void join(int fd, const char *group)
{
	struct group_req req = { .gr_interface = 0 };
	struct sockaddr_in6 *six = (void *)&req.gr_group;
	struct sockaddr_in *four = (void *)&req.gr_group;
	bool v6 = strchr(group, ':') != NULL;
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int there = open("/run/netns/outside", O_RDONLY | O_CLOEXEC);

	cr_assert_eq(setns(there, CLONE_NEWNET), 0);
	req.gr_interface = if_nametoindex("eth0");
	cr_assert_eq(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
	(void)close(there);
	req.gr_group.ss_family = v6 ? AF_INET6 : AF_INET;
	cr_assert_eq(inet_pton(req.gr_group.ss_family, group, v6 ? (void *)&six->sin6_addr : &four->sin_addr), 1);
	cr_assert_eq(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &req, sizeof(req)), 0, "join %s: %s",
		     group, strerror(errno));
}

/* A multicast sender on the host leaves by the uplink. */
static void leave_by_uplink(int fd, bool v6)
{
	const struct ip_mreqn four = { .imr_ifindex = (int)if_nametoindex("up0") };
	const int six = four.imr_ifindex;

	cr_assert_eq(v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &six, sizeof(six)) :
			  setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &four, sizeof(four)),
		     0, "%s", strerror(errno));
}

Test(net_ruleset, masquerade_of_packets)
{
	static const struct {
		const char *name, *from_ns, *from, *to_ns, *to, *seen;
	} rows[] = {
		{ "no element", "pod3", "10.1.0.3", "outside", "192.0.2.2", "10.1.0.3" },
		{ "no element, 6", "pod3", "fd01::3", "outside", "2001:db8::2", "fd01::3" },
		{ "outside", "pod2", "10.1.0.2", "outside", "192.0.2.2", "192.0.2.1" },
		{ "outside, 6", "pod2", "fd01::2", "outside", "2001:db8::2", "2001:db8::1" },
		{ "own prefix", "pod2", "10.1.0.2", "pod3", "10.1.0.3", "10.1.0.2" },
		{ "own prefix, 6", "pod2", "fd01::2", "pod3", "fd01::3", "fd01::2" },
		{ "to the pod", "outside", "192.0.2.2", "pod2", "10.1.0.2", "192.0.2.2" },
		{ "unicast like the multicast", "", "10.9.9.9", "outside", "192.0.2.2", "192.0.2.1" },
		{ "multicast", "", "10.9.9.9", "outside", "239.1.2.3", "10.9.9.9" },
		{ "unicast like the multicast, 6", "", "fd09::9", "outside", "2001:db8::2", "2001:db8::1" },
		{ "multicast, 6", "", "fd09::9", "outside", "ff0e::123", "fd09::9" },
	};
	static const char *const pods[] = { "10.1.0.2/24", "fd01::2/64", "10.9.9.9/32", "fd09::9/128" };
	struct nl_sock s = fresh();
	char text[64], seen[INET6_ADDRSTRLEN];
	struct err e;

	own_run();
	must(topology);
	create(&s, RULESET_INET);
	for (size_t i = 0; i < ARRAY_SIZE(pods); i++)
		cr_assert_eq(add(&s, pods[i], "packets", &e), 0, "%s", e.msg);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool v6 = strchr(rows[i].to, ':') != NULL;
		bool multicast = strncmp(rows[i].to, "239", 3) == 0 || strncmp(rows[i].to, "ff", 2) == 0;
		uint16_t port = (uint16_t)(7000 + i);
		int to = udp(rows[i].to_ns, multicast ? (v6 ? "::" : "0.0.0.0") : rows[i].to, port);
		int from = udp(rows[i].from_ns, rows[i].from, port);

		if (multicast) {
			join(to, rows[i].to);
			leave_by_uplink(from, v6);
		}
		send_to(from, rows[i].to, port, rows[i].name);
		receive_from(to, text, seen);
		cr_assert_str_eq(text, rows[i].name, "%s: nothing came", rows[i].name);
		cr_assert_str_eq(seen, rows[i].seen, "%s: expected source %s, found %s", rows[i].name, rows[i].seen, seen);
		(void)close(from);
		(void)close(to);
	}
	nl_close(&s);
}

static const char bridge_topology[] =
	"set -e\n"
	"exec 2>&1\n"
	"ip link add br0 type bridge\n"
	"ip addr add 10.2.0.1/24 dev br0\n"
	"ip link set br0 up\n"
	"for i in 2 3; do\n"
	"  ip netns add pod$i\n"
	"  ip link add h$i type veth peer name eth0 netns pod$i\n"
	"  ip link set h$i master br0 up\n"
	"  ip -n pod$i link set eth0 address 02:00:00:00:00:0$i up\n"
	"  ip -n pod$i addr add 10.2.0.$i/24 dev eth0\n"
	"  ip -n pod$i neigh add 10.2.0.1 lladdr $(cat /sys/class/net/br0/address) dev eth0\n"
	"done\n";

Test(net_ruleset, source_check_of_packets)
{
	static const struct {
		const char *name, *pod, *from, *mac;
		bool passes;
	} rows[] = {
		{ "its own", "pod2", "10.2.0.2", "02:00:00:00:00:02", true },
		{ "another", "pod2", "10.2.0.2", "02:00:00:00:00:03", false },
		{ "a broadcast-like one", "pod2", "10.2.0.2", "06:ff:ff:ff:ff:ff", false },
		{ "its own again", "pod2", "10.2.0.2", "02:00:00:00:00:02", true },
		{ "a port that is not checked", "pod3", "10.2.0.3", "02:00:00:00:00:77", true },
	};
	struct nl_sock s = fresh();
	struct ruleset_txn t;
	char command[512], text[64], seen[INET6_ADDRSTRLEN];
	int to;
	struct err e;

	own_run();
	/* The nsfs view of links in sysfs is the mount namespace's: have ours show this network namespace. */
	cr_assert_eq(mount("sysfs", "/sys", "sysfs", 0, NULL), 0, "%s", strerror(errno));
	must(bridge_topology);
	create(&s, RULESET_BRIDGE);
	ruleset_begin(&t);
	ruleset_add_spoof(&t, "h2", (const uint8_t[6]){ 2, 0, 0, 0, 0, 2 }, "o");
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "%s", e.msg);
	to = udp("", "10.2.0.1", 7000);
	/* A frame that must not pass is followed by one that must: the first that arrives tells. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int from, other = udp("pod3", "10.2.0.3", 7001);

		(void)snprintf(command, sizeof(command),
			       "exec 2>&1; ip -n %s link set eth0 address %s && ip -n %s neigh replace 10.2.0.1 lladdr "
			       "$(cat /sys/class/net/br0/address) dev eth0",
			       rows[i].pod, rows[i].mac, rows[i].pod);
		must(command);
		from = udp(rows[i].pod, rows[i].from, 7002);
		send_to(from, "10.2.0.1", 7000, rows[i].name);
		send_to(other, "10.2.0.1", 7000, "end");
		receive_from(to, text, seen);
		cr_assert_str_eq(text, rows[i].passes ? rows[i].name : "end", "%s (%s): found \"%s\"", rows[i].name,
				 rows[i].mac, text);
		if (rows[i].passes)
			receive_from(to, text, seen);
		(void)close(from);
		(void)close(other);
	}
	nl_close(&s);
}
