/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * args.c - CNI_ARGS: "K=V;K=V", in whatever order the runtime's map happens to have
 *
 * Which keys are known is the plugin's business; a key that nobody knows is an error unless the
 * runtime says IgnoreUnknown. Keys are compared exactly, unlike those of the configuration.
 */
#include "spec/quote.h"
#include "spec/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PAIR_QUOTE_MAX 384

static bool key_is(const char *pair, size_t key_len, const char *key)
{
	return strlen(key) == key_len && memcmp(pair, key, key_len) == 0;
}

static bool key_known(const char *pair, size_t key_len, const char *const known[])
{
	if (key_is(pair, key_len, "IgnoreUnknown"))
		return true;
	for (size_t i = 0; known && known[i]; i++)
		if (key_is(pair, key_len, known[i]))
			return true;
	return false;
}

/* The value of IgnoreUnknown: 1 and 0 too, and words in any case. */
static int parse_bool(const char *text)
{
	if (strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0)
		return 1;
	if (strcmp(text, "0") == 0 || strcasecmp(text, "false") == 0)
		return 0;
	return -1;
}

/* Keep a pair; false if key or value are too long for us. */
static bool keep(struct cni_args *args, const char *pair, size_t key_len, size_t len)
{
	struct cni_arg *a = &args->v[args->n];
	size_t value_len = len - key_len - 1;

	if (key_len >= sizeof(a->key) || value_len >= sizeof(a->value))
		return false;
	memcpy(a->key, pair, key_len);
	a->key[key_len] = '\0';
	memcpy(a->value, pair + key_len + 1, value_len);
	a->value[value_len] = '\0';
	args->n++;
	return true;
}

/* The list of unknown pairs for the error text: "a" "b" */
static void list_add(char *list, size_t cap, const char *pair, size_t len)
{
	char quoted[PAIR_QUOTE_MAX];
	size_t used = strlen(list);

	(void)snprintf(list + used, cap - used, "%s%s", used ? " " : "",
	               quote(pair, len, quoted, sizeof(quoted)));
}

static int parse_pair(const char *pair, size_t len, const char *const known[], struct cni_args *ret,
                      char *unknown, size_t cap, struct err *e)
{
	char quoted[PAIR_QUOTE_MAX];
	const char *eq = memchr(pair, '=', len);

	if (!eq || memchr(eq + 1, '=', len - (size_t)(eq + 1 - pair)))
		return err_set(e, CNI_E_INTERNAL, 0, "ARGS: invalid pair %s",
		               quote(pair, len, quoted, sizeof(quoted)));
	if (ret->n == CNI_ARGS_MAX)
		return err_set(e, CNI_E_INTERNAL, 0, "ARGS: more than %d pairs in CNI_ARGS",
		               CNI_ARGS_MAX);

	size_t key_len = (size_t)(eq - pair);
	bool is_known = key_known(pair, key_len, known);

	if (!is_known)
		list_add(unknown, cap, pair, len);
	/* An unknown pair that is too long is somebody else's: it is in the list, and that is all. */
	if (!keep(ret, pair, key_len, len) && is_known)
		return err_set(e, CNI_E_INTERNAL, 0, "ARGS: value of pair %s is too long",
		               quote(pair, len, quoted, sizeof(quoted)));
	return 0;
}

int cni_args_parse(const char *text, const char *const known[], struct cni_args *ret, struct err *e)
{
	char unknown[ERR_MSG_MAX] = "";
	const char *value;
	int ignore = 0, r;

	ret->n = 0;
	while (*text) {
		size_t len = strcspn(text, ";");

		r = parse_pair(text, len, known, ret, unknown, sizeof(unknown), e);
		if (r < 0)
			return r;
		text += len;
		if (*text == '\0')
			break;
		/* A separator at the end is followed by an empty pair, which is none. */
		if (*++text == '\0')
			return err_set(e, CNI_E_INTERNAL, 0, "ARGS: invalid pair \"\"");
	}

	value = cni_args_get(ret, "IgnoreUnknown");
	if (value) {
		char quoted[PAIR_QUOTE_MAX];

		ignore = parse_bool(value);
		if (ignore < 0)
			return err_set(
				e, CNI_E_INTERNAL, 0,
				"ARGS: error parsing value of IgnoreUnknown: invalid input %s",
				quote(value, strlen(value), quoted, sizeof(quoted)));
	}
	if (*unknown && !ignore)
		return err_set(e, CNI_E_INTERNAL, 0, "ARGS: unknown args [%s]", unknown);
	return 0;
}

const char *cni_args_get(const struct cni_args *args, const char *key)
{
	/* From the end: of two values for one key the later one counts. */
	for (size_t i = args->n; i > 0; i--)
		if (strcmp(args->v[i - 1].key, key) == 0)
			return args->v[i - 1].value;
	return NULL;
}
