/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_portmap.c - host ports with real packets: who reaches which pod, and as whom
 */
#include "endpoint/elements.h"
#include "portmap_node.h"

#include <poll.h>

TestSuite(portmap);

static const char *const pods[] = { "pod2", "pod3" };

/* Servers of each pod: [pod][tcp, udp][IPv4, IPv6], on ports 80 and 53. */
static int servers[2][2][2];

static void serve(void)
{
	for (int p = 0; p < 2; p++) {
		for (int v6 = 0; v6 < 2; v6++) {
			const char *any = v6 ? "::" : "0.0.0.0";

			servers[p][0][v6] = portmap_socket(pods[p], SOCK_STREAM, any, 80);
			servers[p][1][v6] = portmap_socket(pods[p], SOCK_DGRAM, any, 53);
			/* Looked at when a packet must have arrived. */
			(void)fcntl(servers[p][0][v6], F_SETFL, O_NONBLOCK);
			(void)fcntl(servers[p][1][v6], F_SETFL, O_NONBLOCK);
		}
	}
}

/* A busy machine hands packets to a kernel thread, which takes its time: what must arrive is waited for, what must not only for a
 * moment. */
static int patience_ms(const char *want)
{
	return strcmp(want, "none") == 0 ? 400 : 10000;
}

/* Which pod got it, "pod2 from 192.0.2.2", and does the answer come back? "none" if nobody did. */
static void look(int client, bool udp, bool v6, int timeout_ms, char ret[static 96])
{
	struct pollfd arrival[2] = { { .fd = servers[0][udp][v6], .events = POLLIN },
		                     { .fd = servers[1][udp][v6], .events = POLLIN } };
	char addr[INET6_ADDRSTRLEN], byte = 0;
	union portmap_addr from;
	socklen_t len = sizeof(from);

	(void)snprintf(ret, 96, "none");
	(void)poll(arrival, 2, timeout_ms);
	for (int p = 0; p < 2; p++) {
		int server = servers[p][udp][v6], peer = server;

		if (!udp)
			peer = accept4(server, &from.sa, &len, SOCK_CLOEXEC);
		else if (recvfrom(server, &byte, 1, 0, &from.sa, &len) != 1)
			peer = -1;
		if (peer < 0)
			continue;
		if (udp)
			(void)sendto(peer, "y", 1, 0, &from.sa, len);
		else
			(void)send(peer, "y", 1, MSG_NOSIGNAL);
		(void)snprintf(ret, 96, "%s from %s%s", pods[p], portmap_text(&from, addr),
		               recv(client, &byte, 1, 0) == 1 ? "" : ", no answer");
		if (!udp)
			(void)close(peer);
		return;
	}
}

struct path {
	const char *name, *netns, *source;
	bool udp;
	const char *dst;
	uint16_t port;
	const char *want;
};

static void reach(const struct path *p, char ret[static 96])
{
	bool v6 = strchr(p->dst, ':') != NULL;
	int ms = patience_ms(p->want),
	    fd = portmap_socket(p->netns, p->udp ? SOCK_DGRAM : SOCK_STREAM,
	                        p->source ? p->source : (v6 ? "::" : "0.0.0.0"), 0);
	const struct timeval deadline = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	union portmap_addr a;
	socklen_t len = portmap_addr(p->dst, p->port, &a);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	if (connect(fd, &a.sa, len) < 0 || (p->udp && send(fd, "x", 1, 0) != 1))
		(void)snprintf(ret, 96, "none");
	else
		look(fd, p->udp, v6, ms, ret);
	(void)close(fd);
}

static void check_paths(const struct path *rows, size_t n, const char *when)
{
	char found[96];

	for (size_t i = 0; i < n; i++) {
		reach(&rows[i], found);
		cr_expect_str_eq(found, rows[i].want, "%s, %s: expected %s, found %s", when,
		                 rows[i].name, rows[i].want, found);
	}
}

#define PORTS2                                                                            \
	"[{\"HostPort\":8080,\"ContainerPort\":80,\"Protocol\":\"tcp\",\"HostIP\":\"\"}," \
	"{\"hostPort\":5353,\"containerPort\":53,\"protocol\":\"UDP\"}]"

