/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c - CHECK finds what somebody changed behind the plugin's back, and only that
 *
 * A pod is attached and CHECK succeeds at once. Then one thing is broken: CHECK must fail, and say what it expected
 * and what it found. Then it is repaired: CHECK must succeed again. The commands get what the pod has in their
 * environment: NS, ID, HOST, HOST_MAC, BR_MAC, MAC, IP4, IP6 and CNIDA.
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE "/run/check"
#define ROUTES4                                                                                            \
	"{\"dst\":\"0.0.0.0/0\"},{\"dst\":\"10.99.0.0/16\",\"mtu\":1300,\"advmss\":1200,\"priority\":50}," \
	"{\"dst\":\"10.98.0.0/16\",\"gw\":\"10.79.0.1\",\"table\":100}"
#define ROUTES6 "{\"dst\":\"::/0\"},{\"dst\":\"fd99::/64\",\"mtu\":1300,\"priority\":60}"
#define IPAM4                                                    \
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE \
	"\",\"ranges\":[[{\"subnet\":\"10.79.0.0/24\"}]],"       \
	"\"routes\":[" ROUTES4 "]}"
#define DUAL                                                     \
	"\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORE \
	"\",\"ranges\":[[{\"subnet\":\"10.79.0.0/24\"}],"        \
	"[{\"subnet\":\"fd00:79::/64\"}]],\"routes\":[" ROUTES4 "," ROUTES6 "]}"
#define RICH                                                                                                          \
	"\"isDefaultGateway\":true,\"ipMasq\":true,\"hairpinMode\":true,\"portIsolation\":true,\"macspoofchk\":true," \
	"\"mtu\":1400,"

/* What a kind has, and what a mutation needs. */
enum {
	BRIDGE = 1,
	PTP = 2,
	V6 = 4,
	FLAGS = 8, /* hairpin and isolation on */
	SPOOF = 16,
	MASQ = 32,
	PROMISC = 64,
};
#define ALL_ON (BRIDGE | FLAGS | SPOOF | MASQ)

static const struct kind {
	const char *type, *name;
	int has;
	const char *keys;
} kinds[] = {
	{ "bridge", "bridge", ALL_ON, "\"bridge\":\"chk0\"," RICH IPAM4 },
	{ "bridge", "bridge-dual", ALL_ON | V6, "\"bridge\":\"chk0\"," RICH DUAL },
	{ "bridge", "bridge-promisc", BRIDGE | MASQ | PROMISC | V6,
	  "\"bridge\":\"chk0\",\"isGateway\":true,\"ipMasq\":true,\"promiscMode\":true," DUAL },
	{ "ptp", "ptp", PTP | MASQ, "\"ipMasq\":true,\"mtu\":1400," IPAM4 },
	{ "ptp", "ptp-dual", PTP | MASQ | V6, "\"ipMasq\":true," DUAL },
	{ "cnida", "cnida", ALL_ON, "\"bridge\":\"chk0\"," RICH IPAM4 },
	{ "cnida", "cnida-dual", ALL_ON | V6, "\"bridge\":\"chk0\"," RICH DUAL },
	{ "cnida", "cnida-ptp", PTP | MASQ | V6, "\"mode\":\"ptp\",\"ipMasq\":true," DUAL },
};

