/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_upstream.c - pods of containernetworking's own plugins, removed by us
 *
 * Two pods are attached by the plugins in /usr/lib/cni; then what the second left is removed, and the rules must be what
 * they were with the first alone. What only newer versions of the plugins write is put there with nft(8).
 */
#include "endpoint/upstream.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Behind the kernel's headers. */
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "kernel/nftables.h"

#define PLUGINS "/usr/lib/cni"
#define OUT_MAX 65536

static void own_node(void)
{
	cr_assert_eq(unshare(CLONE_NEWNET | CLONE_NEWNS), 0, "%s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0, "%s", strerror(errno));
	cr_assert_eq(mkdir("/run/bin", 0755), 0, "%s", strerror(errno));
}

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
	static char out[OUT_MAX];
	int rc = run(command, out, sizeof(out));

	cr_assert_eq(rc, 0, "`%s` ended with %d: %s", command, rc, out);
}

/* All rules, without what changes by itself. */
static void rules(char out[static OUT_MAX])
{
	run("exec 2>/dev/null; nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'\n"
	    "for f in ip ip6; do grep -q . /proc/net/${f}_tables_names && ${f}tables-legacy-save -c | grep -v '^#' | "
	    "sed 's/^\\(:.*\\) \\[.*/\\1/; /CNI-/s/^\\[[0-9:]*\\] //'; done",
	    out, OUT_MAX);
}

/* add POD PORT: bridge, portmap and firewall, one after the other as a runtime does. */
static const char script[] =
	"set -e\n"
	"exec 2>&1\n"
	"PATH=/run/bin:$PATH\n"
	"export CNI_COMMAND=ADD CNI_PATH=" PLUGINS
	" CNI_IFNAME=eth0 CNI_CONTAINERID=$1 CNI_NETNS=/run/netns/$1\n"
	"ip netns add $1\n"
	"net='\"cniVersion\": \"1.0.0\", \"name\": \"up-net\"'\n"
	"first=$(echo \"{$net, \\\"type\\\": \\\"bridge\\\", \\\"bridge\\\": \\\"up0\\\", \\\"isGateway\\\": true, \\\"ipMasq\\\": true,\n"
	"  \\\"macspoofchk\\\": $3, \\\"ipam\\\": {\\\"type\\\": \\\"host-local\\\", \\\"dataDir\\\": \\\"/run/ipam\\\",\n"
	"  \\\"ranges\\\": [[{\\\"subnet\\\": \\\"10.66.0.0/24\\\"}], [{\\\"subnet\\\": \\\"fd66::/64\\\"}]]}}\" | " PLUGINS
	"/bridge)\n"
	"for type in portmap firewall; do\n"
	"  echo \"{$net, \\\"type\\\": \\\"$type\\\", \\\"backend\\\": \\\"iptables\\\", \\\"snat\\\": true, \\\"prevResult\\\": $first,\n"
	"    \\\"runtimeConfig\\\": {\\\"portMappings\\\": [\n"
	"    {\\\"hostPort\\\": $2, \\\"containerPort\\\": 80, \\\"protocol\\\": \\\"tcp\\\"},\n"
	"    {\\\"hostPort\\\": $2, \\\"containerPort\\\": 53, \\\"protocol\\\": \\\"udp\\\", \\\"hostIP\\\": \\\"127.0.0.1\\\"}]}}\" |\n"
	"    sed 's/\"backend\": \"iptables\", \"snat\"/\"snat\"/' | " PLUGINS
	"/$type >/run/out || { cat /run/out; exit 1; }\n"
	"done\n"
	"printf '%s' \"$first\" | jq -r '[.ips[].address] | join(\" \")' >/run/ips\n";

