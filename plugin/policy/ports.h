/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ports.h - lists of allowed ports: normal form, union, one number for equal lists
 */
#ifndef CNIDA_POLICY_PORTS_H
#define CNIDA_POLICY_PORTS_H

#include "policy/intern.h"
#include "policy/tables.h"

#define PORTS_NONE 0U /* nothing */
#define PORTS_ALL  1U /* any protocol, any port */

/* A range in one word, (protocol, first, last) from the top: the order of words is the order of lists. */
static inline uint64_t port_word(uint8_t proto, uint16_t first, uint16_t last)
{
	return (uint64_t)proto << 32 | (uint64_t)first << 16 | last;
}

struct ports {
	struct intern lists;     /* arrays of words, disjoint, not adjacent, sorted */
	struct intern unions;    /* arrays of list numbers, sorted */
	struct numbers union_of; /* the list that each of these makes */
	uint32_t last_union; /* the number of unions that was asked for last: most likely it is asked again */
	uint64_t *scratch;
	size_t n, cap;
};

/* ports_init() - 0 or -ENOMEM. */
int ports_init(struct ports *p);
void ports_free(struct ports *p);

/* ports_add() - Collect a range for ports_make(). 0 or -ENOMEM. */
int ports_add(struct ports *p, uint64_t word);

/* ports_make() - Number of the list of all that was collected since the last time; INTERN_NONE when out of memory. */
uint32_t ports_make(struct ports *p);

/* ports_union() - Of several lists (@ids is sorted and changed); INTERN_NONE when out of memory. */
uint32_t ports_union(struct ports *p, struct numbers *ids);

/* ports_within() - Does list @b allow all that @a allows? */
bool ports_within(const struct ports *p, uint32_t a, uint32_t b);

/* ports_get() - The words of a list. */
const uint64_t *ports_get(const struct ports *p, uint32_t id, size_t *ret_n);

#endif
