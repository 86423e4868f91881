/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.c - fuzz: what the kernel answers, to every question and to requests
 *
 * Input: a byte for the question, then datagrams, each with its length in two bytes. The kernel is played here: sendto() and recvmsg()
 * of the product are ours (ld --wrap), so no privilege and no network namespace is needed. The first byte of a message's sequence number says
 * how far it is from the one that was asked with.
 *
 * FUZZ_RECORD=FOLDER: no input is tried; every question goes to the real kernel, and what that answers becomes a file of the
 * corpus. To be run on a node with links, routes and rules in it (corpus/README.md).
 */
#include "kernel/netlink.h"
#include "base/fs.h"
#include "kernel/address.h"
#include "kernel/conntrack.h"
#include "kernel/link.h"
#include "kernel/nftables.h"
#include "kernel/route.h"
#include "kernel/route_get.h"
#include "kernel/rule.h"
#include "kernel/ruleset.h"
#include "kernel/ruleset_firewall.h"
#include "kernel/ruleset_policy.h"
#include "kernel/ruleset_portmap.h"
#include "kernel/tc.h"
#include "test/fuzz/fuzz.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	bool on;
	struct fuzz_in in;
	uint32_t seq; /* of the last request */
	unsigned int answers;
} kernel;

static struct {
	FILE *file;
} record;

#define ANSWERS_MAX 64U

ssize_t __real_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t to_len);
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t to_len);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);

ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t to_len)
{
	const uint8_t *at = buf;
	size_t left = len;

	if (!kernel.on)
		return __real_sendto(fd, buf, len, flags, to, to_len);
	while (left >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;

		memcpy(&h, at, sizeof(h));
		fuzz_check(h.nlmsg_len >= sizeof(h) && h.nlmsg_len <= left,
		           "a request of %u of %zu bytes", h.nlmsg_len, left);
		kernel.seq = h.nlmsg_seq;
		at += NLMSG_ALIGN(h.nlmsg_len) < left ? NLMSG_ALIGN(h.nlmsg_len) : left;
		left -= NLMSG_ALIGN(h.nlmsg_len) < left ? NLMSG_ALIGN(h.nlmsg_len) : left;
	}
	return (ssize_t)len;
}

/* Give the messages of a datagram the numbers that are waited for. */
static void number(uint8_t *buf, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		size_t step;

		memcpy(&h, buf, sizeof(h));
		h.nlmsg_seq = kernel.seq - (h.nlmsg_seq & 0xff);
		memcpy(buf, &h, sizeof(h));
		step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len || step > len)
			break;
		buf += step;
		len -= step;
	}
}

static void keep_answer(const struct nlmsghdr *h, int n)
{
	fputc(n & 0xff, record.file);
	fputc(n >> 8, record.file);
	for (; mnl_nlmsg_ok(h, n); h = mnl_nlmsg_next(h, &n)) {
		struct nlmsghdr copy = *h;

		copy.nlmsg_seq = 0;
		fwrite(&copy, sizeof(copy), 1, record.file);
		fwrite(h + 1, NLMSG_ALIGN(h->nlmsg_len) - sizeof(*h), 1, record.file);
	}
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	size_t len, want;
	const uint8_t *bytes;

	if (!kernel.on) {
		ssize_t n = __real_recvmsg(fd, m, flags);

		if (record.file && n > 0)
			keep_answer(m->msg_iov->iov_base, (int)n);
		return n;
	}
	if (kernel.in.left == 0 || kernel.answers++ >= ANSWERS_MAX) {
		errno = EAGAIN;
		return -1;
	}
	want = fuzz_byte(&kernel.in);
	want |= (size_t)fuzz_byte(&kernel.in) << 8;
	bytes = fuzz_bytes(&kernel.in, want, &len);
	if (len > m->msg_iov->iov_len) {
		m->msg_flags = MSG_TRUNC;
		len = m->msg_iov->iov_len;
	}
	if (len)
		memcpy(m->msg_iov->iov_base, bytes, len);
	number(m->msg_iov->iov_base, len);
	memcpy(m->msg_name, &from, sizeof(from));
	m->msg_namelen = sizeof(from);
	return (ssize_t)len;
}

