/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_json.c - documents that are accepted and refused, values by key, and the bytes that are written
 *
 * The texts of refusals and of written documents are those of Go's encoding/json.
 */
#include "base/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static json_t *parse(const char *text)
{
	json_t *doc = NULL;
	struct err e;
	int r = jparse(text, strlen(text), &doc, &e);

	cr_assert(r == 0, "%s: %s", text, e.msg);
	return doc;
}

static void expect_dump(const char *name, const json_t *doc, bool sorted, const char *want)
{
	_cleanup_free_ char *text = NULL;
	int r = jdump(doc, sorted, &text);

	cr_assert(r == 0, "%s: jdump returned %d", name, r);
	cr_expect(strcmp(text, want) == 0, "%s: <%s>, expected <%s>", name, text, want);
}

#define END "unexpected end of JSON input"

Test(json, syntax)
{
	static const struct {
		const char *text,
			*want; /* what is said after "invalid character ", or the whole text */
	} rows[] = {
		{ "", END },
		{ " \n", END },
		{ "{", END },
		{ "{\"a\"", END },
		{ "{\"a\":", END },
		{ "{\"a\":1", END },
		{ "{\"a\":1,", END },
		{ "{\"a\":\"", END },
		{ "{\"a\":\"\\", END },
		{ "{\"a\":\"\\u00", END },
		{ "{\"a\":tru", END },
		{ "{\"a\":-", END },
		{ "{\"a\":[", END },
		{ "{\"a\":[1,", END },
		{ "{} xx", "'x' after top-level value" },
		{ "{}}", "'}' after top-level value" },
		{ "{},", "',' after top-level value" },
		{ "{a:1}", "'a' looking for beginning of object key string" },
		{ "{'a':1}", "'\\'' looking for beginning of object key string" },
		{ "{\"a\":1,}", "'}' looking for beginning of object key string" },
		{ "{,}", "',' looking for beginning of object key string" },
		{ "{\"a\" 1}", "'1' after object key" },
		{ "{\"a\":1 \"b\"}", "'\"' after object key:value pair" },
		{ "{\"a\":01}", "'1' after object key:value pair" },
		{ "{\"a\":[1 2]}", "'2' after array element" },
		{ "{\"a\":[1,]}", "']' looking for beginning of value" },
		{ "{\"a\":}", "'}' looking for beginning of value" },
		{ "{\"a\":+1}", "'+' looking for beginning of value" },
		{ "{\"a\":.5}", "'.' looking for beginning of value" },
		{ "{\"a\":NaN}", "'N' looking for beginning of value" },
		{ "{\"a\":/**/1}", "'/' looking for beginning of value" },
		{ "\xef\xbb\xbf{}", "'\xc3\xaf' looking for beginning of value" },
		{ "\x80{}", "'\\u0080' looking for beginning of value" },
		{ "{\"a\":-a}", "'a' in numeric literal" },
		{ "{\"a\":1.}", "'}' after decimal point in numeric literal" },
		{ "{\"a\":1e}", "'}' in exponent of numeric literal" },
		{ "{\"a\":1e+x}", "'x' in exponent of numeric literal" },
		{ "{\"a\":trve}", "'v' in literal true (expecting 'u')" },
		{ "{\"a\":fals}", "'}' in literal false (expecting 'e')" },
		{ "{\"a\":nil}", "'i' in literal null (expecting 'u')" },
		{ "{\"a\":\"\n\"}", "'\\n' in string literal" },
		{ "{\"a\":\"\x01\"}", "'\\x01' in string literal" },
		{ "{\"a\":\"\\x\"}", "'x' in string escape code" },
		{ "{\"a\":\"\\\\\\\"}", END },
		{ "{\"a\":\"\\u00g0\"}", "'g' in \\u hexadecimal character escape" },
		{ "[]", "expected an object, found an array" },
		{ "\"a\"", "expected an object, found \"a\"" },
		{ "17", "expected an object, found 17" },
		{ "null", "expected an object, found null" },
		{ "{\"a\\u0000b\":1}", "NUL character in object key \"a\"" },
		{ "{\"a\":1e999}", "number 1e999 is out of range" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *doc = NULL;
		struct err e = { 0 };
		int r = jparse(rows[i].text, strlen(rows[i].text), &doc, &e);
		const char *prefix = "invalid character ", *found = e.msg;

		cr_expect(r == -EINVAL && !doc, "<%s>: returned %d, expected %d", rows[i].text, r,
		          -EINVAL);
		cr_expect(e.code == CNI_E_DECODE, "<%s>: code %d, expected %d", rows[i].text,
		          e.code, CNI_E_DECODE);
		if (rows[i].want[0] == '\'' && strncmp(found, prefix, strlen(prefix)) == 0)
			found += strlen(prefix);
		cr_expect(strcmp(found, rows[i].want) == 0, "<%s>: \"%s\", expected \"%s\"",
		          rows[i].text, e.msg, rows[i].want);
		json_decref(doc);
	}
}

Test(json, accepted)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "{}", "{}" },
		{ " \t\r\n{ } \n", "{}" },
		{ "{\"a\":[]}", "{\n    \"a\": []\n}" },
		{ "{\"a\":{},\"b\":[{}]}",
		  "{\n    \"a\": {},\n    \"b\": [\n        {}\n    ]\n}" },
		{ "{\"a\":[1,-2,[3]]}",
		  "{\n    \"a\": [\n        1,\n        -2,\n        [\n            3\n        ]\n    ]\n}" },
		{ "{\"a\":true,\"b\":false,\"c\":null}",
		  "{\n    \"a\": true,\n    \"b\": false,\n    \"c\": null\n}" },
		{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
		  "{\n    \"a\": \"\\\"\\\\/\\b\\f\\n\\r\\t\"\n}" },
		{ "{\"a\":\"<>&\\u2028\\u2029\\u0001\\u007f\"}",
		  "{\n    \"a\": \"\\u003c\\u003e\\u0026\\u2028\\u2029\\u0001\x7f\"\n}" },
		{ "{\"<\":\"\\u00e9\\u20AC\\ud83d\\ude00\"}",
		  "{\n    \"\\u003c\": \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n}" },
		/* what is no Unicode is replaced */
		{ "{\"a\":\"\\ud83dx\\ude00\"}", "{\n    \"a\": \"\xef\xbf\xbdx\xef\xbf\xbd\"\n}" },
		{ "{\"a\":\"\\ud83d\\ud83d\\ude00\"}",
		  "{\n    \"a\": \"\xef\xbf\xbd\xf0\x9f\x98\x80\"\n}" },
		{ "{\"a\":\"\xff\xc3(\xed\xa0\x80\xc0\xaf\"}",
		  "{\n    \"a\": \"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n}" },
		{ "{\"a\":\"x\\u0000y\"}", "{\n    \"a\": \"x\\u0000y\"\n}" },
		/* numbers */
		{ "{\"a\":9223372036854775807,\"b\":-9223372036854775808}",
		  "{\n    \"a\": 9223372036854775807,\n    \"b\": -9223372036854775808\n}" },
		{ "{\"a\":18446744073709551615}", "{\n    \"a\": 18446744073709552000\n}" },
		{ "{\"a\":[1.0,0.1,-2.50,1e3,1E-7,1e-6,1e20,1e21,123.456e-2,5e-324,0.0]}",
		  "{\n    \"a\": [\n        1,\n        0.1,\n        -2.5,\n        1000,\n        1e-7,\n        0.000001,\n"
		  "        100000000000000000000,\n        1e+21,\n        1.23456,\n        5e-324,\n        0\n    ]\n}" },
		/* a repeated key: the last value, at the last place */
		{ "{\"a\":1,\"b\":2,\"a\":3}", "{\n    \"b\": 2,\n    \"a\": 3\n}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = parse(rows[i].text);

		expect_dump(rows[i].text, doc, false, rows[i].want);
	}
}

