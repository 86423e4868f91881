/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.c - who has which address: upstream host-local's files, found again in constant time
 *
 * Who may change what. Everything happens under the store's flock, which upstream's host-local
 * holds too, so nobody else changes a file between two steps of ours. A reservation still is an
 * exclusive creation: the lock only spares collisions, it does not decide.
 *
 * What the index is asked and how far it is believed is in ipam/store_index.c. Here its answers are
 * verified: "that owner has this address" at the address file, "this address is free" by the
 * exclusive creation.
 */
#include "ipam/store.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "ipam/entry.h"
#include "ipam/index.h"
#include "ipam/store_index.h"
#include "spec/request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_TRIES     8
#define OWNED_BATCH    32
#define RELEASE_ROUNDS 4096

/* ---- open and close ---- */

static int store_path(struct store *s, const char *data_dir, const char *network, struct err *e)
{
	/* The request layer has validated it; but this is where ".." would leave the folder. */
	if (!request_id_valid(network) || strlen(network) >= sizeof(s->network))
		return err_set(e, CNI_E_CONFIG, 0, "invalid characters found in network name");
	(void)snprintf(s->network, sizeof(s->network), "%s", network);
	return fs_path(s->path, sizeof(s->path), e, "%s/%s",
	               *data_dir ? data_dir : STORE_DIR_DEFAULT, network);
}

/* One try; -ENOENT if the folder is not there, or was removed while we waited for its lock. */
static int open_locked(struct store *s, bool create, struct err *e)
{
	_cleanup_close_ int dirfd = -1, lockfd = -1;

	dirfd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 && errno == ENOENT && create)
		dirfd = fs_opendir(s->path, 0755, e);
	else if (dirfd < 0)
		return err_sys(e, errno, "open %s", s->path);
	if (dirfd < 0)
		return dirfd;
	lockfd = fs_lock(dirfd, "lock", 0750, STORE_LOCK_TIMEOUT_MS, e);
	if (lockfd < 0)
		return lockfd;
	s->dirfd = take_fd(&dirfd);
	s->lockfd = take_fd(&lockfd);
	return 0;
}

static int store_open_any(const char *data_dir, const char *network, bool create, struct store *ret,
                          struct err *e)
{
	int r;

	ret->dirfd = -1;
	ret->lockfd = -1;
	ret->index = NULL;
	ret->boot_id[0] = '\0';
	ret->rebuilt = false;
	ret->last_same = false;
	r = store_path(ret, data_dir, network, e);
	if (r < 0)
		return r;
	/* People delete the whole folder to get addresses back, so it may vanish under us. */
	for (int i = 0; i < OPEN_TRIES; i++) {
		r = open_locked(ret, create, e);
		if (r != -ENOENT || !create)
			return r;
	}
	return r;
}

int store_open(const char *data_dir, const char *network, struct store *ret, struct err *e)
{
	return store_open_any(data_dir, network, true, ret, e);
}

int store_open_existing(const char *data_dir, const char *network, struct store *ret, struct err *e)
{
	struct err found;
	int r = store_open_any(data_dir, network, false, ret, &found);

	if (r < 0 && r != -ENOENT)
		*e = found;
	return r;
}

const char *store_boot_id(struct store *s)
{
	char text[64];

	if (!s->boot_id[0] && fs_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text,
	                              sizeof(text), NULL) >= (ssize_t)sizeof(s->boot_id) - 1)
		(void)snprintf(s->boot_id, sizeof(s->boot_id), "%.36s", text);
	return s->boot_id;
}

void store_close(struct store *s)
{
	index_done(s);
	cleanup_close(&s->lockfd);
	cleanup_close(&s->dirfd);
	s->lockfd = s->dirfd = -1;
}

/* ---- reserve ---- */

/* What to do about a file that is in the way: -EEXIST if somebody has it, 0 if it was nobody's
 * and is gone now. */
