/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c - what the runtime asks: CNI_* environment and network configuration on stdin
 *
 * The order in which things are looked at is visible to runtimes, since only the first fault is
 * reported:
 *   1. the environment, variable by variable: an invalid value ends it at once, missing ones are collected;
 *   2. stdin: reading (5), decoding (6), the network's name (7);
 *   3. the configuration's version, first against the verb, then against what the plugin supports (1).
 */
#include "spec/request.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "spec/quote.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define READ_CHUNK        4096U
#define VERSION_QUOTE_MAX 128

#define FOR(verb)  (1U << (verb))
#define ATTACHMENT (FOR(CNI_ADD) | FOR(CNI_CHECK) | FOR(CNI_DEL))

static const char *const verbs[] = {
	[CNI_ADD] = "ADD", [CNI_CHECK] = "CHECK",   [CNI_DEL] = "DEL",
	[CNI_GC] = "GC",   [CNI_STATUS] = "STATUS", [CNI_VERSION] = "VERSION",
};

const char *cni_verb_str(enum cni_verb verb)
{
	return verbs[verb];
}

int request_verb(enum cni_verb *ret, struct err *e)
{
	const char *text = getenv("CNI_COMMAND");
	char quoted[VERSION_QUOTE_MAX];

	if (!text || *text == '\0')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(text, verbs[i]) == 0) {
			*ret = (enum cni_verb)i;
			return 1;
		}
	}
	quote(text, strlen(text), quoted, sizeof(quoted));
	/* Without the quotes: what they would have escaped is escaped all the same. */
	return err_set(e, CNI_E_ENV, 0, "unknown CNI_COMMAND: %.*s", (int)strlen(quoted) - 2,
	               quoted + 1);
}

bool request_id_valid(const char *id)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	if (*id == '\0' || strchr("_.-", *id))
		return false;
	return id[strspn(id, letters)] == '\0';
}

/* What Go's unicode.IsSpace() knows beyond ASCII, as UTF-8. Looking for the bytes is exact: none of
 * them can begin inside another character. */
static bool has_unicode_space(const char *name)
{
	static const char *const spaces[] = {
		"\xc2\x85", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
		"\u2004",   "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
		"\u2028",   "\u2029", "\u202f", "\u205f", "\u3000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if (strstr(name, spaces[i]))
			return true;
	return false;
}

bool request_ifname_valid(const char *name, const char **ret_why)
{
	if (*name == '\0')
		*ret_why = "interface name is empty";
	else if (strlen(name) > 15)
		*ret_why = "interface name is too long";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		*ret_why = "interface name is . or ..";
	else if (strpbrk(name, "/: \t\n\v\f\r") || has_unicode_space(name))
		*ret_why = "interface name contains / or : or whitespace characters";
	else
		return true;
	return false;
}

static int check_container_id(const char *id, struct err *e)
{
	if (request_id_valid(id))
		return 0;
	(void)err_set(e, CNI_E_ENV, 0, "invalid characters in containerID");
	return err_details(e, "%s", id);
}

static int check_ifname(const char *name, struct err *e)
{
	const char *why;

	if (request_ifname_valid(name, &why))
		return 0;
	(void)err_set(e, CNI_E_ENV, 0, "%s", why);
	if (strlen(name) > 15)
		return err_details(e, "interface name should be less than 16 characters");
	return -EINVAL;
}

/* The variables in upstream's order, the verbs that need each, and what a value that is needed must look like. */
static const struct variable {
	const char *name;
	unsigned int needed;
	size_t offset;
	int (*check)(const char *value, struct err *e);
} variables[] = {
	{ "CNI_CONTAINERID", ATTACHMENT, offsetof(struct request, container_id),
	  check_container_id },
	{ "CNI_NETNS", FOR(CNI_ADD) | FOR(CNI_CHECK), offsetof(struct request, netns), NULL },
	{ "CNI_IFNAME", ATTACHMENT, offsetof(struct request, ifname), check_ifname },
	{ "CNI_ARGS", 0, offsetof(struct request, args), NULL },
	{ "CNI_PATH", ATTACHMENT | FOR(CNI_GC) | FOR(CNI_STATUS), offsetof(struct request, path),
	  NULL },
};

static const char **field_of(struct request *r, const struct variable *v)
{
	return (const char **)(void *)((char *)r + v->offset);
}

/* Everything is read before anything is judged, so that a failed request still says what is known. */
static void read_environment(struct request *r)
{
	const char *text;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		text = getenv(variables[i].name);
		*field_of(r, &variables[i]) = text ? text : "";
	}
	text = getenv("CNI_NETNS_OVERRIDE");
	r->netns_override = text && (strcmp(text, "1") == 0 || strcasecmp(text, "true") == 0);
}

