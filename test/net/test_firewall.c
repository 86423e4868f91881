/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_firewall.c - type firewall in a real kernel: elements, iptables' chain, DEL from little, CHECK, GC
 *
 * What packets do is tried in test/runtime/meta.sh.
 */
#include "endpoint/firewall.h"

#include "base/ip.h"

#include <errno.h>

#include "chained.h"

static bool shell(const char *command)
{
	return system(command) == 0;
}

static void add(struct chained *c, const char *keys)
{
	struct result res;
	struct err e = { 0 };

	result_init(&res);
	ok(firewall_add(chained_request(c, "firewall", keys), &res, &e), &e);
	cr_assert(res.n_ifaces == 2 && res.n_ips == 1, "%s: the previous result is passed on",
	          keys);
	result_free(&res);
}

#define OURS "nft list ruleset | grep -q 'net1 c1 eth0'"

/* On a node without iptables there is the mark and nothing else; nothing of IPv6 is needed. */
Test(net_firewall, adds_checks_removes)
{
	struct chained c;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, "");
	cr_assert(
		shell("nft list set inet cnida_firewall pod4 | grep -q '10.1.2.3 comment \"net1 c1 eth0\"'"),
		"element");
	cr_assert(!shell("nft list table ip filter 2> /dev/null"), "no table of iptables is made");
	ok(firewall_check(&c.req, &e), &e);
	add(&c, "");
	ok(firewall_del(&c.req, &e), &e);
	cr_assert(!shell(OURS), "after DEL");
	ok(firewall_del(&c.req, &e), &e);
	cr_assert(firewall_check(&c.req, &e) < 0 && strstr(e.msg, "10.1.2.3"),
	          "CHECK after DEL: found %s", e.msg);
	chained_close(&c);
}

Test(net_firewall, chain_in_iptables)
{
	struct chained c;
	struct err e = { 0 };

	chained_open(&c);
	cr_assert(
		shell("iptables-nft -P FORWARD DROP && iptables-nft -A FORWARD -s 192.0.2.9 -j ACCEPT && iptables-nft -N MINE && "
	              "iptables-nft -A MINE -s 192.0.2.8 -j DROP"),
		"iptables");
	add(&c, "\"iptablesAdminChainName\":\"MINE\"");
	add(&c, "\"iptablesAdminChainName\":\"MINE\"");
	add(&c, "");
	cr_assert(
		shell("[ \"$(iptables-nft -S FORWARD | grep -c CNIDA-FORWARD)\" = 2 ] && iptables-nft -S FORWARD | tail -n 1 | grep -q 192.0.2.9"),
		"one jump for each administrator's chain, before the rules that were there");
	cr_assert(
		shell("iptables-nft -S CNIDA-FORWARD | grep -qx -- '-A CNIDA-FORWARD -m mark --mark 0x1000/0x1000 -j ACCEPT'"),
		"iptables lists our rule");
	cr_assert(shell("iptables-nft -S MINE | grep -q 192.0.2.8"),
	          "the administrator's chain is left alone");
	cr_assert(shell("iptables-nft-save | iptables-nft-restore"),
	          "iptables can load what it saved");
	ok(firewall_check(&c.req, &e), &e);
	cr_assert(shell("iptables-nft -D FORWARD -j CNIDA-FORWARD"), "iptables");
	cr_assert(firewall_check(&c.req, &e) < 0 && strstr(e.msg, "FORWARD"),
	          "CHECK without the jump: found %s", e.msg);
	cr_assert(shell("iptables-nft -F CNIDA-FORWARD"), "iptables");
	cr_assert(firewall_check(&c.req, &e) < 0 && strstr(e.msg, "CNIDA-FORWARD"),
	          "CHECK without the rules: found %s", e.msg);
	cr_assert(shell("iptables-nft -X CNIDA-FORWARD"), "iptables");
	add(&c, "");
	ok(firewall_check(&c.req, &e), &e);
	chained_close(&c);
}