static size_t add_pod(const char *pod, int port, bool spoof_check, struct ip_prefix ips[static 2])
{
	char command[256], text[256];
	size_t n = 0;

	(void)snprintf(command, sizeof(command), "sh /run/add %s %d %s", pod, port,
	               spoof_check ? "true" : "false");
	must(command);
	run("cat /run/ips", text, sizeof(text));
	for (char *save, *t = strtok_r(text, " \n", &save); t && n < 2;
	     t = strtok_r(NULL, " \n", &save))
		cr_assert(prefix_parse(t, &ips[n++]), "address %s", t);
	cr_assert_eq(n, 2U, "%s: expected two addresses, found %zu", pod, n);
	return n;
}

static void write_script(void)
{
	FILE *f = fopen("/run/add", "w");

	cr_assert_not_null(f);
	(void)fputs(script, f);
	cr_assert_eq(fclose(f), 0);
}

/* Two pods; the second goes. @form: "nft" or "legacy". */
static void second_pod_goes(const char *form, const char *counted, int expected)
{
	static char one[OUT_MAX], both[OUT_MAX], after[OUT_MAX];
	struct ip_prefix first[2], second[2];
	char command[512];
	size_t n;
	struct err e;
	int r;

	own_node();
	write_script();
	(void)snprintf(
		command, sizeof(command),
		"exec 2>&1; ln -s /usr/sbin/xtables-%s-multi /run/bin/iptables && "
		"ln -s iptables /run/bin/ip6tables && ip link set lo up && /run/bin/iptables -t nat -S",
		form);
	if (run(command, one, sizeof(one)) != 0)
		cr_skip_test("iptables-%s does not work here: %s", form, one);
	must(counted);
	add_pod("first", 8080, true, first);
	rules(one);
	n = add_pod("second", 8081, true, second);
	rules(both);
	cr_assert_str_neq(both, one, "the plugins made no rules");

	/* Neither another network's, container's or interface's name removes anything. */
	cr_assert_eq(upstream_remove("up-ne", "tsecon", "deth0", NULL, 0, &e), 0,
	             "another network: %s", e.msg);
	cr_assert_eq(upstream_remove("up-net", "secon", "deth0", NULL, 0, &e), 0,
	             "another container: %s", e.msg);
	rules(after);
	cr_assert_str_eq(after, both, "%s: rules after removing what is not there", form);

	r = upstream_remove("up-net", "second", "eth0", second, n, &e);
	cr_assert_eq(r, expected, "%s: expected %d removed, found %d: %s", form, expected, r,
	             r < 0 ? e.msg : "");
	rules(after);
	cr_assert_str_eq(after, one, "%s: rules with the second pod gone", form);
	if (strcmp(form, "legacy") == 0)
		cr_assert(strstr(after, "[7:700]") && strstr(after, "[3:300]"),
		          "counters of others:\n%s", after);
	cr_assert_eq(upstream_remove("up-net", "second", "eth0", second, n, &e), 0, "%s: twice: %s",
	             form, e.msg);

	/* The plugins still understand what we left: the first pod goes their way. */
	r = upstream_remove("up-net", "first", "eth0", first, n, &e);
	cr_assert_eq(r, expected, "%s: first pod: expected %d, found %d", form, expected, r);
	rules(after);
	cr_assert_null(strstr(after, "CNI-DN-"), "%s: left:\n%s", form, after);
	cr_assert_null(strstr(after, "10.66.0."), "%s: left:\n%s", form, after);
	cr_assert_null(strstr(after, "fd66::"), "%s: left:\n%s", form, after);
	add_pod("third", 8080, false, first);
}

Test(net_upstream, iptables_nft)
{
	if (access(PLUGINS "/bridge", X_OK) != 0)
		cr_skip_test("no plugins in " PLUGINS);
	/* Per family a masquerade chain, a port chain with a jump for each protocol (one address: the 127.0.0.1 mapping is
	 * IPv4's only, but its jump is in both), two accepted directions; and the source check with two chains. */
	second_pod_goes("nft", "true", 2 * (2 + 3 + 2) + 3);
}