/* ---- questions ---- */

static struct ip_addr some_addr(void)
{
	return (struct ip_addr) { .family = AF_INET, .bytes = { 10, 80, 0, 2 } };
}

static void terminated(const char *text, size_t size)
{
	fuzz_check(memchr(text, '\0', size) != NULL, "a text without end");
}

static int see_link(const struct link_info *link, void *arg, struct err *e)
{
	(void)arg, (void)e;
	terminated(link->name, sizeof(link->name));
	terminated(link->kind, sizeof(link->kind));
	terminated(link->alias, sizeof(link->alias));
	return 0;
}

static int ask_link(struct nl_sock *s, struct err *e)
{
	struct link_info info;
	int r = link_get(s, 0, "lo", &info, e);

	if (r == 0)
		see_link(&info, NULL, e);
	return r == -ENODEV ? 0 : r;
}

static int ask_links(struct nl_sock *s, struct err *e)
{
	return link_each(s, see_link, NULL, e);
}

static int ask_vlans(struct nl_sock *s, struct err *e)
{
	static struct port_vlans vlans;
	int r = link_get_vlans(s, 2, &vlans, e);

	fuzz_check(r < 0 || vlans.n_trunk <= 64, "%zu ranges", vlans.n_trunk);
	return r;
}

static int ask_delete(struct nl_sock *s, struct err *e)
{
	int r = link_del(s, "nobody0", e);

	return r == -ENODEV ? 0 : r;
}

static int ask_add(struct nl_sock *s, struct err *e)
{
	return tc_add_ifb(s, "lo", 1500, "fuzz", e);
}

static int ask_addresses(struct nl_sock *s, struct err *e)
{
	struct ip_prefix list[8];
	int index[8], r = address_list(s, 0, AF_UNSPEC, list, index, 8, e);

	for (int i = 0; i < r && i < 8; i++)
		fuzz_check(list[i].addr.family == AF_INET || list[i].addr.family == AF_INET6,
		           "family");
	return r;
}

static int see_route(const struct route_spec *route, void *arg, struct err *e)
{
	(void)arg, (void)e;
	fuzz_check(route->dst.addr.family == AF_INET || route->dst.addr.family == AF_INET6,
	           "family %d", route->dst.addr.family);
	return 0;
}

static int ask_routes(struct nl_sock *s, struct err *e)
{
	return route_each(s, AF_INET, 0, 0, see_route, NULL, e);
}

static int ask_routes6(struct nl_sock *s, struct err *e)
{
	return route_each(s, AF_INET6, 0, 0, see_route, NULL, e);
}

static int ask_route(struct nl_sock *s, struct err *e)
{
	const struct ip_addr dst = some_addr();
	struct route_answer a;

	return route_get(s, &dst, &a, e);
}

static int ask_rule(struct nl_sock *s, struct err *e)
{
	static const struct rule_spec spec = { 100, 0x100000, 0x100000 };

	return rule_has_blackhole(s, &spec, e);
}

static int ask_tbf(struct nl_sock *s, struct err *e)
{
	struct tc_tbf tbf;
	uint32_t ticks;

	return tc_get_tbf(s, 2, &tbf, &ticks, e);
}

static int ask_redirect(struct nl_sock *s, struct err *e)
{
	return tc_has_redirect(s, 2, 3, e);
}

static bool choose(const struct conntrack *ct, void *arg)
{
	(void)arg;
	return ct->dport & 1;
}

static int ask_conntrack(struct nl_sock *s, struct err *e)
{
	return conntrack_forget(s, AF_INET, IPPROTO_UDP, 0, choose, NULL, e);
}

static int see_masquerade(const struct ip_prefix *pod, const char *owner, void *arg, struct err *e)
{
	(void)pod, (void)arg, (void)e;
	fuzz_check(strlen(owner) < 512, "a comment of %zu bytes", strlen(owner));
	return 0;
}

static int ask_masquerades(struct nl_sock *s, struct err *e)
{
	return ruleset_each_masquerade(s, see_masquerade, NULL, e);
}

