/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs_name.h - names below a directory descriptor, for fs*.c
 */
#ifndef CNIDA_BASE_FS_NAME_H
#define CNIDA_BASE_FS_NAME_H

#include "base/err.h"

#include <limits.h>

/* fs_full_name() - "directory/name" for messages, however the file was named to us; @name or @buf. */
const char *fs_full_name(int dirfd, const char *name, char buf[static PATH_MAX]);
/* fs_fail() - "<what> <full name>: <text of no>" into @e, which may be NULL. Always -no. */
int fs_fail(struct err *e, int no, const char *what, int dirfd, const char *name);
/* fs_nofollow() - O_NOFOLLOW for a plain name below a descriptor, 0 for a path. */
int fs_nofollow(int dirfd, const char *name);

#endif
