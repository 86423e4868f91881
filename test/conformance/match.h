/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * match.h - what a case expects of a JSON value
 *
 *	"text"		a string, '*' stands for anything; "~..." is an extended regular expression; anything but a
 *			string is compared in its compact JSON form
 *	number, true	the same value
 *	null		not there
 *	[a, b]		one of these matches
 *	{ ... }		all of: is (a literal value), not, count, min, max, type, keys (no others), has (path: matcher), some
 *			(an element of an array matches), text (what the string holds as a JSON document)
 *
 * Paths: "ips[0].address", "interfaces[-1].name" (from the end), "ips[*].version" (every element, at least one), "" (all).
 */
#ifndef CNIDA_TEST_CONFORMANCE_MATCH_H
#define CNIDA_TEST_CONFORMANCE_MATCH_H

#include <jansson.h>
#include <stdbool.h>

/* match() - Does the value (NULL: there is none) match? */
bool match(const json_t *want, const json_t *have);

/* path_get() - The value at a path without "[*]", borrowed; NULL. */
json_t *path_get(const json_t *doc, const char *path);
/* path_match() - Do all values at a path match? On false @ret_have is one that does not, borrowed, or NULL. */
bool path_match(const json_t *doc, const char *path, const json_t *want, const json_t **ret_have);
/* path_set() - Replace the value at a path that is there. Takes the reference; false if there is none. */
bool path_set(json_t *doc, const char *path, json_t *value);

#endif
