/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.c - what the files of a store say, as two hash tables in shared memory
 *
 * The file is a header and two tables of slots, all of native byte order (it never leaves the
 * machine):
 *
 *	[ header, 1024 bytes ][ owner slots, 2^n ][ block slots, 2^m ]
 *
 * Both tables use open addressing with linear probing and are at most half full; a slot that is
 * given up is closed by shifting back what was displaced over it, so there are no tombstones and a
 * table does not age. A table that gets too full is rebuilt at twice the size in private memory and
 * then published: a new file takes the name by rename, so nobody ever sees half of one.
 *
 * The bytes are not trusted. Sizes are validated once and copied out of the mapping, every probe
 * ends after one round at the latest, and an address that comes out of a slot is one of the two
 * families. A damaged table can thus answer wrongly, which the callers survive since they verify,
 * but it can neither loop nor lead out of the mapping.
 */
#include "ipam/index.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "ipam/index_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC           "cnidaIX\n"
#define LAYOUT          2U /* 1: owners were hashed otherwise */
#define HEADER_SIZE     1024U
#define OWNER_SLOTS_MIN 64U /* with BLOCK_SLOTS_MIN: one page in all */
#define BLOCK_SLOTS_MIN 32U
#define SLOTS_MAX       (1U << 25)

struct header {
	char magic[8];
	uint32_t layout;
	uint32_t dirty;
	uint64_t size; /* of the file */
	uint64_t owner_slots, block_slots;
	uint64_t n_owners, n_blocks; /* slots in use */
	uint64_t n_taken;
	struct index_stamp stamp;
	struct ip_addr last[INDEX_SETS_MAX];
	uint8_t touched; /* see table_touch() */
};
_Static_assert(sizeof(struct header) <= HEADER_SIZE, "the header has its place");

struct index {
	struct header *h;
	size_t size; /* of the mapping */
	struct table owners, blocks;
	bool on_file;
	char name[INDEX_NAME_MAX];
};

const char *index_dir = INDEX_DIR;

/* ---- addresses ---- */

static struct slot owner_key(uint64_t owner, const struct ip_addr *addr)
{
	struct slot key = { .value = owner, .family = (uint8_t)addr->family };

	memcpy(key.addr, addr->bytes, sizeof(key.addr));
	return key;
}

/* The block of an address, and which of its 64 addresses it is */
static struct slot block_key(const struct ip_addr *addr, unsigned int *ret_bit)
{
	struct slot key = owner_key(0, addr);
	size_t low = addr->family == AF_INET ? 3 : 15;

	*ret_bit = key.addr[low] & 63U;
	key.addr[low] = (uint8_t)(key.addr[low] & ~63U);
	return key;
}

static bool family_known(const struct ip_addr *addr)
{
	return addr->family == AF_INET || addr->family == AF_INET6;
}

/* ---- the mapping ---- */

static size_t layout_size(uint64_t owner_slots, uint64_t block_slots)
{
	return HEADER_SIZE + (size_t)(owner_slots + block_slots) * sizeof(struct slot);
}

/* The caller has validated the header; masks and pointers are taken from it only here. */
static void attach(struct index *x, void *map, size_t size)
{
	x->h = map;
	x->size = size;
	x->owners = (struct table) { .v = (struct slot *)(void *)((char *)map + HEADER_SIZE),
		                     .mask = (size_t)x->h->owner_slots - 1,
		                     .by_owner = true };
	x->blocks = (struct table) { .v = x->owners.v + x->h->owner_slots,
		                     .mask = (size_t)x->h->block_slots - 1 };
}

static bool map_private(struct index *x, uint64_t owner_slots, uint64_t block_slots)
{
	size_t size = layout_size(owner_slots, block_slots);
	struct header *h =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (h == MAP_FAILED)
		return false;
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	h->layout = LAYOUT;
	h->dirty = 1;
	h->size = size;
	h->owner_slots = owner_slots;
	h->block_slots = block_slots;
	attach(x, h, size);
	x->on_file = false;
	return true;
}

static bool slots_valid(uint64_t n, uint64_t used)
{
	return n >= 2 && n <= SLOTS_MAX && (n & (n - 1)) == 0 && used < n;
}

static bool header_valid(const struct header *h, size_t size)
{
	return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->layout == LAYOUT &&
	       h->size == size && slots_valid(h->owner_slots, h->n_owners) &&
	       slots_valid(h->block_slots, h->n_blocks) &&
	       layout_size(h->owner_slots, h->block_slots) == size;
}

static bool index_path(char *buf, size_t cap, const char *name, const char *suffix)
{
	int n = snprintf(buf, cap, "%s/%s%s", index_dir, name, suffix);

	return n > 0 && (size_t)n < cap;
}