/* Every beginning of a document is refused with the same words, and read no further than its length. */
Test(json, truncated)
{
	static const char text[] =
		"{\"cniVersion\":\"1.0.0\",\"n\\u00e4me\":\"x\\n\",\"plugins\":[{\"type\":\"bridge\",\"mtu\":1500,"
		"\"isGateway\":true,\"ipMasq\":false,\"x\":null,\"r\":-1.5e+10,\"l\":[[],{},[1,\"\xe2\x82\xac\"]]}]}";

	for (size_t len = 0; len < sizeof(text); len++) {
		_cleanup_free_ char *exact = malloc(len ? len : 1);
		json_t *doc = NULL;
		struct err e = { 0 };
		int r;

		cr_assert(exact != NULL);
		memcpy(exact, text, len);
		r = jparse(exact, len, &doc, &e);
		if (len == sizeof(text) - 1)
			cr_expect(r == 0, "all %zu bytes: %s", len, e.msg);
		else
			cr_expect(r == -EINVAL && strcmp(e.msg, END) == 0, "%zu bytes: %d \"%s\"",
			          len, r, e.msg);
		json_decref(doc);
	}
}

/* Whatever bytes come: an answer, and what was accepted is written as something that is accepted. */
Test(json, damaged)
{
	static const char text[] =
		"{\"a\":[1,2.5e3,\"\\u00e4\\ud83d\\ude00\\n\xc3\xa9\",{\"B\":null,\"b\":true}],\"c\":{}}";
	static const char spice[] = "{}[],:\"\\u0eE.+-tfn \x01\xff\xed\xa0";

	srandom(2);
	for (int i = 0; i < 20000; i++) {
		_cleanup_free_ char *out = NULL, *again = NULL;
		json_auto_t *doc = NULL, *doc2 = NULL;
		char damaged[sizeof(text)];
		struct err e = { 0 };

		memcpy(damaged, text, sizeof(text));
		for (long n = random() % 3 + 1; n > 0; n--)
			damaged[(size_t)random() % (sizeof(text) - 1)] =
				spice[(size_t)random() % (sizeof(spice) - 1)];
		if (jparse(damaged, sizeof(text) - 1, &doc, &e) < 0) {
			cr_assert(e.code == CNI_E_DECODE && e.msg[0], "<%s>: code %d \"%s\"",
			          damaged, e.code, e.msg);
			continue;
		}
		cr_assert(jdump(doc, false, &out) == 0, "<%s>: not written", damaged);
		cr_assert(jparse(out, strlen(out), &doc2, &e) == 0, "<%s>: <%s> is refused: %s",
		          damaged, out, e.msg);
		cr_assert(jdump(doc2, false, &again) == 0 && strcmp(out, again) == 0,
		          "<%s>: <%s> and <%s>", damaged, out, again);
	}
}

