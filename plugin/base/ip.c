/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip.c - addresses and prefixes of both families in one type
 *
 * An IPv4-mapped IPv6 address becomes IPv4 as soon as it is read, as in Go, so that one address has one form only.
 */
#include "base/ip.h"

#include "base/digits.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ::ffff:0:0/96 */
static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };
#define MAPPED_BITS 96U

unsigned int ip_bits(sa_family_t family)
{
	return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

size_t ip_size(sa_family_t family)
{
	return ip_bits(family) / 8;
}

static bool is_mapped(const uint8_t bytes[static 16])
{
	return memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

/* Text to address without the step from mapped to IPv4, whose prefix lengths need a look of their own. */
static bool parse_raw(const char *text, struct ip_addr *ret)
{
	struct ip_addr a = { .family = AF_UNSPEC };

	if (!text)
		return false;
	/* Both functions of the C library are as strict as Go: no leading zeros, no zone, no blanks, at most
	 * four digits in a group, and "::" stands for at least one group. */
	if (inet_pton(AF_INET, text, a.bytes) == 1)
		a.family = AF_INET;
	else if (inet_pton(AF_INET6, text, a.bytes) == 1)
		a.family = AF_INET6;
	else
		return false;
	*ret = a;
	return true;
}

static struct ip_addr unmapped(const struct ip_addr *a)
{
	struct ip_addr r = { .family = AF_INET };

	if (a->family != AF_INET6 || !is_mapped(a->bytes))
		return *a;
	memcpy(r.bytes, a->bytes + sizeof(mapped_prefix), 4);
	return r;
}

bool ip_parse(const char *text, struct ip_addr *ret)
{
	struct ip_addr a;

	if (!parse_raw(text, &a))
		return false;
	*ret = unmapped(&a);
	return true;
}

/* By hand, as all below: an ADD formats two dozen addresses, and printf() takes 2 us for each. */
static const char *format4(const uint8_t b[static 4], char buf[static IP_STR_MAX])
{
	char *end = buf;

	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			*end++ = '.';
		end = digits_decimal(end, b[i]);
	}
	*end = '\0';
	return buf;
}

static unsigned int group(const uint8_t b[static 16], unsigned int i)
{
	return (unsigned int)b[2 * i] << 8 | b[2 * i + 1];
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2); an empty run starts at 8. */
static unsigned int zero_run(const uint8_t b[static 16], unsigned int *ret_len)
{
	unsigned int best = 8, best_len = 1;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int n = 0;

		while (i + n < 8 && group(b, i + n) == 0)
			n++;
		if (n > best_len) {
			best = i;
			best_len = n;
		}
		i += n;
	}
	*ret_len = best_len;
	return best;
}

/* inet_ntop() will not do: it writes ::1.2.3.4 where Go, and so the name of a file, has ::102:304. */
static const char *format6(const uint8_t b[static 16], char buf[static IP_STR_MAX])
{
	unsigned int run_len, run = zero_run(b, &run_len);
	char *end = buf;

	for (unsigned int i = 0; i < 8; i++) {
		if (i == run) {
			*end++ = ':';
			*end++ = ':';
			i += run_len - 1;
			continue;
		}
		if (i != 0 && i != run + run_len)
			*end++ = ':';
		end = digits_hex(end, group(b, i));
	}
	*end = '\0';
	return buf;
}

const char *ip_format(const struct ip_addr *a, char buf[static IP_STR_MAX])
{
	switch (a->family) {
	case AF_INET:
		return format4(a->bytes, buf);
	case AF_INET6:
		if (is_mapped(a->bytes))
			return format4(a->bytes + sizeof(mapped_prefix), buf);
		return format6(a->bytes, buf);
	default:
		buf[0] = '\0';
		return buf;
	}
}

int ip_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	/* By width, since the numbers of the families are no order that anyone promised. */
	if (a->family != b->family)
		return ip_bits(a->family) < ip_bits(b->family) ? -1 : 1;
	return memcmp(a->bytes, b->bytes, ip_size(a->family));
}

bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && ip_cmp(a, b) == 0;
}

struct ip_addr ip_next(const struct ip_addr *a)
{
	struct ip_addr r = *a;

	for (size_t i = ip_size(r.family); i-- > 0;)
		if (++r.bytes[i] != 0)
			break;
	return r;
}

struct ip_addr ip_prev(const struct ip_addr *a)
{
	struct ip_addr r = *a;

	for (size_t i = ip_size(r.family); i-- > 0;)
		if (r.bytes[i]-- != 0)
			break;
	return r;
}

bool ip_is_loopback(const struct ip_addr *a)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return a->family == AF_INET6 && memcmp(a->bytes, loopback6, 16) == 0;
}

