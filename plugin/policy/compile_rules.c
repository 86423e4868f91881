/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_rules.c - policies to rules in numbers: lists of ports, and who is a peer
 */
#include "policy/compiler.h"

#include <stdlib.h>
#include <string.h>

uint32_t resolve_ports(struct compiler *c, const struct rule_code *rule, uint32_t ports)
{
	size_t len;
	const uint32_t *names = c->rule_names.v + rule->first_name;
	const uint32_t *v = intern_get(&c->pod_ports, ports, &len);
	const uint32_t *end = v + len / sizeof(*v);

	for (size_t i = 0; i < rule->n_names; i++) {
		while (v < end && v[0] < names[i])
			v += 2;
		if (v < end && v[0] == names[i]) {
			const uint8_t *name = intern_get(&c->names, names[i], NULL);
			const uint16_t number = (uint16_t)v[1];

			if (ports_add(&c->ports, port_word(name[0], number, number)) < 0)
				return INTERN_NONE;
		}
	}
	return ports_make(&c->ports);
}

/* The ports that a rule gives as numbers make its list, the others go to rule_names, sorted. */
static int add_ports(struct compiler *c, const struct rule *rule, struct rule_code *ret)
{
	struct numbers names = { .n = 0 };
	int r = 0;

	ret->first_name = c->rule_names.n;
	if (rule->all_ports) {
		ret->ports = PORTS_ALL;
		return 0;
	}
	for (size_t i = 0; i < rule->n_ports && r == 0; i++) {
		const struct rule_port *p = &rule->ports[i];
		uint32_t name;

		if (!p->name) {
			r = ports_add(&c->ports, port_word(p->proto, p->first, p->last));
			continue;
		}
		name = find_port_name(c, p->proto, p->name);
		if (name != INTERN_NONE)
			r = numbers_add(&names, name);
	}
	numbers_sort(&names);
	for (size_t i = 0; i < names.n && r == 0; i++)
		r = numbers_add(&c->rule_names, names.v[i]);
	ret->n_names = names.n;
	numbers_free(&names);
	if (r == 0)
		ret->ports = ports_make(&c->ports);
	return r < 0 || ret->ports == INTERN_NONE ? -ENOMEM : 0;
}

/* The groups of one namespace, or of the strangers, that a selector of pods matches */
static int select_pods(struct compiler *c, const struct peer *peer, uint32_t namespace,
                       struct numbers *ret)
{
	static const struct selector everyone;
	const struct selector *s = peer->has_pods ? &peer->pods : &everyone;

	return select_items(&c->pods, s, c->first_group[namespace], c->first_group[namespace + 1],
	                    ret, &c->cost);
}

static int select_everywhere(struct compiler *c, const struct peer *peer, struct numbers *ret)
{
	struct numbers namespaces = { .n = 0 };
	int r;

	if (peer->namespaces.n == 0)
		return peer->has_pods
		               ? select_items(&c->pods, &peer->pods, 0, c->n_groups, ret, &c->cost)
		               : select_items(&c->pods, &peer->namespaces, 0, c->n_groups, ret,
		                              &c->cost);
	r = select_items(&c->namespaces, &peer->namespaces, 0, (uint32_t)c->o->n_namespaces,
	                 &namespaces, &c->cost);
	for (size_t i = 0; i < namespaces.n && r == 0; i++)
		r = select_pods(c, peer, namespaces.v[i], ret);
	numbers_free(&namespaces);
	return r;
}

/* Numbers that stand for the pods that a peer selects: where, which namespaces, which pods */
static int target_key(struct compiler *c, const struct peer *peer, uint32_t namespace,
                      struct numbers *key)
{
	static const struct selector everyone;

	key->n = 0;
	if (numbers_add(key, peer->has_namespaces ? UINT32_MAX : namespace) < 0)
		return -ENOMEM;
	if (peer->has_namespaces && select_key(&c->namespaces, &peer->namespaces, key) < 0)
		return -ENOMEM;
	return select_key(&c->pods, peer->has_pods ? &peer->pods : &everyone, key);
}

/* Selectors that stand in many rules are asked once. */
static int add_target(struct compiler *c, const struct peer *peer, uint32_t namespace,
                      struct numbers *scratch)
{
	const uint32_t known = c->targets.n;
	uint32_t target;
	int r = target_key(c, peer, namespace, scratch);