static int clear_way(struct store *s, const char *name, const struct ip_addr *addr, struct err *e)
{
	struct entry_text t;
	int r = entry_read(s->dirfd, name, &t);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return -EEXIST;
	if (*t.container_id) {
		note_taken(s, entry_hash(t.container_id, t.ifname), addr);
		return -EEXIST;
	}
	log_warn("%s/%s: empty or garbled, so nobody's: taken over", s->path, name);
	if (unlinkat(s->dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s/%s", s->path, name);
	return 0;
}

int store_reserve(struct store *s, const struct ip_addr *addr, const struct store_owner *owner,
                  struct err *e)
{
	char name[IP_STR_MAX], text[ENTRY_TEXT_MAX], tag[ENTRY_TEXT_MAX + 128];
	const char *tagged;
	int len = entry_format(owner, text, sizeof(text), e), r;

	if (len < 0)
		return len;
	r = index_need(s, e);
	if (r < 0)
		return r;
	(void)ip_format(addr, name);
	tagged = entry_tag(owner, store_boot_id(s), tag, sizeof(tag));
	index_begin(s->index);
	for (int i = 0; i < 2; i++) {
		r = fs_create(s->dirfd, name, 0600, text, (size_t)len, STORE_XATTR, tagged, e);
		if (r == 0)
			note_taken(s, entry_hash(owner->container_id, owner->ifname), addr);
		if (r != -EEXIST)
			return r;
		r = clear_way(s, name, addr, e);
		if (r < 0)
			return r;
	}
	return -EEXIST;
}

bool store_next_free(struct store *s, const struct ip_addr *from, const struct ip_addr *last,
                     struct ip_addr *ret)
{
	struct err ignored;

	if (ip_cmp(from, last) > 0)
		return false;
	if (index_need(s, &ignored) < 0) {
		*ret = *from; /* no hint to be had: store_reserve() will say why */
		return true;
	}
	return index_next_free(s->index, from, last, ret);
}

/* ---- release ---- */

/* The file has another owner than the index said, or none: put that right. */
static void correct(struct store *s, uint64_t wrong, const struct ip_addr *addr,
                    const struct entry_text *t)
{
	if (!s->index)
		return;
	index_begin(s->index);
	note_free(s, wrong, addr);
	if (t && *t->container_id)
		note_taken(s, entry_hash(t->container_id, t->ifname), addr);
}

/* Give back one address if its file says that it is that owner's. 1, 0 or -errno. */
static int release_file(struct store *s, const struct ip_addr *addr,
                        const struct store_owner *owner, uint64_t hash, struct err *e)
{
	struct entry_text t;
	char name[IP_STR_MAX];
	int r = entry_read(s->dirfd, ip_format(addr, name), &t);

	if (r == -ENOENT || (r == 0 && !entry_is(&t, owner))) {
		correct(s, hash, addr, r == 0 ? &t : NULL);
		return 0;
	}
	if (r < 0)
		return err_sys(e, -r, "read %s/%s", s->path, name);
	if (s->index)
		index_begin(s->index);
	if (unlinkat(s->dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s/%s", s->path, name);
	note_free(s, entry_hash(t.container_id, t.ifname), addr);
	return 1;
}

/* All addresses that the index knows under one hash of the owner */
static int release_known(struct store *s, const struct store_owner *owner, const char *ifname,
                         struct err *e)
{
	uint64_t hash = entry_hash(owner->container_id, ifname);
	struct ip_addr found[OWNED_BATCH];
	int total = 0;
	size_t n;

	/* The bound is for a damaged index that goes on claiming what it was told is wrong. */
	for (int round = 0; round < RELEASE_ROUNDS; round++) {
		n = s->index ? index_owned(s->index, hash, found, OWNED_BATCH) : 0;
		for (size_t i = 0; i < n; i++) {
			int r = release_file(s, &found[i], owner, hash, e);

			if (r < 0)
				return r;
			total += r;
		}
		if (n < OWNED_BATCH)
			break;
	}
	return total;
}

static int release_all(struct store *s, const struct store_owner *owner, struct err *e)
{
	int r = release_known(s, owner, owner->ifname, e);

	/* As upstream: files without ifname only if there is none with it. */
	return r == 0 && *owner->ifname ? release_known(s, owner, "", e) : r;
}

/* "Nothing" was the answer: is it final? 1 if the folder was read again and it is worth asking
 * once more. */
static int look_again(struct store *s, struct err *e)
{
	bool was_rebuilt = s->rebuilt;
	int r = index_compare_last(s, e);

	return r < 0 ? r : s->rebuilt != was_rebuilt;
}

int store_release(struct store *s, const struct store_owner *owner, struct err *e)
{
	int r = index_need(s, e), again;

	if (r < 0)
		return r;
	if (!*owner->container_id)
		return 0;
	r = release_all(s, owner, e);
	if (r != 0)
		return r;
	again = look_again(s, e);
	return again > 0 ? release_all(s, owner, e) : again;
}

int store_release_addr(struct store *s, const struct ip_addr *addr, const struct store_owner *owner,
                       struct err *e)
{
	int r = index_need(s, e);

	if (r < 0)
		return r;
	return release_file(s, addr, owner, entry_hash(owner->container_id, owner->ifname), e);
}

/* ---- questions ---- */

static size_t owned_known(struct store *s, const struct store_owner *owner, const char *ifname,
                          struct ip_addr *ret, size_t max)
{
	uint64_t hash = entry_hash(owner->container_id, ifname);
	size_t n = s->index ? index_owned(s->index, hash, ret, max) : 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		char name[IP_STR_MAX];
		struct entry_text t;
		int r = entry_read(s->dirfd, ip_format(&ret[i], name), &t);

		if (r == 0 && entry_is(&t, owner))
			ret[kept++] = ret[i];
		else if (r == 0 || r == -ENOENT)
			correct(s, hash, &ret[i], r == 0 ? &t : NULL);
	}
	return kept;
}

static int owned_all(struct store *s, const struct store_owner *owner, struct ip_addr *ret,
                     size_t max)
{
	size_t n = owned_known(s, owner, owner->ifname, ret, max);

	if (*owner->ifname)
		n += owned_known(s, owner, "", ret + n, max - n);
	return n > INT_MAX ? INT_MAX : (int)n;
}

int store_owned(struct store *s, const struct store_owner *owner, struct ip_addr *ret, size_t max,
                struct err *e)
{
	int r = index_need(s, e), again;

	if (r < 0)
		return r;
	r = owned_all(s, owner, ret, max);
	if (r != 0)
		return r;
	again = look_again(s, e);
	return again > 0 ? owned_all(s, owner, ret, max) : again;
}

bool store_last_get(struct store *s, unsigned int set, struct ip_addr *ret)
{
	struct err ignored;

	*ret = (struct ip_addr) { .family = AF_UNSPEC };
	if (set < INDEX_SETS_MAX && index_need(s, &ignored) == 0 &&
	    index_compare_last(s, &ignored) == 0)
		*ret = index_last(s->index, set);
	return ip_is_set(ret);
}

/* Written in place: a torn value costs the turn, no more. Not truncated first, since ext4 writes
 * a file that was truncated and written again to the disk at once. */
void store_last_set(struct store *s, unsigned int set, const struct ip_addr *addr)
{
	_cleanup_close_ int fd = -1;
	char name[64], text[IP_STR_MAX];
	size_t len = strlen(ip_format(addr, text));
	struct err ignored;

	if (index_need(s, &ignored) == 0) {
		index_begin(s->index);
		index_last_set(s->index, set, addr);
	}
	(void)snprintf(name, sizeof(name), STORE_LAST_PREFIX "%u", set);
	fd = openat(s->dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || pwrite(fd, text, len, 0) != (ssize_t)len || ftruncate(fd, (off_t)len) < 0)
		log_warn("%s/%s: %s", s->path, name, err_text(errno));
}

int store_read(struct store *s, const struct ip_addr *addr, struct store_entry *ret)
{
	return entry_load(s->dirfd, addr, ret);
}

int store_each(struct store *s,
               int (*fn)(const struct store_entry *entry, void *arg, struct err *e), void *arg,
               struct err *e)
{
	_cleanup_closedir_ DIR *dir = store_scan_open(s, e);
	struct store_entry entry;
	struct dirent *d;
	int r = 0;

	if (!dir)
		return -e->no;
	while (r == 0 && (errno = 0, (d = readdir(dir)))) {
		if (!entry_name(d->d_name, &entry.addr))
			continue;
		r = entry_load(s->dirfd, &entry.addr, &entry);
		if (r < 0) {
			if (r != -ENOENT)
				log_warn("%s/%s: %s", s->path, d->d_name, err_text(-r));
			r = 0;
			continue;
		}
		r = fn(&entry, arg, e);
	}
	return r;
}

long store_count(struct store *s)
{
	return index_load(s) ? (long)index_count(s->index) : -1;
}
