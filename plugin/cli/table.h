/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h - aligned columns for people
 */
#ifndef CNIDA_CLI_TABLE_H
#define CNIDA_CLI_TABLE_H

#include "base/ip.h"

#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct text_cell {
	char text[512]; /* cut off */
};

struct text_table {
	size_t columns;
	struct text_cell *cells; /* owned; rows one after another */
	size_t n, cap;
};

/* text_table_init() - Start with the headings, NULL-terminated. text_table_add() appends one cell (a copy; NULL or "" prints
 * as "-"). When memory runs out, what is added is left out. */
void text_table_init(struct text_table *t, const char *const headings[]);
void text_table_add(struct text_table *t, const char *text);
/* text_table_print() - Columns as wide as their widest cell, two spaces between; control characters replaced. @colour: bold
 * headings. */
void text_table_print(const struct text_table *t, FILE *out, int colour);
void text_table_free(struct text_table *t);

/* cell_age() - "12s", "3h": since a time in seconds since the epoch, 0 if it is unknown. */
void cell_age(int64_t since, char *buf, size_t cap);
/* cell_addresses() - "10.1.2.3,fd00::3". */
void cell_addresses(const struct ip_prefix *ips, size_t n, char *buf, size_t cap);

#endif
