/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cyclonus.c - the 230 cases of the cyclonus suite, from its families
 *
 * Most cases vary one part of one base policy: it selects x/a, lets pods b and c of x and y in on
 * TCP 80, lets it out to pods a and b of y and z on TCP 80, and out to everybody for DNS. The rest
 * are policies stacked on each other, changes of policies, pods and namespaces, and some of the
 * upstream tests.
 */
#include "test/policy/cyclonus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE_FROM                                                     \
	"[{'podSelector': {'matchExpressions': "                      \
	"[{'key': 'pod', 'operator': 'In', 'values': ['b', 'c']}]}, " \
	"'namespaceSelector': {'matchExpressions': "                  \
	"[{'key': 'ns', 'operator': 'In', 'values': ['x', 'y']}]}}]"
#define BASE_TO                                                       \
	"[{'podSelector': {'matchExpressions': "                      \
	"[{'key': 'pod', 'operator': 'In', 'values': ['a', 'b']}]}, " \
	"'namespaceSelector': {'matchExpressions': "                  \
	"[{'key': 'ns', 'operator': 'In', 'values': ['y', 'z']}]}}]"
#define BASE_PORTS "[{'port': 80, 'protocol': 'TCP'}]"
#define BOTH_TYPES "['Ingress', 'Egress']"

json_t *policy(const char *ns, const char *name, const char *pods, const char *types,
               const char *ingress, const char *egress)
{
	return json("{'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy', "
	            "'metadata': {'namespace': '%s', 'name': '%s'}, "
	            "'spec': {'podSelector': %s, 'policyTypes': %s, 'ingress': %s, 'egress': %s}}",
	            ns, name, pods, types, ingress, egress);
}

static const char * or (const char *a, const char *b)
{
	return a ? a : b;
}

json_t *base_policy(const struct variant *v)
{
	char ingress[2048], egress[2048];

	snprintf(ingress, sizeof(ingress), "[{'ports': %s, 'from': %s}]",
	         or (v->ports[0], BASE_PORTS), or (v->peers[0], BASE_FROM));
	snprintf(egress, sizeof(egress), "[{'ports': %s, 'to': %s}, " DNS "]",
	         or (v->ports[1], BASE_PORTS), or (v->peers[1], BASE_TO));
	return policy(or (v->ns, "x"), "base", or (v->pods, POD_A), BOTH_TYPES,
	              or (v->rules[0], ingress), or (v->rules[1], egress));
}

json_t *apply_step(json_t *object)
{
	json_t *step = json_object();

	json_object_set_new(step, "apply", json_array());
	if (object)
		json_array_append_new(json_object_get(step, "apply"), object);
	return step;
}

static json_t *one_step(json_t *step)
{
	json_t *steps = json_array();

	json_array_append_new(steps, step);
	return steps;
}

static void write_variant(struct output *o, const char *name, const struct variant *v)
{
	write_case(o, name, one_step(apply_step(base_policy(v))));
}

static const char *direction(int d)
{
	return d ? "egress" : "ingress";
}

/* ---- target (6), rules (4), peers (112) ------------------------------------------------------ */

static void target(struct output *o)
{
	static const char *const selectors[] = {
		"{}", POD_A,
		"{'matchExpressions': [{'key': 'pod', 'operator': 'In', 'values': ['a', 'b']}]}"
	};
	static const char *const namespaces[] = { "x", "y", "z" };
	char name[128];

	begin_family(o, "target");
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "target: namespace %s", namespaces[i]);
		write_variant(o, name, &(struct variant) { .ns = namespaces[i] });
	}
	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "target: pod selector %zu", i + 1);
		write_variant(o, name, &(struct variant) { .pods = selectors[i] });
	}
	end_family(o, 6);
}

static void rules(struct output *o)
{
	begin_family(o, "rules");
	for (int d = 0; d < 2; d++) {
		struct variant none = { 0 }, all = { 0 };

		none.rules[d] = "[]";
		all.rules[d] = "[{}]";
		write_variant(o, d ? "rules: egress, deny all" : "rules: ingress, deny all", &none);
		write_variant(o, d ? "rules: egress, allow all" : "rules: ingress, allow all",
		              &all);
	}
	end_family(o, 4);
}

#define POD_C "'podSelector': {'matchLabels': {'pod': 'c'}}"
#define NS_X  "'namespaceSelector': {'matchLabels': {'ns': 'x'}}"

