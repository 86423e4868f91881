/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * range.h - the address ranges of a host-local configuration: parsing, defaults, checks
 *
 * A range set is one pool (the inner list of "ranges"): a pod gets one address from each set.
 * Rules, defaults and error texts are upstream's (plugins/ipam/host-local/backend/allocator,
 * package range and range_set), since tests and operators know them.
 *
 * The code of these errors is upstream's too: 999, where our own checks of types and keys say 7.
 */
#ifndef CNIDA_IPAM_RANGE_H
#define CNIDA_IPAM_RANGE_H

#include "base/err.h"
#include "base/ip.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define RANGES_MAX     64 /* ranges in a set */
#define RANGE_SETS_MAX 16 /* sets in a configuration */

struct range {
	struct ip_prefix subnet;   /* network address, no host bits */
	struct ip_addr start, end; /* first and last address that may be handed out, canonical */
	struct ip_addr gateway;
};

struct range_set {
	size_t n;
	struct range v[RANGES_MAX];
};

/* range_parse() - {subnet, rangeStart, rangeEnd, gateway}, checked and with its defaults filled in. */
int range_parse(const json_t *obj, const char *path, struct range *ret, struct err *e);
/* range_set_parse() - A list of ranges: one family, no overlap. */
int range_set_parse(const json_t *arr, const char *path, struct range_set *ret, struct err *e);
/* range_set_check() - The rules within one set ("mixed address families", "subnets A-B and C-D
 * overlap", "empty range set"). */
int range_set_check(const struct range_set *set, struct err *e);
bool range_sets_overlap(const struct range_set *a, const struct range_set *b);
/* range_contains() - Is the address between start and end? */
bool range_contains(const struct range *r, const struct ip_addr *a);
/* range_set_find() - The range of the set that contains the address; NULL if none. */
const struct range *range_set_find(const struct range_set *set, const struct ip_addr *a);
/* range_set_format() - "10.9.0.1-10.9.0.2,10.9.1.1-10.9.1.6" as in upstream's errors; cut off
 * with "..." if too long. */
const char *range_set_format(const struct range_set *set, char *buf, size_t cap);

#endif
