/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_conf.c - the configuration key "policy"
 */
#include "endpoint/policy_conf.h"

#include "base/cleanup.h"

#include <string.h>

#define FLOWS_MIN     64
#define FLOWS_MAX     (4 << 20)
#define ENDPOINTS_MIN 16
#define ENDPOINTS_MAX 65536

/* A word of a key and what it means. */
struct word {
	const char *text;
	int value;
};

/* The key's value as one of the words; *ret is left alone if the key is absent. */
static int read_word(const json_t *obj, const char *key, const struct word *words, size_t n,
                     int *ret, struct err *e)
{
	char expected[128] = "";
	const char *text;
	size_t len = 0;
	int r = jget_str(obj, "policy", key, &text, e);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i].text, text) == 0) {
			*ret = words[i].value;
			return 0;
		}
	}
	for (size_t i = 0; i < n && len < sizeof(expected); i++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s\"%s\"",
		                        i == 0       ? ""
		                        : i + 1 == n ? " or "
		                                     : ", ",
		                        words[i].text);
	return err_set(e, CNI_E_CONFIG, 0, "policy.%s: expected %s, found \"%s\"", key, expected,
	               text);
}

static int read_backend(const json_t *obj, struct policy_conf *c, struct err *e)
{
	static const struct word words[] = {
		{ "auto", POLICY_AUTO },
		{ "ebpf", POLICY_EBPF },
		{ "nftables", POLICY_NFTABLES },
		{ "none", POLICY_NONE },
	};
	int value = POLICY_AUTO;
	int r = read_word(obj, "backend", words, ARRAY_SIZE(words), &value, e);

	if (r < 0)
		return r;
	c->backend = (enum policy_backend)value;
	return 0;
}

static int read_choices(const json_t *obj, struct policy_conf *c, struct err *e)
{
	static const struct word unknowns[] = { { "isolate", false }, { "allow", true } };
	static const struct word fails[] = { { "closed", POLICY_FAIL_CLOSED },
		                             { "isolate", POLICY_FAIL_ISOLATE },
		                             { "open", POLICY_FAIL_OPEN } };
	int unknown = false, fail = POLICY_FAIL_CLOSED;
	int r = read_word(obj, "unknown", unknowns, ARRAY_SIZE(unknowns), &unknown, e);

	if (r == 0)
		r = read_word(obj, "fail", fails, ARRAY_SIZE(fails), &fail, e);
	c->allow_unknown = unknown;
	c->fail = (enum policy_fail)fail;
	return r;
}

static int read_sizes(const json_t *obj, struct policy_conf *c, struct err *e)
{
	int64_t flows = 0, endpoints = 0;
	int r = jget_int(obj, "policy", "flows", FLOWS_MIN, FLOWS_MAX, &flows, e);

	if (r >= 0)
		r = jget_int(obj, "policy", "endpoints", ENDPOINTS_MIN, ENDPOINTS_MAX, &endpoints,
		             e);
	c->flows = (uint32_t)flows;
	c->endpoints = (uint32_t)endpoints;
	return r < 0 ? r : 0;
}

int policy_conf_parse(const json_t *conf, const char *type, struct policy_conf *ret, struct err *e)
{
	struct policy_conf c = { .backend = POLICY_NONE, .fastpath = true };
	json_t *obj = NULL;
	int r;

	*ret = c;
	if (strcmp(type, "cnida") == 0)
		c.backend = POLICY_AUTO;
	r = jget_obj(conf, "", "policy", &obj, e);
	if (r > 0)
		r = read_backend(obj, &c, e);
	if (r == 0 && obj)
		r = read_choices(obj, &c, e);
	if (r == 0 && obj)
		r = read_sizes(obj, &c, e);
	if (r == 0 && obj) {
		r = jget_bool(obj, "policy", "fastpath", &c.fastpath, e);
		c.says_fastpath = r > 0;
	}
	if (r < 0)
		return r;
	*ret = c;
	return 0;
}
