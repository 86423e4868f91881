/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bandwidth.c - type bandwidth in a real kernel: what ADD makes, DEL removes, CHECK sees
 *
 * Rates themselves are measured in test/runtime/meta.sh.
 */
#include "endpoint/bandwidth.h"

#include "endpoint/record.h"

#include <errno.h>

#include "chained.h"

#define UPSTREAM_IFB "bwpc2d892b58e87" /* bwp + first 12 digits of SHA-512("net1c1") */
#define BOTH \
	"\"ingressRate\":80000000,\"ingressBurst\":8000000,\"runtimeConfig\":{},\"egressRate\":40000000,\"egressBurst\":4000000"

static size_t count_one(const struct chained *c)
{
	char line[64] = "";
	FILE *f = popen("ip -br link show type ifb | wc -l", "r");
	size_t n;

	(void)c;
	cr_assert(f && fgets(line, sizeof(line), f), "ip");
	n = (size_t)atoi(line);
	(void)pclose(f);
	return n;
}

static void add(struct chained *c, const char *keys, struct result *res)
{
	struct err e = { 0 };

	result_init(res);
	ok(bandwidth_add(chained_request(c, "bandwidth", keys), res, &e), &e);
}

Test(net_bandwidth, adds_checks_removes)
{
	struct chained c;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, BOTH, &res);
	cr_assert_eq(res.n_ifaces, 3, "interfaces: expected 3, found %zu", res.n_ifaces);
	cr_assert(strncmp(res.ifaces[2].name, "bwp", 3) == 0 && strlen(res.ifaces[2].name) == 15 &&
	                  *res.ifaces[2].mac,
	          "ifb device: found %s %s", res.ifaces[2].name, res.ifaces[2].mac);
	ok(bandwidth_check(&c.req, &e), &e);
	cr_assert(bandwidth_add(&c.req, &res, &e) < 0, "a second ADD: expected an error");
	ok(bandwidth_del(&c.req, &e), &e);
	cr_assert_eq(count_one(&c), 0, "after DEL: expected no ifb device");
	ok(bandwidth_del(&c.req, &e), &e);
	result_free(&res);
	chained_close(&c);
}

Test(net_bandwidth, without_limits_it_passes_on)
{
	static const char *const keys[] = {
		"", "\"runtimeConfig\":{\"bandwidth\":{\"IngressRate\":0,\"IngressBurst\":0}}"
	};
	struct chained c;
	struct result res;
	struct err e = { 0 };
	struct request req;

	chained_open(&c);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		add(&c, keys[i], &res);
		cr_assert(res.n_ifaces == 2 && res.n_ips == 1, "%s: the previous result", keys[i]);
		ok(bandwidth_check(&c.req, &e), &e);
		ok(bandwidth_del(&c.req, &e), &e);
		result_free(&res);
		req = c.req;
		req.prev_result = NULL;
		cr_assert(bandwidth_add(&req, &res, &e) < 0 &&
		                  strstr(e.msg, "must be called as chained plugin"),
		          "without prevResult: found %s", e.msg);
	}
	chained_close(&c);
}

/* As little as a runtime may give. */
Test(net_bandwidth, del_from_nothing)
{
	struct chained c;
	struct request req;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, BOTH, &res);
	req = *chained_request(&c, "bandwidth", "\"egressRate\":\"nonsense\"");
	req.prev_result = NULL;
	req.netns = "/nonexistent";
	ok(bandwidth_del(&req, &e), &e);
	cr_assert_eq(count_one(&c), 0, "expected no ifb device");

	/* Upstream's device, which has no alias. */
	cr_assert(system("ip link add " UPSTREAM_IFB " type ifb") == 0, "ip");
	req.netns = "";
	ok(bandwidth_del(&req, &e), &e);
	cr_assert_eq(count_one(&c), 0, "upstream's: expected no ifb device");
	result_free(&res);
	chained_close(&c);
}

/* ---- chains in the way, or without their device ---- */

#define CHAINS "nft list ruleset 2> /dev/null | grep -c '^[[:space:]]*chain bwp'"

