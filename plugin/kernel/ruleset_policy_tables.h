/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_tables.h - sets, chains and rules of the policy's tables, for ruleset_policy.c
 */
#ifndef CNIDA_KERNEL_RULESET_POLICY_TABLES_H
#define CNIDA_KERNEL_RULESET_POLICY_TABLES_H

#include "kernel/nftables.h"
#include "kernel/ruleset_policy.h"

/* What each side has. Of a pair, the IPv4 one comes first. */
enum policy_set {
	SET_OUT4,
	SET_OUT6,
	SET_IN4,
	SET_IN6,
	SET_EGRESS4,
	SET_EGRESS6,
	SET_INGRESS4,
	SET_INGRESS6,
	SET_CLASS4,
	SET_CLASS6,
	SET_BLOCK4,
	SET_BLOCK6,
	SET_SELF4,
	SET_SELF6,
	SET_CELLS,
	SET_PORTS,
	POLICY_SETS
};

/* Ports whose pod is isolated in a direction: what is not unicast IP does not pass. */
enum policy_bridge_set { SET_CLOSED_OUT, SET_CLOSED_IN, POLICY_BRIDGE_SETS };

extern const struct nft_set policy_sets[2][POLICY_SETS];
extern const struct nft_set policy_bridge_sets[2][POLICY_BRIDGE_SETS];
/* Source check, of no side: ports that are checked, and (port . MAC . address) that may send. In both tables. */
extern const struct nft_set policy_guard_port, policy_guard4, policy_guard6;

/* Only names and families: chains and rules are made by the functions below. */
extern const struct nft_table policy_table, policy_bridge_table;

/* policy_make_messages() - The messages of step @step of making the tables; false if there is no such step. */
bool policy_make_messages(struct nl_batch *b, enum policy_place place, unsigned int step);
/* policy_empty_ports_messages() - A side that is not in force: its set of ports is made anew. Taking out an element costs
 * the kernel as much as the set is large. */
void policy_empty_ports_messages(struct nl_batch *b, unsigned int side);
/* policy_switch_messages() - Lead packets to a side. */
void policy_switch_messages(struct nl_batch *b, enum policy_place place, unsigned int side);

/* policy_chain_each() - All chains that there should be, with the number of rules of each (-1: depends on what is in force).
 * Ends when @fn returns other than 0, which is returned. */
int policy_chain_each(enum policy_place place,
                      int (*fn)(const struct nft_table *t, const char *chain, int n_rules,
                                void *arg),
                      void *arg);

/* The chain whose last rule leads to the side in force, and the name (with the side's number) of the one it leads to. */
const char *policy_dispatch_chain(enum policy_place place);
const char *policy_side_chain(enum policy_place place, unsigned int side);

#endif
