/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset_policy_packets.c - network policy in nftables, with real packets: pods at a bridge and with routes of their
 * own, another node's pod, Services by DNAT, both families
 */
#include "endpoint/policy_nft.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "nft_node.h"

#define V4(last) "10.5.0." #last
#define V6(last) "fd05::" #last
#define REMOTE4  "192.0.2.2"
#define REMOTE6  "2001:db8::2"
#define VIP4     "10.96.0.1"
#define VIP6     "fd96::1"

/* ---- the node ---- */

static const char common[] =
	"set -e\n"
	"exec 2>&1\n"
	"ip link set lo up\n"
	"quick='sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0'\n"
	"$quick net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
	"pod() {\n"
	"  ip netns add pod$1\n"
	"  ip netns exec pod$1 $quick\n"
	"  ip link add h$1 type veth peer name eth0 netns pod$1\n"
	"  ip -n pod$1 link set lo up\n"
	"  ip -n pod$1 link set eth0 address 02:00:00:00:00:0$1 up\n"
	"  ip -n pod$1 addr add 10.5.0.$1/$2 dev eth0\n"
	"  ip -n pod$1 addr add fd05::$1/$3 dev eth0 nodad\n"
	"}\n" NODE_OUTSIDE "ip -n outside route add default via 192.0.2.1\n"
	"ip -n outside route add default via 2001:db8::1\n";

static const char routed[] = "for i in 2 3 4; do\n"
			     "  pod $i 32 128\n"
			     "  ip addr add 10.5.0.1/32 dev h$i\n"
			     "  ip addr add fd05::1/128 dev h$i nodad\n"
			     "  ip link set h$i up\n"
			     "  ip -n pod$i route add 10.5.0.1 dev eth0\n"
			     "  ip -n pod$i route add default via 10.5.0.1\n"
			     "  ip -n pod$i route add fd05::1 dev eth0\n"
			     "  ip -n pod$i route add default via fd05::1\n"
			     "  ip route add 10.5.0.$i dev h$i\n"
			     "  ip route add fd05::$i dev h$i\n"
			     "done\n";

static const char bridged[] = "ip link add br0 type bridge\n"
			      "ip addr add 10.5.0.1/24 dev br0\n"
			      "ip addr add fd05::1/64 dev br0 nodad\n"
			      "ip link set br0 up\n"
			      "for i in 2 3 4; do\n"
			      "  pod $i 24 64\n"
			      "  ip link set h$i master br0 up\n"
			      "  bridge link set dev h$i hairpin on\n"
			      "  ip -n pod$i route add default via 10.5.0.1\n"
			      "  ip -n pod$i route add default via fd05::1\n"
			      "done\n";

/* A Service: port 8080 is port 80 of pod 2, port 8081 port 81 of the pod outside. A pod that reaches itself is masqueraded. */
static const char services[] = "exec 2>&1; nft -f - <<'.'\n"
			       "table inet kube {\n"
			       " chain pre { type nat hook prerouting priority dstnat;\n"
			       "  ip daddr 10.96.0.1 udp dport 8080 dnat ip to 10.5.0.2:80\n"
			       "  ip6 daddr fd96::1 udp dport 8080 dnat ip6 to [fd05::2]:80\n"
			       "  ip daddr 10.96.0.1 udp dport 8081 dnat ip to 192.0.2.2:81\n"
			       "  ip6 daddr fd96::1 udp dport 8081 dnat ip6 to [2001:db8::2]:81\n"
			       " }\n"
			       " chain post { type nat hook postrouting priority srcnat;\n"
			       "  ct status dnat ip saddr 10.5.0.2 ip daddr 10.5.0.2 masquerade\n"
			       "  ct status dnat ip6 saddr fd05::2 ip6 daddr fd05::2 masquerade\n"
			       " }\n"
			       "}\n"
			       ".\n";

