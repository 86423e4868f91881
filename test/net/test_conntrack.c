/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_conntrack.c - forgetting tracked connections, alone and when host ports come and go
 */
#include "kernel/conntrack.h"
#include "portmap_node.h"

TestSuite(conntrack);

static int entries(const char *filter)
{
	char command[256], out[64];

	(void)snprintf(command, sizeof(command), "grep -c -E '%s' /proc/net/nf_conntrack", filter);
	(void)run(command, out, sizeof(out));
	return atoi(out);
}

static void send_one(int fd, const char *dst, uint16_t port)
{
	union portmap_addr a;
	socklen_t len = portmap_addr(dst, port, &a);

	/* An earlier ICMP answer is an error of the socket, once. */
	if (sendto(fd, "x", 1, 0, &a.sa, len) != 1)
		(void)sendto(fd, "x", 1, 0, &a.sa, len);
}

/* A node that tracks connections. */
static struct nl_sock tracking(void)
{
	struct nl_sock s;

	own_run();
	s = fresh();
	must("exec 2>&1; ip link set lo up; nft 'add table inet t; add chain inet t c { type filter hook output "
	     "priority 0; }; add rule inet t c ct state new'");
	if (access("/proc/net/nf_conntrack", R_OK) < 0)
		cr_skip_test("the kernel shows no table of connections");
	return s;
}

/* Of UDP: to port 7000 from two ports of each family, to 7001 from those of IPv4. */
static struct nl_sock six_connections(void)
{
	struct nl_sock s = tracking();
	int fd[4];

	for (int i = 0; i < 4; i++)
		fd[i] = portmap_socket("", SOCK_DGRAM, i < 2 ? "127.0.0.1" : "::1",
		                       (uint16_t)(6000 + i));
	for (int i = 0; i < 4; i++)
		send_one(fd[i], i < 2 ? "127.0.0.1" : "::1", 7000);
	send_one(fd[0], "127.0.0.1", 7001);
	send_one(fd[1], "127.0.0.1", 7001);
	return s;
}

struct pick {
	uint16_t sport; /* 0: any */
	int seen;
};

static bool pick(const struct conntrack *ct, void *arg)
{
	struct pick *p = arg;

	p->seen++;
	return !p->sport || ct->sport == p->sport;
}

Test(conntrack, forget)
{
	static const struct {
		const char *name;
		sa_family_t family;
		uint8_t proto;
		uint16_t port, sport;
		int seen, forgotten, left;
	} rows[] = {
		{ "another protocol", AF_INET, IPPROTO_SCTP, 7000, 0, 0, 0, 6 },
		{ "another port", AF_INET, IPPROTO_UDP, 7009, 0, 0, 0, 6 },
		{ "chosen", AF_INET, IPPROTO_UDP, 7000, 6001, 2, 1, 5 },
		{ "one port", AF_INET, IPPROTO_UDP, 7000, 0, 1, 1, 4 },
		{ "IPv6", AF_INET6, IPPROTO_UDP, 7000, 0, 2, 2, 2 },
		{ "any port", AF_INET, IPPROTO_UDP, 0, 0, 2, 2, 0 },
	};
	struct nl_sock s;
	struct err e;

	s = six_connections();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pick p = { .sport = rows[i].sport };
		int r = conntrack_forget(&s, rows[i].family, rows[i].proto, rows[i].port, pick, &p,
		                         &e);

		cr_expect_eq(r, rows[i].forgotten, "%s: expected %d forgotten, found %d",
		             rows[i].name, rows[i].forgotten, r);
		cr_expect_eq(p.seen, rows[i].seen, "%s: expected %d looked at, found %d",
		             rows[i].name, rows[i].seen, p.seen);
		cr_expect_eq(entries("udp.*dport=700[01]"), rows[i].left,
		             "%s: expected %d left, found %d", rows[i].name, rows[i].left,
		             entries("udp.*dport=700[01]"));
	}
}

/* The quick way: all that match, and nothing else. */
Test(conntrack, flush)
{
	static const struct {
		const char *name;
		struct conntrack_filter filter;
		int left;
	} rows[] = {
		{ "another protocol", { AF_INET, IPPROTO_SCTP, 7000, { 0 }, { 0 }, 0 }, 6 },
		{ "another port", { AF_INET, IPPROTO_UDP, 7009, { 0 }, { 0 }, 0 }, 6 },
		{ "another address",
		  { AF_INET, IPPROTO_UDP, 7000, { AF_INET, { 127, 0, 0, 2 } }, { 0 }, 0 },
		  6 },
		{ "another answers",
		  { AF_INET, IPPROTO_UDP, 7000, { 0 }, { AF_INET, { 127, 0, 0, 2 } }, 7000 },
		  6 },
		{ "from another port",
		  { AF_INET, IPPROTO_UDP, 7000, { 0 }, { AF_INET, { 127, 0, 0, 1 } }, 7001 },
		  6 },
		{ "address and who answers",
		  { AF_INET,
		    IPPROTO_UDP,
		    7000,
		    { AF_INET, { 127, 0, 0, 1 } },
		    { AF_INET, { 127, 0, 0, 1 } },
		    7000 },
		  4 },
		{ "IPv6", { AF_INET6, IPPROTO_UDP, 7000, { 0 }, { 0 }, 0 }, 2 },
		{ "port", { AF_INET, IPPROTO_UDP, 7001, { 0 }, { 0 }, 0 }, 0 },
	};
	struct nl_sock s;
	struct err e;

	s = six_connections();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct conntrack_filter v6 = { AF_INET6, IPPROTO_UDP,
			                             7000,     { AF_INET6, { [15] = 1 } },
			                             { 0 },    0 };
		int r = conntrack_flush(&s, &v6, 1, &e);

		cr_expect_eq(r, 0, "an IPv6 address: expected 0, found %d", r);
		r = conntrack_flush(&s, &rows[i].filter, 1, &e);

		if (r == 0)
			cr_skip_test("this kernel flushes nothing or everything");
		cr_expect_eq(r, 1, "%s: expected 1, found %d", rows[i].name, r);
		cr_expect_eq(entries("udp.*dport=700[01]"), rows[i].left,
		             "%s: expected %d left, found %d", rows[i].name, rows[i].left,
		             entries("udp.*dport=700[01]"));
	}
}

