/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * space.h - namespaces of the test's own: a node and a pod, a bridge and a veth pair between them
 *
 * Criterion runs each test in a process of its own, so what is made here goes away with it, also on
 * failure.
 */
#ifndef CNIDA_TEST_NET_SPACE_H
#define CNIDA_TEST_NET_SPACE_H

#include "kernel/link.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#define SPACE_BRIDGE "br0"
#define SPACE_HOST   "host0"
#define SPACE_POD    "eth0"

static const uint8_t space_bridge_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
static const uint8_t space_host_mac[6] = { 0x02, 0, 0, 0, 0, 0x02 };
static const uint8_t space_pod_mac[6] = { 0x02, 0, 0, 0, 0, 0x03 };

struct space {
	int node_fd, pod_fd;      /* namespaces */
	struct nl_sock node, pod; /* rtnetlink in each */
	int bridge;               /* index */
};

#define ok(call, e)                                                                       \
	do {                                                                              \
		int ok_r_ = (call);                                                       \
		cr_assert(ok_r_ >= 0, "%s: expected success, found %d: %s", #call, ok_r_, \
		          (e)->msg);                                                      \
	} while (0)

static inline int space_new_netns(void)
{
	int fd;

	cr_assert(unshare(CLONE_NEWNET) == 0, "unshare: expected success (is this root?)");
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0, "open /proc/self/ns/net");
	return fd;
}

/* A mount namespace whose changes nobody else sees, with an empty /run. */
static inline void space_private_mounts(void)
{
	cr_assert(unshare(CLONE_NEWNS) == 0, "unshare the mount namespace");
	cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make mounts private");
	cr_assert(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0, "mount /run");
}

/* Both namespaces; the process is in the node's. */
static inline void space_open(struct space *s)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	s->pod_fd = space_new_netns();
	ok(nl_open(NETLINK_ROUTE, &s->pod, &e), &e);
	s->node_fd = space_new_netns();
	ok(nl_open(NETLINK_ROUTE, &s->node, &e), &e);
}

static inline void space_add_bridge(struct space *s)
{
	const struct bridge_spec spec = { .name = SPACE_BRIDGE, .mac = space_bridge_mac };
	struct nl_batch b;
	struct err e;

	ok(link_add_bridge(&s->node, &spec, &e), &e);
	nl_batch_init(&b);
	link_set_up_by_name_msg(&b, SPACE_BRIDGE, true);
	ok(nl_do(&s->node, &b, &e), &e);
	s->bridge = link_index(&s->node, SPACE_BRIDGE);
}

static inline struct veth_spec space_veth_spec(const struct space *s)
{
	return (struct veth_spec) {
		.host_name = SPACE_HOST,
		.host_mac = space_host_mac,
		.peer_name = SPACE_POD,
		.peer_mac = space_pod_mac,
		.peer_netns = s->pod_fd,
		.master = s->bridge,
	};
}

/* The pair, the pod's end still down. Returns the index of the pod's end. */
static inline int space_add_veth(struct space *s)
{
	struct veth_spec spec = space_veth_spec(s);
	struct nl_batch b;
	struct err e;

	nl_batch_init(&b);
	link_add_veth_msg(&b, &spec);
	link_connect_msg(&b, &spec);
	link_set_up_by_name_msg(&b, spec.host_name, true);
	ok(nl_do(&s->node, &b, &e), &e);
	return link_index(&s->pod, SPACE_POD);
}

/* The link of a name, which must be there. */
static inline struct link_info space_link(struct nl_sock *s, const char *name)
{
	struct link_info link = { 0 };
	struct err e = { .msg = "no such link" };

	ok(link_get(s, 0, name, &link, &e), &e);
	return link;
}

/* Sends a batch, which must succeed. */
static inline void space_send(struct nl_sock *s, struct nl_batch *b)
{
	struct err e;

	ok(nl_do(s, b, &e), &e);
}

#endif
