/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.c - frames for the programs, from a few words about them
 */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <string.h>

static const uint8_t macs[N_WHO][6] = {
	[A] = { 2, 0, 0, 0, 0, 0xa },       [B] = { 2, 0, 0, 0, 0, 0xb },
	[C] = { 2, 0, 0, 0, 0, 0xc },       [NODE] = { 2, 0, 0, 0, 0, 1 },
	[ELSEWHERE] = { 2, 9, 9, 9, 9, 9 }, [ALL] = { 255, 255, 255, 255, 255, 255 },
};

static const char *const addrs[N_WHO][2] = {
	[NOBODY] = { "0.0.0.0", "::" },
	[A] = { "10.1.0.1", "fd01::1" },
	[B] = { "10.1.0.2", "fd01::2" },
	[C] = { "10.1.0.3", "fd01::3" },
	[REMOTE] = { "10.2.0.9", "fd02::9" },
	[OUTSIDE] = { "192.0.2.7", "2001:db8::7" },
	[ELSEWHERE] = { "198.51.100.7", "2001:db8:ffff::7" },
	[NODE] = { "10.1.0.254", "fd01::fe" },
	[SERVICE] = { "10.96.0.10", "fd96::10" },
	[GROUP] = { "239.1.2.3", "ff05::123" },
	[ALL] = { "255.255.255.255", "ff02::1" },
	[DHCP_ALL] = { "255.255.255.255", "ff02::1:2" },
	[LINK_LOCAL] = { "169.254.3.4", "fe80::a" },
};

const uint8_t *frame_mac(enum who who)
{
	return macs[who];
}

struct in6 frame_addr(enum who who, bool v6)
{
	struct in6 r = { { 0, 0, htonl(0xffff), 0 } };
	int ok;

	if (v6)
		ok = inet_pton(AF_INET6, addrs[who][1], &r);
	else
		ok = inet_pton(AF_INET, addrs[who][0], &r.word[3]);
	assert(ok == 1);
	(void)ok;
	return r;
}

static void put(struct frame *f, const void *data, size_t len)
{
	assert(f->len + len <= sizeof(f->data));
	if (data)
		memcpy(f->data + f->len, data, len);
	else
		memset(f->data + f->len, 0, len);
	f->len += len;
}

static void put8(struct frame *f, unsigned int v)
{
	uint8_t b = (uint8_t)v;

	put(f, &b, 1);
}

static void put16(struct frame *f, unsigned int v)
{
	uint16_t b = htons((uint16_t)v);

	put(f, &b, 2);
}

static void put32(struct frame *f, uint32_t v)
{
	v = htonl(v);
	put(f, &v, 4);
}

static void set16(struct frame *f, size_t at, size_t v)
{
	f->data[at] = (uint8_t)(v >> 8);
	f->data[at + 1] = (uint8_t)v;
}

static void put_ip(struct frame *f, const struct spec *s, bool v6);

static uint8_t icmp_type(const struct spec *s, bool v6)
{
	if (!v6 || s->raw_icmp)
		return s->icmp;
	switch (s->icmp) {
	case 0:
		return 129;
	case 8:
		return 128;
	case 3:
		return 2;
	case 11:
		return 3;
	default:
		return s->icmp;
	}
}

static void put_icmp(struct frame *f, const struct spec *s, bool v6)
{
	put8(f, icmp_type(s, v6));
	put8(f, s->icmp == 3 && !v6 ? 4 : 0);
	put16(f, 0);
	if (s->quoted) {
		size_t start;

		put32(f, 1280);
		start = f->len;
		put_ip(f, s->quoted, v6);
		/* As much as routers promise: the header and 8 bytes. */
		if (!v6)
			f->len = start + (f->data[start] & 15) * 4U + 8;
		return;
	}
	put16(f, s->sport);
	put16(f, 1);
	if (s->target) {
		struct in6 addr = frame_addr(s->target, true);

		put(f, &addr, 16);
	}
}

static void put_l4(struct frame *f, const struct spec *s, bool v6)
{
	switch (s->proto) {
	case TCP:
		put16(f, s->sport);
		put16(f, s->dport);
		put32(f, 1);
		put32(f, 0);
		put8(f, 0x50);
		put8(f, s->tcp ? s->tcp : SYN);
		put(f, NULL, 6);
		break;
	case UDP:
		put16(f, s->sport);
		put16(f, s->dport);
		put16(f, 8U + s->payload);
		put16(f, 0);
		break;
	case SCTP:
		put16(f, s->sport);
		put16(f, s->dport);
		put(f, NULL, 8);
		put8(f, s->sctp ? s->sctp : 1);
		put(f, NULL, 3);
		break;
	case ICMP:
		put_icmp(f, s, v6);
		break;
	default:
		put(f, NULL, 8);
	}
	put(f, NULL, s->payload);
}

