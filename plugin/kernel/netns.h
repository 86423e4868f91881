/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.h - network namespaces: open, compare, enter and come back
 */
#ifndef CNIDA_KERNEL_NETNS_H
#define CNIDA_KERNEL_NETNS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* What identifies a namespace for as long as it lives. The kernel gives the number of one that ended to the next one. */
struct netns_id {
	uint64_t dev, ino;
};

/**
 * netns_open() - Open a namespace by path
 * @ret_id:	its identity, NULL allowed
 *
 * Return: descriptor, or -errno: -ENOENT (also for a path that is no namespace: what a bind mount leaves behind) with code 8
 * and upstream's text `failed to open netns "path": ...`.
 */
int netns_open(const char *path, struct netns_id *ret_id, struct err *e);

/* netns_is_own() - Is it the namespace of this process? */
bool netns_is_own(const struct netns_id *id);

/* netns_refuse_own() - Error 8 with upstream's text if @path leads to the namespace of this process; 0 also for "" and for
 * what is no namespace. For ADD and DEL, before anything is done. */
int netns_refuse_own(const char *path, struct err *e);

/* netns_alive() - Is there a namespace at the path, and if @id is given (ino not 0), still that one? */
bool netns_alive(const char *path, const struct netns_id *id);

/* netns_cookie() - A number that no other namespace has or had since the machine was booted; asked from inside, so that takes some
 * system calls more. 0 before Linux 5.14. Return: 0 or -errno. */
int netns_cookie(int fd, uint64_t *ret, struct err *e);
/* netns_cookie_of() - The same of the namespace of a socket: one system call, 0 also if it fails. */
uint64_t netns_cookie_of(int socket);

/* netns_enter() - setns(); *ret_back is a descriptor of the namespace left, for netns_leave(). */
int netns_enter(int fd, int *ret_back, struct err *e);
/* netns_leave() - Return and close. A failure is reported: the process must not go on as if it were at home. */
int netns_leave(int *back, struct err *e);

/* netns_each() - Every namespace that can be found: of processes (/proc/PID/ns/net) and bind mounts (mountinfo), each
 * once. Slow: for the sweep only. @fn gets a descriptor that is valid during the call only; whatever it returns but 0
 * ends the walk and is returned. */
int netns_each(int (*fn)(int fd, const struct netns_id *id, void *arg, struct err *e), void *arg,
               struct err *e);

#endif
