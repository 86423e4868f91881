/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_bytes.c - words from bytes that lie anywhere, and bytes that are few
 */
#include "base/bytes.h"

#include <criterion/criterion.h>

#define LENGTHS 80
#define AROUND  8

/* Every length of every way to copy: those bytes, and none before or behind them. */
Test(bytes, copy)
{
	unsigned char from[LENGTHS + AROUND], to[LENGTHS + 2 * AROUND];

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (unsigned char)(i * 7 + 1);
	for (size_t n = 0; n <= LENGTHS; n++) {
		memset(to, 0xee, sizeof(to));
		bytes_copy(to + AROUND, from + n % AROUND, n);
		cr_expect(memcmp(to + AROUND, from + n % AROUND, n) == 0,
		          "%zu bytes: expected those of the source", n);
		for (size_t i = 0; i < sizeof(to); i++)
			cr_expect(to[i] == 0xee || (i >= AROUND && i < AROUND + n),
			          "%zu bytes: byte %zu was changed too", n, i);
	}
}

Test(bytes, le64)
{
	static const unsigned char bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	cr_expect_eq(bytes_le64(bytes + 1), 0x0807060504030201ULL);
}
