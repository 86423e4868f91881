/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worlds.c - random worlds of namespaces, pods and policies, so small that everything collides */
#include "test/policy/worlds.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define COUNT(v) (sizeof(v) / sizeof(*(v)))

static const char *const namespaces[] = { "n0", "n1", "n2", "n3" };
static const char *const keys[] = { "app", "tier", "env" };
static const char *const values[] = { "a", "b", "c", "" };
static const char *const protos[] = { "TCP", "UDP", "SCTP" };
static const char *const port_names[] = { "http", "web", "dns" };
static const int ports[] = { 1, 79, 80, 81, 443, 1000, 1001, 8080, 65534, 65535 };

unsigned int dice(struct dice *d, unsigned int n)
{
	/* splitmix64 */
	uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return (unsigned int)(z >> 32) % n;
}

bool chance(struct dice *d, unsigned int percent)
{
	return dice(d, 100) < percent;
}

#define PICK(d, list) ((list)[dice(d, COUNT(list))])

/* ---- labels and selectors -------------------------------------------------------------------- */

static json_t *random_labels(struct dice *d)
{
	json_t *labels = json_object();

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (chance(d, 60))
			json_object_set_new(labels, keys[i], json_string(PICK(d, values)));
	}
	return labels;
}

static json_t *random_requirement(struct dice *d)
{
	static const char *const operators[] = { "In", "NotIn", "Exists", "DoesNotExist" };
	unsigned int op = dice(d, 4);
	json_t *r = json_object();

	json_object_set_new(r, "key", json_string(PICK(d, keys)));
	json_object_set_new(r, "operator", json_string(operators[op]));
	if (op < 2) {
		json_t *list = json_array();

		for (unsigned int n = 1 + dice(d, 3); n; n--)
			json_array_append_new(list, json_string(PICK(d, values)));
		json_object_set_new(r, "values", list);
	}
	return r;
}

static json_t *random_selector(struct dice *d, const struct world_kind *kind)
{
	json_t *s = json_object();

	if (chance(d, 20))
		return s;
	if (chance(d, 60)) {
		json_t *labels = json_object();

		for (unsigned int n = 1 + dice(d, 2); n; n--)
			json_object_set_new(labels, PICK(d, keys), json_string(PICK(d, values)));
		json_object_set_new(s, "matchLabels", labels);
	}
	if (chance(d, 40)) {
		json_t *list = json_array();

		for (unsigned int n = dice(d, 3); n; n--)
			json_array_append_new(list, random_requirement(d));
		json_object_set_new(s, "matchExpressions", list);
	}
	if (!kind->no_strange && chance(d, 1))
		json_object_set_new(s, "matchMood", json_string("good"));
	return s;
}

