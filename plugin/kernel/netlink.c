/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink.c - requests to the kernel: the builder, batches, answers
 *
 * Who waits for what. The kernel carries out a request inside our sendmsg(), so every answer is in
 * the receive queue when it returns. It answers each message that fails, asked or not, and each
 * that carries NLM_F_ACK. We set that flag on one message only, the last: its answer closes the
 * list, and a batch of n costs one answer, not n. An answer that got lost for want of buffer space
 * shows as ENOBUFS. After a failure the closing answer may never come (nfnetlink drops its list of
 * answers when it is out of memory), so from then on we only take what is there. The time-out of
 * the socket is for a kernel that does not behave like this.
 *
 * Answers to earlier requests of the same socket (a caller gave up on them) are told apart by their
 * number.
 */
#include "kernel/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_SIZE   32768 /* the kernel fills at most this much of a dump into one datagram */
#define DUMP_RESTARTS 8
#define PARKED_MAX    8

_Static_assert(NL_BATCH_MAX <= 64, "no_ack has a bit for each message");

int nl_open(int bus, struct nl_sock *ret, struct err *e)
{
	static const int options[] = { NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK };
	const struct timeval deadline = { .tv_sec = NL_TIMEOUT_S };
	_cleanup_close_ int fd = -1;

	ret->fd = -1;
	ret->seq = 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	if (fd < 0)
		return err_sys(e, errno, "open a netlink socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)) < 0)
		return err_sys(e, errno, "set the time-out of a netlink socket");
	/* A kernel without one of them gives us poorer texts or more of a dump than we asked
	 * for, no harm. */
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		(void)setsockopt(fd, SOL_NETLINK, options[i], &(const int) { 1 }, sizeof(int));
	ret->fd = take_fd(&fd);
	ret->netfilter = bus == NETLINK_NETFILTER;
	return 0;
}

int nl_open_once(int bus, struct nl_sock *s, struct err *e)
{
	return s->fd >= 0 ? 0 : nl_open(bus, s, e);
}

/*
 * Closing any netfilter socket waits, with the tables locked, for a grace period as long as the kernel has not freed all that was
 * removed from the tables (nft_rcv_nl_event()). So the first few stay open until the process ends: a DEL is through with its link
 * by then, which takes longer, and DELs of a drain do not queue up for one grace period after the other.
 */
void nl_close(struct nl_sock *s)
{
	static unsigned int parked;

	if (s->fd >= 0 && s->netfilter && parked < PARKED_MAX)
		parked++;
	else
		cleanup_close(&s->fd);
	s->fd = -1;
}

/* The builder */

void nl_batch_init(struct nl_batch *b)
{
	b->len = 0;
	b->msg = NULL;
	b->n = 0;
	b->no_ack = 0;
	b->spoiled = false;
	b->failed = 0;
}

/* Room for len bytes, zero-padded to the alignment, at the end of the message being built. NULL
 * spoils the batch. */
static void *reserve(struct nl_batch *b, size_t len)
{
	uint8_t *at = b->buf + b->len;
	size_t room;

	if (b->spoiled || len > NL_BATCH_SIZE || NLMSG_ALIGN(len) > NL_BATCH_SIZE - b->len) {
		b->spoiled = true;
		return NULL;
	}
	room = NLMSG_ALIGN(len);
	if (room > len)
		memset(at + len, 0, room - len);
	b->len += room;
	if (b->msg)
		b->msg->nlmsg_len += (uint32_t)room;
	return at;
}

void nl_begin(struct nl_batch *b, uint16_t type, uint16_t flags, const void *hdr, size_t hdr_len,
              const char *what)
{
	struct nlmsghdr *msg;

	if (b->n >= NL_BATCH_MAX) {
		b->spoiled = true;
		return;
	}
	b->msg = NULL;
	msg = reserve(b, sizeof(*msg));
	if (!msg)
		return;
	*msg = (struct nlmsghdr) {
		.nlmsg_len = sizeof(*msg),
		.nlmsg_type = type,
		.nlmsg_flags = flags | NLM_F_REQUEST,
	};
	b->msg = msg;
	b->what[b->n++] = what;
	nl_raw(b, hdr, hdr_len);
}

void nl_no_ack(struct nl_batch *b)
{
	if (b->n)
		b->no_ack |= UINT64_C(1) << (b->n - 1);
}

void nl_raw(struct nl_batch *b, const void *data, size_t len)
{
	void *at;

	if (!b->msg) {
		b->spoiled = true;
		return;
	}
	at = reserve(b, len);
	if (at && len)
		memcpy(at, data, len);
}

void nl_put(struct nl_batch *b, uint16_t attr, const void *data, size_t len)
{
	struct nlattr *a;

	if (!b->msg || len > NL_BATCH_SIZE) {
		b->spoiled = true;
		return;
	}
	a = reserve(b, sizeof(*a) + len);
	if (!a)
		return;
	a->nla_type = attr;
	a->nla_len = (uint16_t)(sizeof(*a) + len);
	if (len)
		memcpy(a + 1, data, len);
}

void nl_put_str(struct nl_batch *b, uint16_t attr, const char *text)
{
	nl_put(b, attr, text, strlen(text) + 1);
}

void nl_put_u8(struct nl_batch *b, uint16_t attr, uint8_t v)
{
	nl_put(b, attr, &v, sizeof(v));
}

void nl_put_u16(struct nl_batch *b, uint16_t attr, uint16_t v)
{
	nl_put(b, attr, &v, sizeof(v));
}

void nl_put_u32(struct nl_batch *b, uint16_t attr, uint32_t v)
{
	nl_put(b, attr, &v, sizeof(v));
}

void nl_put_flag(struct nl_batch *b, uint16_t attr)
{
	nl_put(b, attr, NULL, 0);
}

size_t nl_nest(struct nl_batch *b, uint16_t attr)
{
	size_t start = b->len;

	nl_put(b, attr | NLA_F_NESTED, NULL, 0);
	return start;
}

void nl_nest_end(struct nl_batch *b, size_t start)
{
	struct nlattr *a;

	if (b->spoiled) /* start may lie outside of the buffer's used part */
		return;
	a = (struct nlattr *)(void *)(b->buf + start);
	a->nla_len = (uint16_t)(b->len - start);
}

/* Sending and receiving */

static int fail(struct err *e, int no, const char *what, const char *text)
{
	bool again =
		no == EBUSY || no == EAGAIN || no == ENOBUFS || no == ENOMEM || no == ETIMEDOUT;

	return err_set(e, again ? CNI_E_TRY_AGAIN : CNI_E_INTERNAL, no, "%s: %s%s%s", what,
	               err_text(no), *text ? ": " : "", text);
}

static int send_bytes(const struct nl_sock *s, const void *data, size_t len, const char *what,
                      struct err *e)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do {
		n = sendto(s->fd, data, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? fail(e, errno, what, "the request could not be sent") : 0;
}

/* One datagram of the kernel: its length, or -errno without an error object; -EAGAIN when there
 * is none (in time). */
static ssize_t receive(const struct nl_sock *s, void *buf, size_t cap, bool wait)
{
	struct sockaddr_nl from;
	struct iovec iov = { .iov_base = buf, .iov_len = cap };
	ssize_t n;

	for (;;) {
		struct msghdr m = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};

		n = recvmsg(s->fd, &m, wait ? 0 : MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (m.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		if (m.msg_namelen == sizeof(from) && from.nl_pid == 0)
			return n;
		/* Another process wrote to our socket: not for us to read. */
	}
}

static int receive_failed(struct err *e, ssize_t n, const char *what)
{
	if (n == -EAGAIN)
		return fail(e, ETIMEDOUT, what, "no answer from the kernel");
	return fail(e, (int)-n, what, "the kernel's answer could not be read");
}

/* The kernel's text for a failure: an attribute behind the fixed part of NLMSG_ERROR or
 * NLMSG_DONE. */
static const char *failure_text(const struct nlmsghdr *msg, size_t fixed)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];

	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	nl_attrs(msg, fixed, tb, NLMSGERR_ATTR_MAX);
	return nl_str(tb[NLMSGERR_ATTR_MSG]);
}

/* What the kernel's negative errno says, 0 if it is none; INT_MIN has no opposite. */
static int positive(int error)
{
	return error == INT_MIN ? EBADMSG : error < 0 ? -error : 0;
}

/* The errno (positive) that NLMSG_ERROR carries, 0 for an acknowledgement. */
static int error_of(const struct nlmsghdr *msg, const char **ret_text)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(msg);
	size_t fixed = sizeof(*answer), len = mnl_nlmsg_get_payload_len(msg);

	*ret_text = "";
	if (len < fixed)
		return EBADMSG;
	/* Our request, or its beginning, stands before the text. */
	if (!(msg->nlmsg_flags & NLM_F_CAPPED) && answer->msg.nlmsg_len > NLMSG_HDRLEN)
		fixed += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	if (fixed < len)
		*ret_text = failure_text(msg, fixed);
	return positive(answer->error);
}

