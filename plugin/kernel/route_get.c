/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route_get.c - where would a packet go? One question, no dump
 */
#include "kernel/route_get.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

static int read_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[RTA_MAX + 1];
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg);
	struct route_answer *ret = arg;

	(void)e;
	if (msg->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(msg) < sizeof(*rtm))
		return 0;
	nl_attrs(msg, sizeof(*rtm), tb, RTA_MAX);
	ret->type = rtm->rtm_type;
	ret->ifindex = (int)nl_u32(tb[RTA_OIF]);
	return 0;
}

int route_get(struct nl_sock *s, const struct ip_addr *dst, struct route_answer *ret, struct err *e)
{
	const struct rtmsg hdr = { .rtm_family = (uint8_t)dst->family,
		                   .rtm_dst_len = (uint8_t)ip_bits(dst->family) };
	_uninitialized_ struct nl_batch b;

	*ret = (struct route_answer) { .ifindex = 0 };
	nl_batch_init(&b);
	nl_begin(&b, RTM_GETROUTE, 0, &hdr, sizeof(hdr), "look a route up");
	nl_put(&b, RTA_DST, dst->bytes, ip_size(dst->family));
	return nl_ask(s, &b, read_answer, NULL, ret, e);
}