static void expect_chains(const char *name, unsigned int expected)
{
	char line[64] = "";
	FILE *f = popen(CHAINS, "r");

	cr_assert(f && fgets(line, sizeof(line), f), "nft");
	(void)pclose(f);
	cr_assert_eq((unsigned int)atoi(line), expected, "%s: expected %u chains, found %s", name,
	             expected, line);
}

/* The link may stay, and from Linux 6.16 on the chain stays without it. */
Test(net_bandwidth, del_without_the_device)
{
	static const char *const damages[] = {
		"ip link del $(ip -br link show type ifb | cut -d ' ' -f 1)",
		"ip link del $(ip -br link show type ifb | cut -d ' ' -f 1); ip link del host0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct chained c;
		struct result res;
		struct err e = { 0 };

		chained_open(&c);
		add(&c, BOTH, &res);
		expect_chains("ADD", 1);
		cr_assert(system(damages[i]) == 0, "%s", damages[i]);
		ok(bandwidth_del(&c.req, &e), &e);
		expect_chains(damages[i], 0);
		result_free(&res);
		chained_close(&c);
	}
}

static void count_seen(const char *what, const char *why, void *arg)
{
	unsigned int *n = arg;

	cr_assert(strstr(what, "bwp0123456789ab") && strcmp(why, "no record has it") == 0,
	          "found %s: %s", what, why);
	++*n;
}

/* What a killed process left, beside a pod that lives. */
Test(net_bandwidth, sweep_of_a_chain_without_its_device)
{
	struct chained c;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, BOTH, &res);
	cr_assert(
		system("nft 'add chain netdev cnida bwp0123456789ab { type filter hook ingress device "
	               "host0 priority 1; }'") == 0,
		"nft");
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		unsigned int told = 0;
		int n = bandwidth_sweep(dry_run, count_seen, &told, &e);

		cr_assert(n == 1 && told == 1, "%s: expected 1 told of, found %d, %u %s",
		          dry_run ? "dry run" : "sweep", n, told, n < 0 ? e.msg : "");
		expect_chains(dry_run ? "dry run" : "sweep", dry_run ? 2 : 1);
	}
	cr_assert_eq(bandwidth_sweep(false, NULL, NULL, &e), 0, "again: expected 0");
	ok(bandwidth_check(&c.req, &e), &e);
	/* Not one whose device is gone either, as long as there is a record: its DEL is to come. */
	cr_assert(system("ip link del $(ip -br link show type ifb | cut -d ' ' -f 1)") == 0, "ip");
	cr_assert_eq(bandwidth_sweep(false, NULL, NULL, &e), 0, "a record: expected 0");
	ok(bandwidth_del(&c.req, &e), &e);
	expect_chains("DEL", 0);
	result_free(&res);
	chained_close(&c);
}

/* Who restores puts nothing back for good of what a DEL has begun to take out. */
Test(net_bandwidth, restore_during_a_del)
{
	static const struct {
		const char *name, *command;
		unsigned int left;
	} rows[] = {
		{ "no DEL", "true", 1 },
		{ "device in the reaper's group",
		  "ip link set $(ip -br link show type ifb | cut -d ' ' -f 1) group 0x636e6964",
		  0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct chained c;
		struct result res;
		struct err e = { 0 };

		chained_open(&c);
		add(&c, BOTH, &res);
		cr_assert(system("nft flush ruleset") == 0 && system(rows[i].command) == 0, "%s",
		          rows[i].command);
		cr_assert_eq(bandwidth_restore(&e), 1, "%s: expected 1, found %s", rows[i].name,
		             e.msg);
		expect_chains(rows[i].name, rows[i].left);
		ok(bandwidth_del(&c.req, &e), &e);
		result_free(&res);
		chained_close(&c);
	}
}

/* A second interface of the container has a device of its own, and each DEL takes its own. */
Test(net_bandwidth, two_interfaces)
{
	struct chained c;
	struct link_info link;
	struct request net1;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, BOTH, &res);
	cr_assert(system("ip link add host1 type veth peer name net1") == 0, "a second pair");
	ok(link_get(&c.space.node, 0, "host1", &link, &e), &e);
	net1 = *chained_request(&c, "bandwidth", BOTH);
	net1.ifname = "net1";
	{
		struct bandwidth_conf conf;
		struct result_iface ifb;
		_cleanup_nl_ struct nl_sock nft = { .fd = -1 };

		ok(bandwidth_conf_parse(&net1, &conf, &e), &e);
		ok(bandwidth_apply(&c.space.node, &nft, &conf, &net1, &link, &ifb, &e), &e);
		cr_assert_str_neq(ifb.name, res.ifaces[2].name, "expected another device");
		ok(bandwidth_verify(&c.space.node, &conf, &net1, &link, &e), &e);
		cr_assert_eq(count_one(&c), 2, "expected two devices");
		ok(bandwidth_del(&net1, &e), &e);
	}
	ok(bandwidth_check(&c.req, &e), &e);
	ok(bandwidth_del(&c.req, &e), &e);
	cr_assert_eq(count_one(&c), 0, "expected no ifb device");
	result_free(&res);
	chained_close(&c);
}

