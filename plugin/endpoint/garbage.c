/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * garbage.c - what GC and the sweep have in common, whatever kind of records they look through
 */
#include "endpoint/garbage.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int garbage_add(struct garbage_names *list, const char *name, struct err *e)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 16;
		char(*v)[IFNAMSIZ] = reallocarray(list->v, cap, sizeof(*v));

		if (!v)
			return err_sys(e, ENOMEM, "collect records");
		list->v = v;
		list->cap = cap;
	}
	(void)snprintf(list->v[list->n++], IFNAMSIZ, "%s", name);
	return 0;
}

int garbage_remove(const struct garbage_names *list, const char *what,
                   int (*del)(const char *name, void *arg, struct err *e), void *arg, struct err *e)
{
	struct err this;
	int first = 0;

	for (size_t i = 0; i < list->n; i++) {
		int r = del(list->v[i], arg, &this);

		if (r >= 0)
			continue;
		log_error("%s of %s: %s", what, list->v[i], this.msg);
		if (first == 0) {
			first = r;
			*e = this;
		}
	}
	return first;
}

int garbage_need_list(const struct request *req, const char *what, struct err *e)
{
	if (req->valid_attachments)
		return 0;
	return err_set(e, CNI_E_CONFIG, 0,
	               "cni.dev/valid-attachments: missing; GC without a list would remove every "
	               "%s of network \"%s\"",
	               what, req->network);
}

int garbage_collect_invalid(struct garbage_invalid *g, const struct owner *o, struct err *e)
{
	if (strcmp(o->network, g->req->network) != 0 || owner_is_valid(g->req, o))
		return 0;
	return garbage_add(&g->names, o->name, e);
}

void garbage_tell(struct garbage_report *r, const char *what, const char *why)
{
	r->n++;
	if (r->seen)
		r->seen(what, why, r->arg);
}

void garbage_describe(const char *what, const struct owner *o, char ret[static GARBAGE_TEXT_MAX])
{
	if (*o->network)
		(void)snprintf(ret, GARBAGE_TEXT_MAX, "%s %s %s %s %s", what, o->name, o->network,
		               o->container_id, o->ifname);
	else
		(void)snprintf(ret, GARBAGE_TEXT_MAX, "%s %s", what, o->name);
}

const char *garbage_why(const struct owner *o)
{
	return *o->network ? "its network namespace is gone" : "its record cannot be read";
}

int garbage_collect_dead(struct garbage_dead *g, const char *what, const struct owner *o,
                         struct err *e)
{
	char text[GARBAGE_TEXT_MAX];
	int there = *o->network ? owner_is_there(o, e) : 0;

	if (there != 0)
		return there < 0 ? there : 0;
	garbage_describe(what, o, text);
	garbage_tell(&g->report, text, garbage_why(o));
	return garbage_add(&g->names, o->name, e);
}