/* Number the messages and ask for the acknowledgement of the last that may carry one. Returns
 * that message's index, b->n if there is none. */
static unsigned int number(struct nl_sock *s, struct nl_batch *b)
{
	struct nlmsghdr *closing = NULL, *msg;
	unsigned int at = b->n;
	size_t off = 0;

	for (unsigned int i = 0; i < b->n; i++) {
		msg = (struct nlmsghdr *)(void *)(b->buf + off);
		msg->nlmsg_seq = ++s->seq;
		off += NLMSG_ALIGN(msg->nlmsg_len);
		if (!(b->no_ack >> i & 1)) {
			closing = msg;
			at = i;
		}
	}
	if (closing)
		closing->nlmsg_flags |= NLM_F_ACK;
	return at;
}

/* Read answers until that of message @closing. The first failure is kept in @e; returns it or 0. */
static int collect(const struct nl_sock *s, struct nl_batch *b, uint32_t first,
                   unsigned int closing, struct err *e)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[4096];
	const char *text;
	int r = 0;

	for (bool closed = false; !closed;) {
		const struct nlmsghdr *msg = (const void *)buf;
		ssize_t n = receive(s, buf, sizeof(buf), r == 0);
		int left = (int)n;

		if (n < 0)
			return r ? r : receive_failed(e, n, b->what[closing]);
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
			uint32_t i = msg->nlmsg_seq - first;
			int no;

			if (msg->nlmsg_type != NLMSG_ERROR || i >= b->n)
				continue; /* an echo, or the answer to an earlier request */
			no = error_of(msg, &text);
			if (no && !r) {
				b->failed = i;
				r = fail(e, no, b->what[i], text);
			}
			closed |= i == closing;
		}
	}
	return r;
}