static json_t *random_namespace_selector(struct dice *d, const struct world_kind *kind)
{
	json_t *s, *labels;

	if (!chance(d, 30))
		return random_selector(d, kind);
	s = json_object();
	labels = json_object();
	json_object_set_new(labels, "kubernetes.io/metadata.name",
	                    json_string(PICK(d, namespaces)));
	json_object_set_new(s, "matchLabels", labels);
	return s;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* One of few addresses, most of them pods'; 10.9.0.0/26 and fd00:9::/122. */
static void random_address(struct dice *d, bool v6, char *ret, size_t size)
{
	unsigned int last = dice(d, 64);

	if (chance(d, 5))
		snprintf(ret, size, "%s", v6 ? "2001:db8::1" : "203.0.113.1");
	else if (v6)
		snprintf(ret, size, "fd00:9::%x", last);
	else
		snprintf(ret, size, "10.9.0.%u", last);
}

/* A length that cuts these addresses somewhere interesting, longer than @longer_than. */
static int random_length(struct dice *d, bool v6, int longer_than)
{
	int max = v6 ? 128 : 32;
	int len = max - (int)dice(d, 8);

	if (chance(d, 15))
		len = (int)dice(d, (unsigned int)max + 1);
	if (len <= longer_than)
		len = longer_than + 1 + (int)dice(d, (unsigned int)(max - longer_than));
	return len;
}

/* An address that shares the first @len bits with @base. */
static void address_inside(struct dice *d, const char *base, bool v6, int len, char *ret,
                           size_t size)
{
	int family = v6 ? AF_INET6 : AF_INET, max = v6 ? 128 : 32;
	uint8_t net[16] = { 0 }, a[16] = { 0 };
	char other[INET6_ADDRSTRLEN];

	random_address(d, v6, other, sizeof(other));
	inet_pton(family, base, net);
	inet_pton(family, other, a);
	for (int i = 0; i < len && i < max; i++) {
		a[i / 8] = (uint8_t)(a[i / 8] & ~(0x80 >> i % 8));
		a[i / 8] = (uint8_t)(a[i / 8] | (net[i / 8] & 0x80 >> i % 8));
	}
	inet_ntop(family, a, ret, (socklen_t)size);
}

static json_t *random_block(struct dice *d, const struct world_kind *kind)
{
	bool v6 = !kind->ipv4_only && chance(d, 50);
	int max = v6 ? 128 : 32, len = random_length(d, v6, -1);
	char addr[INET6_ADDRSTRLEN], in[INET6_ADDRSTRLEN], text[64];
	json_t *block = json_object();

	random_address(d, v6, addr, sizeof(addr));
	snprintf(text, sizeof(text), "%s/%d", addr, len);
	json_object_set_new(block, "cidr", json_string(text));
	if (len < max && chance(d, 60)) {
		json_t *list = json_array();

		for (unsigned int n = dice(d, 4); n; n--) {
			address_inside(d, addr, v6, len, in, sizeof(in));
			snprintf(text, sizeof(text), "%s/%d", in, random_length(d, v6, len));
			json_array_append_new(list, json_string(text));
		}
		json_object_set_new(block, "except", list);
	}
	if (!kind->no_strange && chance(d, 1))
		json_object_set_new(block, "asn", json_integer(64512));
	return block;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static json_t *random_peer(struct dice *d, const struct world_kind *kind)
{
	json_t *peer = json_object();
	unsigned int what = dice(d, 6);

	if (what < 2) {
		json_object_set_new(peer, "ipBlock", random_block(d, kind));
		return peer;
	}
	if (what != 2)
		json_object_set_new(peer, "podSelector", random_selector(d, kind));
	else if (chance(d, 30))
		json_object_set_new(peer, "podSelector", json_null());
	if (what < 5)
		json_object_set_new(peer, "namespaceSelector", random_namespace_selector(d, kind));
	if (!kind->no_strange && chance(d, 1))
		json_object_set_new(peer, "nodeSelector", json_object());
	return peer;
}

static json_t *random_port(struct dice *d, const struct world_kind *kind)
{
	json_t *port = json_object();

	if (chance(d, 80))
		json_object_set_new(port, "protocol", json_string(PICK(d, protos)));
	if (chance(d, 15))
		return port;
	if (!kind->no_names && chance(d, 35)) {
		json_object_set_new(port, "port", json_string(PICK(d, port_names)));
	} else {
		int first = PICK(d, ports), last = PICK(d, ports);

		json_object_set_new(port, "port", json_integer(first));
		if (last >= first && chance(d, 40))
			json_object_set_new(port, "endPort", json_integer(last));
	}
	if (!kind->no_strange && chance(d, 1))
		json_object_set_new(port, "dscp", json_integer(46));
	return port;
}

/* Sets a list of up to @max items; an empty one is null, missing or empty. */
static void set_list(struct dice *d, json_t *object, const char *key, json_t *list)
{
	if (json_array_size(list) || chance(d, 34))
		json_object_set(object, key, list);
	else if (chance(d, 50))
		json_object_set_new(object, key, json_null());
	json_decref(list);
}

json_t *world_rule(struct dice *d, const struct world_kind *kind, const char *key)
{
	json_t *rule = json_object(), *peers = json_array(), *list = json_array();

	for (unsigned int n = chance(d, 15) ? 0 : 1 + dice(d, 3); n; n--)
		json_array_append_new(peers, random_peer(d, kind));
	for (unsigned int n = chance(d, 40) ? 0 : 1 + dice(d, 3); n; n--)
		json_array_append_new(list, random_port(d, kind));
	set_list(d, rule, key, peers);
	set_list(d, rule, "ports", list);
	if (!kind->no_strange && chance(d, 1))
		json_object_set_new(rule, "priority", json_integer(1));
	return rule;
}

static void set_rules(struct dice *d, const struct world_kind *kind, json_t *spec, bool egress)
{
	json_t *rules = json_array();

	for (unsigned int n = dice(d, 4); n; n--)
		json_array_append_new(rules, world_rule(d, kind, egress ? "to" : "from"));
	set_list(d, spec, egress ? "egress" : "ingress", rules);
}

static json_t *random_types(struct dice *d)
{
	json_t *types = json_array();
	unsigned int which = 1 + dice(d, 3);

	if (which & 1)
		json_array_append_new(types, json_string("Ingress"));
	if (which & 2)
		json_array_append_new(types, json_string("Egress"));
	return types;
}

json_t *world_policy(const struct world *w, struct dice *d, const struct world_kind *kind,
                     const char *name)
{
	/* Who does not know a field of the subject could not tell whom the policy is for. */
	static const struct world_kind plain = { .no_strange = true };
	json_t *spec = json_object(),
	       *subject = chance(d, 40) ? json_object() : random_selector(d, &plain);
	/* Most policies are for somebody. */
	const json_t *pod =
		json_array_get(w->pods, dice(d, (unsigned int)json_array_size(w->pods)));
	const char *ns = json_string_value(json_object_get(pod, "namespace"));

	if (chance(d, 10))
		ns = PICK(d, namespaces);

	if (json_object_size(subject) || chance(d, 50))
		json_object_set(spec, "podSelector", subject);
	json_decref(subject);
	if (kind->explicit_types || chance(d, 70))
		json_object_set_new(spec, "policyTypes", random_types(d));
	else if (chance(d, 30))
		json_object_set_new(spec, "policyTypes", json_array());
	set_rules(d, kind, spec, false);
	set_rules(d, kind, spec, true);
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion", "networking.k8s.io/v1",
	                 "kind", "NetworkPolicy", "metadata", "namespace", ns, "name", name, "spec",
	                 spec);
}

/* ---- pods ------------------------------------------------------------------------------------ */

static json_t *random_ports(struct dice *d)
{
	json_t *list = json_array();

	for (unsigned int n = dice(d, 5); n; n--) {
		json_t *port = json_object();

		if (chance(d, 80))
			json_object_set_new(port, "name", json_string(PICK(d, port_names)));
		json_object_set_new(port, "port", json_integer(PICK(d, ports)));
		if (chance(d, 80))
			json_object_set_new(port, "protocol", json_string(PICK(d, protos)));
		json_array_append_new(list, port);
	}
	return list;
}

static json_t *random_ips(struct dice *d, const struct world_kind *kind, unsigned int i)
{
	json_t *ips = json_array();
	unsigned int which = kind->ipv4_only || chance(d, 10) ? 1 : chance(d, 10) ? 2 : 3;
	char addr[64];

	/* The first 64 share prefixes with what blocks are made of. */
	if (which & 1) {
		snprintf(addr, sizeof(addr), "10.9.%u.%u", (i + 1) >> 8, (i + 1) & 255);
		json_array_append_new(ips, json_string(addr));
	}
	if (which & 2) {
		snprintf(addr, sizeof(addr), "fd00:9::%x", i + 1);
		json_array_append_new(ips, json_string(addr));
	}
	return ips;
}

static json_t *random_pod(struct dice *d, const struct world_kind *kind, unsigned int i,
                          unsigned int n)
{
	json_t *pod = json_object();
	char name[32];

	snprintf(name, sizeof(name), "p%u", i);
	json_object_set_new(pod, "namespace", json_string(namespaces[dice(d, n)]));
	json_object_set_new(pod, "name", json_string(name));
	if (chance(d, 90))
		json_object_set_new(pod, "labels", random_labels(d));
	json_object_set_new(pod, "ips", random_ips(d, kind, i));
	json_object_set_new(pod, "ports", random_ports(d));
	if (chance(d, 20))
		json_object_set_new(pod, "node", json_string("other"));
	/* The first two are what everybody expects of a pod. */
	if (i < 2 || kind->no_strange || !chance(d, 20))
		return pod;
	switch (dice(d, 3)) {
	case 0:
		json_object_set_new(pod, "hostNetwork", json_true());
		break;
	case 1:
		json_object_set_new(pod, "unknown", json_true());
		break;
	default:
		json_object_set_new(pod, "phase",
		                    json_string(chance(d, 50) ? "Failed" : "Succeeded"));
		break;
	}
	return pod;
}

/* Somebody else has the address of a pod that has ended: the one before it. */
static void hand_on_addresses(struct dice *d, json_t *pods)
{
	for (size_t i = 1; i < json_array_size(pods); i++) {
		json_t *pod = json_array_get(pods, i);

		if (json_object_get(pod, "phase") && chance(d, 50))
			json_object_set(pod, "ips",
			                json_object_get(json_array_get(pods, i - 1), "ips"));
	}
}

void world_make(struct world *w, struct dice *d, const struct world_kind *kind)
{
	unsigned int n = 1 + dice(d, chance(d, 30) ? COUNT(namespaces) : 2);
	unsigned int n_pods = 2 + dice(d, kind->pods - 1), n_policies = 1 + dice(d, kind->policies);

	w->namespaces = json_object();
	w->pods = json_array();
	w->policies = json_array();
	for (unsigned int i = 0; i < n; i++)
		json_object_set_new(w->namespaces, namespaces[i],
		                    json_pack("{s:o}", "labels", random_labels(d)));
	for (unsigned int i = 0; i < n_pods; i++)
		json_array_append_new(w->pods, random_pod(d, kind, i, n));
	hand_on_addresses(d, w->pods);
	for (unsigned int i = 0; i < n_policies; i++) {
		char name[32];

		snprintf(name, sizeof(name), "policy-%u", i);
		json_array_append_new(w->policies, world_policy(w, d, kind, name));
	}
	/* Pods and policies may lie in a namespace that nobody has told. */
	if (!kind->no_strange && chance(d, 10))
		json_object_del(w->namespaces, PICK(d, namespaces));
}

void world_copy(struct world *ret, const struct world *w)
{
	ret->namespaces = json_deep_copy(w->namespaces);
	ret->pods = json_deep_copy(w->pods);
	ret->policies = json_deep_copy(w->policies);
}

void world_free(struct world *w)
{
	json_decref(w->namespaces);
	json_decref(w->pods);
	json_decref(w->policies);
}

struct oracle_world world_view(const struct world *w)
{
	return (struct oracle_world) { w->namespaces, w->pods, w->policies };
}
