/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * entry.h - one address file: its bytes and its tag
 *
 * Content: "<container ID>\r\n<ifname>", or "<container ID>" alone in the format before ifnames.
 * White space around it is ignored, as upstream does. Anything without a valid container ID in
 * front is nobody's: an empty file of a process that died between creating and writing, or zeros
 * after a power cut.
 *
 * Tag (STORE_XATTR, see there): numbers decimal, 0:0 when the namespace was not there; <netns> is
 * an absolute path or a name below /run/netns.
 */
#ifndef CNIDA_IPAM_ENTRY_H
#define CNIDA_IPAM_ENTRY_H

#include "base/err.h"
#include "ipam/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_TEXT_MAX 4096 /* a larger file is somebody's, we cannot say whose */

/* What a file says; the strings lie in text. */
struct entry_text {
	char text[ENTRY_TEXT_MAX];
	const char *container_id; /* "" if it is nobody's */
	const char *ifname;       /* "" in the old format */
};

/* entry_format() - Content for an owner; returns its length or -ENAMETOOLONG. */
int entry_format(const struct store_owner *owner, char *buf, size_t cap, struct err *e);
/* entry_parse() - Take text[0..len) apart, in place. */
void entry_parse(struct entry_text *t, size_t len);
/* entry_read() - Read and parse a file. 0, -ENOENT if it is gone, another -errno (it is
 * somebody's then); @e is not filled. */
int entry_read(int dirfd, const char *name, struct entry_text *ret);
/* entry_is() - Is it that owner's? A file without ifname is every interface's; an owner without
 * container ID is nobody. */
bool entry_is(const struct entry_text *t, const struct store_owner *owner);
/* entry_hash() - The owner as the index knows it: the upper half is the container's, so the
 * interfaces of one lie together. */
uint64_t entry_hash(const char *container_id, const char *ifname);

/* entry_name() - Is that file name an address, exactly as we would write it? */
bool entry_name(const char *name, struct ip_addr *ret);

/* entry_tag() - Text of the tag for an owner; returns buf, or NULL if it does not fit. */
const char *entry_tag(const struct store_owner *owner, const char *boot_id, char *buf, size_t cap);
/* entry_load() - All that is known of a file, tag and age included. As entry_read(). */
int entry_load(int dirfd, const struct ip_addr *addr, struct store_entry *ret);

#endif