static int parse_nested(size_t depth, char opening, char closing, struct err *e)
{
	_cleanup_free_ char *text = malloc(8 * depth + 16);
	json_t *doc = NULL;
	size_t n = 0;
	int r;

	cr_assert(text != NULL);
	for (size_t i = 0; i < depth; i++)
		n += (size_t)sprintf(text + n, i == 0 || opening == '{' ? "{\"a\":" : "%c",
		                     opening);
	n += (size_t)sprintf(text + n, "\"[[{{\"");
	for (size_t i = 0; i < depth; i++)
		text[n++] = i + 1 == depth ? '}' : closing;
	r = jparse(text, n, &doc, e);
	json_decref(doc);
	return r;
}

Test(json, bounds)
{
	static const struct {
		size_t depth;
		int want;
	} rows[] = {
		{ 1, 0 }, { JSON_DEPTH_MAX, 0 }, { JSON_DEPTH_MAX + 1, -E2BIG }, { 100000, -E2BIG }
	};
	_cleanup_free_ char *text = malloc(JSON_TEXT_MAX + 1);
	json_t *doc = NULL;
	struct err e = { 0 };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		r = parse_nested(rows[i].depth, '[', ']', &e);
		cr_expect(r == rows[i].want, "%zu arrays deep: %d, expected %d", rows[i].depth, r,
		          rows[i].want);
		r = parse_nested(rows[i].depth, '{', '}', &e);
		cr_expect(r == rows[i].want, "%zu objects deep: %d, expected %d", rows[i].depth, r,
		          rows[i].want);
	}
	cr_expect(e.code == CNI_E_DECODE && strstr(e.msg, "64 levels"), "too deep: code %d \"%s\"",
	          e.code, e.msg);

	cr_assert(text != NULL);
	memset(text, ' ', JSON_TEXT_MAX + 1);
	text[0] = '{';
	text[1] = '}';
	r = jparse(text, JSON_TEXT_MAX, &doc, &e);
	cr_expect(r == 0, "the largest document: %d \"%s\"", r, e.msg);
	json_decref(doc);
	r = jparse(text, JSON_TEXT_MAX + 1, &doc, &e);
	cr_expect(r == -E2BIG && e.code == CNI_E_DECODE,
	          "one byte more: %d, code %d, expected %d, %d", r, e.code, -E2BIG, CNI_E_DECODE);

	/* A string of bytes that all grow by the replacement */
	memset(text, 0xff, 100000);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + 99998, "\"}", 2);
	r = jparse(text, 100000, &doc, &e);
	cr_assert(r == 0, "100000 bytes that are no UTF-8: %d \"%s\"", r, e.msg);
	cr_expect(json_string_length(jget(doc, "a")) == (size_t)3 * (100000 - 8),
	          "replaced to %zu bytes", json_string_length(jget(doc, "a")));
	json_decref(doc);
}

