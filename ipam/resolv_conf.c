/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolv_conf.c - a resolv.conf as the "dns" object of a result
 *
 * Upstream's reading of the format: of "nameserver" and "domain" the first word counts, "search"
 * and "options" add up over lines, and what has no value or begins otherwise, comments too, is
 * skipped.
 */
#include "ipam/resolv_conf.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#define RESOLV_CONF_MAX (64U << 10)
#define BLANK           " \t\r\v\f"

/* Add a word to a list of the object. Text that is not UTF-8 cannot be said in JSON. */
static bool add_word(json_t *dns, const char *key, const char *word)
{
	json_t *list = json_object_get(dns, key);

	if (!list) {
		list = json_array();
		if (json_object_set_new(dns, key, list) < 0)
			return false;
	}
	return json_array_append_new(list, json_string(word)) == 0;
}

static bool add_line(json_t *dns, char *line)
{
	char *save, *key = strtok_r(line, BLANK, &save),
		    *word = key ? strtok_r(NULL, BLANK, &save) : NULL;
	bool ok = true;

	if (!word)
		return true;
	if (strcmp(key, "nameserver") == 0)
		return add_word(dns, "nameservers", word);
	if (strcmp(key, "domain") == 0)
		return json_object_set_new(dns, "domain", json_string(word)) == 0;
	if (strcmp(key, "search") != 0 && strcmp(key, "options") != 0)
		return true;
	for (; word && ok; word = strtok_r(NULL, BLANK, &save))
		ok = add_word(dns, key, word);
	return ok;
}

int resolv_conf_read(const char *path, json_t **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	json_auto_t *dns = json_object();
	char *save, *line;
	ssize_t n = fs_read_all(AT_FDCWD, path, RESOLV_CONF_MAX, &text, e);

	*ret = NULL;
	if (n < 0)
		return (int)n;
	if (!dns)
		return err_sys(e, ENOMEM, "read %s", path);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!add_line(dns, line))
			return err_set(e, CNI_E_CONFIG, 0, "%s: a line is not valid text", path);
	if (json_object_size(dns) > 0)
		*ret = take_ptr(dns);
	return 0;
}
