/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * digits.h - hexadecimal and decimal digits, to numbers and back
 */
#ifndef CNIDA_BASE_DIGITS_H
#define CNIDA_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#define DIGITS_DECIMAL_MAX 20 /* of a number of 64 bits */

/* hex_value() - Of a digit, in either case; -1 for anything else. */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* hex_digit() - Of the four low bits, in lower case. */
static inline char hex_digit(unsigned int v)
{
	return "0123456789abcdef"[v & 15];
}

/*
 * Both write no NUL, and return where the digits end.
 */

/* digits_decimal() - Without leading zeros; at most DIGITS_DECIMAL_MAX bytes. */
static inline char *digits_decimal(char *to, uint64_t v)
{
	char *end = to + 1;

	for (uint64_t rest = v / 10; rest; rest /= 10)
		end++;
	for (char *p = end; p > to; v /= 10)
		*--p = (char)('0' + v % 10);
	return end;
}

/* digits_hex() - Without leading zeros; at most 8 bytes. */
static inline char *digits_hex(char *to, uint32_t v)
{
	int shift = 28;

	while (shift > 0 && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = hex_digit(v >> shift);
	return to;
}

#endif
