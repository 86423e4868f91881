/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c - aligned columns for people
 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Names come from runtimes and pods: nothing of them may steer the terminal. */
static void put_clean(struct text_cell *cell, const char *text)
{
	(void)snprintf(cell->text, sizeof(cell->text), "%s", text && *text ? text : "-");
	for (char *p = cell->text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
}

void text_table_add(struct text_table *t, const char *text)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct text_cell *cells = reallocarray(t->cells, cap, sizeof(*cells));

		if (!cells)
			return;
		t->cells = cells;
		t->cap = cap;
	}
	put_clean(&t->cells[t->n++], text);
}

void text_table_init(struct text_table *t, const char *const headings[])
{
	*t = (struct text_table) { 0 };
	for (; headings[t->columns] && t->columns < TABLE_COLUMNS_MAX; t->columns++)
		text_table_add(t, headings[t->columns]);
}

void text_table_print(const struct text_table *t, FILE *out, int colour)
{
	size_t width[TABLE_COLUMNS_MAX] = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		size_t len = strlen(t->cells[i].text), *w = &width[i % t->columns];

		*w = len > *w ? len : *w;
	}
	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->columns;
		int last = column + 1 == t->columns || i + 1 == t->n;

		if (i == 0 && colour)
			(void)fputs("\033[1m", out);
		(void)fprintf(out, "%-*s%s", last ? 0 : (int)width[column], t->cells[i].text,
		              last ? "" : "  ");
		if (last)
			(void)fprintf(out, "%s\n", i < t->columns && colour ? "\033[0m" : "");
	}
}

void text_table_free(struct text_table *t)
{
	free(t->cells);
	*t = (struct text_table) { 0 };
}

void cell_age(int64_t since, char *buf, size_t cap)
{
	long long s = (long long)time(NULL) - since;

	if (since == 0 || s < 0)
		(void)snprintf(buf, cap, "-");
	else if (s < 120)
		(void)snprintf(buf, cap, "%llds", s);
	else if (s < 2 * 3600)
		(void)snprintf(buf, cap, "%lldm", s / 60);
	else if (s < 2 * 86400)
		(void)snprintf(buf, cap, "%lldh", s / 3600);
	else
		(void)snprintf(buf, cap, "%lldd", s / 86400);
}

void cell_addresses(const struct ip_prefix *ips, size_t n, char *buf, size_t cap)
{
	char text[IP_STR_MAX];
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < n && len < cap; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s%s", i ? "," : "",
		                        ip_format(&ips[i].addr, text));
}
