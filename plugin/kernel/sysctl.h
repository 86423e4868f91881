/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl.h - /proc/sys/net of the current network namespace
 */
#ifndef CNIDA_KERNEL_SYSCTL_H
#define CNIDA_KERNEL_SYSCTL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* sysctl_get() - Value without its newline. @key is a path below /proc/sys with slashes ("net/ipv4/ip_forward");
 * a component "." or ".." or an empty one is refused. @cap counts a newline and a NUL too. 0 or -errno. */
int sysctl_get(const char *key, char *ret, size_t cap, struct err *e);
/* sysctl_set() - Write a value, also if it is the same. */
int sysctl_set(const char *key, const char *value, struct err *e);
/* sysctl_ensure() - Read first, write only what differs (a read-only /proc/sys with the right value is fine). */
int sysctl_ensure(const char *key, const char *value, struct err *e);
/* sysctl_same_value() - Are two values the same but for blanks? The kernel prints lists with tabs, people write blanks. */
bool sysctl_same_value(const char *a, const char *b);

#endif
