/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.c - network namespaces
 *
 * A path names a namespace if it leads to a file of nsfs of the network kind. Everything is asked
 * of the open descriptor and never of the path again, since a runtime may unmount it at any time:
 * what is left behind is an empty regular file, which must count as "gone".
 */
#include "kernel/netns.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef SO_NETNS_COOKIE /* musl does not know it; the same on all processors that we are built for */
#	define SO_NETNS_COOKIE 71
#endif

#define OWN_NETNS "/proc/thread-self/ns/net"
#define NETNS_MAX 65536 /* namespaces that netns_each() looks at */

static void get_id(const struct stat *st, struct netns_id *ret)
{
	ret->dev = st->st_dev;
	ret->ino = st->st_ino;
}

static bool same_id(const struct netns_id *a, const struct netns_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* Descriptor of a network namespace, or -errno: -ENOENT if there is nothing, -EINVAL if it is
 * something else. The path comes from outside: O_NONBLOCK, or a fifo would hold us up. */
static int open_netns(const char *path, struct netns_id *ret_id)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct statfs fs;
	struct stat st;
	int type;

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	type = ioctl(fd, NS_GET_NSTYPE);
	/* Only a kernel that says another type is believed: a namespace taken for dead would lose its address. */
	if (fs.f_type != NSFS_MAGIC || (type >= 0 && type != CLONE_NEWNET))
		return -EINVAL;
	get_id(&st, ret_id);
	return take_fd(&fd);
}

int netns_open(const char *path, struct netns_id *ret_id, struct err *e)
{
	struct netns_id id;
	int fd = open_netns(path, ret_id ? ret_id : &id);

	if (fd >= 0)
		return fd;
	if (fd == -ENOENT) /* in the words of Go, which callers search for */
		return err_set(
			e, CNI_E_NETNS, ENOENT,
			"failed to open netns \"%s\": failed to Statfs \"%s\": no such file or directory",
			path, path);
	if (fd == -EINVAL)
		return err_set(e, CNI_E_NETNS, ENOENT,
		               "failed to open netns \"%s\": it is no network namespace", path);
	return err_set(e, CNI_E_NETNS, -fd, "failed to open netns \"%s\": %s", path, err_text(-fd));
}

/* Descriptor of our own namespace, or -errno. A new socket knows it: in /proc the kernel makes the names of this process, thread
 * and namespace first, 10 us for a process that has just begun. */
