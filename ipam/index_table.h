/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_table.h - the hash tables of an index (private to ipam/index.c)
 *
 * Open addressing with linear probing, a power of two of slots. The bytes are not trusted: every
 * probe ends after one round at the latest.
 */
#ifndef CNIDA_IPAM_INDEX_TABLE_H
#define CNIDA_IPAM_INDEX_TABLE_H

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In an owner's slot, value is the owner and addr one of its addresses; in a block's slot, addr
 * is the first address of the block and bit i of value says that the i-th one is taken. */
struct slot {
	uint64_t value;
	uint8_t addr[16];
	uint8_t family;  /* 0: the slot is free */
	uint8_t touched; /* written to, never read: see table_touch() */
	uint8_t pad[6];
};
_Static_assert(sizeof(struct slot) == 32, "two slots per cache line");

struct table {
	struct slot *v;
	size_t mask;
	bool by_owner; /* hashed by value, else by address */
};

/**
 * table_touch() - Look at a page of the mapping for the first time
 *
 * A reading access would make the kernel map the 15 neighbours as well, and unmap them all again a
 * moment later, for a lookup that needs one: 5 us instead of 1. A writing access maps the one page.
 */
void table_touch(volatile uint8_t *unused);
/* table_seek() - Slot of a key, or the free slot where it would go; NULL if there is neither. */
struct slot *table_seek(const struct table *t, const struct slot *key);
/* table_free() - Free a slot and close the gap: whatever was displaced past it moves back, so that no
 * probe ends early. */
void table_free(const struct table *t, struct slot *s);
/* table_owned() - Addresses of an owner in a table by owner, at most @max; returns how many. */
size_t table_owned(const struct table *t, uint64_t owner, struct ip_addr *ret, size_t max);

#endif