/* @wrong: pattern of the message. @repair: NULL for what only a new pod repairs, "+command" for a command and a new pod. */
static const struct mutation {
	const char *name;
	int needs;
	const char *command, *repair, *wrong;
} mutations[] = {
	/* The pod's side. */
	{ "container link down", 0, "ip -n $NS link set eth0 down", NULL,
	  "eth0: expected up, found down" },
	{ "container link renamed", 0,
	  "ip -n $NS link set eth0 down; ip -n $NS link set eth0 name other0", NULL,
	  "container interface: expected eth0, found no such interface" },
	{ "container link deleted", 0, "ip -n $NS link del eth0", NULL,
	  "interface: expected cni*, found no such interface" },
	{ "container link is another kind", 0,
	  "ip -n $NS link set eth0 name other0 && ip -n $NS link add eth0 type bridge", NULL,
	  "eth0: expected veth, found bridge" },
	{ "container link is another veth", 0,
	  "ip -n $NS link set eth0 name other0 && ip -n $NS link add eth0 address $MAC type veth peer other1",
	  NULL, "eth0: expected *, found the peer of another interface" },
	{ "MAC of the container", 0, "ip -n $NS link set eth0 address 02:00:00:00:00:99",
	  "ip -n $NS link set eth0 address $MAC",
	  "MAC of the container interface: expected *:*, found 02:00:00:00:00:99" },
	{ "IPv4 address removed", 0, "ip -n $NS addr del $IP4/24 dev eth0", NULL,
	  "eth0: expected 10.79.0.*/24, found no such address" },
	{ "IPv4 address with another prefix", 0,
	  "ip -n $NS addr add $IP4/16 dev eth0; ip -n $NS addr del $IP4/24 dev eth0", NULL,
	  "eth0: expected 10.79.0.*/24, found no such address" },
	{ "IPv6 address removed", V6, "ip -n $NS addr del $IP6/64 dev eth0", NULL,
	  "eth0: expected fd00:79::*/64, found no such address" },
	{ "default route removed", 0, "while ip -n $NS route del default; do :; done 2>/dev/null",
	  NULL, "container: expected route to 0.0.0.0/0*, found no such route" },
	{ "route removed", 0, "ip -n $NS route del 10.99.0.0/16", NULL,
	  "container: expected route to 10.99.0.0/16 via 10.79.0.1 mtu 1300 advmss 1200 priority 50, found no such route" },
	{ "route of a table removed", 0, "ip -n $NS route del 10.98.0.0/16 table 100",
	  "ip -n $NS route add 10.98.0.0/16 via 10.79.0.1 table 100",
	  "container: expected route to 10.98.0.0/16 via 10.79.0.1, found no such route" },
	{ "connected route removed", BRIDGE, "ip -n $NS route del 10.79.0.0/24", NULL,
	  "container: expected route to 10.79.0.*/24, found no such route" },
	{ "route of the prefix removed", PTP, "ip -n $NS route del 10.79.0.0/24",
	  "ip -n $NS route add 10.79.0.0/24 via 10.79.0.1",
	  "container: expected route to 10.79.0.*/24 via 10.79.0.1, found no such route" },
	{ "route of the prefix on link", PTP, "ip -n $NS route replace 10.79.0.0/24 dev eth0", NULL,
	  "container: expected route to 10.79.0.*/24 via 10.79.0.1, found route to 10.79.0.0/24" },
	{ "route to the gateway removed", PTP, "ip -n $NS route del 10.79.0.1/32", NULL,
	  "container: expected route to 10.79.0.1/32, found no such route" },
	{ "route MTU changed", 0,
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.1 mtu 1200 advmss 1200 metric 50",
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.1 mtu 1300 advmss 1200 metric 50",
	  "container: expected route to 10.99.0.0/16 via 10.79.0.1 mtu 1300 *, found route * mtu 1200 *" },
	{ "route MSS changed", 0,
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.1 mtu 1300 metric 50",
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.1 mtu 1300 advmss 1200 metric 50",
	  "container: expected route * advmss 1200 *, found route * advmss 0 *" },
	{ "route gateway changed", 0,
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.77 mtu 1300 advmss 1200 metric 50 onlink dev eth0",
	  "ip -n $NS route change 10.99.0.0/16 via 10.79.0.1 mtu 1300 advmss 1200 metric 50",
	  "container: expected route * via 10.79.0.1 *, found route * via 10.79.0.77 *" },
	{ "route metric changed", 0,
	  "ip -n $NS route del 10.99.0.0/16; ip -n $NS route add 10.99.0.0/16 via 10.79.0.1 mtu 1300 advmss 1200 metric 51",
	  NULL, "container: expected route * priority 50, found route * priority 51" },
	{ "IPv6 default route removed", V6,
	  "while ip -n $NS -6 route del default; do :; done 2>/dev/null", NULL,
	  "container: expected route to ::/0*, found no such route" },
	{ "IPv6 route removed", V6, "ip -n $NS -6 route del fd99::/64", NULL,
	  "container: expected route to fd99::/64 via fd00:79::1 mtu 1300 * priority 60, found no such route" },
	{ "IPv6 connected route removed", V6 | BRIDGE, "ip -n $NS -6 route del fd00:79::/64", NULL,
	  "container: expected route to fd00:79::*/64, found no such route" },
	/* The node's end. */
	{ "host link down", 0, "ip link set $HOST down", NULL,
	  "link of cni*: expected on, found off" },
	{ "host link renamed", 0, "ip link set $HOST down; ip link set $HOST name other0",
	  "ip link set other0 name $HOST; ip link set $HOST up; ip route add $IP4 dev $HOST scope host 2>/dev/null; "
	  "ip -6 addr add fd00:79::1/128 dev $HOST nodad 2>/dev/null; ip -6 route add $IP6 dev $HOST 2>/dev/null; :",
	  "interface: expected cni*, found no such interface" },
	{ "MAC of the host link", 0, "ip link set $HOST address 02:00:00:00:00:98",
	  "ip link set $HOST address $HOST_MAC",
	  "MAC of cni*: expected *:*, found 02:00:00:00:00:98" },
	{ "host link out of the bridge", BRIDGE, "ip link set $HOST nomaster", NULL,
	  "cni*: expected chk0, found no port of it" },
	{ "host link in another bridge", BRIDGE,
	  "ip link add chk9 type bridge; ip link set $HOST master chk9", "+ip link del chk9",
	  "cni*: expected chk0, found no port of it" },
	{ "hairpin off", FLAGS, "ip link set $HOST type bridge_slave hairpin off",
	  "ip link set $HOST type bridge_slave hairpin on",
	  "hairpin mode of cni*: expected on, found off" },
	{ "hairpin on", PROMISC, "ip link set $HOST type bridge_slave hairpin on",
	  "ip link set $HOST type bridge_slave hairpin off",
	  "hairpin mode of cni*: expected off, found on" },
	{ "isolation off", FLAGS, "ip link set $HOST type bridge_slave isolated off",
	  "ip link set $HOST type bridge_slave isolated on",
	  "port isolation of cni*: expected on, found off" },
	{ "gateway address of the host link removed", PTP, "ip addr del 10.79.0.1/32 dev $HOST",
	  NULL, "gateway address of cni*: expected 10.79.0.1/32, found no such address" },
	{ "IPv6 gateway address of the host link removed", PTP | V6,
	  "ip addr del fd00:79::1/128 dev $HOST", "ip addr add fd00:79::1/128 dev $HOST nodad",
	  "gateway address of cni*: expected fd00:79::1/128, found no such address" },
	{ "route to the pod removed", PTP, "ip route del $IP4",
	  "ip route add $IP4 dev $HOST scope host",
	  "cni*: expected a route to *, found no such route" },
	{ "IPv6 route to the pod removed", PTP | V6, "ip -6 route del $IP6",
	  "ip -6 route add $IP6 dev $HOST", "cni*: expected a route to *, found no such route" },
	/* What pods share. */
	{ "promiscuous mode off", PROMISC, "ip link set chk0 promisc off",
	  "ip link set chk0 promisc on", "promiscuous mode of chk0: expected on, found off" },
	{ "bridge deleted", BRIDGE, "ip link del chk0", NULL,
	  "interface: expected chk0, found no such interface" },
	{ "bridge is another kind", BRIDGE,
	  "ip link del chk0; ip link add chk0 type veth peer chk8", "+ip link del chk0",
	  "chk0: expected bridge, found veth" },
	{ "bridge down", BRIDGE, "ip link set chk0 down", NULL,
	  "link of chk0: expected on, found off" },
	{ "MAC of the bridge", BRIDGE, "ip link set chk0 address 02:00:00:00:00:97",
	  "ip link set chk0 address $BR_MAC",
	  "MAC of chk0: expected *:*, found 02:00:00:00:00:97" },
	{ "gateway address removed", BRIDGE, "ip addr del 10.79.0.1/24 dev chk0",
	  "ip addr add 10.79.0.1/24 dev chk0",
	  "gateway address of chk0: expected 10.79.0.1/24, found no such address" },
	{ "IPv6 gateway address removed", BRIDGE | V6, "ip addr del fd00:79::1/64 dev chk0",
	  "ip addr add fd00:79::1/64 dev chk0 nodad",
	  "gateway address of chk0: expected fd00:79::1/64, found no such address" },
	{ "IPv4 forwarding off", 0, "echo 0 >/proc/sys/net/ipv4/ip_forward",
	  "echo 1 >/proc/sys/net/ipv4/ip_forward", "net/ipv4/ip_forward: expected 1, found 0" },
	{ "IPv6 forwarding off", V6, "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding",
	  "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
	  "net/ipv6/conf/all/forwarding: expected 1, found 0" },
	/* Rules. `cnida gc` is the repair that the message advises. */
	{ "ruleset flushed", MASQ, "nft flush ruleset", "$CNIDA gc >/dev/null",
	  "nftables: expected *, found none*`cnida gc`*" },
	{ "rules flushed", MASQ, "nft flush table inet cnida", "$CNIDA gc >/dev/null",
	  "nftables: expected *, found none*" },
	{ "masquerade element deleted", MASQ, "nft delete element inet cnida masq4 '{' $IP4 '}'",
	  "$CNIDA gc >/dev/null", "expected masquerade for 10.79.0.*/24 *, found none" },
	{ "IPv6 masquerade element deleted", MASQ | V6,
	  "nft delete element inet cnida masq6 '{' $IP6 '}'", "$CNIDA gc >/dev/null",
	  "expected masquerade for fd00:79::*/64 *, found none" },
	{ "table of the source check deleted", SPOOF, "nft delete table bridge cnida",
	  "$CNIDA gc >/dev/null", "nftables: expected *, found none*" },
	{ "source check of the port deleted", SPOOF,
	  "nft delete element bridge cnida spoof_port '{' '\"'$HOST'\"' '}'",
	  "$CNIDA gc >/dev/null", "expected the source check for cni* *, found none" },
	{ "source address of the port deleted", SPOOF,
	  "nft delete element bridge cnida spoof_mac '{' '\"'$HOST'\"' . $MAC '}'",
	  "$CNIDA gc >/dev/null", "expected the source check for cni* *, found none" },
	/* Addresses. */
	{ "reservation deleted", 0, "rm " STORE "/check/$IP4",
	  "printf '%s\\r\\neth0' $ID >" STORE "/check/$IP4", "host-local: *" },
	{ "reservation given to another", 0,
	  "cd " STORE "/check; rm $IP4; printf 'other\\r\\neth0' >$IP4",
	  "cd " STORE "/check; rm $IP4; printf '%s\\r\\neth0' $ID >$IP4", "host-local: *" },
	{ "IPv6 reservation deleted", V6, "rm " STORE "/check/$IP6",
	  "printf '%s\\r\\neth0' $ID >" STORE "/check/$IP6", "host-local: *" },
};