static struct nl_sock node(bool bridge)
{
	struct nl_sock route;
	char script[8192];
	struct err e;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
	own_run();
	(void)snprintf(script, sizeof(script), "%s%s", common, bridge ? bridged : routed);
	must(script);
	/* The kernel has an interface take part in IPv6 a moment after its link came up. */
	must("exec 2>&1; for i in 1 2 3 4 5; do ping -c 1 -W 1 2001:db8::2 && exit 0; done; exit 1");
	cr_assert_eq(nl_open(NETLINK_ROUTE, &route, &e), 0, "%s", e.msg);
	if (bridge)
		cr_assert_eq(policy_nft_bridge(&route, (int)if_nametoindex("br0"), &e), 0, "%s",
		             e.msg);
	return route;
}

/* ---- the policy ---- */

enum { CLASS_POD2 = 1, CLASS_POD3, CLASS_POD4, CLASS_REMOTE, CLASS_BLOCK };
enum { SET_INTO_2 = 2, SET_OUT_OF_3 };
enum { LIST_ALL, LIST_80, LIST_MANY, LIST_TCP };

static struct port_range ranges[] = {
	{ .proto = 0, .last = 65535 }, { IPPROTO_UDP, 80, 80 }, { IPPROTO_UDP, 7, 7 },
	{ IPPROTO_UDP, 81, 90 },       { IPPROTO_TCP, 80, 80 },
};
static struct port_list lists[] = { { 0, 1 }, { 1, 1 }, { 2, 2 }, { 4, 1 } };
/* Into 2: pod 3 by labels at UDP 80; everybody at TCP 80; the block at UDP 7 and 81 to 90.
 * Out of 3: to pod 2 UDP 80, to the pod outside UDP 7 and 81 to 90, to pod 4 everything. */
static struct cell cells[] = {
	{ SET_INTO_2, CLASS_ANY, LIST_TCP },    { SET_INTO_2, CLASS_POD3, LIST_80 },
	{ SET_INTO_2, CLASS_BLOCK, LIST_MANY }, { SET_OUT_OF_3, CLASS_POD2, LIST_80 },
	{ SET_OUT_OF_3, CLASS_POD4, LIST_ALL }, { SET_OUT_OF_3, CLASS_REMOTE, LIST_MANY },
};

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	cr_assert(ip_parse(text, &a), "%s", text);
	return a;
}

/* The last pods are there already, the first @late ones come when the policy is in force. */
static void put_policy_late(struct nl_sock *route, enum policy_place place, bool bridge, bool deny,
                            size_t late)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct host_entry hosts[] = { { address(REMOTE4), 0, CLASS_REMOTE },
		                      { address(REMOTE6), 0, CLASS_REMOTE } };
	struct block_entry blocks4[] = { { address("0.0.0.0"), CLASS_ANY },
		                         { address("192.0.2.0"), CLASS_BLOCK },
		                         { address("192.0.3.0"), CLASS_ANY } };
	struct block_entry blocks6[] = { { address("::"), CLASS_ANY },
		                         { address("2001:db8::"), CLASS_BLOCK } };
	const struct tables t = {
		.ranges = ranges,
		.lists = lists,
		.cells = cells,
		.hosts = hosts,
		.blocks = { blocks4, blocks6 },
		.n_ranges = ARRAY_SIZE(ranges),
		.n_lists = ARRAY_SIZE(lists),
		.n_cells = ARRAY_SIZE(cells),
		.n_hosts = ARRAY_SIZE(hosts),
		.n_blocks = { ARRAY_SIZE(blocks4), ARRAY_SIZE(blocks6) },
		.n_sets = 4,
		.n_classes = 6,
	};
	const struct ip_prefix ips[3][2] = { { prefix("10.5.0.2/24"), prefix("fd05::2/64") },
		                             { prefix("10.5.0.3/24"), prefix("fd05::3/64") },
		                             { prefix("10.5.0.4/24"), prefix("fd05::4/64") } };
	static const char *const ports[] = { "h2", "h3", "h4" };
	const struct cells c = tables_cells(&t);
	struct policy_nft_pod pods[3];
	struct policy_nft n = POLICY_NFT_CLOSED;
	struct err e;

	for (size_t i = 0; i < 3; i++)
		pods[i] = (struct policy_nft_pod) {
			.port = ports[i],
			.ips = ips[i],
			.n_ips = 2,
			.mac = { 2, 0, 0, 0, 0, (uint8_t)(2 + i) },
			.bridged = bridge,
			.verdict.class = CLASS_POD2 + (uint32_t)i,
		};
	pods[0].verdict.set[INGRESS] = deny ? SET_DENY : SET_INTO_2;
	pods[1].verdict.set[EGRESS] = deny ? SET_DENY : SET_OUT_OF_3;
	cr_assert_eq(policy_nft_prepare(&n, place, route, &t, pods + late, 3 - late, &e), 0, "%s",
	             e.msg);
	cr_assert_eq(policy_nft_commit(&n, &e), 0, "%s", e.msg);
	policy_nft_close(&n);
	for (size_t i = 0; i < late; i++)
		cr_assert_eq(policy_nft_enter(&nft, place, &pods[i], &c, &e), 1, "%s", e.msg);
}

