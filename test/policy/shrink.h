/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shrink.h - the smallest part of a JSON value for which something still holds
 */
#ifndef CNIDA_TEST_POLICY_SHRINK_H
#define CNIDA_TEST_POLICY_SHRINK_H

#include <jansson.h>
#include <stdbool.h>

/* The value was changed in place: does the difference still show? */
typedef bool shrink_fn(void *arg);

/* shrink() - Take out array items and object members, at any depth, as long as @shows is true without them. */
void shrink(json_t *v, shrink_fn *shows, void *arg);

#endif
