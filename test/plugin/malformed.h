/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * malformed.h - garbage for a plugin: one input at a time
 */
#ifndef CNIDA_TEST_PLUGIN_MALFORMED_H
#define CNIDA_TEST_PLUGIN_MALFORMED_H

#include <stdbool.h>
#include <stddef.h>

#define MALFORMED_STORE "/run/malformed"

/* A NULL variable is a good one; the configuration is always given. */
struct input {
	char name[128];
	const char *conf;
	size_t len;
	const char *id, *netns, *ifname, *args, *path;
	bool must_fail; /* ADD has to refuse it; else it may be taken for something sensible */
	bool big;       /* megabytes: not with every verb */
};

/* malformed_valid() - A configuration that the type accepts; malloc'ed. */
char *malformed_valid(const char *type, const char *version);

/* malformed_each() - Call @fn with every input for a type. */
void malformed_each(const char *type, const char *version,
                    void (*fn)(const struct input *in, void *arg), void *arg);

#endif