static void put_policy(struct nl_sock *route, enum policy_place place, bool bridge, bool deny)
{
	put_policy_late(route, place, bridge, deny, 0);
}

/* ---- sockets ---- */

static socklen_t name(const char *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *six = (void *)ret;
	struct sockaddr_in *four = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, addr, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return sizeof(*four);
	}
	cr_assert_eq(inet_pton(AF_INET6, addr, &six->sin6_addr), 1, "%s", addr);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return sizeof(*six);
}

static int bound(const char *netns, int type, const char *addr, uint16_t port)
{
	const struct timeval deadline = { .tv_usec = 300000 };
	struct sockaddr_storage to;
	socklen_t len = name(addr, port, &to);
	char path[64];
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(setns(there, CLONE_NEWNET), 0, "%s: %s", netns, strerror(errno));
	fd = socket(to.ss_family, type | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(fd, (void *)&to, len), 0, "bind %s %s: %s", netns, addr, strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	cr_assert_eq(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
	(void)close(there);
	return fd;
}

static void say(int fd, const char *addr, uint16_t port, const char *text)
{
	struct sockaddr_storage to;
	socklen_t len = name(addr, port, &to);

	(void)sendto(fd, text, strlen(text), 0, (void *)&to, len);
}

/* Does a datagram arrive, and does its answer? 0: no; 1: it arrived, 2: both */
static int passes(int from, const char *to, uint16_t port, int server)
{
	struct sockaddr_storage who;
	socklen_t len = sizeof(who);
	char text[16];

	say(from, to, port, "ask");
	if (recvfrom(server, text, sizeof(text), 0, (void *)&who, &len) < 0)
		return 0;
	(void)sendto(server, "answer", 6, 0, (void *)&who, len);
	return recv(from, text, sizeof(text), 0) == 6 ? 2 : 1;
}

struct row {
	const char *name;
	const char *from, *from4, *from6;
	const char *to, *to4, *to6; /* who serves */
	uint16_t port;
	bool allow;
	const char *via4, *via6; /* NULL: its address */
	uint16_t via_port;
};

#define POD(n)  "pod" #n, V4(n), V6(n)
#define OUTSIDE "outside", REMOTE4, REMOTE6

static const struct row rows[] = {
	{ "nobody is isolated", POD(2), POD(4), 80, true, NULL, NULL, 0 },
	{ "by labels", POD(3), POD(2), 80, true, NULL, NULL, 0 },
	{ "another port", POD(3), POD(2), 81, false, NULL, NULL, 0 },
	{ "other labels", POD(4), POD(2), 80, false, NULL, NULL, 0 },
	{ "by block", OUTSIDE, POD(2), 85, true, NULL, NULL, 0 },
	{ "by block, behind the range", OUTSIDE, POD(2), 91, false, NULL, NULL, 0 },
	{ "by block, a port alone", OUTSIDE, POD(2), 7, true, NULL, NULL, 0 },
	{ "everything", POD(3), POD(4), 999, true, NULL, NULL, 0 },
	{ "egress to another node's pod", POD(3), OUTSIDE, 81, true, NULL, NULL, 0 },
	{ "egress, another port", POD(3), OUTSIDE, 80, false, NULL, NULL, 0 },
	{ "the other direction is open", OUTSIDE, POD(3), 80, true, NULL, NULL, 0 },
	{ "from an ingress-isolated pod", POD(2), OUTSIDE, 80, true, NULL, NULL, 0 },
	{ "Service, local backend", POD(3), POD(2), 80, true, VIP4, VIP6, 8080 },
	{ "Service, not for this pod", POD(4), POD(2), 80, false, VIP4, VIP6, 8080 },
	{ "Service, backend elsewhere", POD(3), OUTSIDE, 81, true, VIP4, VIP6, 8081 },
	{ "itself through its Service", POD(2), POD(2), 80, true, VIP4, VIP6, 8080 },
};

static void probe(const struct row *row, bool v6, bool deny, const char *where)
{
	static uint16_t port = 20000;
	int server = bound(row->to, SOCK_DGRAM, v6 ? row->to6 : row->to4, row->port);
	int client = bound(row->from, SOCK_DGRAM, v6 ? row->from6 : row->from4, ++port);
	const char *to = v6 ? row->to6 : row->to4;
	bool isolated = deny && (strcmp(row->to, "pod2") == 0 || strcmp(row->from, "pod3") == 0) &&
	                strcmp(row->from, row->to) != 0;
	int expected = row->allow && !isolated ? 2 : 0, found;

	if (row->via4)
		to = v6 ? row->via6 : row->via4;
	found = passes(client, to, row->via4 ? row->via_port : row->port, server);
	cr_expect_eq(found, expected,
	             "%s, %s, IPv%d%s: expected %d, found %d (1: asked, 2: answered)", where,
	             row->name, v6 ? 6 : 4, deny ? ", everything denied" : "", expected, found);
	(void)close(server);
	(void)close(client);
}

static void probe_all(bool deny, const char *where)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		probe(&rows[i], false, deny, where);
		probe(&rows[i], true, deny, where);
	}
}

