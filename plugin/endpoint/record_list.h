/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_list.h - records collected for work on many at once
 */
#ifndef CNIDA_ENDPOINT_RECORD_LIST_H
#define CNIDA_ENDPOINT_RECORD_LIST_H

#include "endpoint/record.h"

struct record_list {
	struct record *v;
	size_t n, cap;
};

/* record_list_add() - Append a copy. 0 or -ENOMEM. */
int record_list_add(struct record_list *list, const struct record *r, struct err *e);
void record_list_free(struct record_list *list);

#endif
