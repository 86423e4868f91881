/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tc.c - traffic control: a token bucket as root qdisc, a redirect at a link's ingress, ifb devices
 */
#include "kernel/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>

#define ALIAS_MAX 255U /* IFALIASZ - 1 */
#define TICK_NS   64U  /* PSCHED_SHIFT 6 */
#define NS_PER_S  1000000000ULL

/* The number that the kernel itself gives to the first filter without one: whoever names a number comes before us. */
#define REDIRECT_PRIORITY 0xc000U

static void begin_qdisc(struct nl_batch *b, uint16_t type, uint16_t flags, int ifindex,
                        uint32_t parent, uint32_t handle, const char *what)
{
	const struct tcmsg tcm = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_parent = parent,
		.tcm_handle = handle,
	};

	nl_begin(b, type, flags, &tcm, sizeof(tcm), what);
}

/* Token bucket */

/* The burst is given in bytes (TCA_TBF_BURST): as time it would not fit 32 bits for a low rate and the burst that containerd asks
 * for, which wraps in upstream. Rates from 4 GB/s on have an attribute of their own. */
void tc_add_tbf_msg(struct nl_batch *b, int ifindex, const struct tc_tbf *tbf)
{
	const struct tc_tbf_qopt opt = {
		.rate = {
			.linklayer = TC_LINKLAYER_ETHERNET,
			.rate = tbf->rate > UINT32_MAX ? UINT32_MAX : (uint32_t)tbf->rate,
		},
		.limit = tbf->limit,
	};
	size_t options;

	begin_qdisc(b, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_ROOT,
	            TC_H_MAKE(1U << 16, 0U), "limit the rate of a link");
	nl_put_str(b, TCA_KIND, "tbf");
	options = nl_nest(b, TCA_OPTIONS);
	nl_put(b, TCA_TBF_PARMS, &opt, sizeof(opt));
	nl_put_u32(b, TCA_TBF_BURST, tbf->burst);
	if (tbf->rate > UINT32_MAX)
		nl_put(b, TCA_TBF_RATE64, &tbf->rate, sizeof(tbf->rate));
	nl_nest_end(b, options);
}

void tc_del_root_msg(struct nl_batch *b, int ifindex)
{
	begin_qdisc(b, RTM_DELQDISC, 0, ifindex, TC_H_ROOT, TC_H_MAKE(1U << 16, 0U),
	            "remove a link's rate limit");
}

struct found_tbf {
	bool found;
	struct tc_tbf tbf;
	uint32_t ticks;
};

static int qdisc_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[TCA_MAX + 1], *options[TCA_TBF_MAX + 1];
	struct found_tbf *found = arg;
	struct tc_tbf_qopt opt;
	uint64_t rate64;

	(void)e;
	nl_attrs(msg, sizeof(struct tcmsg), tb, TCA_MAX);
	if (strcmp(nl_str(tb[TCA_KIND]), "tbf") != 0)
		return 0;
	nl_attrs_nested(tb[TCA_OPTIONS], options, TCA_TBF_MAX);
	if (!nl_copy(options[TCA_TBF_PARMS], &opt, sizeof(opt)))
		return 0;
	*found = (struct found_tbf) {
		.found = true,
		.tbf = { .rate = opt.rate.rate, .limit = opt.limit },
		.ticks = opt.buffer,
	};
	if (nl_copy(options[TCA_TBF_RATE64], &rate64, sizeof(rate64)))
		found->tbf.rate = rate64;
	return 0;
}

int tc_get_tbf(struct nl_sock *s, int ifindex, struct tc_tbf *ret, uint32_t *ret_ticks,
               struct err *e)
{
	struct found_tbf found = { .found = false };
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	/* Without ECHO the kernel tells everybody who listens, but not us. */
	begin_qdisc(&b, RTM_GETQDISC, NLM_F_ECHO, ifindex, TC_H_ROOT, 0,
	            "look a link's rate limit up");
	r = nl_ask(s, &b, qdisc_answer, NULL, &found, e);
	/* What the kernel answers for a root that is its own default. */
	if (r == -ENOENT || r == -EINVAL)
		return 0;
	*ret = found.tbf;
	*ret_ticks = found.ticks;
	return r < 0 ? r : found.found;
}

/* The kernel rounds on the way: a thousandth, and some ticks, are its error and not somebody's change. */
bool tc_same_burst(const struct tc_tbf *want, uint32_t ticks)
{
	const uint64_t expected = (uint64_t)want->burst * (NS_PER_S / TICK_NS) / want->rate;
	const uint64_t slack = expected / 1000 + 4;
	/* Both modulo 2^32: the distance on the circle. */
	const uint32_t up = (uint32_t)(ticks - (uint32_t)expected),
		       down = (uint32_t)((uint32_t)expected - ticks);

	return slack > UINT32_MAX / 2 || up <= slack || down <= slack;
}

/* ifb */

static void add_ifb_msg(struct nl_batch *b, const char *name, uint32_t mtu)
{
	const struct ifinfomsg up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	size_t info;

	nl_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof(up),
	         "create the ifb device");
	nl_put_str(b, IFLA_IFNAME, name);
	nl_put_u32(b, IFLA_MTU, mtu);
	/* As in veth.c: one queue of each kind unless told otherwise. */
	nl_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
	info = nl_nest(b, IFLA_LINKINFO);
	nl_put_str(b, IFLA_INFO_KIND, "ifb");
	nl_nest_end(b, info);
}

