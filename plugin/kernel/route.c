/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.c - routes
 */
#include "kernel/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

static uint8_t scope_of(const struct route_spec *r)
{
	if (r->scope >= 0)
		return (uint8_t)r->scope;
	return r->dst.addr.family == AF_INET && !ip_is_set(&r->gw) ? RT_SCOPE_LINK
	                                                           : RT_SCOPE_UNIVERSE;
}

static void put_ip(struct nl_batch *b, uint16_t attr, const struct ip_addr *a)
{
	nl_put(b, attr, a->bytes, ip_size(a->family));
}

static void put_gateway(struct nl_batch *b, const struct route_spec *r)
{
	struct {
		uint16_t family; /* struct rtvia, which ends in a flexible array */
		uint8_t addr[16];
	} via = { .family = r->gw.family };

	if (r->gw.family == r->dst.addr.family) {
		put_ip(b, RTA_GATEWAY, &r->gw);
		return;
	}
	memcpy(via.addr, r->gw.bytes, sizeof(via.addr));
	nl_put(b, RTA_VIA, &via, sizeof(via.family) + ip_size(r->gw.family));
}

static void put_metrics(struct nl_batch *b, const struct route_spec *r)
{
	size_t metrics;

	if (!r->mtu && !r->advmss)
		return;
	metrics = nl_nest(b, RTA_METRICS);
	if (r->mtu)
		nl_put_u32(b, RTAX_MTU, r->mtu);
	if (r->advmss)
		nl_put_u32(b, RTAX_ADVMSS, r->advmss);
	nl_nest_end(b, metrics);
}

static void put_route(struct nl_batch *b, const struct route_spec *r)
{
	struct ip_addr network = prefix_network(&r->dst);

	if (r->dst.len)
		put_ip(b, RTA_DST, &network);
	if (ip_is_set(&r->gw))
		put_gateway(b, r);
	if (ip_is_set(&r->src))
		put_ip(b, RTA_PREFSRC, &r->src);
	if (r->ifindex)
		nl_put_u32(b, RTA_OIF, (uint32_t)r->ifindex);
	if (r->priority)
		nl_put_u32(b, RTA_PRIORITY, r->priority);
	if (r->table > UINT8_MAX)
		nl_put_u32(b, RTA_TABLE, r->table);
}

static struct rtmsg header(const struct route_spec *r)
{
	return (struct rtmsg) {
		.rtm_family = (uint8_t)r->dst.addr.family,
		.rtm_dst_len = r->dst.len,
		.rtm_table = r->table > UINT8_MAX ? RT_TABLE_UNSPEC
		             : r->table           ? (uint8_t)r->table
		                                  : RT_TABLE_MAIN,
		.rtm_scope = scope_of(r),
		.rtm_flags = r->onlink ? RTNH_F_ONLINK : 0,
	};
}

void route_add_msg(struct nl_batch *b, const struct route_spec *r, bool append)
{
	struct rtmsg rtm = header(r);

	rtm.rtm_protocol = RTPROT_BOOT;
	rtm.rtm_type = RTN_UNICAST;
	nl_begin(b, RTM_NEWROUTE, NLM_F_CREATE | (append ? 0 : NLM_F_EXCL), &rtm, sizeof(rtm),
	         "add the route");
	put_route(b, r);
	put_metrics(b, r);
}

void route_del_msg(struct nl_batch *b, const struct route_spec *r)
{
	struct rtmsg rtm = header(r);

	if (r->scope < 0)
		rtm.rtm_scope = RT_SCOPE_NOWHERE; /* whatever the scope */
	nl_begin(b, RTM_DELROUTE, 0, &rtm, sizeof(rtm), "remove the route");
	put_route(b, r);
}

/* Listing */

struct route_dump {
	sa_family_t family;
	uint32_t table;
	int ifindex;
	int (*fn)(const struct route_spec *r, void *arg, struct err *e);
	void *arg;
	bool stopped; /* by fn */
};

static void get_ip(const struct nlattr *a, sa_family_t family, struct ip_addr *ret)
{
	if (nl_copy(a, ret->bytes, ip_size(family)))
		ret->family = family;
}

static void get_gateway(const struct nlattr *const tb[], sa_family_t family, struct ip_addr *ret)
{
	const struct rtvia *via;
	uint16_t len;

	*ret = (struct ip_addr) { 0 };
	get_ip(tb[RTA_GATEWAY], family, ret);
	if (!tb[RTA_VIA])
		return;
	via = mnl_attr_get_payload(tb[RTA_VIA]);
	len = mnl_attr_get_payload_len(tb[RTA_VIA]);
	if (len < sizeof(*via) || (via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6) ||
	    len != sizeof(*via) + ip_size(via->rtvia_family))
		return;
	ret->family = via->rtvia_family;
	memcpy(ret->bytes, via->rtvia_addr, ip_size(via->rtvia_family));
}

