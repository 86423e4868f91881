/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs_name.c - names below a directory descriptor
 */
#include "base/fs_name.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *fs_full_name(int dirfd, const char *name, char buf[static PATH_MAX])
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	ssize_t n;

	if (dirfd == AT_FDCWD || name[0] == '/')
		return name;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, buf, PATH_MAX - 1);
	if (n < 0 || (size_t)n + strlen(name) + 2 > PATH_MAX)
		return name;
	buf[n] = '/';
	memcpy(buf + n + 1, name, strlen(name) + 1);
	return buf;
}

int fs_fail(struct err *e, int no, const char *what, int dirfd, const char *name)
{
	char buf[PATH_MAX];

	if (!e)
		return -no;
	return err_sys(e, no, "%s %s", what, fs_full_name(dirfd, name, buf));
}

int fs_nofollow(int dirfd, const char *name)
{
	return dirfd != AT_FDCWD && !strchr(name, '/') ? O_NOFOLLOW : 0;
}
