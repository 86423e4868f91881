/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain_rule.c - what one rule says about one connection
 */
#include "policy/explain_rule.h"

#include "base/cleanup.h"
#include "policy/arena.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Namespaces that nobody has told of are matched by "all namespaces" only. */
static bool namespace_matches(const struct connection *c, const struct selector *s)
{
	const struct namespace_object *ns = objects_namespace(c->objects, c->peer->namespace);

	return ns ? selector_matches_namespace(s, ns) : s->n == 0;
}

static bool pod_matches(const struct policy *policy, const struct peer *peer,
                        const struct connection *c)
{
	const struct explain_end *end = c->peer;

	if (!end->name || peer->has_block || (!peer->has_pods && !peer->has_namespaces))
		return false;
	if (peer->has_namespaces ? !namespace_matches(c, &peer->namespaces)
	                         : strcmp(end->namespace, policy->namespace) != 0)
		return false;
	return !peer->has_pods ||
	       selector_matches(&peer->pods, end->pod ? &end->pod->labels : NULL);
}

static bool block_matches(const struct peer *peer, const struct ip_addr *addr)
{
	if (!peer->has_block || !prefix_contains(&peer->block, addr))
		return false;
	for (size_t i = 0; i < peer->n_except; i++)
		if (prefix_contains(&peer->except[i], addr))
			return false;
	return true;
}

/* Named ports are those of the pod that is connected to. */
static bool port_matches(const struct rule_port *p, const struct connection *c, bool names)
{
	if (p->proto != c->proto)
		return false;
	if (!p->name)
		return p->first <= c->port && c->port <= p->last;
	return names && c->dst->pod && c->port != 0 &&
	       pod_port(c->dst->pod, p->name, p->proto) == c->port;
}

/* The port entry that allows it: n_ports if all are allowed, -1 if there is none */
static long find_port(const struct rule *rule, const struct connection *c, bool names)
{
	if (rule->all_ports)
		return (long)rule->n_ports;
	for (size_t i = 0; i < rule->n_ports; i++)
		if (port_matches(&rule->ports[i], c, names))
			return (long)i;
	return -1;
}

/* "80/TCP", "ICMP", "protocol 47" */
static const char *port_name(const struct connection *c, char buf[static 16])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} with_ports[] = { { IPPROTO_TCP, "TCP" },
		           { IPPROTO_UDP, "UDP" },
		           { IPPROTO_SCTP, "SCTP" } };

	for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++) {
		if (c->proto == with_ports[i].proto) {
			(void)snprintf(buf, 16, "%u/%s", c->port, with_ports[i].name);
			return buf;
		}
	}
	if (c->proto == IPPROTO_ICMP || c->proto == IPPROTO_ICMPV6)
		return "ICMP";
	(void)snprintf(buf, 16, "protocol %u", c->proto);
	return buf;
}

static const char *mismatch(struct arena *arena, const struct connection *c, bool peer, bool port)
{
	const char *from = c->dir == INGRESS ? "from" : "to";
	char buf[16];

	if (!peer && !port)
		return arena_printf(arena, "%s does not match %s, nor ports %s", from,
		                    c->peer->text, port_name(c, buf));
	if (!peer)
		return arena_printf(arena, "%s does not match %s", from, c->peer->text);
	return arena_printf(arena, "ports do not match %s", port_name(c, buf));
}

static const char *match(struct arena *arena, const struct rule *rule, const struct connection *c,
                         long peer, long port)
{
	const char *from = c->dir == INGRESS ? "from" : "to";
	char peer_text[48] = "any peer", port_text[32] = "any port";

	if (!rule->all_peers)
		(void)snprintf(peer_text, sizeof(peer_text), "%s[%ld]", from, peer);
	if (!rule->all_ports)
		(void)snprintf(port_text, sizeof(port_text), "ports[%ld]", port);
	return arena_printf(arena, "allows it: %s, %s", peer_text, port_text);
}

bool explain_rule(struct arena *arena, const struct policy *policy, const struct rule *rule,
                  const struct connection *c, const char **ret_text)
{
	const long by_number = find_port(rule, c, false), by_name = find_port(rule, c, true);
	bool peer = rule->all_peers;

	if (rule->nothing) {
		*ret_text = "has a field that is not known: it allows nothing";
		return false;
	}
	if (rule->all_peers && by_name >= 0) {
		*ret_text = match(arena, rule, c, 0, by_name);
		return true;
	}
	for (size_t i = 0; i < rule->n_peers; i++) {
		const bool block = block_matches(&rule->peers[i], &c->peer->addr);
		/* An address that is allowed to be connected to has no names for its ports. */
		const long port = block && c->dir == EGRESS ? by_number : by_name;

		if (!block && !pod_matches(policy, &rule->peers[i], c))
			continue;
		peer = true;
		if (port >= 0) {
			*ret_text = match(arena, rule, c, (long)i, port);
			return true;
		}
	}
	*ret_text = mismatch(arena, c, peer, by_name >= 0);
	return false;
}
