/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_link.c - bridge, veth pair, ports, groups, announcements
 */
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"
#include "space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#define BR_STATE_FORWARDING 3
#define PORT_TIMEOUT_MS     10000U /* of a machine that is emulated and busy */

Test(link, missing)
{
	static const char *const names[] = { "no0", "", "fifteen-letters", "longer-than-any-name" };
	struct link_info link;
	struct space s;

	space_open(&s);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct err e = { .msg = "untouched" };
		int r = names[i][0] ? link_get(&s.node, 0, names[i], &link, &e)
		                    : link_get(&s.node, 99, NULL, &link, &e);

		cr_expect(r == -ENODEV, "link_get %s: expected %d, found %d", names[i], -ENODEV, r);
		if (names[i][0])
			r = link_del(&s.node, names[i], &e);
		cr_expect(r == -ENODEV, "link_del %s: expected %d, found %d", names[i], -ENODEV, r);
		cr_expect(link_index(&s.node, names[i]) == 0, "link_index %s: expected 0",
		          names[i]);
		cr_expect(link_mtu(&s.node, names[i]) == 0, "link_mtu %s: expected 0", names[i]);
		cr_expect(!link_sync_carrier(&s.node, names[i]),
		          "link_sync_carrier %s: expected false", names[i]);
		cr_expect_str_eq(e.msg, "untouched", "%s: found \"%s\"", names[i], e.msg);
	}
}

Test(link, bridge)
{
	static const struct {
		const char *name;
		uint32_t mtu, want_mtu;
	} rows[] = { { "br0", 0, 1500 },
		     { "br.with.dot", 9000, 9000 },
		     { "br-of-15-letter", 1280, 1280 } };
	struct space s;
	struct err e = { 0 };

	space_open(&s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct bridge_spec spec = { .name = rows[i].name,
			                          .mtu = rows[i].mtu,
			                          .mac = space_bridge_mac };
		struct link_info link;
		int r;

		ok(link_add_bridge(&s.node, &spec, &e), &e);
		link = space_link(&s.node, rows[i].name);
		cr_expect_str_eq(link.kind, "bridge", "%s: kind: found \"%s\"", rows[i].name,
		                 link.kind);
		cr_expect_str_eq(link.name, rows[i].name, "%s: name: found \"%s\"", rows[i].name,
		                 link.name);
		cr_expect(link.mtu == rows[i].want_mtu &&
		                  link_mtu(&s.node, rows[i].name) == link.mtu,
		          "%s: mtu: expected %u, found %u", rows[i].name, rows[i].want_mtu,
		          link.mtu);
		cr_expect(!memcmp(link.mac, space_bridge_mac, 6), "%s: mac", rows[i].name);
		cr_expect(!(link.flags & IFF_UP) && !link.is_port && link.peer_nsid == -1 &&
		                  !link.master && !link.vlan_filtering,
		          "%s: expected a bridge that is down", rows[i].name);
		cr_expect(link.ifindex == link_index(&s.node, rows[i].name), "%s: index",
		          rows[i].name);
		r = link_add_bridge(&s.node, &spec, &e);
		cr_expect(r == -EEXIST, "%s: expected %d, found %d", rows[i].name, -EEXIST, r);
		cr_expect_str_eq(e.msg, "create the bridge: File exists", "%s: found \"%s\"",
		                 rows[i].name, e.msg);
		ok(link_del(&s.node, rows[i].name, &e), &e);
		cr_expect(link_index(&s.node, rows[i].name) == 0, "%s: expected to be gone",
		          rows[i].name);
	}
}

/* 3 is NET_ADDR_SET: given by us, so that nobody replaces it. */
static void check_assign_type(int netns, const char *name)
{
	char path[128], type = 0;
	int fd;

	cr_assert(setns(netns, CLONE_NEWNET) == 0, "setns");
	cr_assert(mount("sysfs", "/sys", "sysfs", 0, NULL) == 0, "mount sysfs");
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/addr_assign_type", name);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && read(fd, &type, 1) == 1, "read %s", path);
	close(fd);
	cr_expect(type == '3', "%s: addr_assign_type: expected 3, found %c", name, type);
	cr_assert(umount2("/sys", MNT_DETACH) == 0, "umount sysfs");
}

