/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_policy.c - a NetworkPolicy: read, checked and defaulted as the API server does it
 *
 * The server's own checks: pkg/apis/networking/validation and v1/defaults of Kubernetes. What it would drop as an
 * unknown field is told to us by a file all the same; a rule with such a field allows nothing, since it may be the
 * condition that was meant to narrow it.
 */
#include "base/cleanup.h"
#include "policy/arena.h"
#include "policy/names.h"
#include "policy/reader.h"
#include "policy/tables.h"

#include <string.h>

static int read_prefix(struct reader *r, const struct place *at, struct ip_prefix *ret)
{
	const char *text;
	int failed = read_text(r, at, &text);

	if (failed < 0)
		return failed;
	if (!text)
		return read_wrong(r, at, "is missing");
	if (!prefix_parse(text, ret))
		return read_wrong(r, at, "expected an address and a prefix length, found \"%s\"",
		                  read_show(text, strlen(text)).text);
	ret->addr = prefix_network(ret);
	return 0;
}

static int read_except(struct reader *r, const struct place *at, struct peer *peer)
{
	struct place item = { .up = at };

	for (size_t i = 0; i < peer->n_except; i++) {
		const struct ip_prefix *block = &peer->block, *except = &peer->except[i];
		int failed;

		read_element(r, at, &item);
		failed = read_prefix(r, &item, &peer->except[i]);
		if (failed < 0)
			return failed;
		if (!prefix_contains(block, &except->addr) || except->len <= block->len)
			return read_wrong(r, &item, "must be a part of cidr");
	}
	return 0;
}

static int read_block(struct reader *r, const struct place *at, struct peer *peer,
                      bool *ret_unknown)
{
	static const char *const names[] = { "cidr", "except" };
	struct place f[ARRAY_SIZE(names)];
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, ret_unknown);

	if (failed == 0)
		failed = read_prefix(r, &f[0], &peer->block);
	if (failed == 0)
		failed = read_list(r, &f[1], &peer->n_except);
	if (failed < 0)
		return failed;
	peer->except = arena_alloc(r->o->arena, peer->n_except, sizeof(*peer->except));
	return peer->except ? read_except(r, &f[1], peer) : read_no_memory(r);
}

static int read_peer(struct reader *r, const struct place *at, struct peer *peer, bool *ret_unknown)
{
	static const char *const names[] = { "podSelector", "namespaceSelector", "ipBlock" };
	struct place f[ARRAY_SIZE(names)];
	bool unknown = false;
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, &unknown);

	if (failed < 0)
		return failed;
	peer->has_pods = f[0].node;
	peer->has_namespaces = f[1].node;
	peer->has_block = f[2].node;
	if (peer->has_block && (peer->has_pods || peer->has_namespaces))
		return read_wrong(r, at, "may not have both ipBlock and a selector");
	if (!peer->has_block && !peer->has_pods && !peer->has_namespaces && !unknown)
		return read_wrong(r, at, "must have ipBlock or a selector");
	if (peer->has_pods)
		failed = read_selector(r, &f[0], &peer->pods, &unknown);
	if (failed == 0 && peer->has_namespaces)
		failed = read_selector(r, &f[1], &peer->namespaces, &unknown);
	if (failed == 0 && peer->has_block)
		failed = read_block(r, &f[2], peer, &unknown);
	*ret_unknown |= unknown;
	return failed;
}

static int read_peers(struct reader *r, const struct place *at, struct rule *rule)
{
	struct place item = { .up = at };
	int failed = read_list(r, at, &rule->n_peers);

	if (failed < 0)
		return failed;
	rule->all_peers = rule->n_peers == 0;
	rule->peers = arena_alloc(r->o->arena, rule->n_peers, sizeof(*rule->peers));
	if (!rule->peers)
		return read_no_memory(r);
	for (size_t i = 0; i < rule->n_peers; i++) {
		read_element(r, at, &item);
		failed = read_peer(r, &item, &rule->peers[i], &rule->nothing);
		if (failed < 0)
			return failed;
	}
	return 0;
}

static int read_port_number(struct reader *r, const struct place *at, const struct place *end_at,
                            struct rule_port *port)
{
	int64_t first = 0, last;
	int got = read_number(r, at, 1, UINT16_MAX, &first);

	if (got < 0)
		return got;
	last = first;
	got = read_number(r, end_at, 1, UINT16_MAX, &last);
	if (got < 0)
		return got;
	if (last < first)
		return read_wrong(r, end_at, "must not be less than port");
	port->first = (uint16_t)first;
	port->last = (uint16_t)last;
	return 0;
}

static int read_port(struct reader *r, const struct place *at, struct rule_port *port,
                     bool *ret_unknown)
{
	static const char *const names[] = { "protocol", "port", "endPort" };
	struct place f[ARRAY_SIZE(names)];
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, ret_unknown);

	if (failed == 0)
		failed = read_proto(r, &f[0], &port->proto);
	if (failed < 0)
		return failed;
	port->any = !f[1].node;
	if (f[2].node && (port->any || read_is(r, &f[1], NODE_STRING)))
		return read_wrong(r, &f[2], "may only be there with a number as port");
	if (port->any) {
		port->last = UINT16_MAX;
		return 0;
	}
	if (!read_is(r, &f[1], NODE_STRING))
		return read_port_number(r, &f[1], &f[2], port);
	failed = read_text(r, &f[1], &port->name);
	if (failed == 0 && !name_is_port(port->name))
		failed = read_wrong(r, &f[1], "\"%s\" is not the name of a port",
		                    read_show(port->name, strlen(port->name)).text);
	return failed;
}

