/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * generate.c - write the suites that no hand wants to write
 *
 *	generate FOLDER		FOLDER/cyclonus/NAME.json, FOLDER/large/NAME.json
 */
#include "test/policy/generate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void give_up(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

json_t *json(const char *fmt, ...)
{
	char *text = NULL;
	json_error_t e;
	json_t *ret;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		give_up("no memory");
	va_end(ap);
	for (char *p = text; *p; p++) {
		if (*p == '\'')
			*p = '"';
	}
	ret = json_loads(text, JSON_DECODE_ANY, &e);
	if (!ret)
		give_up("%s: %s", e.text, text);
	free(text);
	return ret;
}

/* ---- the usual nine pods --------------------------------------------------------------------- */

static json_t *nine_pods(void)
{
	json_t *pods = json_array();

	for (const char *ns = "xyz"; *ns; ns++) {
		for (const char *name = "abc"; *name; name++) {
			json_array_append_new(
				pods,
				json("{'namespace': '%c', 'name': '%c', 'labels': {'pod': '%c'}}",
			             *ns, *name, *name));
		}
	}
	return pods;
}

/* Ports 80 and 81 of the three protocols, for every pod that lists none. */
static void serve(json_t *pods)
{
	static const char *const protos[][2] = { { "TCP", "tcp" },
		                                 { "UDP", "udp" },
		                                 { "SCTP", "sctp" } };
	json_t *pod;
	size_t i;

	json_array_foreach(pods, i, pod) {
		json_t *ports = json_array();

		for (int port = 80; port <= 81; port++) {
			for (size_t k = 0; k < 3; k++) {
				json_array_append_new(ports,
				                      json("{'name': 'serve-%d-%s', 'port': %d, "
				                           "'protocol': '%s'}",
				                           port, protos[k][1], port, protos[k][0]));
			}
		}
		if (!json_object_get(pod, "ports"))
			json_object_set(pod, "ports", ports);
		json_decref(ports);
	}
}

/* ---- files ----------------------------------------------------------------------------------- */

void begin_family(struct output *o, const char *family)
{
	o->family = family;
	o->of_family = 0;
}

void end_family(const struct output *o, unsigned int expected)
{
	if (o->of_family != expected)
		give_up("%s: %s: %u cases instead of %u", o->suite, o->family, o->of_family,
		        expected);
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		give_up("%s: %s", path, strerror(errno));
}

void write_whole_case(struct output *o, json_t *c)
{
	json_t *steps = json_object_get(c, "steps"), *step;
	char path[4096];
	size_t i;

	serve(json_object_get(c, "pods"));
	json_array_foreach(steps, i, step)
		serve(json_object_get(step, "pods"));
	if (derive_lines(c) != 0)
		give_up("%s: %s", o->family, json_string_value(json_object_get(c, "name")));
	o->cases++;
	o->of_family++;
	o->steps += (unsigned int)json_array_size(steps);
	snprintf(path, sizeof(path), "%s/%s/%s-%03u.json", o->folder, o->suite, o->family,
	         o->of_family);
	if (json_dump_file(c, path, JSON_INDENT(1)) != 0)
		give_up("%s: %s", path, strerror(errno));
	json_decref(c);
}

void write_case(struct output *o, const char *name, json_t *steps)
{
	json_t *c =
		json("{'namespaces': {'x': {'labels': {'ns': 'x'}}, 'y': {'labels': {'ns': 'y'}}, "
	             "'z': {'labels': {'ns': 'z'}}}, 'services': 'each'}");

	json_object_set_new(c, "name", json_string(name));
	json_object_set_new(c, "pods", nine_pods());
	json_object_set_new(c, "steps", steps);
	write_whole_case(o, c);
}

static void write_suite(const char *folder, const char *suite, void (*fn)(struct output *))
{
	struct output o = { .folder = folder, .suite = suite };
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, suite);
	make_folder(path);
	fn(&o);
	printf("%s: %u cases, %u steps\n", suite, o.cases, o.steps);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		give_up("usage: generate FOLDER");
	make_folder(argv[1]);
	write_suite(argv[1], "cyclonus", cyclonus);
	write_suite(argv[1], "large", large);
	return 0;
}
