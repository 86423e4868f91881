/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_index.c - when a store's index may be believed, and how it is filled again
 *
 * When the index may be believed. It records the folder's device, inode and mtime as of our last
 * change. Creating or removing a file changes the folder's mtime, so whatever others did since then
 * shows, and the index is filled again from the folder: O(n), but only after changes by others, a
 * crash (the dirty mark) or damage.
 *
 * The weak spot is the mtime's resolution: kernels before 6.13 stamp files with the time of the
 * last timer tick, so a change by upstream in the same tick as ours (up to 10 ms) would leave the
 * very mtime that we recorded. Three things close it:
 *
 *   1. After our last change we set the folder's mtime ourselves, to the clock's full resolution. A
 *      tick's time is not that value, whenever the next change comes, so even a change in the same
 *      tick shows. (A file system that stores whole seconds cuts the value off, and then only the
 *      other two help. We record what was stored, not what we asked for.)
 *   2. Upstream's ADD writes last_reserved_ip.<set>. We remember its content and compare it for
 *      every ADD, and before a DEL finds "this owner has nothing".
 *   3. Upstream's DEL leaves at worst a bit that says "taken" for a free address: it is skipped
 *      until the next time the folder is read, and it always is read before a pool counts as empty.
 *
 * What stays: an operator who edits the content of an address file in place changes no folder. What
 * the index claims is verified at the file, so the old owner is not served wrongly; the new one is
 * found when the folder is read the next time.
 */
#include "ipam/store_index.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "ipam/entry.h"
#include "ipam/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define INDEX_NAME_DIGITS 16

static void stamp_now(struct store *s, struct index_stamp *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (fstat(s->dirfd, &st) < 0)
		return; /* without a boot id it matches nothing */
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	(void)snprintf(ret->boot_id, sizeof(ret->boot_id), "%s", store_boot_id(s));
}

/* The changes are done: give the folder an mtime that no tick of the clock will give it (see
 * above) and record whatever it has then. */
void index_done(struct store *s)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct index_stamp now;

	if (s->index && index_dirty(s->index)) {
		(void)clock_gettime(CLOCK_REALTIME, &times[1]);
		(void)futimens(s->dirfd, times);
		stamp_now(s, &now);
		index_settle(s->index, &now);
	}
	index_close(s->index);
	s->index = NULL;
}

/* Name of the index file. By the folder's path as it was named to us: a store that has two names gets two files, and where two
 * stores have the same one (in two mount namespaces), each finds the other's file stale and replaces it whole. */
static void index_file_name(const struct store *s, char ret[static INDEX_NAME_DIGITS + 1])
{
	const char *const parts[] = { s->path, NULL };

	(void)snprintf(ret, INDEX_NAME_DIGITS + 1, "%016" PRIx64, hash_u64(parts));
}

/* "last_reserved_ip.<set>" to its number */
static bool last_name(const char *name, unsigned int *ret)
{
	char expect[64];

	if (strncmp(name, STORE_LAST_PREFIX, strlen(STORE_LAST_PREFIX)) != 0)
		return false;
	for (*ret = 0; *ret < INDEX_SETS_MAX; (*ret)++) {
		(void)snprintf(expect, sizeof(expect), STORE_LAST_PREFIX "%u", *ret);
		if (strcmp(expect, name) == 0)
			return true;
	}
	return false;
}

static struct ip_addr last_read(const struct store *s, unsigned int set)
{
	char name[64], text[IP_STR_MAX + 1];
	struct ip_addr addr;

	(void)snprintf(name, sizeof(name), STORE_LAST_PREFIX "%u", set);
	if (fs_read(s->dirfd, name, text, sizeof(text), NULL) <= 0 || !ip_parse(text, &addr))
		return (struct ip_addr) { .family = AF_UNSPEC };
	return addr;
}

