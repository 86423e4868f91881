/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quote.c - text of foreign origin in an error message, quoted as Go's %q does
 */
#include "spec/quote.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define PIECE_MAX 8 /* the longest piece is \u00NN, and its NUL */

/* One character of the input as a piece of output; returns the number of bytes used up. */
static size_t quote_one(const unsigned char *p, size_t left, char piece[static PIECE_MAX])
{
	static const char named[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
	const char *hit = *p ? strchr(named, *p) : NULL;
	size_t len = utf8_sequence((const char *)p, left);

	if (hit) {
		(void)snprintf(piece, PIECE_MAX, "\\%c", letters[hit - named]);
		return 1;
	}
	if (len == 0 || *p < ' ' || *p == 0x7f) {
		(void)snprintf(piece, PIECE_MAX, "\\x%02x", *p);
		return 1;
	}
	if (len == 2 && *p == 0xc2 && p[1] < 0xa0) {
		(void)snprintf(piece, PIECE_MAX, "\\u00%02x", p[1]);
		return 2;
	}
	memcpy(piece, p, len);
	piece[len] = '\0';
	return len;
}

const char *quote(const char *text, size_t len, char *buf, size_t cap)
{
	static const char cut[] = "...\"";
	const unsigned char *p = (const unsigned char *)text;
	size_t used = 0, safe = 1; /* where the mark still fits */

	buf[used++] = '"';
	while (len > 0) {
		char piece[PIECE_MAX];
		size_t step = quote_one(p, len, piece);
		size_t n = strlen(piece);

		if (used + sizeof(cut) <= cap)
			safe = used;
		if (used + n + 2 > cap) {
			memcpy(buf + safe, cut, sizeof(cut));
			return buf;
		}
		memcpy(buf + used, piece, n);
		used += n;
		p += step;
		len -= step;
	}
	buf[used++] = '"';
	buf[used] = '\0';
	return buf;
}
