/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tape.h - JSON texts of many megabytes, one value after another, without a tree
 *
 * A value becomes a run of nodes, in the order of the text, each of which knows where the one after it (with all that
 * it holds) begins: members that nobody wants are stepped over, and nothing is allocated per value. Most of a pod is
 * of no interest to us.
 */
#ifndef CNIDA_POLICY_TAPE_H
#define CNIDA_POLICY_TAPE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAPE_NODES_MAX (1U << 20) /* of one value; etcd holds no object of more than 1.5 MB */

enum node_type {
	NODE_OBJECT, /* holds keys (strings) and values in turn */
	NODE_ARRAY,
	NODE_STRING,
	NODE_NUMBER,
	NODE_TRUE,
	NODE_FALSE,
	NODE_NULL,
	NODE_ITEMS, /* array that was passed over: tape_open() it */
};

struct node {
	uint32_t at, len; /* where it stands in the text; of a string what is between the quotes */
	uint32_t next;    /* index of the node after this value */
	uint8_t type;     /* enum node_type */
	bool escaped;     /* a string with backslashes */
};

struct tape {
	const char *text;
	size_t pos, end; /* what is not read yet */
	size_t start;    /* of the value at hand */
	size_t behind;   /* its items, once they were read; 0: not yet */
	bool whole;      /* do not stop at items */
	struct node *v;  /* the value at hand is v[0] */
	uint32_t n, cap;
	unsigned int depth;
};

/* tape_init() - To read a text of less than 4 GB. */
void tape_init(struct tape *t, const char *text, size_t len);
void tape_free(struct tape *t);

/**
 * tape_next() - Read the next value of a stream of values
 *
 * Stops at a top-level object's member "items" that is an array: a list mostly says what it is behind its items, and
 * to look there first would be to read megabytes twice. tape_open() and tape_item() then read them, and tape_again() the list.
 *
 * Return: 1; TAPE_AT_ITEMS; 0 at the end of the text; or -errno with code 6 and "line 3, column 7: ...".
 */
int tape_next(struct tape *t, struct err *e);
#define TAPE_AT_ITEMS 2

/**
 * tape_again() - Read the value at hand once more, without stopping
 * @behind:	where its items end, as tape_item() found it; 0: pass over them by their brackets
 *
 * Its items are one node NODE_ITEMS, whatever they hold. Return: like tape_next().
 */
int tape_again(struct tape *t, size_t behind, struct err *e);

/* tape_open() - Go on reading at the first element of the array that begins at @at: where tape_next() stopped, or a NODE_ITEMS. The
 * value at hand is gone after that. */
void tape_open(struct tape *t, size_t at);

/* tape_item() - Read the next element of it. 1, 0 behind the last (its ']' is passed), or -errno like tape_next(). */
int tape_item(struct tape *t, struct err *e);

/* tape_type() - What a node is, for messages: "an object". */
const char *tape_type(const struct node *node);

/* tape_is() - Is it a string of just this text? */
bool tape_is(const struct tape *t, uint32_t node, const char *text);

/* tape_text() - Text of a string that has escapes, decoded and malloc'ed; NULL when out of memory. */
char *tape_text(const struct tape *t, const struct node *string, size_t *ret_len);

/* tape_integer() - False if the number has a fraction or an exponent, or is beyond 18 digits. */
bool tape_integer(const struct tape *t, const struct node *number, int64_t *ret);

#endif