Test(link, veth)
{
	struct link_info host, pod;
	struct nl_batch b;
	struct space s;
	struct veth_spec spec;

	space_private_mounts();
	space_open(&s);
	space_add_bridge(&s);
	spec = space_veth_spec(&s);
	spec.alias = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	spec.mtu = 1400;
	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	link_connect_msg(&b, &spec);
	link_set_up_by_name_msg(&b, spec.host_name, true);
	space_send(&s.node, &b);

	host = space_link(&s.node, SPACE_HOST);
	pod = space_link(&s.pod, SPACE_POD);
	cr_expect_str_eq(host.kind, "veth", "kind: found \"%s\"", host.kind);
	cr_expect_str_eq(host.alias, spec.alias, "alias: found \"%s\"", host.alias);
	cr_expect(host.mtu == 1400 && pod.mtu == 1400, "mtu: expected 1400, found %u and %u",
	          host.mtu, pod.mtu);
	cr_expect(!memcmp(host.mac, space_host_mac, 6) && !memcmp(pod.mac, space_pod_mac, 6),
	          "MAC addresses");
	cr_expect(host.master == s.bridge && host.is_port, "master: expected %d, found %d",
	          s.bridge, host.master);
	cr_expect(host.flags & IFF_UP, "the host end is up");
	cr_expect(!(pod.flags & IFF_UP), "the peer is down");
	cr_expect(host.peer == pod.ifindex && host.peer_nsid >= 0,
	          "peer: expected %d in another namespace, found %d, %d", pod.ifindex, host.peer,
	          host.peer_nsid);
	cr_expect(link_index(&s.node, SPACE_POD) == 0, "no peer here");
	check_assign_type(s.node_fd, SPACE_HOST);
	check_assign_type(s.pod_fd, SPACE_POD);
}

Test(link, veth_refused)
{
	struct space s;
	static const struct {
		const char *name, *host, *peer;
		int bad_netns;
		int no;
		const char *msg; /* its beginning */
	} rows[] = {
		{ "host name taken", SPACE_HOST, "eth1", 0, EEXIST,
		  "create the veth pair: File exists" },
		{ "peer name taken", "host1", SPACE_POD, 0, EEXIST,
		  "create the veth pair: File exists" },
		{ "no namespace", "host1", "eth1", 1, EINVAL,
		  "create the veth pair: Invalid argument" },
		{ "a name too long", "host1", "eth1-with-a-name-too-long", 0, ERANGE,
		  "create the veth pair: Numerical" },
		{ "a name with a slash", "ho/st", "eth1", 0, EINVAL,
		  "create the veth pair: Invalid argument" },
	};

	space_open(&s);
	space_add_bridge(&s);
	(void)space_add_veth(&s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct veth_spec spec = space_veth_spec(&s);
		struct err e = { .msg = "" };
		struct nl_batch b;
		int r;

		spec.host_name = rows[i].host;
		spec.peer_name = rows[i].peer;
		if (rows[i].bad_netns)
			spec.peer_netns = s.node.fd; /* a socket */
		nl_batch_init(&b);
		link_add_veth_msg(&b, &spec);
		link_connect_msg(&b, &spec);
		link_set_up_by_name_msg(&b, spec.host_name, true);
		r = nl_do(&s.node, &b, &e);
		cr_expect(r == -rows[i].no && b.failed == 0, "%s: expected %d, found %d: %s",
		          rows[i].name, -rows[i].no, r, e.msg);
		cr_expect(!strncmp(e.msg, rows[i].msg, strlen(rows[i].msg)),
		          "%s: expected \"%s\", found \"%s\"", rows[i].name, rows[i].msg, e.msg);
		cr_expect(link_index(&s.node, "host1") == 0 && link_index(&s.pod, "eth1") == 0,
		          "%s: expected nothing left behind", rows[i].name);
	}
}

/* No link-local address appears on a bridge port, whatever the settings of IPv6 are; a ptp link
 * gets one. */