Test(net_firewall, links_apart)
{
	struct chained c;
	struct request req;
	struct result res;
	struct err e = { 0 };

	chained_open(&c);
	/* The first interface of the result is a veth here: a routed pod, whose element goes with it. */
	add(&c, "\"ingressPolicy\":\"same-bridge\"");
	cr_assert(
		shell("nft list set inet cnida_firewall apart | grep -q '\"host0\" comment \"net1 c1 eth0\"'"),
		"apart");
	cr_assert(shell("nft list set inet cnida_firewall joined | grep -q '\"host0\" . \"host0\"'"),
	          "joined");
	ok(firewall_check(&c.req, &e), &e);
	add(&c, "\"ingressPolicy\":\"isolated\"");
	cr_assert(!shell("nft list set inet cnida_firewall joined | grep -q host0"),
	          "no longer joined");
	ok(firewall_check(&c.req, &e), &e);
	cr_assert(firewall_check(chained_request(&c, "firewall",
	                                         "\"ingressPolicy\":\"same-bridge\""),
	                         &e) < 0 &&
	                  strstr(e.msg, "the ingressPolicy of host0"),
	          "CHECK of another policy: found %s", e.msg);
	ok(firewall_del(&c.req, &e), &e);
	cr_assert(!shell(OURS), "after DEL");

	req = *chained_request(&c, "firewall", "\"ingressPolicy\":\"isolated\"");
	json_array_clear(jget(req.prev_result, "interfaces"));
	json_array_clear(jget(req.prev_result, "ips"));
	result_init(&res);
	cr_assert(firewall_add(&req, &res, &e) < 0 && e.code == CNI_E_CONFIG,
	          "no interface: found %s", e.msg);
	chained_close(&c);
}

/* DEL without a previous result finds its elements by their owner, and only its own. */
Test(net_firewall, del_from_nothing)
{
	struct chained c;
	struct request req;
	struct err e = { 0 };

	chained_open(&c);
	add(&c, "\"ingressPolicy\":\"same-bridge\"");
	req = *chained_request(&c, "firewall", "\"ingressPolicy\":5,\"backend\":\"firewalld\"");
	req.prev_result = NULL;
	req.netns = "";
	req.container_id = "c";
	ok(firewall_del(&req, &e), &e);
	cr_assert(shell(OURS), "another container's DEL");
	req.container_id = "c1";
	ok(firewall_del(&req, &e), &e);
	cr_assert(!shell(OURS), "its own DEL");
	/* The address is somebody else's by now. */
	add(&c, "");
	req.container_id = "c2";
	req.prev_result = c.req.prev_result;
	ok(firewall_del(&req, &e), &e);
	cr_assert(shell(OURS), "an address that another container has");
	ok(firewall_del(&c.req, &e), &e);
	chained_close(&c);
}

Test(net_firewall, refuses)
{
	static const struct {
		const char *keys, *part;
	} rows[] = {
		{ "\"backend\":\"firewalld\"",
		  "backend: \"firewalld\", but firewalld does not run" },
		{ "\"ingressPolicy\":\"none\"", "unknown ingress policy: \"none\"" },
	};
	struct chained c;
	struct result res;
	struct request req;
	struct err e = { 0 };

	chained_open(&c);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		result_init(&res);
		cr_assert(firewall_add(chained_request(&c, "firewall", rows[i].keys), &res, &e) <
		                          0 &&
		                  e.code == CNI_E_CONFIG && strstr(e.msg, rows[i].part),
		          "%s: found code %d %s", rows[i].keys, e.code, e.msg);
	}
	req = *chained_request(&c, "firewall", "");
	req.prev_result = NULL;
	cr_assert(firewall_add(&req, &res, &e) < 0 &&
	                  strstr(e.msg, "missing prevResult from earlier plugin"),
	          "found %s", e.msg);
	chained_close(&c);
}

Test(net_firewall, gc_keeps_the_valid)
{
	static const struct {
		const char *network, *list;
		bool left;
	} rows[] = {
		{ "net1", "[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}]", true },
		{ "net", "[]", true },
		{ "net1", "[{\"containerID\":\"c\",\"ifname\":\"eth0\"}]", false },
	};
	struct chained c;
	struct err e = { 0 };

	chained_open(&c);
	cr_assert(firewall_gc(chained_request(&c, "firewall", ""), &e) < 0 &&
	                  e.code == CNI_E_CONFIG,
	          "no list");
	add(&c, "\"ingressPolicy\":\"same-bridge\"");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *list = json_loads(rows[i].list, 0, NULL);

		c.req.network = rows[i].network;
		c.req.valid_attachments = list;
		ok(firewall_gc(&c.req, &e), &e);
		cr_assert(shell(OURS) == rows[i].left, "%s of %s: expected %d", rows[i].list,
		          rows[i].network, rows[i].left);
		json_decref(list);
	}
	chained_close(&c);
}