/* Map a file of ours: a regular file of the user that we are. */
static void *map_file(int fd, size_t *ret_size)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size < (off_t)HEADER_SIZE ||
	    st.st_size > (off_t)layout_size(SLOTS_MAX, SLOTS_MAX))
		return NULL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	table_touch(&((struct header *)map)->touched);
	*ret_size = (size_t)st.st_size;
	return map;
}

struct index *index_open(const char *name)
{
	_cleanup_close_ int fd = -1;
	struct index *x;
	char path[4096];
	size_t size = 0;
	void *map;

	if (strlen(name) >= sizeof(x->name) || !index_path(path, sizeof(path), name, ""))
		return NULL;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	map = map_file(fd, &size);
	if (!map)
		return NULL;
	x = header_valid(map, size) ? jalloc(sizeof(*x)) : NULL;
	if (!x) {
		(void)munmap(map, size);
		return NULL;
	}
	*x = (struct index) { .on_file = true };
	attach(x, map, size);
	(void)snprintf(x->name, sizeof(x->name), "%s", name);
	return x;
}

struct index *index_new(void)
{
	struct index *x = jalloc(sizeof(*x));

	if (x)
		*x = (struct index) { .on_file = false };
	if (x && !map_private(x, OWNER_SLOTS_MIN, BLOCK_SLOTS_MIN)) {
		jfree(x);
		return NULL;
	}
	return x;
}

void index_close(struct index *x)
{
	if (!x)
		return;
	(void)munmap(x->h, x->size);
	jfree(x);
}

/* Writing through the descriptor, not through a mapping, makes "no space" an error instead of a
 * signal. */
