/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * portmap_record.h - which host ports this node has given away: one small file per attachment in /run/cnida/hostports
 *
 * The file has the name of the attachment's record (record.h) but a folder of its own: type portmap is a process of its
 * own in a chain whose first plugin may be anybody's, and the two files are written and removed at different times. So
 * neither has to wait for the other, and `cnida list` shows an attachment once.
 *
 * It is written before the elements are put in and removed after they were taken out: whoever dies in between leaves
 * a file that DEL, GC and the next ADD for the same port work from.
 *
 * Every change of host ports, files and elements, is made under /run/cnida/hostports.lock, held for one or two
 * transactions. So looking who has a port and removing what a dead pod left is safe against all others.
 */
#ifndef CNIDA_ENDPOINT_PORTMAP_RECORD_H
#define CNIDA_ENDPOINT_PORTMAP_RECORD_H

#include "endpoint/owner.h"
#include "endpoint/record.h"
#include "kernel/ruleset_portmap.h"

#define PORTMAP_DIR RUN_DIR "/hostports"

struct portmap_record {
	OWNER;
	enum hostport_snat snat;
	struct hostport *v; /* owned, sorted by hostport_cmp() */
	size_t n;
};

void portmap_record_free(struct portmap_record *r);
#define _cleanup_portmap_record_ __attribute__((cleanup(portmap_record_free)))

/* portmap_record_lock() - Descriptor that holds the lock until it is closed, or -errno (code 11 if it is not had in time). */
int portmap_record_lock(struct err *e);

/* As record_write() and the others. A record read is freed by the caller; one that is walked over by the walk. */
int portmap_record_write(const struct portmap_record *r, struct err *e);
int portmap_record_read(const char *name, struct portmap_record *ret, struct err *e);
int portmap_record_delete(const char *name, struct err *e);
/* portmap_record_exists() - Without reading it. True also when that cannot be told. */
bool portmap_record_exists(const char *name);
/* portmap_record_each() - All of them; as record_each(). */
int portmap_record_each(int (*fn)(const struct portmap_record *r, void *arg, struct err *e),
                        void *arg, struct err *e);

#define PORTMAP_OWNER_MAX OWNER_TEXT_MAX
/* portmap_record_owner() - The comment of its elements; returns buf. */
static inline const char *portmap_record_owner(const struct portmap_record *r,
                                               char buf[static PORTMAP_OWNER_MAX])
{
	return owner_text(&r->owner, buf);
}

#endif
