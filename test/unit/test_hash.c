/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hash.c - SHA-512 against the examples of FIPS 180-4, every length around a block, and the names made of it
 */
#include "base/hash.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

static void to_hex(const uint8_t digest[static SHA512_SIZE], char *buf)
{
	for (size_t i = 0; i < SHA512_SIZE; i++)
		(void)snprintf(buf + 2 * i, 3, "%02x", digest[i]);
}

static void expect_digest(const char *name, const void *data, size_t len, const char *want)
{
	char hex[2 * SHA512_SIZE + 1];
	uint8_t digest[SHA512_SIZE];

	sha512(data, len, digest);
	to_hex(digest, hex);
	cr_expect(strncmp(hex, want, strlen(want)) == 0, "%s: %s, expected %s", name, hex, want);
}

Test(hash, standard_examples)
{
	_cleanup_free_ char *million = malloc(1000000);

	cr_assert(million != NULL);
	memset(million, 'a', 1000000);
	expect_digest("empty", "", 0,
	              "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
	              "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
	expect_digest("abc", "abc", 3,
	              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	expect_digest("896 bits",
	              "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
	              "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
	              112,
	              "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
	              "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
	expect_digest("a million a", million, 1000000,
	              "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
	              "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
}

Test(hash, around_the_padding)
{
	static const struct {
		size_t len;
		const char *want;
	} rows[] = {
		{ 111, "9a2a120825c2319867758ec277924f6f" },
		{ 112, "a3722b515ef40c910f2419f6e0da8ca5" },
		{ 113, "9cc73d4e7aed8932e95198d97ddb3b10" },
		{ 127, "1d5a8893e7b7ed83d485d26f88cfb846" },
		{ 128, "e2e22f8422b54b06e35c3ea30a383d1d" },
		{ 129, "19015483ea99fa74728fd7b13adba6b7" },
	};
	char data[129], name[32];

	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(name, sizeof(name), "%zu bytes", rows[i].len);
		expect_digest(name, data, rows[i].len, rows[i].want);
	}
}

Test(hash, names)
{
	static const char *const upstream[] = { "n1", "abc123", NULL };
	static const char *const split1[] = { "a", "bc", NULL }, *const split2[] = { "ab", "c",
		                                                                     NULL };
	static const char *const nothing[] = { NULL };
	char a[2 * SHA512_SIZE + 1], b[2 * SHA512_SIZE + 1];

	/* The chain that upstream's plugins make for this network and container is CNI- and these digits. */
	hash_hex_plain(upstream, 24, a);
	cr_expect(strcmp(a, "87c5546801f5a13fdb676d57") == 0,
	          "plain: %s, expected 87c5546801f5a13fdb676d57", a);

	hash_hex(split1, 16, a);
	cr_expect(strcmp(a, "f21485c80998cb98") == 0,
	          "with separators: %s, expected f21485c80998cb98", a);
	hash_hex(split2, 16, b);
	cr_expect(strcmp(a, b) != 0, "(a, bc) and (ab, c) are both %s", a);
	hash_hex_plain(split1, 128, a);
	hash_hex_plain(split2, 128, b);
	cr_expect(strcmp(a, b) == 0, "plain: (a, bc) is %s, (ab, c) is %s, expected the same", a,
	          b);
	cr_expect(strncmp(a, "ddaf35a193617aba", 16) == 0, "plain: %s, expected that of abc", a);

	hash_hex(nothing, 128, a);
	cr_expect(strncmp(a, "cf83e1357eefb8bd", 16) == 0, "no parts: %s, expected that of nothing",
	          a);
	for (size_t digits = 0; digits <= 128; digits++) {
		memset(b, '#', sizeof(b));
		hash_hex(nothing, digits, b);
		cr_expect(strlen(b) == digits && strncmp(a, b, digits) == 0,
		          "%zu digits: \"%.130s\"", digits, b);
	}
}

/* The first two are the paper's and its reference code's; the others were computed by another program. */
Test(hash, sip)
{
	static const char *const split1[] = { "a", "bc", NULL }, *const split2[] = { "ab", "c",
		                                                                     NULL };
	static const struct {
		size_t len;
		uint64_t want;
	} rows[] = {
		{ 15, 0xa129ca6149be45e5 },
		{ 0, 0x726fdb47dd0e0e31 },
		{ 63, 0x958a324ceb064572 },
	};
	uint8_t data[64];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t got = siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, data, rows[i].len);

		cr_expect(got == rows[i].want, "%zu bytes: %016" PRIx64 ", expected %016" PRIx64,
		          rows[i].len, got, rows[i].want);
	}
	cr_expect(hash_u64(split1) == 0x397adfa3f1809706,
	          "(a, bc): %016" PRIx64 ", expected 397adfa3f1809706", hash_u64(split1));
	cr_expect(hash_u64(split2) == 0x4ad73ce85538cc3d,
	          "(ab, c): %016" PRIx64 ", expected 4ad73ce85538cc3d", hash_u64(split2));
}