/* What may be changed without a complaint: by later plugins of the chain, by the pod, by an administrator. @from, @to: a
 * text of the previous result that changes with it. */
static const struct change {
	const char *name;
	int needs;
	const char *command, *back;
	const char *from, *to; /* in the previous result; $MAC and $IP4 are known there */
} changes[] = {
	{ "MAC changed, also in the previous result", 0,
	  "ip -n $NS link set eth0 address 02:00:00:00:00:55",
	  "ip -n $NS link set eth0 address $MAC", "$MAC", "02:00:00:00:00:55" },
	{ "MAC in capitals", 0, ":", ":", "$MAC", "$UPPER" },
	{ "another address", 0,
	  "ip -n $NS addr add 192.0.2.7/24 dev eth0; ip -n $NS addr add 10.79.0.200/24 dev eth0",
	  "ip -n $NS addr del 192.0.2.7/24 dev eth0; ip -n $NS addr del 10.79.0.200/24 dev eth0",
	  NULL, NULL },
	{ "MTU of the container", 0, "ip -n $NS link set eth0 mtu 1380",
	  "ip -n $NS link set eth0 mtu 1400", NULL, NULL },
	{ "default route with another metric", 0,
	  "ip -n $NS route add default via 10.79.0.1 metric 500",
	  "ip -n $NS route del default metric 500", NULL, NULL },
	{ "default route of another interface", 0,
	  "ip -n $NS link add more0 type bridge && ip -n $NS addr add 198.51.100.2/24 dev more0 && ip -n $NS link set more0 up && "
	  "ip -n $NS route add default via 198.51.100.1 metric 10",
	  "ip -n $NS link del more0", NULL, NULL },
	{ "promiscuous and multicast container", 0,
	  "ip -n $NS link set eth0 promisc on allmulticast on txqueuelen 50",
	  "ip -n $NS link set eth0 promisc off allmulticast off", NULL, NULL },
	{ "other addresses of the bridge", BRIDGE, "ip addr add 203.0.113.1/24 dev chk0",
	  "ip addr del 203.0.113.1/24 dev chk0", NULL, NULL },
	{ "other rules of the node", 0, "nft add table inet others", "nft delete table inet others",
	  NULL, NULL },
	{ "another interface in the previous result", 0, ":", ":", "\"ips\": [",
	  "\"ips\": [{\"address\":\"192.0.2.9/24\",\"gateway\":\"192.0.2.1\",\"interface\":$LAST}," },
	{ "shaping of the host link", 0,
	  "tc qdisc add dev $HOST root tbf rate 100mbit burst 32k latency 10ms",
	  "tc qdisc del dev $HOST root", NULL, NULL },
	{ "spanning tree", BRIDGE, "ip link set chk0 type bridge stp_state 1",
	  "ip link set chk0 type bridge stp_state 0", NULL, NULL },
};

