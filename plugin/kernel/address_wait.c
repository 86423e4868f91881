/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address_wait.c - until an IPv6 address that was added can be used
 *
 * RTM_NEWADDR returns before that. A worker of the kernel does the rest when it gets rtnl_lock (net/ipv6/addrconf.c,
 * addrconf_dad_work()): it begins duplicate address detection or, when there is none, makes the route of type local
 * without which packets for the address are taken for somebody else's and dropped. Usually that is some microseconds later; on
 * a node that starts many pods at once, with everybody waiting for that lock, it has been milliseconds.
 */
#include "kernel/address.h"
#include "kernel/nl_events.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* What duplicate address detection says of a link's addresses. */
struct dad_state {
	uint32_t ifindex;
	unsigned int tentative;
	struct ip_addr failed; /* AF_UNSPEC: none */
};

static int look_at_dad(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(msg);
	const struct nlattr *tb[IFA_MAX + 1];
	struct dad_state *state = arg;
	uint32_t flags;

	(void)e;
	if (msg->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(msg) < sizeof(*ifa) ||
	    ifa->ifa_index != state->ifindex || ifa->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	nl_attrs(msg, sizeof(*ifa), tb, IFA_MAX);
	flags = tb[IFA_FLAGS] ? nl_u32(tb[IFA_FLAGS]) : ifa->ifa_flags;
	if (flags & IFA_F_DADFAILED) {
		state->failed.family = AF_INET6;
		(void)nl_copy(tb[IFA_ADDRESS], state->failed.bytes, 16);
	} else if (flags & IFA_F_TENTATIVE) {
		state->tentative++;
	}
	return 0;
}

static void restart_dad(void *arg)
{
	struct dad_state *state = arg;

	*state = (struct dad_state) { .ifindex = state->ifindex };
}

static int ask_dad(struct nl_sock *s, struct dad_state *state, struct err *e)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET6, .ifa_index = state->ifindex };
	_uninitialized_ struct nl_batch b;

	restart_dad(state);
	nl_batch_init(&b);
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "look for tentative addresses");
	return nl_ask(s, &b, look_at_dad, restart_dad, state, e);
}

int address_settle(struct nl_sock *s, const struct nl_sock *events, int ifindex,
                   unsigned int timeout_ms, struct err *e)
{
	struct dad_state state = { .ifindex = (uint32_t)ifindex };
	int64_t deadline = nl_deadline(timeout_ms);
	char text[IP_STR_MAX];

	for (;;) {
		int r = ask_dad(s, &state, e);

		if (r < 0)
			return r;
		if (ip_is_set(&state.failed))
			return err_set(
				e, CNI_E_INTERNAL, EADDRINUSE,
				"IPv6 duplicate address detection failed: %s is in use on the link",
				ip_format(&state.failed, text));
		if (state.tentative == 0)
			return 0;
		if (nl_events_wait(events, deadline) < 0)
			return err_set(e, CNI_E_TRY_AGAIN, ETIMEDOUT,
			               "IPv6 duplicate address detection did not end within %u ms",
			               timeout_ms);
	}
}

/* Routes */

static int answered_route(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg);
	bool *local = arg;

	(void)e;
	if (msg->nlmsg_type == RTM_NEWROUTE && mnl_nlmsg_get_payload_len(msg) >= sizeof(*rtm))
		*local = rtm->rtm_type == RTN_LOCAL;
	return 0;
}

int address_is_local(struct nl_sock *s, const struct ip_addr *addr, struct err *e)
{
	const struct rtmsg rtm = { .rtm_family = (uint8_t)addr->family,
		                   .rtm_dst_len = (uint8_t)ip_bits(addr->family) };
	_uninitialized_ struct nl_batch b;
	bool local = false;
	struct err why;
	int r;

	if (addr->family != AF_INET6)
		return 1;
	nl_batch_init(&b);
	nl_begin(&b, RTM_GETROUTE, 0, &rtm, sizeof(rtm), "look for the route to the address");
	nl_put(&b, RTA_DST, addr->bytes, ip_size(addr->family));
	r = nl_ask(s, &b, answered_route, NULL, &local, &why);
	/* Nothing leads there yet, not even a default route. */
	if (r == -ENETUNREACH || r == -EHOSTUNREACH)
		return 0;
	if (r < 0)
		*e = why;
	return r < 0 ? r : local;
}

static int wait_slowly(struct nl_sock *s, const struct ip_addr *addr, unsigned int timeout_ms,
                       struct err *e)
{
	_cleanup_nl_ struct nl_sock events = { .fd = -1 };
	int64_t deadline = nl_deadline(timeout_ms);
	char text[IP_STR_MAX];
	int r = nl_events_open(RTNLGRP_IPV6_ROUTE, &events, e);

	while (r == 0) {
		r = address_is_local(s, addr, e);
		if (r == 0 && nl_events_wait(&events, deadline) < 0)
			return err_set(e, CNI_E_TRY_AGAIN, ETIMEDOUT,
			               "%s: the kernel made no route to the address within %u ms",
			               ip_format(addr, text), timeout_ms);
	}
	return r < 0 ? r : 0;
}

int address_wait_local(struct nl_sock *s, const struct ip_addr *addr, unsigned int timeout_ms,
                       struct err *e)
{
	int r = address_is_local(s, addr, e);

	return r == 0 ? wait_slowly(s, addr, timeout_ms, e) : r < 0 ? r : 0;
}
