/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owner.h - whose something is: the attachment that a record, an element or a device belongs to
 *
 * Each kind of record (record.h, portmap_record.h, extra_record.h) begins with an OWNER.
 */
#ifndef CNIDA_ENDPOINT_OWNER_H
#define CNIDA_ENDPOINT_OWNER_H

#include "base/err.h"
#include "base/json.h"
#include "kernel/netns.h"
#include "spec/request.h"

#include <net/if.h>
#include <stdbool.h>

#define OWNER_MEMBERS                                            \
	char name[IFNAMSIZ]; /* of its records: record_name() */ \
	char network[256];                                       \
	char container_id[256];                                  \
	char ifname[IFNAMSIZ];                                   \
	char netns[4096];                                        \
	struct netns_id netns_id;                                \
	uint64_t netns_cookie; /* 0: not known */

struct owner {
	OWNER_MEMBERS
};

/* As part of a record: r->network and so on are its members, &r->owner is the whole. */
#define OWNER                         \
	union {                       \
		struct owner owner;   \
		struct {              \
			OWNER_MEMBERS \
		};                    \
	}

/* owner_describe() - Of a request; ret->netns_id is left alone. 0, or -ENAMETOOLONG with code 7. */
int owner_describe(const struct request *req, struct owner *ret, struct err *e);

/* owner_alive() - Does its network namespace still exist? Who has none lives. */
bool owner_alive(const struct owner *o);
/* owner_is_there() - The same, and also where its namespace ended and the one that took its path got its number too, if the
 * cookie is known. Enters the namespace: for an owner that is in somebody's way. 1, 0 or -errno. */
int owner_is_there(const struct owner *o, struct err *e);

/* owner_is_valid() - Is it in the request's "cni.dev/valid-attachments"? */
bool owner_is_valid(const struct request *req, const struct owner *o);

#define OWNER_TEXT_MAX                                                                      \
	(sizeof(((struct owner *)0)->network) + sizeof(((struct owner *)0)->container_id) + \
	 IFNAMSIZ)
/* owner_text() - "network container-id ifname", what its elements and devices are marked with, before it is cut; returns buf. */
const char *owner_text(const struct owner *o, char buf[static OWNER_TEXT_MAX]);

/* owner_put(), owner_get() - All but the name, which is the file's, in a record's JSON. Put: not 0 if it did not work (see
 * jset()). Get: 0, or -EBADMSG also without a network. */
int owner_put(json_t *doc, const struct owner *o);
int owner_get(const json_t *doc, struct owner *o, struct err *e);

#endif