static int check_environment(struct request *r, struct err *e)
{
	char missing[128] = "";

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const struct variable *v = &variables[i];
		const char *value = *field_of(r, v);
		size_t used = strlen(missing);

		if (!(v->needed & FOR(r->verb)))
			continue;
		if (*value == '\0')
			(void)snprintf(missing + used, sizeof(missing) - used, "%s%s",
			               used ? "," : "", v->name);
		else if (v->check && v->check(value, e) < 0)
			return -EINVAL;
	}
	if (*missing)
		return err_set(e, CNI_E_ENV, 0, "required env variables [%s] missing", missing);
	return 0;
}

/* The last step leaves room for the terminator and for the one byte that proves the text too long. */
static int grow(char **text, size_t *cap, struct err *e)
{
	size_t size = *cap ? *cap * 2 : READ_CHUNK;
	char *p;

	if (size > JSON_TEXT_MAX)
		size = JSON_TEXT_MAX + 2;
	p = jalloc(size);
	if (!p)
		return err_sys(e, ENOMEM, "error reading from stdin");
	if (*text)
		memcpy(p, *text, *cap);
	jfree(*text);
	*text = p;
	*cap = size;
	return 0;
}

static int read_stdin(int fd, struct request *r, struct err *e)
{
	size_t cap = 0;
	ssize_t n;
	int ret;

	do {
		if (r->text_len + 1 >= cap) {
			if (cap > JSON_TEXT_MAX)
				return err_set(e, CNI_E_IO, E2BIG,
				               "error reading from stdin: more than %u bytes",
				               JSON_TEXT_MAX);
			ret = grow(&r->text, &cap, e);
			if (ret < 0)
				return ret;
		}
		n = read(fd, r->text + r->text_len, cap - r->text_len - 1);
		if (n > 0)
			r->text_len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));

	if (n < 0) {
		int no = errno;

		return err_set(e, CNI_E_IO, no, "error reading from stdin: %s", err_text(no));
	}
	r->text[r->text_len] = '\0';
	return 0;
}

/* A key that must be text; absent leaves it empty. Another type is a fault of decoding here, as in Go. */
static int get_text(const json_t *config, const char *key, const char **ret, struct err *e)
{
	*ret = "";
	if (jget_str(config, "", key, ret, e) >= 0)
		return 0;
	e->code = CNI_E_DECODE;
	return err_wrap(e, "error unmarshall network config");
}

static int check_name(struct request *r, struct err *e)
{
	int ret = get_text(r->config, "name", &r->network, e);

	if (ret < 0)
		return ret;
	if (*r->network == '\0')
		return err_set(e, CNI_E_CONFIG, 0, "missing network name");
	if (!request_id_valid(r->network)) {
		(void)err_set(e, CNI_E_CONFIG, 0, "invalid characters found in network name");
		return err_details(e, "%s", r->network);
	}
	return 0;
}

/* One part of a version as strconv.Atoi() reads it: an optional sign, decimal digits, nothing else. */
static int parse_part(const char *text, size_t len, int *ret)
{
	bool negative = *text == '-';
	size_t i = negative || *text == '+';
	int value = 0;

	if (i == len)
		return -EINVAL;
	for (; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || value > (INT_MAX - 9) / 10)
			return -EINVAL;
		value = value * 10 + (text[i] - '0');
	}
	*ret = negative ? -value : value;
	return 0;
}

/*
 * The rules on verbs compare numbers, so "1.1" and "1.5.0" are versions here although no plugin
 * supports them: they are refused later, with the list of what is supported.
 */
static int parse_numbers(const char *text, int ret[static 3], struct err *e)
{
	static const char *const parts[] = { "major", "minor", "micro" };
	char quoted[VERSION_QUOTE_MAX];
	const char *p = text;

	memset(ret, 0, 3 * sizeof(*ret));
	if (*text == '\0') {
		ret[1] = 1; /* none given means 0.1.0 */
		return 0;
	}
	for (size_t i = 0;; i++) {
		size_t len = strcspn(p, ".");

		if (i == 3)
			return err_set(e, CNI_E_DECODE, 0, "invalid version %s: too many parts",
			               quote(text, strlen(text), quoted, sizeof(quoted)));
		if (parse_part(p, len, &ret[i]) < 0)
			return err_set(e, CNI_E_DECODE, 0, "failed to convert %s version part %s",
			               parts[i], quote(p, len, quoted, sizeof(quoted)));
		if (p[len] == '\0')
			return 0;
		p += len + 1;
	}
}

static bool at_least(const int a[static 3], const int b[static 3])
{
	for (size_t i = 0; i < 3; i++)
		if (a[i] != b[i])
			return a[i] > b[i];
	return true;
}

