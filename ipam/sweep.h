/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.h - addresses whose owner is dead: the evidence, and giving them back
 *
 * containerd never calls GC, and power cuts call nothing, so the store cleans itself when it is
 * exhausted, and on demand (`cnida gc`). An address is given back only on positive evidence that
 * its owner is dead:
 *
 *	tag of an earlier boot			dead: no network namespace survives a reboot
 *	tag of this boot with a netns identity	dead if that namespace is gone (path missing or another inode)
 *	no tag, in libcni's result cache	dead if the netns that the cache names is gone
 *	no tag, not in the cache, older than SWEEP_GRACE_S	dead if no namespace on the node has the address
 *	an empty or garbled file		nobody's
 *	anything else				alive
 *
 * A tag of this boot without an identity, or whose path is not known, counts as no tag. A cache
 * file that is empty or garbled, or about something else, counts as "not in the cache"; one that
 * names no netns: alive.
 *
 * libcni's result cache: /var/lib/cni/results/<network>-<container ID>-<ifname> (reference:
 * libcni/api.go).
 */
#ifndef CNIDA_IPAM_SWEEP_H
#define CNIDA_IPAM_SWEEP_H

#include "ipam/store.h"

#define SWEEP_GRACE_S      120
#define LIBCNI_RESULTS_DIR "/var/lib/cni/results"

/* How the sweep looks into namespaces; given by the caller, since ipam/ does not know the
 * kernel's netlink. */
struct sweep_ops {
	/* Is there a namespace at the path, still the one with that identity (ino 0: any)? */
	bool (*netns_alive)(const char *path, unsigned long long dev, unsigned long long ino);
	/* Has any namespace on the node this address? 1, 0, -errno (then it counts as in use).
	 * Called at most once per sweep and address; NULL: never dead by this evidence. */
	int (*addr_in_use)(const struct ip_addr *addr, void *arg);
	void *arg;
	const char *results_dir; /* NULL: LIBCNI_RESULTS_DIR */
};

enum owner_state { OWNER_ALIVE, OWNER_DEAD, OWNER_NOBODY };

/* sweep_judge() - The rule above for one entry; *ret_why is static text for people.
 * store_boot_id() must have been asked before. */
enum owner_state sweep_judge(const struct store *s, const struct store_entry *entry,
                             const struct sweep_ops *ops, const char **ret_why);

/* sweep_addr() - Judge one address and give it back if its owner is dead. 1, 0 or -errno. */
int sweep_addr(struct store *s, const struct ip_addr *addr, const struct sweep_ops *ops,
               struct err *e);

/* sweep_run() - Give back what is dead. @seen (NULL allowed) is told of each address given back.
 * @dry_run: only tell. Returns how many, or -errno. */
int sweep_run(struct store *s, const struct sweep_ops *ops, bool dry_run,
              void (*seen)(const struct store_entry *entry, const char *why, void *arg), void *arg,
              struct err *e);

#endif
