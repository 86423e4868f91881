/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.c - why is a connection allowed or denied? Names the policies and the rules
 */
#include "policy/explain.h"

#include "policy/arena.h"
#include "policy/explain_rule.h"

#include <errno.h>
#include <string.h>

static int no_memory(struct err *e)
{
	return err_sys(e, ENOMEM, "explain");
}

/* The pod that has an address; of several the one that owns it */
static const struct pod *find_owner(const struct objects *o, const struct ip_addr *addr)
{
	const struct pod *found = NULL;

	for (size_t i = 0; i < o->n_pods; i++) {
		const struct pod *pod = &o->pods[i];

		for (size_t j = 0; pod_is_peer(pod) && j < pod->n_ips; j++)
			if (ip_eq(&pod->ips[j], addr) && (!found || pod_owns(pod, found)))
				found = pod;
	}
	return found;
}

static int read_name(const struct objects *o, const char *text, struct explanation *x,
                     struct explain_end *ret, struct err *e)
{
	const char *slash = strchr(text, '/');

	if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
		return err_set(e, CNI_E_CONFIG, EINVAL,
		               "\"%.200s\": expected namespace/pod, an address, or \"node\"", text);
	ret->namespace = arena_text(x->arena, text, (size_t)(slash - text));
	ret->name = arena_text(x->arena, slash + 1, strlen(slash + 1));
	if (!ret->namespace || !ret->name)
		return no_memory(e);
	ret->pod = objects_pod(o, ret->namespace, ret->name);
	return 0;
}

static int read_end(const struct objects *o, const char *text, struct explanation *x,
                    struct explain_end *ret, struct err *e)
{
	if (strcmp(text, "node") == 0) {
		ret->node = true;
		return 0;
	}
	if (!ip_parse(text, &ret->addr))
		return read_name(o, text, x, ret, e);
	ret->pod = find_owner(o, &ret->addr);
	if (ret->pod) {
		ret->namespace = ret->pod->namespace;
		ret->name = ret->pod->name;
	}
	return 0;
}

/* The addresses that an end can be known by */
static const struct ip_addr *addresses(const struct explain_end *end, size_t *ret_n)
{
	*ret_n = 1;
	if (ip_is_set(&end->addr))
		return &end->addr;
	*ret_n = end->pod ? end->pod->n_ips : 0;
	return end->pod ? end->pod->ips : NULL;
}

static int choose_addresses(struct explain_end *src, struct explain_end *dst, struct err *e)
{
	size_t n_src, n_dst;
	const struct ip_addr *from = addresses(src, &n_src), *to = addresses(dst, &n_dst);

	for (size_t i = 0; i < n_dst; i++) {
		for (size_t j = 0; j < n_src; j++) {
			if (to[i].family == from[j].family) {
				dst->addr = to[i];
				src->addr = from[j];
				return 0;
			}
		}
	}
	if (n_src && n_dst)
		return err_set(e, CNI_E_CONFIG, EINVAL,
		               "source and destination have no address of one family");
	if (n_dst)
		dst->addr = to[0];
	if (n_src)
		src->addr = from[0];
	return 0;
}

/* A pod that is in the node's network, or through, is no pod for any policy: its address is what counts. */
static const char *describe_end(struct explanation *x, struct explain_end *end)
{
	const char *what = !end->pod                ? ", not known"
	                   : end->pod->host_network ? ", in the node's network"
	                   : end->pod->finished     ? ", finished"
	                                            : "";
	char addr[IP_STR_MAX];

	(void)ip_format(&end->addr, addr);
	if (end->node)
		return "the node";
	if (!end->name)
		return arena_printf(x->arena, "address %s", addr);
	if (end->pod && !pod_is_peer(end->pod)) {
		end->text = arena_printf(x->arena, "pod %s/%s (%s%s)", end->namespace, end->name,
		                         *addr ? addr : "no address", what);
		end->pod = NULL;
		end->namespace = end->name = NULL;
		return end->text;
	}
	return arena_printf(x->arena, "pod %s/%s (%s%s)", end->namespace, end->name,
	                    *addr ? addr : "no address", what);
}

static bool add_reason(struct explanation *x, struct explain_side *side, const struct policy *p,
                       const char *path, const char *text, bool allows)
{
	struct explain_reason *v = arena_grow(x->arena, side->reasons, side->n_reasons, sizeof(*v));

	if (!v || !path || !text)
		return false;
	side->reasons = v;
	v[side->n_reasons++] = (struct explain_reason) {
		.namespace = p->namespace,
		.policy = p->name,
		.path = path,
		.text = text,
		.allows = allows,
	};
	if (allows)
		side->verdict = EXPLAIN_ALLOWED;
	return true;
}

