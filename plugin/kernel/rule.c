/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule.c - routing rules: packets with a mark go nowhere
 */
#include "kernel/rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static const uint8_t families[] = { AF_INET, AF_INET6 };

static void put_rule(struct nl_batch *b, uint16_t type, uint16_t flags, uint8_t family,
                     const struct rule_spec *spec, const char *what)
{
	const struct fib_rule_hdr hdr = { .family = family, .action = FR_ACT_BLACKHOLE };

	nl_batch_init(b);
	nl_begin(b, type, flags, &hdr, sizeof(hdr), what);
	nl_put_u32(b, FRA_PRIORITY, spec->priority);
	nl_put_u32(b, FRA_FWMARK, spec->mark);
	nl_put_u32(b, FRA_FWMASK, spec->mask);
}

/* The kernel has no such family, or no rules. */
static bool is_unsupported(int r)
{
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP;
}

int rule_ensure_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		put_rule(&b, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, families[i], spec,
		         "add a routing rule for packets that nobody judged");
		r = nl_do(s, &b, &mine);
		if (r < 0 && r != -EEXIST && !(families[i] == AF_INET6 && is_unsupported(r))) {
			*e = mine;
			return r;
		}
	}
	return 0;
}

int rule_remove_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;

		put_rule(&b, RTM_DELRULE, 0, families[i], spec, "remove a routing rule");
		r = nl_do(s, &b, &mine);
		if (r < 0 && r != -ENOENT && !is_unsupported(r)) {
			*e = mine;
			return r;
		}
	}
	return 0;
}

static int look_at_rule(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	const struct fib_rule_hdr *hdr = (const void *)((const char *)msg + NLMSG_HDRLEN);
	const struct nlattr *tb[FRA_MAX + 1];
	const struct rule_spec *spec = arg;

	(void)e;
	if (msg->nlmsg_len < NLMSG_LENGTH(sizeof(*hdr)))
		return 0;
	nl_attrs(msg, sizeof(*hdr), tb, FRA_MAX);
	return hdr->action == FR_ACT_BLACKHOLE && nl_u32(tb[FRA_PRIORITY]) == spec->priority &&
	       nl_u32(tb[FRA_FWMARK]) == spec->mark && nl_u32(tb[FRA_FWMASK]) == spec->mask;
}

int rule_has_blackhole(struct nl_sock *s, const struct rule_spec *spec, struct err *e)
{
	struct rule_spec want = *spec;
	_uninitialized_ struct nl_batch b;
	struct err mine;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct fib_rule_hdr hdr = { .family = families[i] };
		int r;

		nl_batch_init(&b);
		nl_begin(&b, RTM_GETRULE, NLM_F_DUMP, &hdr, sizeof(hdr), "list routing rules");
		r = nl_ask(s, &b, look_at_rule, NULL, &want, &mine);
		if (families[i] == AF_INET6 && is_unsupported(r))
			continue;
		if (r < 0)
			*e = mine;
		if (r <= 0)
			return r;
	}
	return 1;
}
