/* SPDX-License-Identifier: GPL-2.0-or-later */
/* matrix_case.c - one case: its steps, what is probed */
#include "test/policy/manifest.h"
#include "test/policy/matrix.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct running {
	struct matrix *m;
	const json_t *c;
	struct case_state state;
	json_t *all_ports; /* what nodes and outside hosts serve */
	struct flows *flows;
	unsigned int step; /* from 1 */
	FILE *report;
	struct outcome *ret;
};

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* ---- who is probed ------------------------------------------------------------------------------- */

static void pod_ends(const struct running *r, struct step_probes *s)
{
	for (size_t i = 0; i < json_array_size(r->state.pods); i++) {
		const json_t *pod = json_array_get(r->state.pods, i);
		char name[END_NAME_SIZE];

		snprintf(name, sizeof(name), "%s/%s", text(pod, "namespace"), text(pod, "name"));
		if (s->n_ends == ENDS_MAX)
			broken("too many ends");
		s->ends[s->n_ends++] = (struct matrix_end) {
			.end = topology_end(&r->m->topology, name),
			.ports = json_object_get(pod, "ports"),
			.from = true,
			.to = true,
		};
	}
}

static bool known(const struct step_probes *s, const char *name)
{
	for (size_t i = 0; i < s->n_ends; i++) {
		if (strcmp(s->ends[i].end->name, name) == 0)
			return true;
	}
	return false;
}

static bool is_named_end(const char *name)
{
	const char *slash = strchr(name, '/');

	return strcmp(name, "node") == 0 || strcmp(name, "node-other") == 0 ||
	       (slash && slash[1] >= '0' && slash[1] <= '9' &&
	        (strchr(name, ':') || strspn(name, "0123456789./") == strlen(name)));
}

static void named_end(const struct running *r, struct step_probes *s, const char *name)
{
	struct end *e;

	if (!is_named_end(name) || known(s, name))
		return;
	e = topology_end(&r->m->topology, name);
	if (!e) /* of another family */
		return;
	if (s->n_ends == ENDS_MAX)
		broken("too many ends");
	s->ends[s->n_ends++] = (struct matrix_end) {
		.end = e,
		.ports = r->all_ports,
		.from = case_names(r->c, name, false),
		.to = case_names(r->c, name, true),
	};
}

static void all_ends(const struct running *r, struct step_probes *s)
{
	const json_t *steps = json_object_get(r->c, "steps");

	pod_ends(r, s);
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *lines = json_object_get(json_array_get(steps, i), "expect");

		for (size_t k = 0; k < json_array_size(lines); k++) {
			char from[END_NAME_SIZE] = "", to[END_NAME_SIZE] = "";

			sscanf(json_string_value(json_array_get(lines, k)), "%191s -> %191s", from,
			       to);
			named_end(r, s, from);
			named_end(r, s, to);
		}
	}
}

/* ---- what is probed ------------------------------------------------------------------------------ */

static void add_probe(struct step_probes *s, const struct probe *p)
{
	if (s->n == s->space) {
		s->space = s->space ? s->space * 2 : 1024;
		s->v = realloc(s->v, s->space * sizeof(*s->v));
		if (!s->v)
			broken("no memory");
	}
	s->v[s->n++] = *p;
}

static void add_port(const struct running *r, struct step_probes *s, const struct probe *pair,
                     const json_t *port, bool service)
{
	struct probe p = *pair;
	const char *proto = text(port, "protocol");

	p.proto = case_proto(*proto ? proto : "TCP");
	p.port = (int)json_integer_value(json_object_get(port, "port"));
	p.dest = p.to->addr[p.family == 6];
	p.dest.v4.sin_port = htons((uint16_t)p.port);
	if (service &&
	    !services_address(&r->m->services, p.to->name, p.family, p.proto, p.port, &p.dest))
		return;
	add_probe(s, &p);
}

static void add_pair(const struct running *r, struct step_probes *s, const struct matrix_end *from,
                     const struct matrix_end *to, int family, bool service)
{
	struct probe p = { .from = from->end, .to = to->end, .family = family };

	if (p.from->addr[family == 6].sa.sa_family == AF_UNSPEC ||
	    p.to->addr[family == 6].sa.sa_family == AF_UNSPEC)
		return;
	for (size_t i = 0; i < json_array_size(to->ports); i++)
		add_port(r, s, &p, json_array_get(to->ports, i), service);
	if (json_is_true(json_object_get(r->c, "echo")) && !service) {
		p.proto = ORACLE_ECHO;
		p.dest = p.to->addr[family == 6];
		add_probe(s, &p);
	}
}

static void all_probes(const struct running *r, struct step_probes *s, bool service)
{
	for (int family = 4; family <= 6; family += 2) {
		for (size_t i = 0; i < s->n_ends; i++) {
			for (size_t k = 0; k < s->n_ends; k++) {
				const struct matrix_end *from = &s->ends[i], *to = &s->ends[k];

				if (from->from && to->to &&
				    (from->end->kind == END_POD || to->end->kind == END_POD))
					add_pair(r, s, from, to, family, service);
			}
		}
	}
}