bool ip_is_multicast(const struct ip_addr *a)
{
	if (a->family == AF_INET)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == AF_INET6 && a->bytes[0] == 0xff;
}

bool ip_is_unspecified(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return ip_is_set(a) && memcmp(a->bytes, zero, ip_size(a->family)) == 0;
}

bool ip_is_link_local(const struct ip_addr *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* Go allows leading zeros here, unlike in an address. */
static bool parse_len(const char *text, unsigned int max, unsigned int *ret)
{
	unsigned int n = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (unsigned int)(*text - '0');
		if (n > max)
			return false;
	}
	*ret = n;
	return true;
}

bool prefix_parse(const char *text, struct ip_prefix *ret)
{
	const char *slash = text ? strchr(text, '/') : NULL;
	char addr[INET6_ADDRSTRLEN];
	struct ip_addr raw, a;
	unsigned int len;

	if (!slash || (size_t)(slash - text) >= sizeof(addr))
		return false;
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (!parse_raw(addr, &raw) || !parse_len(slash + 1, ip_bits(raw.family), &len))
		return false;
	a = unmapped(&raw);
	if (a.family != raw.family) {
		/* Shorter than the mapped block it names IPv6 space through an IPv4 address: neither is meant. */
		if (len < MAPPED_BITS)
			return false;
		len -= MAPPED_BITS;
	}
	*ret = (struct ip_prefix) { .addr = a, .len = (uint8_t)len };
	return true;
}

const char *prefix_format(const struct ip_prefix *p, char buf[static PREFIX_STR_MAX])
{
	char *end = buf + strlen(ip_format(&p->addr, buf));

	*end++ = '/';
	*digits_decimal(end, p->len) = '\0';
	return buf;
}

static unsigned int prefix_bits(const struct ip_prefix *p)
{
	unsigned int bits = ip_bits(p->addr.family);

	return p->len < bits ? p->len : bits;
}

/* The bits of byte @i that lie behind the first @len bits of an address */
static uint8_t host_bits(unsigned int len, size_t i)
{
	if (len >= (i + 1) * 8)
		return 0;
	if (len <= i * 8)
		return 0xff;
	return (uint8_t)(0xffU >> (len % 8));
}

struct ip_addr prefix_network(const struct ip_prefix *p)
{
	struct ip_addr r = p->addr;

	for (size_t i = 0; i < ip_size(r.family); i++)
		r.bytes[i] = (uint8_t)(r.bytes[i] & ~host_bits(prefix_bits(p), i));
	return r;
}

struct ip_addr prefix_last(const struct ip_prefix *p)
{
	struct ip_addr r = p->addr;

	for (size_t i = 0; i < ip_size(r.family); i++)
		r.bytes[i] |= host_bits(prefix_bits(p), i);
	return r;
}

static bool same_bits(const struct ip_addr *a, const struct ip_addr *b, unsigned int len)
{
	if (a->family != b->family || !ip_is_set(a))
		return false;
	for (size_t i = 0; i < ip_size(a->family) && i * 8 < len; i++)
		if ((a->bytes[i] ^ b->bytes[i]) & ~host_bits(len, i))
			return false;
	return true;
}

bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	return same_bits(&p->addr, a, prefix_bits(p));
}

bool prefix_overlaps(const struct ip_prefix *p, const struct ip_prefix *q)
{
	unsigned int a = prefix_bits(p), b = prefix_bits(q);

	return same_bits(&p->addr, &q->addr, a < b ? a : b);
}

bool prefix_is_default(const struct ip_prefix *p)
{
	return ip_is_set(&p->addr) && p->len == 0;
}

struct ip_prefix prefix_host(const struct ip_addr *a)
{
	return (struct ip_prefix) { .addr = *a, .len = (uint8_t)ip_bits(a->family) };
}

bool mac_parse(const char *text, uint8_t ret[static 6])
{
	uint8_t mac[6];

	if (!text || strlen(text) != MAC_STR_MAX - 1 || (text[2] != ':' && text[2] != '-'))
		return false;
	for (size_t i = 0; i < sizeof(mac); i++) {
		const char *pair = text + 3 * i;
		int high = hex_value(pair[0]), low = hex_value(pair[1]);

		if (high < 0 || low < 0 || pair[2] != (i == 5 ? '\0' : text[2]))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return true;
}

const char *mac_format(const uint8_t mac[static 6], char buf[static MAC_STR_MAX])
{
	char *end = buf;

	for (size_t i = 0; i < 6; i++) {
		*end++ = hex_digit(mac[i] >> 4);
		*end++ = hex_digit(mac[i] & 15);
		*end++ = i < 5 ? ':' : '\0';
	}
	return buf;
}
