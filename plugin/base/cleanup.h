/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cleanup.h - what leaves the scope is released: file descriptors, memory, streams
 *
 * An object that survives its scope is handed over explicitly with take_fd() or take_ptr().
 */
#ifndef CNIDA_BASE_CLEANUP_H
#define CNIDA_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define _cleanup_free_     __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_    __attribute__((cleanup(cleanup_close)))
#define _cleanup_closedir_ __attribute__((cleanup(cleanup_closedir)))

/* For big buffers that a function of theirs initialises: we are built with -ftrivial-auto-var-init=zero, which would touch all
 * their pages, and a page that is touched for the first time costs as much as a small system call. */
#define _uninitialized_ __attribute__((uninitialized))

/* Hand a descriptor over to the caller: the variable that owned it is left empty (-1). */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Hand a pointer over to the caller: the variable that owned it is left NULL. */
#define take_ptr(p)                         \
	__extension__({                     \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
