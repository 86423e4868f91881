/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.h - one Kubernetes object on the tape, read by field, with errors that say where
 *
 * A place is a value and the way to it; places live on the stack of those who read. Keys are taken as they are
 * spelled, as the API server does; a field that is null is absent, a field that is there twice is refused.
 *
 * All functions return 0 (or 1 where it says so), or -errno with the error filled.
 */
#ifndef CNIDA_POLICY_READER_H
#define CNIDA_POLICY_READER_H

#include "policy/object.h"
#include "policy/tape.h"

struct place {
	const struct place *up; /* NULL: the object itself */
	const char *key;        /* in the object above, or NULL: element @index of the list above */
	size_t index;
	uint32_t node; /* 0, but for the object itself: absent */
};

struct reader {
	struct objects *o;
	struct tape tape;
	const char *source;
	const char *kind, *namespace, *name; /* of the object at hand; NULL while unknown */
	const char
		*unless_known; /* what is done about a field that we do not know, for the warning */
	struct err *e;
};

/* A key, name or value as the input has it, fit for a line of text */
struct shown {
	char text[96];
};

/* read_show() - Cut off when too long, with '?' for what is no plain ASCII. */
struct shown read_show(const char *text, size_t len);

/* read_wrong() - Fill the error: "<source>: <kind> <namespace>/<name>: <path>: ..." (code 7). */
int read_wrong(const struct reader *r, const struct place *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* read_warn() - Note a warning of the same form. */
int read_warn(const struct reader *r, const struct place *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* read_no_memory() - The error of being out of memory. */
int read_no_memory(const struct reader *r);

/* read_is() - Is the value there and of that type? */
bool read_is(const struct reader *r, const struct place *at, enum node_type type);

/**
 * read_fields() - Find the members of an object by name
 * @at:		absent counts as an object without members
 * @names:	of the @n fields, which come out in this order, absent where they are absent
 * @ret_unknown: set to true when there is a field that is none of @names, which is warned of; NULL: nobody minds
 */
int read_fields(struct reader *r, const struct place *at, const char *const names[], size_t n,
                struct place ret[], bool *ret_unknown);

/* read_list() - 0 for an absent or empty list; *ret_n is its length. Its elements are read with read_element(). */
int read_list(struct reader *r, const struct place *at, size_t *ret_n);

/* read_element() - The place of the next element; start with *ret as { .up = list }. */
void read_element(const struct reader *r, const struct place *list, struct place *ret);

/* read_text() - A string, copied; NULL (and 0) if it is absent. */
int read_text(struct reader *r, const struct place *at, const char **ret);

/* read_bool() - *ret stays as it is when it is absent. */
int read_bool(struct reader *r, const struct place *at, bool *ret);

/* read_number() - 1 and *ret if it is there, within bounds; 0 if it is absent. */
int read_number(struct reader *r, const struct place *at, int64_t min, int64_t max, int64_t *ret);

/* read_labels() - An object of strings to labels, checked and sorted. */
int read_labels(struct reader *r, const struct place *at, struct labels *ret);

/* read_proto() - TCP, UDP or SCTP, TCP if absent. */
int read_proto(struct reader *r, const struct place *at, uint8_t *ret);

/* read_selector() - A label selector; absent: an empty one. */
int read_selector(struct reader *r, const struct place *at, struct selector *ret,
                  bool *ret_unknown);

/* objects_warn() - Keep a warning, unless there are too many. 0 or -ENOMEM. */
int objects_warn(struct objects *o, const char *text);

/* What all objects have: r->namespace and r->name are set from it as soon as they are known. */
struct metadata {
	const char *uid, *created; /* "" if absent */
	bool deleting;
	struct labels labels;
};

/* The objects themselves: @f are metadata, spec and status. Each adds its object to r->o. */
int read_policy(struct reader *r, const struct metadata *meta, const struct place f[static 3]);
int read_pod(struct reader *r, const struct metadata *meta, const struct place f[static 3]);
int read_namespace(struct reader *r, const struct metadata *meta, const struct place f[static 3]);

#endif