Test(link, veth_ipv6)
{
	static const struct {
		const char *name, *disable;
		uint32_t mtu;
		bool port;
		int addresses;
	} rows[] = {
		{ "port", "0", 0, true, 0 },
		{ "port without IPv6", "1", 0, true, 0 },
		{ "port, MTU too small for IPv6", "0", 1000, true, 0 },
		{ "point to point", "0", 0, false, 1 },
		{ "point to point without IPv6", "1", 0, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_prefix found[4];
		struct veth_spec spec;
		struct nl_batch b;
		struct space s;
		struct err e;
		int n;

		space_open(&s);
		ok(sysctl_set("net/ipv6/conf/default/disable_ipv6", rows[i].disable, &e), &e);
		space_add_bridge(&s);
		spec = space_veth_spec(&s);
		spec.mtu = rows[i].mtu;
		if (!rows[i].port)
			spec.master = 0;
		nl_batch_init(&b);
		link_add_veth_msg(&b, &spec);
		link_connect_msg(&b, &spec);
		link_set_up_by_name_msg(&b, spec.host_name, true);
		ok(nl_do(&s.node, &b, &e), &e);
		link_up_msg(&b, link_index(&s.pod, SPACE_POD), true);
		space_send(&s.pod, &b);
		/* What IPv6 does when there is carrier has been done when this returns. */
		ok(link_wait_port(&s.node, SPACE_HOST, PORT_TIMEOUT_MS, &e), &e);
		n = address_list(&s.node, link_index(&s.node, SPACE_HOST), AF_INET6, found, NULL, 4,
		                 &e);
		cr_expect(n == rows[i].addresses, "%s: expected %d addresses, found %d",
		          rows[i].name, rows[i].addresses, n);
	}
}

struct seen {
	const char *name;
	struct link_info link;
	int n;
};

static int see(const struct link_info *link, void *arg, struct err *e)
{
	struct seen *seen = arg;

	(void)e;
	seen->n++;
	if (!strcmp(link->name, seen->name))
		seen->link = *link;
	return 0;
}

static int port_state(const char *name)
{
	char path[128], state = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/brport/state", name);
	fd = open(path, O_RDONLY);
	cr_assert(fd >= 0 && read(fd, &state, 1) == 1, "read %s", path);
	close(fd);
	return state - '0';
}

/* Since Linux 6.8 asking for a link's carrier delivers its event; before, a worker of the kernel does. */
static bool sync_carrier_delivers(void)
{
	unsigned int major, minor;
	struct utsname u;

	cr_assert(uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2, "uname");
	return major > 6 || (major == 6 && minor >= 8);
}

struct tally {
	int before, synced,
		waited; /* ports that forward: before any call, after the one, after the other */
};

/* One more pair, which joins the bridge. The state is read from sysfs: where asking delivers the event, looking the link up
 * would do so too. */
static void join_bridge(struct space *s, int i, uint32_t group, struct tally *t)
{
	struct veth_spec spec = space_veth_spec(s);
	char host[16], pod[16];
	struct nl_batch b;
	struct err e;

	(void)snprintf(host, sizeof(host), "h%d", i);
	(void)snprintf(pod, sizeof(pod), "p%d", i);
	spec.host_name = host;
	spec.peer_name = pod;
	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	link_connect_msg(&b, &spec);
	link_set_up_by_name_msg(&b, spec.host_name, true);
	space_send(&s->node, &b);
	link_up_msg(&b, link_index(&s->pod, pod), false);
	space_send(&s->pod, &b);
	t->before += port_state(host) == BR_STATE_FORWARDING;
	cr_expect(link_sync_carrier(&s->node, host), "%d: carrier", i);
	t->synced += port_state(host) == BR_STATE_FORWARDING;
	ok(link_wait_port(&s->node, host, PORT_TIMEOUT_MS, &e), &e);
	t->waited += port_state(host) == BR_STATE_FORWARDING;
	link_retire_msg(&b, host, group);
	space_send(&s->node, &b);
}

/* A few of 200 ports do not forward yet when their pair is up; all do when an ADD has waited for them, and where the kernel
 * delivers the event when asked, as soon as it was asked. */
Test(link, port_forwards_when_waited_for)
{
	enum { TIMES = 200, AT_ONCE = 50, GROUP = 7 };
	struct tally t = { .before = 0 };
	struct space s;
	struct err e;

	space_private_mounts();
	space_open(&s);
	cr_assert(mount("sysfs", "/sys", "sysfs", 0, NULL) == 0, "mount sysfs");
	space_add_bridge(&s);
	for (int i = 1; i <= TIMES; i++) {
		join_bridge(&s, i, GROUP, &t);
		if (i % AT_ONCE == 0)
			ok(link_del_group(&s.node, GROUP, &e), &e);
	}
	cr_log_info("forwarding before any call: %d of %d, after sync_carrier: %d", t.before, TIMES,
	            t.synced);
	cr_expect(t.waited == TIMES, "wait_port: expected %d forwarding ports, found %d", TIMES,
	          t.waited);
	if (sync_carrier_delivers())
		cr_expect(t.synced == TIMES,
		          "sync_carrier: expected %d forwarding ports, found %d (%d before)", TIMES,
		          t.synced, t.before);
}

Test(link, port_flags_and_link_flags)
{
	static const struct {
		bool hairpin, isolated;
	} rows[] = { { true, false }, { true, true }, { false, true }, { false, false } };
	static const uint8_t mac[6] = { 2, 9, 9, 9, 9, 9 };
	struct nl_batch b;
	struct space s;
	int host;

	space_open(&s);
	space_add_bridge(&s);
	(void)space_add_veth(&s);
	host = link_index(&s.node, SPACE_HOST);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct link_info link;

		link_set_port_msg(&b, SPACE_HOST, rows[i].hairpin, rows[i].isolated);
		space_send(&s.node, &b);
		link = space_link(&s.node, SPACE_HOST);
		cr_expect(link.hairpin == rows[i].hairpin && link.isolated == rows[i].isolated,
		          "%zu: expected %d %d, found %d %d", i, rows[i].hairpin, rows[i].isolated,
		          link.hairpin, link.isolated);
		cr_expect(link.master == s.bridge && link.flags & IFF_UP,
		          "%zu: still a port, still up", i);
	}
	link_set_promisc_msg(&b, host, true);
	link_set_mac_msg(&b, host, mac);
	link_set_down_msg(&b, host);
	space_send(&s.node, &b);
	cr_expect(space_link(&s.node, SPACE_HOST).flags & IFF_PROMISC, "promiscuous");
	cr_expect(!(space_link(&s.node, SPACE_HOST).flags & IFF_UP), "down");
	cr_expect(!memcmp(space_link(&s.node, SPACE_HOST).mac, mac, 6), "MAC address");
	link_set_promisc_msg(&b, host, false);
	link_set_up_by_name_msg(&b, SPACE_HOST, true);
	space_send(&s.node, &b);
	cr_expect((space_link(&s.node, SPACE_HOST).flags & (IFF_PROMISC | IFF_UP)) == IFF_UP,
	          "up, not promiscuous");
	link_set_port_msg(&b, SPACE_BRIDGE, true, true); /* no port */
	cr_expect(nl_do(&s.node, &b, &(struct err) { 0 }) < 0,
	          "flags of what is no port: expected a failure");
}

