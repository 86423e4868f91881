/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_suite.h - a black-box test program for a plugin folder: its node, its cases, its last line
 *
 * A suite plays a node in a network and mount namespace of its own, with empty tmpfs on /run and /var/lib/cni. The
 * kernel drops all of it when the program ends, however it ends, so nothing can be left behind.
 */
#ifndef CNIDA_TEST_PLUGIN_SUITE_H
#define CNIDA_TEST_PLUGIN_SUITE_H

#include "test/lib/plugin_exec.h"
#include "test/lib/plugin_pod.h"

#include <jansson.h>

struct suite {
	const char *name;
	const char *dir; /* plugin folder, absolute */
	char dir_buf[4096];
	unsigned int passed, failed, skipped;
};

/**
 * suite_start() - Begin a suite: enter its node
 * @dir:	plugin folder
 *
 * Ends the program with exit code 2 if there is no such folder or no node can be had.
 */
void suite_start(struct suite *s, const char *name, const char *dir);

/* suite_end() - Print "plugin/NAME: N passed, N failed, N skipped"; the program's exit code. */
int suite_end(struct suite *s);

/* suite_has() - Is there such a plugin in the folder? If not, one skipped case says so. */
bool suite_has(struct suite *s, const char *type);

/* suite_newest() - "1.1.0", or "1.0.0" when the folder's plugins do not know that. */
const char *suite_newest(const struct suite *s);

/* One case. expect() - @ok decides; the rest is printed if it failed: the case's name, what was expected, what was
 * found. Returns @ok. */
bool expect(struct suite *s, bool ok, const char *name, const char *expected, const char *found_fmt,
            ...) __attribute__((format(printf, 5, 6)));
void skip(struct suite *s, const char *name, const char *why);

/* A call of a plugin of the folder. */
struct suite_call {
	const char *type, *verb;
	const struct pod *pod; /* container ID and netns; NULL: neither is set */
	const char *netns;     /* instead of the pod's; NULL: the pod's */
	const char *ifname;    /* NULL: eth0 */
	const char *args;
	const char *conf;
	const char *const *env;
};

/* suite_exec() - Run it. A plugin that cannot be started ends the program. Free with plugin_run_free(). */
void suite_exec(const struct suite *s, const struct suite_call *c, struct plugin_run *ret);

/* suite_call() - The same as a call for plugin_exec(); @path has PATH_MAX bytes. */
struct plugin_call suite_call(const struct suite *s, const struct suite_call *c, char *path);

/**
 * run_problem() - What every answer of a plugin must look like
 *
 * Exit 0 or 1 in time; with exit 1 exactly one error document with "code" and "msg"; with exit 0 one object after ADD, nothing
 * after DEL, CHECK, STATUS and GC; no report of a sanitizer.
 *
 * Return: NULL, or what is wrong (text valid until the next call of the same thread).
 */
const char *run_problem(const struct plugin_run *run, const char *verb);

/* run_brief() - An answer in one line for messages: exit code and the beginning of its output, stderr if that is empty.
 * Valid until the fourth call after it. */
const char *run_brief(const struct plugin_run *run);

/* run_json() - stdout as one document, or NULL. New reference. */
json_t *run_json(const struct plugin_run *run);

/* text_matches() - Equal, where a '*' of the pattern stands for anything. */
bool text_matches(const char *pattern, const char *text);

/* with_prev() - A configuration (an object's text) with "prevResult" added; malloc'ed. */
char *with_prev(const char *conf, const char *result);
/* textf() - asprintf() that ends the program when there is no memory. */
char *textf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
