/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cyclonus_changes.c - families of cyclonus in which policies, pods and namespaces come and go
 */
#include "test/policy/cyclonus.h"

#include <stdio.h>

#define INGRESS    "['Ingress']"
#define EGRESS     "['Egress']"
#define BOTH       "['Ingress', 'Egress']"
#define POD_B      "{'matchLabels': {'pod': 'b'}}"
#define NS_Y       "{'matchLabels': {'ns': 'y'}}"
#define NO_STEP    NULL
#define STEPS(...) steps((json_t *[]) { __VA_ARGS__, NO_STEP })

static json_t *steps(json_t **v)
{
	json_t *ret = json_array();

	for (; *v; v++)
		json_array_append_new(ret, *v);
	return ret;
}

static json_t *base(void)
{
	return base_policy(&(struct variant) { 0 });
}

static json_t *add(json_t *step, json_t *object)
{
	json_array_append_new(json_object_get(step, "apply"), object);
	return step;
}

/* A step that only probes. */
static json_t *look(void)
{
	return json("{}");
}

/* ---- action (6 cases, 16 steps) -------------------------------------------------------------- */

static void action(struct output *o)
{
	const struct variant udp = { .ports[0] = "[{'protocol': 'UDP', 'port': 'serve-81-udp'}]" };
	const struct variant label = {
		.peers[0] = "[{'namespaceSelector': {'matchLabels': {'new-ns': 'qrs'}}}]"
	};
	const struct variant pod_label = {
		.peers[0] = "[{'podSelector': {'matchLabels': {'new-label': 'abc'}}, "
			    "'namespaceSelector': "
			    "{'matchExpressions': [{'key': 'ns', 'operator': 'In', "
			    "'values': ['y', 'z']}]}}]"
	};

	begin_family(o, "action");
	write_case(o, "action: create and delete a policy",
	           STEPS(apply_step(base()), json("{'delete': ['NetworkPolicy/x/base']}")));
	write_case(o, "action: create and update a policy",
	           STEPS(apply_step(base()), apply_step(base_policy(&udp))));
	write_case(o, "action: create and delete a namespace",
	           STEPS(apply_step(base()),
	                 json("{'namespaces': {'y-2': {'labels': {'ns': 'y'}}}, 'pods': "
	                      "[{'namespace': 'y-2', 'name': 'a', 'labels': {'pod': 'a'}}, "
	                      "{'namespace': 'y-2', 'name': 'b', 'labels': {'pod': 'b'}}]}"),
	                 json("{'delete': ['Namespace/y-2']}")));
	write_case(o, "action: labels of a namespace come and go",
	           STEPS(apply_step(base_policy(&label)),
	                 json("{'labels': {'y': {'ns': 'y', 'new-ns': 'qrs'}}}"),
	                 json("{'labels': {'y': {'ns': 'y'}}}")));
	write_case(o, "action: create and delete a pod",
	           STEPS(apply_step(base()),
	                 json("{'pods': [{'namespace': 'x', 'name': 'd', "
	                      "'labels': {'pod': 'd'}}]}"),
	                 json("{'delete': ['Pod/x/d']}")));
	write_case(o, "action: labels of a pod come and go",
	           STEPS(apply_step(base_policy(&pod_label)),
	                 json("{'labels': {'y/b': {'pod': 'b', 'new-label': 'abc'}}}"),
	                 json("{'labels': {'y/b': {'pod': 'b'}}}")));
	end_family(o, 6);
}

/* ---- example (1 case, 7 steps), namespace (2) ------------------------------------------------ */

static void example(struct output *o)
{
	json_t *named = policy("x", "allow-all", "{}", INGRESS,
	                       "[{'ports': [{'port': 'serve-81-tcp'}]}]", "null");

	begin_family(o, "example");
	write_case(o, "example: one named port while pods and namespaces come and go",
	           STEPS(apply_step(named),
	                 json("{'namespaces': {'w': {'labels': {'ns': 'w'}}}, 'pods': "
	                      "[{'namespace': 'w', 'name': 'a', 'labels': {'pod': 'a'}}]}"),
	                 json("{'delete': ['Pod/w/a']}"), json("{'delete': ['Namespace/w']}"),
	                 look(), look(), look()));
	end_family(o, 1);
}

static void namespace(struct output *o)
{
	begin_family(o, "namespace");
	for (int d = 0; d < 2; d++) {
		struct variant v = { 0 };

		v.peers[d] = "[{'namespaceSelector': {'matchLabels': "
			     "{'kubernetes.io/metadata.name': 'z'}}}]";
		write_case(o,
		           d ? "namespace: egress, by default label"
		             : "namespace: ingress, by default label",
		           STEPS(apply_step(base_policy(&v))));
	}
	end_family(o, 2);
}

/* ---- upstream e2e as cyclonus has it (13 cases, 23 steps) ------------------------------------ */

