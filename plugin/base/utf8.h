/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8.h - where a UTF-8 sequence ends, for texts that go into a JSON document or come out of one
 */
#ifndef CNIDA_BASE_UTF8_H
#define CNIDA_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT \
	"\xef\xbf\xbd" /* U+FFFD, what Go puts in the place of a byte that is no UTF-8 */

/**
 * utf8_sequence() - Length of the sequence at the start of a text
 *
 * Overlong forms, surrogates and numbers beyond U+10FFFF are not valid.
 *
 * Return: 1 to 4, or 0 if the first byte does not begin a valid and complete sequence (or @len is 0).
 */
static inline size_t utf8_sequence(const char *text, size_t len)
{
	/* Smallest number that needs the sequence, by its length */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t n = len == 0 ? 0 : s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c;

	if (n <= 1)
		return n;
	if (n > len || s[0] < 0xc0 || s[0] > 0xf7)
		return 0;
	c = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

/* utf8_put() - Write a code point that is no surrogate and at most U+10FFFF; returns the bytes written, 1 to 4. */
static inline size_t utf8_put(char *out, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		out[0] = (char)c;
		return 1;
	}
	for (size_t i = n; --i > 0; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00U >> n & 0xffU) | c);
	return n;
}

#endif
