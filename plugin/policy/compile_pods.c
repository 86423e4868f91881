/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile_pods.c - pods to groups (what selectors see of them) and kinds (with the named ports that rules use)
 */
#include "policy/compiler.h"

#include <stdlib.h>
#include <string.h>

struct name_text {
	uint8_t proto;
	char text[15];
};

static size_t name_bytes(struct name_text *buf, uint8_t proto, const char *name)
{
	const size_t len = strlen(name);

	if (len == 0 || len > sizeof(buf->text))
		return 0;
	buf->proto = proto;
	memcpy(buf->text, name, len);
	return 1 + len;
}

uint32_t find_port_name(const struct compiler *c, uint8_t proto, const char *name)
{
	struct name_text buf;
	size_t len = name_bytes(&buf, proto, name);

	return len ? intern_find(&c->names, &buf, len) : INTERN_NONE;
}

static int mention_rule(struct compiler *c, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_peers; i++) {
		const struct peer *peer = &rule->peers[i];

		if (peer->has_pods && select_mention(&c->pods, &peer->pods) < 0)
			return -ENOMEM;
		if (peer->has_namespaces && select_mention(&c->namespaces, &peer->namespaces) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < rule->n_ports; i++) {
		const struct rule_port *port = &rule->ports[i];
		struct name_text buf;
		size_t len = port->name ? name_bytes(&buf, port->proto, port->name) : 0;

		if (len && intern_put(&c->names, &buf, len) == INTERN_NONE)
			return -ENOMEM;
	}
	return 0;
}

static int mention_all(struct compiler *c)
{
	for (size_t i = 0; i < c->o->n_policies; i++) {
		const struct policy *p = &c->o->policies[i];

		if (select_mention(&c->pods, &p->pods) < 0)
			return -ENOMEM;
		for (int dir = 0; dir < 2; dir++)
			for (size_t j = 0; p->isolates[dir] && j < p->n_rules[dir]; j++)
				if (mention_rule(c, &p->rules[dir][j]) < 0)
					return -ENOMEM;
	}
	return 0;
}

static int add_namespaces(struct compiler *c)
{
	struct numbers seen = { .n = 0 };
	int r = 0;

	for (size_t i = 0; i < c->o->n_namespaces && r == 0; i++) {
		const struct namespace_object *ns = &c->o->namespaces[i];

		r = select_project(&c->namespaces, &ns->labels, &seen);
		if (r == 0)
			r = select_add(&c->namespaces, &seen, ns->partial);
	}
	numbers_free(&seen);
	return r < 0 ? r : select_finish(&c->namespaces);
}

/* What grows while the groups are made */
struct grouping {
	struct intern seen; /* number of the namespace, then the labels that selectors see */
	struct numbers key, labels, ports;
	struct intern kinds;  /* group, pod_ports */
	struct numbers pairs; /* group, number in kinds */
};

static void grouping_free(struct grouping *g)
{
	intern_free(&g->seen);
	numbers_free(&g->key);
	numbers_free(&g->labels);
	numbers_free(&g->ports);
	intern_free(&g->kinds);
	numbers_free(&g->pairs);
}

static int add_group(struct compiler *c, uint32_t namespace, const struct numbers *labels,
                     bool unknown)
{
	c->groups[c->n_groups++] =
		(struct pod_group) { .namespace = namespace, .unknown = unknown };
	return select_add(&c->pods, labels, unknown);
}

static int add_kind(struct grouping *g, uint32_t group, uint32_t ports, uint32_t *ret)
{
	const uint32_t key[2] = { group, ports }, known = g->kinds.n;

	*ret = intern_put(&g->kinds, key, sizeof(key));
	if (*ret == INTERN_NONE)
		return -ENOMEM;
	if (*ret < known)
		return 0;
	return numbers_add(&g->pairs, group) < 0 ? -ENOMEM : numbers_add(&g->pairs, *ret);
}

/* The group of the pods that nobody has told of in this namespace */
static int add_unknown(struct compiler *c, struct grouping *g, uint32_t namespace)
{
	const uint32_t group = c->n_groups;
	uint32_t kind;

	c->first_group[namespace] = group;
	g->labels.n = 0;
	if (add_group(c, namespace, &g->labels, true) < 0)
		return -ENOMEM;
	return add_kind(g, group, 0, &kind);
}

