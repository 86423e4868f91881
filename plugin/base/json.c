/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.c - values of a document by key, the way Go's encoding/json finds them, with errors that name the key
 */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* json_object_iter() and its kin take a document that they do not change as if they did. */
static json_t *iterable(const json_t *obj)
{
	return (json_t *)(uintptr_t)obj;
}

/* But for their case, which is not looked at before the first letter: most keys differ there. */
static bool same_key(const char *a, const char *b)
{
	return ((*a ^ *b) & ~0x20) == 0 && strcasecmp(a, b) == 0;
}

json_t *jget(const json_t *obj, const char *key)
{
	json_t *o = iterable(obj), *found = NULL;

	if (!json_is_object(obj))
		return NULL;
	for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
		if (same_key(json_object_iter_key(at), key))
			found = json_object_iter_value(at);
	return json_is_null(found) ? NULL : found;
}

int jset(json_t *obj, const char *key, json_t *value)
{
	const char *name;
	json_t *old;
	void *tmp;

	if (!value)
		return -ENOMEM;
	if (!json_is_object(obj)) {
		json_decref(value);
		return -EINVAL;
	}
	/* The very key keeps its place in the document; only its other spellings go. */
	json_object_foreach_safe(obj, tmp, name, old)
		if (same_key(name, key) && strcmp(name, key) != 0)
			(void)json_object_del(obj, name);
	return json_object_set_new_nocheck(obj, key, value) == 0 ? 0 : -ENOMEM;
}

static void describe_string(const json_t *value, char *buf, size_t cap)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value), n = 0;
	bool cut = len + 3 > cap;

	if (cut)
		len = cap > 6 ? cap - 6 : 0;
	while (cut && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	buf[n++] = '"';
	for (size_t i = 0; i < len; i++)
		buf[n++] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
	(void)snprintf(buf + n, cap - n, "%s\"", cut ? "..." : "");
}

/* As a number that is recognised as no integer: "1.0", not "1" */
static void describe_real(double v, char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "%.15g", v);

	if (n > 0 && (size_t)n < cap && !strpbrk(buf, ".e"))
		(void)snprintf(buf + n, cap - (size_t)n, ".0");
}

const char *jdescribe(const json_t *value, char *buf, size_t cap)
{
	if (cap < 8) {
		if (cap > 0)
			buf[0] = '\0';
		return buf;
	}
	if (!value) {
		(void)snprintf(buf, cap, "nothing");
		return buf;
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		(void)snprintf(buf, cap, "an object");
		break;
	case JSON_ARRAY:
		(void)snprintf(buf, cap, "an array");
		break;
	case JSON_STRING:
		describe_string(value, buf, cap);
		break;
	case JSON_INTEGER:
		(void)snprintf(buf, cap, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		describe_real(json_real_value(value), buf, cap);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		(void)snprintf(buf, cap, "%s", json_is_true(value) ? "true" : "false");
		break;
	case JSON_NULL:
		(void)snprintf(buf, cap, "null");
		break;
	}
	return buf;
}

static int wrong(const json_t *value, const char *path, const char *key, const char *expected,
                 struct err *e)
{
	char found[96];

	return err_set(e, CNI_E_CONFIG, EINVAL, "%s%s%s: expected %s, found %s", path,
	               *path ? "." : "", key, expected, jdescribe(value, found, sizeof(found)));
}

int jget_str(const json_t *obj, const char *path, const char *key, const char **ret, struct err *e)
{
	json_t *value = jget(obj, key);

	if (!value)
		return 0;
	if (!json_is_string(value))
		return wrong(value, path, key, "a string", e);
	/* Whoever checks the text must see the same as whoever uses it: C would stop at the NUL. */
	if (strlen(json_string_value(value)) != json_string_length(value))
		return wrong(value, path, key, "a string without NUL characters", e);
	*ret = json_string_value(value);
	return 1;
}

int jget_bool(const json_t *obj, const char *path, const char *key, bool *ret, struct err *e)
{
	json_t *value = jget(obj, key);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return wrong(value, path, key, "true or false", e);
	*ret = json_is_true(value);
	return 1;
}

int jget_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max,
             int64_t *ret, struct err *e)
{
	json_t *value = jget(obj, key);
	char expected[96];

	if (!value)
		return 0;
	if (json_is_integer(value) && json_integer_value(value) >= min &&
	    json_integer_value(value) <= max) {
		*ret = json_integer_value(value);
		return 1;
	}
	(void)snprintf(expected, sizeof(expected), "an integer from %" PRId64 " to %" PRId64, min,
	               max);
	return wrong(value, path, key, json_is_integer(value) ? expected : "an integer", e);
}

int jget_obj(const json_t *obj, const char *path, const char *key, json_t **ret, struct err *e)
{
	json_t *value = jget(obj, key);

	if (!value)
		return 0;
	if (!json_is_object(value))
		return wrong(value, path, key, "an object", e);
	*ret = value;
	return 1;
}

int jget_arr(const json_t *obj, const char *path, const char *key, json_t **ret, struct err *e)
{
	json_t *value = jget(obj, key);

	if (!value)
		return 0;
	if (!json_is_array(value))
		return wrong(value, path, key, "an array", e);
	*ret = value;
	return 1;
}
