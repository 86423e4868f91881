/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - words from bytes that lie anywhere, and bytes that are few
 */
#ifndef CNIDA_BASE_BYTES_H
#define CNIDA_BASE_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* bytes_le64() - Eight bytes as a number, the first one lowest. */
static inline uint64_t bytes_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/**
 * bytes_copy() - memcpy() for what mostly has at most 32 bytes: names, values, entries of tables
 *
 * musl's memcpy() begins a string operation of the processor for whatever length, which takes longer than to copy these several
 * times over. Two words that overlap are as many bytes as one likes.
 */
static inline void bytes_copy(void *to, const void *from, size_t n)
{
	const unsigned char *f = from;
	unsigned char *t = to;
	uint64_t first[2], last[2];

	if (n > 32) {
		memcpy(t, f, n);
	} else if (n > 16) {
		memcpy(first, f, 16);
		memcpy(last, f + n - 16, 16);
		memcpy(t, first, 16);
		memcpy(t + n - 16, last, 16);
	} else if (n >= 8) {
		memcpy(first, f, 8);
		memcpy(last, f + n - 8, 8);
		memcpy(t, first, 8);
		memcpy(t + n - 8, last, 8);
	} else {
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	}
}

#endif