static bool ask_policy(struct explanation *x, const struct policy *p, const struct connection *c)
{
	const char *list = c->dir == INGRESS ? "spec.ingress" : "spec.egress";
	struct explain_side *side = &x->side[c->dir];

	if (p->n_rules[c->dir] == 0)
		return add_reason(x, side, p, list, "allows nothing: it has no rule", false);
	for (size_t i = 0; i < p->n_rules[c->dir]; i++) {
		const char *path = arena_printf(x->arena, "%s[%zu]", list, i), *text;
		bool allows = explain_rule(x->arena, p, &p->rules[c->dir][i], c, &text);

		if (!add_reason(x, side, p, path, text, allows))
			return false;
	}
	return true;
}

/* Does the policy select the pod? 1 yes, 0 no, -1 nobody knows, since nobody has told the pod's labels. */
static int selects(const struct policy *p, const struct explain_end *pod)
{
	if (strcmp(p->namespace, pod->namespace) != 0)
		return 0;
	if (!pod->pod && p->pods.n > 0)
		return -1;
	return selector_matches(&p->pods, pod->pod ? &pod->pod->labels : NULL);
}

static bool judge_policies(struct explanation *x, const struct connection *c, bool relaxed,
                           size_t *ret_n)
{
	const struct explain_end *judged = c->dir == INGRESS ? &x->dst : &x->src;
	struct explain_side *side = &x->side[c->dir];

	*ret_n = 0;
	for (size_t i = 0; i < c->objects->n_policies; i++) {
		const struct policy *p = &c->objects->policies[i];
		int selected = selects(p, judged);

		if (!p->isolates[c->dir] || !selected || (selected < 0 && relaxed))
			continue;
		++*ret_n;
		if (side->verdict != EXPLAIN_ALLOWED)
			side->verdict = EXPLAIN_DENIED;
		if (selected > 0
		            ? !ask_policy(x, p, c)
		            : !add_reason(x, side, p, "spec.podSelector",
		                          "may select the pod: its labels are not known", false))
			return false;
	}
	return true;
}

static bool judge(struct explanation *x, struct connection *c, enum direction dir, bool relaxed)
{
	const struct explain_end *judged = dir == INGRESS ? &x->dst : &x->src;
	struct explain_side *side = &x->side[dir];
	const char *way = dir == INGRESS ? "ingress" : "egress";
	size_t n;

	c->dir = dir;
	c->peer = dir == INGRESS ? &x->src : &x->dst;
	side->verdict = EXPLAIN_NOT_ISOLATED;
	if (!judged->name) {
		side->verdict = EXPLAIN_NOT_JUDGED;
		side->text = arena_printf(x->arena, "%s is no pod: no %s policy applies",
		                          judged->text, way);
		return side->text;
	}
	if (!judge_policies(x, c, relaxed, &n))
		return false;
	if (n == 0)
		side->text =
			arena_printf(x->arena, "no policy isolates %s for %s", judged->text, way);
	else
		side->text = arena_printf(x->arena, "%zu %s %s for %s", n,
		                          n == 1 ? "policy isolates" : "policies isolate",
		                          judged->text, way);
	return side->text;
}

static bool skip(struct explanation *x, const char *text)
{
	for (int dir = 0; dir < 2; dir++)
		x->side[dir] =
			(struct explain_side) { .verdict = EXPLAIN_NOT_JUDGED, .text = text };
	return true;
}

static bool is_self(const struct explanation *x)
{
	return x->src.name && x->dst.name && strcmp(x->src.namespace, x->dst.namespace) == 0 &&
	       strcmp(x->src.name, x->dst.name) == 0;
}

static bool judge_both(struct explanation *x, struct connection *c, bool relaxed)
{
	if (x->src.node || x->dst.node)
		return skip(x, "between a pod and its own node everything is allowed");
	if (is_self(x))
		return skip(x, "a pod always reaches itself");
	return judge(x, c, EGRESS, relaxed) && judge(x, c, INGRESS, relaxed);
}

int explain(const struct objects *objects, bool relaxed, const char *src, const char *dst,
            uint8_t proto, uint16_t port, struct explanation *ret, struct err *e)
{
	struct connection c = { .objects = objects, .dst = &ret->dst, .proto = proto, .port = port };
	int r;

	*ret = (struct explanation) { .arena = arena_new() };
	if (!ret->arena)
		return no_memory(e);
	r = read_end(objects, src, ret, &ret->src, e);
	if (r == 0)
		r = read_end(objects, dst, ret, &ret->dst, e);
	if (r == 0)
		r = choose_addresses(&ret->src, &ret->dst, e);
	if (r < 0)
		return r;
	ret->src.text = describe_end(ret, &ret->src);
	ret->dst.text = describe_end(ret, &ret->dst);
	if (!ret->src.text || !ret->dst.text || !judge_both(ret, &c, relaxed))
		return no_memory(e);
	ret->allowed =
		ret->side[0].verdict != EXPLAIN_DENIED && ret->side[1].verdict != EXPLAIN_DENIED;
	return 0;
}

void explanation_free(struct explanation *x)
{
	arena_free(x->arena);
	*x = (struct explanation) { .allowed = false };
}
