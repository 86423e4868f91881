/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_dump.c - a tree to text, byte for byte as Go's json.MarshalIndent(v, "", "    ") writes it
 *
 * jansson's own writer has other escapes and other numbers, and refuses nothing that its strings hold. Bytes
 * that are no UTF-8 (an environment variable in an error message) are replaced, so the output is always valid.
 */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digits.h"
#include "base/utf8.h"

#define DUMP_DEPTH_MAX (2 * JSON_DEPTH_MAX) /* what we parsed, and room for what we put around it */

/* A growing text; the first failure sticks and is looked at once, at the end. */
struct text {
	char *buf; /* room, or jalloc'ed */
	size_t len, cap;
	bool sorted;
	bool failed;
	char room[2048]; /* most documents fit */
};

static void dump_value(struct text *t, const json_t *value, unsigned int depth);

static void put(struct text *t, const char *s, size_t n)
{
	if (t->failed)
		return;
	if (t->cap - t->len <= n) {
		size_t cap = 2 * (t->cap + n);
		char *p = jalloc(cap);

		if (!p) {
			t->failed = true;
			return;
		}
		memcpy(p, t->buf, t->len);
		if (t->buf != t->room)
			jfree(t->buf);
		t->buf = p;
		t->cap = cap;
	}
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

static void put_text(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void new_line(struct text *t, unsigned int depth)
{
	put(t, "\n", 1);
	while (depth-- > 0)
		put(t, "    ", 4);
}

/* The escape of a character that is not written as it is, or NULL */
static const char *escape(const char *s, size_t n, char buf[static 8])
{
	static const char plain[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	const char *found = *s ? strchr(plain, *s) : NULL;

	if (n == 0)
		return "\\ufffd";
	if (found)
		(void)snprintf(buf, 8, "\\%c", letter[found - plain]);
	else if ((unsigned char)*s < ' ' || *s == '<' || *s == '>' || *s == '&')
		(void)snprintf(buf, 8, "\\u%04x", (unsigned int)*s);
	else if (n == 3 && memcmp(s, "\xe2\x80\xa8", 3) == 0)
		return "\\u2028";
	else if (n == 3 && memcmp(s, "\xe2\x80\xa9", 3) == 0)
		return "\\u2029";
	else
		return NULL;
	return buf;
}

/* How many bytes from the start are ASCII that stands for itself: nearly every text is one such run. */
static size_t plain_run(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && (unsigned char)s[i] >= ' ' && (unsigned char)s[i] < 0x80 && s[i] != '"' &&
	       s[i] != '\\' && s[i] != '<' && s[i] != '>' && s[i] != '&')
		i++;
	return i;
}

static void dump_string(struct text *t, const char *s, size_t len)
{
	char buf[8];

	put(t, "\"", 1);
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		const char *escaped = NULL;

		n = plain_run(s + i, len - i);
		if (n == 0) {
			n = utf8_sequence(s + i, len - i);
			escaped = escape(s + i, n, buf);
		}
		if (escaped)
			put_text(t, escaped);
		else
			put(t, s + i, n);
	}
	put(t, "\"", 1);
}

/* A decimal number: 0.DIGITS times ten to the power of @point */
struct decimal {
	char digits[20];
	size_t n;
	int point;
	bool negative;
};

/* The fewest digits that read back as the same number */
static void shortest(double v, struct decimal *ret)
{
	char text[40]; /* "-d.dddde-xxx" */
	int precision = 0;
	const char *p;

	do
		(void)snprintf(text, sizeof(text), "%.*e", precision, v);
	while (strtod(text, NULL) != v && ++precision < 17);
	ret->negative = text[0] == '-';
	ret->n = 0;
	for (p = text; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && ret->n < sizeof(ret->digits))
			ret->digits[ret->n++] = *p;
	ret->point = 1 + (*p ? (int)strtol(p + 1, NULL, 10) : 0);
}

static void put_plain(struct text *t, const struct decimal *d)
{
	size_t whole = d->point > 0 ? (size_t)d->point : 0;

	if (whole == 0)
		put_text(t, "0.");
	for (int i = d->point; i < 0; i++)
		put_text(t, "0");
	put(t, d->digits, d->n < whole || whole == 0 ? d->n : whole);
	for (size_t i = d->n; i < whole; i++)
		put_text(t, "0");
	if (whole > 0 && d->n > whole) {
		put_text(t, ".");
		put(t, d->digits + whole, d->n - whole);
	}
}

static void put_exponent(struct text *t, const struct decimal *d)
{
	char exponent[16];

	put(t, d->digits, 1);
	if (d->n > 1) {
		put_text(t, ".");
		put(t, d->digits + 1, d->n - 1);
	}
	(void)snprintf(exponent, sizeof(exponent), "e%+d", d->point - 1);
	put_text(t, exponent);
}

/* Go's form: plain notation from 1e-6 to 1e21, else with an exponent */
static void dump_real(struct text *t, double v)
{
	struct decimal d = { .n = 0 };

	shortest(v, &d);
	if (d.negative)
		put_text(t, "-");
	if (d.digits[0] != '0' && (d.point < -5 || d.point > 21))
		put_exponent(t, &d);
	else
		put_plain(t, &d);
}

static void dump_integer(struct text *t, json_int_t v)
{
	char text[DIGITS_DECIMAL_MAX];

	if (v < 0)
		put(t, "-", 1);
	put(t, text, (size_t)(digits_decimal(text, v < 0 ? 0 - (uint64_t)v : (uint64_t)v) - text));
}

static void dump_member(struct text *t, const char *key, const json_t *value, bool first,
                        unsigned int depth)
{
	if (!first)
		put(t, ",", 1);
	new_line(t, depth);
	dump_string(t, key, strlen(key));
	put(t, ": ", 2);
	dump_value(t, value, depth);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void dump_sorted(struct text *t, json_t *obj, unsigned int depth)
{
	_cleanup_jfree_ const char **keys = jalloc(json_object_size(obj) * sizeof(*keys));
	const char *key;
	json_t *value;
	size_t n = 0;

	if (!keys) {
		t->failed = true;
		return;
	}
	json_object_foreach(obj, key, value)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), by_bytes);
	for (size_t i = 0; i < n; i++)
		dump_member(t, keys[i], json_object_get(obj, keys[i]), i == 0, depth);
}

