/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning_backup.h - what an interface was like before it was tuned: <dataDir>/<container>_<interface>.json
 *
 * Upstream's file, so that either implementation restores what the other changed: keys mac, promisc, mtu,
 * allmulti and txQLen. Two keys of ours, which upstream skips, are "sysctl", the old values of sysctls, and "netns", the namespace
 * that all of it is true of.
 */
#ifndef CNIDA_ENDPOINT_TUNING_BACKUP_H
#define CNIDA_ENDPOINT_TUNING_BACKUP_H

#include "base/err.h"
#include "endpoint/tuning_conf.h"
#include "kernel/netns.h"

struct tuning_backup {
	json_t *sysctls; /* key below /proc/sys to old value; owned; NULL if none */
	bool has_mac, has_promisc, has_mtu, has_allmulti, has_txqlen;
	uint8_t mac[6];
	bool promisc, allmulti;
	uint32_t mtu, txqlen;
	struct netns_id netns; /* ino 0 in upstream's files */
};

void tuning_backup_free(struct tuning_backup *b);

/* tuning_backup_write() - Atomically, mode 0600; creates the folder. */
int tuning_backup_write(const char *dir, const struct request *req, const struct tuning_backup *b,
                        struct err *e);
/* tuning_backup_read() - 1 with @ret to be freed, 0 if there is none, -errno (-EBADMSG for one that cannot be understood). */
int tuning_backup_read(const char *dir, const struct request *req, struct tuning_backup *ret,
                       struct err *e);
/* tuning_backup_delete() - 0 also if there is none. */
int tuning_backup_delete(const char *dir, const struct request *req, struct err *e);

/* tuning_backup_merge() - What an earlier plugin of the same chain found is older than what we find now: it wins. */
void tuning_backup_merge(struct tuning_backup *b, const struct tuning_backup *earlier);

#endif
