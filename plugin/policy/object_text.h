/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_text.h - policy objects written out again, as far as they matter
 *
 * What the snapshot holds: a Kubernetes List with one object a line. A Pod as kubectl prints it is several KiB of which a node's
 * policy needs a hundred bytes, and its environment may hold secrets, which have no business in the snapshot.
 * Reading the text gives objects that compile to the same tables.
 */
#ifndef CNIDA_POLICY_OBJECT_TEXT_H
#define CNIDA_POLICY_OBJECT_TEXT_H

#include "policy/object.h"

#include <stddef.h>

/**
 * objects_write() - Text of finished objects
 * @ret:	terminated, to be freed
 * @ret_len:	without the terminator
 */
int objects_write(const struct objects *o, char **ret, size_t *ret_len, struct err *e);

#endif
