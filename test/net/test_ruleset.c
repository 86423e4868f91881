/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset.c - cnida's nftables in a real kernel: what nft(8) makes of them, elements, races
 */
#include "kernel/nftables.h"
#include "kernel/ruleset.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nft_node.h"

#define PARALLEL 16

static const char *listing(char *out, size_t cap)
{
	run("nft list ruleset", out, cap);
	return out;
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
		cr_assert_eq(ruleset_intact(&s, (enum ruleset_table)table, &missing, &e), 1,
		             "loaded: table %d misses %s", table, missing);
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
		{ "10.0.0.5/8",
		  "chain masq_10.0.0.0/8 {\n\t\tip daddr != 10.0.0.0/8 masquerade\n" },
		{ "10.1.2.3/9",
		  "chain masq_10.0.0.0/9 {\n\t\tip daddr != 10.0.0.0/9 masquerade\n" },
		{ "10.1.2.4/31",
		  "chain masq_10.1.2.4/31 {\n\t\tip daddr != 10.1.2.4/31 masquerade\n" },
		{ "10.1.2.5/32",
		  "chain masq_10.1.2.5/32 {\n\t\tip daddr != 10.1.2.5 masquerade\n" },
		{ "10.1.2.6/24",
		  "chain masq_10.1.2.0/24 {\n\t\tip daddr != 10.1.2.0/24 masquerade\n" },
		{ "10.1.2.7/0", "chain masq_0.0.0.0/0 {" },
		{ "2001:db8::7/61",
		  "chain masq_2001-db8--/61 {\n\t\tip6 daddr != 2001:db8::/61 masquerade\n" },
		{ "2001:db8::8/128",
		  "chain masq_2001-db8--8/128 {\n\t\tip6 daddr != 2001:db8::8 masquerade\n" },
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

		cr_assert_eq(add(&s, rows[i].pod, rows[i].pod, &e), 0, "%s: %s", rows[i].pod,
		             e.msg);
		listing(out, sizeof(out));
		cr_assert_not_null(strstr(out, rows[i].chain), "%s: expected %s in:\n%s",
		                   rows[i].pod, rows[i].chain, out);
		cr_assert_eq(ruleset_has_masquerade(&s, &p, owner, &e), 1, "%s: not found",
		             rows[i].pod);
		cr_assert_str_eq(owner, rows[i].pod, "%s: owner", rows[i].pod);
	}
	must("t=$(nft list ruleset) && nft flush ruleset && printf '%s\\n' \"$t\" | nft -f -");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct ip_prefix p = prefix(rows[i].pod);

		cr_assert_eq(del(&s, rows[i].pod, &e), 0, "%s: %s", rows[i].pod, e.msg);
		cr_assert_eq(ruleset_has_masquerade(&s, &p, NULL, &e), 0, "%s: still there",
		             rows[i].pod);
		cr_assert_eq(del(&s, rows[i].pod, &e), -ENOENT, "%s: a second time", rows[i].pod);
	}
	listing(out, sizeof(out));
	cr_assert_null(strstr(out, "/32"), "chain of a single address:\n%s", out);
	cr_assert_null(strstr(out, "/128"), "chain of a single address:\n%s", out);
	nl_close(&s);
}

/* What a dead owner left is found whatever its prefix was. */
Test(net_ruleset, stale_elements)
{
	static const struct {
		const char *name, *pod, *broken, *owner;
		int taken;
	} rows[] = {
		{ "anybody's", "10.0.0.5/16", "true", NULL, 1 },
		{ "its own", "10.0.0.5/24", "true", "dead", 1 },
		{ "another's", "10.0.0.5/24", "true", "deaf", 0 },
		{ "a single address", "10.0.0.5/32", "true", "dead", 1 },
		{ "a single address, 6", "fd00::5/128", "true", NULL, 1 },
		{ "no rule any more", "fd00::5/64", "nft flush table inet cnida", "dead", 1 },
		{ "none", "fd00::5/64", "nft flush map inet cnida masq6", NULL, 0 },
		{ "no table", "fd00::5/64", "nft delete table inet cnida", NULL, 0 },
	};
	struct nl_sock s = fresh();
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct ip_prefix p = prefix(rows[i].pod);
		int r;

		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s: %s", rows[i].name, e.msg);
		create(&s, RULESET_INET);
		cr_assert_eq(add(&s, rows[i].pod, "dead", &e), 0, "%s: %s", rows[i].name, e.msg);
		must(rows[i].broken);
		r = ruleset_take_masquerade(&s, &p.addr, rows[i].owner, &e);
		cr_assert_eq(r, rows[i].taken, "%s: expected %d, found %d: %s", rows[i].name,
		             rows[i].taken, r, r < 0 ? e.msg : "");
		create(&s, RULESET_INET);
		r = add(&s, rows[i].pod, "newcomer", &e);
		cr_assert_eq(r, strcmp(rows[i].name, "another's") == 0 ? -EEXIST : 0,
		             "%s: add: found %d", rows[i].name, r);
	}
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
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%s;",
	               prefix_format(pod, buf), owner);
	return 0;
}

