/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - who has which address: upstream host-local's files, found again in constant time
 *
 * <dataDir>/<network>/ is upstream's format to the byte (one file per address, "<container
 * ID>\r\n<ifname>", last_reserved_ip.N, lock), so that both implementations may take turns on one
 * node, even between two calls. The files are the truth. An index in /run/cnida/ipam (ipam/index.h)
 * makes finding a free address, an owner's addresses and the reverse cost the same at 10 and at
 * 60,000 addresses; it is a hint: what it claims is verified at the file, and it is rebuilt when
 * the folder was changed by others.
 *
 * All functions below need the store open, which holds its lock.
 */
#ifndef CNIDA_IPAM_STORE_H
#define CNIDA_IPAM_STORE_H

#include "base/err.h"
#include "base/ip.h"
#include "ipam/range.h"

#include <stdbool.h>
#include <stddef.h>

#define STORE_DIR_DEFAULT     "/var/lib/cni/networks"
#define STORE_LOCK_TIMEOUT_MS 10000U
/* Extended attribute of an address file, the tag: "<boot id> <netns dev>:<netns ino> <netns>" of
 * the allocation. Upstream ignores it; the sweep takes it as evidence (ipam/sweep.h). It must
 * stay within 64 bytes together with a short name: then ext4 keeps it in the inode. A longer one
 * gets a disk block of its own, which makes a release ten times as expensive (70 instead of 8 us
 * measured). So the boot ID is cut to its first BOOT_TAG_LEN digits, and a namespace below
 * /run/netns is named without its folder. */
#define STORE_XATTR  "user.cnida"
#define BOOT_TAG_LEN 8

struct index;

/* Whose address. The netns fields are only evidence for the sweep. */
struct store_owner {
	const char *container_id;
	const char *ifname;
	const char *netns; /* path; "" if unknown */
};

struct store {
	int dirfd;
	int lockfd;
	char path[4096];
	char network[256];
	/* Private to ipam/store.c. The index is there from the first question on; without a
	 * writable /run it lives in this process's memory and is filled by reading the folder
	 * once. */
	struct index *index;
	char boot_id[37]; /* "" until needed, or unknown */
	bool rebuilt;     /* the index was filled from the folder since we have the lock */
	bool last_same; /* last_reserved_ip.N were compared with the index since we have the lock */
};

/* store_open() - Open (create, mode 0755) and lock a network's store. Code 11 when the lock is
 * not had in time. */
int store_open(const char *data_dir, const char *network, struct store *ret, struct err *e);
/* store_open_existing() - The same, but -ENOENT without filling @e if the folder is not there. */
int store_open_existing(const char *data_dir, const char *network, struct store *ret,
                        struct err *e);
void store_close(struct store *s);
#define _cleanup_store_ __attribute__((cleanup(store_close)))

/* store_reserve() - Take one address exclusively. 0, -EEXIST without filling @e if a live owner
 * has it (an empty or garbled file is replaced), another -errno. */
int store_reserve(struct store *s, const struct ip_addr *addr, const struct store_owner *owner,
                  struct err *e);

/* store_next_free() - First address at or after @from inside [@from, @last] that nothing is
 * known to hold. False if none. The answer is a hint: store_reserve() decides. */
bool store_next_free(struct store *s, const struct ip_addr *from, const struct ip_addr *last,
                     struct ip_addr *ret);

/* store_release() - Give back all addresses of an owner (also files of the format before
 * ifnames). Returns how many, or -errno; 0 is fine. */
int store_release(struct store *s, const struct store_owner *owner, struct err *e);
/* store_release_addr() - Give back one address if that owner has it. 1, 0 or -errno. An owner
 * with the container ID "" stands for nobody: an empty or garbled file. */
int store_release_addr(struct store *s, const struct ip_addr *addr, const struct store_owner *owner,
                       struct err *e);

/* store_owned() - Addresses of an owner, verified at the files; at most @max. Returns how many,
 * or -errno. */
int store_owned(struct store *s, const struct store_owner *owner, struct ip_addr *ret, size_t max,
                struct err *e);

/* store_last_get(), store_last_set() - last_reserved_ip.<set>; false / ignored when absent or
 * garbled. */
bool store_last_get(struct store *s, unsigned int set, struct ip_addr *ret);
void store_last_set(struct store *s, unsigned int set, const struct ip_addr *addr);

/* store_refresh() - Read the folder again, whatever the index says: before a pool is declared
 * empty. No effect if that has been done since the store was opened. */
int store_refresh(struct store *s, struct err *e);

/* One allocation as the files have it. */
struct store_entry {
	struct ip_addr addr;
	char container_id[256]; /* "" for an empty or garbled file */
	char ifname[16];        /* "" in the format before ifnames */
	char boot_id[37];       /* from STORE_XATTR, its first digits; "" if there is no tag */
	unsigned long long netns_dev, netns_ino;
	char netns[4096];
	long long age_s; /* now - mtime, may be negative */
};
/* store_read() - One address. 0, -ENOENT if it is free, another -errno if its file cannot be
 * read; no struct err: callers ask in order to decide, not to report. */
int store_read(struct store *s, const struct ip_addr *addr, struct store_entry *ret);
/* store_boot_id() - Boot ID of the running kernel, "" if it cannot be read. */
const char *store_boot_id(struct store *s);
/* store_each() - Read every file: slow path (GC, sweep, list, doctor). @fn returns 0 to go on, >
 * 0 to stop, -errno to stop with an error; it may release the address that it is shown. Returns
 * what the last call returned, 0 if there was none. */
int store_each(struct store *s,
               int (*fn)(const struct store_entry *entry, void *arg, struct err *e), void *arg,
               struct err *e);

/* store_count() - Addresses taken, from the index (for STATUS), or -1 if it is not known cheaply. */
long store_count(struct store *s);

#endif
