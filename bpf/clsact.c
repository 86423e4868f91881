/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clsact.c - programs at a link by a clsact qdisc and direct-action filters
 *
 * Our filter has priority 1 and handle 1. Adding it when it is there replaces its program in one step.
 */
#include "bpf/clsact.h"

#include "kernel/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#define FILTER_PRIORITY 1U
#define FILTER_HANDLE   1U

static void begin_filter(struct nl_batch *b, uint16_t type, uint16_t flags, int ifindex,
                         bool ingress, const char *what)
{
	const struct tcmsg tcm = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = FILTER_HANDLE,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS),
		.tcm_info = TC_H_MAKE(FILTER_PRIORITY << 16, htons(ETH_P_ALL)),
	};

	nl_begin(b, type, flags, &tcm, sizeof(tcm), what);
	nl_put_str(b, TCA_KIND, "bpf");
}

static void put_filter(struct nl_batch *b, int ifindex, bool ingress, int prog)
{
	size_t options;

	begin_filter(b, RTM_NEWTFILTER, NLM_F_CREATE, ifindex, ingress,
	             "attach a program to a link");
	options = nl_nest(b, TCA_OPTIONS);
	nl_put_u32(b, TCA_BPF_FD, (uint32_t)prog);
	nl_put_str(b, TCA_BPF_NAME, ingress ? "cnida/from_pod" : "cnida/to_pod");
	nl_put_u32(b, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	nl_nest_end(b, options);
}

int clsact_attach(struct nl_sock *route, int ifindex, int from_pod, int to_pod, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	tc_add_clsact_msg(&b, ifindex);
	put_filter(&b, ifindex, false, to_pod);
	put_filter(&b, ifindex, true, from_pod);
	r = nl_do(route, &b, e);
	/* A link that is not new may have the qdisc, which cannot be changed. */
	if ((r != -EEXIST && r != -EINVAL) || b.failed != 0)
		return r;
	nl_batch_init(&b);
	put_filter(&b, ifindex, false, to_pod);
	put_filter(&b, ifindex, true, from_pod);
	return nl_do(route, &b, e);
}

int clsact_replace(struct nl_sock *route, int ifindex, bool ingress, int prog, struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nl_batch_init(&b);
	put_filter(&b, ifindex, ingress, prog);
	return nl_do(route, &b, e);
}

/* No qdisc, or no filter. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -EINVAL || r == -ENODEV;
}

int clsact_detach(struct nl_sock *route, int ifindex, bool ingress, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r;

	nl_batch_init(&b);
	begin_filter(&b, RTM_DELTFILTER, 0, ifindex, ingress, "detach a program from a link");
	r = nl_do(route, &b, &mine);
	if (r == 0 || is_absent(r))
		return 0;
	*e = mine;
	return r;
}

static int filter_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[TCA_MAX + 1], *options[TCA_BPF_MAX + 1];
	uint32_t *id = arg;

	(void)e;
	nl_attrs(msg, sizeof(struct tcmsg), tb, TCA_MAX);
	if (!tb[TCA_OPTIONS])
		return 0;
	nl_attrs_nested(tb[TCA_OPTIONS], options, TCA_BPF_MAX);
	*id = nl_u32(options[TCA_BPF_ID]);
	return 0;
}

int64_t clsact_find(struct nl_sock *route, int ifindex, bool ingress, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	uint32_t id = 0;
	int r;

	nl_batch_init(&b);
	begin_filter(&b, RTM_GETTFILTER, 0, ifindex, ingress, "ask for the program of a link");
	r = nl_ask(route, &b, filter_answer, NULL, &id, &mine);
	if (r < 0 && !is_absent(r)) {
		*e = mine;
		return r;
	}
	return r < 0 ? 0 : (int64_t)id;
}
