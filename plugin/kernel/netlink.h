/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.h - requests to the kernel: a builder that cannot overflow, batches, answers with extended errors
 *
 * A batch collects messages in one fixed buffer. A put that does not fit sticks: the batch is spoiled and
 * nl_do() returns -EMSGSIZE without sending anything, so callers build without checking each put. nl_do()
 * sends all messages in one system call; the kernel processes them in order, answers every failure, and
 * acknowledges the last message, which is all we wait for. We report the FIRST failure with the kernel's own
 * text (NETLINK_EXT_ACK).
 *
 * rtnetlink is not transactional: messages after a failing one are still carried out. Callers put messages
 * together whose failure is undone as a whole. nfnetlink is: see nl_no_ack().
 */
#ifndef CNIDA_KERNEL_NETLINK_H
#define CNIDA_KERNEL_NETLINK_H

#include "base/cleanup.h"
#include "base/err.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_BATCH_SIZE 16384 /* bytes of requests in one batch */
#define NL_BATCH_MAX  64    /* messages in one batch */
#define NL_TIMEOUT_S  10 /* an answer that does not come within this time is -ETIMEDOUT, code 11 */

struct nl_sock {
	int fd; /* -1 when closed */
	uint32_t seq;
	bool netfilter;
};

struct nl_batch {
	size_t len;           /* bytes used */
	struct nlmsghdr *msg; /* the message being built */
	unsigned int n;       /* messages */
	const char *
		what[NL_BATCH_MAX]; /* for errors: what each message does ("create the veth pair") */
	uint64_t no_ack;            /* bit i: message i never carries NLM_F_ACK */
	bool spoiled;               /* something did not fit */
	unsigned int failed;        /* after nl_do(): index of the message that failed first */
	/* Last, and never cleared: a batch touches as many pages as it has bytes. */
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[NL_BATCH_SIZE];
};

/* nl_open() - Socket of a family (NETLINK_ROUTE, NETLINK_NETFILTER) in the CURRENT network namespace, in which it
 * stays. CLOEXEC, extended ACKs, capped ACKs, strict checking, receive time-out. */
int nl_open(int bus, struct nl_sock *ret, struct err *e);
/* nl_open_once() - The same, unless @s is open already: for a socket that several steps share and perhaps none needs. An
 * ADD and a DEL have one netfilter socket each; what gets it as @nft opens it so and leaves it open. */
int nl_open_once(int bus, struct nl_sock *s, struct err *e);
/* nl_close() - Netfilter sockets are only given up, not closed, as long as there are few: see there. */
void nl_close(struct nl_sock *s);
#define _cleanup_nl_ __attribute__((cleanup(nl_close)))

void nl_batch_init(struct nl_batch *b);

/**
 * nl_begin() - Start a message
 * @type, @flags: as in struct nlmsghdr; NLM_F_REQUEST is added here, NLM_F_ACK by nl_do()
 * @hdr:	the protocol's fixed header (struct ifinfomsg, ...), copied
 * @what:	static text for errors, an infinitive phrase
 */
void nl_begin(struct nl_batch *b, uint16_t type, uint16_t flags, const void *hdr, size_t hdr_len,
              const char *what);
/* nl_no_ack() - The message being built is not the one to be acknowledged: for NFNL_MSG_BATCH_BEGIN and _END, which
 * frame a transaction of nfnetlink and have no answer of their own. A failure is reported for them all the same (a
 * commit that fails is answered under the number of BEGIN). The types cannot tell: BEGIN is 16, as RTM_NEWLINK. */
void nl_no_ack(struct nl_batch *b);
void nl_put(struct nl_batch *b, uint16_t attr, const void *data, size_t len);
void nl_put_str(struct nl_batch *b, uint16_t attr, const char *text); /* with its NUL */
void nl_put_u8(struct nl_batch *b, uint16_t attr, uint8_t v);
void nl_put_u16(struct nl_batch *b, uint16_t attr, uint16_t v);
void nl_put_u32(struct nl_batch *b, uint16_t attr, uint32_t v);
void nl_put_flag(struct nl_batch *b, uint16_t attr);
/* nl_raw() - Bytes without an attribute header (the ifinfomsg inside VETH_INFO_PEER). */
void nl_raw(struct nl_batch *b, const void *data, size_t len);
/* nl_nest() - Open a nested attribute (NLA_F_NESTED is added); returns its offset for nl_nest_end(). */
size_t nl_nest(struct nl_batch *b, uint16_t attr);
void nl_nest_end(struct nl_batch *b, size_t start);

/**
 * nl_do() - Send the batch and read what the kernel answers; an empty batch is no system call
 *
 * Return: 0, or -errno of the first message that failed, with "what: strerror: kernel's text" in @e (code 999; 11
 * for EBUSY, EAGAIN, ENOBUFS, ENOMEM and time-outs) and b->failed set. The batch is empty afterwards.
 */
int nl_do(struct nl_sock *s, struct nl_batch *b, struct err *e);

/* Called for each answer of nl_ask(); anything but 0 ends the walk and is returned (a failure as -errno, a
 * positive value when what was looked for is found). */
typedef int (*nl_each_fn)(const struct nlmsghdr *msg, void *arg, struct err *e);

/**
 * nl_ask() - Send ONE message and hand each answer to a function: a get (one answer) or a dump (NLM_F_DUMP)
 *
 * A dump that the kernel interrupted (NLM_F_DUMP_INTR) is restarted, at most 8 times, and @reset is called before
 * each restart (NULL: none). Dumps are for the slow paths only.
 */
int nl_ask(struct nl_sock *s, struct nl_batch *b, nl_each_fn fn, void (*reset)(void *arg),
           void *arg, struct err *e);

/* nl_attrs() - Index a message's attributes: table[type] for type <= max, NULL where absent; malformed ones end it. */
void nl_attrs(const struct nlmsghdr *msg, size_t hdr_len, const struct nlattr *table[],
              uint16_t max);
void nl_attrs_nested(const struct nlattr *nest, const struct nlattr *table[], uint16_t max);
void nl_attrs_raw(const void *attrs, size_t len, const struct nlattr *table[], uint16_t max);
/* Values with their length checked: 0, "" or false when the attribute is NULL or too short. */
uint8_t nl_u8(const struct nlattr *a);
uint16_t nl_u16(const struct nlattr *a);
uint32_t nl_u32(const struct nlattr *a);
bool nl_copy(const struct nlattr *a, void *dst, size_t len); /* exactly len bytes */
const char *nl_str(const struct nlattr *a); /* "" if not terminated inside the attribute */

#endif
