/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conntrack.c - forget tracked connections (ctnetlink)
 *
 * Walk first, delete afterwards: the walk's answers and those of deletions share the socket. Each round collects as
 * many as one array takes; a round that did not fill it was the last.
 */
#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

/* What of CTA_TUPLE_ORIG counts in a filtered walk (CTA_FILTER, Linux 5.8): not in the kernel's headers. */
#define FILTER_IP_SRC         (1u << 0)
#define FILTER_IP_DST         (1u << 1)
#define FILTER_PROTO_NUM      (1u << 3)
#define FILTER_PROTO_SRC_PORT (1u << 4)
#define FILTER_PROTO_DST_PORT (1u << 5)

static_assert(CONNTRACK_DST_NAT == IPS_DST_NAT, "the kernel's bit");

#define ROUND_MAX 512
#define ROUNDS    16
#define BATCH_MAX 48 /* deletions in one request */

struct round {
	conntrack_fn choose;
	void *arg;
	sa_family_t family;
	uint8_t proto;
	uint16_t port;
	size_t n;
	struct conntrack v[ROUND_MAX];
};

static void begin(struct nl_batch *b, uint16_t msg, uint16_t flags, sa_family_t family,
                  const char *what)
{
	const struct nfgenmsg hdr = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };

	nl_begin(b, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | msg), flags, &hdr, sizeof(hdr), what);
}