int nl_do(struct nl_sock *s, struct nl_batch *b, struct err *e)
{
	uint32_t first = s->seq + 1;
	unsigned int closing, failed;
	int r;

	b->failed = 0;
	if (b->spoiled) {
		r = fail(e, EMSGSIZE, b->n ? b->what[b->n - 1] : "netlink",
		         "the request does not fit");
		nl_batch_init(b);
		return r;
	}
	if (!b->n)
		return 0;
	closing = number(s, b);
	r = send_bytes(s, b->buf, b->len, b->what[0], e);
	if (!r && closing < b->n)
		r = collect(s, b, first, closing, e);
	failed = b->failed;
	nl_batch_init(b);
	b->failed = failed;
	return r;
}

/* Questions */

struct walk {
	nl_each_fn fn;
	void *arg;
	const char *what;
	uint32_t seq;
	bool interrupted; /* what was dumped changed meanwhile */
	bool ended;
	int r; /* first failure */
};

static void walk_one(struct walk *w, const struct nlmsghdr *msg, struct err *e)
{
	const char *text = "";
	int no = 0;

	if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
		w->interrupted = true;
	switch (msg->nlmsg_type) {
	case NLMSG_ERROR:
		w->ended = true;
		no = error_of(msg, &text);
		break;
	case NLMSG_DONE:
		w->ended = true;
		if (mnl_nlmsg_get_payload_len(msg) >= sizeof(int)) {
			memcpy(&no, mnl_nlmsg_get_payload(msg), sizeof(no));
			no = positive(no);
			text = failure_text(msg, sizeof(no));
		}
		break;
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		break;
	default:
		/* After a failure we only read to the end: a dump that is left halfway blocks
		 * the next one. */
		if (!w->r)
			w->r = w->fn(msg, w->arg, e);
		return;
	}
	if (no && !w->r)
		w->r = fail(e, no, w->what, text);
}