/* Who gets where, with and without bridged frames in the IP hooks. */
Test(portmap, paths)
{
	static const struct path rows[] = {
		{ "outside tcp", "outside", NULL, false, "192.0.2.1", 8080, "pod2 from 192.0.2.2" },
		{ "outside tcp 6", "outside", NULL, false, "2001:db8::1", 8080,
		  "pod2 from 2001:db8::2" },
		{ "outside udp", "outside", NULL, true, "192.0.2.1", 5353, "pod2 from 192.0.2.2" },
		{ "outside udp 6", "outside", NULL, true, "2001:db8::1", 5353,
		  "pod2 from 2001:db8::2" },
		{ "outside, other port", "outside", NULL, false, "192.0.2.1", 8081, "none" },
		{ "outside, tcp port by udp", "outside", NULL, true, "192.0.2.1", 8080, "none" },
		{ "node tcp", "", NULL, false, "192.0.2.1", 8080, "pod2 from 192.0.2.1" },
		{ "node tcp 6", "", NULL, false, "2001:db8::1", 8080, "pod2 from 2001:db8::1" },
		{ "node udp", "", NULL, true, "192.0.2.1", 5353, "pod2 from 192.0.2.1" },
		{ "localhost tcp", "", NULL, false, "127.0.0.1", 8080, "pod2 from 10.1.0.1" },
		{ "localhost udp", "", NULL, true, "127.0.0.1", 5353, "pod2 from 10.1.0.1" },
		{ "127.0.0.2", "", "127.0.0.2", false, "127.0.0.3", 8080, "pod2 from 10.1.0.1" },
		{ "localhost as the node", "", "192.0.2.1", false, "127.0.0.1", 8080,
		  "pod2 from 192.0.2.1" },
		{ "::1 is refused", "", NULL, false, "::1", 8080, "none" },
		{ "itself", "pod2", NULL, false, "192.0.2.1", 8080, "pod2 from 10.1.0.1" },
		{ "itself by the gateway", "pod2", NULL, false, "10.1.0.1", 8080,
		  "pod2 from 10.1.0.1" },
		{ "itself 6", "pod2", NULL, false, "2001:db8::1", 8080, "pod2 from fd01::1" },
		{ "itself udp", "pod2", NULL, true, "192.0.2.1", 5353, "pod2 from 10.1.0.1" },
		{ "neighbour", "pod3", NULL, false, "192.0.2.1", 8080, "pod2 from 10.1.0.1" },
		{ "neighbour 6", "pod3", NULL, false, "2001:db8::1", 8080, "pod2 from fd01::1" },
		{ "neighbour udp 6", "pod3", NULL, true, "2001:db8::1", 5353, "pod2 from fd01::1" },
		{ "neighbour, no host port", "pod3", NULL, false, "10.1.0.2", 80,
		  "pod2 from 10.1.0.3" },
	};
	static const char *const bridged[] = { "0", "1" };
	char command[256];

	portmap_node();
	serve();
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	for (size_t i = 0; i < ARRAY_SIZE(bridged); i++) {
		(void)snprintf(
			command, sizeof(command),
			"d=/proc/sys/net/bridge; [ ! -d $d ] || "
			"for k in iptables ip6tables; do echo %s > $d/bridge-nf-call-$k; done",
			bridged[i]);
		must(command);
		check_paths(rows, ARRAY_SIZE(rows), bridged[i]);
	}
	portmap_ok(CNI_DEL, "pod2", "[]", "");
	{
		static const struct path after[] = {
			{ "outside", "outside", NULL, false, "192.0.2.1", 8080, "none" },
			{ "outside udp 6", "outside", NULL, true, "2001:db8::1", 5353, "none" },
			{ "localhost", "", NULL, false, "127.0.0.1", 8080, "none" },
		};

		check_paths(after, ARRAY_SIZE(after), "deleted");
	}
}

/* What is not addressed to the node is not touched: the pods' clients of a server outside keep their way. */
Test(portmap, transit)
{
	int server;
	char byte = 0;
	union portmap_addr a;
	socklen_t len;
	int client;

	portmap_node();
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	must("ip -n outside route add 10.1.0.0/24 via 192.0.2.1 2>&1");
	server = portmap_socket("outside", SOCK_DGRAM, "192.0.2.2", 5353);
	client = portmap_socket("pod3", SOCK_DGRAM, "10.1.0.3", 0);
	len = portmap_addr("192.0.2.2", 5353, &a);
	cr_assert_eq(sendto(client, "x", 1, 0, &a.sa, len), 1);
	cr_expect_eq(recv(server, &byte, 1, 0), 1, "expected the datagram outside, found none");
}

