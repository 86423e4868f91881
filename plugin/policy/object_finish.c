/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_finish.c - all objects are there: sorted, each once, with what the control plane would add
 */
#include "policy/arena.h"
#include "policy/object.h"
#include "policy/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LABEL "kubernetes.io/metadata.name"

static int compare_names(const char *ns_a, const char *a, const char *ns_b, const char *b)
{
	int order = strcmp(ns_a, ns_b);

	return order ? order : strcmp(a, b);
}

static int compare_policies(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;

	return compare_names(x->namespace, x->name, y->namespace, y->name);
}

static int compare_pods(const void *a, const void *b)
{
	const struct pod *x = a, *y = b;

	return compare_names(x->namespace, x->name, y->namespace, y->name);
}

static int compare_namespaces(const void *a, const void *b)
{
	const struct namespace_object *x = a, *y = b;

	return strcmp(x->name, y->name);
}

typedef int compare_fn(const void *a, const void *b);

struct order {
	const uint8_t *array;
	size_t size;
	compare_fn *compare;
};

/* Equal names stay in the order in which they came. */
static int compare_order(const void *a, const void *b, void *context)
{
	const struct order *order = context;
	const size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int r = order->compare(order->array + x * order->size, order->array + y * order->size);

	return r ? r : (x > y) - (x < y);
}

/* Sort an array into a new one, of equal names the last that came; NULL when out of memory. */
static void *sort_last(struct arena *arena, const void *array, size_t *n, size_t size,
                       compare_fn *compare)
{
	struct order order = { .array = array, .size = size, .compare = compare };
	size_t *index = malloc((*n + 1) * sizeof(*index)), kept = 0;
	uint8_t *sorted = arena_alloc(arena, *n, size);

	if (!index || !sorted) {
		free(index);
		return NULL;
	}
	for (size_t i = 0; i < *n; i++)
		index[i] = i;
	if (*n > 1)
		qsort_r(index, *n, sizeof(*index), compare_order, &order);
	for (size_t i = 0; i < *n; i++) {
		const uint8_t *entry = order.array + index[i] * size;

		if (kept && compare(sorted + (kept - 1) * size, entry) == 0)
			kept--;
		memcpy(sorted + kept++ * size, entry, size);
	}
	free(index);
	*n = kept;
	return sorted;
}

/* The control plane puts the name of a namespace among its labels, over whatever stood there. */
static bool label_name(struct arena *arena, struct namespace_object *ns)
{
	struct labels *l = &ns->labels;
	size_t i = 0;
	struct label *v;

	while (i < l->n && strcmp(l->v[i].key, NAME_LABEL) < 0)
		i++;
	if (i < l->n && strcmp(l->v[i].key, NAME_LABEL) == 0) {
		l->v[i].value = ns->name;
		return true;
	}
	v = arena_alloc(arena, l->n + 1, sizeof(*v));
	if (!v)
		return false;
	for (size_t j = 0; j < l->n; j++)
		v[j < i ? j : j + 1] = l->v[j];
	v[i] = (struct label) { NAME_LABEL, ns->name };
	*l = (struct labels) { v, l->n + 1 };
	return true;
}

int objects_warn(struct objects *o, const char *text)
{
	char **v;

	if (o->n_warnings >= WARNINGS_MAX) {
		o->n_unsaid++;
		return 0;
	}
	v = arena_grow(o->arena, o->warnings, o->n_warnings, sizeof(*v));
	if (!v)
		return -ENOMEM;
	o->warnings = v;
	v[o->n_warnings] = arena_text(o->arena, text, strlen(text));
	if (!v[o->n_warnings])
		return -ENOMEM;
	o->n_warnings++;
	return 0;
}

static int warn_partial(struct objects *o, const char *namespace)
{
	char text[192];

	(void)snprintf(text, sizeof(text),
	               "Namespace %s: there is no such object: only its name is known to selectors",
	               namespace);
	return objects_warn(o, text);
}

/* Is it the first of its name, and no Namespace object has it? */
static bool is_untold(const struct objects *o, const char *name, const char *previous)
{
	const struct namespace_object key = { .name = name };

	return (!previous || strcmp(previous, name) != 0) &&
	       !bsearch(&key, o->namespaces, o->n_namespaces, sizeof(key), compare_namespaces);
}

/* Sorted policies and pods tell of namespaces too. */
static int add_partial(struct objects *o)
{
	size_t n = o->n_namespaces, told = n;
	struct namespace_object *all =
		arena_alloc(o->arena, n + o->n_policies + o->n_pods, sizeof(*all));
	const char *previous = NULL;

	if (!all)
		return -ENOMEM;
	if (n)
		memcpy(all, o->namespaces, n * sizeof(*all));
	for (size_t i = 0; i < o->n_policies; previous = o->policies[i++].namespace)
		if (is_untold(o, o->policies[i].namespace, previous))
			all[n++] = (struct namespace_object) { .name = o->policies[i].namespace };
	previous = NULL;
	for (size_t i = 0; i < o->n_pods; previous = o->pods[i++].namespace)
		if (is_untold(o, o->pods[i].namespace, previous))
			all[n++] = (struct namespace_object) { .name = o->pods[i].namespace };
	for (size_t i = told; i < n; i++)
		all[i].partial = true;
	o->namespaces = sort_last(o->arena, all, &n, sizeof(*all), compare_namespaces);
	o->n_namespaces = n;
	return o->namespaces ? 0 : -ENOMEM;
}

static int finish(struct objects *o)
{
	o->policies = sort_last(o->arena, o->policies, &o->n_policies, sizeof(*o->policies),
	                        compare_policies);
	o->pods = sort_last(o->arena, o->pods, &o->n_pods, sizeof(*o->pods), compare_pods);
	o->namespaces = sort_last(o->arena, o->namespaces, &o->n_namespaces, sizeof(*o->namespaces),
	                          compare_namespaces);
	if (!o->policies || !o->pods || !o->namespaces || add_partial(o) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < o->n_namespaces; i++) {
		struct namespace_object *ns = &o->namespaces[i];

		if (!label_name(o->arena, ns) || (ns->partial && warn_partial(o, ns->name) < 0))
			return -ENOMEM;
	}
	return 0;
}

int objects_finish(struct objects *o, struct err *e)
{
	if (!o->arena)
		o->arena = arena_new();
	if (!o->arena || finish(o) < 0)
		return err_sys(e, ENOMEM, "sort the objects");
	return 0;
}

const struct namespace_object *objects_namespace(const struct objects *o, const char *name)
{
	const struct namespace_object key = { .name = name };

	return o->n_namespaces ? bsearch(&key, o->namespaces, o->n_namespaces, sizeof(key),
	                                 compare_namespaces)
	                       : NULL;
}

const struct pod *objects_pod(const struct objects *o, const char *namespace, const char *name)
{
	const struct pod key = { .namespace = namespace, .name = name };

	return o->n_pods ? bsearch(&key, o->pods, o->n_pods, sizeof(key), compare_pods) : NULL;
}

uint16_t pod_port(const struct pod *pod, const char *name, uint8_t proto)
{
	for (size_t i = 0; i < pod->n_ports; i++)
		if (pod->ports[i].proto == proto && strcmp(pod->ports[i].name, name) == 0)
			return pod->ports[i].port;
	return 0;
}

bool pod_owns(const struct pod *a, const struct pod *b)
{
	int order;

	if (a->deleting != b->deleting)
		return b->deleting;
	order = strcmp(a->created, b->created);
	return order ? order > 0 : compare_pods(a, b) > 0;
}
