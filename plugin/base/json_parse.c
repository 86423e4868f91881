/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_parse.c - a JSON text to a tree, accepted and refused as Go's encoding/json does, in its words
 *
 * jansson's own parser differs where it matters for a drop-in replacement: it refuses bytes that are no UTF-8 and lone
 * surrogates (Go replaces them), refuses integers beyond 64 bits even under keys that nobody reads, leaves a repeated
 * key at its first place (so "the last one wins" could not be told among spellings), words its errors differently and
 * nests without our bound. The tree is jansson's.
 */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/digits.h"
#include "base/utf8.h"

#define NUMBER_TEXT_MAX 512 /* characters of a number that we look at */

struct parser {
	const char *at, *end;
	unsigned int depth;
	int result; /* -errno of the first failure */
	struct err *err;
	const char *watch; /* jrepeats(): the key; NULL: nobody asks */
	bool watched;      /* the value at hand stands under it */
	bool repeats;
};

static json_t *parse_value(struct parser *p);

/* A byte as Go quotes it. The syntax allows only ASCII outside strings, so a byte is taken for Latin-1. */
static void quote_byte(unsigned char c, char buf[static 8])
{
	static const char plain[] = "\a\b\f\n\r\t\v\\'", letter[] = "abfnrtv\\'";
	const char *found = c ? strchr(plain, c) : NULL;

	if (found)
		(void)snprintf(buf, 8, "\\%c", letter[found - plain]);
	else if (c < ' ' || c == 0x7f)
		(void)snprintf(buf, 8, "\\x%02x", c);
	else if (c >= 0x80 && (c <= 0xa0 || c == 0xad))
		(void)snprintf(buf, 8, "\\u%04x", c);
	else
		buf[utf8_put(buf, c)] = '\0';
}

/* The character at hand, or the end of the text, does not belong there. Always returns false. */
static bool unexpected(struct parser *p, const char *context)
{
	char quoted[8];

	if (p->result < 0)
		return false;
	if (p->at >= p->end) {
		p->result = err_set(p->err, CNI_E_DECODE, EINVAL, "unexpected end of JSON input");
		return false;
	}
	quote_byte((unsigned char)*p->at, quoted);
	p->result =
		err_set(p->err, CNI_E_DECODE, EINVAL, "invalid character '%s' %s", quoted, context);
	return false;
}

/* Always returns NULL, or false. */
static void *out_of_memory(struct parser *p)
{
	p->result = err_sys(p->err, ENOMEM, "decode JSON");
	return NULL;
}

