/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pod_change.h - a chained plugin changes an attachment of ours: whatever guards or judges the pod follows
 *
 * Both functions do nothing about a pod that another plugin attached. They are called before the runtime has the result, so what
 * fails here fails the ADD.
 */
#ifndef CNIDA_ENDPOINT_POD_CHANGE_H
#define CNIDA_ENDPOINT_POD_CHANGE_H

#include "base/err.h"

#include <stdint.h>

/**
 * pod_change_mac() - The pod sends from another MAC address from now on
 * @name:	of its record
 *
 * Record, source check of the bridge port and source check of the policy. Return: 0, or -errno with all as it was.
 */
int pod_change_mac(const char *name, const uint8_t mac[static 6], struct err *e);

/* pod_change_limits() - Bandwidth limits came, and their record is written: packets must not pass them by. 0 or -errno. */
int pod_change_limits(const char *name, struct err *e);

#endif
