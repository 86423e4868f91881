/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - what a person types: `cnida list`, `doctor`, `gc`, `policy`, `install`, `uninstall`
 */
#ifndef CNIDA_CLI_CLI_H
#define CNIDA_CLI_CLI_H

#include "base/json.h"

#include <stdio.h>

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What the executable calls itself: doctor finds it in a file that is named cnida, whatever its version. */
#define CLI_TITLE "cnida - CNI plugins in one small executable"

/* cli_main() - Run a sub-command; returns the exit status: 0 done, 1 failed (the reason is on stderr), 2 wrong usage. */
int cli_main(int argc, char **argv);

/* The sub-commands. argv[0] is the sub-command's name; each writes its result to @out and complaints to stderr. */
int cli_list(int argc, char **argv, FILE *out);
int cli_doctor(int argc, char **argv, FILE *out);
int cli_gc(int argc, char **argv, FILE *out);
int cli_policy(int argc, char **argv, FILE *out);
int cli_install(int argc, char **argv, FILE *out);
int cli_uninstall(int argc, char **argv, FILE *out);

/* Options of a sub-command: "--name" or "--name VALUE" / "--name=VALUE". A table ends with a NULL name. */
struct cli_option {
	const char *name;
	const char *arg; /* name of its value in the help; NULL for a switch */
	const char *help;
	const char **value; /* where the value goes (a switch: "") */
};

/* cli_options() - Parse; complains about the unknown, and about operands: no command has any. Returns 0, or -1 (usage), or -2 if
 * --help was asked for and has been printed with @usage (a line) and @about (paragraphs). */
int cli_options(int argc, char **argv, const struct cli_option *options, const char *usage,
                const char *about, FILE *out);

/* cli_print_json() - And forget @doc, which may be NULL: CLI_OK, or CLI_FAILED with a complaint of "cnida @command". */
int cli_print_json(const char *command, json_t *doc, FILE *out);

/* cli_colour() - Is @out a terminal that wants colour (NO_COLOR is not set, TERM is not dumb)? */
int cli_colour(FILE *out);

/* cli_need_root() - Complain unless run as root: 0 or CLI_FAILED. */
int cli_need_root(const char *what);

#endif
