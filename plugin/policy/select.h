/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * select.h - which items do label selectors match? Answered by looking up labels instead of trying all items
 *
 *	select_mention()	for every selector that will be asked
 *	select_project(),
 *	select_add()		for every item (a group of pods, a namespace), which gets the next number
 *	select_finish()
 *	select_items()		as often as wanted
 *
 * Of an item's labels only keys and values that some selector mentions are kept: items that differ in others (the hash
 * of a template, the name of a pod) are equal, and the caller makes one item of them.
 */
#ifndef CNIDA_POLICY_SELECT_H
#define CNIDA_POLICY_SELECT_H

#include "policy/intern.h"
#include "policy/object.h"

struct item {
	size_t first, n; /* of its projected labels */
	bool partial;    /* what is not among its labels is unknown, and fulfils nothing */
};

/* A requirement in numbers */
struct wanted {
	enum selector_op op;
	uint32_t key;
	size_t first, n; /* values, sorted */
};

/* All zero: empty. */
struct select {
	struct intern keys;    /* texts */
	struct intern values;  /* number of the key, then text */
	struct numbers labels; /* (key, value) pairs of all items, sorted by key within an item */
	struct item *items;
	size_t n_items, cap_items;
	struct lists by_key, by_value; /* items that have them, ascending */
	struct wanted *wanted;         /* the selector that is asked */
	size_t cap_wanted;
	struct numbers wanted_values;
};

void select_free(struct select *s);

/* All of these return 0 or -ENOMEM. */

/* select_mention() - There is a selector that will be asked. */
int select_mention(struct select *s, const struct selector *selector);

/* select_project() - What selectors can see of these labels: (key, value) pairs of numbers; equal for equal labels. */
int select_project(struct select *s, const struct labels *labels, struct numbers *ret);

/* select_add() - An item with such labels. */
int select_add(struct select *s, const struct numbers *projected, bool partial);

/* select_finish() - No items come after this. */
int select_finish(struct select *s);

/* select_key() - Add numbers that stand for a selector: equal ones match the same items. */
int select_key(struct select *s, const struct selector *selector, struct numbers *ret);

/* select_items() - Add the numbers of the items from @first up to but not including @end that match, in any order,
 * each once, to @ret. @ret_cost grows by the number of items that were tried. */
int select_items(struct select *s, const struct selector *selector, uint32_t first, uint32_t end,
                 struct numbers *ret, size_t *ret_cost);

#endif
