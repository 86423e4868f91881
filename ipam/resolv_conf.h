/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolv_conf.h - a resolv.conf as the "dns" object of a result
 */
#ifndef CNIDA_IPAM_RESOLV_CONF_H
#define CNIDA_IPAM_RESOLV_CONF_H

#include "base/err.h"
#include "base/json.h"

/* resolv_conf_read() - nameserver, domain, search and options of a file. *ret: new reference,
 * NULL if the file has none of them. 0 or -errno. */
int resolv_conf_read(const char *path, json_t **ret, struct err *e);

#endif
