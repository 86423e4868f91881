/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.h - reading configuration the way Go's encoding/json does, with errors that name the key
 *
 * Keys match without regard to ASCII case and the last one in the document wins, since containerd
 * really sends "HostPort" where the specification says "hostPort". A key whose value is null counts
 * as absent. Unknown keys are ignored. Strings that are handed out belong to the document.
 *
 * @path is where @obj stands in the document ("" for the top, "ipam", "ipam.ranges[0][1]"); errors
 * print "path.key" and the value found, with code 7.
 */
#ifndef CNIDA_BASE_JSON_H
#define CNIDA_BASE_JSON_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_MAX  (4U << 20) /* bytes of a document that we accept */
#define JSON_DEPTH_MAX 64         /* nesting of a document that we accept */

/**
 * jparse() - Parse one document, an object, within the bounds above
 * @ret:	new reference
 *
 * Accepts what Go accepts: bytes that are no UTF-8 and lone surrogates become U+FFFD, integers beyond 64
 * bits become reals. Refused besides: NUL characters in keys, numbers beyond a double.
 *
 * Return: 0, or -EINVAL with code 6 and the text of Go's decoder ("unexpected end of JSON input",
 * "invalid character 'x' after top-level value"), -E2BIG (code 6) for too large or too deep.
 */
int jparse(const char *text, size_t len, json_t **ret, struct err *e);

/* jrepeats() - Does an object that stands under @key (in any case, at any depth) name a member twice? For rules that
 * forbid what jparse() settles by "the last one wins". @text is one that jparse() accepts. */
bool jrepeats(const char *text, size_t len, const char *key);

/* jget() - Value of a key in any case, the last in document order; NULL if absent, null, or @obj is no object. */
json_t *jget(const json_t *obj, const char *key);

/* The getters return 1 and set *ret if the key is there, 0 and leave *ret alone if it is absent or
 * null, and -EINVAL with code 7 if the value is of another type or out of range. Integers have no fraction
 * and no exponent, strings no NUL characters. */
int jget_str(const json_t *obj, const char *path, const char *key, const char **ret, struct err *e);
int jget_bool(const json_t *obj, const char *path, const char *key, bool *ret, struct err *e);
int jget_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max,
             int64_t *ret, struct err *e);
int jget_obj(const json_t *obj, const char *path, const char *key, json_t **ret, struct err *e);
int jget_arr(const json_t *obj, const char *path, const char *key, json_t **ret, struct err *e);

/* jset() - Set a key, replacing every key that differs only in case. Steals @value, also on failure.
 * 0, or -ENOMEM (also for a @value of NULL, so that jset(o, "k", json_string(s)) needs no check of its own). */
int jset(json_t *obj, const char *key, json_t *value);

/* jdescribe() - A value as short text for an error message ("5", "\"abc\"", "an object"); returns buf. */
const char *jdescribe(const json_t *value, char *buf, size_t cap);

/* jalloc() - Memory from where the trees are (see json_arena.h): for what lives as long as they do. jfree() - NULL allowed. */
void *jalloc(size_t size) __attribute__((malloc));
void jfree(void *p);

static inline void cleanup_jfree(void *p)
{
	jfree(*(void **)p);
}
#define _cleanup_jfree_ __attribute__((cleanup(cleanup_jfree)))

/**
 * jdump() - Document to text as Go's MarshalIndent(v, "", "    ") writes it
 * @sorted:	keys in alphabetical order at every level, else in insertion order
 * @ret:	for jfree(), terminated, without a final newline; <, >, & and U+2028/9 are escaped as Go does
 *
 * Bytes that are no UTF-8 become U+FFFD. A tree deeper than twice JSON_DEPTH_MAX counts as -ENOMEM.
 *
 * Return: 0 or -ENOMEM.
 */
int jdump(const json_t *doc, bool sorted, char **ret);

#endif
