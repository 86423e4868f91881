/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loopback.c - CNI type loopback: the pod's lo comes up
 *
 * containerd runs it for every sandbox, at the same time as the pod's network. CNI_ARGS are not looked at.
 */
#include "endpoint/inside.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "types/type.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ADDRS_MAX 32

static int set_lo(struct nl_sock *pod, bool up, struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	link_set_up_by_name_msg(&b, "lo", up);
	return nl_do(pod, &b, e);
}

/* The first address of each family goes into the result; one that is no loopback address is an error. */
static int read_addresses(struct nl_sock *pod, int ifindex, struct result *ret, struct err *e)
{
	struct ip_prefix list[ADDRS_MAX];
	char text[PREFIX_STR_MAX];
	bool has[2] = { false, false };
	int n = address_list(pod, ifindex, AF_UNSPEC, list, NULL, ADDRS_MAX, e);

	for (int i = 0; i < n && i < ADDRS_MAX; i++) {
		bool v6 = list[i].addr.family == AF_INET6;

		if (!ip_is_loopback(&list[i].addr))
			return err_set(e, CNI_E_INTERNAL, 0,
			               "loopback interface found with non-loopback address \"%s\"",
			               prefix_format(&list[i], text));
		if (has[v6])
			continue;
		has[v6] = true;
		ret->ips[ret->n_ips++] = (struct result_ip) { .address = list[i], .iface = 0 };
	}
	return n < 0 ? n : 0;
}

static int describe_lo(const struct request *req, struct nl_sock *pod, struct result *ret,
                       struct err *e)
{
	struct link_info lo;
	int r = link_get(pod, 0, "lo", &lo, e);

	if (r < 0)
		return r == -ENODEV ? err_set(e, CNI_E_INTERNAL, ENODEV, "the namespace has no lo")
		                    : r;
	ret->ifaces[0] = (struct result_iface) {
		.name = "lo",
		.mac = "00:00:00:00:00:00",
		.sandbox = req->netns,
		.mtu = lo.mtu,
	};
	ret->n_ifaces = 1;
	return read_addresses(pod, lo.ifindex, ret, e);
}

static int add(const struct request *req, struct result *ret, struct err *e)
{
	_cleanup_nl_ struct nl_sock pod = { .fd = -1 };
	struct result lo;
	int r = inside_socket(req, &pod, e);

	if (r == 0)
		r = set_lo(&pod, true, e);
	if (r < 0)
		return r;
	result_init(&lo);
	r = describe_lo(req, &pod, &lo, e);
	if (r < 0)
		return r;
	/* In a chain, what came before is passed on. */
	if (req->prev_result) {
		r = result_parse(req->prev_result, req->version, ret, e);
		return r < 0 ? err_wrap(e, "could not parse prevResult") : 0;
	}
	*ret = lo;
	return 0;
}

static int del(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock pod = { .fd = -1 };
	struct err gone;
	int r;

	if (!*req->netns)
		return 0;
	r = inside_socket(req, &pod, &gone);
	return r < 0 ? 0 : set_lo(&pod, false, e); /* without a namespace there is no lo */
}

static int check(const struct request *req, struct err *e)
{
	_cleanup_nl_ struct nl_sock pod = { .fd = -1 };
	struct link_info lo = { .flags = 0 };
	int r = inside_socket(req, &pod, e);

	if (r == 0)
		r = link_get(&pod, 0, "lo", &lo, e);
	if (r < 0)
		return r;
	if (!(lo.flags & IFF_UP))
		return err_set(e, CNI_E_INTERNAL, 0, "loopback interface is down: expected up");
	return 0;
}

const struct cni_type type_loopback = {
	.name = "loopback",
	.min = CNI_0_1_0,
	.about = "the pod's lo comes up",
	.add = add,
	.check = check,
	.del = del,
};
