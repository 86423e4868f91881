/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * match.c - what a case expects of a JSON value
 */
#include "test/conformance/match.h"

#include "test/conformance/plan.h"
#include "test/lib/plugin_suite.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static bool regex_matches(const char *pattern, const char *text)
{
	regex_t re;
	bool is;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		die("not a regular expression: %s", pattern);
	is = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return is;
}

static bool match_text(const char *pattern, const json_t *have)
{
	char *dump = json_is_string(have) ? NULL : json_dumps(have, JSON_ENCODE_ANY | JSON_COMPACT);
	const char *text = dump ? dump : json_string_value(have);
	bool is = text && (*pattern == '~' ? regex_matches(pattern + 1, text)
	                                   : text_matches(pattern, text));

	free(dump);
	return is;
}

static bool type_is(const char *type, const json_t *have)
{
	static const char *const names[] = { "object", "array", "string", "number",
		                             "number", "bool",  "bool",   "null" };

	return strcmp(names[json_typeof(have)], type) == 0;
}

static bool keys_within(const json_t *list, const json_t *have)
{
	const char *key;
	json_t *v, *one;
	size_t i;

	if (!json_is_object(have))
		return false;
	json_object_foreach((json_t *)(uintptr_t)have, key, v) {
		bool known = false;

		json_array_foreach(list, i, one)
			known = known || strcmp(json_string_value(one), key) == 0;
		if (!known)
			return false;
	}
	return true;
}

static bool has_all(const json_t *paths, const json_t *have)
{
	const json_t *ignored;
	const char *path;
	json_t *want;

	json_object_foreach((json_t *)(uintptr_t)paths, path, want) {
		if (!path_match(have, path, want, &ignored))
			return false;
	}
	return true;
}

static bool some_matches(const json_t *want, const json_t *have)
{
	json_t *one;
	size_t i;

	json_array_foreach(have, i, one) {
		if (match(want, one))
			return true;
	}
	return false;
}

static size_t count_of(const json_t *have)
{
	return json_is_object(have) ? json_object_size(have) : json_array_size(have);
}

static bool match_document(const json_t *want, const json_t *have)
{
	json_t *doc = json_loads(have ? json_string_value(have) : "", JSON_DECODE_ANY, NULL);
	bool is = doc && match(want, doc);

	json_decref(doc);
	return is;
}

static bool match_one(const char *how, const json_t *arg, const json_t *have)
{
	if (strcmp(how, "not") == 0)
		return !match(arg, have);
	if (strcmp(how, "count") == 0)
		return count_of(have) == (size_t)json_integer_value(arg);
	if (!have)
		return false;
	if (strcmp(how, "is") == 0)
		return json_equal(arg, have);
	if (strcmp(how, "min") == 0)
		return json_is_number(have) && json_number_value(have) >= json_number_value(arg);
	if (strcmp(how, "max") == 0)
		return json_is_number(have) && json_number_value(have) <= json_number_value(arg);
	if (strcmp(how, "type") == 0)
		return type_is(json_string_value(arg), have);
	if (strcmp(how, "keys") == 0)
		return keys_within(arg, have);
	if (strcmp(how, "has") == 0)
		return has_all(arg, have);
	if (strcmp(how, "some") == 0)
		return some_matches(arg, have);
	if (strcmp(how, "text") == 0)
		return match_document(arg, have);
	die("no such matcher: \"%s\"", how);
}

bool match(const json_t *want, const json_t *have)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_null(want))
		return !have || json_is_null(have);
	if (json_is_object(want)) {
		json_object_foreach((json_t *)(uintptr_t)want, key, v) {
			if (!match_one(key, v, have))
				return false;
		}
		return true;
	}
	if (json_is_array(want)) {
		json_array_foreach(want, i, v) {
			if (match(v, have))
				return true;
		}
		return false;
	}
	if (!have)
		return false;
	if (json_is_string(want))
		return match_text(json_string_value(want), have);
	return json_equal(want, have);
}

/* One part of a path: its name or index, and where the next begins. False at the end. */
static bool next_part(const char **path, char name[static 128], bool *is_index)
{
	const char *p = *path;
	size_t n;

	p += *p == '.';
	if (!*p)
		return false;
	*is_index = *p == '[';
	p += *is_index;
	n = strcspn(p, *is_index ? "]" : ".[");
	if (n >= 128)
		die("a path is too long: %s", *path);
	memcpy(name, p, n);
	name[n] = '\0';
	*path = p + n + (*is_index && p[n] == ']');
	return true;
}

static size_t index_of(const json_t *list, const char *name)
{
	long i = strtol(name, NULL, 10);

	return i < 0 ? json_array_size(list) - (size_t)-i : (size_t)i;
}

json_t *path_get(const json_t *doc, const char *path)
{
	union {
		const json_t *in;
		json_t *out;
	} v = { .in = doc };
	char name[128];
	bool is_index;

	while (v.in && next_part(&path, name, &is_index))
		v.in = is_index ? json_array_get(v.in, index_of(v.in, name))
		                : json_object_get(v.in, name);
	return v.out;
}

bool path_match(const json_t *doc, const char *path, const json_t *want, const json_t **ret_have)
{
	const char *star = strstr(path, "[*]");
	char *head = star ? strndup(path, (size_t)(star - path)) : NULL;
	json_t *list, *one;
	bool is = true;
	size_t i;

	if (!star) {
		*ret_have = path_get(doc, path);
		return match(want, *ret_have);
	}
	list = path_get(doc, head);
	free(head);
	*ret_have = list;
	json_array_foreach(list, i, one)
		is = is && path_match(one, star + 3, want, ret_have);
	return is && (json_array_size(list) > 0 || json_is_null(want));
}

bool path_set(json_t *doc, const char *path, json_t *value)
{
	json_t *at = doc, *up = NULL;
	char name[128] = "";
	bool is_index = false;

	while (at && next_part(&path, name, &is_index)) {
		up = at;
		at = is_index ? json_array_get(up, index_of(up, name)) : json_object_get(up, name);
	}
	if (!at || !up) {
		json_decref(value);
		return false;
	}
	if (is_index)
		return json_array_set_new(up, index_of(up, name), value) == 0;
	return json_object_set_new(up, name, value) == 0;
}
