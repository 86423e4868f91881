/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipam.h - where addresses come from: our own IPAM in this process, a foreign one by exec
 *
 * host-local and static are always ours: their store is upstream's, to the byte. Everything else (dhcp,
 * whereabouts, ...) is exec'ed after the specification.
 */
#ifndef CNIDA_ENDPOINT_IPAM_H
#define CNIDA_ENDPOINT_IPAM_H

#include "base/err.h"
#include "ipam/sweep.h"
#include "spec/request.h"
#include "spec/result.h"

#include <stdbool.h>

/* ipam_is_own() - Runs in this process. Such an IPAM needs no interface, so it is asked before one is made. */
bool ipam_is_own(const char *type);

/* ipam_add() - Addresses for the request; @ret is initialised here and is the caller's to free on success. A foreign
 * IPAM whose ADD fails is asked to DEL (specification, "Delegated plugins"). No address is an error only
 * for the caller. */
int ipam_add(const struct request *req, const char *type, struct result *ret, struct err *e);
/* ipam_del() - Give the addresses back; nothing to give back is no error. */
int ipam_del(const struct request *req, const char *type, struct err *e);
int ipam_check(const struct request *req, const char *type, struct err *e);
int ipam_status(const struct request *req, const char *type, struct err *e);
int ipam_gc(const struct request *req, const char *type, struct err *e);

/* ipam_data_dir() - Folder of the host-local stores that a request names; "" for another IPAM. */
void ipam_data_dir(const struct request *req, const char *type, char *ret, size_t cap);

/* ipam_sweep_ops() - How the sweep looks into this node's namespaces. */
struct sweep_ops ipam_sweep_ops(void);

#endif
