/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * look.h - everything that cnida makes or changes on a node and in a pod, as sorted lines
 *
 * The same idea as test/lib/plugin_state.h, without starting programs: a look takes about a millisecond, and a whole matrix
 * takes tens of thousands. README.md lists what is looked at, and what is left out because it changes by itself.
 */
#ifndef CNIDA_TEST_CRASH_LOOK_H
#define CNIDA_TEST_CRASH_LOOK_H

#include "test/lib/plugin_state.h"

#include <linux/netlink.h>
#include <stdint.h>

#define LOOK_PODS 4

/* Sockets stay in the namespace in which they were opened. */
struct look {
	int route, nft;
	int pod[LOOK_PODS]; /* rtnetlink of pods */
	unsigned int n_pods;
};

/* look_open() - For the node that the caller is in. look_add() - and a pod of it; the caller stands in its namespace. */
void look_open(struct look *l);
void look_add(struct look *l);

/* look_take() - state_free() it. What cannot be asked ends the program. */
void look_take(const struct look *l, struct state *ret);

/* For the parts of it. */
const char *look_link(unsigned int index);
__attribute__((format(printf, 2, 3))) void look_line(struct state *s, const char *fmt, ...);
void look_nft(int fd, struct state *s);
void look_bpf(struct state *s);

/* look_dump() - All answers to a dump request; @body follows the header. */
typedef void (*look_fn)(const struct nlmsghdr *h, struct state *s, void *arg);
void look_dump(int fd, uint16_t type, const void *body, size_t len, look_fn fn, struct state *s,
               void *arg);

/* look_attr() - An attribute of a message, or of a nest; NULL: there is none. */
const struct nlattr *look_attr(const void *attrs, size_t len, unsigned int type);
/* linux/netlink.h's are signed. */
#define ATTR_HEADER      sizeof(struct nlattr)
#define ATTR_ALIGN(size) (((size) + 3) & ~(size_t)3)
static inline const void *attr_data(const struct nlattr *a)
{
	return (const char *)a + ATTR_HEADER;
}
static inline size_t attr_len(const struct nlattr *a)
{
	return a->nla_len - ATTR_HEADER;
}
const char *attr_text(const struct nlattr *a);
uint32_t attr_u32(const struct nlattr *a);

/* FNV-1a; begin with LOOK_HASH. */
#define LOOK_HASH 0xcbf29ce484222325U
uint64_t look_hash(uint64_t h, const void *p, size_t len);

#endif
