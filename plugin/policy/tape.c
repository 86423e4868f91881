/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tape.c - JSON texts of many megabytes, one value after another, without a tree
 *
 * jparse() builds trees, which is right for a request of 2 KB. Its decoder of escapes serves here too.
 */
#include "policy/tape.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_value(struct tape *t, struct err *e);

void tape_init(struct tape *t, const char *text, size_t len)
{
	*t = (struct tape) { .text = text, .end = len };
}

void tape_free(struct tape *t)
{
	free(t->v);
	*t = (struct tape) { .text = NULL };
}

static int wrong_at(const struct tape *t, size_t pos, const char *what, struct err *e)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < pos; i++, column++) {
		if (t->text[i] == '\n') {
			line++;
			column = 0;
		}
	}
	return err_set(e, CNI_E_DECODE, EINVAL, "line %zu, column %zu: %s", line, column, what);
}

/* The text at hand does not belong there. */
static int unexpected(const struct tape *t, const char *expected, struct err *e)
{
	char what[96] = "the text ends too early";
	unsigned char c;

	if (t->pos < t->end) {
		c = (unsigned char)t->text[t->pos];
		(void)snprintf(what, sizeof(what),
		               c > ' ' && c < 0x7f ? "expected %s, found '%c'"
		                                   : "expected %s, found byte 0x%02x",
		               expected, c);
	}
	return wrong_at(t, t->pos, what, e);
}

