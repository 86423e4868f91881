/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - aligned columns for people
 */
#ifndef CNIDA_CLI_TABLE_H
#define CNIDA_CLI_TABLE_H

#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	size_t columns;
	char **cells; /* owned; rows one after another */
	size_t n, cap;
};

/* table_init() - Start with the headings, NULL-terminated. table_add() appends one cell (a copy; NULL or "" prints as "-"). Memory
 * that runs out leaves a cell empty. */
void table_init(struct table *t, const char *const headings[]);
void table_add(struct table *t, const char *cell);
/* table_print() - Columns as wide as their widest cell, two spaces between; control characters replaced. @colour: bold headings. */
void table_print(const struct table *t, FILE *out, int colour);
void table_free(struct table *t);

#endif
