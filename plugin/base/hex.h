/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hex.h - hexadecimal digits
 */
#ifndef CNIDA_BASE_HEX_H
#define CNIDA_BASE_HEX_H

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

#endif