static int read_ports(struct reader *r, const struct place *at, struct rule *rule)
{
	struct place item = { .up = at };
	int failed = read_list(r, at, &rule->n_ports);

	if (failed < 0)
		return failed;
	rule->all_ports = rule->n_ports == 0;
	rule->ports = arena_alloc(r->o->arena, rule->n_ports, sizeof(*rule->ports));
	if (!rule->ports)
		return read_no_memory(r);
	for (size_t i = 0; i < rule->n_ports; i++) {
		read_element(r, at, &item);
		failed = read_port(r, &item, &rule->ports[i], &rule->nothing);
		if (failed < 0)
			return failed;
	}
	return 0;
}

static int read_rule(struct reader *r, const struct place *at, enum direction dir,
                     struct rule *rule)
{
	static const char *const names[2][2] = {
		[INGRESS] = { "from", "ports" },
		[EGRESS] = { "to", "ports" },
	};
	struct place f[2];
	int failed = read_fields(r, at, names[dir], 2, f, &rule->nothing);

	if (failed == 0)
		failed = read_peers(r, &f[0], rule);
	return failed < 0 ? failed : read_ports(r, &f[1], rule);
}

static int read_rules(struct reader *r, const struct place *at, enum direction dir,
                      struct policy *policy)
{
	struct place item = { .up = at };
	int failed = read_list(r, at, &policy->n_rules[dir]);

	if (failed < 0)
		return failed;
	policy->rules[dir] = arena_alloc(r->o->arena, policy->n_rules[dir], sizeof(struct rule));
	if (!policy->rules[dir])
		return read_no_memory(r);
	r->unless_known = "this rule allows nothing";
	for (size_t i = 0; i < policy->n_rules[dir]; i++) {
		read_element(r, at, &item);
		failed = read_rule(r, &item, dir, &policy->rules[dir][i]);
		if (failed < 0)
			return failed;
	}
	return 0;
}

/* What the server writes into a policy that does not say: Ingress always, Egress if there are rules for it. */
static int read_types(struct reader *r, const struct place *at, struct policy *policy)
{
	struct place item = { .up = at };
	size_t n;
	int failed = read_list(r, at, &n);

	if (failed < 0)
		return failed;
	if (n > 2)
		return read_wrong(r, at, "must not have more than two types");
	policy->isolates[INGRESS] = n == 0;
	policy->isolates[EGRESS] = n == 0 && policy->n_rules[EGRESS] > 0;
	for (size_t i = 0; i < n; i++) {
		read_element(r, at, &item);
		if (tape_is(&r->tape, item.node, "Ingress"))
			policy->isolates[INGRESS] = true;
		else if (tape_is(&r->tape, item.node, "Egress"))
			policy->isolates[EGRESS] = true;
		else
			return read_wrong(r, &item, "expected Ingress or Egress");
	}
	return 0;
}

static int warn_unused(struct reader *r, const struct place rules[static 2],
                       const struct policy *policy)
{
	int failed = 0;

	for (size_t dir = 0; dir < 2 && failed == 0; dir++)
		if (policy->n_rules[dir] > 0 && !policy->isolates[dir])
			failed = read_warn(r, &rules[dir],
			                   "is not among policyTypes: these rules do nothing");
	return failed;
}

static int read_spec(struct reader *r, const struct place *at, struct policy *policy)
{
	/* The rules are in the order of enum direction. */
	static const char *const names[] = { "ingress", "egress", "podSelector", "policyTypes" };
	struct place f[ARRAY_SIZE(names)];
	bool unknown = false;
	int failed;

	r->unless_known = "no rule of this policy allows anything";
	failed = read_fields(r, at, names, ARRAY_SIZE(names), f, &unknown);
	if (failed == 0)
		failed = read_selector(r, &f[2], &policy->pods, &unknown);
	for (int dir = 0; dir < 2 && failed == 0; dir++)
		failed = read_rules(r, &f[dir], (enum direction)dir, policy);
	if (failed == 0)
		failed = read_types(r, &f[3], policy);
	if (failed < 0)
		return failed;
	/* A condition of the selector that we do not know is left out: more pods are isolated rather than fewer. */
	for (size_t dir = 0; dir < 2 && unknown; dir++)
		for (size_t i = 0; i < policy->n_rules[dir]; i++)
			policy->rules[dir][i].nothing = true;
	return warn_unused(r, f, policy);
}

int read_policy(struct reader *r, const struct metadata *meta, const struct place f[static 3])
{
	struct objects *o = r->o;
	struct policy *policies, *policy;
	int failed;

	(void)meta;
	policies = arena_grow(o->arena, o->policies, o->n_policies, sizeof(*policies));
	if (!policies)
		return read_no_memory(r);
	o->policies = policies;
	policy = &policies[o->n_policies];
	*policy = (struct policy) { .namespace = r->namespace, .name = r->name };
	failed = read_spec(r, &f[1], policy);
	if (failed == 0)
		o->n_policies++;
	return failed;
}
