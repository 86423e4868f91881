/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * garbage.h - what GC and the sweep have in common, whatever kind of records they look through
 *
 * Names are collected first and removed after the walk, as the folder changes under it.
 */
#ifndef CNIDA_ENDPOINT_GARBAGE_H
#define CNIDA_ENDPOINT_GARBAGE_H

#include "base/err.h"
#include "endpoint/gc.h"
#include "endpoint/owner.h"
#include "spec/request.h"

/* Names of records. */
struct garbage_names {
	char (*v)[IFNAMSIZ]; /* owned; free() */
	size_t n, cap;
};

int garbage_add(struct garbage_names *list, const char *name, struct err *e);

/**
 * garbage_remove() - Remove the records of a list, all of them
 * @what:	what they are, for the log
 * @del:	removes one; returns a number below 0 on failure
 *
 * Return: 0, or the first failure; each is logged.
 */
int garbage_remove(const struct garbage_names *list, const char *what,
                   int (*del)(const char *name, void *arg, struct err *e), void *arg,
                   struct err *e);

/* ---- GC of one network ---- */

/* garbage_need_list() - Code 7 if the request has no list of valid attachments: it would remove every @what of the network. */
int garbage_need_list(const struct request *req, const char *what, struct err *e);

struct garbage_invalid {
	const struct request *req;
	struct garbage_names names;
};
/* garbage_collect_invalid() - One that is of the request's network and not in its list. */
int garbage_collect_invalid(struct garbage_invalid *g, const struct owner *o, struct err *e);

/* ---- the sweep ---- */

struct garbage_report {
	gc_seen_fn seen; /* NULL: nobody wants to know */
	void *arg;
	int n; /* that were told of */
};
void garbage_tell(struct garbage_report *r, const char *what, const char *why);

#define GARBAGE_TEXT_MAX 768
/* garbage_describe() - A dead attachment's part, for the report: "@what name network container-id ifname". */
void garbage_describe(const char *what, const struct owner *o, char ret[static GARBAGE_TEXT_MAX]);
/* garbage_why() - Why it is dead. */
const char *garbage_why(const struct owner *o);

struct garbage_dead {
	struct garbage_report report;
	struct garbage_names names;
};
/* garbage_collect_dead() - One whose namespace is gone, or whose record cannot be read; tells of it. @what: as above. */
int garbage_collect_dead(struct garbage_dead *g, const char *what, const struct owner *o,
                         struct err *e);

#endif