Test(net_upstream, iptables_legacy)
{
	if (access(PLUGINS "/bridge", X_OK) != 0)
		cr_skip_test("no plugins in " PLUGINS);
	/* A rule of somebody else with counters, and one without a target whose successor goes. */
	second_pod_goes(
		"legacy",
		"exec 2>&1; /run/bin/iptables -t nat -A POSTROUTING -c 7 700 -s 192.0.2.7 -j RETURN && "
		"/run/bin/iptables -t nat -N KUBE-X && /run/bin/iptables -t nat -A OUTPUT -d 192.0.2.8 -j KUBE-X && "
		"/run/bin/iptables -t nat -A KUBE-X -c 3 300 -p udp -m multiport --dports 1,2 -j DNAT --to 192.0.2.9",
		/* The same, counting in entries: a chain has a head and an end. */
		2 * (5 + 4 + 2 + 2) + 4 + 3);
}

/* A table with 24,000 rules between those that go. */
Test(net_upstream, legacy_in_a_large_table)
{
	static char before[OUT_MAX], after[OUT_MAX];
	const struct ip_prefix ip = { .addr = { AF_INET, { 10, 66, 0, 9 } }, .len = 24 };
	struct err e;
	int r;

	own_node();
	if (run("exec 2>&1; iptables-legacy -t nat -S", before, sizeof(before)) != 0)
		cr_skip_test("iptables-legacy does not work here: %s", before);
	must("{ echo '*nat'; for i in $(seq 3000); do echo \":C$i -\"; done; for i in $(seq 3000); do\n"
	     "for k in 1 2 3; do echo \"-A C$i -s 10.0.$k.1 -p tcp -m tcp --dport $((i + 1)) -j RETURN\"; done\n"
	     "echo \"-A C$i -d 10.0.0.1\"; echo \"-A PREROUTING -p tcp -m tcp --dport $i -j C$i\"; done; echo COMMIT; } |\n"
	     "iptables-legacy-restore 2>&1");
	run("iptables-legacy-save | grep -v '^#' | sha256sum", before, sizeof(before));
	/* CNI-... of ("n", "c"), with a jump at the start, in the middle and at the end. */
	must("exec 2>&1; c=CNI-$(printf nc | sha512sum | cut -c1-24) && iptables-legacy -t nat -N $c &&\n"
	     "iptables-legacy -t nat -A $c -d 10.66.0.0/24 -j ACCEPT && iptables-legacy -t nat -A $c -j RETURN &&\n"
	     "for at in PREROUTING 'PREROUTING 1500' 'C1000 4' 'C1000 6' POSTROUTING; do\n"
	     "iptables-legacy -t nat -I $at -s 10.66.0.9 -j $c || exit 1; done");
	r = upstream_remove("n", "c", "eth0", &ip, 1, &e);
	cr_assert_eq(r, 9, "expected 9 entries removed, found %d: %s", r, r < 0 ? e.msg : "");
	run("iptables-legacy-save | grep -v '^#' | sha256sum", after, sizeof(after));
	cr_assert_str_eq(after, before);
}

