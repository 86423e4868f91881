/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash.h - SHA-512 (FIPS 180-4), for names that must not collide and for upstream's chain names; SipHash for tables
 */
#ifndef CNIDA_BASE_HASH_H
#define CNIDA_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA512_SIZE 64

/* sha512() - Digest of one buffer. */
void sha512(const void *data, size_t len, uint8_t ret[static SHA512_SIZE]);

/**
 * hash_hex() - First @digits hex digits of SHA-512 over strings, each followed by a NUL byte
 *
 * The separator is what keeps ("a", "bc") and ("ab", "c") apart.
 *
 * @parts:	NULL-terminated list
 * @ret:	@digits + 1 bytes; @digits is at most 128
 */
void hash_hex(const char *const parts[], size_t digits, char *ret);

/* hash_hex_plain() - The same over the strings run together, as upstream's plugins do (no separator). */
void hash_hex_plain(const char *const parts[], size_t digits, char *ret);

/* siphash() - SipHash-2-4 of one buffer; the key's two words as numbers, which the paper writes lowest byte first. */
uint64_t siphash(uint64_t k0, uint64_t k1, const void *data, size_t len);
/* hash_u64() - Of strings, each followed by a NUL byte, for tables whose answers are verified: 64 bits may collide. */
uint64_t hash_u64(const char *const parts[]);

#endif
