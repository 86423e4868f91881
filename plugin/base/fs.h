/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs.h - files that are there completely or not at all, and locks that are waited for with a deadline
 *
 * Names are relative to a directory descriptor wherever one is at hand, so a path is resolved once. A plain
 * name below a descriptor is not followed if it is a symbolic link (ELOOP), except by fs_read_all(), which
 * reads documents that a person or a ConfigMap put there; a path may go through links. Every @e may be NULL.
 */
#ifndef CNIDA_BASE_FS_H
#define CNIDA_BASE_FS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * fs_read() - Read a small file whole into the caller's buffer
 * @dirfd:	directory descriptor or AT_FDCWD
 * @cap:	size of @buf; the text is terminated, so at most @cap - 1 bytes are read
 *
 * Return: the number of bytes, or -errno: -ENOENT and the like WITHOUT touching @buf's meaning,
 * -EFBIG if the file is larger.
 */
ssize_t fs_read(int dirfd, const char *name, char *buf, size_t cap, struct err *e);

/* fs_read_all() - Read a file of at most @max bytes; *ret is malloc'ed and terminated. Returns bytes or -errno. */
ssize_t fs_read_all(int dirfd, const char *name, size_t max, char **ret, struct err *e);

/**
 * fs_create() - Create a file with its content, exclusively: it appears complete or not at all
 *
 * O_TMPFILE and linkat(); on file systems without O_TMPFILE a temporary name (".cnida-" + random) and link().
 *
 * @xattr_name, @xattr: an extended attribute that is set before the file appears, NULL for none; a file
 *		system without extended attributes is no error
 *
 * Return: 0, -EEXIST without filling @e if the name is taken, another -errno with @e filled.
 */
int fs_create(int dirfd, const char *name, mode_t mode, const void *data, size_t len,
              const char *xattr_name, const char *xattr, struct err *e);

/* fs_replace() - A file appears complete, also in place of an earlier one; what a kill leaves goes with the next fs_replace() or
 * fs_remove() of that name. @sync: fsync the file before and the directory after. 0 or -errno. */
int fs_replace(int dirfd, const char *name, mode_t mode, const void *data, size_t len, bool sync,
               struct err *e);

/* fs_remove() - Remove a file that fs_replace() writes. 0 also if there is none, or -errno. */
int fs_remove(int dirfd, const char *name, struct err *e);

/* fs_write() - Open, truncate (create with @mode) and write in place: for hints and sysctls, not for truth.
 * @mode 0: the file must exist. 0 or -errno. */
int fs_write(int dirfd, const char *name, mode_t mode, const void *data, size_t len, struct err *e);

/* fs_mkdirs() - mkdir -p; existing directories are left as they are. */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/* fs_opendir() - mkdir -p and open as O_PATH-free directory descriptor (O_DIRECTORY|O_CLOEXEC). fd or -errno. */
int fs_opendir(const char *path, mode_t mode, struct err *e);

/**
 * fs_lock() - Take an exclusive flock() on a file, waiting at most @timeout_ms
 *
 * The wait is a blocking flock() ended by a timer signal, not a poll. The lock is released by close().
 *
 * @mode:	permission of the lock file when it is created (O_RDONLY|O_CREAT, as upstream's host-local)
 *
 * Return: descriptor that holds the lock, or -errno; -EAGAIN with code 11 and the path when the time is up.
 */
int fs_lock(int dirfd, const char *name, mode_t mode, unsigned int timeout_ms, struct err *e);

/* fs_lock_shared() - The same, but shared with other shared holders. */
int fs_lock_shared(int dirfd, const char *name, mode_t mode, unsigned int timeout_ms,
                   struct err *e);

/* fs_path() - snprintf() of a path that says so when it does not fit: 0 or -ENAMETOOLONG. */
int fs_path(char *buf, size_t cap, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