/* What versions since 1.6 write with nftables. */
Test(net_upstream, nftables_backend)
{
	static const char base[] =
		"exec 2>&1; h() { printf %s \"$1\" | sha512sum | cut -c1-16; }\n"
		"masq() { printf 'add rule inet cni_plugins_masquerade masq_checks ip saddr == %s ip daddr != 10.1.0.0/24 "
		"masquerade comment \"%s-%s, net: %s, if: %s, id: %s\"\\n' $4 $(h $1) $(h $2:$3) $1 $2 $3; }\n"
		"port() { for f in ip ip6; do\n"
		"  printf 'add rule %s cni_hostport hostports tcp dport %d dnat to %s comment \"%s\"\\n' $f $2 "
		"$([ $f = ip ] && echo 10.1.0.2:80 || echo '[fd00::2]:80') $1\n"
		"  printf 'add rule %s cni_hostport masquerading %s saddr %s masquerade comment \"%s\"\\n' $f $f "
		"$([ $f = ip ] && echo 10.1.0.2 || echo fd00::2) $1\n"
		"  done; }\n"
		"base() { echo \"add table $1; add chain $1 $2 { type nat hook postrouting priority srcnat; }\"; shift 2\n"
		"  for c; do echo \"add chain $c\"; done; }\n"
		"{ base 'inet cni_plugins_masquerade' postrouting 'inet cni_plugins_masquerade masq_checks'\n"
		"echo 'add rule inet cni_plugins_masquerade postrouting goto masq_checks'\n"
		"for f in ip ip6; do base \"$f cni_hostport\" masquerading \"$f cni_hostport hostports\" "
		"\"$f cni_hostport hostip_hostports\"; done\n"
		"masq n1 eth0 c2 10.1.0.3; masq n1 eth1 c1 10.1.0.4; masq n2 eth0 c1 10.1.0.5; port c2 81\n"
		"[ $MORE = 0 ] || { masq n1 eth0 c1 10.1.0.2; for i in $(seq $MORE); do port c1 $((i + 100)); done; }\n"
		"} | nft -f -";
	static const int more[] = { 1, 30, 200 }; /* more rules than fit into one transaction */
	static char before[OUT_MAX], after[OUT_MAX];
	char command[8192];
	struct err e;

	own_node();
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		int r;

		(void)snprintf(command, sizeof(command), "nft flush ruleset; MORE=0; %s", base);
		must(command);
		rules(before);
		(void)snprintf(command, sizeof(command), "nft flush ruleset; MORE=%d; %s", more[i],
		               base);
		must(command);
		r = upstream_remove("n1", "c1", "eth0", NULL, 0, &e);
		cr_assert_eq(r, 1 + 4 * more[i], "%d mappings: removed %d: %s", more[i], r,
		             r < 0 ? e.msg : "");
		rules(after);
		cr_assert_str_eq(after, before, "%d mappings", more[i]);
	}
}

static void remove_nothing(void)
{
	const struct ip_prefix ips[2] = { { .addr = { AF_INET, { 10, 66, 0, 9 } }, .len = 24 },
		                          { .addr = { AF_INET6, { 0xfd } }, .len = 64 } };
	struct err e;

	cr_assert_eq(upstream_remove("n", "c", "eth0", ips, 2, &e), 0, "%s", e.msg);
}

static void dump_rules(void)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct err e;

	cr_assert_eq(nl_open(NETLINK_NETFILTER, &s, &e), 0, "%s", e.msg);
	cr_assert_eq(nft_count_rules(&s, NFPROTO_IPV4, "nat", "POSTROUTING", &e), 2000, "%s",
	             e.msg);
}

/* The shortest of many, in nanoseconds: the machine has more to do. */
static long best_of(void (*fn)(void))
{
	long best = 1000000000;

	for (int k = 0; k < 50; k++) {
		struct timespec from, to;
		long ns;

		(void)clock_gettime(CLOCK_MONOTONIC, &from);
		fn();
		(void)clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec;
		best = ns < best ? ns : best;
	}
	return best;
}

/* The usual case after an upgrade is long past: nothing is there, or a lot that is not ours, which must not be read. */
Test(net_upstream, nothing_costs_little)
{
	long found, dump;

	own_node();
	remove_nothing();
	must("{ echo 'add table ip nat; add chain ip nat POSTROUTING { type nat hook postrouting priority srcnat; }'\n"
	     "for i in $(seq 2000); do echo \"add rule ip nat POSTROUTING ip saddr 10.0.0.1 tcp dport $i return\"; done; } |"
	     "nft -f - 2>&1");
	found = best_of(remove_nothing);
	dump = best_of(dump_rules);
	cr_log_info("%ld us, a dump of 2000 rules takes %ld", found / 1000, dump / 1000);
	cr_assert(found < dump / 2,
	          "expected less than half of what a dump of 2000 rules takes, %ld us, found %ld",
	          dump / 1000, found / 1000);
}
