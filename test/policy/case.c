/* SPDX-License-Identifier: GPL-2.0-or-later */
/* case.c - one case: its state after each step, placeholders, expectation lines */
#include "test/policy/case.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 192 /* of namespace/name, and of one part of a line */

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

json_t *case_load(const char *path, char *why, size_t size)
{
	json_error_t e;
	json_t *c = json_load_file(path, JSON_REJECT_DUPLICATES, &e);

	if (!c)
		snprintf(why, size, "%s:%d: %s", path, e.line, e.text);
	return c;
}

/* ---- state ----------------------------------------------------------------------------------- */

void case_start(struct case_state *s, const json_t *c)
{
	s->namespaces = json_deep_copy(json_object_get(c, "namespaces"));
	s->pods = json_deep_copy(json_object_get(c, "pods"));
	s->policies = json_array();
}

void case_end(struct case_state *s)
{
	json_decref(s->namespaces);
	json_decref(s->pods);
	json_decref(s->policies);
}

struct oracle_world case_world(const struct case_state *s)
{
	return (struct oracle_world) { s->namespaces, s->pods, s->policies };
}

static void pod_path(const json_t *pod, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", text(pod, "namespace"), text(pod, "name"));
}

static json_t *pod_of(const struct case_state *s, const char *path)
{
	size_t i;
	json_t *pod;

	json_array_foreach(s->pods, i, pod) {
		char name[NAME_MAX_LEN];

		pod_path(pod, name, sizeof(name));
		if (same(name, path))
			return pod;
	}
	return NULL;
}

static bool set_of_pods(struct case_state *s, const json_t *step, const char *key, char *why,
                        size_t size)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)json_object_get(step, key), name, value) {
		json_t *object =
			strchr(name, '/') ? pod_of(s, name) : json_object_get(s->namespaces, name);

		if (!object) {
			snprintf(why, size, "%s: there is no %s", key, name);
			return false;
		}
		json_object_set(object, key, value);
	}
	return true;
}

/* Takes out what lies in the namespace and has the name (NULL: any). Return: how many. */
static size_t take_out(json_t *array, bool meta, const char *namespace, const char *name)
{
	size_t n = 0;

	for (size_t i = json_array_size(array); i-- > 0;) {
		const json_t *object = json_array_get(array, i);
		const json_t *m = meta ? json_object_get(object, "metadata") : object;

		if (!same(text(m, "namespace"), namespace) ||
		    (name && !same(text(m, "name"), name)))
			continue;
		json_array_remove(array, i);
		n++;
	}
	return n;
}

static bool delete_one(struct case_state *s, const char *what, char *why, size_t size)
{
	char kind[NAME_MAX_LEN] = "", namespace[NAME_MAX_LEN] = "", name[NAME_MAX_LEN] = "";
	bool ok = false;

	sscanf(what, "%191[^/]/%191[^/]/%191s", kind, namespace, name);
	if (same(kind, "NetworkPolicy")) {
		ok = take_out(s->policies, true, namespace, name);
	} else if (same(kind, "Pod")) {
		ok = take_out(s->pods, false, namespace, name);
	} else if (same(kind, "Namespace")) {
		take_out(s->policies, true, namespace, NULL);
		take_out(s->pods, false, namespace, NULL);
		ok = json_object_del(s->namespaces, namespace) == 0;
	}
	if (!ok)
		snprintf(why, size, "delete: there is no %s", what);
	return ok;
}

bool case_change(struct case_state *s, const json_t *step, char *why, size_t size)
{
	const json_t *pods = json_object_get(step, "pods");
	const json_t *gone = json_object_get(step, "delete");

	json_object_update(s->namespaces, json_object_get(step, "namespaces"));
	for (size_t i = 0; i < json_array_size(pods); i++)
		json_array_append_new(s->pods, json_deep_copy(json_array_get(pods, i)));
	if (!set_of_pods(s, step, "labels", why, size) || !set_of_pods(s, step, "phase", why, size))
		return false;
	for (size_t i = 0; i < json_array_size(gone); i++) {
		if (!delete_one(s, json_string_value(json_array_get(gone, i)), why, size))
			return false;
	}
	return true;
}

/* ---- placeholders ---------------------------------------------------------------------------- */

struct filling {
	const struct case_state *s;
	const struct case_plan *plan;
	unsigned int families;
	int family; /* for placeholders without one: 4, 6, or 0 if there must be none */
	char *why;
	size_t size;
};

static unsigned int family_bit(int family)
{
	return family == 6 ? CASE_IPV6 : CASE_IPV4;
}

static const char *pod_address(const struct case_state *s, const char *path, int family)
{
	const json_t *ips = json_object_get(pod_of(s, path), "ips");

	for (size_t i = 0; i < json_array_size(ips); i++) {
		const char *ip = json_string_value(json_array_get(ips, i));

		if ((strchr(ip, ':') ? 6 : 4) == family)
			return ip;
	}
	return NULL;
}