static bool scan_name(const struct store *s, struct index *x, const char *name)
{
	struct entry_text t;
	struct ip_addr addr;
	unsigned int set;
	int r;

	if (last_name(name, &set)) {
		addr = last_read(s, set);
		index_last_set(x, set, &addr);
		return true;
	}
	if (!entry_name(name, &addr))
		return true;
	r = entry_read(s->dirfd, name, &t);
	if (r == -ENOENT)
		return true;
	if (r < 0) /* somebody's, but whose is not known: taken, and nobody will find it by owner */
		return index_add(x, 0, &addr);
	return !*t.container_id || index_add(x, entry_hash(t.container_id, t.ifname), &addr);
}

DIR *store_scan_open(const struct store *s, struct err *e)
{
	_cleanup_close_ int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		(void)err_sys(e, errno, "read %s", s->path);
	else
		(void)take_fd(&fd);
	return dir;
}

static int scan(const struct store *s, struct index *x, struct err *e)
{
	_cleanup_closedir_ DIR *dir = store_scan_open(s, e);
	struct dirent *d;

	if (!dir)
		return -e->no;
	while (errno = 0, (d = readdir(dir)))
		if (!scan_name(s, x, d->d_name))
			return err_set(e, CNI_E_TRY_AGAIN, ENOMEM, "no memory for the index of %s",
			               s->path);
	return errno ? err_sys(e, errno, "read %s", s->path) : 0;
}

/* Fill a new index from the folder. It stays dirty until the store is closed. */
static int rebuild(struct store *s, struct err *e)
{
	char name[INDEX_NAME_DIGITS + 1];
	struct index *x = index_new();
	int r;

	if (!x)
		return err_set(e, CNI_E_TRY_AGAIN, ENOMEM, "no memory for the index of %s",
		               s->path);
	r = scan(s, x, e);
	if (r < 0) {
		index_close(x);
		return r;
	}
	index_file_name(s, name);
	if (!index_publish(x, name))
		log_debug("%s: no index in %s, so every call reads the folder", s->path, index_dir);
	index_close(s->index);
	s->index = x;
	s->rebuilt = true;
	return 0;
}

int store_refresh(struct store *s, struct err *e)
{
	if (s->rebuilt && s->index)
		return 0;
	return rebuild(s, e);
}

bool index_load(struct store *s)
{
	char name[INDEX_NAME_DIGITS + 1];
	struct index_stamp now;
	struct index *x;

	if (s->index)
		return true;
	index_file_name(s, name);
	x = index_open(name);
	if (!x)
		return false;
	stamp_now(s, &now);
	if (!index_fresh(x, &now)) {
		index_close(x);
		return false;
	}
	s->index = x;
	return true;
}

int index_need(struct store *s, struct err *e)
{
	return index_load(s) ? 0 : store_refresh(s, e);
}

/* An index that cannot follow is damaged or out of memory: read the folder again; if that fails
 * as well, the file stays behind dirty and the next call does it. */
void note_taken(struct store *s, uint64_t hash, const struct ip_addr *addr)
{
	struct err ignored;

	if (!s->index || index_add(s->index, hash, addr))
		return;
	index_close(s->index);
	s->index = NULL;
	s->rebuilt = false;
	if (store_refresh(s, &ignored) < 0)
		log_warn("%s: %s", s->path, ignored.msg);
}

void note_free(struct store *s, uint64_t hash, const struct ip_addr *addr)
{
	if (s->index)
		index_del(s->index, hash, addr);
}

/* Has somebody else reserved since the index was last changed? (point 2 above) */
static bool last_changed(const struct store *s)
{
	for (unsigned int set = 0; set < INDEX_SETS_MAX; set++) {
		struct ip_addr was = index_last(s->index, set), is = last_read(s, set);

		if (!ip_eq(&was, &is))
			return true;
		if (!ip_is_set(&is))
			break;
	}
	return false;
}

int index_compare_last(struct store *s, struct err *e)
{
	int r = 0;

	if (!s->rebuilt && !s->last_same && (!s->index || last_changed(s)))
		r = store_refresh(s, e);
	s->last_same = r == 0;
	return r;
}