static bool is_fragment(const struct spec *s)
{
	return s->headers && strchr(s->headers, 'f');
}

static void put_ip4(struct frame *f, const struct spec *s)
{
	struct in6 src = frame_addr(s->from, false), dst = frame_addr(s->to, false);
	bool options = s->headers && strchr(s->headers, 'o');
	size_t start = f->len;

	put8(f, options ? 0x47 : 0x45);
	put8(f, 0);
	put16(f, 0);
	put16(f, s->id);
	put16(f, is_fragment(s) ? s->offset | (s->more ? 0x2000U : 0) : 0);
	put8(f, s->hops ? s->hops : 64);
	put8(f, s->proto);
	put16(f, 0);
	put(f, &src.word[3], 4);
	put(f, &dst.word[3], 4);
	if (options) { /* what looks like ports to who ignores the header's length */
		put16(f, 0x0101);
		put16(f, 80);
		put32(f, 0x01010101);
	}
	if (is_fragment(s) && s->offset)
		put(f, NULL, 16U + s->payload);
	else
		put_l4(f, s, false);
	f->len -= s->cut_frame ? 0 : s->cut;
	set16(f, start + 2, f->len - start);
	f->len -= s->cut_frame ? s->cut : 0;
}

static uint8_t header_number(char c)
{
	switch (c) {
	case 'h':
		return 0;
	case 'd':
		return 60;
	case 'a':
		return 51;
	case 'f':
		return 44;
	default:
		return 43;
	}
}

static void put_header(struct frame *f, const struct spec *s, char c, uint8_t next)
{
	put8(f, next);
	if (c == 'f') {
		put8(f, 0);
		put16(f, s->offset * 8U | (s->more ? 1 : 0));
		put32(f, s->id);
		return;
	}
	if (c == 'a') { /* counts words of 4 bytes, without two */
		put8(f, 4);
		put(f, NULL, 22);
		return;
	}
	put8(f, c == 'd' ? 1 : 0);
	put8(f, 0);
	put8(f, c == 's' ? 1 : 0);
	put(f, NULL, c == 'd' ? 12 : 4);
}

static void put_ip6(struct frame *f, const struct spec *s)
{
	struct in6 src = frame_addr(s->from, true), dst = frame_addr(s->to, true);
	const char *h = s->headers ? s->headers : "";
	uint8_t proto = s->proto == ICMP ? 58 : s->proto;
	size_t start = f->len;

	put32(f, 0x60000000);
	put16(f, 0);
	put8(f, *h ? header_number(*h) : proto);
	put8(f, s->hops ? s->hops : 64);
	put(f, &src, 16);
	put(f, &dst, 16);
	for (; *h; h++)
		put_header(f, s, *h, h[1] ? header_number(h[1]) : proto);
	if (is_fragment(s) && s->offset)
		put(f, NULL, 16U + s->payload);
	else
		put_l4(f, s, true);
	f->len -= s->cut_frame ? 0 : s->cut;
	set16(f, start + 4, f->len - start - 40);
	f->len -= s->cut_frame ? s->cut : 0;
}

static void put_ip(struct frame *f, const struct spec *s, bool v6)
{
	if (v6)
		put_ip6(f, s);
	else
		put_ip4(f, s);
}

void frame_make(struct frame *f, const struct spec *s, bool v6)
{
	enum who src = s->mac ? s->mac : s->from;

	f->len = 0;
	put(f, s->to_mac ? macs[s->to_mac] : macs[NODE], 6);
	put(f, src == A || src == B || src == C || s->mac ? macs[src] : macs[NODE], 6);
	if (s->vlan)
		put32(f, 0x81000005);
	if (s->ethertype) {
		put16(f, s->ethertype);
		put(f, NULL, 60);
		return;
	}
	put16(f, v6 ? ETH_P_IPV6 : ETH_P_IP);
	put_ip(f, s, v6);
}

void frame_arp(struct frame *f, enum who who, const uint8_t *sender_mac, enum who sender,
               enum who target)
{
	struct in6 from = frame_addr(sender, false), to = frame_addr(target, false);

	f->len = 0;
	put(f, macs[ALL], 6);
	put(f, macs[who], 6);
	put16(f, ETH_P_ARP);
	put16(f, 1);
	put16(f, ETH_P_IP);
	put8(f, 6);
	put8(f, 4);
	put16(f, 1);
	put(f, sender_mac, 6);
	put(f, &from.word[3], 4);
	put(f, NULL, 6);
	put(f, &to.word[3], 4);
}
