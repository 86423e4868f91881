/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_netlink.c - the builder, batches and their answers
 */
#include "kernel/address.h"
#include "kernel/netlink.h"
#include "space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin_any(struct nl_batch *b)
{
	const struct ifinfomsg ifi = { .ifi_index = 1 };

	nl_begin(b, RTM_SETLINK, 0, &ifi, sizeof(ifi), "do nothing");
}

/* Builder */

static const uint8_t big[NL_BATCH_SIZE + 64];

static void too_long_put(struct nl_batch *b)
{
	begin_any(b);
	nl_put(b, 1, big, NL_BATCH_SIZE);
}

static void endless_put(struct nl_batch *b)
{
	begin_any(b);
	nl_put(b, 1, big, SIZE_MAX - 2);
}

static void put_by_put(struct nl_batch *b)
{
	begin_any(b);
	for (size_t i = 0; i < NL_BATCH_SIZE / 8 + 1; i++)
		nl_put_u32(b, 1, 0);
}

static void put_after_overflow(struct nl_batch *b)
{
	too_long_put(b);
	nl_put_u8(b, 1, 1);
}

static void nest_over_the_end(struct nl_batch *b)
{
	size_t nest;

	begin_any(b);
	nl_raw(b, big, NL_BATCH_SIZE - b->len - 2);
	nest = nl_nest(b, 1);
	nl_nest_end(b, nest);
}

static void too_many(struct nl_batch *b)
{
	for (size_t i = 0; i < NL_BATCH_MAX + 1; i++)
		begin_any(b);
}

static void put_without_message(struct nl_batch *b)
{
	nl_put_u32(b, 1, 1);
}

static void raw_without_message(struct nl_batch *b)
{
	nl_raw(b, big, 4);
}

static void long_header(struct nl_batch *b)
{
	nl_begin(b, RTM_SETLINK, 0, big, NL_BATCH_SIZE, "do nothing");
}

Test(netlink, overflow_sticks_and_nothing_is_sent)
{
	static const struct {
		const char *name;
		void (*build)(struct nl_batch *b);
	} rows[] = {
		{ "one put too long", too_long_put },
		{ "length overflows", endless_put },
		{ "many puts", put_by_put },
		{ "a small put after an overflow", put_after_overflow },
		{ "nest at the end", nest_over_the_end },
		{ "too many messages", too_many },
		{ "put without message", put_without_message },
		{ "raw without message", raw_without_message },
		{ "header too long", long_header },
	};
	struct nl_sock nowhere = { .fd = -1 };
	struct nl_batch b;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };
		int r;

		nl_batch_init(&b);
		rows[i].build(&b);
		cr_expect(b.len <= NL_BATCH_SIZE, "%s: expected at most %d bytes, found %zu",
		          rows[i].name, NL_BATCH_SIZE, b.len);
		r = nl_do(&nowhere, &b, &e); /* EBADF if it tried to send */
		cr_expect(r == -EMSGSIZE && e.no == EMSGSIZE,
		          "%s: expected -EMSGSIZE, found %d: %s", rows[i].name, r, e.msg);
		cr_expect(b.n == 0 && b.len == 0 && !b.spoiled, "%s: expected an empty batch",
		          rows[i].name);
		cr_expect(nl_do(&nowhere, &b, &e) == 0, "%s: an empty batch needs no socket",
		          rows[i].name);
	}
}