static const struct {
	const char *name, *command, *part;
} damages[] = {
	{ "ingress bucket", "tc qdisc del dev host0 root",
	  "ingress: expected a token bucket on host0, found none" },
	{ "ingress rate",
	  "tc qdisc change dev host0 root handle 1: tbf rate 8mbit burst 1000000 limit 1000000",
	  "ingress: rate on host0: expected 10000000 bytes/s, found 1000000" },
	{ "ingress burst",
	  "tc qdisc change dev host0 root handle 1: tbf rate 80mbit burst 500000 limit 1000000",
	  "ingress: burst on host0: expected 1000000 bytes, found 500000" },
	{ "egress bucket", "tc qdisc del dev $(ip -br link show type ifb | cut -d ' ' -f 1) root",
	  "egress: expected a token bucket on bwp" },
	{ "ifb device", "ip link del $(ip -br link show type ifb | cut -d ' ' -f 1)",
	  "egress: expected the ifb device bwp" },
	{ "redirect", "nft flush ruleset", "egress: expected a redirect from host0 to bwp" },
};

Test(net_bandwidth, check_names_what_changed)
{
	struct chained c;
	struct result res;

	chained_open(&c);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct err e = { 0 };
		int r;

		add(&c, BOTH, &res);
		cr_assert(system(damages[i].command) == 0, "%s", damages[i].command);
		r = bandwidth_check(&c.req, &e);
		cr_assert(r < 0 && strstr(e.msg, damages[i].part),
		          "%s: expected \"%s\", found %d %s", damages[i].name, damages[i].part, r,
		          e.msg);
		ok(bandwidth_del(&c.req, &e), &e);
		(void)!system("tc qdisc del dev host0 root 2> /dev/null");
		result_free(&res);
	}
	chained_close(&c);
}

Test(net_bandwidth, gc_keeps_the_valid)
{
	static const struct {
		const char *list;
		size_t left;
	} rows[] = {
		{ "[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}]", 1 },
		{ "[{\"containerID\":\"c1\",\"ifname\":\"eth1\"},{\"containerID\":\"c2\",\"ifname\":\"eth0\"}]",
		  0 },
		{ "[]", 0 },
	};
	struct chained c;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	cr_assert(bandwidth_gc(chained_request(&c, "bandwidth", ""), &e) < 0 &&
	                  e.code == CNI_E_CONFIG,
	          "no list");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *list = json_loads(rows[i].list, 0, NULL);

		add(&c, BOTH, &res);
		c.req.valid_attachments = list;
		c.req.network = "net"; /* a beginning of the name */
		ok(bandwidth_gc(&c.req, &e), &e);
		cr_assert_eq(count_one(&c), 1, "%s: another network: expected 1 left",
		             rows[i].list);
		c.req.network = "net1";
		ok(bandwidth_gc(&c.req, &e), &e);
		cr_assert_eq(count_one(&c), rows[i].left, "%s: expected %zu left", rows[i].list,
		             rows[i].left);
		json_decref(list);
		ok(bandwidth_del(&c.req, &e), &e);
		(void)!system("tc qdisc del dev host0 root");
		result_free(&res);
	}
	chained_close(&c);
}
