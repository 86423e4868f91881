/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.c - what came of the checks: lines, a table family x plugin type, JSON, Markdown
 */
#include "test/conformance/report.h"

#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

static char *check_name(const struct check *c)
{
	return textf("%s %s/%s%s%s", c->type, c->family, c->name, *c->row_name ? ": " : "",
	             c->row_name);
}

/* Is it as it should be? */
static bool is_good(const struct check *c, const struct outcome *o, bool control)
{
	if (control && c->deviation)
		return o->code == RUN_FAILED;
	return o->code == RUN_PASSED;
}

static void line(const struct check *c, const struct outcome *o, bool control)
{
	char *name = check_name(c);
	const char *text = o->text ? o->text : "";

	if (o->code == RUN_SKIPPED)
		printf("skip: conformance %s: %s\n", name, text);
	else if (o->code == RUN_FAILED && c->deviation)
		printf("%s %s: %s [%s]: %s\n", control ? "ok known deviation" : "known deviation",
		       name, str(c->deviation, "reason"), str(c->deviation, "spec"), text);
	else if (o->code == RUN_PASSED)
		printf("FAIL %s: expected the known deviation (%s), found none\n", name,
		       str(c->deviation, "reason"));
	else
		printf("FAIL %s: %s [%s]\n", name, *text ? text : "the check itself ended",
		       str(c->doc, "source"));
	free(name);
}

void report_lines(const struct plan *p, const struct outcome *o, bool print, struct verdict *ret)
{
	for (size_t i = 0; i < p->n; i++) {
		bool good = is_good(&p->check[i], &o[i], ret->control);

		if (o[i].code == RUN_SKIPPED)
			ret->skipped++;
		else if (good)
			ret->passed++;
		else
			ret->failed++;
		if (print && (o[i].code != RUN_PASSED || !good))
			line(&p->check[i], &o[i], ret->control);
	}
}

struct cell {
	size_t passed, total;
};

static struct cell count(const struct plan *p, const struct outcome *o, const char *family,
                         const char *type)
{
	struct cell c = { 0, 0 };

	for (size_t i = 0; i < p->n; i++) {
		if ((family && strcmp(p->check[i].family, family) != 0) ||
		    (type && strcmp(p->check[i].type, type) != 0) || o[i].code == RUN_SKIPPED)
			continue;
		c.total++;
		c.passed += o[i].code == RUN_PASSED;
	}
	return c;
}

static void table_row(const struct plan *p, const struct outcome *o, const char *family,
                      bool markdown)
{
	const char *name = family ? family : "all";

	printf(markdown ? "| %s |" : "%-14s", name);
	for (size_t t = 0; t <= p->n_types; t++) {
		const char *type = t < p->n_types ? p->type[t] : NULL;
		struct cell c = count(p, o, family, type);
		int width = type ? (int)strlen(type) : 5;
		char text[32] = "";

		if (c.total > 0)
			(void)snprintf(text, sizeof(text), "%zu/%zu", c.passed, c.total);
		if (markdown)
			printf(" %s |", text);
		else
			printf(" %*s", width < 8 ? 8 : width, text);
	}
	printf("\n");
}

void report_table(const struct plan *p, const struct outcome *o, bool markdown)
{
	json_t *families = json_object_get(p->types, "families"), *one;
	size_t i;

	printf(markdown ? "| family |" : "%-14s", "family");
	for (size_t t = 0; t <= p->n_types; t++) {
		const char *name = t < p->n_types ? p->type[t] : "total";

		if (markdown)
			printf(" %s |", name);
		else
			printf(" %8s", name);
	}
	printf("\n");
	if (markdown) {
		printf("| --- |");
		for (size_t t = 0; t <= p->n_types; t++)
			printf(" --- |");
		printf("\n");
	}
	json_array_foreach(families, i, one) {
		if (count(p, o, json_string_value(one), NULL).total > 0)
			table_row(p, o, json_string_value(one), markdown);
	}
	table_row(p, o, NULL, markdown);
}

/* One line per reason, in the order of the checks. */
void report_deviations(const struct plan *p, const struct outcome *o)
{
	json_t *seen = json_object(), *entry;
	const char *reason;

	for (size_t i = 0; i < p->n; i++) {
		const struct check *c = &p->check[i];

		if (o[i].code != RUN_FAILED)
			continue;
		reason = c->deviation ? str(c->deviation, "reason") : "no reason given";
		entry = json_object_get(seen, reason);
		if (!entry) {
			entry = json_pack("{s:i,s:s,s:{}}", "n", 0, "spec",
			                  str(c->deviation, "spec"), "where");
			json_object_set_new(seen, reason, entry);
		}
		json_object_set_new(entry, "n",
		                    json_integer(json_integer_value(json_object_get(entry, "n")) +
		                                 1));
		json_object_set_new(json_object_get(entry, "where"), c->type, json_true());
	}
	printf("| checks | what and why | demanded by | types |\n| --- | --- | --- | --- |\n");
	json_object_foreach(seen, reason, entry) {
		const char *type;
		json_t *v;

		printf("| %lld | %s | %s |", json_integer_value(json_object_get(entry, "n")),
		       reason, str(entry, "spec"));
		json_object_foreach(json_object_get(entry, "where"), type, v)
			printf(" %s", type);
		printf(" |\n");
	}
	json_decref(seen);
}

static json_t *check_json(const struct check *c, const struct outcome *o)
{
	static const char *const names[] = { "passed", "failed", "broken", "skipped" };

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s*,s:s*,s:s*}", "type", c->type, "family",
	                 c->family, "case", c->name, "row", c->row_name, "source",
	                 str(c->doc, "source"), "outcome", names[o->code], "found", o->text,
	                 "deviation", c->deviation ? str(c->deviation, "reason") : NULL, "spec",
	                 c->deviation ? str(c->deviation, "spec") : NULL);
}

void report_json(const struct plan *p, const struct outcome *o, const struct verdict *v)
{
	json_t *list = json_array(), *table = json_object(), *one, *row, *doc;
	size_t i;

	for (i = 0; i < p->n; i++)
		json_array_append_new(list, check_json(&p->check[i], &o[i]));
	json_array_foreach(json_object_get(p->types, "families"), i, one) {
		row = json_object();
		for (size_t t = 0; t < p->n_types; t++) {
			struct cell c = count(p, o, json_string_value(one), p->type[t]);

			if (c.total > 0)
				json_object_set_new(row, p->type[t],
				                    json_pack("{s:I,s:I}", "passed",
				                              (json_int_t)c.passed, "total",
				                              (json_int_t)c.total));
		}
		json_object_set_new(table, json_string_value(one), row);
	}
	doc = json_pack("{s:s,s:b,s:I,s:I,s:I,s:o,s:o}", "plugins", p->plugins, "control",
	                v->control, "passed", (json_int_t)v->passed, "failed",
	                (json_int_t)v->failed, "skipped", (json_int_t)v->skipped, "scorecard",
	                table, "checks", list);
	json_dumpf(doc, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(doc);
}
