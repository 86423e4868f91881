/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_index.h - when a store's index may be believed, and how it is filled again (private to
 * ipam/store.c)
 *
 * s->index is NULL until index_need() succeeded, and may become NULL again in note_taken() when it
 * can neither follow nor be filled again.
 */
#ifndef CNIDA_IPAM_STORE_INDEX_H
#define CNIDA_IPAM_STORE_INDEX_H

#include "base/err.h"
#include "ipam/store.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_LAST_PREFIX "last_reserved_ip."

/* index_load() - Map the store's index if it can be believed as it is; nothing is read otherwise. */
bool index_load(struct store *s);
/* index_need() - index_load(), or fill it from the folder. 0 or -errno. */
int index_need(struct store *s, struct err *e);
/* index_compare_last() - Make sure that last_reserved_ip.N are what they were at our last
 * change; once per lock. The folder is read again if not. 0 or -errno. */
int index_compare_last(struct store *s, struct err *e);
/* note_taken(), note_free() - Follow a change of the files, after index_begin(). */
void note_taken(struct store *s, uint64_t hash, const struct ip_addr *addr);
void note_free(struct store *s, uint64_t hash, const struct ip_addr *addr);
/* index_done() - Record that the index describes the folder as it is now, and let it go. */
void index_done(struct store *s);
/* store_scan_open() - The folder as a stream of its own; NULL with @e filled. */
DIR *store_scan_open(const struct store *s, struct err *e);

#endif
