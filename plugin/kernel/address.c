/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address.c - addresses of links
 */
#include "kernel/address.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

static void begin(struct nl_batch *b, uint16_t type, uint16_t flags, int ifindex,
                  const struct ip_prefix *addr, const char *what)
{
	const struct ifaddrmsg ifa = {
		.ifa_family = (uint8_t)addr->addr.family,
		.ifa_prefixlen = addr->len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)ifindex,
	};

	nl_begin(b, type, flags, &ifa, sizeof(ifa), what);
	nl_put(b, IFA_LOCAL, addr->addr.bytes, ip_size(addr->addr.family));
	nl_put(b, IFA_ADDRESS, addr->addr.bytes, ip_size(addr->addr.family));
}

void address_add_msg(struct nl_batch *b, int ifindex, const struct ip_prefix *addr, bool dad,
                     bool noprefixroute)
{
	bool v4 = addr->addr.family == AF_INET;
	uint32_t flags =
		(noprefixroute ? IFA_F_NOPREFIXROUTE : 0U) | (!v4 && !dad ? IFA_F_NODAD : 0U);

	begin(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr, "add the address");
	if (v4 && addr->len < 31) {
		struct ip_addr broadcast = prefix_last(addr);

		nl_put(b, IFA_BROADCAST, broadcast.bytes, ip_size(AF_INET));
	}
	if (flags)
		nl_put_u32(b, IFA_FLAGS, flags);
}

void address_del_msg(struct nl_batch *b, int ifindex, const struct ip_prefix *addr)
{
	begin(b, RTM_DELADDR, 0, ifindex, addr, "remove the address");
}

struct address_dump {
	int ifindex;
	sa_family_t family;
	struct ip_prefix *ret;
	int *ret_index;
	size_t n, max;
};

static int dumped_address(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(msg);
	const struct nlattr *tb[IFA_MAX + 1], *a;
	struct address_dump *dump = arg;
	struct ip_prefix found = { 0 };

	(void)e;
	if (msg->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(msg) < sizeof(*ifa))
		return 0;
	/* The kernel ignores the filter of a family that it does not know and lists all. */
	if ((dump->family != AF_UNSPEC && ifa->ifa_family != dump->family) ||
	    (dump->ifindex && (int)ifa->ifa_index != dump->ifindex) ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return 0;
	nl_attrs(msg, sizeof(*ifa), tb, IFA_MAX);
	a = tb[IFA_LOCAL] ? tb[IFA_LOCAL]
	                  : tb[IFA_ADDRESS]; /* they differ on point-to-point links only */
	found.addr.family = ifa->ifa_family;
	found.len = ifa->ifa_prefixlen;
	if (!nl_copy(a, found.addr.bytes, ip_size(ifa->ifa_family)))
		return 0;
	if (dump->n < dump->max) {
		dump->ret[dump->n] = found;
		if (dump->ret_index)
			dump->ret_index[dump->n] = (int)ifa->ifa_index;
	}
	dump->n++;
	return 0;
}

static void restart(void *arg)
{
	struct address_dump *dump = arg;

	dump->n = 0;
}

int address_list(struct nl_sock *s, int ifindex, sa_family_t family, struct ip_prefix *ret,
                 int *ret_index, size_t max, struct err *e)
{
	const struct ifaddrmsg ifa = { .ifa_family = (uint8_t)family,
		                       .ifa_index = (uint32_t)ifindex };
	struct address_dump dump = {
		.ifindex = ifindex,
		.family = family,
		.ret = ret,
		.ret_index = ret_index,
		.max = max,
	};
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "list the addresses");
	r = nl_ask(s, &b, dumped_address, restart, &dump, e);
	return r ? r : (int)dump.n;
}