/* The kernel takes no alias at creation, and a batch goes on after a failure: if both were in one, a device that is
 * there already, somebody else's, would get our alias. */
int tc_add_ifb(struct nl_sock *s, const char *name, uint32_t mtu, const char *alias, struct err *e)
{
	const struct ifinfomsg same = { .ifi_index = 0 };
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	add_ifb_msg(&b, name, mtu);
	r = nl_do(s, &b, e);
	if (r < 0)
		return r;
	nl_batch_init(&b);
	nl_begin(&b, RTM_SETLINK, 0, &same, sizeof(same), "name the owner of the ifb device");
	nl_put_str(&b, IFLA_IFNAME, name);
	nl_put(&b, IFLA_IFALIAS, alias, strnlen(alias, ALIAS_MAX));
	return nl_do(s, &b, e);
}

/* Redirect */

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

void tc_add_clsact_msg(struct nl_batch *b, int ifindex)
{
	begin_qdisc(b, RTM_NEWQDISC, NLM_F_CREATE, ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0U),
	            "have filters at a link's ingress");
	nl_put_str(b, TCA_KIND, "clsact");
}

static void begin_filter(struct nl_batch *b, uint16_t type, uint16_t flags, int ifindex,
                         uint32_t info, const char *what)
{
	const struct tcmsg tcm = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_parent = INGRESS,
		.tcm_info = info,
	};

	nl_begin(b, type, flags, &tcm, sizeof(tcm), what);
}

static uint32_t redirect_info(void)
{
	return TC_H_MAKE(REDIRECT_PRIORITY << 16, (uint32_t)htons(ETH_P_ALL));
}

static void put_mirred(struct nl_batch *b, int to)
{
	const struct tc_mirred mirred = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)to,
	};
	size_t actions = nl_nest(b, TCA_U32_ACT), first = nl_nest(b, 1), options;

	nl_put_str(b, TCA_ACT_KIND, "mirred");
	options = nl_nest(b, TCA_ACT_OPTIONS);
	nl_put(b, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	nl_nest_end(b, options);
	nl_nest_end(b, first);
	nl_nest_end(b, actions);
}

void tc_add_redirect_msg(struct nl_batch *b, int ifindex, int to)
{
	/* One key, all zero, compares nothing: everything matches. */
	const struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	uint8_t match[sizeof(sel) + sizeof(struct tc_u32_key)] = { 0 };
	size_t options;

	memcpy(match, &sel, sizeof(sel));

	begin_filter(b, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, ifindex, redirect_info(),
	             "redirect what a pod sends");
	nl_put_str(b, TCA_KIND, "u32");
	options = nl_nest(b, TCA_OPTIONS);
	nl_put(b, TCA_U32_SEL, match, sizeof(match));
	put_mirred(b, to);
	nl_nest_end(b, options);
}

void tc_del_redirect_msg(struct nl_batch *b, int ifindex)
{
	begin_filter(b, RTM_DELTFILTER, 0, ifindex, redirect_info(), "end a redirect");
}

static bool redirects_to(const struct nlattr *options, int to)
{
	const struct nlattr *u32[TCA_U32_MAX + 1], *actions[TCA_ACT_MAX_PRIO + 1],
		*act[TCA_ACT_MAX + 1], *mirred[TCA_MIRRED_MAX + 1];
	struct tc_mirred parms;

	nl_attrs_nested(options, u32, TCA_U32_MAX);
	if (!u32[TCA_U32_ACT])
		return false;
	nl_attrs_nested(u32[TCA_U32_ACT], actions, TCA_ACT_MAX_PRIO);
	if (!actions[1])
		return false;
	nl_attrs_nested(actions[1], act, TCA_ACT_MAX);
	if (strcmp(nl_str(act[TCA_ACT_KIND]), "mirred") != 0 || !act[TCA_ACT_OPTIONS])
		return false;
	nl_attrs_nested(act[TCA_ACT_OPTIONS], mirred, TCA_MIRRED_MAX);
	return nl_copy(mirred[TCA_MIRRED_PARMS], &parms, sizeof(parms)) &&
	       parms.eaction == TCA_EGRESS_REDIR && parms.ifindex == (uint32_t)to;
}

static int filter_answer(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct nlattr *tb[TCA_MAX + 1];

	(void)e;
	nl_attrs(msg, sizeof(struct tcmsg), tb, TCA_MAX);
	return strcmp(nl_str(tb[TCA_KIND]), "u32") == 0 && tb[TCA_OPTIONS] &&
	       redirects_to(tb[TCA_OPTIONS], *(const int *)arg);
}

int tc_has_redirect(struct nl_sock *s, int ifindex, int to, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r;

	nl_batch_init(&b);
	begin_filter(&b, RTM_GETTFILTER, NLM_F_DUMP, ifindex, 0,
	             "list the filters at a link's ingress");
	r = nl_ask(s, &b, filter_answer, NULL, &to, e);
	return r == -ENOENT || r == -EINVAL ? 0 : r;
}