static bool write_all(int fd, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static int create_new(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == ENOENT) {
		struct err ignored;

		if (fs_mkdirs(index_dir, 0755, &ignored) < 0)
			return -1;
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return fd;
}

bool index_publish(struct index *x, const char *name)
{
	char path[4096], fresh[4096 + 8];
	_cleanup_close_ int fd = -1;
	size_t size = 0;
	void *map;

	if (strlen(name) >= sizeof(x->name) || !index_path(path, sizeof(path), name, "") ||
	    !index_path(fresh, sizeof(fresh), name, ".new"))
		return false;
	/* Never in the place of a file that somebody may have mapped: what a dead process left
	 * goes first. */
	(void)unlink(fresh);
	fd = create_new(fresh);
	if (fd < 0)
		return false;
	map = write_all(fd, x->h, x->size) ? map_file(fd, &size) : NULL;
	if (!map || rename(fresh, path) < 0) {
		if (map)
			(void)munmap(map, size);
		(void)unlink(fresh);
		return false;
	}
	(void)munmap(x->h, x->size);
	attach(x, map, size);
	x->on_file = true;
	if (name != x->name)
		(void)snprintf(x->name, sizeof(x->name), "%s", name);
	return true;
}

static void copy_slots(const struct table *to, const struct table *from)
{
	for (size_t i = 0; i <= from->mask; i++) {
		struct slot *s = from->v[i].family ? table_seek(to, &from->v[i]) : NULL;

		if (s)
			*s = from->v[i];
	}
}

/* Twice the room for what has become too full: in memory, then as a new file if the old one had
 * one. Where that fails the old file stays behind dirty, so nobody takes it for true. */
static bool grow(struct index *x)
{
	const struct header *h = x->h;
	struct index old = *x;
	uint64_t owners = h->owner_slots * (h->n_owners * 2 >= h->owner_slots ? 2 : 1);
	uint64_t blocks = h->block_slots * (h->n_blocks * 2 >= h->block_slots ? 2 : 1);

	if (owners > SLOTS_MAX || blocks > SLOTS_MAX || !map_private(x, owners, blocks)) {
		*x = old;
		return false;
	}
	copy_slots(&x->owners, &old.owners);
	copy_slots(&x->blocks, &old.blocks);
	x->h->n_owners = old.h->n_owners;
	x->h->n_blocks = old.h->n_blocks;
	x->h->n_taken = old.h->n_taken;
	x->h->stamp = old.h->stamp;
	memcpy(x->h->last, old.h->last, sizeof(x->h->last));
	(void)munmap(old.h, old.size);
	if (old.on_file)
		(void)index_publish(x, x->name);
	return true;
}

static bool make_room(struct index *x)
{
	/* The counters are bytes of the file as well: compared with the masks that we validated. */
	if (x->h->n_owners * 2 < x->owners.mask + 1 && x->h->n_blocks * 2 < x->blocks.mask + 1)
		return true;
	if (x->h->owner_slots != x->owners.mask + 1 || x->h->block_slots != x->blocks.mask + 1)
		return false;
	return grow(x);
}

/* ---- state ---- */

bool index_fresh(const struct index *x, const struct index_stamp *now)
{
	const struct index_stamp *was = &x->h->stamp;

	return __atomic_load_n(&x->h->dirty, __ATOMIC_ACQUIRE) == 0 && now->boot_id[0] != '\0' &&
	       was->dev == now->dev && was->ino == now->ino && was->mtime_ns == now->mtime_ns &&
	       memcmp(was->boot_id, now->boot_id, sizeof(now->boot_id)) == 0;
}

/* The mark is ordered before and after the changes. A process that is killed leaves memory as it
 * was, so that is enough; a machine that loses power loses /run, or finds another boot id. */
void index_begin(struct index *x)
{
	__atomic_store_n(&x->h->dirty, 1, __ATOMIC_SEQ_CST);
}

bool index_dirty(const struct index *x)
{
	return __atomic_load_n(&x->h->dirty, __ATOMIC_ACQUIRE) != 0;
}

void index_settle(struct index *x, const struct index_stamp *now)
{
	x->h->stamp = *now;
	__atomic_store_n(&x->h->dirty, 0, __ATOMIC_SEQ_CST);
}

/* ---- changes ---- */

bool index_add(struct index *x, uint64_t owner, const struct ip_addr *addr)
{
	struct slot key = owner_key(owner, addr), *s;
	unsigned int bit;

	if (!family_known(addr) || !make_room(x))
		return false;
	s = table_seek(&x->owners, &key);
	if (!s)
		return false;
	if (!s->family) {
		*s = key;
		x->h->n_owners++;
	}
	key = block_key(addr, &bit);
	s = table_seek(&x->blocks, &key);
	if (!s)
		return false;
	if (!s->family) {
		*s = key;
		x->h->n_blocks++;
	}
	if (!(s->value >> bit & 1)) {
		s->value |= 1ULL << bit;
		x->h->n_taken++;
	}
	return true;
}

static void count_down(uint64_t *n)
{
	if (*n > 0)
		(*n)--;
}

void index_del(struct index *x, uint64_t owner, const struct ip_addr *addr)
{
	struct slot key = owner_key(owner, addr);
	struct slot *s = family_known(addr) ? table_seek(&x->owners, &key) : NULL;
	unsigned int bit;

	if (!s || !s->family)
		return;
	table_free(&x->owners, s);
	count_down(&x->h->n_owners);
	key = block_key(addr, &bit);
	s = table_seek(&x->blocks, &key);
	if (!s || !s->family || !(s->value >> bit & 1))
		return;
	s->value &= ~(1ULL << bit);
	count_down(&x->h->n_taken);
	if (!s->value) {
		table_free(&x->blocks, s);
		count_down(&x->h->n_blocks);
	}
}

/* ---- questions ---- */

size_t index_owned(const struct index *x, uint64_t owner, struct ip_addr *ret, size_t max)
{
	return table_owned(&x->owners, owner, ret, max);
}

static uint64_t block_bits(const struct index *x, const struct slot *key)
{
	const struct slot *s = table_seek(&x->blocks, key);

	return s && s->family ? s->value : 0;
}

bool index_taken(const struct index *x, const struct ip_addr *addr)
{
	unsigned int bit;
	struct slot key = block_key(addr, &bit);

	return family_known(addr) && (block_bits(x, &key) >> bit & 1);
}

/* First address of the following block; false at the end of the address space. */
static bool block_next(struct slot *key)
{
	size_t low = key->family == AF_INET ? 3 : 15;
	unsigned int carry = 64;

	for (size_t i = low + 1; i-- > 0 && carry;) {
		carry += key->addr[i];
		key->addr[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return carry == 0;
}

bool index_next_free(const struct index *x, const struct ip_addr *from, const struct ip_addr *last,
                     struct ip_addr *ret)
{
	struct ip_addr found = { .family = from->family };
	unsigned int bit;
	struct slot key = block_key(from, &bit);

	if (!family_known(from) || from->family != last->family)
		return false;
	/* There are no more taken blocks than slots: the bound for a damaged table. */
	for (size_t n = 0; n <= x->blocks.mask + 1; n++) {
		uint64_t free_bits = ~block_bits(x, &key) & (~0ULL << bit);

		memcpy(found.bytes, key.addr, ip_size(found.family));
		if (free_bits) {
			uint8_t *low = &found.bytes[ip_size(found.family) - 1];

			*low = (uint8_t)(*low | __builtin_ctzll(free_bits));
			if (ip_cmp(&found, last) > 0)
				return false;
			*ret = found;
			return true;
		}
		bit = 0;
		if (!block_next(&key) || ip_cmp(&found, last) > 0)
			return false;
	}
	return false;
}

size_t index_count(const struct index *x)
{
	return (size_t)x->h->n_taken;
}

struct ip_addr index_last(const struct index *x, unsigned int set)
{
	return set < INDEX_SETS_MAX ? x->h->last[set] : (struct ip_addr) { .family = AF_UNSPEC };
}

void index_last_set(struct index *x, unsigned int set, const struct ip_addr *addr)
{
	if (set < INDEX_SETS_MAX)
		x->h->last[set] = *addr;
}
