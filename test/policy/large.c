/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * large.c - rules with more ports, ranges and blocks than others can hold
 *
 * Every list holds what it must allow among thousands of others, and the probes hit first, middle
 * and last items, their neighbours, and the gaps.
 */
#include "test/policy/generate.h"

#include <stdio.h>
#include <string.h>

/* x/a is judged; x/b, y/a and one outside host are peers. */
static json_t *large_case(const char *name, const int *ports, json_t *rule, int d)
{
	const char *seed = d ? "x/a -> 10.0.0.9/32 * deny', 'x/a -> fd00:9::9/128 * deny"
	                     : "10.0.0.9/32 -> x/a * deny', 'fd00:9::9/128 -> x/a * deny";
	json_t *c =
		json("{'namespaces': {'x': {'labels': {}}, 'y': {'labels': {}}}, 'pods': "
	             "[{'namespace': 'x', 'name': 'a', 'labels': {'pod': 'a'}}, "
	             "{'namespace': 'x', 'name': 'b', 'labels': {'pod': 'b'}}, "
	             "{'namespace': 'y', 'name': 'a', 'labels': {'pod': 'a'}}], "
	             "'steps': [{'expect': ['%s'], 'apply': [{'apiVersion': 'networking.k8s.io/v1', "
	             "'kind': 'NetworkPolicy', 'metadata': {'namespace': 'x', 'name': 'large'}, "
	             "'spec': {'podSelector': {'matchLabels': {'pod': 'a'}}, "
	             "'policyTypes': ['%s']}}]}]}",
	             seed, d ? "Egress" : "Ingress");
	json_t *spec = json_object_get(
		json_array_get(json_object_get(json_array_get(json_object_get(c, "steps"), 0),
	                                       "apply"),
	                       0),
		"spec");
	json_t *served = json_array(), *rules = json_array(), *pod;
	size_t i;

	for (; *ports; ports++) {
		json_array_append_new(served, json("{'port': %d, 'protocol': 'TCP'}", *ports));
		json_array_append_new(served, json("{'port': %d, 'protocol': 'UDP'}", *ports));
	}
	json_array_foreach(json_object_get(c, "pods"), i, pod)
		json_object_set(pod, "ports", served);
	json_decref(served);
	json_array_append_new(rules, rule);
	json_object_set_new(spec, d ? "egress" : "ingress", rules);
	json_object_set_new(c, "name", json_string(name));
	return c;
}

static void write_large(struct output *o, const char *what, const int *ports, json_t *rule, int d)
{
	char name[128];

	snprintf(name, sizeof(name), "large: %s, %s", d ? "egress" : "ingress", what);
	write_whole_case(o, large_case(name, ports, rule, d));
}

/* @n ports from @first on, @step apart, each @width wide. */
static json_t *port_list(int n, int first, int step, int width, const char *proto)
{
	json_t *ret = json_array();

	/* Backwards: no order may matter. */
	for (int i = n - 1; i >= 0; i--) {
		int port = first + i * step;

		json_array_append_new(
			ret, width == 1 ? json("{'port': %d, 'protocol': '%s'}", port, proto)
					: json("{'port': %d, 'endPort': %d, 'protocol': '%s'}",
		                               port, port + width - 1, proto));
	}
	return ret;
}

static json_t *port_rule(int d, const char *peer, json_t *ports)
{
	json_t *rule = json("{'%s': [%s]}", d ? "to" : "from", peer);

	json_object_set_new(rule, "ports", ports);
	return rule;
}

static const char pod_b[] = "{'podSelector': {'matchLabels': {'pod': 'b'}}}";
static const char both_hosts[] =
	"{'ipBlock': {'cidr': '10.0.0.9/32'}}, {'ipBlock': {'cidr': 'fd00:9::9/128'}}";