static int check_verb_version(const struct request *r, const char *text, struct err *e)
{
	static const int since[][3] = {
		[CNI_CHECK] = { 0, 4, 0 }, [CNI_GC] = { 1, 1, 0 }, [CNI_STATUS] = { 1, 1, 0 }
	};
	static const int newest[3] = { 1, 1, 0 };
	int version[3], ret;

	static_assert(CNI_1_1_0 + 1 == CNI_VERSION_COUNT, "newest[] is the newest version");
	if (r->verb != CNI_CHECK && r->verb != CNI_GC && r->verb != CNI_STATUS)
		return 0;
	ret = parse_numbers(text, version, e);
	if (ret < 0)
		return ret;
	if (!at_least(version, since[r->verb]))
		return err_set(e, CNI_E_VERSION, 0, "config version does not allow %s",
		               verbs[r->verb]);
	if (!at_least(newest, version))
		return err_set(e, CNI_E_VERSION, 0, "plugin version does not allow %s",
		               verbs[r->verb]);
	return 0;
}

static int incompatible(const char *text, enum cni_version min, struct err *e)
{
	char quoted[VERSION_QUOTE_MAX], list[CNI_VERSION_COUNT * 9] = "";

	for (int v = (int)min; v < CNI_VERSION_COUNT; v++) {
		size_t used = strlen(list);

		(void)snprintf(list + used, sizeof(list) - used, "%s\"%s\"", used ? " " : "",
		               cni_version_str((enum cni_version)v));
	}
	(void)err_set(e, CNI_E_VERSION, 0, "incompatible CNI versions");
	return err_details(e, "config is %s, plugin supports [%s]",
	                   quote(text, strlen(text), quoted, sizeof(quoted)), list);
}

static int check_version(struct request *r, enum cni_version min, struct err *e)
{
	const char *text;
	int ret = get_text(r->config, "cniVersion", &text, e);
	int version;

	if (ret == 0)
		ret = check_verb_version(r, text, e);
	if (ret < 0)
		return ret;
	version = cni_version_parse(text);
	if (version < (int)min)
		return incompatible(*text ? text : cni_version_str(CNI_0_1_0), min, e);
	return 0;
}

/* The error document carries the configuration's version even if the error comes before its check. */
static void note_version(struct request *r)
{
	const json_t *value = jget(r->config, "cniVersion");
	int version = -1;

	if (!value)
		version = CNI_0_1_0;
	else if (json_is_string(value))
		version = cni_version_parse(json_string_value(value));
	if (version >= 0)
		r->version = (enum cni_version)version;
}

/*
 * GC removes whatever is not in the list, so an entry that cannot be understood must stop it: it may be
 * the very attachment that is to stay.
 */
static int check_attachments(const json_t *list, const char *key, struct err *e)
{
	static const char *const needed[] = { "containerID", "ifname" };
	const json_t *entry;
	size_t i;
	char found[64], path[64];
	const char *text;

	if (!json_is_array(list))
		return err_set(e, CNI_E_CONFIG, 0, "%s: expected an array, found %s", key,
		               jdescribe(list, found, sizeof(found)));
	json_array_foreach(list, i, entry) {
		(void)snprintf(path, sizeof(path), "%s[%zu]", key, i);
		if (!json_is_object(entry))
			return err_set(e, CNI_E_CONFIG, 0, "%s: expected an object, found %s", path,
			               jdescribe(entry, found, sizeof(found)));
		for (size_t k = 0; k < ARRAY_SIZE(needed); k++) {
			int r = jget_str(entry, path, needed[k], &text, e);

			if (r < 0)
				return r;
			if (r == 0)
				return err_set(e, CNI_E_CONFIG, 0, "%s.%s: missing", path,
				               needed[k]);
		}
	}
	return 0;
}

static int find_attachments(struct request *r, struct err *e)
{
	const char *key = "cni.dev/valid-attachments";

	if (r->verb != CNI_GC)
		return 0;
	r->valid_attachments = jget(r->config, key);
	if (!r->valid_attachments) {
		key = "cni.dev/attachments";
		r->valid_attachments = jget(r->config, key);
	}
	return r->valid_attachments ? check_attachments(r->valid_attachments, key, e) : 0;
}

int request_read(int fd, enum cni_verb verb, enum cni_version min, struct request *ret,
                 struct err *e)
{
	int r;

	*ret = (struct request) { .verb = verb, .version = CNI_VERSION_CURRENT, .network = "" };
	read_environment(ret);
	r = check_environment(ret, e);
	if (r < 0 || verb == CNI_VERSION)
		return r;

	r = read_stdin(fd, ret, e);
	if (r < 0)
		return r;
	r = jparse(ret->text, ret->text_len, &ret->config, e);
	if (r < 0)
		return err_wrap(e, "error unmarshall network config");
	note_version(ret);

	r = check_name(ret, e);
	if (r == 0)
		r = check_version(ret, min, e);
	if (r == 0)
		r = find_attachments(ret, e);
	if (r == 0)
		ret->prev_result = jget(ret->config, "prevResult");
	return r;
}

void request_free(struct request *r)
{
	jfree(r->text);
	json_decref(r->config);
	*r = (struct request) {
		.container_id = "", .netns = "", .ifname = "", .args = "", .path = "", .network = ""
	};
}
