/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_tape.c - texts are read eight characters at a time: what counts is found wherever it stands
 */
#include "policy/tape.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTHS 20 /* two words and some */

/* A string of @len characters, that at @at another one: how long it was found to be; -1 with an error. */
static long length_of(size_t len, size_t at, const char *other, bool *ret_escaped)
{
	char text[64], letters[LENGTHS + 1];
	struct tape t;
	struct err e;
	long found;

	memset(letters, 'a', sizeof(letters));
	snprintf(text, sizeof(text), "\"%.*s%s%.*s\"", (int)at, letters, other, (int)(len - at),
	         letters);
	tape_init(&t, text, strlen(text));
	found = tape_next(&t, &e) == 1 && t.pos == t.end ? (long)t.v[0].len : -1;
	*ret_escaped = found >= 0 && t.v[0].escaped;
	tape_free(&t);
	return found;
}

Test(policy_tape, strings_of_every_length)
{
	static const struct {
		const char *other;
		bool good, escaped;
	} rows[] = {
		{ "", true, false },         { "\\n", true, true },    { "\\\"", true, true },
		{ "\xc3\xa9", true, false }, { "\x7f", true, false },  { "!#[]{}", true, false },
		{ " ", true, false },        { "\x1f", false, false }, { "\n", false, false },
		{ "\x01", false, false },    { "\\x", false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t len = 0; len <= LENGTHS; len++) {
			for (size_t at = 0; at <= len; at++) {
				bool escaped;
				long found = length_of(len, at, rows[i].other, &escaped);
				long expected =
					rows[i].good ? (long)(len + strlen(rows[i].other)) : -1;

				cr_assert(found == expected && escaped == rows[i].escaped,
				          "row %zu, %zu letters, behind %zu: expected length %ld, "
				          "escaped %d, found %ld, %d",
				          i, len, at, expected, rows[i].escaped, found, escaped);
			}
		}
	}
}

/* The list as one node, whether its items are passed over by their brackets or their end is known. */
static void read_whole(struct tape *t, size_t behind, const char *what, size_t gap)
{
	struct err e;

	cr_assert(tape_again(t, behind, &e) == 1 && t->pos == t->end, "%s, gap %zu: %s", what, gap,
	          e.msg);
	cr_assert(t->n == 5 && t->v[2].type == NODE_ITEMS && tape_is(t, 4, "L"),
	          "%s, gap %zu: expected the list as one of 5 nodes, found %u nodes", what, gap,
	          t->n);
}

/* Brackets in strings do not count. */
Test(policy_tape, lists_of_every_length)
{
	for (size_t gap = 0; gap <= LENGTHS; gap++) {
		char text[256], spaces[LENGTHS + 1];
		struct tape t;
		struct err e;
		size_t behind;

		memset(spaces, ' ', sizeof(spaces));
		snprintf(text, sizeof(text),
		         "{\"items\":[%.*s{\"a\":[1,%.*s{}]},\"]}\\\"[{%.*s\"],\"kind\":\"L\"}",
		         (int)gap, spaces, (int)gap, spaces, (int)gap, spaces);
		tape_init(&t, text, strlen(text));
		cr_assert_eq(tape_next(&t, &e), TAPE_AT_ITEMS, "gap %zu: %s", gap, e.msg);
		cr_assert_eq(text[t.pos], '[', "gap %zu: found '%c'", gap, text[t.pos]);
		tape_open(&t, t.pos);
		cr_assert(tape_item(&t, &e) == 1 && t.v[0].type == NODE_OBJECT, "gap %zu: %s", gap,
		          e.msg);
		cr_assert(tape_item(&t, &e) == 1 && t.v[0].type == NODE_STRING &&
		                  t.v[0].len == 6 + gap,
		          "gap %zu: expected a string of %zu, found one of %u", gap, 6 + gap,
		          t.v[0].len);
		cr_assert(tape_item(&t, &e) == 0, "gap %zu: expected its end", gap);
		behind = t.pos;
		read_whole(&t, behind, "items that were read", gap);
		read_whole(&t, 0, "items that were not", gap);
		cr_assert_eq(t.v[2].at, (uint32_t)(strchr(text, '[') - text), "gap %zu", gap);
		tape_free(&t);
	}
}

/* A text may end anywhere: no character behind it is read. */
Test(policy_tape, cut_off)
{
	static const char text[] =
		"{\"items\": [{\"kind\": \"Pod\", \"n\\u0041me\": [true, -1.5e3]}]}";

	for (size_t len = 1; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len); /* ASan sees who reads on */
		struct tape t;
		struct err e;
		int r;

		memcpy(copy, text, len);
		tape_init(&t, copy, len);
		r = tape_next(&t, &e);
		if (r == TAPE_AT_ITEMS) {
			cr_expect(tape_again(&t, 0, &e) < 0, "cut at %zu: expected an error", len);
			tape_open(&t, (size_t)(strchr(text, '[') - text));
			do
				r = tape_item(&t, &e);
			while (r > 0);
			if (r == 0)
				r = tape_again(&t, t.pos, &e);
		}
		cr_expect(r < 0, "cut at %zu: expected an error", len);
		tape_free(&t);
		free(copy);
	}
}

Test(policy_tape, names)
{
	static const char text[] = "[\"\", \"kind\", \"k\\u0069nd\", \"kinds\", 7]";
	static const struct {
		uint32_t node;
		const char *name;
		bool same;
	} rows[] = {
		{ 1, "", true },      { 1, "kind", false },  { 2, "kind", true },
		{ 2, "kin", false },  { 2, "kinds", false }, { 2, "", false },
		{ 3, "kind", true },  { 3, "kinds", false }, { 4, "kind", false },
		{ 4, "kinds", true }, { 5, "7", false },
	};
	struct tape t;
	struct err e;

	tape_init(&t, text, strlen(text));
	cr_assert(tape_next(&t, &e) == 1, "%s", e.msg);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect(tape_is(&t, rows[i].node, rows[i].name) == rows[i].same,
		          "node %u and \"%s\": expected %d", rows[i].node, rows[i].name,
		          rows[i].same);
	tape_free(&t);
}
