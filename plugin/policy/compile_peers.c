/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_peers.c - pods as peers: those that the same selectors match are one class
 *
 * Where egress rules use named ports, pods with other numbers behind the names are another class.
 */
#include "policy/compiler.h"

#include <stdlib.h>

struct classing {
	struct intern members; /* sets of targets, sorted */
	struct intern classes; /* pairs: member, pod_ports */
	struct numbers ports, of_target, of_name;
};

/* A class that is met for the first time: who has it as a peer, and which names it has */
static int add_class(struct compiler *c, struct classing *g, uint32_t class, uint32_t member,
                     uint32_t ports)
{
	size_t len;
	const uint32_t *v = intern_get(&g->members, member, &len);

	for (size_t i = 0; i < len / sizeof(*v); i++)
		if (numbers_add(&g->of_target, v[i]) < 0 || numbers_add(&g->of_target, class) < 0)
			return -ENOMEM;
	v = intern_get(&c->pod_ports, ports, &len);
	for (size_t i = 0; i < len / sizeof(*v); i += 2)
		if (numbers_add(&g->of_name, v[i]) < 0 || numbers_add(&g->of_name, class) < 0)
			return -ENOMEM;
	return numbers_add(&g->ports, ports);
}

static int class_kind(struct compiler *c, struct classing *g, const struct lists *targets,
                      struct pod_kind *kind)
{
	const uint32_t first = targets->first[kind->group], end = targets->first[kind->group + 1];
	const uint32_t known = g->classes.n, ports = c->egress_names ? kind->ports : 0;
	uint32_t key[2] = { 0, ports };

	key[0] = intern_put(&g->members, targets->v + first, (end - first) * sizeof(*targets->v));
	if (key[0] == INTERN_NONE)
		return -ENOMEM;
	kind->class = intern_put(&g->classes, key, sizeof(key));
	if (kind->class == INTERN_NONE)
		return -ENOMEM;
	if (kind->class < known)
		return 0;
	return add_class(c, g, kind->class, key[0], ports) < 0 ? -ENOMEM : spend(c, end - first);
}

int compile_peers(struct compiler *c)
{
	struct classing g = { .ports = { .n = 0 } };
	struct lists targets = { .n = 0 }; /* of each group, ascending since targets came in order */
	int r = lists_make(&targets, &c->groups_of_target, c->n_groups);

	for (uint32_t i = 0; i < c->n_kinds && r == 0; i++)
		r = class_kind(c, &g, &targets, &c->kinds[i]);
	if (r == 0)
		r = lists_make(&c->classes_of_target, &g.of_target, c->targets.n);
	if (r == 0)
		r = lists_make(&c->classes_of_name, &g.of_name, c->names.n);
	c->n_classes = g.classes.n;
	c->ports_of_class = g.ports.v;
	intern_free(&g.members);
	intern_free(&g.classes);
	numbers_free(&g.of_target);
	numbers_free(&g.of_name);
	lists_free(&targets);
	return r;
}
