/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gc.h - GC: what a network still has beyond its valid attachments goes away; and the node-wide sweep
 */
#ifndef CNIDA_ENDPOINT_GC_H
#define CNIDA_ENDPOINT_GC_H

#include "base/err.h"
#include "endpoint/record.h"
#include "spec/request.h"

/**
 * gc() - Carry out GC for bridge, ptp and cnida
 *
 * Strictly this network: its records, then its store (or its foreign IPAM). "cni.dev/valid-attachments" must be there: an
 * absent list is error 7, since it cannot be told from "none" otherwise; [] removes everything of the network. Goes on
 * after errors; all are logged, the first is returned.
 */
int gc(const struct request *req, struct err *e);

/* What the sweep tells of each thing it removes (or would). */
typedef void (*gc_seen_fn)(const char *what, const char *why, void *arg);

/**
 * gc_sweep() - Remove what dead owners left on this node, whatever the network: for `cnida gc`, since containerd never
 * calls GC
 *
 * Records whose namespace is gone, records that cannot be read and whose link is gone, unfinished ADDs older than SWEEP_GRACE_S with a dead
 * namespace, addresses after the rules of ipam/sweep.h in every store under @data_dir, orphaned masquerade elements; then
 * missing tables are restored.
 *
 * Return: how many things were (would be) removed, or -errno.
 */
int gc_sweep(const char *data_dir, bool dry_run, gc_seen_fn seen, void *arg, struct err *e);

#endif
