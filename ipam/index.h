/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.h - what the files of a store say, as two hash tables in shared memory
 *
 *	blocks	64 consecutive addresses -> 64 bits, one per taken address. The next free
 *		address is found 64 at a time, however many are taken in a row.
 *	owners	hash of the owner -> address, several entries per owner.
 *
 * One file per store in index_dir (on /run: gone after a reboot), mapped shared, used only by
 * whoever holds the store's lock. It is a hint: this file knows how to look up, to change and to
 * stay within bounds whatever the bytes are; ipam/store.c knows when it may be believed and how to
 * fill it again.
 *
 * Life of a change: index_begin() marks the file dirty, index_add() and index_del() follow the
 * files of the store, index_settle() records what the store looks like now and takes the mark away.
 * Whoever dies in between leaves the mark.
 *
 * Owners are numbers to this file (ipam/entry.h makes them); two of them may collide, so an answer
 * is verified at the address file. Addresses are in network order as everywhere.
 */
#ifndef CNIDA_IPAM_INDEX_H
#define CNIDA_IPAM_INDEX_H

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_DIR      "/run/cnida/ipam"
#define INDEX_SETS_MAX 16 /* last_reserved_ip.0 to .15 are remembered */
#define INDEX_NAME_MAX 64
#define BOOT_ID_MAX    37 /* a UUID as text, with its NUL */

/* Where index files are; set by tests to a folder of their own. */
extern const char *index_dir;

struct index;

/* The state of a store's folder in which an index holds. */
struct index_stamp {
	uint64_t dev, ino;
	int64_t mtime_ns;
	char boot_id[BOOT_ID_MAX]; /* "" if unknown, which matches nothing */
};

/* index_open() - Map the file of that name. NULL if there is none or it is damaged. */
struct index *index_open(const char *name);
/* index_new() - An empty index in memory of this process, dirty. NULL if there is no memory. */
struct index *index_new(void);
/**
 * index_publish() - Give an index in memory its file: others see it at once and whole
 *
 * Return: true; false if that is not possible (no index_dir, read-only, full): the index stays
 * usable in memory.
 */
bool index_publish(struct index *x, const char *name);
/* index_close() - Unmap; NULL is fine. */
void index_close(struct index *x);

/* index_fresh() - Is it clean, and does it describe the folder in that state? */
bool index_fresh(const struct index *x, const struct index_stamp *now);
void index_begin(struct index *x);
bool index_dirty(const struct index *x);
void index_settle(struct index *x, const struct index_stamp *now);

/**
 * index_add() - An owner has an address (no effect if that is known)
 *
 * Return: true; false if there is no room and no memory to grow, or the tables turn out to be
 * damaged: the index must be thrown away then.
 */
bool index_add(struct index *x, uint64_t owner, const struct ip_addr *addr);
/* index_del() - It has it no longer; no effect if it is not known. */
void index_del(struct index *x, uint64_t owner, const struct ip_addr *addr);

/* index_owned() - Addresses of an owner, at most @max; returns how many. */
size_t index_owned(const struct index *x, uint64_t owner, struct ip_addr *ret, size_t max);
bool index_taken(const struct index *x, const struct ip_addr *addr);
/* index_next_free() - First address at or after @from inside [@from, @last] that is not taken. */
bool index_next_free(const struct index *x, const struct ip_addr *from, const struct ip_addr *last,
                     struct ip_addr *ret);
/* index_count() - Addresses taken. */
size_t index_count(const struct index *x);

/* index_last(), index_last_set() - The contents of last_reserved_ip.<set> as last seen;
 * AF_UNSPEC: absent or garbled. */
struct ip_addr index_last(const struct index *x, unsigned int set);
void index_last_set(struct index *x, unsigned int set, const struct ip_addr *addr);

#endif