/* The HostPort case of the Kubernetes conformance suite, and one mapping of any address behind them. */
Test(portmap, host_ip_and_protocol)
{
	static const struct path rows[] = {
		{ "localhost", "", "192.0.2.1", false, "127.0.0.1", 54323, "pod2 from 192.0.2.1" },
		{ "node tcp", "", NULL, false, "192.0.2.1", 54323, "pod3 from 192.0.2.1" },
		{ "node udp", "", NULL, true, "192.0.2.1", 54323, "pod2 from 192.0.2.1" },
		{ "outside tcp", "outside", NULL, false, "192.0.2.1", 54323,
		  "pod3 from 192.0.2.2" },
		{ "outside udp", "outside", NULL, true, "192.0.2.1", 54323, "pod2 from 192.0.2.2" },
		{ "any, other address", "pod3", NULL, false, "10.1.0.1", 54323,
		  "pod2 from 10.1.0.1" },
		{ "other family", "outside", NULL, false, "2001:db8::1", 54323, "none" },
		{ "v6 only", "outside", NULL, false, "2001:db8::1", 8443, "pod3 from 2001:db8::2" },
		{ "v6 only by v4", "outside", NULL, false, "192.0.2.1", 8443, "none" },
	};

	portmap_node();
	serve();
	portmap_ok(
		CNI_ADD, "pod2",
		"[{\"hostPort\":54323,\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"127.0.0.1\"},"
		"{\"hostPort\":54323,\"containerPort\":53,\"protocol\":\"UDP\",\"hostIP\":\"192.0.2.1\"},"
		"{\"hostPort\":54323,\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"0.0.0.0\"}]",
		"");
	portmap_ok(
		CNI_ADD, "pod3",
		"[{\"hostPort\":54323,\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"192.0.2.1\"},"
		"{\"hostPort\":8443,\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"::\"}]",
		"");
	check_paths(rows, ARRAY_SIZE(rows), "three owners");
}

static void check_list(const char *name, const char *filter, const char *want)
{
	char command[256], out[4096];

	(void)snprintf(command, sizeof(command),
	               "nft list table inet cnida_hostport 2>/dev/null | %s | tr -d '\\n'", filter);
	(void)run(command, out, sizeof(out));
	cr_expect_str_eq(out, want, "%s: expected %s, found %s", name, want, out);
}

/* Whose connections get the node's address. */
Test(portmap, masquerade)
{
	static const struct path none[] = {
		{ "outside", "outside", NULL, false, "192.0.2.1", 8080, "pod2 from 192.0.2.2" },
		{ "neighbour", "pod3", NULL, false, "192.0.2.1", 8080, "none" },
	};
	static const struct path all[] = {
		{ "outside", "outside", NULL, false, "192.0.2.1", 8080, "pod2 from 10.1.0.1" },
		{ "outside 6", "outside", NULL, false, "2001:db8::1", 8080, "pod2 from fd01::1" },
		{ "neighbour", "pod3", NULL, false, "192.0.2.1", 8080, "pod2 from 10.1.0.1" },
		{ "localhost", "", NULL, false, "127.0.0.1", 8080, "pod2 from 10.1.0.1" },
	};
	char value[16];
	struct err e;

	portmap_node();
	serve();
	must("for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do [ ! -e $f ] || echo 0 > $f; done");
	portmap_ok(CNI_ADD, "pod2", PORTS2, "\"snat\":false,");
	check_paths(none, ARRAY_SIZE(none), "snat false");
	(void)run("cat /proc/sys/net/ipv4/conf/cni0/route_localnet | tr -d '\\n'", value,
	          sizeof(value));
	cr_expect_str_eq(value, "0", "snat false: expected route_localnet 0, found %s", value);
	portmap_ok(CNI_ADD, "pod2", PORTS2,
	           "\"masqAll\":true,\"markMasqBit\":5,\"backend\":\"iptables\",");
	check_paths(all, ARRAY_SIZE(all), "masqAll");
	cr_expect_eq(portmap_call(CNI_CHECK, "pod2", PORTS2, "\"masqAll\":true,", &e), 0,
	             "CHECK: %s", e.msg);
	cr_expect(portmap_call(CNI_CHECK, "pod2", PORTS2, "", &e) < 0,
	          "CHECK with another masquerade: expected an error, found none");
}