/* ---- steps --------------------------------------------------------------------------------------- */

static bool wrong_case(struct running *r, const char *why)
{
	fprintf(r->report, "  step %u: %s\n", r->step, why);
	r->ret->wrong++;
	return false;
}

static bool apply(struct running *r)
{
	struct topology *t = &r->m->topology;
	char path[PATH_MAX], *objects, *said;
	const double start = now_ms();
	int rc;

	if (strcmp(t->conf.backend, "none") == 0)
		return true;
	objects = manifest(&r->state);
	snprintf(path, sizeof(path), "%s/cnida", t->conf.plugins);
	topology_enter(t->own);
	rc = run_program(objects, (const char *const[]) { path, "policy", "apply", "-", NULL },
	                 &said);
	r->ret->apply_ms += now_ms() - start;
	if (r->m->options->verbose)
		fprintf(r->report, "  step %u: cnida policy apply, %.1f ms: %s\n", r->step,
		        now_ms() - start, said);
	free(objects);
	if (rc) {
		char why[2000];

		snprintf(why, sizeof(why), "cnida policy apply ended with %d: %s", rc, said);
		wrong_case(r, why);
	}
	free(said);
	return rc == 0;
}

static void probe_step(struct running *r, const json_t *step)
{
	const bool service = strcmp(text(step, "via"), "service") == 0;
	struct step_probes s = { 0 };
	double start;

	all_ends(r, &s);
	if (service) {
		services_make(&r->m->services, r->c, &r->state);
		services_load(&r->m->services, &r->m->topology, r->m->options->proxy);
	} else {
		services_unload(&r->m->services, &r->m->topology);
	}
	all_probes(r, &s, service);
	judge_expect(&s, json_object_get(step, "expect"));
	start = now_ms();
	prober_run(r->m->prober, s.v, s.n);
	r->ret->probe_ms += now_ms() - start;
	r->ret->probes += (long)s.n;
	r->ret->wrong += judge_step(&s, json_object_get(step, "expect"), r->step,
	                            r->m->options->verbose, r->report);
	free(s.v);
}

static void forget_detached(struct running *r)
{
	struct topology *t = &r->m->topology;

	for (size_t i = 0; i < t->n; i++) {
		if (t->end[i]->kind <= END_REMOTE && !topology_wanted(&r->state, t->end[i]->name))
			prober_forget(r->m->prober, t->end[i]);
	}
}

void matrix_forget(struct matrix *m)
{
	for (size_t i = 0; i < m->topology.n; i++) {
		if (m->topology.end[i]->kind <= END_REMOTE)
			prober_forget(m->prober, m->topology.end[i]);
	}
}

/* A policy that names addresses of pods cannot be there before them. */
static bool has_placeholder(const json_t *step)
{
	char *s = json_dumps(step, JSON_COMPACT);
	const bool ret = s && strstr(s, "${");

	free(s);
	return ret;
}

/* What the step changes, in force: policies and all pods. */
static bool change(struct running *r, const json_t *step)
{
	struct topology *t = &r->m->topology;
	const bool add_last = r->m->options->add_last && r->step == 1 && !has_placeholder(step);
	char why[512];

	if (!case_change(&r->state, step, why, sizeof(why)))
		return wrong_case(r, why);
	forget_detached(r);
	topology_sync(t, &r->state, !add_last);
	if (!case_apply(&r->state, step, t->conf.families, &t->plan, why, sizeof(why)))
		return wrong_case(r, why);
	if (!apply(r))
		return false;
	topology_sync(t, &r->state, true);
	return true;
}

static bool run_step(struct running *r, const json_t *step)
{
	r->ret->steps++;
	if (!change(r, step))
		return false;
	if (json_object_get(step, "flows"))
		r->ret->wrong += flows_check(r->flows, json_object_get(step, "flows"), r->step,
		                             r->report, &r->ret->probes);
	if (json_object_get(step, "expect"))
		probe_step(r, step);
	return true;
}

void matrix_case(struct matrix *m, const json_t *c, FILE *report, struct outcome *ret)
{
	struct running r = { .m = m, .c = c, .report = report, .ret = ret };
	const json_t *steps = json_object_get(c, "steps");
	const double start = now_ms();

	case_start(&r.state, c);
	r.all_ports = case_ports(c);
	r.flows = flows_new(&m->topology, m->prober);
	for (size_t i = 0; i < json_array_size(steps); i++) {
		r.step = (unsigned int)i + 1;
		if (!run_step(&r, json_array_get(steps, i)))
			break;
	}
	flows_free(r.flows);
	services_forget(&m->services);
	json_decref(r.all_ports);
	case_end(&r.state);
	ret->seconds = (now_ms() - start) / 1e3;
	ret->done = true;
}
