/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_args.c - CNI_ARGS, and foreign text quoted for messages
 */
#include "base/cleanup.h"
#include "spec/quote.h"
#include "spec/request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define K8S "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=ab12"

static const char *const known[] = { "IP", "GATEWAY", "K8S_POD_NAME", NULL };

Test(args, split)
{
	static const struct {
		const char *name, *text;
		const char *key, *value; /* value NULL: not there */
		size_t n;
	} rows[] = {
		{ "nothing", "", "IP", NULL, 0 },
		{ "one", "IP=10.0.0.2", "IP", "10.0.0.2", 1 },
		{ "two", "IP=10.0.0.2;GATEWAY=10.0.0.1", "GATEWAY", "10.0.0.1", 2 },
		{ "the other way round", "GATEWAY=10.0.0.1;IP=10.0.0.2", "GATEWAY", "10.0.0.1", 2 },
		{ "empty value", "IP=", "IP", "", 1 },
		{ "the last one wins", "IP=10.0.0.2;IP=10.0.0.3", "IP", "10.0.0.3", 2 },
		{ "ignored ones are kept", "IgnoreUnknown=1;" K8S, "K8S_POD_NAMESPACE", "default",
		  4 },
		{ "ignore at the end", K8S ";IgnoreUnknown=true", "K8S_POD_NAME", "web-0", 4 },
		{ "ignore in capitals", "X=1;IgnoreUnknown=TRUE", "X", "1", 2 },
		{ "no unknown ones to ignore", "IgnoreUnknown=0;IP=1", "IP", "1", 2 },
		{ "keys are exact", "IgnoreUnknown=1;ip=10.0.0.2", "IP", NULL, 2 },
		{ "the later IgnoreUnknown counts", "IgnoreUnknown=0;X=1;IgnoreUnknown=1", "X", "1",
		  3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cni_args args;
		struct err e = { 0 };
		int r = cni_args_parse(rows[i].text, known, &args, &e);
		const char *value;

		cr_assert(r == 0, "%s: expected 0, found %d (%s)", rows[i].name, r, e.msg);
		cr_assert(args.n == rows[i].n, "%s: expected %zu pairs, found %zu", rows[i].name,
		          rows[i].n, args.n);
		value = cni_args_get(&args, rows[i].key);
		cr_assert((value == NULL) == (rows[i].value == NULL) &&
		                  (!value || strcmp(value, rows[i].value) == 0),
		          "%s: expected %s, found %s", rows[i].name,
		          rows[i].value ? rows[i].value : "nothing", value ? value : "nothing");
	}
}

Test(args, refused)
{
	static const struct {
		const char *name, *text, *msg;
	} rows[] = {
		{ "no pair", "none", "ARGS: invalid pair \"none\"" },
		{ "empty pair at the end", "IP=1;", "ARGS: invalid pair \"\"" },
		{ "empty pair in the middle", "IP=1;;GATEWAY=2", "ARGS: invalid pair \"\"" },
		{ "only a separator", ";", "ARGS: invalid pair \"\"" },
		{ "equals sign in the value", "IP=a=b", "ARGS: invalid pair \"IP=a=b\"" },
		{ "unknown", "K8S_POD_UID=a", "ARGS: unknown args [\"K8S_POD_UID=a\"]" },
		{ "two unknown", "A=1;IP=2;B=3", "ARGS: unknown args [\"A=1\" \"B=3\"]" },
		{ "ignore in small letters is unknown", "ignoreunknown=1;A=1",
		  "ARGS: unknown args [\"ignoreunknown=1\" \"A=1\"]" },
		{ "ignore off", "A=1;IgnoreUnknown=false", "ARGS: unknown args [\"A=1\"]" },
		{ "ignore garbled", "IgnoreUnknown=yes",
		  "ARGS: error parsing value of IgnoreUnknown: invalid input \"yes\"" },
		{ "an invalid pair comes before unknown ones", "A=1;b",
		  "ARGS: invalid pair \"b\"" },
		{ "quotes", "a\"b", "ARGS: invalid pair \"a\\\"b\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cni_args args;
		struct err e = { 0 };
		int r = cni_args_parse(rows[i].text, known, &args, &e);

		cr_assert(r == -EINVAL && e.code == CNI_E_INTERNAL,
		          "%s: expected %d and code 999, found %d and code %d", rows[i].name,
		          -EINVAL, r, e.code);
		cr_assert_str_eq(e.msg, rows[i].msg, "%s: expected %s, found %s", rows[i].name,
		                 rows[i].msg, e.msg);
	}
}

/* @pairs times "KEY=", the value @len characters long. */
static const char *repeat(const char *key, size_t len, size_t pairs)
{
	static char text[32768];
	size_t n = 0;

	for (size_t i = 0; i < pairs; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=", i ? ";" : "", key);
		memset(text + n, 'v', len);
		n += len;
		text[n] = '\0';
	}
	return text;
}

Test(args, bounds)
{
	static const struct {
		const char *name, *key;
		size_t len, pairs;
		const char *const *known;
		bool good;
	} rows[] = {
		{ "longest value", "IP", 255, 1, known, true },
		{ "too long a value of a known key", "IP", 256, 1, known, false },
		{ "too long a value of an unknown key", "IgnoreUnknown=1;X", 4000, 1, known, true },
		{ "most pairs", "IP", 1, CNI_ARGS_MAX, known, true },
		{ "one pair too many", "IP", 1, CNI_ARGS_MAX + 1, known, false },
		{ "no keys known", "IP", 1, 1, NULL, false },
		{ "unknown ones that fill the message", "X", 200, 20, known, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cni_args args;
		struct err e = { 0 };
		int r = cni_args_parse(repeat(rows[i].key, rows[i].len, rows[i].pairs),
		                       rows[i].known, &args, &e);

		cr_assert(r == (rows[i].good ? 0 : -EINVAL), "%s: expected %d, found %d (%s)",
		          rows[i].name, rows[i].good ? 0 : -EINVAL, r, e.msg);
		cr_assert(rows[i].good || e.code == CNI_E_INTERNAL,
		          "%s: expected code 999, found %d", rows[i].name, e.code);
	}
}

Test(quote, table)
{
	static const struct {
		const char *name, *text;
		size_t cap;
		const char *quoted;
	} rows[] = {
		{ "plain", "abc", 64, "\"abc\"" },
		{ "empty", "", 64, "\"\"" },
		{ "named escapes", "\a\b\f\n\r\t\v\\\"", 64, "\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"" },
		{ "control characters", "\x01\x1f\x7f", 64, "\"\\x01\\x1f\\x7f\"" },
		{ "more than ASCII", "\u00e9\u20ac\U0001f41f", 64, "\"\u00e9\u20ac\U0001f41f\"" },
		{ "C1 control", "\xc2\x85", 64, "\"\\u0085\"" },
		{ "no UTF-8", "a\xff\xc3", 64, "\"a\\xff\\xc3\"" },
		{ "overlong", "\xc0\xaf", 64, "\"\\xc0\\xaf\"" },
		{ "surrogate", "\xed\xa0\x80", 64, "\"\\xed\\xa0\\x80\"" },
		{ "exactly full", "abcdefg", 10, "\"abcdefg\"" },
		{ "cut", "abcdefgh", 10, "\"abcd...\"" },
		{ "cut before an escape", "abc\xff\xff", 10, "\"abc...\"" },
		{ "smallest", "abcdefghij", 8, "\"ab...\"" },
	};
	char buf[64];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(buf, '#', sizeof(buf));
		quote(rows[i].text, strlen(rows[i].text), buf, rows[i].cap);
		cr_assert_str_eq(buf, rows[i].quoted, "%s: expected %s, found %s", rows[i].name,
		                 rows[i].quoted, buf);
		cr_assert(strlen(buf) < rows[i].cap, "%s: expected less than %zu bytes, found %zu",
		          rows[i].name, rows[i].cap, strlen(buf));
	}
	quote("a\0b", 3, buf, sizeof(buf));
	cr_assert_str_eq(buf, "\"a\\x00b\"", "NUL inside: found %s", buf);
}