/* route_localnet opens a door: nothing from outside may come in by it. */
Test(portmap, martians)
{
	static const char *const nets[] = { "pod2", "outside" };
	char command[512], byte;

	portmap_node();
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	must("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet;"
	     "for f in all default cni0 up0; do echo 0 > /proc/sys/net/ipv4/conf/$f/rp_filter; done");
	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		const char *gw = i ? "192.0.2.1" : "10.1.0.1";
		int secret = portmap_socket("", SOCK_DGRAM, "127.0.0.1", (uint16_t)(7000 + i)),
		    client;
		union portmap_addr a;
		socklen_t len = portmap_addr("127.0.0.1", (uint16_t)(7000 + i), &a);

		(void)snprintf(
			command, sizeof(command),
			"exec 2>&1; ip netns exec %s sh -c 'set -e; ip addr flush dev lo; "
			"echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; "
			"echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet; "
			"ip route add 127.0.0.1/32 via %s dev eth0; "
			"ip route del local 127.0.0.0/8 dev lo table local 2>/dev/null || true; "
			"ip route del local 127.0.0.1 dev lo table local 2>/dev/null || true'",
			nets[i], gw);
		must(command);
		client = portmap_socket(nets[i], SOCK_DGRAM, "0.0.0.0", 0);
		cr_assert_eq(sendto(client, "x", 1, 0, &a.sa, len), 1, "%s: %s", nets[i],
		             strerror(errno));
		cr_expect_eq(recv(secret, &byte, 1, 0), -1, "%s reached the node's 127.0.0.1",
		             nets[i]);
		/* The test can fail: without the guard it gets there. */
		must("nft flush chain inet cnida_hostport guard");
		cr_assert_eq(sendto(client, "x", 1, 0, &a.sa, len), 1);
		cr_expect_eq(recv(secret, &byte, 1, 0), 1,
		             "%s: without the guard, expected to get there", nets[i]);
		must("nft delete table inet cnida_hostport");
		{
			struct err e;

			cr_assert_eq(portmap_restore(&e), 1, "restore: %s", e.msg);
		}
	}
}

#define PORT(port, ip) \
	"[{\"hostPort\":" port ",\"containerPort\":80,\"protocol\":\"tcp\",\"hostIP\":\"" ip "\"}]"

/* A port has one holder; it is free when the holder is gone. */
Test(portmap, conflicts)
{
	static const struct {
		const char *name, *first, *second, *want;
	} rows[] = {
		{ "same", PORT("8080", ""), PORT("8080", ""),
		  "host port 8080/tcp on every IPv4 address is taken by container pod2 (eth0, network net), "
		  "which is running" },
		{ "same address", PORT("8080", "192.0.2.1"), PORT("8080", "192.0.2.1"),
		  "host port 8080/tcp on 192.0.2.1 is taken by container pod2 (eth0, network net), which is "
		  "running" },
		{ "same IPv6 address", PORT("8080", "2001:db8::1"), PORT("8080", "2001:db8:0::1"),
		  "host port 8080/tcp on 2001:db8::1 is taken by container pod2 (eth0, network net), which "
		  "is running" },
		{ "any and 0.0.0.0", PORT("8080", ""), PORT("8080", "0.0.0.0"),
		  "host port 8080/tcp on every IPv4 address is taken by container pod2 (eth0, network net), "
		  "which is running" },
		{ "0.0.0.0 and ::", PORT("8080", "0.0.0.0"), PORT("8080", "::"), NULL },
		{ "any and one", PORT("8080", ""), PORT("8080", "192.0.2.1"), NULL },
		{ "two addresses", PORT("8080", "192.0.2.1"), PORT("8080", "10.1.0.1"), NULL },
		{ "two ports", PORT("8080", ""), PORT("8081", ""), NULL },
		{ "twice the same", PORT("8080", ""),
		  "[{\"hostPort\":9090,\"containerPort\":80,\"protocol\":\"tcp\"},"
		  "{\"hostPort\":9090,\"containerPort\":80,\"protocol\":\"TCP\",\"hostIP\":\"0.0.0.0\"}]",
		  NULL },
		{ "two targets", PORT("8080", ""),
		  "[{\"hostPort\":9090,\"containerPort\":80,\"protocol\":\"tcp\"},"
		  "{\"hostPort\":9090,\"containerPort\":81,\"protocol\":\"tcp\"}]",
		  "portMappings: host port 9090/tcp on every IPv4 address leads to container ports 80 and 81" },
	};
	struct err e;

	portmap_node();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		portmap_ok(CNI_ADD, "pod2", rows[i].first, "");
		r = portmap_call(CNI_ADD, "pod3", rows[i].second, "", &e);
		if (!rows[i].want) {
			cr_expect_eq(r, 0, "%s: expected success, found %s", rows[i].name,
			             r ? e.msg : "");
		} else {
			cr_expect(r < 0, "%s: expected an error, found none", rows[i].name);
			cr_expect_str_eq(e.msg, rows[i].want, "%s: found %s", rows[i].name, e.msg);
			cr_expect_eq(e.code, CNI_E_CONFIG, "%s: code %d", rows[i].name, e.code);
			check_list(rows[i].name, "grep -o pod3 | head -n 1", "");
			check_list(rows[i].name, "grep -o 'comment \"net pod2' | head -n 1",
			           "comment \"net pod2");
		}
		portmap_ok(CNI_DEL, "pod3", rows[i].second, "");
		portmap_ok(CNI_DEL, "pod3", rows[i].second, "");
		portmap_ok(CNI_DEL, "pod2", "[]", "");
		check_list(rows[i].name, "grep -c net.pod", "0");
	}
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	must("ip netns delete pod2; ip netns add pod2");
	portmap_ok(CNI_ADD, "pod3", PORTS2, "");
	/* The dead pod's DEL comes late and takes nothing from the new one. */
	portmap_ok(CNI_DEL, "pod2", PORTS2, "");
	portmap_ok(CNI_CHECK, "pod3", PORTS2, "");
}

