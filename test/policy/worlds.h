/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worlds.h - random worlds of namespaces, pods and policies, small enough that everything collides
 *
 * Deterministic: the same seed makes the same world. What a world holds the API server would accept (but for
 * fields that nobody knows, which it may learn).
 */
#ifndef CNIDA_TEST_POLICY_WORLDS_H
#define CNIDA_TEST_POLICY_WORLDS_H

#include "test/policy/oracle.h"

#include <stddef.h>

struct dice {
	uint64_t state;
};

/* dice() - A number below n. chance() - True in @percent of all cases. */
unsigned int dice(struct dice *d, unsigned int n);
bool chance(struct dice *d, unsigned int percent);

struct world_kind {
	unsigned int pods, policies; /* at most; at least 2 pods */
	bool ipv4_only;
	bool explicit_types; /* every policy says its policyTypes */
	bool no_names;       /* no named ports */
	bool no_strange;     /* no unknown fields, pods, or finished pods */
};

/* Owns what it points to; world_view() lends it to the oracle. */
struct world {
	json_t *namespaces, *pods, *policies;
};

void world_make(struct world *w, struct dice *d, const struct world_kind *kind);
void world_copy(struct world *ret, const struct world *w);
void world_free(struct world *w);
struct oracle_world world_view(const struct world *w);

/* world_policy() - One more policy for a world of this kind (a new reference). */
json_t *world_policy(const struct world *w, struct dice *d, const struct world_kind *kind,
                     const char *name);
/* world_rule() - One more rule (a new reference) with peers under @key, "from" or "to". */
json_t *world_rule(struct dice *d, const struct world_kind *kind, const char *key);

/* world_objects() - What kubectl would print: a List of Namespaces, Pods (those that are known) and policies. */
json_t *world_objects(const struct oracle_world *w);

/* A question about one direction of one pod. */
struct world_question {
	const json_t *pod; /* never hostNetwork */
	enum oracle_direction d;
	struct oracle_end peer;
	int proto, port; /* ORACLE_ECHO with port 0 */
};

/* world_ask() - A random question: peers inside, at the edges of and outside of blocks, ports around those in use. */
void world_ask(const struct world *w, struct dice *d, const struct world_kind *kind,
               struct world_question *ret);

#endif