static json_t *from_y(const char *name, int port)
{
	char rules[256];

	snprintf(rules, sizeof(rules),
	         "[{'from': [{'namespaceSelector': " NS_Y
	         "}], 'ports': [{'port': %d, 'protocol': 'TCP'}]}]",
	         port);
	return policy("x", name, POD_A, INGRESS, rules, "null");
}

static void e2e_one(struct output *o)
{
	write_case(o, "e2e: default-deny-ingress",
	           STEPS(apply_step(policy("x", "deny-ingress", "{}", INGRESS, "[]", "null"))));
	write_case(o, "e2e: default-deny-all",
	           STEPS(apply_step(
			   policy("x", "deny-all-allow-dns", "{}", BOTH, "[]", "[" DNS "]"))));
	write_case(o, "e2e: several pod and namespace selectors",
	           STEPS(apply_step(policy(
			   "x", "allow-ns-y-z-pod-b-c", POD_A, INGRESS,
			   "[{'from': [{'namespaceSelector': {'matchExpressions': [{'key': 'ns', "
			   "'operator': 'NotIn', 'values': ['x']}]}, 'podSelector': "
			   "{'matchExpressions': [{'key': 'pod', 'operator': 'In', "
			   "'values': ['b', 'c']}]}}]}]",
			   "null"))));
	write_case(o, "e2e: stacked policies with overlapping selectors",
	           STEPS(apply_step(from_y("allow-81", 81)), look(),
	                 apply_step(from_y("allow-80", 80))));
	write_case(o, "e2e: allow all",
	           STEPS(apply_step(policy("x", "allow-all", "{}", INGRESS, "[{}]", "null")),
	                 look()));
	write_case(o, "e2e: ingress on one named port",
	           STEPS(apply_step(policy("x", "allow-all", "{'matchLabels': {}}", INGRESS,
	                                   "[{'ports': [{'port': 'serve-81-tcp'}]}]", "null")),
	                 look()));
	write_case(o, "e2e: updated policy",
	           STEPS(apply_step(policy("x", "mutates", "{}", INGRESS, "[{}]", "null")),
	                 apply_step(policy("x", "mutates", "{}", INGRESS, "[]", "null"))));
}

static void e2e_labels(struct output *o)
{
	write_case(o, "e2e: ingress from updated namespace",
	           STEPS(apply_step(policy("x", "allow", POD_A, INGRESS,
	                                   "[{'from': [{'namespaceSelector': {'matchLabels': "
	                                   "{'ns2': 'updated'}}}]}]",
	                                   "null")),
	                 json("{'labels': {'y': {'ns': 'y', 'ns2': 'updated'}}}")));
	write_case(o, "e2e: ingress from updated pod",
	           STEPS(apply_step(policy("x", "allow", POD_A, INGRESS,
	                                   "[{'from': [{'podSelector': {'matchLabels': "
	                                   "{'pod': 'b', 'pod2': 'updated'}}}]}]",
	                                   "null")),
	                 json("{'labels': {'x/b': {'pod': 'b', 'pod2': 'updated'}}}")));
	write_case(o, "e2e: ingress to updated pod",
	           STEPS(apply_step(policy("x", "deny", "{'matchLabels': {'target': 'isolated'}}",
	                                   INGRESS, "[]", "null")),
	                 json("{'labels': {'x/a': {'target': 'isolated'}}}")));
}

static void e2e_both(struct output *o)
{
	static const char *const from_x =
		"[{'from': [{'namespaceSelector': {'matchLabels': {'ns': 'x'}}, "
		"'podSelector': " POD_A "}]}]";
	json_t *client =
		policy("x", "allow-to-ns-y-pod-a", POD_A, EGRESS, "null",
	               "[{'to': [{'namespaceSelector': " NS_Y ", 'podSelector': " POD_A "}]}, "
	               "{'ports': [{'protocol': 'UDP', 'port': 53}]}]");

	write_case(o, "e2e: ingress and egress together",
	           STEPS(apply_step(policy(
				 "x", "both", POD_A, BOTH,
				 "[{'from': [{'podSelector': " POD_B "}]}]",
				 "[{'ports': [{'port': 80}, {'protocol': 'UDP', 'port': 53}]}]")),
	                 look()));
	write_case(o, "e2e: egress denied on the client side",
	           STEPS(add(add(apply_step(client),
	                         policy("y", "from-xa-on-ya", POD_A, INGRESS, from_x, "null")),
	                     policy("y", "from-xa-on-yb", POD_B, INGRESS, from_x, "null"))));
	write_case(o, "e2e: policies end when they are deleted",
	           STEPS(apply_step(policy("x", "deny-all", "{}", BOTH, "[]", "[]")),
	                 json("{'delete': ['NetworkPolicy/x/deny-all']}")));
}

void cyclonus_changes(struct output *o)
{
	action(o);
	example(o);
	namespace(o);
	begin_family(o, "e2e");
	e2e_one(o);
	e2e_labels(o);
	e2e_both(o);
	end_family(o, 13);
}
