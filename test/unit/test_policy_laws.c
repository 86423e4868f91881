/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_laws.c - changes that must not change a verdict of compiled policies, or one way only
 *
 * Each law changes a random world in a way of which the API says what it means. The oracle has no
 * part in this: a mistake that both it and the compiler made would show here. POLICY_SEED and
 * POLICY_VERDICTS as in test_policy_random.c.
 */
#include "test/policy/compiled.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_WORLD 50 /* questions */

enum relation {
	SAME,
	GROWS
}; /* GROWS: what was allowed stays allowed, and who was not isolated is not */

struct law {
	const char *name;
	struct world_kind kind;
	enum relation relation;
	void (*before)(struct world *w); /* makes what is compared with; may be NULL */
	void (*change)(struct world *w, const struct world_kind *kind, struct dice *d);
	void (*ask)(struct world_question *q); /* the same question to the changed
                                            world; NULL: as it is */
};

/* ---- order --------------------------------------------------------------------------------- */

static json_t *get(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

/* A copy with all lists shuffled and all members the other way round. */
static json_t *shuffled(const json_t *v, struct dice *d)
{
	json_t *ret, *item;
	const char *key;
	size_t i;

	if (json_is_array(v)) {
		ret = json_array();
		json_array_foreach(v, i, item)
			json_array_insert_new(ret, dice(d, (unsigned int)i + 1), shuffled(item, d));
		return ret;
	}
	if (!json_is_object(v))
		return json_deep_copy(v);
	ret = json_object();
	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		json_t *rest = json_copy(ret);

		json_object_clear(ret);
		json_object_set_new(ret, key, shuffled(item, d));
		json_object_update(ret, rest);
		json_decref(rest);
	}
	return ret;
}

static void permute(struct world *w, const struct world_kind *kind, struct dice *d)
{
	json_t *policies = shuffled(w->policies, d), *pods = json_array(), *pod;
	size_t i;

	(void)kind;
	json_decref(w->policies);
	w->policies = policies;
	/* Not what is inside of them: of two ports of one name the first counts. */
	json_array_foreach(w->pods, i, pod)
		json_array_insert(pods, dice(d, (unsigned int)i + 1), pod);
	json_decref(w->pods);
	w->pods = pods;
}

/* ---- more of the same ---------------------------------------------------------------------- */

static void duplicate(struct world *w, const struct world_kind *kind, struct dice *d)
{
	size_t n = json_array_size(w->policies);

	(void)kind;
	(void)d;
	for (size_t i = 0; i < n; i++) {
		json_t *copy = json_deep_copy(json_array_get(w->policies, i));
		char name[32];

		snprintf(name, sizeof(name), "copy-%zu", i);
		json_object_set_new(get(copy, "metadata"), "name", json_string(name));
		json_array_append_new(w->policies, copy);
	}
}

static bool has_type(const json_t *spec, const char *type)
{
	json_t *item;
	size_t i;

	json_array_foreach(get(spec, "policyTypes"), i, item) {
		if (strcmp(json_string_value(item), type) == 0)
			return true;
	}
	return false;
}

static void add_rule(struct world *w, const struct world_kind *kind, struct dice *d)
{
	unsigned int n = (unsigned int)json_array_size(w->policies);
	json_t *spec = get(json_array_get(w->policies, dice(d, n)), "spec");
	bool egress = !has_type(spec, "Ingress");
	const char *key = egress ? "egress" : "ingress";

	if (!json_is_array(get(spec, key)))
		json_object_set_new(spec, key, json_array());
	json_array_append_new(get(spec, key), world_rule(d, kind, egress ? "to" : "from"));
}

static void add_policy(struct world *w, const struct world_kind *kind, struct dice *d)
{
	json_array_append_new(w->policies, world_policy(w, d, kind, "one-more"));
}

/* ---- blocks -------------------------------------------------------------------------------- */

struct net {
	int family, max, len;
	uint8_t b[16];
};

static struct net net_of(const json_t *text)
{
	struct net n = { 0 };
	char addr[64];

	snprintf(addr, sizeof(addr), "%s", json_string_value(text));
	n.len = atoi(strchr(addr, '/') + 1);
	*strchr(addr, '/') = '\0';
	n.family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	n.max = n.family == AF_INET6 ? 128 : 32;
	inet_pton(n.family, addr, n.b);
	return n;
}

static json_t *net_text(const struct net *n)
{
	char addr[INET6_ADDRSTRLEN], text[64];

	inet_ntop(n->family, n->b, addr, sizeof(addr));
	snprintf(text, sizeof(text), "%s/%d", addr, n->len);
	return json_string(text);
}

static int bit(const struct net *n, int i)
{
	return n->b[i / 8] >> (7 - i % 8) & 1;
}

/* The half of a block whose next bit is @which, or NULL if an exception takes
 * it all. */