Test(json, get)
{
	static const struct {
		const char *text, *key;
		const char *want; /* described; NULL: absent */
	} rows[] = {
		{ "{\"hostPort\":1}", "hostPort", "1" },
		{ "{\"HostPort\":1}", "hostPort", "1" },
		{ "{\"HOSTPORT\":1}", "hostport", "1" },
		{ "{\"hostPort\":1}", "hostPor", NULL },
		{ "{\"hostPort\":1}", "hostPorts", NULL },
		{ "{\"a\":1,\"A\":2}", "a", "2" },
		{ "{\"A\":2,\"a\":1}", "A", "1" },
		{ "{\"a\":1,\"A\":2,\"a\":3}", "a", "3" },
		{ "{\"A\":1,\"a\":2,\"A\":3}", "a", "3" },
		{ "{\"a\":1,\"A\":null}", "a", NULL },
		{ "{\"a\":null}", "a", NULL },
		{ "{}", "a", NULL },
		{ "{\"\":1}", "", "1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = parse(rows[i].text);
		json_t *value = jget(doc, rows[i].key);
		char found[32];

		cr_expect((value == NULL) == (rows[i].want == NULL), "%s of %s: %s, expected %s",
		          rows[i].key, rows[i].text, jdescribe(value, found, sizeof(found)),
		          rows[i].want ? rows[i].want : "nothing");
		if (value && rows[i].want)
			cr_expect(strcmp(jdescribe(value, found, sizeof(found)), rows[i].want) == 0,
			          "%s of %s: %s, expected %s", rows[i].key, rows[i].text, found,
			          rows[i].want);
	}
	cr_expect(jget(NULL, "a") == NULL, "a value in nothing");
}

enum kind { STR, BOOL, INT, OBJ, ARR };

/* One getter by its kind; *ret_text is what it gave, as text. */
static int get(enum kind kind, const json_t *doc, const char *path, char *ret_text, size_t cap,
               struct err *e)
{
	const char *str = "unset";
	json_t *value = NULL;
	int64_t number = -77;
	bool flag = false;
	int r = 0;

	switch (kind) {
	case STR:
		r = jget_str(doc, path, "key", &str, e);
		(void)snprintf(ret_text, cap, "%s", str);
		break;
	case BOOL:
		r = jget_bool(doc, path, "key", &flag, e);
		(void)snprintf(ret_text, cap, "%s", flag ? "true" : "unset");
		break;
	case INT:
		r = jget_int(doc, path, "key", -1, 65535, &number, e);
		(void)snprintf(ret_text, cap, number == -77 ? "unset" : "%" PRId64, number);
		break;
	case OBJ:
		r = jget_obj(doc, path, "key", &value, e);
		break;
	case ARR:
		r = jget_arr(doc, path, "key", &value, e);
		break;
	}
	if (kind == OBJ || kind == ARR)
		(void)snprintf(ret_text, cap, "%s",
		               value ? (json_is_object(value) ? "{}" : "[]") : "unset");
	return r;
}

Test(json, getters)
{
	static const struct {
		const char *text, *path;
		enum kind kind;
		int want;
		const char *want_text; /* the value, or the error */
	} rows[] = {
		{ "{\"key\":\"v\"}", "", STR, 1, "v" },
		{ "{\"KEY\":\"\"}", "", STR, 1, "" },
		{ "{}", "", STR, 0, "unset" },
		{ "{\"key\":null}", "", STR, 0, "unset" },
		{ "{\"key\":5}", "ipam.ranges[0][0]", STR, -EINVAL,
		  "ipam.ranges[0][0].key: expected a string, found 5" },
		{ "{\"key\":[]}", "", STR, -EINVAL, "key: expected a string, found an array" },
		{ "{\"key\":\"a\\u0000b\"}", "", STR, -EINVAL,
		  "key: expected a string without NUL characters, found \"a?b\"" },
		{ "{\"key\":true}", "", BOOL, 1, "true" },
		{ "{\"key\":null}", "", BOOL, 0, "unset" },
		{ "{\"key\":\"true\"}", "x", BOOL, -EINVAL,
		  "x.key: expected true or false, found \"true\"" },
		{ "{\"key\":1}", "", BOOL, -EINVAL, "key: expected true or false, found 1" },
		{ "{\"key\":0}", "", INT, 1, "0" },
		{ "{\"key\":-1}", "", INT, 1, "-1" },
		{ "{\"key\":65535}", "", INT, 1, "65535" },
		{ "{}", "", INT, 0, "unset" },
		{ "{\"key\":65536}", "", INT, -EINVAL,
		  "key: expected an integer from -1 to 65535, found 65536" },
		{ "{\"key\":-2}", "p", INT, -EINVAL,
		  "p.key: expected an integer from -1 to 65535, found -2" },
		{ "{\"key\":1.0}", "", INT, -EINVAL, "key: expected an integer, found 1.0" },
		{ "{\"key\":1.5}", "", INT, -EINVAL, "key: expected an integer, found 1.5" },
		{ "{\"key\":1e3}", "", INT, -EINVAL, "key: expected an integer, found 1000.0" },
		{ "{\"key\":99999999999999999999}", "", INT, -EINVAL,
		  "key: expected an integer, found 1e+20" },
		{ "{\"key\":\"5\"}", "", INT, -EINVAL, "key: expected an integer, found \"5\"" },
		{ "{\"key\":{}}", "", OBJ, 1, "{}" },
		{ "{\"key\":[]}", "a", OBJ, -EINVAL, "a.key: expected an object, found an array" },
		{ "{}", "", OBJ, 0, "unset" },
		{ "{\"key\":[]}", "", ARR, 1, "[]" },
		{ "{\"key\":{}}", "a", ARR, -EINVAL, "a.key: expected an array, found an object" },
		{ "{\"key\":false}", "a", ARR, -EINVAL, "a.key: expected an array, found false" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = parse(rows[i].text);
		struct err e = { 0 };
		char text[128];
		int r = get(rows[i].kind, doc, rows[i].path, text, sizeof(text), &e);

		cr_expect(r == rows[i].want, "%s: returned %d, expected %d", rows[i].text, r,
		          rows[i].want);
		if (r < 0)
			cr_expect(e.code == CNI_E_CONFIG, "%s: code %d, expected %d", rows[i].text,
			          e.code, CNI_E_CONFIG);
		cr_expect(r >= 0 || strcmp(text, "unset") == 0, "%s: failed, but gave \"%s\"",
		          rows[i].text, text);
		cr_expect(strcmp(r < 0 ? e.msg : text, rows[i].want_text) == 0,
		          "%s: \"%s\", expected \"%s\"", rows[i].text, r < 0 ? e.msg : text,
		          rows[i].want_text);
	}
}

Test(json, describe)
{
	static const char *const texts[] = { "", "ab",
		                             "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
		                             "\n\"\x7f",
		                             "0123456789012345678901234567890123456789" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		json_auto_t *value = json_string(texts[i]);

		for (size_t cap = 0; cap < 64; cap++) {
			char buf[65];
			size_t len;

			memset(buf, '#', sizeof(buf));
			(void)jdescribe(value, buf, cap);
			cr_assert(buf[cap] == '#', "\"%s\" into %zu bytes: written behind",
			          texts[i], cap);
			len = cap ? strlen(buf) : 0;
			cr_assert(len < cap || cap == 0, "\"%s\" into %zu bytes: not terminated",
			          texts[i], cap);
			if (cap >= 8)
				cr_assert(buf[0] == '"' && buf[len - 1] == '"',
				          "\"%s\" into %zu bytes: <%s>", texts[i], cap, buf);
			/* A cut character would make the error message no JSON. */
			if (cap >= 8 && i == 2)
				cr_assert((len - 2 - (strstr(buf, "...") ? 3 : 0)) % 3 == 0,
				          "%zu bytes: <%s>", cap, buf);
		}
	}
}

Test(json, set)
{
	static const struct {
		const char *text, *key, *want;
	} rows[] = {
		{ "{}", "mtu", "{\n    \"mtu\": 7\n}" },
		{ "{\"mtu\":1,\"b\":2}", "mtu", "{\n    \"mtu\": 7,\n    \"b\": 2\n}" },
		{ "{\"MTU\":1,\"b\":2}", "mtu", "{\n    \"b\": 2,\n    \"mtu\": 7\n}" },
		{ "{\"MTU\":1,\"mtu\":2,\"Mtu\":3,\"x\":4}", "mtu",
		  "{\n    \"mtu\": 7,\n    \"x\": 4\n}" },
	};
	json_auto_t *array = json_array();
	json_t *value = json_integer(7);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_auto_t *doc = parse(rows[i].text);
		int r = jset(doc, rows[i].key, json_integer(7));

		cr_expect(r == 0, "%s: returned %d", rows[i].text, r);
		expect_dump(rows[i].text, doc, false, rows[i].want);
		r = jset(doc, rows[i].key, NULL);
		cr_expect(r == -ENOMEM, "no value: returned %d, expected %d", r, -ENOMEM);
	}
	json_incref(value);
	cr_expect(jset(array, "a", value) < 0, "a key was set in an array");
	cr_expect(value->refcount == 1, "a value that was refused has %zu owners, expected 1",
	          value->refcount);
	json_decref(value);
}

Test(json, dump)
{
	json_auto_t *doc = parse(
		"{\"b\":{\"z\":1,\"B\":2,\"a\":3},\"_\":[{\"y\":1,\"x\":2}],\"a\":\"\xc3\xa9\"}");
	json_auto_t *bad = json_pack("{s:o}", "k", json_stringn_nocheck("a\xff\x00z", 4));
	json_auto_t *deep = json_array();
	char *text = NULL;
	int r;

	expect_dump(
		"insertion order", doc, false,
		"{\n    \"b\": {\n        \"z\": 1,\n        \"B\": 2,\n        \"a\": 3\n    },\n    \"_\": [\n"
		"        {\n            \"y\": 1,\n            \"x\": 2\n        }\n    ],\n    \"a\": \"\xc3\xa9\"\n}");
	expect_dump(
		"sorted", doc, true,
		"{\n    \"_\": [\n        {\n            \"x\": 2,\n            \"y\": 1\n        }\n    ],\n"
		"    \"a\": \"\xc3\xa9\",\n    \"b\": {\n        \"B\": 2,\n        \"a\": 3,\n        \"z\": 1\n    }\n}");
	expect_dump("bytes that are no UTF-8", bad, true, "{\n    \"k\": \"a\\ufffd\\u0000z\"\n}");
	expect_dump("no document", NULL, true, "null");

	for (int i = 0; i < 1000; i++) {
		json_t *outer = json_array();

		(void)json_array_append_new(outer, deep);
		deep = outer;
	}
	r = jdump(deep, false, &text);
	cr_expect(r == -ENOMEM && !text, "1000 levels: returned %d, expected %d", r, -ENOMEM);
}
