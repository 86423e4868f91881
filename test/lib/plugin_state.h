/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_state.h - what a node has: links, addresses, routes, rules, files; taken twice and compared
 *
 * Left out is what changes by itself: carrier and counters, MAC addresses of bridges, link-local addresses, the
 * files that host-local keeps (last_reserved_ip.N, lock) and other lock files.
 */
#ifndef CNIDA_TEST_PLUGIN_STATE_H
#define CNIDA_TEST_PLUGIN_STATE_H

#include <stdbool.h>
#include <stddef.h>

struct state {
	char **line; /* sorted */
	size_t n;
};

/**
 * state_take() - The state of this network namespace, and of some folders
 * @folders:	NULL-terminated; all files in them, by name. One that does not exist is empty
 *
 * Ends the program if ip(8) or nft(8) cannot be run.
 */
void state_take(const char *const folders[], struct state *ret);
/* state_take_all() - The same with qdiscs, sysctls below net, and every file, whatever its name. */
void state_take_all(const char *const folders[], struct state *ret);
void state_free(struct state *s);
#define _cleanup_state_ __attribute__((cleanup(state_free)))

/* state_diff() - NULL if they are equal, else up to ten lines "-gone" and "+new" in one text, malloc'ed. */
char *state_diff(const struct state *before, const struct state *after);

/* state_links() - How many links this namespace has: cheap. */
int state_links(void);

/* remove_tree() - rm -rf. */
void remove_tree(const char *path);

#endif
