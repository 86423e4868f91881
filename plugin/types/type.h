/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * type.h - the CNI types of this executable: one row each, chosen by argv[0]
 */
#ifndef CNIDA_TYPES_TYPE_H
#define CNIDA_TYPES_TYPE_H

#include "base/err.h"
#include "spec/request.h"
#include "spec/result.h"

struct cni_type {
	const char *name;
	enum cni_version min; /* oldest configuration that it understands */
	const char *about;    /* half a sentence for people */
	/* Each returns 0 or -errno with *e filled. A NULL verb succeeds without doing anything. */
	int (*add)(const struct request *req, struct result *ret, struct err *e);
	int (*check)(const struct request *req, struct err *e);
	int (*del)(const struct request *req, struct err *e);
	int (*gc)(const struct request *req, struct err *e);
	int (*status)(const struct request *req, struct err *e);
};

extern const struct cni_type type_cnida, type_bridge, type_ptp, type_loopback, type_host_local,
	type_static;
extern const struct cni_type type_portmap, type_tuning, type_bandwidth, type_firewall;

/* All types, NULL-terminated. */
extern const struct cni_type *const cni_types[];

/* cni_type_find() - By exact name; NULL if there is none. */
const struct cni_type *cni_type_find(const char *name);

#endif