static int ask_masquerade(struct nl_sock *s, struct err *e)
{
	const struct ip_prefix pod = { .addr = some_addr(), .len = 24 };
	char owner[RULESET_COMMENT_MAX + 1];
	int r = ruleset_has_masquerade(s, &pod, owner, e);

	if (r > 0)
		terminated(owner, sizeof(owner));
	return r;
}

static int ask_intact(struct nl_sock *s, struct err *e)
{
	const char *missing = NULL;

	return ruleset_intact(s, RULESET_INET, &missing, e);
}

static int see_hostport(const struct hostport *hp, const char *owner, void *arg, struct err *e)
{
	(void)hp, (void)owner, (void)arg, (void)e;
	return 0;
}

static int ask_hostports(struct nl_sock *s, struct err *e)
{
	return ruleset_each_hostport(s, see_hostport, NULL, e);
}

static int see_rule(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	(void)arg, (void)e;
	(void)strlen(rule->comment);
	(void)strlen(rule->jump);
	return 0;
}

static int ask_rules(struct nl_sock *s, struct err *e)
{
	return nft_each_rule(s, NFPROTO_INET, "cnida", "postrouting", see_rule, NULL, NULL, e);
}

static int see_chain(const char *name, void *arg, struct err *e)
{
	(void)arg, (void)e;
	(void)strlen(name);
	return 0;
}

static int ask_chains(struct nl_sock *s, struct err *e)
{
	return nft_each_chain(s, NFPROTO_INET, "cnida", see_chain, NULL, e);
}

static const struct {
	int bus;
	int (*ask)(struct nl_sock *s, struct err *e);
	const char *name;
} questions[] = {
	{ NETLINK_ROUTE, ask_link, "link" },
	{ NETLINK_ROUTE, ask_links, "links" },
	{ NETLINK_ROUTE, ask_vlans, "vlans" },
	{ NETLINK_ROUTE, ask_delete, "delete" },
	{ NETLINK_ROUTE, ask_add, "add" },
	{ NETLINK_ROUTE, ask_addresses, "addresses" },
	{ NETLINK_ROUTE, ask_routes, "routes" },
	{ NETLINK_ROUTE, ask_routes6, "routes6" },
	{ NETLINK_ROUTE, ask_route, "route" },
	{ NETLINK_ROUTE, ask_rule, "rule" },
	{ NETLINK_ROUTE, ask_tbf, "tbf" },
	{ NETLINK_ROUTE, ask_redirect, "redirect" },
	{ NETLINK_NETFILTER, ask_conntrack, "conntrack" },
	{ NETLINK_NETFILTER, ask_masquerades, "masquerades" },
	{ NETLINK_NETFILTER, ask_masquerade, "masquerade" },
	{ NETLINK_NETFILTER, ask_intact, "intact" },
	{ NETLINK_NETFILTER, ask_hostports, "hostports" },
	{ NETLINK_NETFILTER, ask_rules, "rules" },
	{ NETLINK_NETFILTER, ask_chains, "chains" },
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void record_all(const char *folder)
{
	for (size_t i = 0; i < QUESTIONS; i++) {
		char path[512];
		struct nl_sock s;
		struct err e;

		if (nl_open(questions[i].bus, &s, &e) < 0)
			exit(2);
		snprintf(path, sizeof(path), "%s/%s", folder, questions[i].name);
		record.file = fopen(path, "w");
		if (!record.file)
			exit(2);
		fputc((int)i, record.file);
		printf("%s: %d\n", questions[i].name, questions[i].ask(&s, &e));
		fclose(record.file);
		record.file = NULL;
		nl_close(&s);
	}
	_exit(0);
}

FUZZ(netlink)
{
	struct fuzz_in in = { data, len };
	size_t which = fuzz_byte(&in) % QUESTIONS;
	struct nl_sock s = { .fd = -1, .netfilter = questions[which].bus == NETLINK_NETFILTER };
	struct err e = fuzz_err();

	if (getenv("FUZZ_RECORD"))
		record_all(getenv("FUZZ_RECORD"));
	kernel.on = true;
	kernel.in = in;
	kernel.answers = 0;
	fuzz_judge(questions[which].ask(&s, &e), &e, questions[which].name);
	kernel.on = false;
	return 0;
}
