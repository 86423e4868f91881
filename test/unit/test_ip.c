/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ip.c - texts as Go reads and writes them, arithmetic at the edges, prefixes
 */
#include "base/ip.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static struct ip_addr addr(const char *text)
{
	struct ip_addr a = { .family = AF_UNSPEC };

	cr_assert(ip_parse(text, &a), "%s: no address", text);
	return a;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = { .len = 0 };

	cr_assert(prefix_parse(text, &p), "%s: no prefix", text);
	return p;
}

Test(ip, parse_and_format)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "10.1.2.3", "10.1.2.3" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "010.1.2.3", NULL },
		{ "10.1.2.00", NULL },
		{ "10.1.2", NULL },
		{ "10.1.2.3.4", NULL },
		{ "10.1.2.256", NULL },
		{ "10.1.2.-1", NULL },
		{ "10.1..3", NULL },
		{ "0x10.1.2.3", NULL },
		{ " 10.1.2.3", NULL },
		{ "10.1.2.3 ", NULL },
		{ "10.1.2.3/24", NULL },
		{ "", NULL },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "1:0:0:2:0:0:3:4", "1::2:0:0:3:4" },
		{ "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0" },
		{ "0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "0001:00ab::0", "1:ab::" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::ffff:10.1.2.3", "10.1.2.3" },
		{ "::FFFF:a01:203", "10.1.2.3" },
		{ "::ffff:0:0", "0.0.0.0" },
		{ "::1.2.3.4", "::102:304" },
		{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
		{ "::ffff:010.1.2.3", NULL },
		{ "::fffe:1.2.3.4", "::fffe:102:304" },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4::5:6:7:8", NULL },
		{ "1::2::3", NULL },
		{ ":::", NULL },
		{ ":1", NULL },
		{ "1:", NULL },
		{ ":", NULL },
		{ "::00001", NULL },
		{ "::g", NULL },
		{ "fe80::1%eth0", NULL },
		{ "[::1]", NULL },
		{ "localhost", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_addr a = { .family = AF_UNSPEC };
		char buf[IP_STR_MAX];
		bool ok = ip_parse(rows[i].text, &a);

		cr_expect(ok == (rows[i].want != NULL), "\"%s\": %s, expected %s", rows[i].text,
		          ok ? ip_format(&a, buf) : "refused",
		          rows[i].want ? rows[i].want : "refused");
		if (!ok) {
			cr_expect(a.family == AF_UNSPEC, "\"%s\": refused, but written",
			          rows[i].text);
			continue;
		}
		cr_expect(rows[i].want && strcmp(ip_format(&a, buf), rows[i].want) == 0,
		          "\"%s\": %s, expected %s", rows[i].text, ip_format(&a, buf),
		          rows[i].want);
		for (size_t b = ip_size(a.family); b < sizeof(a.bytes); b++)
			cr_expect(a.bytes[b] == 0, "\"%s\": byte %zu behind the address is %u",
			          rows[i].text, b, a.bytes[b]);
	}
	cr_expect(!ip_parse(NULL, &(struct ip_addr) { 0 }), "NULL: accepted");
}

Test(ip, format_of_what_no_text_gives)
{
	struct ip_addr none = { .family = AF_UNSPEC };
	struct ip_addr mapped = { .family = AF_INET6, .bytes = { [10] = 0xff, 0xff, 10, 0, 0, 1 } };
	char buf[IP_STR_MAX] = "x";

	cr_expect(strcmp(ip_format(&none, buf), "") == 0, "no address: \"%s\", expected nothing",
	          buf);
	cr_expect(strcmp(ip_format(&mapped, buf), "10.0.0.1") == 0, "mapped: %s, expected 10.0.0.1",
	          buf);
}

/* Text and back over addresses with many zero groups; the neighbours undo each other. */
Test(ip, round_trip)
{
	srandom(1);
	for (int i = 0; i < 20000; i++) {
		struct ip_addr a = { .family = i % 4 ? AF_INET6 : AF_INET }, b = { 0 }, n;
		char buf[IP_STR_MAX], again[IP_STR_MAX];

		for (size_t k = 0; k < ip_size(a.family); k++)
			a.bytes[k] = (random() & 0x30) ? 0 : (uint8_t)random();
		cr_assert(ip_parse(ip_format(&a, buf), &b), "%s: not read back", buf);
		cr_assert(ip_eq(&a, &b), "%s: read back as %s", buf, ip_format(&b, again));
		n = ip_next(&a);
		n = ip_prev(&n);
		cr_assert(ip_eq(&a, &n), "%s: next and previous give %s", buf,
		          ip_format(&n, again));
	}
}