static const struct {
	const char *name, *peer;
} single_peers[] = {
	{ "all pods", "{'podSelector': {}}" },
	{ "pods by label", "{" POD_C "}" },
	{ "all namespaces", "{'namespaceSelector': {}}" },
	{ "all pods of all namespaces", "{'podSelector': {}, 'namespaceSelector': {}}" },
	{ "pods by label of all namespaces", "{" POD_C ", 'namespaceSelector': {}}" },
	{ "namespaces by label", "{" NS_X "}" },
	{ "all pods of namespaces by label", "{'podSelector': {}, " NS_X "}" },
	{ "pods by label of namespaces by label", "{" POD_C ", " NS_X "}" },
	{ "block", "{'ipBlock': {'cidr': '${z/c}/24'}}" },
	{ "block with exception", "{'ipBlock': {'cidr': '${z/c}/24', 'except': ['${z/c}/28']}}" },
};

#define N_PEERS (sizeof(single_peers) / sizeof(*single_peers))

static void write_peers(struct output *o, int d, size_t first, size_t second)
{
	char name[256], peers[512];
	struct variant v = { 0 };

	v.peers[d] = peers;
	if (first == second) {
		snprintf(name, sizeof(name), "peers: %s, %s", direction(d),
		         single_peers[first].name);
		snprintf(peers, sizeof(peers), "[%s]", single_peers[first].peer);
	} else {
		snprintf(name, sizeof(name), "peers: %s, %s or %s", direction(d),
		         single_peers[first].name, single_peers[second].name);
		snprintf(peers, sizeof(peers), "[%s, %s]", single_peers[first].peer,
		         single_peers[second].peer);
	}
	write_variant(o, name, &v);
}

static void peers(struct output *o)
{
	begin_family(o, "peers");
	for (int d = 0; d < 2; d++) {
		struct variant none = { 0 };

		none.peers[d] = "[]";
		write_variant(o, d ? "peers: egress, none" : "peers: ingress, none", &none);
		for (size_t i = 0; i < N_PEERS; i++) {
			for (size_t k = i; k < N_PEERS; k++)
				write_peers(o, d, i, k);
		}
	}
	end_family(o, 112);
}

/* ---- ports (70) ------------------------------------------------------------------------------ */

static const char *const single_ports[] = {
	"{}", "{'port': 80}", "{'port': 81}", "{'protocol': 'TCP'}",
	"{'protocol': 'TCP', 'port': 80}", "{'protocol': 'TCP', 'port': 81}", "{'protocol': 'UDP'}",
	"{'protocol': 'UDP', 'port': 80}", "{'protocol': 'UDP', 'port': 81}",
	"{'protocol': 'SCTP'}", "{'protocol': 'SCTP', 'port': 80}",
	"{'protocol': 'SCTP', 'port': 81}",
	/* by name */
	"{'protocol': 'TCP', 'port': 'serve-80-tcp'}",
	"{'protocol': 'TCP', 'port': 'serve-81-tcp'}",
	"{'protocol': 'UDP', 'port': 'serve-80-udp'}",
	"{'protocol': 'UDP', 'port': 'serve-81-udp'}",
	"{'protocol': 'SCTP', 'port': 'serve-80-sctp'}",
	"{'protocol': 'SCTP', 'port': 'serve-81-sctp'}",
	/* ranges */
	"{'protocol': 'TCP', 'port': 79, 'endPort': 80}",
	"{'protocol': 'TCP', 'port': 81, 'endPort': 82}",
	"{'protocol': 'UDP', 'port': 79, 'endPort': 81}",
	"{'protocol': 'UDP', 'port': 82, 'endPort': 90}",
	"{'protocol': 'SCTP', 'port': 81, 'endPort': 81}",
	"{'protocol': 'SCTP', 'port': 1, 'endPort': 65535}",
	/* that match nothing: wrong protocol, no such name, nobody serves it */
	"{'protocol': 'TCP', 'port': 'serve-81-udp'}",
	"{'protocol': 'TCP', 'port': 'serve-7981-udp'}", "{'protocol': 'TCP', 'port': 7981}"
};

static const char *const two_ports[] = {
	"{'port': 80}, {'protocol': 'UDP', 'port': 81}",
	"{'protocol': 'TCP', 'port': 80}, {'protocol': 'TCP', 'port': 81}",
	"{'protocol': 'TCP', 'port': 80}, {'protocol': 'TCP', 'port': 80}",
	"{'protocol': 'TCP'}, {'protocol': 'TCP', 'port': 81}",
	"{'protocol': 'TCP', 'port': 80}, {'protocol': 'TCP', 'port': 'serve-81-tcp'}",
	"{'protocol': 'UDP', 'port': 'serve-80-udp'}, {'protocol': 'SCTP', 'port': 80}",
	"{'protocol': 'UDP'}, {'protocol': 'SCTP'}"
};

static void write_ports(struct output *o, int d, const char *ports)
{
	char name[256], list[512];
	struct variant v = { 0 };

	snprintf(list, sizeof(list), "[%s]", ports);
	snprintf(name, sizeof(name), "ports: %s, %s", direction(d), *ports ? ports : "none");
	v.ports[d] = list;
	write_variant(o, name, &v);
}

