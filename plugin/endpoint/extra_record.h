/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extra_record.h - what bandwidth and firewall gave an attachment: a small file in /run/cnida/bandwidth, /run/cnida/firewall
 *
 * As with host ports (portmap_record.h), each has a folder of its own: in a chain they are processes of their own,
 * behind whatever plugin. The file is written before the first kernel object and removed after the last, so DEL
 * needs neither a previous result nor the namespace, and what somebody flushed can be put back.
 *
 * No lock: a restoring process may have read a record whose DEL is under way, and put back what that took out. So it looks
 * at the record again afterwards, and DEL looks at its objects again after the record is gone; whichever is later removes them.
 */
#ifndef CNIDA_ENDPOINT_EXTRA_RECORD_H
#define CNIDA_ENDPOINT_EXTRA_RECORD_H

#include "endpoint/bandwidth_conf.h"
#include "endpoint/firewall_conf.h"
#include "endpoint/record.h"
#include "spec/request.h"

enum extra_kind { EXTRA_BANDWIDTH, EXTRA_FIREWALL };

struct extra_record {
	char name[IFNAMSIZ]; /* as record_name() */
	char network[256];
	char container_id[256];
	char ifname[IFNAMSIZ];
	char netns[4096];
	struct netns_id netns_id;

	/* Bandwidth. */
	struct bandwidth_conf limits;
	char veth[IFNAMSIZ]; /* the node's end */

	/* Firewall. */
	struct ip_addr ips[RECORD_IPS_MAX];
	size_t n_ips;
	enum firewall_policy policy;
	char link[IFNAMSIZ]; /* that the policy is about: a bridge, or the host veth of a routed pod; "" without one */
	char admin_chain[FIREWALL_CHAIN_MAX];
	char zone[FIREWALLD_ZONE_MAX]; /* of firewalld, in which its addresses are; "" if they are in none */
};

/* extra_record_describe() - The part that is the request's, with the identity of its namespace if that can be had. 0, or
 * -ENAMETOOLONG with code 7. */
int extra_record_describe(const struct request *req, struct extra_record *ret, struct err *e);

/* As record_write() and the others. */
int extra_record_write(enum extra_kind kind, const struct extra_record *r, struct err *e);
/* extra_record_read() - -ENOENT WITHOUT filling @e if there is none; -EBADMSG if it cannot be understood. */
int extra_record_read(enum extra_kind kind, const char *name, struct extra_record *ret,
                      struct err *e);
int extra_record_delete(enum extra_kind kind, const char *name, struct err *e);
/* extra_record_exists() - Without reading it. */
bool extra_record_exists(enum extra_kind kind, const char *name);
/* extra_record_each() - All of a kind; an unreadable one has only its name and network "". */
int extra_record_each(enum extra_kind kind,
                      int (*fn)(const struct extra_record *r, void *arg, struct err *e), void *arg,
                      struct err *e);
/* extra_record_alive() - Does its network namespace still exist? */
bool extra_record_alive(const struct extra_record *r);

#define EXTRA_OWNER_MAX                                \
	(sizeof(((struct extra_record *)0)->network) + \
	 sizeof(((struct extra_record *)0)->container_id) + IFNAMSIZ)
/* extra_record_owner() - "network container-id ifname", what its kernel objects are marked with; returns buf. */
const char *extra_record_owner(const struct extra_record *r, char buf[static EXTRA_OWNER_MAX]);

/* A list of names, for work after a walk: the files change under it. */
struct extra_names {
	char (*v)[IFNAMSIZ]; /* owned; free() */
	size_t n, cap;
};
int extra_names_add(struct extra_names *list, const char *name, struct err *e);

/* extra_record_is_valid() - Is it in the request's "cni.dev/valid-attachments"? */
bool extra_record_is_valid(const struct request *req, const struct extra_record *r);

#endif
