/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attribute.c - libmnl's interface for the static executable: attributes (see message.c)
 *
 * An attribute is a 4 byte header, whose length counts the header but not the padding, and a payload that is
 * padded with zeros to 4 bytes. The plain put functions trust the caller's buffer, as libmnl's do.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>

/* libmnl.h's own constants are signed, and these two structures need no padding. */
#define HDRLEN sizeof(struct nlattr)

static size_t padded(size_t len)
{
	return (len + MNL_ALIGNTO - 1) & ~((size_t)MNL_ALIGNTO - 1);
}

static void *at(const void *base, size_t offset)
{
	return (void *)((uintptr_t)base + offset);
}

/* ---- reading --------------------------------------------------------------------------------------- */

uint16_t mnl_attr_get_type(const struct nlattr *attr)
{
	return (uint16_t)(attr->nla_type & ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER));
}

uint16_t mnl_attr_get_len(const struct nlattr *attr)
{
	return attr->nla_len;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *attr)
{
	return (uint16_t)(attr->nla_len - HDRLEN);
}

void *mnl_attr_get_payload(const struct nlattr *attr)
{
	return at(attr, HDRLEN);
}

uint8_t mnl_attr_get_u8(const struct nlattr *attr)
{
	return *(const uint8_t *)mnl_attr_get_payload(attr);
}

uint16_t mnl_attr_get_u16(const struct nlattr *attr)
{
	return *(const uint16_t *)mnl_attr_get_payload(attr);
}

uint32_t mnl_attr_get_u32(const struct nlattr *attr)
{
	return *(const uint32_t *)mnl_attr_get_payload(attr);
}

uint64_t mnl_attr_get_u64(const struct nlattr *attr)
{
	uint64_t v;

	/* Attributes are aligned to 4 bytes only. */
	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

const char *mnl_attr_get_str(const struct nlattr *attr)
{
	return mnl_attr_get_payload(attr);
}

bool mnl_attr_ok(const struct nlattr *attr, int len)
{
	return len >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr) &&
	       (int)attr->nla_len <= len;
}

struct nlattr *mnl_attr_next(const struct nlattr *attr)
{
	return at(attr, padded(attr->nla_len));
}

int mnl_attr_type_valid(const struct nlattr *attr, uint16_t maxtype)
{
	if (mnl_attr_get_type(attr) > maxtype) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return 1;
}

static int fail(int no)
{
	errno = no;
	return -1;
}

/* @want: exact length of the payload, 0 for any */
static int validate(const struct nlattr *attr, enum mnl_attr_data_type type, size_t want)
{
	const char *payload = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len < want)
		return fail(ERANGE);
	switch (type) {
	case MNL_TYPE_FLAG:
		if (len > 0)
			return fail(ERANGE);
		break;
	case MNL_TYPE_NUL_STRING:
		if (len == 0)
			return fail(ERANGE);
		if (payload[len - 1] != '\0')
			return fail(EINVAL);
		break;
	case MNL_TYPE_STRING:
		if (len == 0)
			return fail(ERANGE);
		break;
	case MNL_TYPE_NESTED:
		if (len > 0 && len < HDRLEN)
			return fail(ERANGE);
		break;
	default:
		break;
	}
	return want && len > want ? fail(ERANGE) : 0;
}

int mnl_attr_validate(const struct nlattr *attr, enum mnl_attr_data_type type)
{
	static const size_t want[MNL_TYPE_MAX] = {
		[MNL_TYPE_U8] = sizeof(uint8_t),     [MNL_TYPE_U16] = sizeof(uint16_t),
		[MNL_TYPE_U32] = sizeof(uint32_t),   [MNL_TYPE_U64] = sizeof(uint64_t),
		[MNL_TYPE_MSECS] = sizeof(uint64_t),
	};

	if ((unsigned int)type >= MNL_TYPE_MAX)
		return fail(EINVAL);
	return validate(attr, type, want[type]);
}

int mnl_attr_validate2(const struct nlattr *attr, enum mnl_attr_data_type type, size_t len)
{
	if ((unsigned int)type >= MNL_TYPE_MAX)
		return fail(EINVAL);
	return validate(attr, type, len);
}

