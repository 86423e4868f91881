/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gc.c - `cnida gc`: remove what dead containers left, restore what live ones lost
 */
#include "endpoint/gc.h"
#include "cli/cli.h"
#include "ipam/store.h"

static void seen(const char *what, const char *why, void *arg)
{
	(void)fprintf(arg, "%s: %s\n", what, why);
}

int cli_gc(int argc, char **argv, FILE *out)
{
	const char *dry_run = NULL, *data_dir = STORE_DIR_DEFAULT;
	const struct cli_option options[] = {
		{ "dry-run", NULL, "only show what would be removed", &dry_run },
		{ "data-dir", "DIR", "where host-local's stores are (" STORE_DIR_DEFAULT ")",
		  &data_dir },
		{ NULL, NULL, NULL, NULL },
	};
	struct err e;
	int n, i = cli_options(
		       argc, argv, options, "gc [--dry-run] [--data-dir DIR]",
		       "Removes attachments whose network namespace is gone, addresses whose owner is\n"
		       "dead, and orphaned nftables elements, of all networks; then restores what a\n"
		       "flush of the ruleset took from running pods. containerd never asks for this;\n"
		       "cnida does it by itself only when a pool of addresses runs out.",
		       out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("gc") != CLI_OK)
		return CLI_FAILED;
	n = gc_sweep(data_dir, dry_run != NULL, seen, out, &e);
	if (n < 0) {
		(void)fprintf(stderr, "cnida gc: %s\n", e.msg);
		return CLI_FAILED;
	}
	(void)fprintf(out, "%d %s\n", n, dry_run ? "would be removed" : "removed");
	return CLI_OK;
}