static void dump_object(struct text *t, const json_t *object, unsigned int depth)
{
	json_t *obj =
		(json_t *)(uintptr_t)object; /* jansson iterates over what it may not change, too */
	bool first = true;
	const char *key;
	json_t *value;

	put(t, "{", 1);
	if (json_object_size(obj) == 0) {
		put(t, "}", 1);
		return;
	}
	if (t->sorted) {
		dump_sorted(t, obj, depth + 1);
	} else {
		json_object_foreach(obj, key, value) {
			dump_member(t, key, value, first, depth + 1);
			first = false;
		}
	}
	new_line(t, depth);
	put(t, "}", 1);
}

static void dump_array(struct text *t, const json_t *array, unsigned int depth)
{
	size_t size = json_array_size(array);

	put(t, "[", 1);
	for (size_t i = 0; i < size; i++) {
		if (i > 0)
			put(t, ",", 1);
		new_line(t, depth + 1);
		dump_value(t, json_array_get(array, i), depth + 1);
	}
	if (size > 0)
		new_line(t, depth);
	put(t, "]", 1);
}

static void dump_value(struct text *t, const json_t *value, unsigned int depth)
{
	/* A tree of our own making that contains itself must not take the stack with it. */
	if (depth > DUMP_DEPTH_MAX) {
		t->failed = true;
		return;
	}
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		dump_object(t, value, depth);
		break;
	case JSON_ARRAY:
		dump_array(t, value, depth);
		break;
	case JSON_STRING:
		dump_string(t, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		dump_integer(t, json_integer_value(value));
		break;
	case JSON_REAL:
		dump_real(t, json_real_value(value));
		break;
	case JSON_TRUE:
		put_text(t, "true");
		break;
	case JSON_FALSE:
		put_text(t, "false");
		break;
	case JSON_NULL:
		put_text(t, "null");
		break;
	}
}

int jdump(const json_t *doc, bool sorted, char **ret)
{
	_uninitialized_ struct text t;
	char *text = NULL;

	t.buf = t.room;
	t.len = 0;
	t.cap = sizeof(t.room);
	t.sorted = sorted;
	t.failed = false;
	dump_value(&t, doc, 0);
	put(&t, "", 1);
	if (t.failed) {
		if (t.buf != t.room)
			jfree(t.buf);
		return -ENOMEM;
	}
	text = t.buf == t.room ? jalloc(t.len) : t.buf;
	if (!text)
		return -ENOMEM;
	if (t.buf == t.room)
		memcpy(text, t.room, t.len);
	*ret = text;
	return 0;
}