/* An address or a prefix of this name and family, NULL if there is none. @prefix: it is one. */
static const char *meaning(const struct filling *f, const char *name, int family, bool *prefix)
{
	int i = family == 6;

	*prefix = true;
	if (same(name, "any"))
		return i ? "::/0" : "0.0.0.0/0";
	if (same(name, "pods") || same(name, "pods-other")) {
		if (!(f->families & family_bit(family)))
			return i ? "2001:db8:ffff::/64" : "192.0.2.0/24";
		return same(name, "pods") ? f->plan->pods[i] : f->plan->pods_other[i];
	}
	*prefix = false;
	if (!(f->families & family_bit(family)))
		return i ? "2001:db8:ffff::1" : "192.0.2.1";
	if (same(name, "node"))
		return f->plan->node[i];
	if (same(name, "node-other"))
		return f->plan->node_other[i];
	return pod_address(f->s, name, family);
}

/* Writes what the placeholder at @p (after "${") means to @ret. Return: behind it, or NULL. */
static const char *fill_one(const struct filling *f, const char *p, FILE *ret)
{
	const char *end = strchr(p, '}');
	char name[NAME_MAX_LEN];
	int family = f->family;
	const char *value;
	char *colon, *behind;
	bool prefix, own = false;
	long len;

	if (!end || (size_t)(end - p) >= sizeof(name))
		return NULL;
	memcpy(name, p, (size_t)(end - p));
	name[end - p] = '\0';
	colon = strchr(name, ':');
	if (colon) {
		own = true;
		family = atoi(colon + 1);
		*colon = '\0';
	}
	value = family == 4 || family == 6 ? meaning(f, name, family, &prefix) : NULL;
	if (!value)
		return NULL;
	fputs(value, ret);
	if (end[1] != '/' || prefix || own || family != 6)
		return end + 1;
	/* A length in an IPv4 address, said of an IPv6 one. */
	len = strtol(end + 2, &behind, 10);
	fprintf(ret, "/%ld", len ? len + 96 : 0);
	return behind;
}

static json_t *fill_string(const struct filling *f, const char *s)
{
	char *buf = NULL;
	size_t len;
	FILE *out = open_memstream(&buf, &len);
	const char *p = s, *next;
	json_t *ret = NULL;

	while ((next = strstr(p, "${"))) {
		fwrite(p, 1, (size_t)(next - p), out);
		p = fill_one(f, next + 2, out);
		if (!p)
			break;
	}
	if (p)
		fputs(p, out);
	fclose(out);
	if (p)
		ret = json_string(buf);
	else
		snprintf(f->why, f->size, "%s: nothing has this name and family", s);
	free(buf);
	return ret;
}

/* Is there a placeholder without a family below? */
static bool neutral(const json_t *v)
{
	const char *key, *p;
	json_t *item;
	size_t i;

	for (p = json_string_value(v); p && (p = strstr(p, "${")); p++) {
		size_t len = strcspn(p, "}");

		if (!memchr(p, ':', len))
			return true;
	}
	json_array_foreach(v, i, item) {
		if (neutral(item))
			return true;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		if (neutral(item))
			return true;
	}
	return false;
}

static json_t *fill(const struct filling *f, const json_t *v);

/* The items of "from" or "to": one with a neutral placeholder becomes one for each family. */
static json_t *fill_peers(const struct filling *f, const json_t *peers)
{
	json_t *ret = json_array(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		for (int family = 4; family <= 6; family += 2) {
			struct filling g = *f;

			g.family = neutral(peer) ? family : 0;
			if (g.family ? !(f->families & family_bit(family)) : family == 6)
				continue;
			json_array_append_new(ret, fill(&g, peer));
		}
	}
	return ret;
}

/* A copy with all placeholders replaced; f->why tells about those that could not be. */
static json_t *fill(const struct filling *f, const json_t *v)
{
	const char *key;
	json_t *ret, *item;
	size_t i;

	if (json_is_string(v))
		return fill_string(f, json_string_value(v));
	if (json_is_array(v)) {
		ret = json_array();
		json_array_foreach(v, i, item)
			json_array_append_new(ret, fill(f, item));
		return ret;
	}
	if (!json_is_object(v))
		return json_deep_copy(v);
	ret = json_object();
	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		bool peers = json_is_array(item) && (same(key, "from") || same(key, "to"));

		json_object_set_new(ret, key, peers ? fill_peers(f, item) : fill(f, item));
	}
	return ret;
}

bool case_apply(struct case_state *s, const json_t *step, unsigned int families,
                const struct case_plan *plan, char *why, size_t size)
{
	const struct filling f = { s, plan, families, 0, why, size };
	const json_t *objects = json_object_get(step, "apply");

	*why = '\0';
	for (size_t i = 0; i < json_array_size(objects); i++) {
		json_t *object = fill(&f, json_array_get(objects, i));
		const json_t *m = json_object_get(object, "metadata");

		if (!same(text(object, "kind"), "NetworkPolicy"))
			snprintf(why, size, "apply: kind \"%s\"", text(object, "kind"));
		take_out(s->policies, true, text(m, "namespace"), text(m, "name"));
		json_array_append_new(s->policies, object);
	}
	return !*why;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int proto;
} protos[] = { { "TCP", IPPROTO_TCP }, { "UDP", IPPROTO_UDP }, { "SCTP", IPPROTO_SCTP } };

