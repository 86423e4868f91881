/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_node.h - a node for nftables tests: a namespace, its rules, pods that are masqueraded
 */
#ifndef CNIDA_TEST_NFT_NODE_H
#define CNIDA_TEST_NFT_NODE_H

#include "kernel/ruleset.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/* Behind the kernel's headers. */
#include <criterion/criterion.h>

/* Lines of a topology: who is not on this node. $quick: settings of a namespace. */
#define NODE_OUTSIDE                                               \
	"ip netns add outside\n"                                   \
	"ip netns exec outside $quick\n"                           \
	"ip link add up0 type veth peer name eth0 netns outside\n" \
	"ip addr add 192.0.2.1/24 dev up0\n"                       \
	"ip addr add 2001:db8::1/64 dev up0 nodad\n"               \
	"ip link set up0 up\n"                                     \
	"ip -n outside addr add 192.0.2.2/24 dev eth0\n"           \
	"ip -n outside addr add 2001:db8::2/64 dev eth0 nodad\n"   \
	"ip -n outside link set lo up\n"                           \
	"ip -n outside link set eth0 up\n"

/* A namespace of our own, and a socket into its nftables. */
static inline struct nl_sock fresh(void)
{
	struct nl_sock s;
	struct err e;

	cr_assert_eq(unshare(CLONE_NEWNET), 0, "a network namespace: %s", strerror(errno));
	cr_assert_eq(nl_open(NETLINK_NETFILTER, &s, &e), 0, "%s", e.msg);
	return s;
}

/* Output of a shell command, cut at the buffer's size. */
static inline int run(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");
	size_t n;

	cr_assert_not_null(f, "%s", command);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	return pclose(f);
}

static inline void must(const char *command)
{
	char out[4096];
	int rc = run(command, out, sizeof(out));

	cr_assert_eq(rc, 0, "`%s` ended with %d: %s", command, rc, out);
}

static inline struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	cr_assert(prefix_parse(text, &p), "%s", text);
	return p;
}

static inline void create(struct nl_sock *s, enum ruleset_table table)
{
	struct err e;

	cr_assert_eq(ruleset_create(s, table, &e), 0, "create: %s", e.msg);
}

static inline int add(struct nl_sock *s, const char *pod, const char *owner, struct err *e)
{
	const struct ip_prefix p = prefix(pod);
	struct ruleset_txn t;

	ruleset_begin(&t);
	ruleset_add_masquerade(&t, &p, owner);
	return ruleset_commit(s, &t, e);
}

/* An empty /run, so that named namespaces are nobody else's. */
static inline void own_run(void)
{
	cr_assert_eq(unshare(CLONE_NEWNS), 0, "%s", strerror(errno));
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	cr_assert_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0, "%s", strerror(errno));
}

#endif