static void put_be16(struct nl_batch *b, uint16_t attr, uint16_t v)
{
	const uint8_t be[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	nl_put(b, attr, be, sizeof(be));
}

static uint16_t be16(const struct nlattr *a)
{
	uint8_t be[2] = { 0, 0 };

	(void)nl_copy(a, be, sizeof(be));
	return (uint16_t)(be[0] << 8 | be[1]);
}

/* Reading */

static void get_addr(const struct nlattr *a, sa_family_t family, struct ip_addr *ret)
{
	*ret = (struct ip_addr) { .family = family };
	if (!nl_copy(a, ret->bytes, ip_size(family)))
		ret->family = AF_UNSPEC;
}

struct tuple {
	struct ip_addr src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};

static void read_tuple(const struct nlattr *nest, sa_family_t family, struct tuple *ret)
{
	const struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	const bool v6 = family == AF_INET6;

	nl_attrs_nested(nest, tb, CTA_TUPLE_MAX);
	nl_attrs_nested(tb[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	nl_attrs_nested(tb[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
	get_addr(ip[v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC], family, &ret->src);
	get_addr(ip[v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST], family, &ret->dst);
	ret->proto = nl_u8(proto[CTA_PROTO_NUM]);
	ret->sport = be16(proto[CTA_PROTO_SRC_PORT]);
	ret->dport = be16(proto[CTA_PROTO_DST_PORT]);
}

static int collect(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[CTA_MAX + 1];
	struct round *round = arg;
	struct conntrack *ct = &round->v[round->n];
	struct tuple orig, reply;

	(void)e;
	if (round->n == ROUND_MAX)
		return 0;
	nl_attrs(msg, sizeof(struct nfgenmsg), tb, CTA_MAX);
	read_tuple(tb[CTA_TUPLE_ORIG], round->family, &orig);
	read_tuple(tb[CTA_TUPLE_REPLY], round->family, &reply);
	*ct = (struct conntrack) {
		.proto = orig.proto,
		.src = orig.src,
		.dst = orig.dst,
		.sport = orig.sport,
		.dport = orig.dport,
		.answers = reply.src,
		.answers_port = reply.sport,
		.status = ntohl(nl_u32(tb[CTA_STATUS])),
		.id = ntohl(nl_u32(tb[CTA_ID])),
		.zone = be16(tb[CTA_ZONE]),
	};
	/* A kernel that does not know the filter sends everything. */
	if (!ip_is_set(&ct->src) || !ip_is_set(&ct->dst) || ct->proto != round->proto ||
	    (round->port && ct->dport != round->port))
		return 0;
	if (round->choose(ct, round->arg))
		round->n++;
	return 0;
}

static void restart(void *arg)
{
	((struct round *)arg)->n = 0;
}

static int walk(struct nl_sock *s, struct round *round, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	size_t tuple, proto, filter;

	nl_batch_init(&b);
	begin(&b, IPCTNL_MSG_CT_GET, NLM_F_DUMP, round->family, "look for tracked connections");
	tuple = nl_nest(&b, CTA_TUPLE_ORIG);
	proto = nl_nest(&b, CTA_TUPLE_PROTO);
	nl_put_u8(&b, CTA_PROTO_NUM, round->proto);
	if (round->port)
		put_be16(&b, CTA_PROTO_DST_PORT, round->port);
	nl_nest_end(&b, proto);
	nl_nest_end(&b, tuple);
	filter = nl_nest(&b, CTA_FILTER);
	nl_put_u32(&b, CTA_FILTER_ORIG_FLAGS,
	           FILTER_PROTO_NUM | (round->port ? FILTER_PROTO_DST_PORT : 0));
	nl_nest_end(&b, filter);
	return nl_ask(s, &b, collect, restart, round, e);
}

/* Deleting */

static void put_delete(struct nl_batch *b, const struct conntrack *ct)
{
	const bool v6 = ct->src.family == AF_INET6;
	size_t tuple, nest;

	begin(b, IPCTNL_MSG_CT_DELETE, 0, ct->src.family, "forget a tracked connection");
	tuple = nl_nest(b, CTA_TUPLE_ORIG);
	nest = nl_nest(b, CTA_TUPLE_IP);
	nl_put(b, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, ct->src.bytes, ip_size(ct->src.family));
	nl_put(b, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, ct->dst.bytes, ip_size(ct->dst.family));
	nl_nest_end(b, nest);
	nest = nl_nest(b, CTA_TUPLE_PROTO);
	nl_put_u8(b, CTA_PROTO_NUM, ct->proto);
	put_be16(b, CTA_PROTO_SRC_PORT, ct->sport);
	put_be16(b, CTA_PROTO_DST_PORT, ct->dport);
	nl_nest_end(b, nest);
	nl_nest_end(b, tuple);
	if (ct->zone)
		put_be16(b, CTA_ZONE, ct->zone);
	/* Not its successor, which may have come since. */
	nl_put_u32(b, CTA_ID, htonl(ct->id));
}

static int forget(struct nl_sock *s, const struct round *round, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;

	for (size_t from = 0; from < round->n; from += BATCH_MAX) {
		int r;

		nl_batch_init(&b);
		for (size_t i = from; i < round->n && i < from + BATCH_MAX; i++)
			put_delete(&b, &round->v[i]);
		r = nl_do(s, &b, &mine);
		/* One that ended by itself; the others of the request are carried out all the same. */
		if (r < 0 && r != -ENOENT) {
			*e = mine;
			return r;
		}
	}
	return (int)round->n;
}

/* All that are alike */

static void put_flush(struct nl_batch *b, const struct conntrack_filter *f)
{
	const bool dst = ip_is_set(&f->dst), by = ip_is_set(&f->answers);
	size_t tuple, nest;

	begin(b, IPCTNL_MSG_CT_DELETE, 0, f->family, "forget tracked connections");
	tuple = nl_nest(b, CTA_TUPLE_ORIG);
	if (dst) {
		nest = nl_nest(b, CTA_TUPLE_IP);
		nl_put(b, CTA_IP_V4_DST, f->dst.bytes, ip_size(f->family));
		nl_nest_end(b, nest);
	}
	nest = nl_nest(b, CTA_TUPLE_PROTO);
	nl_put_u8(b, CTA_PROTO_NUM, f->proto);
	put_be16(b, CTA_PROTO_DST_PORT, f->dport);
	nl_nest_end(b, nest);
	nl_nest_end(b, tuple);
	if (by) {
		tuple = nl_nest(b, CTA_TUPLE_REPLY);
		nest = nl_nest(b, CTA_TUPLE_IP);
		nl_put(b, CTA_IP_V4_SRC, f->answers.bytes, ip_size(f->family));
		nl_nest_end(b, nest);
		nest = nl_nest(b, CTA_TUPLE_PROTO);
		nl_put_u8(b, CTA_PROTO_NUM, f->proto);
		put_be16(b, CTA_PROTO_SRC_PORT, f->answers_port);
		nl_nest_end(b, nest);
		nl_nest_end(b, tuple);
	}
	/* An earlier kernel overlooks this and takes the tuple for a single connection's, of which then half is missing:
	 * EINVAL. */
	nest = nl_nest(b, CTA_FILTER);
	nl_put_u32(b, CTA_FILTER_ORIG_FLAGS,
	           FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT | (dst ? FILTER_IP_DST : 0));
	if (by)
		nl_put_u32(b, CTA_FILTER_REPLY_FLAGS,
		           FILTER_IP_SRC | FILTER_PROTO_NUM | FILTER_PROTO_SRC_PORT);
	nl_nest_end(b, nest);
}

int conntrack_flush(struct nl_sock *s, const struct conntrack_filter *v, size_t n, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;

	for (size_t i = 0; i < n; i++) {
		if (v[i].family == AF_INET6 && (ip_is_set(&v[i].dst) || ip_is_set(&v[i].answers)))
			return 0;
	}
	for (size_t from = 0; from < n; from += BATCH_MAX) {
		int r;

		nl_batch_init(&b);
		for (size_t i = from; i < n && i < from + BATCH_MAX; i++)
			put_flush(&b, &v[i]);
		r = nl_do(s, &b, &mine);
		if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT)
			return 0;
		if (r < 0 && r != -ENOENT) {
			*e = mine;
			return r;
		}
	}
	return 1;
}

int conntrack_forget(struct nl_sock *s, sa_family_t family, uint8_t proto, uint16_t port,
                     conntrack_fn choose, void *arg, struct err *e)
{
	_cleanup_free_ struct round *round = malloc(sizeof(*round));
	int total = 0;

	if (!round)
		return err_sys(e, ENOMEM, "look for tracked connections");
	for (int i = 0; i < ROUNDS; i++) {
		int r;

		round->choose = choose;
		round->arg = arg;
		round->family = family;
		round->proto = proto;
		round->port = port;
		round->n = 0;
		r = walk(s, round, e);
		/* EINVAL: nobody serves this part of nfnetlink. */
		if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT)
			return total;
		if (r >= 0)
			r = forget(s, round, e);
		if (r < 0)
			return r;
		total += r;
		if (r < ROUND_MAX)
			break;
	}
	return total;
}
