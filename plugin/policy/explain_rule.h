/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain_rule.h - what one rule says about one connection
 */
#ifndef CNIDA_POLICY_EXPLAIN_RULE_H
#define CNIDA_POLICY_EXPLAIN_RULE_H

#include "policy/explain.h"

struct connection {
	const struct objects *objects;
	enum direction dir;             /* of the rules that are asked */
	const struct explain_end *peer; /* the end that they talk about: the source for ingress */
	const struct explain_end *dst;  /* whose ports they talk about */
	uint8_t proto;
	uint16_t port; /* host order */
};

/* explain_rule() - Does the rule allow it? *ret_text says why, or is NULL when out of memory. */
bool explain_rule(struct arena *arena, const struct policy *policy, const struct rule *rule,
                  const struct connection *c, const char **ret_text);

#endif
