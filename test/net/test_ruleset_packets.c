/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ruleset_packets.c - what cnida's nftables do to packets
 */
#include "kernel/ruleset.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "nft_node.h"

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
	cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, addr,
	                       v6 ? (void *)&six.sin6_addr : &four.sin_addr),
	             1);
	cr_assert_eq(bind(fd, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)),
	             0, "bind %s %s: %s", netns, addr, strerror(errno));
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

	cr_assert_eq(inet_pton(v6 ? AF_INET6 : AF_INET, addr,
	                       v6 ? (void *)&six.sin6_addr : &four.sin_addr),
	             1);
	cr_assert_eq(sendto(fd, text, strlen(text), 0, v6 ? (void *)&six : (void *)&four,
	                    v6 ? sizeof(six) : sizeof(four)),
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
		(void)inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)&from)->sin6_addr, ret,
		                INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&from)->sin_addr, ret,
		                INET6_ADDRSTRLEN);
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
	"done\n" NODE_OUTSIDE "ip -n outside route add default via 192.0.2.1\n"
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
	cr_assert_eq(inet_pton(req.gr_group.ss_family, group,
	                       v6 ? (void *)&six->sin6_addr : &four->sin_addr),
	             1);
	cr_assert_eq(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_GROUP, &req,
	                        sizeof(req)),
	             0, "join %s: %s", group, strerror(errno));
}

/* A multicast sender on the host leaves by the uplink. */
static void leave_by_uplink(int fd, bool v6)
{
	const struct ip_mreqn four = { .imr_ifindex = (int)if_nametoindex("up0") };
	const int six = four.imr_ifindex;

	cr_assert_eq(v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &six, sizeof(six))
	                : setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &four, sizeof(four)),
	             0, "%s", strerror(errno));
}

Test(net_ruleset_packets, masquerade_of_packets)
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
		{ "unicast like the multicast", "", "10.9.9.9", "outside", "192.0.2.2",
		  "192.0.2.1" },
		{ "multicast", "", "10.9.9.9", "outside", "239.1.2.3", "10.9.9.9" },
		{ "unicast like the multicast, 6", "", "fd09::9", "outside", "2001:db8::2",
		  "2001:db8::1" },
		{ "multicast, 6", "", "fd09::9", "outside", "ff0e::123", "fd09::9" },
	};
	static const char *const pods[] = { "10.1.0.2/24", "fd01::2/64", "10.9.9.9/32",
		                            "fd09::9/128" };
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
		bool multicast =
			strncmp(rows[i].to, "239", 3) == 0 || strncmp(rows[i].to, "ff", 2) == 0;
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
		cr_assert_str_eq(seen, rows[i].seen, "%s: expected source %s, found %s",
		                 rows[i].name, rows[i].seen, seen);
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

Test(net_ruleset_packets, source_check_of_packets)
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
	ruleset_add_spoof(&t, "h2", (const uint8_t[6]) { 2, 0, 0, 0, 0, 2 }, "o");
	cr_assert_eq(ruleset_commit(&s, &t, &e), 0, "%s", e.msg);
	to = udp("", "10.2.0.1", 7000);
	/* A frame that must not pass is followed by one that must: the first that arrives tells. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int from, other = udp("pod3", "10.2.0.3", 7001);

		(void)snprintf(
			command, sizeof(command),
			"exec 2>&1; ip -n %s link set eth0 address %s && ip -n %s neigh replace 10.2.0.1 lladdr "
			"$(cat /sys/class/net/br0/address) dev eth0",
			rows[i].pod, rows[i].mac, rows[i].pod);
		must(command);
		from = udp(rows[i].pod, rows[i].from, 7002);
		send_to(from, "10.2.0.1", 7000, rows[i].name);
		send_to(other, "10.2.0.1", 7000, "end");
		receive_from(to, text, seen);
		cr_assert_str_eq(text, rows[i].passes ? rows[i].name : "end",
		                 "%s (%s): found \"%s\"", rows[i].name, rows[i].mac, text);
		if (rows[i].passes)
			receive_from(to, text, seen);
		(void)close(from);
		(void)close(other);
	}
	nl_close(&s);
}