Test(ip, order_and_neighbours)
{
	static const struct {
		const char *text, *next;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.2" },
		{ "10.0.0.255", "10.0.1.0" },
		{ "10.255.255.255", "11.0.0.0" },
		{ "255.255.255.255", "0.0.0.0" },
		{ "::", "::1" },
		{ "2001:db8::ffff", "2001:db8::1:0" },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" },
		{ "::fffe:ffff:ffff",
		  "0.0.0.0" }, /* the mapped block begins: the same bytes, printed as IPv4 */
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::" },
	};
	static const char *const sorted[] = { "0.0.0.0",   "9.255.255.255", "10.0.0.0",
		                              "10.0.0.10", "128.0.0.1",     "::",
		                              "::1",       "2001:db8::" };
	char buf[IP_STR_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_addr a = addr(rows[i].text), n = ip_next(&a), p = ip_prev(&n);

		cr_expect(strcmp(ip_format(&n, buf), rows[i].next) == 0,
		          "after %s: %s, expected %s", rows[i].text, buf, rows[i].next);
		cr_expect(ip_eq(&a, &p), "before %s: %s, expected %s", rows[i].next,
		          ip_format(&p, buf), rows[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		for (size_t k = 0; k < ARRAY_SIZE(sorted); k++) {
			struct ip_addr a = addr(sorted[i]), b = addr(sorted[k]);
			int r = ip_cmp(&a, &b);

			cr_expect((r > 0) - (r < 0) == (i > k) - (i < k), "%s and %s: %d",
			          sorted[i], sorted[k], r);
			cr_expect(ip_eq(&a, &b) == (i == k), "%s and %s: equal is %d", sorted[i],
			          sorted[k], ip_eq(&a, &b));
		}
}

Test(ip, kinds)
{
	static const struct {
		const char *text;
		const char *kinds; /* loopback, multicast, unspecified, link-local */
	} rows[] = {
		{ "127.0.0.1", "l" },   { "127.255.0.1", "l" },
		{ "128.0.0.1", "" },    { "::1", "l" },
		{ "::2", "" },          { "224.0.0.1", "m" },
		{ "239.1.1.1", "m" },   { "240.0.0.1", "" },
		{ "223.1.1.1", "" },    { "ff02::1", "m" },
		{ "fe00::1", "" },      { "0.0.0.0", "u" },
		{ "::", "u" },          { "0.0.0.1", "" },
		{ "169.254.1.1", "k" }, { "169.253.1.1", "" },
		{ "fe80::1", "k" },     { "febf::1", "k" },
		{ "fec0::1", "" },      { "fe7f::1", "" },
		{ "1::", "" },          { "::ffff:127.0.0.1", "l" },
		{ "10.0.0.1", "" },
	};
	struct ip_addr none = { .family = AF_UNSPEC };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_addr a = addr(rows[i].text);
		char found[5];

		(void)snprintf(found, sizeof(found), "%s%s%s%s", ip_is_loopback(&a) ? "l" : "",
		               ip_is_multicast(&a) ? "m" : "", ip_is_unspecified(&a) ? "u" : "",
		               ip_is_link_local(&a) ? "k" : "");
		cr_expect(strcmp(found, rows[i].kinds) == 0, "%s: \"%s\", expected \"%s\"",
		          rows[i].text, found, rows[i].kinds);
	}
	cr_expect(!ip_is_loopback(&none) && !ip_is_multicast(&none) && !ip_is_unspecified(&none) &&
	                  !ip_is_link_local(&none) && !ip_is_set(&none),
	          "no address is of some kind");
	cr_expect(ip_bits(AF_UNSPEC) == 0 && ip_size(AF_UNSPEC) == 0, "no address has a width");
}

Test(ip, prefixes)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
		const char *network, *last;
	} rows[] = {
		{ "10.1.2.3/24", "10.1.2.3/24", "10.1.2.0", "10.1.2.255" },
		{ "10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3" },
		{ "10.1.2.3/31", "10.1.2.3/31", "10.1.2.2", "10.1.2.3" },
		{ "10.1.2.3/9", "10.1.2.3/9", "10.0.0.0", "10.127.255.255" },
		{ "10.1.2.3/0", "10.1.2.3/0", "0.0.0.0", "255.255.255.255" },
		{ "10.0.0.0/024", "10.0.0.0/24", "10.0.0.0", "10.0.0.255" }, /* Go allows it here */
		{ "2001:db8::1/64", "2001:db8::1/64",
		  "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff" },
		{ "2001:db8::1/127", "2001:db8::1/127", "2001:db8::", "2001:db8::1" },
		{ "2001:db8:ffff::/33", "2001:db8:ffff::/33",
		  "2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::ffff:10.1.2.3/120", "10.1.2.3/24", "10.1.2.0", "10.1.2.255" },
		{ "::ffff:10.1.2.3/96", "10.1.2.3/0", "0.0.0.0", "255.255.255.255" },
		{ "::ffff:10.1.2.3/95", NULL, NULL, NULL },
		{ "10.1.2.3/33", NULL, NULL, NULL },
		{ "::1/129", NULL, NULL, NULL },
		{ "10.1.2.3/4294967304", NULL, NULL, NULL },
		{ "10.1.2.3/", NULL, NULL, NULL },
		{ "10.1.2.3/-1", NULL, NULL, NULL },
		{ "10.1.2.3/+1", NULL, NULL, NULL },
		{ "10.1.2.3/8 ", NULL, NULL, NULL },
		{ "10.1.2.3/255.0.0.0", NULL, NULL, NULL },
		{ "10.1.2.3/8/8", NULL, NULL, NULL },
		{ "10.1.2.3", NULL, NULL, NULL },
		{ "/8", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ "fe80::1%eth0/64", NULL, NULL, NULL },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char buf[PREFIX_STR_MAX];
		struct ip_prefix p;
		struct ip_addr a;
		bool ok = prefix_parse(rows[i].text, &p);

		cr_expect(ok == (rows[i].want != NULL), "\"%s\": %s, expected %s", rows[i].text,
		          ok ? prefix_format(&p, buf) : "refused",
		          rows[i].want ? rows[i].want : "refused");
		if (!ok || !rows[i].want)
			continue;
		cr_expect(strcmp(prefix_format(&p, buf), rows[i].want) == 0,
		          "\"%s\": %s, expected %s", rows[i].text, buf, rows[i].want);
		a = prefix_network(&p);
		cr_expect(strcmp(ip_format(&a, buf), rows[i].network) == 0,
		          "first of %s: %s, expected %s", rows[i].text, buf, rows[i].network);
		a = prefix_last(&p);
		cr_expect(strcmp(ip_format(&a, buf), rows[i].last) == 0,
		          "last of %s: %s, expected %s", rows[i].text, buf, rows[i].last);
	}
	cr_expect(!prefix_parse(NULL, &(struct ip_prefix) { .len = 0 }), "NULL: accepted");
}

