/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning.h - type tuning: sysctls, MAC address, MTU, queue length and modes of a pod's interface
 */
#ifndef CNIDA_ENDPOINT_TUNING_H
#define CNIDA_ENDPOINT_TUNING_H

#include "base/err.h"
#include "spec/request.h"
#include "spec/result.h"

/* tuning_add() - Remember what is there, then change it. A failing step puts back what was changed before it.
 * @ret: the previous result with the new MAC address and MTU. */
int tuning_add(const struct request *req, struct result *ret, struct err *e);
/* tuning_del() - Put back what ADD changed. Always succeeds, whatever is left of the pod, but for CNI_NETNS being our own. */
int tuning_del(const struct request *req, struct err *e);
/* tuning_check() - Is all of it still so? */
int tuning_check(const struct request *req, struct err *e);

#endif