/* A previous result that is about something else. */
static const struct lie {
	const char *name;
	int needs;
	const char *from, *to, *wrong;
} lies[] = {
	{ "another sandbox", 0, "/run/netns/check", "/run/netns/elsewhere",
	  "prevResult sandbox: expected /run/netns/check, found /run/netns/elsewhere" },
	{ "another interface", 0, "\"eth0\"", "\"eth7\"",
	  "prevResult.interfaces: expected eth0, found no such container interface" },
	{ "another MAC", 0, "$MAC", "02:00:00:00:00:66",
	  "MAC of the container interface: expected 02:00:00:00:00:66, found *" },
	{ "another address", 0, "$IP4/24", "10.79.0.222/24", "host-local: *10.79.0.222*" },
	{ "another prefix", 0, "$IP4/24", "$IP4/25",
	  "*: expected 10.79.0.*/25, found no such address" },
	{ "another IPv6 address", V6, "$IP6/64", "fd00:79::dead/64",
	  "host-local: *fd00:79::dead*" },
	{ "another gateway", 0, "\"gateway\": \"10.79.0.1\"", "\"gateway\": \"10.79.0.9\"",
	  "*expected *10.79.0.9*, found *" },
	{ "another route", 0, "10.99.0.0/16", "10.97.0.0/16",
	  "container: expected route to 10.97.0.0/16 *, found no such route" },
	{ "another host link", 0, "\"$HOST\"", "\"cni00000000000\"",
	  "interface: expected cni00000000000, found no such interface" },
	{ "another bridge", BRIDGE, "\"chk0\"", "\"chk1\"", "*expected *, found *" },
};

