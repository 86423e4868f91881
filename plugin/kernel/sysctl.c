/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl.c - /proc/sys/net of the current network namespace
 *
 * The kernel shows each thread the tree of the namespace that the thread is in when it opens a
 * file, so nothing here names a namespace.
 */
#include "kernel/sysctl.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ROOT      "/proc/sys/"
#define KEY_MAX   256
#define VALUE_MAX 1024

/* Interface names are part of keys and may hold anything but a slash, so each component is
 * looked at. */
static bool is_key(const char *key)
{
	size_t len;

	if (strlen(key) > KEY_MAX)
		return false;
	for (;; key += len + 1) {
		len = strcspn(key, "/");
		if (!len || (len == 1 && key[0] == '.') ||
		    (len == 2 && key[0] == '.' && key[1] == '.'))
			return false;
		if (!key[len])
			return true;
	}
}

static int open_key(const char *key, int flags, struct err *e)
{
	char path[sizeof(ROOT) + KEY_MAX];
	int fd;

	if (!is_key(key))
		return err_set(e, CNI_E_CONFIG, EINVAL, "\"%.256s\" is no name of a sysctl", key);
	(void)snprintf(path, sizeof(path), ROOT "%s", key);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? err_sys(e, errno, "open %s", path) : fd;
}

int sysctl_get(const char *key, char *ret, size_t cap, struct err *e)
{
	_cleanup_close_ int fd = open_key(key, O_RDONLY, e);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = read(fd, ret + len, cap - len);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "read " ROOT "%s", key);
		len += n > 0 ? (size_t)n : 0;
	} while (n && len < cap);
	if (len == cap)
		return err_set(e, CNI_E_INTERNAL, EFBIG, "read " ROOT "%s: longer than %zu bytes",
		               key, cap - 1);
	while (len && ret[len - 1] == '\n')
		len--;
	ret[len] = '\0';
	return 0;
}

int sysctl_set(const char *key, const char *value, struct err *e)
{
	_cleanup_close_ int fd = open_key(key, O_WRONLY, e);
	size_t len = strlen(value);
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		n = write(fd, value, len); /* in one piece: each write is a value of its own */
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "write \"%.64s\" to " ROOT "%s", value, key);
	if ((size_t)n != len)
		return err_set(e, CNI_E_INTERNAL, EIO,
		               "write \"%.64s\" to " ROOT "%s: it was cut off", value, key);
	return 0;
}

bool sysctl_same_value(const char *a, const char *b)
{
	static const char blank[] = " \t\n";

	for (;;) {
		size_t len;

		a += strspn(a, blank);
		b += strspn(b, blank);
		len = strcspn(a, blank);
		if (len != strcspn(b, blank) || memcmp(a, b, len) != 0)
			return false;
		if (!len)
			return true;
		a += len;
		b += len;
	}
}

int sysctl_ensure(const char *key, const char *value, struct err *e)
{
	char now[VALUE_MAX];
	struct err unread;

	/* What cannot be read (some are write-only) or is too long to compare is written. */
	if (sysctl_get(key, now, sizeof(now), &unread) == 0 && sysctl_same_value(now, value))
		return 0;
	return sysctl_set(key, value, e);
}
