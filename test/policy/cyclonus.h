/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cyclonus.h - what the families of the cyclonus suite are made of
 */
#ifndef CNIDA_TEST_POLICY_CYCLONUS_H
#define CNIDA_TEST_POLICY_CYCLONUS_H

#include "test/policy/generate.h"

#define POD_A "{'matchLabels': {'pod': 'a'}}"
#define DNS   "{'ports': [{'port': 53, 'protocol': 'UDP'}, {'port': 53, 'protocol': 'TCP'}]}"

/* What of the base policy a case replaces, as JSON texts; NULL: nothing. */
struct variant {
	const char *ns, *pods;
	const char *rules[2], *peers[2], *ports[2]; /* ingress, egress */
};

/* policy() - A NetworkPolicy; all but the names are JSON texts. */
json_t *policy(const char *ns, const char *name, const char *pods, const char *types,
               const char *ingress, const char *egress);
json_t *base_policy(const struct variant *v);

/* apply_step() - A step that applies the object (stolen); NULL: none. */
json_t *apply_step(json_t *object);

/* cyclonus_changes() - Families in which something changes between steps: action, example, namespace, upstream e2e. */
void cyclonus_changes(struct output *o);

#endif
