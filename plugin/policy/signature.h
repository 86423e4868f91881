/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * signature.h - does a pod's rule set allow the same as before? A number that two compilations can be compared by
 *
 * Ids of sets and classes are given anew at each compilation. The signature of a set is a sum over its cells of
 * (who the class is) * (what the ports are), where a class is the sum of its pods and address ranges and a range from
 * x to y counts as F(y) - F(x). So it does not matter into how many classes or ranges the same peers are cut: the parts add
 * up to the same. Two sets that allow different things have the same signature once in 2^64.
 */
#ifndef CNIDA_POLICY_SIGNATURE_H
#define CNIDA_POLICY_SIGNATURE_H

#include "policy/tables.h"

/* signatures() - One for each set; t->n_sets numbers, to be freed; NULL when out of memory. */
uint64_t *signatures(const struct tables *t);

#endif
