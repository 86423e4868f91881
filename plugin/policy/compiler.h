/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compiler.h - what the steps of compile() hand to each other
 *
 *	compile_pods.c	 pods -> groups (labels) and kinds (labels and named ports)
 *	compile_rules.c	 policies -> rules in numbers: list of ports, targets (selectors of pods) and address groups
 *	compile_peers.c	 kinds that are in the same targets -> classes of pods as peers
 *	compile_sets.c	 the policies of each kind -> rows: which peers may use which ports
 *	compile_tables.c rows -> classes (equal columns are one) -> struct tables
 *
 * The steps number things as they come. Only the last one gives out the ids of struct tables, in the order of pods and
 * addresses, and merges what no rule can tell apart: so equal policies make equal tables, however they are written.
 *
 * A *peer* is a column of the matrix of rows: 0 is any peer, 1 to n_classes a class of pods (its number + 1), then come
 * the cut classes of blocks.h, without CUT_NONE.
 */
#ifndef CNIDA_POLICY_COMPILER_H
#define CNIDA_POLICY_COMPILER_H

#include "policy/blocks.h"
#include "policy/object.h"
#include "policy/ports.h"
#include "policy/select.h"
#include "policy/tables.h"

#include <errno.h>

#define COST_MAX (1U << 25) /* steps, less than a second */

#define PEER_ANY 0U

/* Pods of one namespace with labels that selectors cannot tell apart; or all that are unknown in the namespace. */
struct pod_group {
	uint32_t namespace; /* index into objects->namespaces; n_namespaces: of the pods that nobody has told of */
	bool unknown;
};

/* Pods of one group with the same numbers behind the named ports that rules use */
struct pod_kind {
	uint32_t group;
	uint32_t class;
	uint32_t ports;  /* into compiler.pod_ports: pairs (name, number), sorted by name */
	uint32_t row[2]; /* by direction: 0 is not isolated, else 1 + number of the row */
};

struct rule_code {
	uint32_t ports; /* list without the named ones */
	bool all_peers;
	size_t first_name, n_names;     /* into compiler.rule_names */
	size_t first_target, n_targets; /* into compiler.rule_targets */
};

struct policy_code {
	size_t first[2], n[2]; /* its rules, by direction, in compiler.rules */
	bool has_names[2];
};

struct compiler {
	const struct objects *o;
	bool relaxed;
	size_t cost;

	/* compile_pods.c */
	struct intern names;      /* of ports, that rules use: protocol, text */
	struct intern pod_ports;  /* number 0: none */
	struct pod_group *groups; /* by namespace; the first of each is that of its unknown pods */
	uint32_t *first_group; /* of each namespace, and of the strangers; n_namespaces + 2 entries */
	struct select pods;    /* items are groups */
	struct select namespaces; /* items are objects->namespaces */
	struct pod_kind *kinds;   /* by group */
	uint32_t *first_kind;     /* of each group; n_groups + 1 entries */
	uint32_t *kind_of_pod;    /* by objects->pods; UINT32_MAX: no peer */
	uint32_t n_groups, n_kinds;

	/* compile_rules.c */
	struct ports ports;
	struct blocks blocks;
	struct policy_code *policies;
	struct rule_code *rules;
	size_t n_rules, cap_rules;
	struct numbers rule_names, rule_targets;
	bool egress_names;               /* some egress rule has a named port */
	struct intern targets;           /* selectors of pods, in the numbers of select_key() */
	struct numbers groups_of_target; /* pairs: group, target */
	struct lists policies_of;        /* of each group */
	bool *isolates[2];               /* in each namespace, by some policy; by direction */

	/* compile_peers.c */
	uint32_t n_classes;
	uint32_t *ports_of_class; /* like pod_kind.ports */
	struct lists classes_of_target, classes_of_name;

	/* compile_sets.c: rows are pairs (peer, list of ports), sorted by peer; row 0 is empty */
	struct intern rows;
	size_t n_cells;
	uint32_t n_peers;
};

/* Each step returns 0, -ENOMEM, or -E2BIG (more than COST_MAX). */
int compile_pods(struct compiler *c);
int compile_rules(struct compiler *c);
int compile_peers(struct compiler *c);
int compile_sets(struct compiler *c);
int compile_tables(struct compiler *c, struct tables *ret);

/* resolve_ports() - List of what the named ports of a rule are on pods with these pod_ports; INTERN_NONE when out of
 * memory. */
uint32_t resolve_ports(struct compiler *c, const struct rule_code *rule, uint32_t ports);

/* find_port_name() - Number of a port's name; INTERN_NONE if no rule uses it. */
uint32_t find_port_name(const struct compiler *c, uint8_t proto, const char *name);

/* spend() - 0, or -E2BIG when the cost of it all is too high. */
static inline int spend(struct compiler *c, size_t cost)
{
	c->cost += cost;
	return c->cost > COST_MAX ? -E2BIG : 0;
}

#endif
