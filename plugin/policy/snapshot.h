/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.h - the policy objects as they were applied: the node's memory over reboots
 *
 * /var/lib/cnida/policy/snapshot: one line with version, checksum, length and time, then what object_text.h makes of
 * the objects, which is a Kubernetes List again (`tail -n +2`). Written under another name, synced and renamed: after a power
 * cut it is the old one or the new one. What does not fit its checksum is never used: without a policy that is
 * known to be the right one nothing may be opened.
 */
#ifndef CNIDA_POLICY_SNAPSHOT_H
#define CNIDA_POLICY_SNAPSHOT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_DIR  "/var/lib/cnida/policy"
#define SNAPSHOT_NAME "snapshot"
#define SNAPSHOT_PATH SNAPSHOT_DIR "/" SNAPSHOT_NAME

struct snapshot {
	char *file;       /* owned: the whole file, terminated */
	const char *text; /* in it: the objects */
	size_t len;       /* of the text */
	int64_t applied;  /* seconds since the epoch */
	uint64_t sum;     /* of the text */
};

void snapshot_free(struct snapshot *s);

/* snapshot_exists() - Is there one, good or bad? One system call: 1, 0, or -errno when that cannot be told. */
int snapshot_exists(struct err *e);

/**
 * snapshot_read() - Read and verify
 *
 * Return: 0; -ENOENT WITHOUT filling @e if there is none; -EBADMSG with code 11 and what to do if it is damaged or of another
 * version; another -errno.
 */
int snapshot_read(struct snapshot *ret, struct err *e);

/*
 * snapshot_sum() - Checksum of a text: SipHash, which sees what a disk or a crash does to a file. (A digest would not keep anybody from
 * forging it, who would forge the digest too; SHA-512 was a seventh of an apply of 1,000 policies.)
 */
uint64_t snapshot_sum(const char *text, size_t len);

/* snapshot_write() - Replace it. @applied as above, @sum: of the text. */
int snapshot_write(const char *text, size_t len, int64_t applied, uint64_t sum, struct err *e);

/* snapshot_keep() - The file as it is, good or bad, for snapshot_put_back(); to be freed. NULL: there is none that can be read. */
char *snapshot_keep(size_t *ret_size);
int snapshot_put_back(const char *file, size_t size, struct err *e);

/* snapshot_remove() - 0 also if there is none. */
int snapshot_remove(struct err *e);

/* For tests: the same over a buffer that holds a whole file, which @ret takes over on success. */
int snapshot_parse(char *file, size_t size, struct snapshot *ret, struct err *e);
/* snapshot_format() - The whole file, to be freed. */
int snapshot_format(const char *text, size_t len, int64_t applied, uint64_t sum, char **ret,
                    size_t *ret_size, struct err *e);

#endif
