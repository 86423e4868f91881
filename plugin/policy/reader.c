/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.c - one Kubernetes object on the tape, read by field, with errors that say where
 */
#include "policy/reader.h"

#include "base/cleanup.h"
#include "policy/arena.h"
#include "policy/names.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLACE_MAX 640

struct shown read_show(const char *text, size_t len)
{
	struct shown s;
	const size_t max = sizeof(s.text) - 4;
	const size_t n = len < max ? len : max;

	for (size_t i = 0; i < n; i++)
		s.text[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	(void)snprintf(s.text + n, sizeof(s.text) - n, "%s", len > n ? "..." : "");
	return s;
}

static void put_path(const struct place *at, char *buf, size_t cap)
{
	size_t len;

	if (!at || !at->up)
		return;
	put_path(at->up, buf, cap);
	len = strlen(buf);
	if (at->key)
		(void)snprintf(buf + len, cap - len, "%s%s", len ? "." : "",
		               read_show(at->key, strlen(at->key)).text);
	else
		(void)snprintf(buf + len, cap - len, "[%zu]", at->index);
}

/* "<source>: NetworkPolicy x/name: spec.ingress[0]" */
static void put_place(const struct reader *r, const struct place *at, char *buf, size_t cap)
{
	char path[256] = "";

	put_path(at, path, sizeof(path));
	(void)snprintf(buf, cap, "%s: %s%s%s%s%s%s%s", r->source, r->kind ? r->kind : "object",
	               r->name ? " " : "", r->namespace ? r->namespace : "",
	               r->namespace ? "/" : "", r->name ? r->name : "", *path ? ": " : "", path);
}

int read_wrong(const struct reader *r, const struct place *at, const char *fmt, ...)
{
	char place[PLACE_MAX], what[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	put_place(r, at, place, sizeof(place));
	return err_set(r->e, CNI_E_CONFIG, EINVAL, "%s: %s", place, what);
}

int read_warn(const struct reader *r, const struct place *at, const char *fmt, ...)
{
	char text[PLACE_MAX + 256];
	va_list args;
	size_t len;

	put_place(r, at, text, PLACE_MAX);
	len = strlen(text);
	(void)snprintf(text + len, sizeof(text) - len, ": ");
	va_start(args, fmt);
	(void)vsnprintf(text + len + 2, sizeof(text) - len - 2, fmt, args);
	va_end(args);
	return objects_warn(r->o, text) < 0 ? read_no_memory(r) : 0;
}

int read_no_memory(const struct reader *r)
{
	return err_sys(r->e, ENOMEM, "read %s", r->source);
}

static const struct node *node_of(const struct reader *r, const struct place *at)
{
	return &r->tape.v[at->node];
}

static bool is_absent(const struct place *at)
{
	return at->up && at->node == 0;
}

bool read_is(const struct reader *r, const struct place *at, enum node_type type)
{
	return !is_absent(at) && node_of(r, at)->type == type;
}

static int expect(const struct reader *r, const struct place *at, enum node_type type,
                  const char *what)
{
	const struct node *node = node_of(r, at);

	if (node->type == type)
		return 0;
	if (node->type == NODE_STRING)
		return read_wrong(r, at, "expected %s, found \"%s\"", what,
		                  read_show(r->tape.text + node->at, node->len).text);
	return read_wrong(r, at, "expected %s, found %s", what, tape_type(node));
}

static size_t find_name(const struct tape *t, uint32_t key, const char *const names[], size_t n)
{
	size_t i = 0;

	while (i < n && !tape_is(t, key, names[i]))
		i++;
	return i;
}

static int unknown_field(struct reader *r, const struct place *at, uint32_t key, bool *ret_unknown)
{
	const struct node *node = &r->tape.v[key];

	if (!ret_unknown)
		return 0;
	*ret_unknown = true;
	return read_warn(r, at, "unknown field \"%s\": %s",
	                 read_show(r->tape.text + node->at, node->len).text, r->unless_known);
}

int read_fields(struct reader *r, const struct place *at, const char *const names[], size_t n,
                struct place ret[], bool *ret_unknown)
{
	const struct tape *t = &r->tape;
	int failed;

	for (size_t i = 0; i < n; i++)
		ret[i] = (struct place) { .up = at, .key = names[i] };
	if (is_absent(at))
		return 0;
	failed = expect(r, at, NODE_OBJECT, "an object");
	if (failed < 0)
		return failed;
	for (uint32_t key = at->node + 1; key < t->v[at->node].next; key = t->v[key + 1].next) {
		size_t i = find_name(t, key, names, n);

		if (i == n) {
			failed = unknown_field(r, at, key, ret_unknown);
			if (failed < 0)
				return failed;
			continue;
		}
		/* Which of the two is meant depends on who reads it. */
		if (ret[i].index)
			return read_wrong(r, &ret[i], "is there twice");
		ret[i].index = 1;
		if (t->v[key + 1].type != NODE_NULL)
			ret[i].node = key + 1;
	}
	return 0;
}

int read_list(struct reader *r, const struct place *at, size_t *ret_n)
{
	const struct tape *t = &r->tape;
	int failed;

	*ret_n = 0;
	if (is_absent(at))
		return 0;
	failed = expect(r, at, NODE_ARRAY, "an array");
	if (failed < 0)
		return failed;
	for (uint32_t i = at->node + 1; i < t->v[at->node].next; i = t->v[i].next)
		++*ret_n;
	return 0;
}

void read_element(const struct reader *r, const struct place *list, struct place *ret)
{
	if (!ret->node) {
		*ret = (struct place) { .up = list, .node = list->node + 1 };
		return;
	}
	ret->node = r->tape.v[ret->node].next;
	ret->index++;
}

/* The text of a string node, which has no NUL inside */
static int copy_text(const struct reader *r, const struct place *at, const struct node *node,
                     const char **ret)
{
	const char *text = r->tape.text + node->at;
	_cleanup_free_ char *decoded = NULL;
	size_t len = node->len;

	if (node->escaped) {
		decoded = tape_text(&r->tape, node, &len);
		if (!decoded)
			return read_no_memory(r);
		if (strlen(decoded) != len)
			return read_wrong(r, at, "has a NUL character");
		text = decoded;
	}
	*ret = arena_text(r->o->arena, text, len);
	return *ret ? 0 : read_no_memory(r);
}

int read_text(struct reader *r, const struct place *at, const char **ret)
{
	int failed;

	*ret = NULL;
	if (is_absent(at))
		return 0;
	failed = expect(r, at, NODE_STRING, "a string");
	return failed < 0 ? failed : copy_text(r, at, node_of(r, at), ret);
}

int read_bool(struct reader *r, const struct place *at, bool *ret)
{
	if (is_absent(at))
		return 0;
	*ret = node_of(r, at)->type == NODE_TRUE;
	return *ret ? 0 : expect(r, at, NODE_FALSE, "true or false");
}

int read_number(struct reader *r, const struct place *at, int64_t min, int64_t max, int64_t *ret)
{
	const struct node *node = node_of(r, at);
	char what[64];

	if (is_absent(at))
		return 0;
	if (node->type == NODE_NUMBER && tape_integer(&r->tape, node, ret) && *ret >= min &&
	    *ret <= max)
		return 1;
	(void)snprintf(what, sizeof(what), "a number from %lld to %lld", (long long)min,
	               (long long)max);
	if (node->type != NODE_NUMBER)
		return expect(r, at, NODE_NUMBER, what);
	return read_wrong(r, at, "expected %s, found %s", what,
	                  read_show(r->tape.text + node->at, node->len).text);
}

static int read_label(struct reader *r, const struct place *at, uint32_t key, struct label *ret)
{
	struct place value = { .up = at, .key = "?", .node = key + 1 };
	int failed = copy_text(r, at, &r->tape.v[key], &ret->key);

	if (failed < 0)
		return failed;
	value.key = ret->key;
	failed = read_text(r, &value, &ret->value);
	if (failed < 0 || !ret->value)
		return failed;
	if (!name_is_label_key(ret->key))
		return read_wrong(r, &value, "is not the key of a label");
	if (!name_is_label_value(ret->value))
		return read_wrong(r, &value, "\"%s\" is not the value of a label",
		                  read_show(ret->value, strlen(ret->value)).text);
	return 0;
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

int read_labels(struct reader *r, const struct place *at, struct labels *ret)
{
	const struct tape *t = &r->tape;
	int failed;

	*ret = (struct labels) { .n = 0 };
	if (is_absent(at))
		return 0;
	failed = expect(r, at, NODE_OBJECT, "an object");
	if (failed < 0)
		return failed;
	for (uint32_t key = at->node + 1; key < t->v[at->node].next; key = t->v[key + 1].next) {
		ret->v = arena_grow(r->o->arena, ret->v, ret->n, sizeof(*ret->v));
		if (!ret->v)
			return read_no_memory(r);
		failed = read_label(r, at, key, &ret->v[ret->n++]);
		if (failed < 0)
			return failed;
	}
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_labels);
	for (size_t i = 1; i < ret->n; i++)
		if (strcmp(ret->v[i - 1].key, ret->v[i].key) == 0)
			return read_wrong(r, at, "%s is there twice", ret->v[i].key);
	return 0;
}

int read_proto(struct reader *r, const struct place *at, uint8_t *ret)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} known[] = { { "TCP", IPPROTO_TCP }, { "UDP", IPPROTO_UDP }, { "SCTP", IPPROTO_SCTP } };

	*ret = IPPROTO_TCP;
	if (is_absent(at))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (tape_is(&r->tape, at->node, known[i].name)) {
			*ret = known[i].proto;
			return 0;
		}
	}
	if (read_is(r, at, NODE_STRING))
		return read_wrong(
			r, at, "expected TCP, UDP or SCTP, found \"%s\"",
			read_show(r->tape.text + node_of(r, at)->at, node_of(r, at)->len).text);
	return expect(r, at, NODE_STRING, "TCP, UDP or SCTP");
}
