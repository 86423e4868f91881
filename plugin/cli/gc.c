/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gc.c - `cnida gc`: remove what dead containers left, restore what live ones lost
 */
#include "endpoint/gc.h"
#include "base/json.h"
#include "cli/cli.h"
#include "ipam/store.h"

struct telling {
	FILE *out;
	json_t *rows; /* NULL: lines for people */
};

static void seen(const char *what, const char *why, void *arg)
{
	struct telling *t = arg;
	json_t *row;

	if (!t->rows) {
		(void)fprintf(t->out, "%s: %s\n", what, why);
		return;
	}
	row = json_object();
	(void)jset(row, "what", json_string(what));
	(void)jset(row, "why", json_string(why));
	(void)json_array_append_new(t->rows, row);
}

static int tell_end(struct telling *t, int n, bool dry_run)
{
	json_t *doc;

	if (!t->rows) {
		(void)fprintf(t->out, "%d %s\n", n, dry_run ? "would be removed" : "removed");
		return CLI_OK;
	}
	doc = json_object();
	(void)jset(doc, "dryRun", json_boolean(dry_run));
	(void)jset(doc, "found", json_incref(t->rows));
	return cli_print_json("gc", doc, t->out);
}

int cli_gc(int argc, char **argv, FILE *out)
{
	const char *dry_run = NULL, *json = NULL, *data_dir = STORE_DIR_DEFAULT;
	const struct cli_option options[] = {
		{ "dry-run", NULL, "only show what would be removed", &dry_run },
		{ "json", NULL, "an object instead of lines", &json },
		{ "data-dir", "DIR", "where host-local's stores are (" STORE_DIR_DEFAULT ")",
		  &data_dir },
		{ NULL, NULL, NULL, NULL },
	};
	struct telling t = { .out = out };
	struct err e;
	int n, status,
		i = cli_options(
			argc, argv, options, "gc [--dry-run] [--json] [--data-dir DIR]",
			"Removes attachments whose network namespace is gone, addresses whose owner is\n"
			"dead, and orphaned nftables elements, of all networks; then restores what a\n"
			"flush of the ruleset took from running pods. containerd never asks for this;\n"
			"cnida does it by itself only when a pool of addresses runs out.",
			out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("gc") != CLI_OK)
		return CLI_FAILED;
	if (json)
		t.rows = json_array();
	n = gc_sweep(data_dir, dry_run != NULL, seen, &t, &e);
	if (n < 0)
		(void)fprintf(stderr, "cnida gc: %s\n", e.msg);
	status = n < 0 ? CLI_FAILED : tell_end(&t, n, dry_run != NULL);
	json_decref(t.rows);
	return status;
}
