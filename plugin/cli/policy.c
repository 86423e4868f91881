/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - `cnida policy`: the table of its sub-commands, and what they share
 */
#include "cli/policy.h"

#include "base/cleanup.h"
#include "policy/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, FILE *out);
	const char *help;
} commands[] = {
	{ "apply", policy_cmd_apply, "put NetworkPolicy objects in force, all at once" },
	{ "show", policy_cmd_show, "show the pods of this node and how they are judged" },
	{ "explain", policy_cmd_explain, "say whether a connection is allowed, and by which rule" },
	{ "status", policy_cmd_status,
	  "show what is in force, its age, its maps and their limits" },
	{ "clear", policy_cmd_clear, "no policy any more: let all pods go" },
};

static int help(FILE *out)
{
	(void)fprintf(out, "usage: cnida policy COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(out, "\n\"cnida policy COMMAND --help\" tells more.\n");
	return CLI_OK;
}

int cli_policy(int argc, char **argv, FILE *out)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return help(out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char full[32];

		if (strcmp(commands[i].name, name) != 0)
			continue;
		(void)snprintf(full, sizeof(full), "policy %s", name);
		argv[1] = full;
		return commands[i].run(argc - 1, argv + 1, out);
	}
	(void)fprintf(stderr, "cnida policy: no command \"%s\"; see cnida policy --help\n", name);
	return CLI_USAGE;
}

/* Does the word after this option belong to it? */
static bool takes_value(const struct cli_option *options, const char *text)
{
	for (size_t i = 0; options[i].name; i++) {
		if (strcmp(options[i].name, text + 2) == 0)
			return options[i].arg;
	}
	return false;
}

int policy_operands(int argc, char **argv, const struct cli_option *options, const char *usage,
                    const char *about, int min, int max, const char **ret, FILE *out)
{
	int n = 0, kept = 1, r;

	for (int i = 1; i < argc; i++) {
		bool option = strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-h") == 0;

		if (!option && n < max) {
			ret[n++] = argv[i];
			continue;
		}
		argv[kept++] = argv[i];
		if (option && takes_value(options, argv[i]) && i + 1 < argc)
			argv[kept++] = argv[++i];
	}
	r = cli_options(kept, argv, options, usage, about, out);
	if (r < 0)
		return r;
	if (n < min) {
		(void)fprintf(stderr, "cnida %s: usage: cnida %s\n", argv[0], usage);
		return -1;
	}
	return n;
}

int policy_failed(const char *command, const struct err *e)
{
	(void)fprintf(stderr, "cnida policy %s: %s\n", command, e->msg);
	return CLI_FAILED;
}

int policy_stored(struct objects *ret, struct err *e)
{
	struct snapshot s = { 0 };
	int r;

	objects_init(ret);
	r = snapshot_read(&s, e);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = objects_read(ret, SNAPSHOT_PATH, s.text, s.len, e);
	if (r >= 0)
		r = objects_finish(ret, e);
	snapshot_free(&s);
	return r < 0 ? r : 1;
}

static int by_name(const void *a, const void *b)
{
	const struct apply_pod *x = a, *y = b;
	int c = strcmp(x->namespace, y->namespace);

	return c ? c : strcmp(x->name, y->name);
}

void policy_sort(struct policy_pods *pods)
{
	if (pods->n > 1)
		qsort(pods->v, pods->n, sizeof(*pods->v), by_name);
}
