/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - words from bytes that lie anywhere
 */
#ifndef CNIDA_BASE_BYTES_H
#define CNIDA_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* bytes_le64() - Eight bytes as a number, the first one lowest. */
static inline uint64_t bytes_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

#endif
