/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fs.c - files that are there completely or not at all (locks: fs_lock.c)
 *
 * Creation. Content and attribute go into a file without a name (O_TMPFILE), which linkat() then makes appear; the
 * name is taken by exactly one of several competitors, and a kill at any moment leaves nothing behind. Where the file
 * system has no O_TMPFILE the same happens with a temporary name, of which a kill may leave ".cnida-*" behind.
 *
 * Replacing. If there is nothing to replace it is a creation. Otherwise the file without a name gets one that follows from
 * the other's (".cnida-NAME"), by which it is renamed: what a kill leaves in between is overwritten by the next try,
 * and fs_remove() finds it.
 *
 * A plain name below a directory descriptor may come from a container ID or from another process: it is never
 * followed if it is a symbolic link. A path is a person's choice and may go through links.
 */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs_name.h"

#define TMP_PREFIX ".cnida-"
#define TMP_TRIES  16
#define READ_CHUNK 4096U

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Read until the end or until @cap bytes are there. */
static ssize_t read_some(int fd, char *buf, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, buf + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

ssize_t fs_read(int dirfd, const char *name, char *buf, size_t cap, struct err *e)
{
	/* O_NONBLOCK: a FIFO that someone put there must not hold us up. */
	_cleanup_close_ int fd =
		openat(dirfd, name,
	               O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | fs_nofollow(dirfd, name));
	ssize_t n;

	if (fd < 0)
		return fs_fail(e, errno, "open", dirfd, name);
	n = read_some(fd, buf, cap);
	if (n < 0)
		return fs_fail(e, (int)-n, "read", dirfd, name);
	if ((size_t)n == cap) {
		if (cap > 0)
			buf[cap - 1] = '\0';
		return fs_fail(e, EFBIG, "read", dirfd, name);
	}
	buf[n] = '\0';
	return n;
}

/* Returns bytes or -errno; at most @max + 1 bytes are read, so that "too large" can be told from "full". */
static ssize_t read_growing(int fd, size_t max, char **ret)
{
	_cleanup_free_ char *buf = NULL;
	size_t cap = 0, len = 0;

	for (;;) {
		size_t want = cap > 0 ? 2 * cap : READ_CHUNK;
		ssize_t n;
		char *p;

		if (want > max + 1)
			want = max + 1;
		p = realloc(buf, want);
		if (!p)
			return -ENOMEM;
		buf = p;
		cap = want;
		n = read_some(fd, buf + len, cap - len);
		if (n < 0)
			return n;
		len += (size_t)n;
		if (len < cap)
			break;
		if (cap == max + 1)
			return -EFBIG;
	}
	buf[len] = '\0';
	*ret = take_ptr(buf);
	return (ssize_t)len;
}

ssize_t fs_read_all(int dirfd, const char *name, size_t max, char **ret, struct err *e)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return fs_fail(e, errno, "open", dirfd, name);
	n = read_growing(fd, max < SSIZE_MAX ? max : SSIZE_MAX - 1, ret);
	if (n < 0)
		return fs_fail(e, (int)-n, "read", dirfd, name);
	return n;
}

/* A name beside @name that nobody else uses. Its uniqueness is decided by O_EXCL, not by the quality of the number, so
 * an early boot without entropy is no reason to wait. */
static int tmp_name(const char *name, char buf[static PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t dir_len = slash ? (size_t)(slash - name) + 1 : 0;
	struct timespec now;
	uint64_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number)) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		number = (uint64_t)getpid() << 40 ^ (uint64_t)now.tv_sec << 30 ^
		         (uint64_t)now.tv_nsec;
	}
	if (dir_len + sizeof(TMP_PREFIX) + 16 > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(buf, name, dir_len);
	(void)snprintf(buf + dir_len, PATH_MAX - dir_len, TMP_PREFIX "%016jx", (uintmax_t)number);
	return 0;
}

