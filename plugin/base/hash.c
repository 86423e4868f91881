/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash.c - SHA-512 (FIPS 180-4), for names that must not collide and for upstream's chain names; SipHash for tables
 *
 * Inputs are a few hundred bytes, so this is the plain algorithm of the standard with the schedule kept in a
 * ring of 16 words; a crypto library would cost more at process start than it could save here.
 */
#include "base/hash.h"

#include "base/bytes.h"
#include "base/digits.h"

#include <string.h>

#define BLOCK 128U

struct sha512_state {
	uint64_t h[8];
	uint64_t total; /* bytes; 2^61 of them are out of reach, so the upper length word stays zero */
	uint8_t block[BLOCK];
};

/* The first 64 bits of the fractional parts of the square roots of the first 8 primes */
static const uint64_t initial[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* The first 64 bits of the fractional parts of the cube roots of the first 80 primes */
static const uint64_t round_constant[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

static uint64_t rotr(uint64_t x, unsigned int n)
{
	return x >> n | x << (64 - n);
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--) {
		p[i] = (uint8_t)v;
		v >>= 8;
	}
}

/* Word t of the message schedule from the sixteen before it */
static uint64_t schedule(uint64_t w[static 16], unsigned int t)
{
	uint64_t s0 = w[(t + 1) % 16], s1 = w[(t + 14) % 16];

	s0 = rotr(s0, 1) ^ rotr(s0, 8) ^ s0 >> 7;
	s1 = rotr(s1, 19) ^ rotr(s1, 61) ^ s1 >> 6;
	return w[t % 16] += s0 + w[(t + 9) % 16] + s1;
}

/* The working variables a to h of round t. Each round moves them on by one: the names move instead of the values. */
#define V(i) v[((i)-t) % 8]

static void compress(uint64_t h[static 8], const uint8_t block[static BLOCK])
{
	uint64_t w[16], v[8];

	memcpy(v, h, sizeof(v));
	for (unsigned int t = 0; t < 80; t++) {
		uint64_t word = t < 16 ? (w[t] = get_be64(block + (size_t)8 * t)) : schedule(w, t);
		uint64_t a = V(0), b = V(1), c = V(2), e = V(4);
		uint64_t s1 = rotr(e, 14) ^ rotr(e, 18) ^ rotr(e, 41);
		uint64_t choice = (e & V(5)) ^ (~e & V(6));
		uint64_t t1 = V(7) + s1 + choice + round_constant[t] + word;
		uint64_t s0 = rotr(a, 28) ^ rotr(a, 34) ^ rotr(a, 39);
		uint64_t majority = (a & b) ^ (a & c) ^ (b & c);

		V(3) += t1;
		V(7) = t1 + s0 + majority; /* the next round's V(0) */
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

static void sha512_init(struct sha512_state *s)
{
	memcpy(s->h, initial, sizeof(s->h));
	s->total = 0;
}

static void sha512_update(struct sha512_state *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t at = s->total % BLOCK;
		size_t n = BLOCK - at < len ? BLOCK - at : len;

		memcpy(s->block + at, p, n);
		s->total += n;
		p += n;
		len -= n;
		if (at + n == BLOCK)
			compress(s->h, s->block);
	}
}

static void sha512_final(struct sha512_state *s, uint8_t ret[static SHA512_SIZE])
{
	static const uint8_t padding[BLOCK] = { 0x80 };
	size_t at = s->total % BLOCK;
	uint8_t length[16] = { 0 };

	put_be64(length + 8, s->total * 8);
	sha512_update(s, padding, at < 112 ? 112 - at : 240 - at);
	sha512_update(s, length, sizeof(length));
	for (size_t i = 0; i < 8; i++)
		put_be64(ret + 8 * i, s->h[i]);
}

void sha512(const void *data, size_t len, uint8_t ret[static SHA512_SIZE])
{
	struct sha512_state s;

	sha512_init(&s);
	sha512_update(&s, data, len);
	sha512_final(&s, ret);
}

/* @separator: bytes of each part's end that count too: its NUL, or nothing */
static void digest_parts(const char *const parts[], size_t separator,
                         uint8_t ret[static SHA512_SIZE])
{
	struct sha512_state s;

	sha512_init(&s);
	for (; *parts; parts++)
		sha512_update(&s, *parts, strlen(*parts) + separator);
	sha512_final(&s, ret);
}

static void put_hex(const uint8_t digest[static SHA512_SIZE], size_t digits, char *ret)
{
	if (digits > (size_t)2 * SHA512_SIZE)
		digits = (size_t)2 * SHA512_SIZE;
	for (size_t i = 0; i < digits; i++)
		ret[i] = hex_digit(i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2]);
	ret[digits] = '\0';
}

void hash_hex(const char *const parts[], size_t digits, char *ret)
{
	uint8_t digest[SHA512_SIZE];

	digest_parts(parts, 1, digest);
	put_hex(digest, digits, ret);
}

void hash_hex_plain(const char *const parts[], size_t digits, char *ret)
{
	uint8_t digest[SHA512_SIZE];

	digest_parts(parts, 0, digest);
	put_hex(digest, digits, ret);
}

/* SipHash-2-4 (Aumasson, Bernstein 2012), a tenth of the price of a digest */

struct sip {
	uint64_t v[4];
	uint64_t word; /* the bytes since the last whole word, the first one lowest */
	size_t len;
};

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotr(v[1], 51) ^ v[0];
	v[0] = rotr(v[0], 32);
	v[2] += v[3];
	v[3] = rotr(v[3], 48) ^ v[2];
	v[0] += v[3];
	v[3] = rotr(v[3], 43) ^ v[0];
	v[2] += v[1];
	v[1] = rotr(v[1], 47) ^ v[2];
	v[2] = rotr(v[2], 32);
}

static void sip_init(struct sip *s, uint64_t k0, uint64_t k1)
{
	*s = (struct sip) { .v = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		                   k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 } };
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s->v);
	sip_round(s->v);
	s->v[0] ^= word;
}

static void sip_update(struct sip *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; s->len % 8 == 0 && len >= 8; len -= 8, p += 8, s->len += 8)
		sip_word(s, bytes_le64(p));
	for (size_t i = 0; i < len; i++) {
		s->word |= (uint64_t)p[i] << 8 * (s->len % 8);
		if (++s->len % 8 == 0) {
			sip_word(s, s->word);
			s->word = 0;
		}
	}
}

static uint64_t sip_final(struct sip *s)
{
	sip_word(s, s->word | (uint64_t)s->len << 56);
	s->v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s->v);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t siphash(uint64_t k0, uint64_t k1, const void *data, size_t len)
{
	struct sip s;

	sip_init(&s, k0, k1);
	sip_update(&s, data, len);
	return sip_final(&s);
}

uint64_t hash_u64(const char *const parts[])
{
	struct sip s;

	sip_init(&s, 0, 0);
	for (; *parts; parts++)
		sip_update(&s, *parts, strlen(*parts) + 1);
	return sip_final(&s);
}
