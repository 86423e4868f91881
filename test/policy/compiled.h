/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compiled.h - a world through the product's parser and compiler, and verdicts from its tables
 *
 * The look-ups are those that a back end makes (tables.h): nothing here knows what a policy is.
 */
#ifndef CNIDA_TEST_POLICY_COMPILED_H
#define CNIDA_TEST_POLICY_COMPILED_H

#include "policy/compile.h"
#include "test/policy/worlds.h"

struct compiled {
	struct objects objects;
	struct tables tables;
};

/* compiled_make() - Free with compiled_free(), unless it fails. Return: 0, or -errno with *e set. */
int compiled_make(struct compiled *c, const struct oracle_world *w, struct err *e);
void compiled_free(struct compiled *c);

/* compiled_direction() - What the tables say to a question. */
bool compiled_direction(const struct compiled *c, const struct world_question *q);

#endif
