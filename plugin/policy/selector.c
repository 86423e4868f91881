/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selector.c - label selectors: reading and asking them
 */
#include "base/cleanup.h"
#include "policy/arena.h"
#include "policy/names.h"
#include "policy/reader.h"

#include <string.h>

static int read_values(struct reader *r, const struct place *at, struct requirement *ret)
{
	struct place value = { .up = at };
	int failed = read_list(r, at, &ret->n_values);

	if (failed < 0 || ret->n_values == 0)
		return failed;
	ret->values = arena_alloc(r->o->arena, ret->n_values, sizeof(*ret->values));
	if (!ret->values)
		return read_no_memory(r);
	for (size_t i = 0; i < ret->n_values; i++) {
		read_element(r, at, &value);
		failed = read_text(r, &value, &ret->values[i]);
		if (failed < 0)
			return failed;
		if (!name_is_label_value(ret->values[i]))
			return read_wrong(r, &value, "is not the value of a label");
	}
	return 0;
}

static int read_operator(struct reader *r, const struct place *at, enum selector_op *ret)
{
	static const char *const names[] = {
		[OP_IN] = "In",
		[OP_NOT_IN] = "NotIn",
		[OP_EXISTS] = "Exists",
		[OP_DOES_NOT_EXIST] = "DoesNotExist",
	};

	for (size_t i = 0; read_is(r, at, NODE_STRING) && i < ARRAY_SIZE(names); i++) {
		if (tape_is(&r->tape, at->node, names[i])) {
			*ret = (enum selector_op)i;
			return 0;
		}
	}
	return read_wrong(r, at, "expected In, NotIn, Exists or DoesNotExist");
}

static int read_expression(struct reader *r, const struct place *at, struct requirement *ret,
                           bool *ret_unknown)
{
	static const char *const names[] = { "key", "operator", "values" };
	struct place f[ARRAY_SIZE(names)];
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, ret_unknown);
	bool wants;

	if (failed == 0)
		failed = read_text(r, &f[0], &ret->key);
	if (failed == 0 && (!ret->key || !name_is_label_key(ret->key)))
		failed =
			read_wrong(r, &f[0], ret->key ? "is not the key of a label" : "is missing");
	if (failed == 0)
		failed = read_operator(r, &f[1], &ret->op);
	if (failed == 0)
		failed = read_values(r, &f[2], ret);
	if (failed < 0)
		return failed;
	wants = ret->op == OP_IN || ret->op == OP_NOT_IN;
	if (wants != (ret->n_values > 0))
		return read_wrong(r, &f[2],
		                  wants ? "must have at least one value"
		                        : "must not be there with this operator");
	return 0;
}

static int read_expressions(struct reader *r, const struct place *at, size_t n,
                            struct requirement *ret, bool *ret_unknown)
{
	struct place item = { .up = at };

	for (size_t i = 0; i < n; i++) {
		int failed;

		read_element(r, at, &item);
		failed = read_expression(r, &item, &ret[i], ret_unknown);
		if (failed < 0)
			return failed;
	}
	return 0;
}

int read_selector(struct reader *r, const struct place *at, struct selector *ret, bool *ret_unknown)
{
	static const char *const names[] = { "matchLabels", "matchExpressions" };
	struct place f[ARRAY_SIZE(names)];
	struct labels labels = { .n = 0 };
	size_t n = 0;
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, ret_unknown);

	if (failed == 0)
		failed = read_labels(r, &f[0], &labels);
	if (failed == 0)
		failed = read_list(r, &f[1], &n);
	if (failed < 0)
		return failed;
	*ret = (struct selector) { .n = labels.n + n };
	ret->v = arena_alloc(r->o->arena, ret->n, sizeof(*ret->v));
	if (!ret->v)
		return read_no_memory(r);
	for (size_t i = 0; i < labels.n; i++)
		ret->v[i] = (struct requirement) {
			.op = OP_IN,
			.key = labels.v[i].key,
			.values = &labels.v[i].value,
			.n_values = 1,
		};
	return read_expressions(r, &f[1], n, ret->v + labels.n, ret_unknown);
}

static const char *label_value(const struct labels *labels, const char *key)
{
	for (size_t i = 0; i < labels->n; i++)
		if (strcmp(labels->v[i].key, key) == 0)
			return labels->v[i].value;
	return NULL;
}

static bool is_among(const struct requirement *q, const char *value)
{
	for (size_t i = 0; i < q->n_values; i++)
		if (strcmp(q->values[i], value) == 0)
			return true;
	return false;
}

static bool fulfils(const struct requirement *q, const struct labels *labels)
{
	const char *value = label_value(labels, q->key);

	switch (q->op) {
	case OP_IN:
		return value && is_among(q, value);
	case OP_NOT_IN:
		return !value || !is_among(q, value);
	case OP_EXISTS:
		return value;
	case OP_DOES_NOT_EXIST:
		return !value;
	}
	return false;
}

bool selector_matches(const struct selector *s, const struct labels *labels)
{
	for (size_t i = 0; i < s->n; i++)
		if (!labels || !fulfils(&s->v[i], labels))
			return false;
	return true;
}

bool selector_matches_namespace(const struct selector *s, const struct namespace_object *ns)
{
	for (size_t i = 0; ns->partial && i < s->n; i++)
		if (!label_value(&ns->labels, s->v[i].key))
			return false;
	return selector_matches(s, &ns->labels);
}
