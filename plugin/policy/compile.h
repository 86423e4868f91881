/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile.h - NetworkPolicy objects to verdict tables, without any effect
 *
 *	object (parse, validate, default) -> select (labels to classes) -> compile (this) -> tables.h
 */
#ifndef CNIDA_POLICY_COMPILE_H
#define CNIDA_POLICY_COMPILE_H

#include "base/err.h"
#include "policy/object.h"
#include "policy/tables.h"

/**
 * compile() - Make the tables of all objects
 *
 * Pure, and independent of the order of objects, rules, peers and labels. Costs grow with objects, not with their
 * product (1,000 policies over 1,000 pods: a few milliseconds).
 *
 * @relaxed:	a pod with unknown labels is isolated only by what selects all pods of its namespace (config key
 *		policy.unknown "allow")
 * @ret:	free with tables_free(); its strings belong to @objects
 *
 * Return: 0, or -errno (E2BIG: a limit of tables.h, named in the message).
 */
int compile(const struct objects *objects, bool relaxed, struct tables *ret, struct err *e);

#endif
