/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.h - what the random sequences share: the node's pods, seen by all workers
 */
#ifndef CNIDA_TEST_PLUGIN_RANDOM_H
#define CNIDA_TEST_PLUGIN_RANDOM_H

#include "test/lib/plugin_chain.h"
#include "test/lib/plugin_suite.h"

#define LISTS 2 /* four plugins in a chain; the one type */
#define SLOTS 8 /* pods of each */
#define VERBS 6

/* What is known of a pod. */
enum slot_state {
	CLEAN,    /* nothing of it may be there: ADD must succeed */
	ATTACHED, /* ADD succeeded: CHECK must succeed */
	DIRTY,    /* anything may be there: a verb was killed or failed */
};

struct slot {
	int busy;    /* a worker has it */
	bool adding; /* and attaches it */
	/* Some verbs run without having the pod, beside whoever has it. */
	int strangers;       /* that run now */
	unsigned int visits; /* of strangers so far */
	enum slot_state state;
	bool gone; /* its network namespace was destroyed */
	struct pod pod;
	char result[8192]; /* of the last ADD that succeeded; "" for none */
};

/* In memory that all workers share. */
struct arena {
	struct slot slot[LISTS][SLOTS];
	unsigned int next; /* sequence */
	unsigned int calls[VERBS], killed[VERBS], refused[VERBS];
	unsigned int passed, failed;
};

/* node_begin() - The node as it is now. */
void random_node_begin(void);
/* random_node_warm() - After a first pod of each list has come and gone: what it left must be of the kinds that cnida keeps. */
void random_node_warm(struct suite *s);
/* random_node_end() - Must be as it was warm. */
void random_node_end(struct suite *s, const char *name);

#endif