/* The numbers behind names that rules use; of equal names the first counts. */
static uint32_t named_ports(struct compiler *c, struct grouping *g, const struct pod *pod)
{
	struct numbers *v = &g->ports;

	v->n = 0;
	for (size_t i = 0; i < pod->n_ports && c->names.n > 0; i++) {
		const struct container_port *port = &pod->ports[i];
		uint32_t name = find_port_name(c, port->proto, port->name);
		size_t at = 0;

		if (name == INTERN_NONE)
			continue;
		while (at < v->n && v->v[at] < name)
			at += 2;
		if (at < v->n && v->v[at] == name)
			continue;
		if (numbers_add(v, name) < 0 || numbers_add(v, port->port) < 0)
			return INTERN_NONE;
		memmove(v->v + at + 2, v->v + at, (v->n - 2 - at) * sizeof(*v->v));
		v->v[at] = name;
		v->v[at + 1] = port->port;
	}
	return intern_put(&c->pod_ports, v->v, v->n * sizeof(*v->v));
}

static int add_pod(struct compiler *c, struct grouping *g, const struct pod *pod,
                   uint32_t namespace, uint32_t *ret_kind)
{
	const uint32_t known = g->seen.n, offset = namespace + 1;
	uint32_t seen, ports;

	g->key.n = 0;
	if (select_project(&c->pods, &pod->labels, &g->labels) < 0 ||
	    numbers_add(&g->key, namespace) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < g->labels.n; i++)
		if (numbers_add(&g->key, g->labels.v[i]) < 0)
			return -ENOMEM;
	seen = intern_put(&g->seen, g->key.v, g->key.n * sizeof(*g->key.v));
	if (seen == INTERN_NONE)
		return -ENOMEM;
	/* Before the groups that are seen stand those of unknown pods, one for each namespace up to here. */
	if (seen == known && add_group(c, namespace, &g->labels, false) < 0)
		return -ENOMEM;
	ports = named_ports(c, g, pod);
	return ports == INTERN_NONE ? -ENOMEM : add_kind(g, offset + seen, ports, ret_kind);
}

/* Pods are sorted by namespace, as namespaces are: the groups of each stand side by side. */
static int add_groups(struct compiler *c, struct grouping *g)
{
	const struct objects *o = c->o;
	size_t next = 0;

	if (intern_put(&c->pod_ports, NULL, 0) != 0)
		return -ENOMEM;
	for (uint32_t ns = 0; ns <= o->n_namespaces; ns++) {
		if (add_unknown(c, g, ns) < 0)
			return -ENOMEM;
		for (; ns < o->n_namespaces && next < o->n_pods &&
		       strcmp(o->pods[next].namespace, o->namespaces[ns].name) == 0;
		     next++) {
			c->kind_of_pod[next] = UINT32_MAX;
			if (pod_is_peer(&o->pods[next]) &&
			    add_pod(c, g, &o->pods[next], ns, &c->kind_of_pod[next]) < 0)
				return -ENOMEM;
		}
	}
	c->first_group[o->n_namespaces + 1] = c->n_groups;
	return select_finish(&c->pods);
}

/* Number kinds by group. */
static int order_kinds(struct compiler *c, const struct grouping *g)
{
	uint32_t *renumbered = calloc(g->kinds.n + 1U, sizeof(*renumbered));
	struct lists by_group = { .n = 0 };

	c->n_kinds = g->kinds.n;
	c->kinds = calloc(c->n_kinds + 1U, sizeof(*c->kinds));
	if (!renumbered || !c->kinds || lists_make(&by_group, &g->pairs, c->n_groups) < 0) {
		free(renumbered);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->n_kinds; i++) {
		const uint32_t *key = intern_get(&g->kinds, by_group.v[i], NULL);

		c->kinds[i] = (struct pod_kind) { .group = key[0], .ports = key[1] };
		renumbered[by_group.v[i]] = i;
	}
	for (size_t i = 0; i < c->o->n_pods; i++)
		if (c->kind_of_pod[i] != UINT32_MAX)
			c->kind_of_pod[i] = renumbered[c->kind_of_pod[i]];
	c->first_kind = by_group.first;
	by_group.first = NULL;
	lists_free(&by_group);
	free(renumbered);
	return 0;
}

int compile_pods(struct compiler *c)
{
	const struct objects *o = c->o;
	struct grouping g = { .seen = { .n = 0 } };
	int r = 0;

	c->groups = calloc(o->n_pods + o->n_namespaces + 1, sizeof(*c->groups));
	c->first_group = calloc(o->n_namespaces + 2, sizeof(*c->first_group));
	c->kind_of_pod = calloc(o->n_pods + 1, sizeof(*c->kind_of_pod));
	if (!c->groups || !c->first_group || !c->kind_of_pod)
		r = -ENOMEM;
	if (r == 0)
		r = mention_all(c);
	if (r == 0)
		r = add_namespaces(c);
	if (r == 0)
		r = add_groups(c, &g);
	if (r == 0)
		r = order_kinds(c, &g);
	grouping_free(&g);
	return r;
}