Test(netlink, layout_of_a_message)
{
	static const uint8_t want[] = {
		48, 0, 0,  0,    16,   0,   1,   4,
		0,  0, 0,  0,    0,    0,   0,   0, /* header: length, type, flags */
		7,  8, 9,  0,                       /* fixed header of three bytes */
		8,  0, 3,  0,    'a',  'b', 'c', 0, /* text, not padded */
		20, 0, 26, 0x80,                    /* nest */
		5,  0, 1,  0,    0xff, 0,   0,   0, /* a byte, padded */
		8,  0, 10, 0x80,                    /* nest in the nest, with */
		4,  0, 2,  0,                       /* a flag */
	};
	static const uint8_t hdr[] = { 7, 8, 9 };
	struct nl_batch b;
	size_t outer, inner;

	nl_batch_init(&b);
	memset(b.buf, 0xaa, sizeof(b.buf));
	nl_begin(&b, RTM_NEWLINK, NLM_F_CREATE, hdr, sizeof(hdr), "x");
	nl_put_str(&b, IFLA_IFNAME, "abc");
	outer = nl_nest(&b, IFLA_AF_SPEC);
	nl_put_u8(&b, 1, 0xff);
	inner = nl_nest(&b, AF_INET6);
	nl_put_flag(&b, 2);
	nl_nest_end(&b, inner);
	nl_nest_end(&b, outer);
	cr_expect(b.len == sizeof(want), "expected %zu bytes, found %zu", sizeof(want), b.len);
	for (size_t i = 0; i < sizeof(want) && i < b.len; i++)
		cr_expect(b.buf[i] == want[i], "byte %zu: expected %02x, found %02x", i, want[i],
		          b.buf[i]);
}

/* Batches */

static void set_up_msg(struct nl_batch *b, const char *name, const char *what)
{
	const struct ifinfomsg ifi = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	nl_begin(b, RTM_SETLINK, 0, &ifi, sizeof(ifi), what);
	nl_put_str(b, IFLA_IFNAME, name);
}

static void add_kind_msg(struct nl_batch *b, const char *kind)
{
	const struct ifinfomsg ifi = { 0 };
	size_t info;

	nl_begin(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi), "create a link");
	info = nl_nest(b, IFLA_LINKINFO);
	nl_put_str(b, IFLA_INFO_KIND, kind);
	nl_nest_end(b, info);
}

Test(netlink, first_failure_of_a_batch)
{
	static const struct {
		const char *name;
		const char *links[4]; /* brought up in this order */
		int no;
		unsigned int failed;
		const char *msg;
	} rows[] = {
		{ "all well", { "lo", "lo", "lo" }, 0, 0, "" },
		{ "one, failing", { "no0" }, ENODEV, 0, "message 0: No such device" },
		{ "first", { "no0", "lo" }, ENODEV, 0, "message 0: No such device" },
		{ "middle", { "lo", "no0", "lo" }, ENODEV, 1, "message 1: No such device" },
		{ "last", { "lo", "lo", "lo", "no0" }, ENODEV, 3, "message 3: No such device" },
		{ "two", { "lo", "no0", "no1", "lo" }, ENODEV, 1, "message 1: No such device" },
	};
	static const char *const what[] = { "message 0", "message 1", "message 2", "message 3" };
	struct space s;
	struct nl_batch b;

	space_open(&s);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { .msg = "" };
		int r;

		for (size_t k = 0; k < 4 && rows[i].links[k]; k++)
			set_up_msg(&b, rows[i].links[k], what[k]);
		r = nl_do(&s.node, &b, &e);
		cr_expect(r == -rows[i].no && e.no == rows[i].no, "%s: expected %d, found %d (%d)",
		          rows[i].name, -rows[i].no, r, e.no);
		cr_expect(b.failed == rows[i].failed, "%s: expected message %u, found %u",
		          rows[i].name, rows[i].failed, b.failed);
		cr_expect_str_eq(e.msg, rows[i].msg, "%s: expected \"%s\", found \"%s\"",
		                 rows[i].name, rows[i].msg, e.msg);
		cr_expect(recv(s.node.fd, &r, sizeof(r), MSG_DONTWAIT) < 0,
		          "%s: expected no answer left over", rows[i].name);
	}
}

Test(netlink, text_and_code_of_a_failure)
{
	struct nl_batch b;
	struct space s;
	struct err e;
	int r;

	space_open(&s);
	nl_batch_init(&b);
	add_kind_msg(&b, "nosuchkind");
	r = nl_do(&s.node, &b, &e);
	cr_expect(r == -EOPNOTSUPP && e.code == CNI_E_INTERNAL,
	          "expected %d and 999, found %d and %d", -EOPNOTSUPP, r, e.code);
	cr_expect_str_eq(e.msg, "create a link: Operation not supported: Unknown device type",
	                 "found \"%s\"", e.msg);

	/* What was sent before is not read as the answer to what comes now. */
	set_up_msg(&b, "no0", "stale");
	b.msg->nlmsg_seq = 12345;
	cr_assert(send(s.node.fd, b.buf, b.len, 0) == (ssize_t)b.len, "send");
	nl_batch_init(&b);
	set_up_msg(&b, "lo", "fresh");
	ok(nl_do(&s.node, &b, &e), &e);
}

