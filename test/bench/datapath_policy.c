/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_policy.c - the policy under which the datapath is measured
 */
#include "test/bench/datapath_policy.h"

#include "test/bench/datapath_load.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Where two pods drawn at random lie on average: what is read rule by rule, pod by pod, costs these as much. */
unsigned int datapath_client(unsigned int pods)
{
	return pods / 3;
}

unsigned int datapath_server(unsigned int pods)
{
	return pods * 2 / 3;
}

static json_t *pod_object(unsigned int i, bool judged)
{
	char name[32];

	snprintf(name, sizeof(name), DATAPATH_POD, i);
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}, s:{s:[{s:s, s:[{s:i}]}]}}",
	                 "apiVersion", "v1", "kind", "Pod", "metadata", "namespace", "bench",
	                 "name", name, "labels", "role", judged ? "judged" : "other", "spec",
	                 "containers", "name", "main", "ports", "containerPort", (int)LOAD_PORT);
}

/* Neither the address nor the port is the load's. */
static json_t *other_rule(const char *peers, unsigned int i)
{
	char block[32];

	snprintf(block, sizeof(block), "10.%u.%u.%u/32", 64 + (i >> 14), (i >> 6) & 255,
	         (i & 63) * 4);
	return json_pack("{s:[{s:{s:s}}], s:[{s:i}]}", peers, "ipBlock", "cidr", block, "ports",
	                 "port", 10000 + (int)i);
}

/* Only the last lets the load pass. */
static json_t *rule_list(const char *peers, unsigned int rules)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i + 1 < rules; i++)
		json_array_append_new(list, other_rule(peers, i));
	json_array_append_new(list, json_pack("{s:[{s:{s:{s:s}}}], s:[{s:i}]}", peers,
	                                      "podSelector", "matchLabels", "role", "judged",
	                                      "ports", "port", (int)LOAD_PORT));
	return list;
}

static json_t *policy_object(unsigned int rules)
{
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:{s:{s:s}}, s:[s,s], s:o, s:o}}",
	                 "apiVersion", "networking.k8s.io/v1", "kind", "NetworkPolicy", "metadata",
	                 "namespace", "bench", "name", "both-ends", "spec", "podSelector",
	                 "matchLabels", "role", "judged", "policyTypes", "Ingress", "Egress",
	                 "ingress", rule_list("from", rules), "egress", rule_list("to", rules));
}

int datapath_policy(const char *file, unsigned int pods, unsigned int rules)
{
	json_t *items = json_array(), *doc;
	int r;

	json_array_append_new(items, json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind",
	                                       "Namespace", "metadata", "name", "bench"));
	for (unsigned int i = 0; i < pods; i++)
		json_array_append_new(items, pod_object(i, i == datapath_client(pods) ||
		                                                   i == datapath_server(pods)));
	json_array_append_new(items, policy_object(rules));
	doc = json_pack("{s:s, s:s, s:o}", "apiVersion", "v1", "kind", "List", "items", items);
	if (!doc)
		return -ENOMEM;
	r = json_dump_file(doc, file, JSON_COMPACT) < 0 ? -EIO : 0;
	json_decref(doc);
	return r;
}