static struct suite *suite;

/* The pod that is attached now. */
static struct pod pod;
static char *conf, *result;

static const char *value(const json_t *obj, const char *key)
{
	const char *text = json_string_value(json_object_get(obj, key));

	return text ? text : "";
}

/* "10.79.0.5/24" to IP4=10.79.0.5 */
static void set_ip(const char *address)
{
	char *ip = strdup(address);

	ip[strcspn(ip, "/")] = '\0';
	setenv(strchr(ip, ':') ? "IP6" : "IP4", ip, 1);
	free(ip);
}

static void set_upper(const char *mac)
{
	char *upper = strdup(mac);

	for (char *p = upper; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
	setenv("UPPER", upper, 1);
	free(upper);
}

static void read_result(const struct kind *k)
{
	json_t *doc = json_loads(result, 0, NULL), *ifaces = json_object_get(doc, "interfaces"),
	       *ips = json_object_get(doc, "ips"), *v;
	char last[8];
	size_t i;

	unsetenv("IP6");
	v = json_array_get(ifaces, k->has & BRIDGE ? 1 : 0);
	setenv("HOST", value(v, "name"), 1);
	setenv("HOST_MAC", value(v, "mac"), 1);
	setenv("BR_MAC", value(json_array_get(ifaces, 0), "mac"), 1);
	v = json_array_get(ifaces, k->has & BRIDGE ? 2 : 1);
	setenv("MAC", value(v, "mac"), 1);
	set_upper(value(v, "mac"));
	json_array_foreach(ips, i, v)
		set_ip(value(v, "address"));
	/* An address that is not of the pod's interface: on the host's. */
	snprintf(last, sizeof(last), "%d", k->has & BRIDGE ? 1 : 0);
	setenv("LAST", last, 1);
	json_decref(doc);
}

static void exec_verb(const struct kind *k, const char *verb, const char *text,
                      struct plugin_run *run)
{
	struct suite_call c = { .type = k->type, .verb = verb, .pod = &pod, .conf = text };

	suite_exec(suite, &c, run);
}

static bool attach_pod(const struct kind *k)
{
	_cleanup_run_ struct plugin_run run;
	bool good;

	if (pod_create("check", &pod) < 0)
		exit(2);
	setenv("NS", "check", 1);
	setenv("ID", pod.id, 1);
	exec_verb(k, "ADD", conf, &run);
	good = expect(suite, run.rc == 0 && !run_problem(&run, "ADD"), k->name, "ADD with exit 0",
	              "%s", run_brief(&run));
	free(result);
	result = strdup(good ? run.out : "{}");
	if (good)
		read_result(k);
	return good;
}

static void detach_pod(const struct kind *k)
{
	char *text = with_prev(conf, result);
	struct plugin_run run;

	exec_verb(k, "DEL", text, &run);
	expect(suite, run.rc == 0, k->name, "DEL with exit 0", "%s", run_brief(&run));
	plugin_run_free(&run);
	free(text);
	pod_destroy(&pod);
}

static void reattach(const struct kind *k)
{
	detach_pod(k);
	if (!attach_pod(k))
		exit(2);
}

/* After a repair that was none: what comes next shall not fail for the same reason. */
static void start_anew(const struct kind *k)
{
	detach_pod(k);
	remove_tree("/run/cnida");
	if (system("ip link del chk0 2>/dev/null; nft flush ruleset; rm -rf " STORE "/check") !=
	            0 ||
	    !attach_pod(k))
		exit(2);
}

static void shell(const struct kind *k, const char *what, const char *command)
{
	char *name = textf("%s, %s", k->name, what);
	int rc = system(command);

	expect(suite, rc == 0, name, "its command to work", "`%s` with status %d", command, rc);
	free(name);
}

/* CHECK succeeds. A port or a link that has just come up may take the kernel a moment. */
static bool good_check(const struct kind *k, const char *what, const char *when, const char *prev,
                       int tries)
{
	bool good;

	char *name = textf("%s, %s, %s", k->name, what, when), *text = with_prev(conf, prev);
	struct plugin_run run;

	exec_verb(k, "CHECK", text, &run);
	while (run.rc != 0 && tries-- > 0) {
		plugin_run_free(&run);
		usleep(10000);
		exec_verb(k, "CHECK", text, &run);
	}
	good = expect(suite, run.rc == 0 && !run_problem(&run, "CHECK"), name,
	              "exit 0 and no output", "%s", run_brief(&run));
	plugin_run_free(&run);
	free(text);
	free(name);
	return good;
}

/* CHECK fails, and its message says what was expected and found. */
static void bad_check(const struct kind *k, const char *what, const char *prev, const char *wrong)
{
	char *name = textf("%s, %s", k->name, what), *text = with_prev(conf, prev);
	char *expected = textf("exit 1, msg \"%s\"", wrong);
	struct plugin_run run;
	const char *msg;
	json_t *doc;

	exec_verb(k, "CHECK", text, &run);
	doc = run_json(&run);
	msg = value(doc, "msg");
	expect(suite,
	       run.rc == 1 && !run_problem(&run, "CHECK") && text_matches(wrong, msg) &&
	               /* host-local's texts are upstream's */
	               (strncmp(msg, "host-local: ", 12) == 0 ||
	                (strstr(msg, "expected ") && strstr(msg, "found "))),
	       name, expected, "%s", run_brief(&run));
	json_decref(doc);
	plugin_run_free(&run);
	free(expected);
	free(text);
	free(name);
}

static void try_mutation(const struct kind *k, const struct mutation *m)
{
	if (k->has & PROMISC && !(m->needs & PROMISC))
		return; /* the other kinds have done it */
	if ((k->has & m->needs) != m->needs)
		return;
	shell(k, m->name, m->command);
	bad_check(k, m->name, result, m->wrong);
	if (m->repair)
		shell(k, m->name, m->repair + (*m->repair == '+'));
	if (!m->repair || *m->repair == '+')
		reattach(k);
	if (!good_check(k, m->name, "repaired", result, 20))
		start_anew(k);
}

/* Replaces "$NAME" by its value in the environment; malloc'ed. */
static char *filled(const char *pattern)
{
	const char *dollar = strchr(pattern, '$');
	char name[16], *rest, *text;
	size_t len;

	if (!dollar)
		return strdup(pattern);
	len = strspn(dollar + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	snprintf(name, sizeof(name), "%.*s", (int)len, dollar + 1);
	rest = filled(dollar + 1 + len);
	text = textf("%.*s%s%s", (int)(dollar - pattern), pattern, getenv(name) ? getenv(name) : "",
	             rest);
	free(rest);
	return text;
}

/* The result with every @from replaced by @to; malloc'ed, NULL if there is none. */
static char *changed_result(const char *from_pattern, const char *to_pattern)
{
	char *from = filled(from_pattern), *to = filled(to_pattern), *text = strdup(""), *next;
	const char *p = result, *hit;
	unsigned int n = 0;

	for (; (hit = strstr(p, from)); p = hit + strlen(from), n++) {
		next = textf("%s%.*s%s", text, (int)(hit - p), p, to);
		free(text);
		text = next;
	}
	next = textf("%s%s", text, p);
	free(text);
	free(from);
	free(to);
	if (n)
		return next;
	free(next);
	return NULL;
}

static void try_change(const struct kind *k, const struct change *c)
{
	char *prev = c->from ? changed_result(c->from, c->to) : strdup(result);

	if ((k->has & c->needs) == c->needs &&
	    expect(suite, prev, c->name, "a text of the result", "%s", result)) {
		shell(k, c->name, c->command);
		good_check(k, c->name, "which is no fault", prev, 0);
		shell(k, c->name, c->back);
	}
	free(prev);
}

static void try_lie(const struct kind *k, const struct lie *l)
{
	char *prev, *name = textf("prevResult of %s", l->name);

	if ((k->has & l->needs) != l->needs)
		goto out;
	prev = changed_result(l->from, l->to);
	if (expect(suite, prev, name, "a text of the result", "%s", result))
		bad_check(k, name, prev, l->wrong);
	free(prev);
out:
	free(name);
}

static void try_kind(const struct kind *k)
{
	conf = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"%s\",%s}", k->type,
	             k->keys);
	if (attach_pod(k)) {
		good_check(k, "ADD", "at once", result, 0);
		for (size_t i = 0; i < N(changes); i++)
			try_change(k, &changes[i]);
		for (size_t i = 0; i < N(lies); i++)
			try_lie(k, &lies[i]);
		good_check(k, "all that", "after it", result, 0);
		for (size_t i = 0; i < N(mutations); i++)
			try_mutation(k, &mutations[i]);
		good_check(k, "all mutations", "after them", result, 0);
	}
	detach_pod(k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

/* Configurations that must pass CHECK right after ADD. */
static const char *const at_once[] = {
	"\"bridge\":\"chk0\"," DUAL,
	"\"bridge\":\"chk0\",\"isGateway\":true," DUAL,
	"\"bridge\":\"chk0\",\"isDefaultGateway\":true,\"ipMasq\":true," DUAL,
	"\"bridge\":\"chk0\",\"isDefaultGateway\":true,\"enabledad\":true," DUAL,
	"\"bridge\":\"chk0\",\"isGateway\":true,\"vlan\":7," IPAM4,
	"\"bridge\":\"chk0\",\"vlan\":7,\"vlanTrunk\":[{\"id\":9},{\"minID\":20,\"maxID\":30}]," IPAM4,
	"\"bridge\":\"chk0\",\"vlanTrunk\":[{\"minID\":20,\"maxID\":30},{\"id\":25},{\"id\":31}],\"preserveDefaultVlan\":true," IPAM4,
	"\"bridge\":\"chk0\",\"disableContainerInterface\":true",
	"\"bridge\":\"chk0\"",
	"\"bridge\":\"chk0\",\"macspoofchk\":true,\"args\":{\"cni\":{\"mac\":\"02:00:00:00:00:42\"}}," DUAL,
	"\"bridge\":\"chk0\",\"isGateway\":true,\"ipam\":{\"type\":\"static\",\"addresses\":[{\"address\":\"10.79.0.9/32\",\"gateway\":\"10.79.0.1\"},"
	"{\"address\":\"10.79.1.9/24\"},{\"address\":\"10.79.1.10/24\"}]}",
};

static void try_at_once(const char *keys)
{
	const struct kind k = { .type = "bridge", .name = keys, .has = BRIDGE };

	conf = textf("{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"bridge\",%s}", keys);
	if (attach_pod(&k)) {
		good_check(&k, "ADD", "at once", result, 0);
		good_check(&k, "ADD", "a second time", result, 0);
	}
	detach_pod(&k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

/* No previous result, or one that cannot be read. */
static void try_no_result(void)
{
	static const char *const bad[][2] = {
		{ "null", "Required prevResult missing" },
		{ "5", "could not parse prevResult: *" },
		{ "{\"cniVersion\":\"9.9.9\"}", "*" },
		{ "{}", "prevResult.interfaces: expected eth0, found *" },
		{ "{\"interfaces\":[{\"name\":\"eth0\"}]}",
		  "prevResult.interfaces: expected eth0, found *" },
	};
	const struct kind k = { .type = "bridge", .name = "prevResult", .has = BRIDGE };

	conf = strdup(
		"{\"cniVersion\":\"1.1.0\",\"name\":\"check\",\"type\":\"bridge\",\"bridge\":\"chk0\"}");
	if (attach_pod(&k)) {
		for (size_t i = 0; i < N(bad); i++) {
			char *text = with_prev(conf, bad[i][0]),
			     *expected = textf("exit 1, msg \"%s\"", bad[i][1]);
			struct plugin_run run;
			json_t *doc;

			exec_verb(&k, "CHECK", text, &run);
			doc = run_json(&run);
			expect(suite,
			       run.rc == 1 && !run_problem(&run, "CHECK") &&
			               text_matches(bad[i][1], value(doc, "msg")),
			       bad[i][0], expected, "%s", run_brief(&run));
			json_decref(doc);
			plugin_run_free(&run);
			free(expected);
			free(text);
		}
	}
	detach_pod(&k);
	free(conf);
	(void)!system("ip link del chk0 2>/dev/null");
}

static bool begin(struct suite *s, const char *type)
{
	char *cnida = textf("%s/cnida", s->dir);
	bool has = suite_has(s, "cnida") && suite_has(s, type);

	suite = s;
	(void)mkdir(STORE, 0755);
	setenv("CNIDA", cnida, 1);
	free(cnida);
	return has;
}

static void suite_check(struct suite *s, const char *type)
{
	if (!begin(s, type))
		return;
	for (size_t i = 0; i < N(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			try_kind(&kinds[i]);
	free(result);
	result = NULL;
}

void suite_check_bridge(struct suite *s)
{
	suite_check(s, "bridge");
}

void suite_check_ptp(struct suite *s)
{
	suite_check(s, "ptp");
}

void suite_check_cnida(struct suite *s)
{
	suite_check(s, "cnida");
	if (!begin(s, "bridge"))
		return;
	for (size_t i = 0; i < N(at_once); i++)
		try_at_once(at_once[i]);
	try_no_result();
	free(result);
	result = NULL;
}
