/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.h - the node that pods are soaked on: its weather, and what it has before and after
 */
#ifndef CNIDA_TEST_SOAK_NODE_H
#define CNIDA_TEST_SOAK_NODE_H

#include "test/lib/plugin_suite.h"

#define SOAK_STORE "/var/lib/cni/networks"

/* How often it was bad, and how often `policy apply` failed: it may not. */
struct soak_weather {
	unsigned int flushes, applies, refused, full, read_only;
};

/* soak_node_begin() - A small file system for the store, and a policy in force. @dir: the plugins. */
void soak_node_begin(const char *dir);

/* soak_bad_weather() - The @i-th change; returns when it is over. soak_fair_weather() - Policy as at the beginning. */
void soak_bad_weather(unsigned int i, const char *dir, struct soak_weather *said);
void soak_fair_weather(const char *dir);

/* soak_collect() - `cnida gc`: who is killed while it puts back what a flush took may leave something of another pod, that no DEL
 * comes for any more. Prints how much. */
void soak_collect(const char *dir);

struct soak_node;
/* soak_node_take() - Everything that can be counted; lives until the program ends. */
struct soak_node *soak_node_take(const char *dir);
/* soak_node_compare() - It must be the same now. Waits for what the kernel takes away in the background. */
void soak_node_compare(struct suite *s, const struct soak_node *before, unsigned int pods);

#endif