/* ---- the tests ---- */

/* A connection that is known ends with its permission, in both directions, and goes on when that is back. */
static void probe_revocation(struct nl_sock *route, enum policy_place place, bool bridge)
{
	int server = bound("pod2", SOCK_DGRAM, V4(2), 80),
	    client = bound("pod3", SOCK_DGRAM, V4(3), 4444);
	char text[16];

	cr_expect_eq(passes(client, V4(2), 80, server), 2, "revocation: before");
	put_policy(route, place, bridge, true);
	say(client, V4(2), 80, "late");
	cr_expect(recv(server, text, sizeof(text), 0) < 0, "revocation: a datagram arrived");
	say(server, V4(3), 4444, "late");
	cr_expect(recv(client, text, sizeof(text), 0) < 0, "revocation: an answer arrived");
	put_policy(route, place, bridge, false);
	cr_expect_eq(passes(client, V4(2), 80, server), 2, "revocation: taken back");
	(void)close(server);
	(void)close(client);
}

/* An isolated pod hears that nobody is there: the error is about its own connection. And TCP. */
static void probe_others(void)
{
	struct sockaddr_storage to;
	int client = bound("pod2", SOCK_DGRAM, V4(2), 4445), server, fd;
	socklen_t len = name(V4(4), 4446, &to);
	char text[16];

	cr_assert_eq(connect(client, (void *)&to, len), 0);
	(void)send(client, "x", 1, 0);
	cr_expect(recv(client, text, sizeof(text), 0) < 0 && errno == ECONNREFUSED,
	          "ICMP error: expected %s, found %s", strerror(ECONNREFUSED), strerror(errno));
	server = bound("pod2", SOCK_STREAM, V4(2), 80);
	cr_assert_eq(listen(server, 5), 0);
	len = name(V4(2), 80, &to);
	fd = bound("pod4", SOCK_STREAM, V4(4), 0);
	cr_expect_eq(connect(fd, (void *)&to, len), 0, "TCP from anybody: %s", strerror(errno));
	(void)close(fd);
	fd = bound("pod3", SOCK_STREAM, V4(3), 0);
	cr_expect_neq(connect(fd, (void *)&to, len), 0, "TCP that egress does not allow");
	(void)close(fd);
	(void)close(client);
	(void)close(server);
}