static int open_own(void)
{
	_cleanup_close_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = s < 0 ? -1 : ioctl(s, SIOCGSKNS);

	if (fd < 0)
		fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool netns_is_own(const struct netns_id *id)
{
	_cleanup_close_ int fd = open_own();
	struct netns_id own;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	get_id(&st, &own);
	return same_id(id, &own);
}

int netns_refuse_own(const char *path, struct err *e)
{
	struct netns_id id;
	struct stat st;

	if (!*path || stat(path, &st) < 0)
		return 0;
	get_id(&st, &id);
	if (!netns_is_own(&id))
		return 0;
	return err_set(e, CNI_E_NETNS, 0,
	               "plugin's netns and netns from CNI_NETNS should not be the same");
}

bool netns_alive(const char *path, const struct netns_id *id)
{
	struct netns_id now;
	_cleanup_close_ int fd = open_netns(path, &now);

	/* Out of descriptors, or not allowed to look: that is no reason to take what may be in
	 * use for dead. */
	if (fd < 0)
		return fd != -ENOENT && fd != -EINVAL && fd != -ELOOP && fd != -ENAMETOOLONG &&
		       fd != -ENXIO;
	return !id || !id->ino || same_id(id, &now);
}

int netns_enter(int fd, int *ret_back, struct err *e)
{
	_cleanup_close_ int back = open_own();

	if (back < 0)
		return err_sys(e, -back, "open " OWN_NETNS);
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter a network namespace");
	*ret_back = take_fd(&back);
	return 0;
}

int netns_leave(int *back, struct err *e)
{
	_cleanup_close_ int fd = take_fd(back);

	if (setns(fd, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "return to the first network namespace");
	return 0;
}

/* Only a socket tells, and it knows the namespace in which it was made. */
uint64_t netns_cookie_of(int socket)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	return getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static uint64_t own_cookie(void)
{
	_cleanup_close_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return s < 0 ? 0 : netns_cookie_of(s);
}

int netns_cookie(int fd, uint64_t *ret, struct err *e)
{
	int back, r = netns_enter(fd, &back, e);

	if (r < 0)
		return r;
	*ret = own_cookie();
	return netns_leave(&back, e);
}

/* Walking all of them */

struct walk {
	int (*fn)(int fd, const struct netns_id *id, void *arg, struct err *e);
	void *arg;
	struct netns_id *seen;
	size_t n, cap;
};

static bool is_seen(const struct walk *w, const struct netns_id *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (same_id(&w->seen[i], id))
			return true;
	return false;
}

static int remember(struct walk *w, const struct netns_id *id, struct err *e)
{
	struct netns_id *more;
	size_t cap;

	if (w->n == NETNS_MAX)
		return err_set(e, CNI_E_INTERNAL, E2BIG, "more than %d network namespaces",
		               NETNS_MAX);
	if (w->n == w->cap) {
		cap = w->cap ? 2 * w->cap : 64;
		more = realloc(w->seen, cap * sizeof(*more));
		if (!more)
			return err_sys(e, ENOMEM, "list the network namespaces");
		w->seen = more;
		w->cap = cap;
	}
	w->seen[w->n++] = *id;
	return 0;
}

/* One candidate. It may go away at any time, or lie under another mount: that is not an error,
 * it is not there. */
static int visit(struct walk *w, const char *path, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct netns_id id;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return 0;
	get_id(&st, &id);
	if (is_seen(w, &id)) /* most processes: spare the open() */
		return 0;
	fd = open_netns(path, &id);
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return err_sys(e, -fd, "open %s", path);
	if (fd < 0 || is_seen(w, &id))
		return 0;
	r = remember(w, &id, e);
	if (!r)
		r = w->fn(fd, &id, w->arg, e);
	return r;
}

static int visit_processes(struct walk *w, struct err *e)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	char path[64];
	int r;

	if (!proc)
		return err_sys(e, errno, "open /proc");
	for (;;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(proc);
		if (!entry)
			return errno ? err_sys(e, errno, "read /proc") : 0;
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.16s/ns/net", entry->d_name);
		r = visit(w, path, e);
		if (r)
			return r;
	}
}

/* mountinfo writes blank, tab, newline and backslash as three octal digits behind a backslash.
 * In place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		unsigned int v = 0;
		int i;

		for (i = 1; text[0] == '\\' && i <= 3 && text[i] >= '0' && text[i] <= '7'; i++)
			v = v * 8 + (unsigned int)(text[i] - '0');
		if (i == 4) {
			*to++ = (char)v;
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* The mount point in a line "36 35 0:4 net:[4026532123] /run/netns/x ...", NULL if it is not of
 * a network namespace. */
static char *mount_point(char *line)
{
	char *save, *field = NULL;

	for (int i = 0; i < 4; i++) {
		field = strtok_r(i ? NULL : line, " ", &save);
		if (!field)
			return NULL;
	}
	if (strncmp(field, "net:[", 5) != 0)
		return NULL;
	field = strtok_r(NULL, " ", &save);
	if (field)
		unescape(field);
	return field;
}

/* @root: where the mount points of that table begin. */
static int visit_mounts(struct walk *w, FILE *f, const char *root, struct err *e)
{
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX];
	size_t cap = 0;
	int r = 0;

	while (!r && getline(&line, &cap, f) >= 0) {
		const char *point = mount_point(line);

		if (!point ||
		    (size_t)snprintf(path, sizeof(path), "%s%s", root, point) >= sizeof(path))
			continue;
		r = visit(w, path, e);
	}
	return r;
}

/* A runtime in a mount namespace of its own usually keeps its mounts where process 1 sees them. */
static const struct {
	const char *file, *root;
	bool must;
} tables[] = {
	{ "/proc/self/mountinfo", "", true },
	{ "/proc/1/mountinfo", "/proc/1/root", false },
};

int netns_each(int (*fn)(int fd, const struct netns_id *id, void *arg, struct err *e), void *arg,
               struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg };
	FILE *f;
	int r;

	r = visit_processes(&w, e);
	for (size_t i = 0; !r && i < ARRAY_SIZE(tables); i++) {
		f = fopen(tables[i].file, "re");
		if (!f && tables[i].must)
			r = err_sys(e, errno, "open %s", tables[i].file);
		if (!f)
			continue;
		r = visit_mounts(&w, f, tables[i].root, e);
		(void)fclose(f);
	}
	free(w.seen);
	return r;
}