/* The kernel may give the number of a namespace that ended to the next one, here under the same path: the holder is gone all the
 * same. Whether it does is a matter of time, so the record is made to say so. */
static void pretend_same_number(const char *id)
{
	_cleanup_portmap_record_ struct portmap_record rec = { .v = NULL };
	char name[IFNAMSIZ], path[64];
	struct err e = { 0 };
	int fd;

	record_name("net", id, "eth0", name);
	(void)snprintf(path, sizeof(path), "/run/netns/%s", id);
	cr_assert_eq(portmap_record_read(name, &rec, &e), 0, "%s", e.msg);
	fd = netns_open(path, &rec.netns_id, &e);
	cr_assert(fd >= 0, "%s", e.msg);
	(void)close(fd);
	cr_assert_eq(portmap_record_write(&rec, &e), 0, "%s", e.msg);
}

Test(portmap, same_number)
{
	struct err e = { 0 };
	int r;

	portmap_node();
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	pretend_same_number("pod2");
	r = portmap_call(CNI_ADD, "pod3", PORTS2, "", &e);
	cr_expect(r == -EEXIST && strstr(e.msg, "which is running"),
	          "the same namespace: expected %d, found %d: %s", -EEXIST, r, r < 0 ? e.msg : "");
	must("ip netns delete pod2; ip netns add pod2");
	pretend_same_number("pod2");
	portmap_ok(CNI_ADD, "pod3", PORTS2, "");
	portmap_ok(CNI_CHECK, "pod3", PORTS2, "");
	/* The sweep sees it too. */
	must("ip netns delete pod3; ip netns add pod3");
	pretend_same_number("pod3");
	r = portmap_sweep(false, NULL, NULL, &e);
	cr_expect_eq(r, 1, "the sweep: expected 1, found %d (%s)", r, e.msg);
	check_list("the sweep", "grep -c net.pod", "0");
}

/* The ruleset is flushed: CHECK says so, the next ADD, or a restore, brings everything back. */
Test(portmap, flushed)
{
	static const struct {
		const char *name, *damage, *says;
	} rows[] = {
		{ "ruleset", "nft flush ruleset", "nftables: expected cnida_hostport" },
		{ "rules", "nft flush table inet cnida_hostport", "nftables: expected guard" },
		{ "map", "nft flush map inet cnida_hostport hostport_any4",
		  "host port 8080/tcp on every IPv4 address: expected an element" },
		{ "masquerade", "nft flush map inet cnida_hostport hairpin6",
		  "host port 8080/tcp on every IPv6 address: expected masquerade of fd01::2 port 80" },
		{ "sysctl", "echo 0 > /proc/sys/net/ipv4/conf/cni0/route_localnet",
		  "net/ipv4/conf/cni0/route_localnet: expected 1, found 0" },
	};
	struct err e;

	portmap_node();
	portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool whole = i < 2;

		portmap_ok(CNI_CHECK, "pod2", PORTS2, "");
		must(rows[i].damage);
		cr_expect(portmap_call(CNI_CHECK, "pod2", PORTS2, "", &e) < 0,
		          "%s: expected an error, found none", rows[i].name);
		cr_expect(strncmp(e.msg, rows[i].says, strlen(rows[i].says)) == 0,
		          "%s: expected \"%s...\", found \"%s\"", rows[i].name, rows[i].says,
		          e.msg);
		if (i == 0)
			portmap_ok(CNI_ADD, "pod3", PORT("9000", ""), "");
		else if (whole)
			cr_expect_eq(portmap_restore(&e), 2, "%s: restore: %s", rows[i].name,
			             e.msg);
		else
			portmap_ok(CNI_ADD, "pod2", PORTS2, "");
	}
	portmap_ok(CNI_CHECK, "pod2", PORTS2, "");
	portmap_ok(CNI_ADD, "pod3", PORT("9000", ""), ""); /* whose elements went with the map */
	portmap_ok(CNI_CHECK, "pod3", PORT("9000", ""), "");
}