static void forward(bool bridge)
{
	struct nl_sock route = node(bridge);
	const char *where = bridge ? "bridged" : "routed";

	must(services);
	put_policy(&route, POLICY_FORWARD, bridge, false);
	probe_all(false, where);
	probe_revocation(&route, POLICY_FORWARD, bridge);
	probe_others();
	put_policy(&route, POLICY_FORWARD, bridge, true);
	probe_all(true, where);
	must("nft delete table inet cnida_policy");
	put_policy_late(&route, POLICY_FORWARD, bridge, false, 2);
	probe_all(false, bridge ? "bridged, pods that came later" : "routed, pods that came later");
	nl_close(&route);
}

Test(net_ruleset_policy_packets, routed)
{
	forward(false);
}

Test(net_ruleset_policy_packets, bridged)
{
	forward(true);
}

/* Nobody gets away with another's address. */
Test(net_ruleset_policy_packets, source_check)
{
	for (int bridge = 0; bridge < 2; bridge++) {
		struct nl_sock route = node(bridge);
		int server, client;

		put_policy(&route, POLICY_FORWARD, bridge, false);
		must("exec 2>&1; ip -n pod4 addr add 10.5.0.3/32 dev lo && ip -n pod4 addr add 10.5.0.9/32 dev lo");
		server = bound("outside", SOCK_DGRAM, REMOTE4, 81);
		client = bound("pod4", SOCK_DGRAM, V4(4), 5000);
		cr_expect_eq(passes(client, REMOTE4, 81, server), 2, "its own address (bridge %d)",
		             bridge);
		(void)close(client);
		client = bound("pod4", SOCK_DGRAM, V4(3), 5001);
		cr_expect_eq(passes(client, REMOTE4, 81, server), 0, "another pod's (bridge %d)",
		             bridge);
		(void)close(client);
		client = bound("pod4", SOCK_DGRAM, V4(9), 5002);
		cr_expect_eq(passes(client, REMOTE4, 81, server), 0, "nobody's (bridge %d)",
		             bridge);
		(void)close(client);
		(void)close(server);
		nl_close(&route);
	}
}

/* As from_pod: everything that pod 3 sends is to be judged; not neighbour discovery. */
static const char marks[] =
	"exec 2>&1; nft -f - <<'.'\n"
	"table inet marks {\n"
	" chain pre { type filter hook prerouting priority raw;\n"
	"  iifname h3 meta l4proto { tcp, udp } meta mark set meta mark | 0x00100000\n"
	" }\n"
	" chain behind { type filter hook forward priority 10;\n"
	"  meta mark & 0x00100000 != 0 drop\n" /* the mark must be gone */
	" }\n"
	"}\n"
	".\n";

/* Ingress is eBPF's. */
static void probe_marked(const char *where)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].from, "pod3") == 0 &&
		    strcmp(rows[i].name, "another port") != 0) {
			probe(&rows[i], false, false, where);
			probe(&rows[i], true, false, where);
		}
	}
}

Test(net_ruleset_policy_packets, after_dnat)
{
	struct nl_sock route = node(false);
	static const struct row flushed = { "flushed", POD(3), POD(4), 999, true, NULL, NULL, 0 };
	static const struct row unmarked = { "flushed", POD(4), POD(3), 999, true, NULL, NULL, 0 };

	must(services);
	must(marks);
	put_policy(&route, POLICY_AFTER_DNAT, false, false);
	probe_marked("after DNAT");
	probe(&unmarked, false, false, "replies of marked pods");
	put_policy(&route, POLICY_AFTER_DNAT, false, true);
	probe(&rows[1], false, true, "after DNAT");
	must("nft flush ruleset");
	must(marks);
	{
		struct row r = flushed;

		r.allow = false;
		probe(&r, false, false, "without our table");
		probe(&r, true, false, "without our table");
	}
	put_policy(&route, POLICY_AFTER_DNAT, false, false);
	probe(&flushed, false, false, "restored");
	probe(&flushed, true, false, "restored");
	must("nft delete table inet cnida_policy");
	must(services);
	put_policy_late(&route, POLICY_AFTER_DNAT, false, false, 2);
	probe_marked("after DNAT, pods that came later");
	nl_close(&route);
}
