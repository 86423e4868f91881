/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h - what the conformance runner is going to do: cases and plugin types read from files, one check per row
 *
 * A case is a folder cases/<family>/<case>/ with case.json; types.json says how a plugin of each type is attached.
 * README.md has the format. A file that cannot be understood ends the program: a case that is silently left out
 * would look like one that passed.
 */
#ifndef CNIDA_TEST_CONFORMANCE_PLAN_H
#define CNIDA_TEST_CONFORMANCE_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One row of one case for one plugin type. All pointers are borrowed from the plan. */
struct check {
	const char *family, *name, *row_name; /* row_name: "" for a case without rows */
	const char *type;                     /* key of types.json */
	json_t *doc;                          /* case.json */
	json_t *row;                          /* NULL for none */
	json_t *deviation; /* the upstream object of the row or the case that is about this type; NULL */
};

struct plan {
	const char *plugins; /* absolute */
	json_t *types;       /* types.json */
	json_t *cases;       /* array of case.json, each with "family" and "case" added */
	const char **type;   /* types of the folder, in the order of types.json */
	char (*newest)[16];  /* newest version that the folder's plugin of type[i] knows */
	size_t n_types;
	struct check *check;
	size_t n;
};

struct plan_filter {
	const char *only, *family, *name; /* NULL: all */
};

/* plan_read() - Read everything under @dir that passes the filter, for the plugins of the folder @plugins. */
void plan_read(struct plan *p, const char *dir, const char *plugins, const struct plan_filter *f);
void plan_free(struct plan *p);

/* plan_newest() - The newest version of the protocol that the folder's plugin of this type knows. */
const char *plan_newest(const struct plan *p, const char *type);

/* die() - The program cannot go on: exit code 2. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