Test(ip, prefix_relations)
{
	static const struct {
		const char *p, *q;
		bool contains; /* p the address of q */
		bool overlaps;
	} rows[] = {
		{ "10.1.2.0/24", "10.1.2.255/32", true, true },
		{ "10.1.2.77/24", "10.1.2.0/32", true, true },
		{ "10.1.2.0/24", "10.1.3.0/32", false, false },
		{ "10.1.2.0/23", "10.1.3.0/32", true, true },
		{ "10.1.2.0/24", "10.1.0.0/16", false, true },
		{ "10.1.2.0/25", "10.1.2.128/25", false, false },
		{ "0.0.0.0/0", "203.0.113.9/32", true, true },
		{ "0.0.0.0/0", "::/0", false, false },
		{ "::/0", "0.0.0.0/0", false, false },
		{ "::/0", "2001:db8::/32", true, true },
		{ "2001:db8::/33", "2001:db8:8000::/33", false, false },
		{ "2001:db8::/32", "2001:db8:8000::/33", true, true },
		{ "2001:db8::1/128", "2001:db8::1/128", true, true },
		{ "2001:db8::1/128", "2001:db8::/127", false, true },
		{ "10.0.0.0/8", "a00::/8", false, false },
	};
	struct ip_prefix none = { .addr.family = AF_UNSPEC };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip_prefix p = prefix(rows[i].p), q = prefix(rows[i].q);
		bool c = prefix_contains(&p, &q.addr), o = prefix_overlaps(&p, &q);

		cr_expect(c == rows[i].contains, "%s contains the address of %s: %d", rows[i].p,
		          rows[i].q, c);
		cr_expect(o == rows[i].overlaps, "%s overlaps %s: %d", rows[i].p, rows[i].q, o);
		cr_expect(prefix_overlaps(&q, &p) == o, "%s and %s: overlap is not symmetric",
		          rows[i].p, rows[i].q);
		cr_expect(prefix_is_default(&p) == (strchr(rows[i].p, '/')[1] == '0'),
		          "%s: default is %d", rows[i].p, prefix_is_default(&p));
	}
	cr_expect(!prefix_contains(&none, &none.addr) && !prefix_overlaps(&none, &none) &&
	                  !prefix_is_default(&none),
	          "no prefix contains, overlaps or is the default");
}

