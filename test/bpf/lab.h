/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab.h - the real programs with pods and a policy, in a node of the test's own; packets are given to them by
 * BPF_PROG_TEST_RUN
 */
#ifndef CNIDA_TEST_BPF_LAB_H
#define CNIDA_TEST_BPF_LAB_H

#include "bpf/attach.h"
#include "bpf/loader.h"
#include "frame.h"

#include <criterion/criterion.h>

/* Rule sets and classes of the laboratory's policies. */
#define OPEN   0U /* not isolated */
#define CLOSED 1U /* isolated, allows nothing */

/* One line of a policy: what a set allows peers of a class. */
struct lab_rule {
	uint32_t set, class;
	uint8_t proto; /* 0: everything */
	uint16_t first, last;
};

/* Classes: those of the pods are their number in enum who. */
#define CLASS_ANY    0U
#define CLASS_BLOCK  100U /* 192.0.2.0/24, 2001:db8::/48 */
#define CLASS_REMOTE 200U /* REMOTE as a pod */
#define CLASS_PODS   300U /* block of the pods' own addresses, if asked for */

struct lab_policy {
	const struct lab_rule *rules;
	size_t n;
	bool pod_block;                 /* 10.1.0.0/16 and fd01::/64 are an ipBlock too */
	uint32_t ingress[4], egress[4]; /* set of A, B, C (index by enum who) */
};

struct lab {
	struct datapath d;
	struct nl_sock route;
	uint32_t link[4]; /* ifindex of the host veth of A, B, C */
	uint32_t uplink;
	uint32_t parity;
};

enum outcome { PASSES, DROPPED, HANDED_OVER, MARKED };

struct ran {
	enum outcome verdict; /* MARKED: passes with CNIDA_MARK_DEFER */
	uint32_t mark;
	uint8_t dst_mac[6];
	uint32_t ns;
};

/*
 * lab_open() - A node with the programs loaded and pods A, B, C; no image yet. @switches: CONTROL_*.
 *
 * With LAB_LOCKS in the environment the programs take locks as on processors other than x86.
 */
void lab_open(struct lab *lab, uint32_t switches);
void lab_open_sized(struct lab *lab, const struct loader_conf *conf);
/* lab_add_link() - One more pair of links, up, with addresses that end in @last; returns the index of the host's. */
uint32_t lab_add_link(struct lab *lab, const char *host, const char *peer, uint8_t last);
/* lab_add_addresses() - To the uplink, with their prefixes: then the node has routes there. */
void lab_add_addresses(struct lab *lab, const char *const *texts, size_t n);
/* lab_apply() - A policy for all pods, as an apply does it: other slot, image, generation. */
void lab_apply(struct lab *lab, const struct lab_policy *p);
/* lab_image() - Bytes of an image; returns their number. */
size_t lab_image(const struct lab_policy *p, uint32_t parity, uint8_t *ret, size_t cap);
void lab_forget_flows(const struct lab *lab);
size_t lab_flows(const struct lab *lab);
/* lab_flags() - Set flags of a pod's endpoint. */
void lab_flags(struct lab *lab, enum who pod, uint32_t flags);
/* lab_move() - The pod's address, and its MAC, are at the link of @to from now on, as for every connection to come. */
void lab_move(struct lab *lab, enum who pod, enum who to, bool v6);

struct ran lab_run(const struct lab *lab, bool from_pod, enum who pod, uint32_t iif, uint32_t mark,
                   const struct frame *f, uint32_t repeat);
/* lab_run_at() - The same by the index of a link. */
struct ran lab_run_at(const struct lab *lab, bool from_pod, uint32_t link, uint32_t iif,
                      uint32_t mark, const struct frame *f, uint32_t repeat);

/* What a pod sends; who in @s->from, unless @at says who really does. */
enum outcome lab_sends_at(const struct lab *lab, enum who at, const struct spec *s, bool v6);
enum outcome lab_sends(const struct lab *lab, const struct spec *s, bool v6);
/* What reaches a pod through the node's stack; @iif: index of a link, 0: the node itself. */
enum outcome lab_reaches_at(const struct lab *lab, enum who at, uint32_t iif, uint32_t mark,
                            const struct spec *s, bool v6);
enum outcome lab_reaches(const struct lab *lab, uint32_t iif, const struct spec *s, bool v6);

const char *lab_name(enum outcome v);
#define lab_expect(got, want, ...)                                                            \
	do {                                                                                  \
		enum outcome got_ = (got), want_ = (want);                                    \
		char what_[200];                                                              \
		(void)snprintf(what_, sizeof(what_), __VA_ARGS__);                            \
		cr_expect(got_ == want_, "%s: expected %s, found %s", what_, lab_name(want_), \
		          lab_name(got_));                                                    \
	} while (0)

#endif
