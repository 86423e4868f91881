/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.c - the table of sub-commands, and options
 */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv, FILE *out);
	const char *help;
};

static int help(int argc, char **argv, FILE *out);
static int version(int argc, char **argv, FILE *out);

static const struct command commands[] = {
	{ "list", cli_list, "show what is attached on this node" },
	{ "doctor", cli_doctor,
	  "look for what is missing, stale or misconfigured, and say what to do" },
	{ "gc", cli_gc, "remove what dead containers left, restore what live ones lost" },
	{ "policy", cli_policy, "network policy: apply, show, explain, status, clear" },
	{ "install", cli_install, "put the plugins into the node's CNI folder" },
	{ "uninstall", cli_uninstall, "take the plugins and everything of cnida off the node" },
	{ "version", version, "show the version" },
	{ "help", help, "show this, or with a COMMAND its options" },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int unknown_command(const char *name)
{
	(void)fprintf(stderr, "cnida: no command \"%s\"; see cnida help\n", name);
	return CLI_USAGE;
}

static int version(int argc, char **argv, FILE *out)
{
	static const struct cli_option none[] = { { NULL, NULL, NULL, NULL } };
	int i = cli_options(argc, argv, none, "version", "Shows the version.", out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	(void)fprintf(out, "cnida " CNIDA_VERSION "\n");
	return CLI_OK;
}

static int help_for(const char *name, FILE *out)
{
	const struct command *command = find_command(name);
	char asked[] = "--help";
	char *argv[] = { NULL, asked, NULL };

	if (!command || command->run == help)
		return command ? help(1, argv, out) : unknown_command(name);
	argv[0] = strdup(command->name);
	if (argv[0])
		(void)command->run(2, argv, out);
	free(argv[0]);
	return CLI_OK;
}

static int help(int argc, char **argv, FILE *out)
{
	if (argc > 1)
		return help_for(argv[1], out);
	(void)fprintf(out, CLI_TITLE "\n\nusage: cnida COMMAND [OPTION...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
	(void)fprintf(
		out,
		"\n\"cnida COMMAND --help\" tells more; cnida(8) and cnida-config(5) tell all.\n"
		"A container runtime runs it with CNI_COMMAND set, under a plugin's name.\n");
	return CLI_OK;
}

int cli_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";
	const struct command *command;
	int status;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	command = find_command(name);
	if (!command)
		return unknown_command(name);
	status = command->run(argc - 1, argv + 1, stdout);
	/* A full disk or a closed pipe must not look like success. */
	if ((ferror(stdout) || fflush(stdout) != 0) && status == CLI_OK) {
		(void)fprintf(stderr, "cnida: cannot write: %s\n", err_text(errno));
		status = CLI_FAILED;
	}
	return status;
}

static void print_help(const struct cli_option *options, const char *usage, const char *about,
                       FILE *out)
{
	(void)fprintf(out, "usage: cnida %s\n\n%s\n", usage, about);
	for (size_t i = 0; options[i].name; i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "--%s%s%s", options[i].name,
		               options[i].arg ? " " : "", options[i].arg ? options[i].arg : "");
		(void)fprintf(out, "%s  %-18s %s\n", i == 0 ? "\n" : "", left, options[i].help);
	}
}

/* The option that @text ("--name" or "--name=VALUE") means; *ret_value is the value after '=' or NULL. */
static const struct cli_option *find_option(const struct cli_option *options, const char *text,
                                            const char **ret_value)
{
	size_t len = strcspn(text + 2, "=");

	*ret_value = text[2 + len] == '=' ? text + 2 + len + 1 : NULL;
	for (size_t i = 0; options[i].name; i++) {
		if (strlen(options[i].name) == len && strncmp(options[i].name, text + 2, len) == 0)
			return &options[i];
	}
	return NULL;
}

static int usage_error(const char *command, const char *what, const char *text)
{
	(void)fprintf(stderr, "cnida %s: %s \"%s\"; see cnida %s --help\n", command, what, text,
	              command);
	return -1;
}

int cli_options(int argc, char **argv, const struct cli_option *options, const char *usage,
                const char *about, FILE *out)
{
	for (int i = 1; i < argc; i++) {
		const struct cli_option *option;
		const char *value;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(options, usage, about, out);
			return -2;
		}
		/* No command has operands: what looks like one is a slip ("gc dry-run"), and may be a costly one. */
		if (strncmp(argv[i], "--", 2) != 0)
			return usage_error(argv[0], "unexpected argument", argv[i]);
		option = find_option(options, argv[i], &value);
		if (!option)
			return usage_error(argv[0], "unknown option", argv[i]);
		if (!option->arg && value)
			return usage_error(argv[0], "no value goes with", argv[i]);
		if (option->arg && !value) {
			if (i + 1 == argc)
				return usage_error(argv[0], "a value is missing after", argv[i]);
			value = argv[++i];
		}
		*option->value = value ? value : "";
	}
	return 0;
}

int cli_print_json(const char *command, json_t *doc, FILE *out)
{
	_cleanup_jfree_ char *text = NULL;
	int r = doc ? jdump(doc, false, &text) : -ENOMEM;

	json_decref(doc);
	if (r < 0) {
		(void)fprintf(stderr, "cnida %s: out of memory\n", command);
		return CLI_FAILED;
	}
	(void)fprintf(out, "%s\n", text);
	return CLI_OK;
}

int cli_colour(FILE *out)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

int cli_need_root(const char *what)
{
	if (geteuid() == 0)
		return CLI_OK;
	(void)fprintf(stderr, "cnida %s: needs root: try again with sudo\n", what);
	return CLI_FAILED;
}