Test(link, group)
{
	enum { LINKS = 10, GROUP = 4711 };
	struct err e = { .msg = "untouched" };
	struct seen seen = { .name = "h0" };
	struct nl_batch b;
	struct space s;
	int r;

	space_open(&s);
	space_add_bridge(&s);
	r = link_del_group(&s.node, GROUP, &e);
	cr_expect(r == -ENODEV, "empty group: expected %d, found %d", -ENODEV, r);
	cr_expect_str_eq(e.msg, "untouched", "empty group: found \"%s\"", e.msg);
	nl_batch_init(&b);
	for (int i = 0; i < LINKS; i++) {
		struct veth_spec spec = space_veth_spec(&s);
		char host[16], pod[16];

		(void)snprintf(host, sizeof(host), "h%d", i);
		(void)snprintf(pod, sizeof(pod), "p%d", i);
		spec.host_name = host;
		spec.peer_name = pod;
		link_add_veth_msg(&b, &spec);
		link_connect_msg(&b, &spec);
		link_set_up_by_name_msg(&b, spec.host_name, true);
		if (i)
			link_retire_msg(&b, host, GROUP);
	}
	space_send(&s.node, &b);
	cr_expect(space_link(&s.node, "h3").group == GROUP, "group: expected %d", GROUP);
	cr_expect(!(space_link(&s.node, "h3").flags & IFF_UP), "h3: expected down, found up");
	cr_expect(space_link(&s.node, "h0").flags & IFF_UP, "h0: expected up, found down");
	ok(link_del_group(&s.node, GROUP, &e), &e);
	ok(link_each(&s.node, see, &seen, &e), &e);
	cr_expect(seen.n == 3 && seen.link.ifindex, "expected lo, bridge and h0, found %d links",
	          seen.n);
	cr_expect(link_index(&s.pod, "p0") && !link_index(&s.pod, "p1"), "peers: expected only p0");
	r = link_del_group(&s.node, 0, &e);
	cr_expect(r == -EPERM, "the default group: expected %d, found %d", -EPERM, r);
}

