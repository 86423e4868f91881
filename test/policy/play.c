/* SPDX-License-Identifier: GPL-2.0-or-later */
/* play.c - a case without a network: all its probes, with addresses of an imagined node */
#include "test/policy/play.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define ENDS_MAX  64 /* of one case: pods, nodes, outside hosts */
#define NAME_SIZE 192

static const struct case_plan plan = {
	.node = { "10.246.0.1", "fd00:246::1" },
	.node_other = { "10.246.0.2", "fd00:246::2" },
	.pods = { "10.244.0.0/24", "fd00:244::/64" },
	.pods_other = { "10.245.0.0/24", "fd00:245::/64" },
};

struct play {
	const json_t *c;
	unsigned int families;
	bool expect;
	play_fn *fn;
	void *arg;
	struct case_state state;
	json_t *all_ports; /* what nodes and outside hosts serve */
	int next[2];       /* last byte of the next address: this node, other node */
	long probes;
	int step;
	const json_t *lines;
};

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* ---- the imagined node ----------------------------------------------------------------------- */

static void give(struct play *p, json_t *pod)
{
	bool other = *text(pod, "node");
	bool host = json_is_true(json_object_get(pod, "hostNetwork"));
	json_t *ips = json_array();
	int last = host ? 0 : p->next[other]++;

	for (int i = 0; i < 2; i++) {
		char ip[64];

		if (!(p->families & (i ? CASE_IPV6 : CASE_IPV4)))
			continue;
		if (host)
			snprintf(ip, sizeof(ip), "%s", other ? plan.node_other[i] : plan.node[i]);
		else if (i)
			snprintf(ip, sizeof(ip), "fd00:%d::%x", other ? 245 : 244,
			         (unsigned int)last);
		else
			snprintf(ip, sizeof(ip), "10.%d.0.%d", other ? 245 : 244, last);
		json_array_append_new(ips, json_string(ip));
	}
	json_object_set_new(pod, "ips", ips);
}

static void give_all(struct play *p)
{
	size_t i;
	json_t *pod;

	json_array_foreach(p->state.pods, i, pod) {
		if (!json_object_get(pod, "ips"))
			give(p, pod);
	}
}

/* ---- probes ---------------------------------------------------------------------------------- */

struct end {
	char name[NAME_SIZE];
	struct oracle_end end;
	bool pod, attached, from, to; /* attached: a pod of this node with a network of its own */
	const json_t *ports;
};

static size_t pod_ends(const struct play *p, int family, struct end *ends)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(p->state.pods) && n < ENDS_MAX; i++) {
		const json_t *pod = json_array_get(p->state.pods, i);
		struct end *e = &ends[n];

		if (!oracle_end_of(&e->end, pod, family))
			continue;
		snprintf(e->name, sizeof(e->name), "%s/%s", text(pod, "namespace"),
		         text(pod, "name"));
		e->pod = e->from = e->to = true;
		e->attached = !e->end.node && !*text(pod, "node");
		e->ports = json_object_get(pod, "ports");
		n++;
	}
	return n;
}

static bool known(const struct end *ends, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(ends[i].name, name) == 0)
			return true;
	}
	return false;
}

/* A node or an outside host, if it is one, of this family, and not there yet. */
static bool other_end(const struct play *p, int family, const char name[NAME_SIZE], struct end *e)
{
	char addr[NAME_SIZE];

	memset(e, 0, sizeof(*e));
	memcpy(e->name, name, NAME_SIZE);
	memcpy(addr, name, NAME_SIZE);
	if (strcmp(name, "node") == 0 || strcmp(name, "node-other") == 0) {
		e->end.node = name[4] ? "other" : "";
		snprintf(addr, sizeof(addr), "%s",
		         (name[4] ? plan.node_other : plan.node)[family == 6]);
	}
	if (strchr(addr, '/'))
		*strchr(addr, '/') = '\0';
	e->from = case_names(p->c, name, false);
	e->to = case_names(p->c, name, true);
	e->ports = p->all_ports;
	return oracle_addr(&e->end.addr, addr) && e->end.addr.family == family;
}

static size_t named_ends(const struct play *p, int family, struct end *ends, size_t n)
{
	const json_t *steps = json_object_get(p->c, "steps");

	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *lines = json_object_get(json_array_get(steps, i), "expect");

		for (size_t k = 0; k < json_array_size(lines); k++) {
			char name[2][NAME_SIZE] = { "", "" };

			sscanf(json_string_value(json_array_get(lines, k)), "%191s -> %191s",
			       name[0], name[1]);
			for (int side = 0; side < 2; side++) {
				if (n < ENDS_MAX && !known(ends, n, name[side]) &&
				    other_end(p, family, name[side], &ends[n]))
					n++;
			}
		}
	}
	return n;
}

static void probe(struct play *p, const struct end *from, const struct end *to, int family,
                  int proto, int port)
{
	const struct oracle_world w = case_world(&p->state);
	const struct play_probe probe = { { from->name, to->name, family, proto, port },
		                          from->end,
		                          to->end };

	p->fn(p->arg, p->step, p->lines, &w, &probe);
	p->probes++;
}

static void probe_pair(struct play *p, const struct end *from, const struct end *to, int family)
{
	for (size_t i = 0; i < json_array_size(to->ports); i++) {
		const json_t *port = json_array_get(to->ports, i);
		const char *proto = text(port, "protocol");

		probe(p, from, to, family, case_proto(*proto ? proto : "TCP"),
		      (int)json_integer_value(json_object_get(port, "port")));
	}
	if (json_is_true(json_object_get(p->c, "echo")))
		probe(p, from, to, family, ORACLE_ECHO, 0);
}

static void probe_all(struct play *p, int family)
{
	struct end ends[ENDS_MAX] = { 0 };
	size_t n = pod_ends(p, family, ends);

	n = named_ends(p, family, ends, n);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			if (ends[i].from && ends[k].to && (ends[i].attached || ends[k].attached))
				probe_pair(p, &ends[i], &ends[k], family);
		}
	}
}

static bool play_step(struct play *p, const json_t *step, char *why, size_t size)
{
	p->lines = json_object_get(step, "expect");
	if (!case_change(&p->state, step, why, size))
		return false;
	give_all(p);
	if (!case_apply(&p->state, step, p->families, &plan, why, size))
		return false;
	for (int family = 4; family <= 6 && (p->lines || !p->expect); family += 2) {
		if (p->families & (family == 6 ? CASE_IPV6 : CASE_IPV4))
			probe_all(p, family);
	}
	return true;
}

long play_case(const json_t *c, unsigned int families, bool expect, play_fn *fn, void *arg,
               char *why, size_t size)
{
	struct play p = { .c = c, .families = families, .expect = expect, .fn = fn, .arg = arg };
	const json_t *steps = json_object_get(c, "steps");
	bool ok = true;

	case_start(&p.state, c);
	p.all_ports = case_ports(c);
	p.next[0] = p.next[1] = 2;
	for (size_t i = 0; i < json_array_size(steps) && ok; i++) {
		p.step = (int)i;
		ok = play_step(&p, json_array_get(steps, i), why, size);
	}
	json_decref(p.all_ports);
	case_end(&p.state);
	return ok ? p.probes : -1;
}