static json_t *half(const json_t *block, int which)
{
	struct net n = net_of(get(block, "cidr"));
	json_t *ret = json_object(), *list = json_array(), *item;
	int at = n.len++;
	size_t i;

	n.b[at / 8] = (uint8_t)(n.b[at / 8] & ~(0x80 >> at % 8));
	n.b[at / 8] = (uint8_t)(n.b[at / 8] | (which ? 0x80 >> at % 8 : 0));
	json_object_set_new(ret, "cidr", net_text(&n));
	json_array_foreach(get(block, "except"), i, item) {
		const struct net e = net_of(item);

		if (bit(&e, at) != which)
			continue;
		if (e.len == n.len) {
			json_decref(list);
			json_decref(ret);
			return NULL;
		}
		json_array_append(list, item);
	}
	json_object_set_new(ret, "except", list);
	return ret;
}

static void split_peers(json_t *peers)
{
	json_t *ret = json_array(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		json_t *block = get(peer, "ipBlock"), *halves[2];
		struct net n;

		if (block)
			n = net_of(get(block, "cidr"));
		if (!block || n.len == n.max) {
			json_array_append(ret, peer);
			continue;
		}
		for (int k = 0; k < 2; k++) {
			halves[k] = half(block, k);
			if (halves[k])
				json_array_append_new(ret,
				                      json_pack("{s:o}", "ipBlock", halves[k]));
		}
		/* An empty list would be everybody. */
		if (!halves[0] && !halves[1])
			json_array_append(ret, peer);
	}
	json_array_clear(peers);
	json_array_extend(peers, ret);
	json_decref(ret);
}

static void each_peers(const json_t *v, void (*fn)(json_t *peers))
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item)
		each_peers(item, fn);
	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		if (json_is_array(item) && (strcmp(key, "from") == 0 || strcmp(key, "to") == 0))
			fn(item);
		each_peers(item, fn);
	}
}

static void split_blocks(struct world *w, const struct world_kind *kind, struct dice *d)
{
	(void)kind;
	(void)d;
	each_peers(w->policies, split_peers);
}

static void close_exceptions_of(json_t *peers)
{
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
		json_object_del(get(peer, "ipBlock"), "except");
}

/* Blocks without their exceptions ... */
static void close_exceptions(struct world *w)
{
	each_peers(w->policies, close_exceptions_of);
}

static void add_exceptions_of(json_t *peers)
{
	size_t n = json_array_size(peers);

	for (size_t i = 0; i < n; i++) {
		json_t *block = get(json_array_get(peers, i), "ipBlock"), *item;
		size_t k;

		json_array_foreach(get(block, "except"), k, item)
			json_array_append_new(peers,
			                      json_pack("{s:{s:O}}", "ipBlock", "cidr", item));
	}
}

/* ... are the same as with them, and each of them as a block of its own. */
static void add_exceptions(struct world *w, const struct world_kind *kind, struct dice *d)
{
	(void)kind;
	(void)d;
	each_peers(w->policies, add_exceptions_of);
}

/* ---- mirrors ------------------------------------------------------------------------------- */

static void rename_member(json_t *object, const char *from, const char *to)
{
	json_t *value = get(object, from);

	if (value)
		json_object_set(object, to, value);
	json_object_del(object, from);
}

static void turn_rules(json_t *rules, const char *from, const char *to)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule)
		rename_member(rule, from, to);
}

/* Ingress becomes egress and the other way round. */
static void turn_around(struct world *w, const struct world_kind *kind, struct dice *d)
{
	json_t *policy;
	size_t i;

	(void)kind;
	(void)d;
	json_array_foreach(w->policies, i, policy) {
		json_t *spec = get(policy, "spec"), *types = json_array();

		if (has_type(spec, "Ingress"))
			json_array_append_new(types, json_string("Egress"));
		if (has_type(spec, "Egress"))
			json_array_append_new(types, json_string("Ingress"));
		json_object_set_new(spec, "policyTypes", types);
		turn_rules(get(spec, "ingress"), "from", "to");
		turn_rules(get(spec, "egress"), "to", "from");
		rename_member(spec, "ingress", "x");
		rename_member(spec, "egress", "ingress");
		rename_member(spec, "x", "egress");
	}
}

static void ask_turned(struct world_question *q)
{
	q->d = q->d == ORACLE_INGRESS ? ORACLE_EGRESS : ORACLE_INGRESS;
}

/* 10.9.0.1 becomes fd04::a09:1: the same bits behind 96 others. */
static void widen(uint8_t b[16])
{
	memcpy(b + 12, b, 4);
	memset(b, 0, 12);
	b[0] = 0xfd;
	b[1] = 0x04;
}