static char peek(const struct tape *t)
{
	return t->pos < t->end ? t->text[t->pos] : '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Stands for itself inside a string */
static bool is_plain(unsigned char c)
{
	return c >= ' ' && c != '"' && c != '\\';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Half of what kubectl prints. (A position of our own, since each character read could be one of t->pos.) */
static void skip_indent(struct tape *t)
{
	static const char indent[] = "        ";
	const char *c = t->text + t->pos + 1, *end = t->text + t->end;

	while (end - c >= 8 && memcmp(c, indent, 8) == 0)
		c += 8;
	while (c < end && is_space(*c))
		c++;
	t->pos = (size_t)(c - t->text);
}

/* Mostly there is none. */
static inline void skip_space(struct tape *t)
{
	if (t->pos < t->end && is_space(t->text[t->pos]))
		skip_indent(t);
}

/* Eight characters at once: the lowest bit of each, and the highest. */
#define EACH    0x0101010101010101ULL
#define HIGHEST (EACH << 7)

/* The highest bit of the first one below @limit (at most 128), and perhaps of some behind it. */
static uint64_t below(uint64_t w, unsigned char limit)
{
	return (w - EACH * limit) & ~w & HIGHEST;
}

static uint64_t equal(uint64_t w, char c)
{
	return below(w ^ EACH * (unsigned char)c, 1);
}

/* How many stand before the first that has a bit. */
static unsigned int before(uint64_t bits)
{
	return (unsigned int)__builtin_ctzll(bits) / 8;
}

static void skip_plain(struct tape *t)
{
	const char *c = t->text + t->pos, *end = t->text + t->end;

	for (; end - c >= 8; c += 8) {
		uint64_t w = bytes_le64(c);
		uint64_t found = equal(w, '"') | equal(w, '\\') | below(w, ' ');

		if (found) {
			t->pos = (size_t)(c - t->text) + before(found);
			return;
		}
	}
	while (c < end && is_plain((unsigned char)*c))
		c++;
	t->pos = (size_t)(c - t->text);
}

/* To a bracket or a string: '[' and '{', ']' and '}' are one bit apart. */
static void skip_to_bracket(struct tape *t)
{
	const char *c = t->text + t->pos, *end = t->text + t->end;

	for (; end - c >= 8; c += 8) {
		uint64_t w = bytes_le64(c), v = w | EACH * 0x20;
		uint64_t found = equal(w, '"') | equal(v, '{') | equal(v, '}');

		if (found) {
			t->pos = (size_t)(c - t->text) + before(found);
			return;
		}
	}
	while (c < end && *c != '"' && (*c | 0x20) != '{' && (*c | 0x20) != '}')
		c++;
	t->pos = (size_t)(c - t->text);
}

static int add_node(struct tape *t, enum node_type type, uint32_t *ret, struct err *e)
{
	*ret = t->n;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 1024;
		struct node *v;

		if (cap > TAPE_NODES_MAX)
			return err_set(e, CNI_E_DECODE, E2BIG,
			               "an object of more than %u values and keys", TAPE_NODES_MAX);
		v = realloc(t->v, cap * sizeof(*v));
		if (!v)
			return err_sys(e, ENOMEM, "decode JSON");
		t->v = v;
		t->cap = cap;
	}
	t->v[t->n] =
		(struct node) { .at = (uint32_t)t->pos, .next = t->n + 1, .type = (uint8_t)type };
	t->n++;
	return 0;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int skip_escape(struct tape *t, struct err *e)
{
	t->pos++;
	if (!peek(t) || !strchr("\"\\/bfnrtu", peek(t)))
		return unexpected(t, "an escape such as \\n", e);
	if (t->text[t->pos++] != 'u')
		return 0;
	for (int i = 0; i < 4; i++, t->pos++)
		if (!is_hex(peek(t)))
			return unexpected(t, "four hexadecimal digits", e);
	return 0;
}

/* From behind the opening quote to behind the closing one */
static int skip_string(struct tape *t, bool *escaped, struct err *e)
{
	int r;

	for (;;) {
		skip_plain(t);
		if (peek(t) == '"')
			break;
		if (peek(t) != '\\')
			return unexpected(t, "the rest of a string", e);
		*escaped = true;
		r = skip_escape(t, e);
		if (r < 0)
			return r;
	}
	t->pos++;
	return 0;
}

static int read_string(struct tape *t, struct err *e)
{
	uint32_t node;
	int r;

	t->pos++;
	r = add_node(t, NODE_STRING, &node, e);
	if (r < 0)
		return r;
	r = skip_string(t, &t->v[node].escaped, e);
	t->v[node].len = (uint32_t)t->pos - 1 - t->v[node].at;
	return r;
}

static int skip_digits(struct tape *t, struct err *e)
{
	if (!is_digit(peek(t)))
		return unexpected(t, "a digit", e);
	while (is_digit(peek(t)))
		t->pos++;
	return 0;
}

static int skip_number(struct tape *t, struct err *e)
{
	int r = 0;

	if (peek(t) == '-')
		t->pos++;
	if (peek(t) == '0')
		t->pos++;
	else
		r = skip_digits(t, e);
	if (r == 0 && peek(t) == '.') {
		t->pos++;
		r = skip_digits(t, e);
	}
	if (r == 0 && (peek(t) == 'e' || peek(t) == 'E')) {
		t->pos++;
		if (peek(t) == '+' || peek(t) == '-')
			t->pos++;
		r = skip_digits(t, e);
	}
	return r;
}

static int read_number(struct tape *t, struct err *e)
{
	uint32_t node;
	int r = add_node(t, NODE_NUMBER, &node, e);

	if (r < 0)
		return r;
	r = skip_number(t, e);
	t->v[node].len = (uint32_t)t->pos - t->v[node].at;
	return r;
}

static int read_word(struct tape *t, const char *word, enum node_type type, struct err *e)
{
	const size_t len = strlen(word);
	uint32_t node;
	int r = add_node(t, type, &node, e);

	if (r < 0)
		return r;
	if (t->end - t->pos < len || memcmp(t->text + t->pos, word, len) != 0)
		return unexpected(t, "a value", e);
	t->pos += len;
	return 0;
}

/* Behind a value in an array or object: 1 if another one follows, 0 at the end */
static int more(struct tape *t, char closing, struct err *e)
{
	skip_space(t);
	if (peek(t) == ',') {
		t->pos++;
		skip_space(t);
		return 1;
	}
	if (peek(t) != closing)
		return unexpected(t, closing == '}' ? "',' or '}'" : "',' or ']'", e);
	t->pos++;
	return 0;
}

/* By its brackets; what it holds is checked when it is read. */
static int skip_array(struct tape *t, struct err *e)
{
	unsigned int depth = 0;
	bool escaped;
	int r;

	do {
		char c;

		skip_to_bracket(t);
		if (t->pos >= t->end)
			return unexpected(t, "']'", e);
		c = t->text[t->pos++];
		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		else if (c == '"' && (r = skip_string(t, &escaped, e)) < 0)
			return r;
	} while (depth > 0);
	return 0;
}

static int read_items(struct tape *t, struct err *e)
{
	uint32_t node;
	int r;

	if (!t->whole)
		return TAPE_AT_ITEMS;
	r = add_node(t, NODE_ITEMS, &node, e);
	if (r < 0 || t->pos >= t->behind)
		return r < 0 ? r : skip_array(t, e);
	t->pos = t->behind;
	return 0;
}

static int read_member(struct tape *t, struct err *e)
{
	const uint32_t key = t->n;
	int r;

	if (peek(t) != '"')
		return unexpected(t, "a key", e);
	r = read_string(t, e);
	if (r < 0)
		return r;
	skip_space(t);
	if (peek(t) != ':')
		return unexpected(t, "':'", e);
	t->pos++;
	skip_space(t);
	if (t->depth == 1 && peek(t) == '[' && tape_is(t, key, "items"))
		return read_items(t, e);
	return read_value(t, e);
}

static int read_container(struct tape *t, enum node_type type, struct err *e)
{
	const char closing = type == NODE_OBJECT ? '}' : ']';
	uint32_t node;
	int r;

	if (t->depth == JSON_DEPTH_MAX)
		return wrong_at(t, t->pos, "nested too deep", e);
	r = add_node(t, type, &node, e);
	if (r < 0)
		return r;
	t->pos++;
	t->depth++;
	skip_space(t);
	if (peek(t) == closing) {
		t->pos++;
	} else {
		do
			r = type == NODE_OBJECT ? read_member(t, e) : read_value(t, e);
		while (r == 0 && (r = more(t, closing, e)) > 0);
	}
	t->depth--;
	t->v[node].next = t->n;
	t->v[node].len = (uint32_t)t->pos - t->v[node].at;
	return r;
}

static int read_value(struct tape *t, struct err *e)
{
	switch (peek(t)) {
	case '{':
		return read_container(t, NODE_OBJECT, e);
	case '[':
		return read_container(t, NODE_ARRAY, e);
	case '"':
		return read_string(t, e);
	case 't':
		return read_word(t, "true", NODE_TRUE, e);
	case 'f':
		return read_word(t, "false", NODE_FALSE, e);
	case 'n':
		return read_word(t, "null", NODE_NULL, e);
	default:
		if (peek(t) == '-' || is_digit(peek(t)))
			return read_number(t, e);
		return unexpected(t, "a value", e);
	}
}

/* The value at t->start. */
static int read_top(struct tape *t, bool whole, struct err *e)
{
	int r;

	t->pos = t->start;
	t->n = 0;
	t->depth = 0;
	t->whole = whole;
	r = read_value(t, e);
	return r ? r : 1;
}

int tape_next(struct tape *t, struct err *e)
{
	skip_space(t);
	t->start = t->pos;
	return t->pos >= t->end ? 0 : read_top(t, false, e);
}

int tape_again(struct tape *t, size_t behind, struct err *e)
{
	t->behind = behind;
	return read_top(t, true, e);
}

void tape_open(struct tape *t, size_t at)
{
	t->pos = at + 1;
	t->n = 0;
}

int tape_item(struct tape *t, struct err *e)
{
	const bool first = t->text[t->pos - 1] == '[';
	int r = 1;

	skip_space(t);
	if (first && peek(t) == ']') {
		t->pos++;
		return 0;
	}
	if (!first)
		r = more(t, ']', e);
	if (r <= 0)
		return r;
	t->n = 0;
	t->depth = 2; /* the list and its items */
	r = read_value(t, e);
	return r < 0 ? r : 1;
}

const char *tape_type(const struct node *node)
{
	static const char *const words[] = {
		[NODE_OBJECT] = "an object", [NODE_ARRAY] = "an array", [NODE_STRING] = "a string",
		[NODE_NUMBER] = "a number",  [NODE_TRUE] = "true",      [NODE_FALSE] = "false",
		[NODE_NULL] = "null",        [NODE_ITEMS] = "an array",
	};

	return words[node->type];
}

bool tape_is(const struct tape *t, uint32_t node, const char *text)
{
	const struct node *s = &t->v[node];
	_cleanup_free_ char *decoded = NULL;
	size_t len;

	if (s->type != NODE_STRING)
		return false;
	/* Most are told apart by their first letter. */
	if (!s->escaped)
		return s->len && t->text[s->at] != *text
		               ? false
		               : strncmp(t->text + s->at, text, s->len) == 0 && !text[s->len];
	decoded = tape_text(t, s, &len);
	return decoded && len == strlen(text) && memcmp(decoded, text, len) == 0;
}

char *tape_text(const struct tape *t, const struct node *string, size_t *ret_len)
{
	static const char before[] = "{\"s\":\"", after[] = "\"}";
	const size_t n = sizeof(before) - 1;
	_cleanup_free_ char *doc = malloc(n + string->len + sizeof(after));
	json_auto_t *tree = NULL;
	struct err ignored;
	char *text;

	if (!doc)
		return NULL;
	memcpy(doc, before, n);
	memcpy(doc + n, t->text + string->at, string->len);
	memcpy(doc + n + string->len, after, sizeof(after));
	if (jparse(doc, n + string->len + sizeof(after) - 1, &tree, &ignored) < 0)
		return NULL;
	*ret_len = json_string_length(jget(tree, "s"));
	text = calloc(1, *ret_len + 1);
	if (text)
		memcpy(text, json_string_value(jget(tree, "s")), *ret_len);
	return text;
}

bool tape_integer(const struct tape *t, const struct node *number, int64_t *ret)
{
	const char *text = t->text + number->at;
	bool negative = text[0] == '-';
	int64_t v = 0;

	if (number->len > 18)
		return false;
	for (uint32_t i = negative; i < number->len; i++) {
		if (!is_digit(text[i]))
			return false;
		v = v * 10 + (text[i] - '0');
	}
	*ret = negative ? -v : v;
	return true;
}
