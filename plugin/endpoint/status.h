/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.h - STATUS: can this node serve an ADD?
 */
#ifndef CNIDA_ENDPOINT_STATUS_H
#define CNIDA_ENDPOINT_STATUS_H

#include "base/err.h"
#include "spec/request.h"

/* status() - Carry out STATUS for bridge, ptp and cnida. It is asked every few seconds under the runtime's lock: no dump, no wait
 * beyond a foreign IPAM's. Code 50 if an ADD could not be served. A full pool is no error unless the
 * configuration says so: it would turn the whole node NotReady. */
int status(const struct request *req, struct err *e);

#endif