static void many_ports(struct output *o, int d)
{
	static const int few[] = { 999, 1000, 1001, 1002, 1048, 1058, 1060, 0 };
	static const int many[] = { 1999, 2000, 2001, 2002, 3000, 4398, 4399, 4400, 0 };
	static const int ranges[] = { 1999, 2000, 2009, 2010, 2020, 41960, 41989, 41990, 0 };
	json_t *mixed = port_list(600, 2000, 2, 1, "TCP");
	json_t *udp = port_list(600, 2001, 2, 1, "UDP");

	write_large(o, "30 ports of a pod", few,
	            port_rule(d, pod_b, port_list(30, 1000, 2, 1, "TCP")), d);
	write_large(o, "30 ports of a block", few,
	            port_rule(d, both_hosts, port_list(30, 1000, 2, 1, "UDP")), d);
	write_large(o, "1,200 ports of a pod", many,
	            port_rule(d, pod_b, port_list(1200, 2000, 2, 1, "TCP")), d);
	write_large(o, "1,200 ports of a block", many,
	            port_rule(d, both_hosts, port_list(1200, 2000, 2, 1, "TCP")), d);
	write_large(o, "2,000 ranges of a pod", ranges,
	            port_rule(d, pod_b, port_list(2000, 2000, 20, 10, "UDP")), d);
	json_array_extend(mixed, udp);
	json_decref(udp);
	write_large(o, "1,200 ports of two protocols", many, port_rule(d, pod_b, mixed), d);
}

/* Blocks of 16 addresses with a hole, 32 apart, in both families; @own is one of them. */
static json_t *block_rule(int d, int n, const char *own)
{
	json_t *rule = json("{'%s': [%s], 'ports': [{'port': 80}]}", d ? "to" : "from", own);
	json_t *peers = json_object_get(rule, d ? "to" : "from");

	for (int i = 0; i < n; i++) {
		int a = i * 32;

		json_array_append_new(peers, json("{'ipBlock': {'cidr': '172.%d.%d.%d/28', "
		                                  "'except': ['172.%d.%d.%d/32']}}",
		                                  16 + (a >> 16), a >> 8 & 255, a & 255,
		                                  16 + (a >> 16), a >> 8 & 255, (a & 255) + 5));
		json_array_append_new(peers, json("{'ipBlock': {'cidr': 'fd00:77:0:%x::/64', "
		                                  "'except': ['fd00:77:0:%x:8000::/65']}}",
		                                  2 * i, 2 * i));
	}
	return rule;
}

static void many_blocks(struct output *o, int d)
{
	static const int port[] = { 80, 81, 0 };

	write_large(o, "2,400 blocks around a host", port, block_rule(d, 1200, both_hosts), d);
	write_large(
		o, "2,400 blocks and not the host", port,
		block_rule(d, 1200,
	                   "{'ipBlock': {'cidr': '10.0.0.8/29', 'except': ['10.0.0.9/32']}}, "
	                   "{'ipBlock': {'cidr': 'fd00:9::8/125', 'except': ['fd00:9::9/128']}}"),
		d);
	write_large(o, "2,400 blocks and a pod's address", port,
	            block_rule(d, 1200, "{'ipBlock': {'cidr': '${y/a}/32'}}"), d);
}

/* One policy per port instead of one rule for all. */
static void many_policies(struct output *o, int d)
{
	static const int ports[] = { 3000, 3001, 3002, 3099, 3198, 3200, 0 };
	json_t *c = large_case(d ? "large: egress, 100 policies" : "large: ingress, 100 policies",
	                       ports, port_rule(d, pod_b, port_list(1, 3000, 2, 1, "TCP")), d);
	json_t *objects = json_object_get(json_array_get(json_object_get(c, "steps"), 0), "apply");

	for (int i = 1; i < 100; i++) {
		json_t *policy = json_deep_copy(json_array_get(objects, 0));
		json_t *rules =
			json_object_get(json_object_get(policy, "spec"), d ? "egress" : "ingress");
		char name[32];

		snprintf(name, sizeof(name), "large-%d", i);
		json_object_set_new(json_object_get(policy, "metadata"), "name", json_string(name));
		json_array_set_new(rules, 0,
		                   port_rule(d, pod_b, port_list(1, 3000 + 2 * i, 2, 1, "TCP")));
		json_array_append_new(objects, policy);
	}
	write_whole_case(o, c);
}

void large(struct output *o)
{
	for (int d = 0; d < 2; d++) {
		begin_family(o, d ? "egress" : "ingress");
		many_ports(o, d);
		many_blocks(o, d);
		many_policies(o, d);
		end_family(o, 10);
	}
}