Test(net_ruleset, elements)
{
	static const char long_owner[] =
		"network-of-some-length 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef "
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
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "each without a table: %s",
	             e.msg);
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
	cr_assert_eq(ruleset_has_masquerade(&s, &q, NULL, &e), 0,
	             "nothing of a failed transaction stays");
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
	cr_assert_eq(ruleset_has_spoof(&s, "p0", (const uint8_t[6]) { 2 }, NULL, &e), 0,
	             "another MAC");
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
	static const struct nft_table table = {
		.family = NFPROTO_IPV4, .name = "t", .sets = sets, .n_sets = 2
	};
	static const uint8_t key[8] = { 6, 0, 0, 0, 0x1f, 0x90 }, data[8] = { 10, 0, 0, 2, 0, 80 };
	static const uint8_t from[8] = { 10, 0, 0, 0, 0, 80 }, to[8] = { 10, 0, 255, 255, 0, 90 };
	struct nl_sock s = fresh();
	struct nl_batch b;
	char out[4096];
	struct err e;

	nft_begin(&b);
	nft_add_table(&b, &table);
	nft_add_elem(&b, &table, &map, &(const struct nft_elem) { .key = key, .data = data },
	             NLM_F_EXCL, "m");
	nft_add_elem(&b, &table, &ranges,
	             &(const struct nft_elem) { .key = from, .key_end = to, .comment = "c" },
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
	nft_del_elem(&b, &table, &ranges, &(const struct nft_elem) { .key = from, .key_end = to },
	             "r");
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
		{ "chain flushed", "nft flush chain bridge cnida prerouting", RULESET_BRIDGE,
		  "prerouting" },
		{ "rule added", "nft add rule inet cnida postrouting accept", RULESET_INET,
		  "postrouting" },
		{ "set deleted",
		  "nft flush chain inet cnida postrouting; nft delete map inet cnida masq6",
		  RULESET_INET, "masq6" },
		{ "chain deleted", "nft delete chain inet cnida postrouting", RULESET_INET,
		  "postrouting" },
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
		cr_assert_eq(r, !rows[i].missing, "%s: found %d, missing %s", rows[i].name, r,
		             missing);
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
	for (int round = 0; round < 3; round++) {
		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
		cr_assert_eq(in_parallel(PARALLEL, create_one), 0, "round %d: a creator failed",
		             round);
		cr_assert_str_eq(listing(out, sizeof(out)), once, "round %d", round);
	}
	for (int round = 0; round < 6; round++) {
		cr_assert_eq(ruleset_destroy(&s, &e), 0, "%s", e.msg);
		cr_assert_eq(in_parallel(PARALLEL, create_and_add), 0,
		             "first ADDs of a node at once, round %d", round);
	}
	cr_assert_eq(ruleset_each_masquerade(&s, see, &seen, &e), 0, "%s", e.msg);
	cr_assert_eq(seen.n, 2U * PARALLEL, "expected %d pods, found %zu", 2 * PARALLEL, seen.n);
	cr_assert_eq(ruleset_intact(&s, RULESET_INET, &missing, &e), 1, "missing %s", missing);
	cr_assert_eq(nft_count_rules(&s, NFPROTO_INET, "cnida", "masq_10.7.0.0/24", &e), 1,
	             "one rule");
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
