/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.h - ADD: a pod gets its interface
 */
#ifndef CNIDA_ENDPOINT_ATTACH_H
#define CNIDA_ENDPOINT_ATTACH_H

#include "base/err.h"
#include "spec/request.h"
#include "spec/result.h"

/**
 * attach() - Carry out ADD for bridge, ptp and cnida
 * @ret:	empty at first (result_init()); the result, which the caller frees
 *
 * Return: 0, or -errno with nothing left behind (what could not be undone is logged; DEL finds it by its record).
 */
int attach(const struct request *req, struct result *ret, struct err *e);

#endif
