/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_node.h - a node for tests of host ports: two pods on a bridge, an outside, sockets in each, ADD and DEL
 */
#ifndef CNIDA_TEST_PORTMAP_NODE_H
#define CNIDA_TEST_PORTMAP_NODE_H

#include "base/json.h"
#include "endpoint/portmap.h"
#include "endpoint/portmap_record.h"
#include "kernel/link.h"
#include "types/type.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "nft_node.h"

static const char portmap_topology[] =
	"exec 2>&1; set -e\n"
	"ip link set lo up\n"
	"quick='sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0'\n"
	"$quick net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1\n"
	"ip link add cni0 type bridge\n"
	"ip link set cni0 up\n"
	"ip addr add 10.1.0.1/24 dev cni0\n"
	"ip addr add fd01::1/64 dev cni0 nodad\n"
	"for i in 2 3; do\n"
	"  ip netns add pod$i\n"
	"  ip netns exec pod$i $quick\n"
	"  ip link add h$i type veth peer name eth0 netns pod$i\n"
	"  ip link set h$i master cni0 up\n"
	"  ip link set h$i type bridge_slave hairpin on\n"
	"  ip -n pod$i link set lo up\n"
	"  ip -n pod$i link set eth0 up\n"
	"  ip -n pod$i addr add 10.1.0.$i/24 dev eth0\n"
	"  ip -n pod$i addr add fd01::$i/64 dev eth0 nodad\n"
	"  ip -n pod$i route add default via 10.1.0.1\n"
	"  ip -n pod$i route add default via fd01::1\n"
	"done\n" NODE_OUTSIDE "ip -n outside route add default via 192.0.2.1\n";

/* The node's ends came up first: they send nothing, and a bridge lets nothing through, before the kernel has told them
 * that they have carrier. */
static inline void portmap_wait_links(void)
{
	static const char *const ends[] = { "h2", "h3", "up0" };
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct err e = { 0 };

	cr_assert_eq(nl_open(NETLINK_ROUTE, &s, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		cr_assert_eq(link_wait_port(&s, ends[i], 10000, &e), 0, "%s: %s", ends[i], e.msg);
}

static inline void portmap_node(void)
{
	own_run();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
	/* /proc/sys/net and /sys are those of the process that looks. */
	must(portmap_topology);
	portmap_wait_links();
}

/* Sockets */

union portmap_addr {
	struct sockaddr sa;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

static inline socklen_t portmap_addr(const char *text, uint16_t port, union portmap_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		ret->six.sin6_family = AF_INET6;
		ret->six.sin6_port = htons(port);
		cr_assert_eq(inet_pton(AF_INET6, text, &ret->six.sin6_addr), 1, "%s", text);
		return sizeof(ret->six);
	}
	ret->four.sin_family = AF_INET;
	ret->four.sin_port = htons(port);
	cr_assert_eq(inet_pton(AF_INET, text, &ret->four.sin_addr), 1, "%s", text);
	return sizeof(ret->four);
}

/* A socket in a namespace ("": the node's), bound; listening if it is TCP and has a port. */
static inline int portmap_socket(const char *netns, int type, const char *addr, uint16_t port)
{
	const struct timeval deadline = { .tv_usec = 400000 };
	union portmap_addr a;
	socklen_t len = portmap_addr(addr, port, &a);
	char path[64];
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = -1, fd;

	if (*netns) {
		(void)snprintf(path, sizeof(path), "/run/netns/%s", netns);
		there = open(path, O_RDONLY | O_CLOEXEC);
		cr_assert_eq(setns(there, CLONE_NEWNET), 0, "%s: %s", netns, strerror(errno));
		(void)close(there);
	}
	fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(const int) { 1 }, sizeof(int));
	if (a.sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(const int) { 1 }, sizeof(int));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	cr_assert_eq(bind(fd, &a.sa, len), 0, "bind %s %s: %s", netns, addr, strerror(errno));
	if (type == SOCK_STREAM && port)
		cr_assert_eq(listen(fd, 64), 0, "%s", strerror(errno));
	cr_assert_eq(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
	return fd;
}

static inline const char *portmap_text(const union portmap_addr *a,
                                       char buf[static INET6_ADDRSTRLEN])
{
	if (a->sa.sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &a->six.sin6_addr, buf, INET6_ADDRSTRLEN);
	else
		(void)inet_ntop(AF_INET, &a->four.sin_addr, buf, INET6_ADDRSTRLEN);
	return buf;
}

/* Requests */

static inline int portmap_call(enum cni_verb verb, const char *id, const char *ports,
                               const char *more, struct err *e)
{
	static const char form[] =
		"{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"portmap\",%s"
		"\"runtimeConfig\":{\"portMappings\":%s},"
		"\"prevResult\":{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"cni0\"},"
		"{\"name\":\"eth0\",\"sandbox\":\"/run/netns/%s\"}],"
		"\"ips\":[{\"address\":\"10.1.0.%c/24\",\"interface\":1},"
		"{\"address\":\"fd01::%c/64\",\"interface\":1}]}}";
	const struct cni_type *type = cni_type_find("portmap");
	char netns[64], last = id[strlen(id) - 1];
	_cleanup_free_ char *text = NULL;
	struct request req = { .verb = verb,
		               .type = "portmap",
		               .container_id = id,
		               .netns = netns,
		               .ifname = "eth0",
		               .args = "",
		               .path = "",
		               .version = CNI_1_0_0,
		               .network = "net" };
	struct result res;
	int r;

	(void)snprintf(netns, sizeof(netns), "/run/netns/%s", id);
	cr_assert(asprintf(&text, form, more, ports, id, last, last) > 0);
	cr_assert_eq(jparse(text, strlen(text), &req.config, e), 0, "%s: %s", text, e->msg);
	req.prev_result = jget(req.config, "prevResult");
	result_init(&res);
	r = verb == CNI_ADD   ? type->add(&req, &res, e)
	    : verb == CNI_DEL ? type->del(&req, e)
	                      : type->check(&req, e);
	result_free(&res);
	json_decref(req.config);
	return r;
}

#define portmap_ok(verb, id, ports, more)                                                     \
	do {                                                                                  \
		struct err ok_e_;                                                             \
		int ok_r_ = portmap_call(verb, id, ports, more, &ok_e_);                      \
		cr_assert_eq(ok_r_, 0, "%s of %s: expected success, found %d: %s", #verb, id, \
		             ok_r_, ok_r_ ? ok_e_.msg : "");                                  \
	} while (0)

#endif
