/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mnl.c - the interface of libmnl: ours in the plain build, Debian's library in the sanitized one
 *
 * libnftnl and plugin/kernel rely on exactly this behaviour, so one table of expectations holds both to it. Where
 * ours is stricter than libmnl 1.0.4 (zeros as padding, lengths above INT_MAX) nothing is asserted.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

static char buf[4096] __attribute__((aligned(8)));

static struct nlmsghdr *fresh(void)
{
	memset(buf, 0xa5, sizeof(buf));
	return mnl_nlmsg_put_header(buf);
}

Test(mnl, put_and_get)
{
	struct nlmsghdr *nlh = fresh();
	struct nlattr *attr;

	cr_assert_eq(nlh->nlmsg_len, 16U, "header: expected 16, found %u", nlh->nlmsg_len);
	mnl_nlmsg_put_extra_header(nlh, 5);
	cr_assert_eq(nlh->nlmsg_len, 24U, "extra header: expected 24, found %u", nlh->nlmsg_len);
	attr = mnl_nlmsg_get_payload_tail(nlh);
	mnl_attr_put_u8(nlh, 1, 0x12);
	cr_assert_eq(attr->nla_len, 5, "u8: expected length 5, found %u", attr->nla_len);
	cr_assert_eq(memcmp(attr, "\x05\0\x01\0\x12", 5), 0, "u8: bytes");
	mnl_attr_put_u16(nlh, 2, 0x1234);
	mnl_attr_put_u32(nlh, 3, 0x12345678);
	mnl_attr_put_u64(nlh, 4, 0x123456789abcdef0ULL);
	mnl_attr_put_str(nlh, 5, "abc");
	mnl_attr_put_strz(nlh, 6, "abcd");
	mnl_attr_put(nlh, 7, 0, NULL);
	cr_assert_eq(nlh->nlmsg_len, 84U, "total: expected 84, found %u", nlh->nlmsg_len);
	cr_assert_eq(mnl_attr_get_u8(attr), 0x12, "u8");
	attr = mnl_attr_next(attr);
	cr_assert_eq(mnl_attr_get_u16(attr), 0x1234, "u16");
	attr = mnl_attr_next(attr);
	cr_assert_eq(mnl_attr_get_u32(attr), 0x12345678U, "u32");
	attr = mnl_attr_next(attr);
	cr_assert_eq(mnl_attr_get_u64(attr), 0x123456789abcdef0ULL, "u64");
	attr = mnl_attr_next(attr);
	cr_assert_eq(mnl_attr_get_payload_len(attr), 3, "str has no terminator");
	attr = mnl_attr_next(attr);
	cr_assert_str_eq(mnl_attr_get_str(attr), "abcd", "strz has one");
	cr_assert_eq(mnl_attr_get_len(attr), 9, "strz: length");
	attr = mnl_attr_next(attr);
	cr_assert_eq(mnl_attr_get_type(attr), 7, "flag: type");
	attr = mnl_attr_next(attr);
	cr_assert(!mnl_attr_ok(attr, (int)((char *)mnl_nlmsg_get_payload_tail(nlh) - (char *)attr)),
	          "expected the end after the last attribute");
}