/* Create a file under a temporary name beside @name; fd or -errno. */
static int open_tmp_name(int dirfd, const char *name, mode_t mode, char tmp[static PATH_MAX])
{
	for (int i = 0; i < TMP_TRIES; i++) {
		int r = tmp_name(name, tmp), fd;

		if (r < 0)
			return r;
		fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* The directory in which @name lies, as a path for openat() */
static int dir_of(const char *name, char buf[static PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	if (!slash) {
		memcpy(buf, ".", sizeof("."));
		return 0;
	}
	if (len == 0)
		len = 1;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(buf, name, len);
	buf[len] = '\0';
	return 0;
}

static int open_nameless(int dirfd, const char *name, mode_t mode)
{
	char dir[PATH_MAX];
	int r = dir_of(name, dir), fd;

	if (r < 0)
		return r;
	fd = openat(dirfd, dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

/* What open() says where the kernel or the file system does not know O_TMPFILE */
static bool is_no_tmpfile(int no)
{
	return no == EOPNOTSUPP || no == EISDIR || no == ENOENT || no == EINVAL;
}

static int fill(int fd, const void *data, size_t len, const char *xattr_name, const char *xattr)
{
	int r = write_all(fd, data, len);

	if (r < 0)
		return r;
	/* The attribute is an extra: tmpfs before 6.6 has none, and a full inode is no reason to fail either. */
	if (xattr_name && xattr)
		(void)fsetxattr(fd, xattr_name, xattr, strlen(xattr), 0);
	return 0;
}

static int link_nameless(int fd, int dirfd, const char *name)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	if (linkat(fd, "", dirfd, name, AT_EMPTY_PATH) == 0)
		return 0;
	/* Without CAP_DAC_READ_SEARCH the kernel says ENOENT; the way through /proc needs no capability. */
	if (errno != ENOENT && errno != EPERM && errno != EINVAL)
		return -errno;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, link, dirfd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

static int create_by_link(int dirfd, const char *name, mode_t mode, const void *data, size_t len,
                          const char *xattr_name, const char *xattr)
{
	char tmp[PATH_MAX];
	_cleanup_close_ int fd = open_tmp_name(dirfd, name, mode, tmp);
	int r;

	if (fd < 0)
		return fd == -EEXIST ? -EBUSY : fd;
	r = fill(fd, data, len, xattr_name, xattr);
	if (r == 0 && linkat(dirfd, tmp, dirfd, name, 0) < 0)
		r = -errno;
	/* FAT has no hard links, but it can rename without replacing. */
	if (r == -EPERM || r == -EOPNOTSUPP) {
		if (syscall(SYS_renameat2, dirfd, tmp, dirfd, name, RENAME_NOREPLACE) == 0)
			return 0;
		r = -errno;
	}
	(void)unlinkat(dirfd, tmp, 0);
	return r;
}

int fs_create(int dirfd, const char *name, mode_t mode, const void *data, size_t len,
              const char *xattr_name, const char *xattr, struct err *e)
{
	_cleanup_close_ int fd = open_nameless(dirfd, name, mode);
	int r;

	if (fd >= 0) {
		r = fill(fd, data, len, xattr_name, xattr);
		if (r == 0)
			r = link_nameless(fd, dirfd, name);
	} else if (is_no_tmpfile(-fd)) {
		r = create_by_link(dirfd, name, mode, data, len, xattr_name, xattr);
	} else {
		r = fd;
	}
	if (r < 0 && r != -EEXIST)
		return fs_fail(e, -r, "create", dirfd, name);
	return r;
}

static int sync_dir_of(int dirfd, const char *name)
{
	_cleanup_close_ int fd = -1;
	char dir[PATH_MAX];
	int r = dir_of(name, dir);

	if (r < 0)
		return r;
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The name by which a nameless file replaces @name */
static int successor_of(const char *name, char buf[static PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t dir_len = slash ? (size_t)(slash - name) + 1 : 0, len = strlen(name + dir_len);

	if (len + strlen(TMP_PREFIX) > NAME_MAX || dir_len + strlen(TMP_PREFIX) + len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(buf, name, dir_len);
	(void)snprintf(buf + dir_len, PATH_MAX - dir_len, TMP_PREFIX "%s", name + dir_len);
	return 0;
}

/* The file appears as @name. Others that replace it at the same time, or were killed doing so, are overtaken. */
static int rename_nameless(int fd, int dirfd, const char *name)
{
	char tmp[PATH_MAX];
	int r = successor_of(name, tmp);

	if (r < 0)
		return r;
	for (int i = 0; i < TMP_TRIES; i++) {
		r = link_nameless(fd, dirfd, tmp);
		if (r == 0)
			r = renameat(dirfd, tmp, dirfd, name) < 0 ? -errno : 0;
		if (r != -EEXIST && r != -ENOENT)
			break;
		(void)unlinkat(dirfd, tmp, 0);
	}
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0);
	return r;
}

static int replace_nameless(int fd, int dirfd, const char *name, const void *data, size_t len,
                            bool sync)
{
	int r = write_all(fd, data, len);

	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = link_nameless(fd, dirfd, name);
	return r == -EEXIST ? rename_nameless(fd, dirfd, name) : r;
}

static int replace_by_name(int dirfd, const char *name, mode_t mode, const void *data, size_t len,
                           bool sync)
{
	char tmp[PATH_MAX];
	_cleanup_close_ int fd = open_tmp_name(dirfd, name, mode, tmp);
	int r;

	if (fd < 0)
		return fd;
	r = write_all(fd, data, len);
	if (r == 0 && sync && fsync(fd) < 0)
		r = -errno;
	/* Closed before it appears: an executable that is still open for writing cannot be run. */
	(void)close(take_fd(&fd));
	if (r == 0 && renameat(dirfd, tmp, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0);
	return r;
}

int fs_replace(int dirfd, const char *name, mode_t mode, const void *data, size_t len, bool sync,
               struct err *e)
{
	_cleanup_close_ int fd = mode & 0111 ? -EOPNOTSUPP : open_nameless(dirfd, name, mode);
	int r = fd;

	if (fd >= 0)
		r = replace_nameless(fd, dirfd, name, data, len, sync);
	if ((fd < 0 && is_no_tmpfile(-fd)) || r == -ENAMETOOLONG)
		r = replace_by_name(dirfd, name, mode, data, len, sync);
	if (r < 0)
		return fs_fail(e, -r, "replace", dirfd, name);
	r = sync ? sync_dir_of(dirfd, name) : 0;
	return r < 0 ? fs_fail(e, -r, "sync the directory of", dirfd, name) : 0;
}

int fs_remove(int dirfd, const char *name, struct err *e)
{
	char tmp[PATH_MAX];

	if (successor_of(name, tmp) == 0)
		(void)unlinkat(dirfd, tmp, 0);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return fs_fail(e, errno, "remove", dirfd, name);
	return 0;
}

int fs_write(int dirfd, const char *name, mode_t mode, const void *data, size_t len, struct err *e)
{
	int flags =
		O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | fs_nofollow(dirfd, name);
	_cleanup_close_ int fd = openat(dirfd, name, mode ? flags | O_CREAT : flags, mode);
	int r;

	if (fd < 0)
		return fs_fail(e, errno, "open", dirfd, name);
	r = write_all(fd, data, len);
	return r < 0 ? fs_fail(e, -r, "write", dirfd, name) : 0;
}

static int mkdir_if_missing(const char *path, mode_t mode)
{
	struct stat st;
	int no;

	if (mkdir(path, mode) == 0)
		return 0;
	no = errno;
	/* Whatever mkdir() complains of (read-only, no permission), a directory that is there already will do. */
	if (no != ENOENT && stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	return -no;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	int r = mkdir_if_missing(path, mode);
	char buf[PATH_MAX];
	size_t len = strlen(path);

	if (r != -ENOENT)
		return r < 0 ? fs_fail(e, -r, "mkdir", AT_FDCWD, path) : 0;
	if (len == 0 || len >= sizeof(buf))
		return fs_fail(e, len ? ENAMETOOLONG : ENOENT, "mkdir", AT_FDCWD, path);
	memcpy(buf, path, len + 1);
	for (char *p = buf + 1; *p; p++) {
		if (*p != '/' || p[-1] == '/')
			continue;
		*p = '\0';
		r = mkdir_if_missing(buf, mode);
		if (r < 0)
			return fs_fail(e, -r, "mkdir", AT_FDCWD, buf);
		*p = '/';
	}
	r = mkdir_if_missing(path, mode);
	return r < 0 ? fs_fail(e, -r, "mkdir", AT_FDCWD, path) : 0;
}

int fs_opendir(const char *path, mode_t mode, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0 && errno == ENOENT) {
		r = fs_mkdirs(path, mode, e);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd < 0 ? fs_fail(e, errno, "open", AT_FDCWD, path) : fd;
}

int fs_path(char *buf, size_t cap, struct err *e, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, cap, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_sys(e, errno, "format a path");
	if ((size_t)n >= cap)
		return err_set(e, CNI_E_CONFIG, ENAMETOOLONG,
		               "path is longer than %zu bytes: %.200s...", cap - 1, buf);
	return 0;
}