int mnl_attr_parse_payload(const void *payload, size_t payload_len, mnl_attr_cb_t cb, void *data)
{
	const struct nlattr *attr = payload;
	const char *end = (const char *)payload + payload_len;
	int r = MNL_CB_OK;

	for (; r > MNL_CB_STOP && mnl_attr_ok(attr, (int)(end - (const char *)attr));
	     attr = mnl_attr_next(attr))
		r = cb(attr, data);
	return r;
}

int mnl_attr_parse_nested(const struct nlattr *attr, mnl_attr_cb_t cb, void *data)
{
	return mnl_attr_parse_payload(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr),
	                              cb, data);
}

int mnl_attr_parse(const struct nlmsghdr *nlh, unsigned int offset, mnl_attr_cb_t cb, void *data)
{
	const char *first = mnl_nlmsg_get_payload_offset(nlh, offset);
	const char *end = mnl_nlmsg_get_payload_tail(nlh);

	return mnl_attr_parse_payload(first, end > first ? (size_t)(end - first) : 0, cb, data);
}

/* ---- writing --------------------------------------------------------------------------------------- */

void mnl_attr_put(struct nlmsghdr *nlh, uint16_t type, size_t len, const void *data)
{
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
	char *payload = mnl_attr_get_payload(attr);

	attr->nla_type = type;
	attr->nla_len = (uint16_t)(HDRLEN + len);
	if (len > 0)
		memcpy(payload, data, len);
	memset(payload + len, 0, padded(len) - len);
	nlh->nlmsg_len += (uint32_t)(HDRLEN + padded(len));
}

bool mnl_attr_put_check(struct nlmsghdr *nlh, size_t buflen, uint16_t type, size_t len,
                        const void *data)
{
	if (nlh->nlmsg_len + HDRLEN + padded(len) > buflen)
		return false;
	mnl_attr_put(nlh, type, len, data);
	return true;
}

void mnl_attr_put_str(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data), data);
}

void mnl_attr_put_strz(struct nlmsghdr *nlh, uint16_t type, const char *data)
{
	mnl_attr_put(nlh, type, strlen(data) + 1, data);
}

bool mnl_attr_put_str_check(struct nlmsghdr *nlh, size_t buflen, uint16_t type, const char *data)
{
	return mnl_attr_put_check(nlh, buflen, type, strlen(data), data);
}

bool mnl_attr_put_strz_check(struct nlmsghdr *nlh, size_t buflen, uint16_t type, const char *data)
{
	return mnl_attr_put_check(nlh, buflen, type, strlen(data) + 1, data);
}

#define PUT_INTEGER(bits)                                                                     \
	void mnl_attr_put_u##bits(struct nlmsghdr *nlh, uint16_t type, uint##bits##_t data)   \
	{                                                                                     \
		mnl_attr_put(nlh, type, sizeof(data), &data);                                 \
	}                                                                                     \
	bool mnl_attr_put_u##bits##_check(struct nlmsghdr *nlh, size_t buflen, uint16_t type, \
	                                  uint##bits##_t data)                                \
	{                                                                                     \
		return mnl_attr_put_check(nlh, buflen, type, sizeof(data), &data);            \
	}

PUT_INTEGER(8)
PUT_INTEGER(16)
PUT_INTEGER(32)
PUT_INTEGER(64)

struct nlattr *mnl_attr_nest_start(struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *start = mnl_nlmsg_get_payload_tail(nlh);

	start->nla_type = NLA_F_NESTED | type;
	nlh->nlmsg_len += (uint32_t)HDRLEN;
	return start;
}

struct nlattr *mnl_attr_nest_start_check(struct nlmsghdr *nlh, size_t buflen, uint16_t type)
{
	if (nlh->nlmsg_len + HDRLEN > buflen)
		return NULL;
	return mnl_attr_nest_start(nlh, type);
}

void mnl_attr_nest_end(struct nlmsghdr *nlh, struct nlattr *start)
{
	start->nla_len = (uint16_t)((uintptr_t)mnl_nlmsg_get_payload_tail(nlh) - (uintptr_t)start);
}

void mnl_attr_nest_cancel(struct nlmsghdr *nlh, struct nlattr *start)
{
	nlh->nlmsg_len -= (uint32_t)((uintptr_t)mnl_nlmsg_get_payload_tail(nlh) - (uintptr_t)start);
}
