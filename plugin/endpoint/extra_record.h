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
#include "endpoint/owner.h"
#include "endpoint/record.h"
#include "spec/request.h"

enum extra_kind { EXTRA_BANDWIDTH, EXTRA_FIREWALL };

struct extra_record {
	OWNER;

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
/* extra_record_read() - -ENOENT WITHOUT filling @e if there is none; -EBADMSG if it cannot be understood. On failure only
 * ret->name is set. */
int extra_record_read(enum extra_kind kind, const char *name, struct extra_record *ret,
                      struct err *e);
/* extra_record_parse() - The same of a file's content. */
int extra_record_parse(enum extra_kind kind, const char *name, const char *text, size_t len,
                       struct extra_record *ret, struct err *e);
int extra_record_delete(enum extra_kind kind, const char *name, struct err *e);
/* extra_record_exists() - Without reading it. True also when that cannot be told. */
bool extra_record_exists(enum extra_kind kind, const char *name);
/* extra_record_each() - All of a kind; as record_each(). */
int extra_record_each(enum extra_kind kind,
                      int (*fn)(const struct extra_record *r, void *arg, struct err *e), void *arg,
                      struct err *e);

#define EXTRA_OWNER_MAX OWNER_TEXT_MAX
/* extra_record_owner() - What its kernel objects are marked with; returns buf. */
static inline const char *extra_record_owner(const struct extra_record *r,
                                             char buf[static EXTRA_OWNER_MAX])
{
	return owner_text(&r->owner, buf);
}

#endif