/* More than one round. */
Test(conntrack, thousands)
{
	struct pick p = { .sport = 0 };
	struct nl_sock s;
	struct err e;
	int fd, r;

	s = tracking();
	for (unsigned int i = 0; i < 1500; i++) {
		char source[16];

		(void)snprintf(source, sizeof(source), "127.0.%u.%u", 1 + i / 250, 1 + i % 250);
		fd = portmap_socket("", SOCK_DGRAM, source, 0);
		send_one(fd, "127.0.0.1", 7000);
		(void)close(fd);
	}
	r = conntrack_forget(&s, AF_INET, IPPROTO_UDP, 7000, pick, &p, &e);
	cr_expect_eq(r, 1500, "expected 1500 forgotten, found %d", r);
}

static bool gets(int server)
{
	char byte;

	return recv(server, &byte, 1, 0) == 1;
}

#define UDP_PORT "[{\"hostPort\":5353,\"containerPort\":53,\"protocol\":\"udp\"}]"

/* A client that never stops and never changes its port: the pod behind it comes, goes and is another one. */
Test(conntrack, mapping_comes_and_goes)
{
	int client, local, through, pod2, pod3, outside;

	portmap_node();
	client = portmap_socket("outside", SOCK_DGRAM, "192.0.2.2", 6000);
	local = portmap_socket("", SOCK_DGRAM, "127.0.0.1", 6000);
	through = portmap_socket("pod3", SOCK_DGRAM, "10.1.0.3", 6000);
	outside = portmap_socket("outside", SOCK_DGRAM, "192.0.2.2", 5353);
	pod2 = portmap_socket("pod2", SOCK_DGRAM, "10.1.0.2", 53);
	pod3 = portmap_socket("pod3", SOCK_DGRAM, "10.1.0.3", 53);
	must("ip -n outside route add 10.1.0.0/24 via 192.0.2.1 2>&1; "
	     "nft 'add table inet t; add chain inet t c { type filter hook prerouting priority 0; }; "
	     "add rule inet t c ct state new'");
	/* Tracked from before there is a mapping. */
	send_one(client, "192.0.2.1", 5353);
	send_one(local, "127.0.0.1", 5353);
	send_one(through, "192.0.2.2", 5353);
	cr_expect(gets(outside), "expected the datagram that passes through, found none");
	cr_assert_eq(entries("udp.*sport=6000 dport=5353"), 3, "expected 3 entries, found %d",
	             entries("udp.*sport=6000 dport=5353"));
	portmap_ok(CNI_ADD, "pod2", UDP_PORT, "");
	cr_expect_eq(entries("udp.*sport=6000 dport=5353"), 1,
	             "after ADD expected the one that passes, found %d",
	             entries("udp.*sport=6000 dport=5353"));
	send_one(client, "192.0.2.1", 5353);
	cr_expect(gets(pod2), "outside: expected it at pod2, found none");
	send_one(local, "127.0.0.1", 5353);
	cr_expect(gets(pod2), "localhost: expected it at pod2, found none");
	portmap_ok(CNI_DEL, "pod2", UDP_PORT, "");
	cr_expect_eq(entries("udp.*sport=6000 dport=5353"), 1,
	             "after DEL expected the one that passes, found %d",
	             entries("udp.*sport=6000 dport=5353"));
	send_one(client, "192.0.2.1", 5353);
	cr_expect(!gets(pod2), "deleted: expected nothing at pod2, found a datagram");
	portmap_ok(CNI_ADD, "pod3", UDP_PORT, "");
	send_one(client, "192.0.2.1", 5353);
	cr_expect(gets(pod3), "outside: expected it at pod3, found none");
	/* A pod that died takes its connections along, when the next one comes. */
	must("ip netns delete pod3");
	portmap_ok(CNI_ADD, "pod2", UDP_PORT, "");
	send_one(client, "192.0.2.1", 5353);
	cr_expect(gets(pod2), "outside: expected it at pod2 again, found none");
}