static json_t *wide_text(const json_t *text, bool prefix)
{
	char with[64];
	json_t *tmp, *ret;
	struct net n;

	snprintf(with, sizeof(with), "%s%s", json_string_value(text), prefix ? "" : "/32");
	tmp = json_string(with);
	n = net_of(tmp);
	json_decref(tmp);
	n.family = AF_INET6;
	n.len += 96;
	widen(n.b);
	ret = net_text(&n);
	if (!prefix) {
		snprintf(with, sizeof(with), "%s", json_string_value(ret));
		*strchr(with, '/') = '\0';
		json_string_set(ret, with);
	}
	return ret;
}

static void widen_list(json_t *list, bool prefix)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		json_array_set_new(list, i, wide_text(json_array_get(list, i), prefix));
}

static void widen_peers(json_t *peers)
{
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		json_t *block = get(peer, "ipBlock");

		if (block)
			json_object_set_new(block, "cidr", wide_text(get(block, "cidr"), true));
		widen_list(get(block, "except"), true);
	}
}

static void to_ipv6(struct world *w, const struct world_kind *kind, struct dice *d)
{
	json_t *pod;
	size_t i;

	(void)kind;
	(void)d;
	json_array_foreach(w->pods, i, pod)
		widen_list(get(pod, "ips"), false);
	each_peers(w->policies, widen_peers);
}

static void ask_ipv6(struct world_question *q)
{
	q->peer.addr.family = 6;
	widen(q->peer.addr.b);
}

/* ---- the laws ------------------------------------------------------------------------------ */

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static bool open_set(const struct compiled *c, const struct world_question *q)
{
	const struct pod_verdict *v =
		tables_pod(&c->tables, json_string_value(get(q->pod, "namespace")),
	                   json_string_value(get(q->pod, "name")));

	return v->set[q->d == ORACLE_INGRESS ? INGRESS : EGRESS] == SET_OPEN;
}

static bool holds(const struct law *law, const struct compiled *was, const struct compiled *is,
                  const struct world_question *q)
{
	struct world_question other = *q;
	bool before = compiled_direction(was, q), after;

	if (law->ask)
		law->ask(&other);
	after = compiled_direction(is, &other);
	if (law->relation == SAME)
		return before == after;
	if (open_set(was, q))
		return after || !open_set(is, &other);
	return after || !before;
}

static bool try_law(const struct law *law, unsigned long seed)
{
	struct dice d = { seed };
	struct world w, changed;
	struct compiled was, is;
	struct oracle_world view;
	struct err e;
	bool ok = true;

	world_make(&w, &d, &law->kind);
	world_copy(&changed, &w);
	if (law->before)
		law->before(&w);
	law->change(&changed, &law->kind, &d);
	view = world_view(&w);
	cr_assert_eq(compiled_make(&was, &view, &e), 0, "%s: POLICY_SEED=%lu: %s", law->name, seed,
	             e.msg);
	view = world_view(&changed);
	cr_assert_eq(compiled_make(&is, &view, &e), 0, "%s: POLICY_SEED=%lu: changed: %s",
	             law->name, seed, e.msg);
	for (int i = 0; i < PER_WORLD && ok; i++) {
		struct world_question q;

		world_ask(&w, &d, &law->kind, &q);
		ok = holds(law, &was, &is, &q);
	}
	compiled_free(&was);
	compiled_free(&is);
	world_free(&w);
	world_free(&changed);
	return ok;
}

static const struct law laws[] = {
	{ .name = "order means nothing", .kind = { 6, 5 }, .change = permute },
	{ .name = "a policy twice is once", .kind = { 6, 5 }, .change = duplicate },
	{ .name = "one more rule allows more",
	  .kind = { 6, 5, .explicit_types = true },
	  .relation = GROWS,
	  .change = add_rule },
	{ .name = "one more policy allows more to the isolated",
	  .kind = { 6, 5 },
	  .relation = GROWS,
	  .change = add_policy },
	{ .name = "a block is its halves",
	  .kind = { 6, 5, .no_strange = true },
	  .change = split_blocks },
	{ .name = "a block is what it excepts and the rest",
	  .kind = { 6, 5, .no_strange = true },
	  .before = close_exceptions,
	  .change = add_exceptions },
	{ .name = "egress mirrors ingress",
	  .kind = { 6, 5, .explicit_types = true, .no_names = true },
	  .change = turn_around,
	  .ask = ask_turned },
	{ .name = "IPv6 mirrors IPv4",
	  .kind = { 6, 5, .ipv4_only = true },
	  .change = to_ipv6,
	  .ask = ask_ipv6 },
};

Test(policy_laws, hold_in_random_worlds)
{
	unsigned long seed = setting("POLICY_SEED", 1);
	unsigned long worlds = setting("POLICY_VERDICTS", 100000) / PER_WORLD / 10 + 1;

	for (size_t i = 0; i < sizeof(laws) / sizeof(*laws); i++) {
		for (unsigned long k = 0; k < worlds; k++) {
			bool ok = try_law(&laws[i], seed + k);

			cr_expect(ok, "\"%s\" does not hold: POLICY_SEED=%lu", laws[i].name,
			          seed + k);
			if (!ok)
				break;
		}
	}
}