static void get_metrics(const struct nlattr *nest, struct route_spec *r)
{
	const struct nlattr *tb[RTAX_MAX + 1];

	nl_attrs_nested(nest, tb, RTAX_MAX);
	r->mtu = nl_u32(tb[RTAX_MTU]);
	r->advmss = nl_u32(tb[RTAX_ADVMSS]);
}

static int hand_over(struct route_dump *dump, const struct route_spec *route, struct err *e)
{
	int r;

	if (dump->ifindex && route->ifindex != dump->ifindex)
		return 0;
	r = dump->fn(route, dump->arg, e);
	dump->stopped = r != 0;
	return r;
}

/* A multipath route is handed over once for each next hop. */
static int each_hop(struct route_dump *dump, struct route_spec *r, const struct nlattr *hops,
                    struct err *e)
{
	const struct nlattr *tb[RTA_MAX + 1];
	const uint8_t *at = mnl_attr_get_payload(hops);
	size_t left = mnl_attr_get_payload_len(hops);
	int rc = 0;

	while (!rc && left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)at;
		size_t step;

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			break;
		nl_attrs_raw(hop + 1, hop->rtnh_len - sizeof(*hop), tb, RTA_MAX);
		get_gateway(tb, r->dst.addr.family, &r->gw);
		r->ifindex = hop->rtnh_ifindex;
		r->onlink = hop->rtnh_flags & RTNH_F_ONLINK;
		rc = hand_over(dump, r, e);
		step = NLMSG_ALIGN(hop->rtnh_len);
		if (step >= left)
			break;
		at += step;
		left -= step;
	}
	return rc;
}

static int dumped_route(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg);
	const struct nlattr *tb[RTA_MAX + 1];
	struct route_dump *dump = arg;
	struct route_spec r = { 0 };

	if (msg->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(msg) < sizeof(*rtm) ||
	    rtm->rtm_family != dump->family || rtm->rtm_type != RTN_UNICAST ||
	    rtm->rtm_flags & RTM_F_CLONED)
		return 0;
	nl_attrs(msg, sizeof(*rtm), tb, RTA_MAX);
	r.table = tb[RTA_TABLE] ? nl_u32(tb[RTA_TABLE]) : rtm->rtm_table;
	if (r.table != dump->table)
		return 0;
	r.dst.addr.family = rtm->rtm_family; /* the default route has no RTA_DST */
	r.dst.len = rtm->rtm_dst_len;
	get_ip(tb[RTA_DST], rtm->rtm_family, &r.dst.addr);
	get_ip(tb[RTA_PREFSRC], rtm->rtm_family, &r.src);
	r.priority = nl_u32(tb[RTA_PRIORITY]);
	r.scope = rtm->rtm_scope;
	get_metrics(tb[RTA_METRICS], &r);
	if (tb[RTA_MULTIPATH])
		return each_hop(dump, &r, tb[RTA_MULTIPATH], e);
	get_gateway(tb, rtm->rtm_family, &r.gw);
	r.ifindex = (int)nl_u32(tb[RTA_OIF]);
	r.onlink = rtm->rtm_flags & RTNH_F_ONLINK;
	return hand_over(dump, &r, e);
}

int route_each(struct nl_sock *s, sa_family_t family, uint32_t table, int ifindex,
               int (*fn)(const struct route_spec *r, void *arg, struct err *e), void *arg,
               struct err *e)
{
	const struct rtmsg rtm = { .rtm_family = (uint8_t)family };
	struct route_dump dump = {
		.family = family,
		.table = table ? table : RT_TABLE_MAIN,
		.ifindex = ifindex,
		.fn = fn,
		.arg = arg,
	};
	_uninitialized_ struct nl_batch b;
	struct err why;
	int r;

	nl_batch_init(&b);
	nl_begin(&b, RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm), "list the routes");
	nl_put_u32(&b, RTA_TABLE, dump.table);
	if (ifindex)
		nl_put_u32(&b, RTA_OIF, (uint32_t)ifindex);
	r = nl_ask(s, &b, dumped_route, NULL, &dump, &why);
	if (r == -ENOENT && !dump.stopped) /* a table comes into being with its first route */
		return 0;
	if (r < 0)
		*e = why;
	return r;
}