static int walk_answers(const struct nl_sock *s, struct walk *w, struct err *e)
{
	_uninitialized_ _Alignas(NLMSG_ALIGNTO) uint8_t buf[ANSWER_SIZE];

	while (!w->ended) {
		const struct nlmsghdr *msg = (const void *)buf;
		ssize_t n = receive(s, buf, sizeof(buf), true);
		int left = (int)n;

		if (n < 0)
			return w->r ? w->r : receive_failed(e, n, w->what);
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left))
			if (msg->nlmsg_seq == w->seq && !w->ended)
				walk_one(w, msg, e);
	}
	return w->r;
}

int nl_ask(struct nl_sock *s, struct nl_batch *b, nl_each_fn fn, void (*reset)(void *arg),
           void *arg, struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };
	int r = -EINVAL;

	if (b->spoiled || b->n != 1) {
		r = fail(e, EMSGSIZE, b->n ? b->what[0] : "netlink", "the question does not fit");
		nl_batch_init(b);
		return r;
	}
	w.what = b->what[0];
	for (unsigned int i = 0; i <= DUMP_RESTARTS; i++) {
		if (i && reset)
			reset(arg);
		w.interrupted = w.ended = false;
		(void)number(s,
		             b); /* a get is closed by an acknowledgement, a dump by NLMSG_DONE */
		w.seq = s->seq;
		r = send_bytes(s, b->buf, b->len, w.what, e);
		if (!r)
			r = walk_answers(s, &w, e);
		if (r || !w.interrupted)
			break;
	}
	if (!r && w.interrupted)
		r = fail(e, EAGAIN, w.what, "it changes faster than it can be read");
	nl_batch_init(b);
	return r;
}

/* Reading attributes */

void nl_attrs_raw(const void *attrs, size_t len, const struct nlattr *table[], uint16_t max)
{
	const struct nlattr *a = attrs;
	int left = len <= INT_MAX ? (int)len : 0;

	memset(table, 0, ((size_t)max + 1) * sizeof(const struct nlattr *));
	for (; mnl_attr_ok(a, left); a = mnl_attr_next(a)) {
		uint16_t type = mnl_attr_get_type(a);

		if (type <= max)
			table[type] = a;
		left -= (int)MNL_ALIGN(a->nla_len);
	}
}

void nl_attrs(const struct nlmsghdr *msg, size_t hdr_len, const struct nlattr *table[],
              uint16_t max)
{
	size_t len = mnl_nlmsg_get_payload_len(msg), skip = NLMSG_ALIGN(hdr_len);

	if (hdr_len > len) /* NLMSG_ALIGN() counts in 32 bits */
		skip = len;
	nl_attrs_raw(mnl_nlmsg_get_payload_offset(msg, skip), len > skip ? len - skip : 0, table,
	             max);
}

void nl_attrs_nested(const struct nlattr *nest, const struct nlattr *table[], uint16_t max)
{
	if (nest)
		nl_attrs_raw(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), table,
		             max);
	else
		memset(table, 0, ((size_t)max + 1) * sizeof(const struct nlattr *));
}

bool nl_copy(const struct nlattr *a, void *dst, size_t len)
{
	if (!a || mnl_attr_get_payload_len(a) != len)
		return false;
	memcpy(dst, mnl_attr_get_payload(a), len);
	return true;
}

uint8_t nl_u8(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint8_t) ? mnl_attr_get_u8(a) : 0;
}

uint16_t nl_u16(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint16_t) ? mnl_attr_get_u16(a) : 0;
}

uint32_t nl_u32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) >= sizeof(uint32_t) ? mnl_attr_get_u32(a) : 0;
}

const char *nl_str(const struct nlattr *a)
{
	if (!a || !memchr(mnl_attr_get_payload(a), '\0', mnl_attr_get_payload_len(a)))
		return "";
	return mnl_attr_get_str(a);
}
