/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.c - libmnl's interface for the static executable: netlink messages, batches, callbacks
 *
 * Debian ships libmnl as a shared library only, and cnida is linked statically. This folder implements
 * <libmnl/libmnl.h>, except mnl_nlmsg_fprintf(), for that one executable; the tests link Debian's library,
 * and test/unit/test_mnl.c compares both. What a function returns and which errno it sets are that
 * header's contract (libnftnl relies on it), so the explanations are in libmnl's manual.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

/* libmnl.h's own constants are signed, and these two structures need no padding. */
#define HDRLEN sizeof(struct nlmsghdr)

struct mnl_nlmsg_batch {
	char *buf;
	size_t limit, used;
	bool overflow; /* the message at buf + used is complete but did not fit below the limit */
};

static size_t padded(size_t len)
{
	return (len + MNL_ALIGNTO - 1) & ~((size_t)MNL_ALIGNTO - 1);
}

static void *at(const void *base, size_t offset)
{
	return (void *)((uintptr_t)base + offset);
}

size_t mnl_nlmsg_size(size_t len)
{
	return len + HDRLEN;
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len - HDRLEN;
}

struct nlmsghdr *mnl_nlmsg_put_header(void *buf)
{
	struct nlmsghdr *nlh = buf;

	memset(nlh, 0, HDRLEN);
	nlh->nlmsg_len = HDRLEN;
	return nlh;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *nlh, size_t size)
{
	void *extra = at(nlh, nlh->nlmsg_len);
	size_t len = padded(size);

	memset(extra, 0, len);
	nlh->nlmsg_len += (uint32_t)len;
	return extra;
}

bool mnl_nlmsg_ok(const struct nlmsghdr *nlh, int len)
{
	return len >= (int)sizeof(*nlh) && nlh->nlmsg_len >= sizeof(*nlh) &&
	       nlh->nlmsg_len <= (uint32_t)len;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *nlh, int *len)
{
	*len -= (int)padded(nlh->nlmsg_len);
	return at(nlh, padded(nlh->nlmsg_len));
}

/* Zero on either side means "do not check": that is what the kernel's own notifications carry. */
bool mnl_nlmsg_seq_ok(const struct nlmsghdr *nlh, unsigned int seq)
{
	return !nlh->nlmsg_seq || !seq || nlh->nlmsg_seq == seq;
}

bool mnl_nlmsg_portid_ok(const struct nlmsghdr *nlh, unsigned int portid)
{
	return !nlh->nlmsg_pid || !portid || nlh->nlmsg_pid == portid;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *nlh)
{
	return at(nlh, HDRLEN);
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *nlh, size_t offset)
{
	return at(nlh, HDRLEN + padded(offset));
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *nlh)
{
	return at(nlh, padded(nlh->nlmsg_len));
}

/* ---- batches: messages one after the other in one buffer ------------------------------------------- */

struct mnl_nlmsg_batch *mnl_nlmsg_batch_start(void *buf, size_t bufsiz)
{
	struct mnl_nlmsg_batch *b = calloc(1, sizeof(*b));

	if (b) {
		b->buf = buf;
		b->limit = bufsiz;
	}
	return b;
}

void mnl_nlmsg_batch_stop(struct mnl_nlmsg_batch *b)
{
	free(b);
}

bool mnl_nlmsg_batch_next(struct mnl_nlmsg_batch *b)
{
	const struct nlmsghdr *nlh = mnl_nlmsg_batch_current(b);

	if (b->used + nlh->nlmsg_len > b->limit) {
		b->overflow = true;
		return false;
	}
	b->used += nlh->nlmsg_len;
	return true;
}

void mnl_nlmsg_batch_reset(struct mnl_nlmsg_batch *b)
{
	const struct nlmsghdr *nlh = mnl_nlmsg_batch_current(b);
	size_t len = b->overflow ? nlh->nlmsg_len : 0;

	/* The message that did not fit is the first of the next batch. */
	memmove(b->buf, nlh, len);
	b->used = len;
	b->overflow = false;
}

size_t mnl_nlmsg_batch_size(struct mnl_nlmsg_batch *b)
{
	return b->used;
}

void *mnl_nlmsg_batch_head(struct mnl_nlmsg_batch *b)
{
	return b->buf;
}

void *mnl_nlmsg_batch_current(struct mnl_nlmsg_batch *b)
{
	return b->buf + b->used;
}

bool mnl_nlmsg_batch_is_empty(struct mnl_nlmsg_batch *b)
{
	return b->used == 0;
}

/* ---- answers --------------------------------------------------------------------------------------- */

static int fail(int no)
{
	errno = no;
	return MNL_CB_ERROR;
}

static int control_message(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case NLMSG_DONE:
		return MNL_CB_STOP;
	case NLMSG_ERROR:
		if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(*answer)))
			return fail(EBADMSG);
		/* Netlink answers with a negative errno, but some old subsystems with a positive one. */
		errno = answer->error < 0 ? -answer->error : answer->error;
		return answer->error == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
	default:
		return MNL_CB_OK;
	}
}

int mnl_cb_run2(const void *buf, size_t numbytes, unsigned int seq, unsigned int portid,
                mnl_cb_t cb_data, void *data, mnl_cb_t *cb_ctl_array, unsigned int cb_ctl_array_len)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)numbytes;
	int r = MNL_CB_OK;

	for (; r > MNL_CB_STOP && mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		unsigned int type = nlh->nlmsg_type;

		if (!mnl_nlmsg_portid_ok(nlh, portid))
			return fail(ESRCH);
		if (!mnl_nlmsg_seq_ok(nlh, seq))
			return fail(EPROTO);
		/* A dump that something changed under: the caller starts again. */
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			return fail(EINTR);
		if (type >= NLMSG_MIN_TYPE)
			r = cb_data ? cb_data(nlh, data) : MNL_CB_OK;
		else if (type < cb_ctl_array_len && cb_ctl_array && cb_ctl_array[type])
			r = cb_ctl_array[type](nlh, data);
		else
			r = control_message(nlh);
	}
	return r;
}

int mnl_cb_run(const void *buf, size_t numbytes, unsigned int seq, unsigned int portid,
               mnl_cb_t cb_data, void *data)
{
	return mnl_cb_run2(buf, numbytes, seq, portid, cb_data, data, NULL, 0);
}