/* Every length of both families against a bit-by-bit oracle */
Test(ip, prefix_lengths)
{
	static const char *const texts[] = { "170.85.204.51",
		                             "a5a5:5a5a:ffff:0:1234:8421:7fff:8001" };

	for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
		struct ip_addr a = addr(texts[t]);
		struct ip_prefix host = prefix_host(&a);

		cr_expect(host.len == ip_bits(a.family) && ip_eq(&host.addr, &a),
		          "%s as a host: /%u", texts[t], host.len);
		for (unsigned int len = 0; len <= ip_bits(a.family); len++) {
			struct ip_prefix p = { .addr = a, .len = (uint8_t)len };
			struct ip_addr first = prefix_network(&p), last = prefix_last(&p), before,
				       after;

			for (unsigned int b = 0; b < ip_bits(a.family); b++) {
				unsigned int shift = 7 - b % 8, was = a.bytes[b / 8] >> shift & 1;

				cr_assert(((unsigned int)first.bytes[b / 8] >> shift & 1U) ==
				                  (b < len ? was : 0),
				          "%s/%u: bit %u of the first address", texts[t], len, b);
				cr_assert(((unsigned int)last.bytes[b / 8] >> shift & 1U) ==
				                  (b < len ? was : 1),
				          "%s/%u: bit %u of the last address", texts[t], len, b);
			}
			before = ip_prev(&first);
			after = ip_next(&last);
			cr_assert(prefix_contains(&p, &first) && prefix_contains(&p, &last),
			          "%s/%u: own edges", texts[t], len);
			cr_assert(prefix_contains(&p, &before) == (len == 0),
			          "%s/%u: the address before", texts[t], len);
			cr_assert(prefix_contains(&p, &after) == (len == 0),
			          "%s/%u: the address after", texts[t], len);
		}
	}
}

Test(ip, mac)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} rows[] = {
		{ "0a:58:0a:f4:01:02", "0a:58:0a:f4:01:02" },
		{ "0A:58:0A:F4:01:FF", "0a:58:0a:f4:01:ff" },
		{ "0a-58-0a-f4-01-02", "0a:58:0a:f4:01:02" },
		{ "0a-58:0a:f4:01:02", NULL },
		{ "0a:58:0a:f4:01-02", NULL },
		{ "0a:58:0a:f4:01", NULL },
		{ "0a:58:0a:f4:01:02:03", NULL },
		{ "0a:58:0a:f4:01:0", NULL },
		{ "0a:58:0a:f4:01:0g", NULL },
		{ "0a58.0af4.0102", NULL },
		{ "0a580af40102", NULL },
		{ " 0a:58:0a:f4:01:02", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t mac[6] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };
		char buf[MAC_STR_MAX];
		bool ok = mac_parse(rows[i].text, mac);
		const char *want = rows[i].want ? rows[i].want : "ee:ee:ee:ee:ee:ee";

		cr_expect(ok == (rows[i].want != NULL), "\"%s\": %s", rows[i].text,
		          ok ? "accepted" : "refused");
		cr_expect(strcmp(mac_format(mac, buf), want) == 0, "\"%s\": %s, expected %s",
		          rows[i].text, buf, want);
	}
	cr_expect(!mac_parse(NULL, (uint8_t[6]) { 0 }), "NULL: accepted");
}
