/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - what this node has attached: one small file per attachment in /run/cnida/endpoints
 *
 * The file name is a hash of (network, container ID, interface), the same that names the host veth. It is written
 * before the first kernel object is made (state "adding") and marked when ADD is done ("ready"): what a killed ADD
 * left can always be found. /run does not survive a reboot, and neither does anything that a record describes.
 *
 * The content is JSON with the keys of struct record, and "v": 1. An unreadable record is reported by doctor and
 * removed by gc once the namespace it may belong to is gone.
 */
#ifndef CNIDA_ENDPOINT_RECORD_H
#define CNIDA_ENDPOINT_RECORD_H

#include "base/err.h"
#include "base/ip.h"
#include "endpoint/owner.h"

#include <stdbool.h>

#define RUN_DIR            "/run/cnida"
#define RECORD_DIR         RUN_DIR "/endpoints"
#define RECORD_NAME_DIGITS 11 /* "cni" + 11 hex = 14 characters, an interface name has at most 15 */
#define RECORD_IPS_MAX     32

struct record {
	OWNER;                 /* its name is that of the host veth too */
	bool ready;            /* ADD is done */
	char type[32];         /* CNI type: "bridge", "ptp", "cnida" */
	char bridge[IFNAMSIZ]; /* "" for ptp */
	char host_mac[18], mac[18];
	struct ip_prefix ips[RECORD_IPS_MAX];
	size_t n_ips;
	bool masquerade;     /* its addresses are elements of the masquerade sets */
	bool spoof_check;    /* its port is in the source check */
	char ipam[64];       /* IPAM type; "" for none */
	char ipam_dir[3072]; /* host-local's dataDir */
	char pod_name[256], pod_namespace[256], pod_uid[128]; /* from CNI_ARGS; "" if unknown */
	char policy[16]; /* "" if its traffic is not judged; else what to do without its labels: "isolate", "allow" */
	bool policy_nftables; /* its configuration wants nftables to judge */
	long long created;    /* seconds since the epoch */
};

/* record_name() - "cni" + 11 hex of the hash of (network, container ID, interface). */
void record_name(const char *network, const char *container_id, const char *ifname,
                 char ret[static IFNAMSIZ]);

/* record_write() - Atomically; creates the folder (mode 0700). */
int record_write(const struct record *r, struct err *e);
/* record_mark_ready() - Of a record that was written: ADD is done. One byte of the file changes. */
int record_mark_ready(const char *name, struct err *e);
/* record_read() - -ENOENT WITHOUT filling @e if there is none; -EBADMSG if it cannot be understood. */
int record_read(const char *name, struct record *ret, struct err *e);
/* record_delete() - 0 also if there is none. */
int record_delete(const char *name, struct err *e);
/* record_each() - All records; a damaged one is passed with only its name set and network "". One that cannot be read at this
 * moment (no memory, no descriptors) ends the walk: -errno. Slow path. */
int record_each(int (*fn)(const struct record *r, void *arg, struct err *e), void *arg,
                struct err *e);
/* record_alive() - Does the network namespace still exist? (Records without a namespace are alive.) */
bool record_alive(const struct record *r);

#endif