Test(netlink, an_answer_that_does_not_come)
{
	const struct timeval soon = { .tv_usec = 50000 };
	struct nl_batch b;
	struct space s;
	struct err e;
	double start;
	int r;

	space_open(&s);
	setsockopt(s.node.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	nl_batch_init(&b);
	set_up_msg(&b, "lo", "wait");
	b.msg->nlmsg_len += 100; /* longer than what is sent: the kernel drops it silently */
	start = now_s();
	r = nl_do(&s.node, &b, &e);
	cr_expect(r == -ETIMEDOUT && e.code == CNI_E_TRY_AGAIN,
	          "expected %d and 11, found %d and %d: %s", -ETIMEDOUT, r, e.code, e.msg);
	cr_expect(now_s() - start < 5, "expected 50 ms, found %.3f s", now_s() - start);
	set_up_msg(&b, "lo", "go on");
	ok(nl_do(&s.node, &b, &e), &e);
}

/* Transactions of nfnetlink */

static void frame_msg(struct nl_batch *b, uint16_t type, uint8_t subsystem)
{
	const struct nfgenmsg hdr = { .version = NFNETLINK_V0, .res_id = htons(subsystem) };

	nl_begin(b, type, 0, &hdr, sizeof(hdr), "frame the transaction");
	nl_no_ack(b);
}

static void table_msg(struct nl_batch *b, uint16_t msg, uint16_t flags, const char *name)
{
	const struct nfgenmsg hdr = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };

	nl_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg), flags, &hdr, sizeof(hdr), "table");
	nl_put_str(b, NFTA_TABLE_NAME, name);
}

Test(netlink, transaction)
{
	static const struct {
		const char *name;
		uint8_t subsystem;
		uint16_t msg, flags;
		const char *tables[3];
		int no;
		unsigned int failed;
	} rows[] = {
		{ "create",
		  NFNL_SUBSYS_NFTABLES,
		  NFT_MSG_NEWTABLE,
		  NLM_F_CREATE | NLM_F_EXCL,
		  { "a", "b", "c" },
		  0,
		  0 },
		{ "again",
		  NFNL_SUBSYS_NFTABLES,
		  NFT_MSG_NEWTABLE,
		  NLM_F_CREATE | NLM_F_EXCL,
		  { "d", "b" },
		  EEXIST,
		  2 },
		{ "d is not there",
		  NFNL_SUBSYS_NFTABLES,
		  NFT_MSG_DELTABLE,
		  0,
		  { "a", "d", "b" },
		  ENOENT,
		  2 },
		{ "a still is", NFNL_SUBSYS_NFTABLES, NFT_MSG_DELTABLE, 0, { "a", "b", "c" }, 0, 0 },
		{ "empty", NFNL_SUBSYS_NFTABLES, 0, 0, { NULL }, 0, 0 },
		{ "no transactions there",
		  NFNL_SUBSYS_CTNETLINK,
		  NFT_MSG_DELTABLE,
		  0,
		  { "a", "b" },
		  EOPNOTSUPP,
		  0 },
	};
	double start = now_s();
	struct nl_batch b;
	struct nl_sock nf;
	struct err e;

	(void)space_new_netns();
	ok(nl_open(NETLINK_NETFILTER, &nf, &e), &e);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r;

		frame_msg(&b, NFNL_MSG_BATCH_BEGIN, rows[i].subsystem);
		for (size_t k = 0; k < 3 && rows[i].tables[k]; k++)
			table_msg(&b, rows[i].msg, rows[i].flags, rows[i].tables[k]);
		frame_msg(&b, NFNL_MSG_BATCH_END, rows[i].subsystem);
		r = nl_do(&nf, &b, &e);
		cr_expect(r == -rows[i].no, "%s: expected %d, found %d: %s", rows[i].name,
		          -rows[i].no, r, e.msg);
		cr_expect(b.failed == rows[i].failed, "%s: expected message %u, found %u",
		          rows[i].name, rows[i].failed, b.failed);
	}
	cr_expect(now_s() - start < 5, "expected no wait, found %.3f s", now_s() - start);
}