	if (r < 0)
		return r;
	target = intern_put(&c->targets, scratch->v, scratch->n * sizeof(*scratch->v));
	if (target == INTERN_NONE || numbers_add(&c->rule_targets, target) < 0)
		return -ENOMEM;
	if (target < known)
		return 0;
	scratch->n = 0;
	r = peer->has_namespaces ? select_everywhere(c, peer, scratch)
	                         : select_pods(c, peer, namespace, scratch);
	for (size_t i = 0; i < scratch->n && r == 0; i++) {
		r = numbers_add(&c->groups_of_target, scratch->v[i]);
		if (r == 0)
			r = numbers_add(&c->groups_of_target, target);
	}
	return r < 0 ? r : spend(c, scratch->n);
}

static int add_peers(struct compiler *c, const struct rule *rule, uint32_t namespace,
                     struct rule_code *ret, struct numbers *scratch)
{
	int r = 0;

	ret->all_peers = rule->all_peers;
	ret->first_target = c->rule_targets.n;
	for (size_t i = 0; i < rule->n_peers && r == 0; i++) {
		const struct peer *peer = &rule->peers[i];

		if (peer->has_block)
			r = blocks_use(&c->blocks, peer, (uint32_t)c->n_rules);
		else
			r = add_target(c, peer, namespace, scratch);
	}
	ret->n_targets = c->rule_targets.n - ret->first_target;
	return r < 0 ? r : spend(c, rule->n_peers + rule->n_ports + 1);
}

static int add_rule(struct compiler *c, const struct rule *rule, uint32_t namespace,
                    struct policy_code *policy, int dir, struct numbers *scratch)
{
	struct rule_code code = { .ports = PORTS_NONE };
	int r;

	if (rule->nothing)
		return 0;
	if (c->n_rules == c->cap_rules) {
		size_t cap = c->cap_rules ? c->cap_rules * 2 : 256;
		struct rule_code *v = realloc(c->rules, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		c->rules = v;
		c->cap_rules = cap;
	}
	r = add_ports(c, rule, &code);
	if (r == 0)
		r = add_peers(c, rule, namespace, &code, scratch);
	if (r < 0)
		return r;
	c->rules[c->n_rules++] = code;
	policy->n[dir]++;
	policy->has_names[dir] |= code.n_names > 0;
	c->egress_names |= dir == EGRESS && code.n_names > 0;
	return 0;
}

static int add_policy(struct compiler *c, size_t i, uint32_t namespace, struct numbers *groups,
                      struct numbers *pairs)
{
	const struct policy *p = &c->o->policies[i];
	int r;

	for (int dir = 0; dir < 2; dir++) {
		c->isolates[dir][namespace] |= p->isolates[dir];
		c->policies[i].first[dir] = c->n_rules;
		for (size_t j = 0; p->isolates[dir] && j < p->n_rules[dir]; j++) {
			r = add_rule(c, &p->rules[dir][j], namespace, &c->policies[i], dir, groups);
			if (r < 0)
				return r;
		}
	}
	groups->n = 0;
	r = select_items(&c->pods, &p->pods, c->first_group[namespace],
	                 c->first_group[namespace + 1], groups, &c->cost);
	for (size_t j = 0; j < groups->n && r == 0; j++)
		if (numbers_add(pairs, groups->v[j]) < 0 || numbers_add(pairs, (uint32_t)i) < 0)
			r = -ENOMEM;
	return r < 0 ? r : spend(c, groups->n);
}

int compile_rules(struct compiler *c)
{
	struct numbers groups = { .n = 0 }, pairs = { .n = 0 };
	uint32_t ns = 0;
	int r = ports_init(&c->ports);

	c->policies = calloc(c->o->n_policies + 1, sizeof(*c->policies));
	for (int dir = 0; dir < 2; dir++)
		c->isolates[dir] = calloc(c->o->n_namespaces + 1, sizeof(*c->isolates[dir]));
	if (!c->policies || !c->isolates[0] || !c->isolates[1])
		r = -ENOMEM;
	for (size_t i = 0; i < c->o->n_policies && r == 0; i++) {
		/* Both are sorted, and every policy has its namespace. */
		while (strcmp(c->o->namespaces[ns].name, c->o->policies[i].namespace) != 0)
			ns++;
		r = add_policy(c, i, ns, &groups, &pairs);
	}
	if (r == 0)
		r = lists_make(&c->policies_of, &pairs, c->n_groups);
	if (r == 0)
		r = blocks_cut(&c->blocks, c->n_rules, COST_MAX / 4);
	numbers_free(&groups);
	numbers_free(&pairs);
	return r;
}