static void ports(struct output *o)
{
	begin_family(o, "ports");
	for (int d = 0; d < 2; d++) {
		write_ports(o, d, "");
		for (size_t i = 0; i < sizeof(single_ports) / sizeof(*single_ports); i++)
			write_ports(o, d, single_ports[i]);
		for (size_t i = 0; i < sizeof(two_ports) / sizeof(*two_ports); i++)
			write_ports(o, d, two_ports[i]);
	}
	end_family(o, 70);
}

/* ---- conflict (16) --------------------------------------------------------------------------- */

#define NONE      "[]"
#define ALL       "[{}]"
#define ALL_PODS  "[{'%s': [{'namespaceSelector': {}}]}]"
#define ALL_BLOCK "[{'%s': [{'ipBlock': {'cidr': '${any}'}}]}]"
#define NO_PODS   "[{'%s': [{'namespaceSelector': {'matchLabels': {'nobody': 'has-this'}}}]}]"
#define NO_BLOCK                                             \
	"[{'%s': [{'ipBlock': {'cidr': '203.0.113.0/31'}}, " \
	"{'ipBlock': {'cidr': '2001:db8::/127'}}]}]"
#define SOURCE      "x", "{'matchLabels': {'pod': 'b'}}"
#define DESTINATION "y", "{'matchLabels': {'pod': 'c'}}"

/* A policy of one direction; "%s" in @rules is the key of its peers. */
static json_t *one_sided(int d, const char *ns, const char *pods, const char *name,
                         const char *rules)
{
	char *text = strdup(rules), *key = text ? strstr(text, "%s") : NULL, filled[512];
	json_t *ret;

	snprintf(filled, sizeof(filled), "%s", rules);
	if (key) {
		*key = '\0';
		snprintf(filled, sizeof(filled), "%s%s%s", text, d ? "to" : "from", key + 2);
	}
	free(text);
	ret = policy(ns, name, pods, d ? "['Egress']" : "['Ingress']", d ? "null" : filled,
	             d ? filled : "null");
	return ret;
}

/* Cyclonus lets DNS out wherever it isolates egress. */
static void write_conflict(struct output *o, const char *name, json_t *first, json_t *second)
{
	json_t *step = apply_step(first);
	json_t *objects = json_object_get(step, "apply");

	if (second)
		json_array_append_new(objects, second);
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *spec = json_object_get(json_array_get(objects, i), "spec");

		if (json_is_null(json_object_get(spec, "egress")))
			continue;
		json_array_append_new(objects,
		                      policy("x", "allow-dns", "{'matchLabels': {'pod': 'b'}}",
		                             "['Egress']", "null", "[" DNS "]"));
		break;
	}
	write_case(o, name, one_step(step));
}

static void conflicts_of(struct output *o, int d)
{
	static const struct {
		const char *name, *first, *second;
	} stacked[] = {
		{ "nobody and all pods", NONE, ALL_PODS },
		{ "nobody and all addresses", NONE, ALL_BLOCK },
		{ "no address and all pods", NO_BLOCK, ALL_PODS },
		{ "no pod and all addresses", NO_PODS, ALL_BLOCK },
		{ "no address", NO_BLOCK, NULL },
		{ "no pod", NO_PODS, NULL },
	};

	for (size_t i = 0; i < sizeof(stacked) / sizeof(*stacked); i++) {
		char name[128];

		snprintf(name, sizeof(name), "conflict: %s, %s", direction(d), stacked[i].name);
		write_conflict(o, name, one_sided(d, SOURCE, "first", stacked[i].first),
		               stacked[i].second ? one_sided(d, SOURCE, "second", stacked[i].second)
		                                 : NULL);
	}
}

static void conflict(struct output *o)
{
	begin_family(o, "conflict");
	write_conflict(o, "conflict: egress denies, ingress allows",
	               one_sided(1, SOURCE, "none", NONE), one_sided(0, DESTINATION, "all", ALL));
	write_conflict(o, "conflict: egress allows, ingress denies",
	               one_sided(1, SOURCE, "all", ALL), one_sided(0, DESTINATION, "none", NONE));
	write_conflict(o, "conflict: egress, nobody and everybody",
	               one_sided(1, SOURCE, "none", NONE), one_sided(1, SOURCE, "all", ALL));
	write_conflict(o, "conflict: ingress, nobody and everybody",
	               one_sided(0, DESTINATION, "none", NONE),
	               one_sided(0, DESTINATION, "all", ALL));
	conflicts_of(o, 1);
	conflicts_of(o, 0);
	end_family(o, 16);
}

void cyclonus(struct output *o)
{
	target(o);
	rules(o);
	peers(o);
	ports(o);
	conflict(o);
	cyclonus_changes(o);
	if (o->cases != 230 || o->steps != 256)
		give_up("cyclonus: %u cases, %u steps instead of 230 and 256", o->cases, o->steps);
}
