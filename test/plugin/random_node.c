/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random_node.c - the node before, between and after random sequences: equal to the line
 *
 * Some things are made by the first pod and stay for the next ones. They are named here, kind by kind: what the first
 * pods leave must match one of these patterns, and from then on not a single line may change.
 */
#include "test/lib/plugin_state.h"
#include "test/plugin/random.h"
#include "test/plugin/suites.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 50 /* times 100 ms, for what the kernel takes away in the background */

static const char *const folders[] = { "/run/cnida", "/run/cni", "/var/lib/cni", NULL };

/* Of the first pods; "-": gone since the beginning. */
static const struct {
	const char *pattern, *why;
} kept[] = {
	{ "+link * rnd? bridge *", "the bridge" },
	{ "+addr rnd? *", "its gateway addresses" },
	{ "+route * dev=rnd? *", "and what the kernel makes of them" },
	{ "+qdisc * dev rnd? *", "" },
	{ "+sysctl net/ipv?/*/rnd?/*", "" },
	{ "-sysctl net/ipv4/ip_forward = 0 ", "forwarding" },
	{ "+sysctl net/ipv4/ip_forward = 1 ", "" },
	{ "[-+]sysctl net/ipv[46]/conf/*/forwarding = ? ", "" },
	{ "[-+]sysctl net/ipv4/conf/*/*_redirects = ? ", "a side of forwarding in the kernel" },
	{ "+nft table inet cnida*", "the fixed tables, without an element" },
	{ "+nft table bridge cnida*", "" },
	{ "+nft table netdev cnida*", "" },
	{ "+file /run/cnida/*.lock", "locks" },
	{ "+file /run/cnida/tables/*", "notes that a table is there" },
	{ "+file /run/cnida/ipam/*", "host-local's index" },
	{ "+file /var/lib/cni/networks/*/last_reserved_ip.?", "host-local's own files" },
	{ "+file /var/lib/cni/networks/*/lock", "" },
};

static struct state cold, warm;

void random_node_begin(void)
{
	state_take_all(folders, &cold);
}

static bool may_stay(const char *line)
{
	for (size_t i = 0; i < N(kept); i++)
		if (fnmatch(kept[i].pattern, line, 0) == 0)
			return true;
	return false;
}

static void judge(struct suite *s, char sign, const char *line)
{
	char *text = textf("%c%s", sign, line);

	if (getenv("RANDOM_KEPT"))
		printf("kept: %s\n", text);
	if (!may_stay(text))
		expect(s, false, "what the first pods leave", "only what all pods share", "%s",
		       text);
	free(text);
}

void random_node_warm(struct suite *s)
{
	size_t i = 0, k = 0;

	state_take_all(folders, &warm);
	while (i < cold.n || k < warm.n) {
		int c = i >= cold.n ? 1 : k >= warm.n ? -1 : strcmp(cold.line[i], warm.line[k]);

		if (c < 0)
			judge(s, '-', cold.line[i]);
		else if (c > 0)
			judge(s, '+', warm.line[k]);
		i += c <= 0;
		k += c >= 0;
	}
}

void random_node_end(struct suite *s, const char *name)
{
	char *diff = NULL;

	for (unsigned int i = 0; i < TRIES; i++) {
		_cleanup_state_ struct state now = { 0 };

		if (i > 0)
			usleep(100000);
		free(diff);
		state_take_all(folders, &now);
		diff = state_diff(&warm, &now);
		if (!diff)
			break;
	}
	expect(s, !diff, name, "rules, links, qdiscs, sysctls and files as before", "%s",
	       diff ? diff : "");
	free(diff);
}