Test(mnl, checked_puts_stop_at_the_end)
{
	static const struct {
		size_t room;
		bool u8, u64, strz, nest;
	} rows[] = {
		{ 16, false, false, false, false }, { 19, false, false, false, false },
		{ 20, false, false, false, true },  { 23, false, false, false, true },
		{ 24, true, false, false, true },   { 28, true, true, true, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(mnl_attr_put_u8_check(fresh(), rows[i].room, 1, 1), rows[i].u8,
		             "u8 in %zu: expected %d", rows[i].room, rows[i].u8);
		cr_expect_eq(mnl_attr_put_u64_check(fresh(), rows[i].room, 1, 1), rows[i].u64,
		             "u64 in %zu: expected %d", rows[i].room, rows[i].u64);
		cr_expect_eq(mnl_attr_put_strz_check(fresh(), rows[i].room, 1, "abcd"),
		             rows[i].strz, "strz in %zu: expected %d", rows[i].room, rows[i].strz);
		cr_expect_eq(mnl_attr_nest_start_check(fresh(), rows[i].room, 1) != NULL,
		             rows[i].nest, "nest in %zu: expected %d", rows[i].room, rows[i].nest);
	}
}

static int count(const struct nlattr *attr, void *data)
{
	unsigned int *n = data;

	*n += mnl_attr_get_type(attr);
	return mnl_attr_get_type(attr) == 9 ? MNL_CB_STOP : MNL_CB_OK;
}

Test(mnl, nests)
{
	struct nlmsghdr *nlh = fresh();
	struct nlattr *nest, *cancelled;
	unsigned int n = 0;

	nest = mnl_attr_nest_start(nlh, 5);
	mnl_attr_put_u32(nlh, 1, 1);
	mnl_attr_put_u8(nlh, 2, 1);
	mnl_attr_nest_end(nlh, nest);
	cr_assert_eq(nest->nla_len, 20, "nest: expected length 20, found %u", nest->nla_len);
	cr_assert_eq(nest->nla_type, NLA_F_NESTED | 5, "nest: expected the flag");
	cr_assert_eq(mnl_attr_get_type(nest), 5, "nest: expected the type without the flag");
	cancelled = mnl_attr_nest_start(nlh, 6);
	mnl_attr_put_u32(nlh, 1, 1);
	mnl_attr_nest_cancel(nlh, cancelled);
	cr_assert_eq(nlh->nlmsg_len, 36U, "cancelled: expected 36, found %u", nlh->nlmsg_len);
	cr_assert_eq(mnl_attr_parse_nested(nest, count, &n), MNL_CB_OK, "parse_nested");
	cr_assert_eq(n, 3U, "nested types: expected a sum of 3, found %u", n);
	mnl_attr_put_u8(nlh, 9, 0);
	mnl_attr_put_u8(nlh, 7, 0);
	n = 0;
	cr_assert_eq(mnl_attr_parse(nlh, 0, count, &n), MNL_CB_STOP, "a callback's 0 ends parsing");
	cr_assert_eq(n, 14U, "types before the stop: expected 14, found %u", n);
	/* An attribute that claims more than there is ends the list. */
	nest->nla_len = 400;
	n = 0;
	cr_assert_eq(mnl_attr_parse(nlh, 0, count, &n), MNL_CB_OK, "truncated");
	cr_assert_eq(n, 0U, "truncated: expected no attribute, found a sum of %u", n);
}

Test(mnl, validate)
{
	static const struct {
		const char *payload;
		size_t len;
		enum mnl_attr_data_type type;
		int expected;
	} rows[] = {
		{ "abcd", 4, MNL_TYPE_U32, 0 },
		{ "abcd", 3, MNL_TYPE_U32, ERANGE },
		{ "abcde", 5, MNL_TYPE_U32, ERANGE },
		{ "a", 1, MNL_TYPE_U8, 0 },
		{ "abcdefgh", 8, MNL_TYPE_U64, 0 },
		{ "abcdefgh", 8, MNL_TYPE_MSECS, 0 },
		{ "", 0, MNL_TYPE_FLAG, 0 },
		{ "a", 1, MNL_TYPE_FLAG, ERANGE },
		{ "", 0, MNL_TYPE_STRING, ERANGE },
		{ "a", 1, MNL_TYPE_STRING, 0 },
		{ "a", 1, MNL_TYPE_NUL_STRING, EINVAL },
		{ "a", 2, MNL_TYPE_NUL_STRING, 0 },
		{ "", 0, MNL_TYPE_NUL_STRING, ERANGE },
		{ "", 0, MNL_TYPE_NESTED, 0 },
		{ "abc", 3, MNL_TYPE_NESTED, ERANGE },
		{ "abcd", 4, MNL_TYPE_NESTED, 0 },
		{ "", 0, MNL_TYPE_BINARY, 0 },
		{ "", 0, MNL_TYPE_MAX, EINVAL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nlmsghdr *nlh = fresh();
		struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
		int found;

		mnl_attr_put(nlh, 1, rows[i].len, rows[i].payload);
		errno = 0;
		found = mnl_attr_validate(attr, rows[i].type) < 0 ? errno : 0;
		cr_expect_eq(found, rows[i].expected, "row %zu: expected errno %d, found %d", i,
		             rows[i].expected, found);
	}
}

Test(mnl, type_valid)
{
	const struct nlattr attr = { .nla_len = 4, .nla_type = NLA_F_NESTED | 7 };

	cr_expect_eq(mnl_attr_type_valid(&attr, 7), 1, "7 of 7");
	errno = 0;
	cr_expect_eq(mnl_attr_type_valid(&attr, 6), -1, "7 of 6");
	cr_expect_eq(errno, EOPNOTSUPP, "7 of 6: expected EOPNOTSUPP, found %d", errno);
}

Test(mnl, message_bounds)
{
	static const struct {
		uint32_t claims;
		int have;
		bool ok;
	} rows[] = {
		{ 16, 16, true }, { 16, 15, false }, { 15, 100, false }, { 100, 99, false },
		{ 17, 17, true }, { 0, 100, false }, { 16, -1, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct nlmsghdr nlh = { .nlmsg_len = rows[i].claims };

		cr_expect_eq(mnl_nlmsg_ok(&nlh, rows[i].have), rows[i].ok,
		             "%u claimed, %d there: expected %d", rows[i].claims, rows[i].have,
		             rows[i].ok);
	}
}

static int counted(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	++*(int *)data;
	return MNL_CB_OK;
}

struct answer {
	struct nlmsghdr nlh;
	struct nlmsgerr err;
};

Test(mnl, answers)
{
	static const struct {
		const char *name;
		struct nlmsghdr nlh;
		int error, expected, no, calls;
	} rows[] = {
		{ "data", { 36, 16, 0, 5, 7 }, 0, MNL_CB_OK, 0, 1 },
		{ "done", { 36, NLMSG_DONE, 0, 5, 7 }, 0, MNL_CB_STOP, 0, 0 },
		{ "noop", { 36, NLMSG_NOOP, 0, 5, 7 }, 0, MNL_CB_OK, 0, 0 },
		{ "ack", { 36, NLMSG_ERROR, 0, 5, 7 }, 0, MNL_CB_STOP, 0, 0 },
		{ "error", { 36, NLMSG_ERROR, 0, 5, 7 }, -EEXIST, MNL_CB_ERROR, EEXIST, 0 },
		{ "short", { 20, NLMSG_ERROR, 0, 5, 7 }, -EEXIST, MNL_CB_ERROR, EBADMSG, 0 },
		{ "sequence", { 36, 16, 0, 6, 7 }, 0, MNL_CB_ERROR, EPROTO, 0 },
		{ "port", { 36, 16, 0, 5, 8 }, 0, MNL_CB_ERROR, ESRCH, 0 },
		{ "kernel's own", { 36, 16, 0, 0, 0 }, 0, MNL_CB_OK, 0, 1 },
		{ "interrupted", { 36, 16, NLM_F_DUMP_INTR, 5, 7 }, 0, MNL_CB_ERROR, EINTR, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer a = { .nlh = rows[i].nlh, .err = { .error = rows[i].error } };
		int calls = 0, r;

		errno = 0;
		r = mnl_cb_run(&a, sizeof(a), 5, 7, counted, &calls);
		cr_expect_eq(r, rows[i].expected, "%s: expected %d, found %d", rows[i].name,
		             rows[i].expected, r);
		cr_expect_eq(errno, rows[i].no, "%s: expected errno %d, found %d", rows[i].name,
		             rows[i].no, errno);
		cr_expect_eq(calls, rows[i].calls, "%s: expected %d calls, found %d", rows[i].name,
		             rows[i].calls, calls);
	}
}

Test(mnl, batches)
{
	struct mnl_nlmsg_batch *b = mnl_nlmsg_batch_start(buf, 40);
	struct nlmsghdr *nlh;

	cr_assert(b && mnl_nlmsg_batch_is_empty(b), "expected an empty batch");
	mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	cr_expect(mnl_nlmsg_batch_next(b), "the first fits");
	mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	cr_expect(mnl_nlmsg_batch_next(b), "the second fits");
	nlh = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b));
	nlh->nlmsg_seq = 3;
	cr_expect(!mnl_nlmsg_batch_next(b), "the third does not");
	cr_expect_eq(mnl_nlmsg_batch_size(b), 32U, "expected 32, found %zu",
	             mnl_nlmsg_batch_size(b));
	mnl_nlmsg_batch_reset(b);
	nlh = mnl_nlmsg_batch_head(b);
	cr_expect_eq(nlh->nlmsg_seq, 3U, "expected the third first, found %u", nlh->nlmsg_seq);
	cr_expect_eq(mnl_nlmsg_batch_size(b), 16U, "expected 16, found %zu",
	             mnl_nlmsg_batch_size(b));
	mnl_nlmsg_batch_stop(b);
}

Test(mnl, sockets)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct mnl_socket *same;
	int on = 1, size = 0;
	socklen_t len = sizeof(size);
	ssize_t n;

	cr_assert(nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0, "open and bind: errno %d",
	          errno);
	cr_expect_neq(mnl_socket_get_portid(nl), 0U, "expected a port from the kernel");
	same = mnl_socket_fdopen(mnl_socket_get_fd(nl));
	cr_expect(same && mnl_socket_get_portid(same) == mnl_socket_get_portid(nl), "fdopen");
	cr_expect_eq(mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on)), 0, "setsockopt");
	cr_expect(mnl_socket_getsockopt(nl, NETLINK_EXT_ACK, &size, &len) == 0 && size == 1,
	          "getsockopt: expected 1, found %d", size);
	/* A request that asks for nothing but an acknowledgement. */
	struct nlmsghdr *nlh = fresh();

	nlh->nlmsg_type = NLMSG_NOOP;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 42;
	n = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	cr_expect_eq(n, 16, "sendto: expected 16, found %zd", n);
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	cr_expect_eq(mnl_cb_run(buf, (size_t)n, 42, mnl_socket_get_portid(nl), NULL, NULL),
	             MNL_CB_STOP, "expected an acknowledgement, errno %d", errno);
	nlh = fresh();
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	errno = 0;
	n = mnl_socket_recvfrom(nl, buf, 8);
	cr_expect(n == -1 && errno == ENOSPC, "short buffer: expected ENOSPC, found %zd, errno %d",
	          n, errno);
	cr_expect_eq(mnl_socket_close(nl), 0, "close");
	/* The other handle of the descriptor: it is closed already, but the memory is released. */
	cr_expect_eq(mnl_socket_close(same), -1, "second close");
}
