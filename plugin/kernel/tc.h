/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tc.h - traffic control: a token bucket as root qdisc, a redirect at a link's ingress, ifb devices
 */
#ifndef CNIDA_KERNEL_TC_H
#define CNIDA_KERNEL_TC_H

#include "kernel/netlink.h"

struct tc_tbf {
	uint64_t rate;  /* bytes per second, of Ethernet frames */
	uint32_t burst; /* bytes; a frame that is longer never passes */
	uint32_t limit; /* bytes that may wait */
};

/* tc_add_tbf_msg() - As root qdisc 1: of a link; EEXIST if it has one that somebody configured. */
void tc_add_tbf_msg(struct nl_batch *b, int ifindex, const struct tc_tbf *tbf);
/* tc_del_root_msg() - Remove the root qdisc; ENOENT if there is none. */
void tc_del_root_msg(struct nl_batch *b, int ifindex);
/* tc_get_tbf() - The root qdisc, if it is a TBF: 1, 0 or -errno. The kernel tells the burst as time, see tc_tbf_same(). */
int tc_get_tbf(struct nl_sock *s, int ifindex, struct tc_tbf *ret, uint32_t *ret_ticks,
               struct err *e);
/* tc_same_burst() - Are these ticks (64 ns, of 32 bits: they wrap) what the burst of @want takes at its rate? */
bool tc_same_burst(const struct tc_tbf *want, uint32_t ticks);

/* tc_add_ifb() - Create an ifb device, up. @alias says whose it is. -EEXIST if the name is taken. */
int tc_add_ifb(struct nl_sock *s, const char *name, uint32_t mtu, const char *alias, struct err *e);

/* tc_add_clsact_msg() - EINVAL or EEXIST if the link has an ingress qdisc of another kind, which serves as well; 0 if it has
 * this. */
void tc_add_clsact_msg(struct nl_batch *b, int ifindex);
/* tc_add_redirect_msg() - At ingress, everything that no earlier filter took goes out through another link. */
void tc_add_redirect_msg(struct nl_batch *b, int ifindex, int to);
/* tc_del_redirect_msg() - Remove what tc_add_redirect_msg() added. */
void tc_del_redirect_msg(struct nl_batch *b, int ifindex);
/* tc_has_redirect() - Does a filter at ingress (ours or upstream's) redirect to @to? 1, 0 or -errno. A filtered dump: for CHECK. */
int tc_has_redirect(struct nl_sock *s, int ifindex, int to, struct err *e);

#endif