int case_proto(const char *name)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(*protos); i++) {
		if (same(protos[i].name, name))
			return protos[i].proto;
	}
	return -1;
}

const char *case_proto_name(int proto)
{
	for (size_t i = 0; i < sizeof(protos) / sizeof(*protos); i++) {
		if (protos[i].proto == proto)
			return protos[i].name;
	}
	return "echo";
}

struct line {
	char from[NAME_MAX_LEN], to[NAME_MAX_LEN], ports[NAME_MAX_LEN];
	char verdict[16], family[16];
};

static bool parse_line(struct line *l, const char *s)
{
	int n;

	l->family[0] = '\0';
	n = sscanf(s, "%191s -> %191s %191s %15s %15s", l->from, l->to, l->ports, l->verdict,
	           l->family);
	return n >= 4 && (same(l->verdict, "allow") || same(l->verdict, "deny")) &&
	       (n == 4 || same(l->family, "ipv4") || same(l->family, "ipv6"));
}

/* "*", "x/a" and "*" around the slash; only pods are behind a "*". */
static bool name_fits(const char *pattern, const char *name)
{
	const char *slash = strchr(pattern, '/');
	const char *name_slash = strchr(name, '/');
	bool pod = name_slash && name[0] >= 'a' && !strchr(name, ':');

	if (same(pattern, name))
		return true;
	if (!pod)
		return false;
	if (same(pattern, "*"))
		return true;
	if (!slash)
		return false;
	if (same(slash + 1, "*"))
		return strncmp(pattern, name, (size_t)(slash + 1 - pattern)) == 0;
	return pattern[0] == '*' && slash == pattern + 1 && same(slash, name_slash);
}

/* Return: 1 or 0, or -1 if it is no such thing. */
static int ports_fit(const char *ports, const struct case_probe *p)
{
	char which[32], proto[32];
	int first, last;

	if (same(ports, "*"))
		return 1;
	if (same(ports, "echo"))
		return p->proto == ORACLE_ECHO;
	if (sscanf(ports, "%31[^/]/%31s", which, proto) != 2)
		return -1;
	if (same(which, "*")) {
		first = 0;
		last = 65535;
	} else if (sscanf(which, "%d-%d", &first, &last) != 2) {
		if (sscanf(which, "%d", &first) != 1)
			return -1;
		last = first;
	}
	if (!same(proto, "*") && case_proto(proto) < 0)
		return -1;
	return p->proto != ORACLE_ECHO && first <= p->port && p->port <= last &&
	       (same(proto, "*") || case_proto(proto) == p->proto);
}

enum case_verdict case_expected(const json_t *lines, const struct case_probe *p, const char **bad)
{
	enum case_verdict verdict = CASE_ALLOW;
	bool itself = same(p->from, p->to);

	for (size_t i = 0; i < json_array_size(lines); i++) {
		struct line l;
		int fits;

		*bad = json_string_value(json_array_get(lines, i));
		if (!parse_line(&l, *bad) || (fits = ports_fit(l.ports, p)) < 0)
			return CASE_BAD_LINE;
		if (!fits || !name_fits(l.from, p->from) || !name_fits(l.to, p->to) ||
		    (l.family[0] && l.family[3] - '0' != p->family))
			continue;
		if (itself && (strchr(l.from, '*') || strchr(l.to, '*')))
			continue;
		verdict = same(l.verdict, "allow") ? CASE_ALLOW : CASE_DENY;
	}
	return verdict;
}

bool case_names(const json_t *c, const char *name, bool to)
{
	const json_t *steps = json_object_get(c, "steps");

	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *lines = json_object_get(json_array_get(steps, i), "expect");

		for (size_t k = 0; k < json_array_size(lines); k++) {
			struct line l;

			if (parse_line(&l, json_string_value(json_array_get(lines, k))) &&
			    same(to ? l.to : l.from, name))
				return true;
		}
	}
	return false;
}

static void collect_ports(json_t *all, const json_t *pods)
{
	for (size_t i = 0; i < json_array_size(pods); i++) {
		const json_t *ports = json_object_get(json_array_get(pods, i), "ports");

		for (size_t k = 0; k < json_array_size(ports); k++) {
			json_t *port = json_copy(json_array_get(ports, k));
			bool known = false;

			json_object_del(port, "name");
			for (size_t n = 0; n < json_array_size(all) && !known; n++)
				known = json_equal(json_array_get(all, n), port);
			if (!known)
				json_array_append(all, port);
			json_decref(port);
		}
	}
}

json_t *case_ports(const json_t *c)
{
	const json_t *steps = json_object_get(c, "steps");
	json_t *all = json_array();

	collect_ports(all, json_object_get(c, "pods"));
	for (size_t i = 0; i < json_array_size(steps); i++)
		collect_ports(all, json_object_get(json_array_get(steps, i), "pods"));
	return all;
}