/* The character at hand, 0 at the end of the text (where a NUL byte is refused as well as nothing) */
static char peek(const struct parser *p)
{
	return p->at < p->end ? *p->at : '\0';
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\t' || *p->at == '\r' || *p->at == '\n'))
		p->at++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool skip_escape(struct parser *p)
{
	p->at++;
	if (peek(p) == 'u') {
		p->at++;
		for (int i = 0; i < 4; i++, p->at++)
			if (hex_value(peek(p)) < 0)
				return unexpected(p, "in \\u hexadecimal character escape");
		return true;
	}
	if (!peek(p) || !strchr("\"\\/bfnrt", *p->at))
		return unexpected(p, "in string escape code");
	p->at++;
	return true;
}

/* From the opening quote to behind the closing one */
static bool skip_string(struct parser *p)
{
	p->at++;
	for (;;) {
		if (p->at >= p->end || (unsigned char)*p->at < ' ')
			return unexpected(p, "in string literal");
		if (*p->at == '"')
			break;
		if (*p->at != '\\')
			p->at++;
		else if (!skip_escape(p))
			return false;
	}
	p->at++;
	return true;
}

static uint32_t hex4(const char *s)
{
	uint32_t c = 0;

	for (int i = 0; i < 4; i++)
		c = c << 4 | (uint32_t)hex_value(s[i]);
	return c;
}

/* The code point of the \u escape(s) at @s; a surrogate without its other half is replaced, as in Go. */
static uint32_t unescape_u(const char *s, size_t len, size_t *ret_used)
{
	uint32_t c = hex4(s + 2), low;

	*ret_used = 6;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c >= 0xdc00 || len < 12 || s[6] != '\\' || s[7] != 'u')
		return 0xfffd;
	low = hex4(s + 8);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*ret_used = 12;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* The text between the quotes, which skip_string() has passed, decoded; @out holds three times its length. */
static size_t unescape(const char *s, size_t len, char *out)
{
	static const char letter[] = "bfnrt", meaning[] = "\b\f\n\r\t";
	size_t i = 0, n = 0, used;

	while (i < len) {
		const char *found;

		if (s[i] == '\\' && s[i + 1] == 'u') {
			n += utf8_put(out + n, unescape_u(s + i, len - i, &used));
			i += used;
			continue;
		}
		if (s[i] == '\\') {
			found = strchr(letter, s[i + 1]);
			out[n++] = found ? meaning[found - letter] : s[i + 1];
			i += 2;
			continue;
		}
		used = utf8_sequence(s + i, len - i);
		memcpy(out + n, used ? s + i : UTF8_REPLACEMENT, used ? used : 3);
		n += used ? used : 3;
		i += used ? used : 1;
	}
	out[n] = '\0';
	return n;
}

/* A decoded string, terminated. Nearly all are short: an allocator that gives a page back as soon as its only
 * block is freed (musl's) would make each of them a mapping. */
struct string {
	char *text;
	size_t len;
	char *large; /* malloc'ed, or NULL */
	char small[512];
};

static void string_free(struct string *s)
{
	free(s->large);
}
#define _cleanup_string_ __attribute__((cleanup(string_free)))

static bool parse_string(struct parser *p, struct string *ret)
{
	const char *start = p->at + 1;
	size_t len, need;

	if (!skip_string(p))
		return false;
	len = (size_t)(p->at - 1 - start);
	need = 3 * len + 1;
	if (need > sizeof(ret->small))
		ret->large = malloc(need);
	ret->text = need > sizeof(ret->small) ? ret->large : ret->small;
	if (!ret->text)
		return out_of_memory(p);
	ret->len = unescape(start, len, ret->text);
	return true;
}

static bool skip_digits(struct parser *p, const char *context)
{
	if (!is_digit(peek(p)))
		return unexpected(p, context);
	while (is_digit(peek(p)))
		p->at++;
	return true;
}

/* Pass over a number; *ret_real tells whether it has a fraction or an exponent. */
static bool skip_number(struct parser *p, bool *ret_real)
{
	*ret_real = false;
	if (peek(p) == '-')
		p->at++;
	if (peek(p) == '0')
		p->at++;
	else if (!skip_digits(p, "in numeric literal"))
		return false;
	if (peek(p) == '.') {
		*ret_real = true;
		p->at++;
		if (!skip_digits(p, "after decimal point in numeric literal"))
			return false;
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		*ret_real = true;
		p->at++;
		if (peek(p) == '+' || peek(p) == '-')
			p->at++;
		return skip_digits(p, "in exponent of numeric literal");
	}
	return true;
}

static json_t *parse_number(struct parser *p)
{
	const char *start = p->at;
	char text[NUMBER_TEXT_MAX];
	json_t *number = NULL;
	long long integer;
	bool real;
	size_t len;

	if (!skip_number(p, &real))
		return NULL;
	len = (size_t)(p->at - start);
	if (len < sizeof(text)) {
		memcpy(text, start, len);
		text[len] = '\0';
		errno = 0;
		integer = strtoll(text, NULL, 10);
		/* An integer beyond 64 bits is no error until somebody wants it as an integer. */
		if (real || errno == ERANGE)
			number = json_real(strtod(text, NULL));
		else
			number = json_integer(integer);
	}
	/* jansson has no infinity, so this is also what a number like 1e999 comes to. */
	if (!number)
		p->result = err_set(p->err, CNI_E_DECODE, EINVAL, "number %.*s is out of range",
		                    len < 32 ? (int)len : 32, start);
	return number;
}

static json_t *parse_word(struct parser *p, const char *word, json_t *value)
{
	char context[64];

	for (const char *c = word; *c; c++, p->at++) {
		if (peek(p) == *c)
			continue;
		(void)snprintf(context, sizeof(context), "in literal %s (expecting '%c')", word,
		               *c);
		(void)unexpected(p, context);
		json_decref(value);
		return NULL;
	}
	return value;
}

/* What follows a value in an array or object: true for another one, false at the end or on failure */
static bool more(struct parser *p, char closing, const char *context)
{
	skip_space(p);
	if (peek(p) == ',') {
		p->at++;
		skip_space(p);
		return true;
	}
	if (peek(p) == closing)
		p->at++;
	else
		(void)unexpected(p, context);
	return false;
}

static json_t *parse_array(struct parser *p)
{
	json_auto_t *array = json_array();

	if (!array)
		return out_of_memory(p);
	p->at++;
	skip_space(p);
	if (peek(p) == ']') {
		p->at++;
		return take_ptr(array);
	}
	do {
		json_t *value = parse_value(p);

		if (!value)
			return NULL;
		if (json_array_append_new(array, value) < 0)
			return out_of_memory(p);
	} while (more(p, ']', "after array element"));
	return p->result < 0 ? NULL : take_ptr(array);
}

/* The value of a member, and what jrepeats() wants to know of it */
static json_t *parse_member_value(struct parser *p, const json_t *obj, const char *key)
{
	const bool watched = p->watched;
	json_t *value;

	if (watched && json_object_get(obj, key))
		p->repeats = true;
	p->watched = p->watch && strcasecmp(key, p->watch) == 0;
	value = parse_value(p);
	p->watched = watched;
	return value;
}

static bool parse_member(struct parser *p, json_t *obj)
{
	_uninitialized_ _cleanup_string_ struct string key;
	json_t *value;

	key.large = NULL;
	if (peek(p) != '"')
		return unexpected(p, "looking for beginning of object key string");
	if (!parse_string(p, &key))
		return false;
	if (strlen(key.text) != key.len) {
		p->result = err_set(p->err, CNI_E_DECODE, EINVAL,
		                    "NUL character in object key \"%s\"", key.text);
		return false;
	}
	skip_space(p);
	if (peek(p) != ':')
		return unexpected(p, "after object key");
	p->at++;
	skip_space(p);
	value = parse_member_value(p, obj, key.text);
	if (!value)
		return false;
	/* A repeated key moves to where it was repeated, for the sake of jget(). */
	(void)json_object_del(obj, key.text);
	if (json_object_set_new_nocheck(obj, key.text, value) == 0)
		return true;
	(void)out_of_memory(p);
	return false;
}

static json_t *parse_object(struct parser *p)
{
	json_auto_t *obj = json_object();

	if (!obj)
		return out_of_memory(p);
	p->at++;
	skip_space(p);
	if (peek(p) == '}') {
		p->at++;
		return take_ptr(obj);
	}
	do {
		if (!parse_member(p, obj))
			return NULL;
	} while (more(p, '}', "after object key:value pair"));
	return p->result < 0 ? NULL : take_ptr(obj);
}

static json_t *parse_container(struct parser *p)
{
	json_t *value;

	if (p->depth == JSON_DEPTH_MAX) {
		p->result = err_set(p->err, CNI_E_DECODE, E2BIG,
		                    "JSON input is nested deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	p->depth++;
	value = *p->at == '{' ? parse_object(p) : parse_array(p);
	p->depth--;
	return value;
}

static json_t *parse_text(struct parser *p)
{
	_uninitialized_ _cleanup_string_ struct string s;
	json_t *value;

	s.large = NULL;
	if (!parse_string(p, &s))
		return NULL;
	value = json_stringn_nocheck(s.text, s.len);
	return value ? value : out_of_memory(p);
}

/* New reference, or NULL with p->result set */
static json_t *parse_value(struct parser *p)
{
	switch (peek(p)) {
	case '{':
	case '[':
		return parse_container(p);
	case '"':
		return parse_text(p);
	case 't':
		return parse_word(p, "true", json_true());
	case 'f':
		return parse_word(p, "false", json_false());
	case 'n':
		return parse_word(p, "null", json_null());
	default:
		if (peek(p) == '-' || is_digit(peek(p)))
			return parse_number(p);
		(void)unexpected(p, "looking for beginning of value");
		return NULL;
	}
}

bool jrepeats(const char *text, size_t len, const char *key)
{
	struct err ignored;
	struct parser p = { .at = text, .end = text + len, .err = &ignored, .watch = key };

	skip_space(&p);
	json_decref(parse_value(&p));
	return p.repeats;
}

int jparse(const char *text, size_t len, json_t **ret, struct err *e)
{
	struct parser p = { .at = text, .end = text + len, .err = e };
	json_auto_t *doc = NULL;

	if (len > JSON_TEXT_MAX)
		return err_set(e, CNI_E_DECODE, E2BIG, "JSON input is larger than %u bytes",
		               JSON_TEXT_MAX);
	skip_space(&p);
	doc = parse_value(&p);
	if (!doc)
		return p.result;
	skip_space(&p);
	if (p.at < p.end) {
		(void)unexpected(&p, "after top-level value");
		return p.result;
	}
	if (!json_is_object(doc)) {
		char found[64];

		return err_set(e, CNI_E_DECODE, EINVAL, "expected an object, found %s",
		               jdescribe(doc, found, sizeof(found)));
	}
	*ret = take_ptr(doc);
	return 0;
}