/* Announcements */

static int packet_socket(int ifindex)
{
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0,
	          "packet socket");
	return fd;
}

static bool is_gratuitous_arp(const uint8_t *frame, size_t len, const uint8_t ip[static 4])
{
	struct ether_arp arp;

	if (len < ETH_HLEN + sizeof(arp) || frame[12] != 8 || frame[13] != 6)
		return false;
	memcpy(&arp, frame + ETH_HLEN, sizeof(arp));
	return !memcmp(arp.arp_spa, ip, 4) && !memcmp(arp.arp_tpa, ip, 4) &&
	       !memcmp(arp.arp_sha, space_pod_mac, 6) &&
	       !memcmp(frame, "\xff\xff\xff\xff\xff\xff", 6);
}

static bool is_unsolicited_na(const uint8_t *frame, size_t len, const uint8_t ip[static 16])
{
	struct ip6_hdr hdr;
	struct nd_neighbor_advert na;

	if (len < ETH_HLEN + sizeof(hdr) + sizeof(na) || frame[12] != 0x86 || frame[13] != 0xdd)
		return false;
	memcpy(&hdr, frame + ETH_HLEN, sizeof(hdr));
	memcpy(&na, frame + ETH_HLEN + sizeof(hdr), sizeof(na));
	return na.nd_na_type == ND_NEIGHBOR_ADVERT &&
	       !(na.nd_na_flags_reserved & ND_NA_FLAG_SOLICITED) &&
	       na.nd_na_flags_reserved & ND_NA_FLAG_OVERRIDE && !memcmp(&na.nd_na_target, ip, 16) &&
	       hdr.ip6_dst.s6_addr[0] == 0xff;
}

static bool all_seen(const int *seen, size_t n)
{
	while (n > 0 && seen[n - 1] > 0)
		n--;
	return n == 0;
}

static ssize_t next_frame(int fd, int timeout_ms, uint8_t *frame, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0 ? recv(fd, frame, size, 0) : 0;
}

Test(link, announce)
{
	static const char *const texts[] = { "10.1.0.5/16", "10.1.0.6/32", "fd00::5/64",
		                             "fd00:1::5/128" };
	struct ip_prefix addr[ARRAY_SIZE(texts)];
	int seen[ARRAY_SIZE(texts)] = { 0 };
	uint8_t frame[2048];
	struct nl_batch b;
	struct space s;
	struct err e;
	ssize_t n;
	int pod, fd;

	space_open(&s);
	space_add_bridge(&s);
	pod = space_add_veth(&s);
	cr_assert(setns(s.pod_fd, CLONE_NEWNET) == 0, "setns");
	ok(sysctl_set("net/ipv6/conf/" SPACE_POD "/ndisc_notify", "1", &e), &e);
	nl_batch_init(&b);
	link_up_msg(&b, pod, true);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cr_assert(prefix_parse(texts[i], &addr[i]), "parse %s", texts[i]);
		address_add_msg(&b, pod, &addr[i], false, false);
	}
	space_send(&s.pod, &b);
	/* As an ADD, which announces when both ends carry traffic. */
	ok(link_wait_port(&s.pod, SPACE_POD, PORT_TIMEOUT_MS, &e), &e);
	cr_assert(setns(s.node_fd, CLONE_NEWNET) == 0, "setns");
	ok(link_wait_port(&s.node, SPACE_HOST, PORT_TIMEOUT_MS, &e), &e);
	fd = packet_socket(link_index(&s.node, SPACE_HOST));

	link_announce_msg(&b, pod, space_pod_mac);
	space_send(&s.pod, &b);
	/* Sent inside of the request, but a busy machine hands them over later: see that all come, and none twice. */
	while ((n = next_frame(fd, all_seen(seen, ARRAY_SIZE(seen)) ? 0 : PORT_TIMEOUT_MS, frame,
	                       sizeof(frame))) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
			seen[i] += i < 2 ? is_gratuitous_arp(frame, (size_t)n, addr[i].addr.bytes)
			                 : is_unsolicited_na(frame, (size_t)n, addr[i].addr.bytes);
	}
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		cr_expect(seen[i] == 1, "%s: expected 1 announcement, found %d", texts[i], seen[i]);
	cr_expect(!memcmp(space_link(&s.pod, SPACE_POD).mac, space_pod_mac, 6),
	          "the MAC address is the same");
}

/* VLANs */
