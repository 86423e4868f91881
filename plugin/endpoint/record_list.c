/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_list.c - records collected for work on many at once
 */
#include "endpoint/record_list.h"

#include <errno.h>
#include <stdlib.h>

int record_list_add(struct record_list *list, const struct record *r, struct err *e)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		struct record *v = reallocarray(list->v, cap, sizeof(*v));

		if (!v)
			return err_sys(e, ENOMEM, "collect endpoint records");
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = *r;
	return 0;
}

void record_list_free(struct record_list *list)
{
	free(list->v);
	*list = (struct record_list) { 0 };
}
