/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.c - what the conformance runner is going to do: cases and plugin types read from files, one check per row
 */
#include "test/conformance/plan.h"

#include "test/lib/plugin_suite.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("cni-conformance: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static json_t *load(const char *path)
{
	json_error_t e;
	json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &e);

	if (!doc)
		die("%s:%d: %s", path, e.line, e.text);
	return doc;
}

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

static bool contains(const json_t *list, const char *text)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		if (strcmp(json_string_value(one), text) == 0)
			return true;
	}
	return false;
}

/* ---- plugin types of the folder */

static bool is_there(const char *dir, const json_t *type)
{
	json_t *plugin;
	size_t i;

	json_array_foreach(json_object_get(type, "plugins"), i, plugin) {
		char *path = textf("%s/%s", dir, str(plugin, "type"));
		bool is = access(path, X_OK) == 0;

		free(path);
		if (!is)
			return false;
	}
	return true;
}

/* What the plugin says when it is asked for its version; the oldest there is if it says nothing of use. */
static void ask_version(const struct plan *p, const json_t *type, char ret[static 16])
{
	const json_t *plugins = json_object_get(type, "plugins"), *list;
	const json_t *last = json_array_get(plugins, json_array_size(plugins) - 1);
	const char *conf = "{\"cniVersion\":\"0.4.0\"}";
	char *path = textf("%s/%s", p->plugins, str(last, "type"));
	struct plugin_call call = {
		.path = path, .command = "VERSION", .in = conf, .in_len = strlen(conf)
	};
	_cleanup_run_ struct plugin_run run = { 0 };
	json_t *doc = NULL, *v;
	size_t i;

	(void)snprintf(ret, 16, "0.1.0");
	if (plugin_exec(&call, &run) == 0)
		doc = run_json(&run);
	list = json_object_get(doc, "supportedVersions");
	json_array_foreach(list, i, v) {
		if (json_is_string(v) && strcmp(json_string_value(v), ret) > 0)
			(void)snprintf(ret, 16, "%s", json_string_value(v));
	}
	json_decref(doc);
	free(path);
}

static void find_types(struct plan *p, const char *only)
{
	json_t *all = json_object_get(p->types, "types"), *type;
	const char *name;

	p->type = calloc(json_object_size(all) + 1, sizeof(*p->type));
	p->newest = calloc(json_object_size(all) + 1, sizeof(*p->newest));
	if (!p->type || !p->newest)
		die("memory");
	json_object_foreach(all, name, type) {
		if ((only && strcmp(only, name) != 0) || !is_there(p->plugins, type))
			continue;
		ask_version(p, type, p->newest[p->n_types]);
		p->type[p->n_types++] = name;
	}
	if (only && !json_object_get(all, only))
		die("types.json has no type \"%s\"", only);
	if (p->n_types == 0)
		die("%s: no plugin of a known type", p->plugins);
}

const char *plan_newest(const struct plan *p, const char *type)
{
	for (size_t i = 0; i < p->n_types; i++) {
		if (strcmp(p->type[i], type) == 0)
			return p->newest[i];
	}
	return "0.1.0";
}

/* ---- cases */

/* "types" names types and groups of types; "!name" takes one out again. */
static bool applies(const struct plan *p, const json_t *list, const char *type)
{
	const json_t *def = json_object_get(json_object_get(p->types, "types"), type);
	const json_t *groups = json_object_get(def, "groups");
	bool yes = false;
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		const char *name = json_string_value(one);

		if (name[0] == '!')
			yes = yes && strcmp(name + 1, type) != 0 && !contains(groups, name + 1);
		else
			yes = yes || strcmp(name, type) == 0 || contains(groups, name);
	}
	return yes;
}

/* A list of one or more deviations: the first that is about the type. */
static json_t *deviation_of(const struct plan *p, const json_t *obj, const char *type)
{
	json_t *up = json_object_get(obj, "upstream"), *one;
	size_t i;

	if (!up)
		return NULL;
	json_array_foreach(up, i, one) {
		json_t *types = json_object_get(one, "types");

		if (!*str(one, "reason") || !*str(one, "spec"))
			die("an upstream entry has no reason or no spec");
		if (!types || applies(p, types, type))
			return one;
	}
	return NULL;
}

static void add_check(struct plan *p, json_t *doc, json_t *row, const char *type)
{
	json_t *deviation = deviation_of(p, row, type);

	p->check = reallocarray(p->check, p->n + 1, sizeof(*p->check));
	if (!p->check)
		die("memory");
	p->check[p->n++] = (struct check) {
		.family = str(doc, "family"),
		.name = str(doc, "case"),
		.row_name = str(row, "name"),
		.type = type,
		.doc = doc,
		.row = row,
		.deviation = deviation ? deviation : deviation_of(p, doc, type),
	};
}

static void add_checks(struct plan *p, json_t *doc)
{
	json_t *rows = json_object_get(doc, "rows"), *row;
	size_t i;

	for (size_t t = 0; t < p->n_types; t++) {
		if (!applies(p, json_object_get(doc, "types"), p->type[t]))
			continue;
		if (!rows)
			add_check(p, doc, NULL, p->type[t]);
		json_array_foreach(rows, i, row) {
			json_t *types = json_object_get(row, "types");

			if (!types || applies(p, types, p->type[t]))
				add_check(p, doc, row, p->type[t]);
		}
	}
}

static void check_form(const char *path, const json_t *doc)
{
	static const char *const known[] = { "title",  "source", "types",   "rows",     "steps",
		                             "net",    "patch",  "define",  "upstream", "needs",
		                             "family", "case",   "seconds", "shared",   NULL };
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)doc, key, v) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			die("%s: unknown key \"%s\"", path, key);
	}
	if (!*str(doc, "title") || !*str(doc, "source") || !json_object_get(doc, "types") ||
	    !json_object_get(doc, "steps"))
		die("%s: title, source, types and steps are required", path);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void read_family(struct plan *p, const char *dir, const char *family,
                        const struct plan_filter *f)
{
	char *top = textf("%s/cases/%s", dir, family);
	struct dirent **list;
	int n = scandir(top, &list, visible, alphasort);

	if (n < 0)
		die("%s: %s", top, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *path = textf("%s/%s/case.json", top, list[i]->d_name);

		if (!f->name || text_matches(f->name, list[i]->d_name)) {
			json_t *doc = load(path);

			json_object_set_new(doc, "family", json_string(family));
			json_object_set_new(doc, "case", json_string(list[i]->d_name));
			check_form(path, doc);
			json_array_append_new(p->cases, doc);
			add_checks(p, doc);
		}
		free(path);
		free(list[i]);
	}
	free((void *)list);
	free(top);
}

void plan_read(struct plan *p, const char *dir, const char *plugins, const struct plan_filter *f)
{
	char *types = textf("%s/types.json", dir);
	json_t *families, *one;
	size_t i;

	*p = (struct plan) { .plugins = plugins, .types = load(types), .cases = json_array() };
	free(types);
	find_types(p, f->only);
	families = json_object_get(p->types, "families");
	json_array_foreach(families, i, one) {
		if (!f->family || strcmp(f->family, json_string_value(one)) == 0)
			read_family(p, dir, json_string_value(one), f);
	}
	if (p->n == 0)
		die("no case is left");
}

void plan_free(struct plan *p)
{
	json_decref(p->types);
	json_decref(p->cases);
	free((void *)p->type);
	free(p->newest);
	free(p->check);
}