/* Questions */

#define MANY 1000 /* addresses: a dump of several answers */

struct churn {
	struct nl_sock *other;
	unsigned int changes, wanted, found, resets;
	bool changed; /* in this pass */
};

static int change_meanwhile(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	struct ip_prefix addr = { .addr = { .family = AF_INET, .bytes = { 127, 9, 0, 0 } },
		                  .len = 32 };
	struct churn *c = arg;
	struct nl_batch b;

	(void)msg;
	c->found++;
	if (c->changed || c->changes == c->wanted)
		return 0;
	c->changed = true;
	addr.addr.bytes[3] = (uint8_t)++c->changes;
	nl_batch_init(&b);
	address_add_msg(&b, 1, &addr, false, false);
	return nl_do(c->other, &b, e);
}

static void count_again(void *arg)
{
	struct churn *c = arg;

	c->found = 0;
	c->changed = false;
	c->resets++;
}

static void add_many(struct nl_sock *s)
{
	struct nl_batch b;
	struct err e;

	for (unsigned int i = 0; i < MANY;) {
		nl_batch_init(&b);
		for (unsigned int k = 0; k < 50; k++, i++) {
			struct ip_prefix addr = { .addr = { .family = AF_INET,
				                            .bytes = { 127, 8, (uint8_t)(i >> 8),
				                                       (uint8_t)i } },
				                  .len = 32 };

			address_add_msg(&b, 1, &addr, false, false);
		}
		ok(nl_do(s, &b, &e), &e);
	}
}

Test(netlink, interrupted_dump_is_restarted)
{
	static const struct {
		const char *name;
		unsigned int changes; /* one in each pass, so many passes are spoiled */
		int r;
		unsigned int resets;
	} rows[] = { { "quiet", 0, 0, 0 },
		     { "twice", 2, 0, 2 },
		     { "eight times", 8, 0, 8 },
		     { "for ever", 200, -EAGAIN, 8 } };
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	unsigned int extra = 0;
	struct nl_sock other;
	struct nl_batch b;
	struct space s;
	struct err e;

	space_open(&s);
	ok(nl_open(NETLINK_ROUTE, &other, &e), &e);
	add_many(&s.node);
	nl_batch_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct churn c = { .other = &other,
			           .changes = extra,
			           .wanted = extra + rows[i].changes };
		int r;

		nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "list");
		r = nl_ask(&s.node, &b, change_meanwhile, count_again, &c, &e);
		cr_expect(r == rows[i].r, "%s: expected %d, found %d: %s", rows[i].name, rows[i].r,
		          r, e.msg);
		cr_expect(c.resets == rows[i].resets, "%s: expected %u restarts, found %u",
		          rows[i].name, rows[i].resets, c.resets);
		extra = c.changes;
		if (!r)
			cr_expect(c.found == MANY + extra, "%s: expected %u addresses, found %u",
			          rows[i].name, MANY + extra, c.found);
	}
}

static int stop_at_once(const struct nlmsghdr *msg, void *arg, struct err *e)
{
	(void)msg;
	++*(unsigned int *)arg;
	return err_set(e, CNI_E_INTERNAL, ECANCELED, "enough");
}

