/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * case.h - one case (README.md): its state after each step, placeholders, expectation lines
 *
 * Knows the format and nothing else: who gives pods their addresses and who answers the probes is the caller's
 * business. For each step: case_change(); put "ips" into every pod of s->pods that has none; case_apply(); probe.
 */
#ifndef CNIDA_TEST_POLICY_CASE_H
#define CNIDA_TEST_POLICY_CASE_H

#include "test/policy/oracle.h"

#include <stddef.h>

#define CASE_IPV4 1U /* families of a run, as bits */
#define CASE_IPV6 2U

/* What is true after a step. Owns everything. Kept as struct oracle_world describes it. */
struct case_state {
	json_t *namespaces, *pods, *policies;
};

/* What placeholders stand for that are no pods: IPv4, IPv6. Prefixes with their length. */
struct case_plan {
	const char *node[2], *node_other[2];
	const char *pods[2], *pods_other[2];
};

/* case_load() - Read a file. Return: the case (a new reference), or NULL with the reason in @why. */
json_t *case_load(const char *path, char *why, size_t size);

/* case_start() - Namespaces and pods of the case (the pods without "ips"); free with case_end(). */
void case_start(struct case_state *s, const json_t *c);
void case_end(struct case_state *s);

/* case_change() - New namespaces and pods, labels, phases, deletions. Return: false with the reason in @why. */
bool case_change(struct case_state *s, const json_t *step, char *why, size_t size);

/**
 * case_apply() - The step's policies, placeholders replaced, into s->policies
 *
 * @families:	of the run, CASE_IPV4 | CASE_IPV6
 * Return: false with the reason in @why.
 */
bool case_apply(struct case_state *s, const json_t *step, unsigned int families,
                const struct case_plan *plan, char *why, size_t size);

/* case_world() - The state as the oracle's world, valid until the next change. */
struct oracle_world case_world(const struct case_state *s);

/* One probe, as lines name it. */
struct case_probe {
	const char *from, *to; /* "x/a", "node", "node-other", "10.0.0.9/32" */
	int family;            /* 4 or 6 */
	int proto;             /* IPPROTO_TCP, _UDP, _SCTP, or ORACLE_ECHO */
	int port;
};

enum case_verdict { CASE_BAD_LINE = -1, CASE_DENY, CASE_ALLOW };

/* case_expected() - What the lines say about a probe; with CASE_BAD_LINE *bad is the line. */
enum case_verdict case_expected(const json_t *lines, const struct case_probe *probe,
                                const char **bad);

/* case_names() - Does a line of any step have this name as FROM (@to false) or as TO? */
bool case_names(const json_t *c, const char *name, bool to);

/* case_ports() - The ports that any pod of any step lists, each once, names aside: a new reference. */
json_t *case_ports(const json_t *c);

/* case_proto() - "TCP", "UDP", "SCTP" to its number, or -1. case_proto_name() - and back. */
int case_proto(const char *name);
const char *case_proto_name(int proto);

#endif