/* 1,000 mappings of a pod: all there, all gone. */
Test(portmap, many)
{
	static char ports[120000];
	size_t at = 0;

	portmap_node();
	serve();
	for (int i = 0; i < 1000; i++)
		at += (size_t)
			snprintf(ports + at, sizeof(ports) - at,
		                 "%s{\"hostPort\":%d,\"containerPort\":80,\"protocol\":\"tcp\"}",
		                 i ? "," : "[", 20000 + i);
	(void)snprintf(ports + at, sizeof(ports) - at, "]");
	portmap_ok(CNI_ADD, "pod2", ports, "");
	check_list("1,000", "grep -o 'tcp \\. [0-9]* comment' | wc -l", "2000");
	{
		static const struct path rows[] = {
			{ "first", "outside", NULL, false, "192.0.2.1", 20000,
			  "pod2 from 192.0.2.2" },
			{ "last", "outside", NULL, false, "2001:db8::1", 20999,
			  "pod2 from 2001:db8::2" },
			{ "behind", "outside", NULL, false, "192.0.2.1", 21000, "none" },
		};

		check_paths(rows, ARRAY_SIZE(rows), "1,000");
	}
	portmap_ok(CNI_CHECK, "pod2", ports, "");
	portmap_ok(CNI_DEL, "pod2", "[]", "");
	check_list("1,000 deleted", "grep -c net.pod", "0");
}

static void count_seen(const char *what, const char *why, void *arg)
{
	(void)what, (void)why;
	++*(int *)arg;
}

/* Without a record the request's ports are looked for; the sweep finds the rest. SCTP shows in the ruleset only. */
Test(portmap, left_overs)
{
	static const char sctp[] =
		"[{\"hostPort\":7777,\"containerPort\":77,\"protocol\":\"SCTP\"},"
		"{\"hostPort\":7777,\"containerPort\":77,\"protocol\":\"tcp\",\"hostIP\":\"192.0.2.1\"}]";
	struct err e;
	int n = 0;

	portmap_node();
	portmap_ok(CNI_ADD, "pod2", sctp, "");
	check_list("sctp", "grep -o 'sctp . 7777 .*10.1.0.2 . 77'",
	           "sctp . 7777 comment \"net pod2 eth0\" : 10.1.0.2 . 77");
	must("rm -r /run/cnida/hostports");
	portmap_ok(CNI_DEL, "pod2", sctp, "");
	check_list("DEL without a record", "grep -c net.pod", "0");
	portmap_ok(CNI_ADD, "pod2", sctp, "");
	portmap_ok(CNI_ADD, "pod3", PORT("9000", ""), "");
	must("rm /run/cnida/hostports/*; ip netns delete pod3");
	portmap_ok(CNI_ADD, "pod2", PORT("9001", ""), "");
	cr_expect(portmap_sweep(true, count_seen, &n, &e) > 0, "dry run: %s", e.msg);
	cr_expect_eq(n, 5, "dry run: expected 5 left-overs, found %d", n);
	cr_expect(portmap_sweep(false, NULL, NULL, &e) > 0, "sweep: %s", e.msg);
	cr_expect_eq(portmap_sweep(false, NULL, NULL, &e), 0, "a second sweep found something");
	portmap_ok(CNI_CHECK, "pod2", PORT("9001", ""), "");
	check_list("swept", "grep -o 'pod3' | head -n 1", "");
}
