/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - `cnida policy`: what its sub-commands share
 */
#ifndef CNIDA_CLI_POLICY_H
#define CNIDA_CLI_POLICY_H

#include "base/err.h"
#include "base/json.h"
#include "cli/cli.h"
#include "endpoint/policy_node.h"
#include "policy/object.h"

#include <stdbool.h>

#define POLICY_OPERANDS_MAX 8

/* The sub-commands; argv[0] is "policy NAME". */
int policy_cmd_apply(int argc, char **argv, FILE *out);
int policy_cmd_show(int argc, char **argv, FILE *out);
int policy_cmd_explain(int argc, char **argv, FILE *out);
int policy_cmd_status(int argc, char **argv, FILE *out);
int policy_cmd_clear(int argc, char **argv, FILE *out);

/**
 * policy_operands() - Like cli_options(), for commands with operands
 * @min, @max:	how many there must be; their names are in @usage
 * @ret:	room for POLICY_OPERANDS_MAX
 *
 * Return: how many, or -1 and -2 as there.
 */
int policy_operands(int argc, char **argv, const struct cli_option *options, const char *usage,
                    const char *about, int min, int max, const char **ret, FILE *out);

/* policy_failed() - Complain: CLI_FAILED. */
int policy_failed(const char *command, const struct err *e);

/* policy_sort() - By namespace and name. */
void policy_sort(struct policy_pods *pods);

/* policy_stored() - The objects of the snapshot, finished; free with
 * objects_free() also on failure. 1, 0 if there is none, or -errno. */
int policy_stored(struct objects *ret, struct err *e);

#endif