Test(netlink, a_walk_that_is_stopped)
{
	const struct ifaddrmsg ifa = { .ifa_family = AF_INET };
	unsigned int calls = 0;
	struct nl_batch b;
	struct space s;
	struct err e;

	space_open(&s);
	add_many(&s.node);
	nl_batch_init(&b);
	for (unsigned int i = 1; i <= 3; i++) { /* the next dump is not refused as busy */
		int r;

		nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "list");
		r = nl_ask(&s.node, &b, stop_at_once, NULL, &calls, &e);
		cr_expect(r == -ECANCELED && calls == i,
		          "dump %u: expected %d and %u calls, found %d and %u: %s", i, -ECANCELED,
		          i, r, calls, e.msg);
	}
	nl_begin(&b, RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa), "list");
	begin_any(&b);
	cr_expect(nl_ask(&s.node, &b, stop_at_once, NULL, &calls, &e) == -EMSGSIZE,
	          "two questions in one");
}

/* Reading */

Test(netlink, attributes_of_any_bytes)
{
	static const struct {
		const char *name;
		_Alignas(4) uint8_t bytes[24];
		size_t len;
		bool one, two; /* are attributes 1 and 2 there? */
		uint32_t u32;
		uint16_t u16;
		uint8_t u8;
		const char *text;
	} rows[] = {
		{ "nothing", { 0 }, 0, false, false, 0, 0, 0, "" },
		{ "half a header", { 8, 0 }, 2, false, false, 0, 0, 0, "" },
		{ "a number",
		  { 8, 0, 1, 0, 1, 2, 3, 0 },
		  8,
		  true,
		  false,
		  0x00030201,
		  0x0201,
		  1,
		  "\x01\x02\x03" },
		{ "not terminated",
		  { 8, 0, 1, 0, 'a', 'b', 'c', 'd' },
		  8,
		  true,
		  false,
		  0x64636261,
		  0x6261,
		  'a',
		  "" },
		{ "short", { 6, 0, 1, 0, 1, 2, 0, 0 }, 8, true, false, 0, 0x0201, 1, "" },
		{ "empty", { 4, 0, 1, 0 }, 4, true, false, 0, 0, 0, "" },
		{ "flagged", { 8, 0, 1, 0x80, 'x', 0, 0, 0 }, 8, true, false, 'x', 'x', 'x', "x" },
		{ "length 0", { 0, 0, 1, 0, 0, 0, 0, 0 }, 8, false, false, 0, 0, 0, "" },
		{ "longer than the rest", { 9, 0, 1, 0, 1, 2, 3, 4 }, 8, false, false, 0, 0, 0, "" },
		{ "unknown before known",
		  { 4, 0, 77, 0, 8, 0, 1, 0, 5, 0, 0, 0 },
		  12,
		  true,
		  false,
		  5,
		  5,
		  5,
		  "\x05" },
		{ "two", { 5, 0, 1, 0, 5, 0, 0, 0, 4, 0, 2, 0 }, 12, true, true, 0, 0, 5, "" },
		{ "padding cut off", { 5, 0, 1, 0, 5, 0, 0, 0 }, 5, true, false, 0, 0, 5, "" },
	};
	const struct nlattr *tb[3];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		nl_attrs_raw(rows[i].bytes, rows[i].len, tb, 2);
		cr_expect((tb[1] != NULL) == rows[i].one && (tb[2] != NULL) == rows[i].two,
		          "%s: expected %d %d, found %d %d", rows[i].name, rows[i].one, rows[i].two,
		          tb[1] != NULL, tb[2] != NULL);
		cr_expect(nl_u32(tb[1]) == rows[i].u32, "%s: expected %x, found %x", rows[i].name,
		          rows[i].u32, nl_u32(tb[1]));
		cr_expect(nl_u16(tb[1]) == rows[i].u16, "%s: expected %x, found %x", rows[i].name,
		          rows[i].u16, nl_u16(tb[1]));
		cr_expect(nl_u8(tb[1]) == rows[i].u8, "%s: expected %x, found %x", rows[i].name,
		          rows[i].u8, nl_u8(tb[1]));
		cr_expect_str_eq(nl_str(tb[1]), rows[i].text, "%s: expected \"%s\", found \"%s\"",
		                 rows[i].name, rows[i].text, nl_str(tb[1]));
	}
	nl_attrs_nested(NULL, tb, 2);
	cr_expect(!tb[0] && !tb[1] && !tb[2], "no nest: expected an empty table");
}
