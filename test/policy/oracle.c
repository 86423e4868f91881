/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oracle.c - what NetworkPolicy objects mean, answered the slow and obvious way */
#include "test/policy/oracle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ------------------------------------------------------------------------------------ */

/* null is the same as missing, everywhere in the API. */
static const json_t *field(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

static const char *text(const json_t *object, const char *key, const char *otherwise)
{
	const char *value = json_string_value(field(object, key));

	return value ? value : otherwise;
}

static const char *meta(const json_t *object, const char *key)
{
	return text(field(object, "metadata"), key, "");
}

static bool equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Does the object have a key that is not in the list (which ends with NULL)? */
static bool strange(const json_t *object, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		size_t i;

		for (i = 0; known[i] && !equal(known[i], key); i++)
			;
		if (!known[i])
			return true;
	}
	return false;
}

/* ---- addresses ------------------------------------------------------------------------------- */

bool oracle_addr(struct oracle_addr *ret, const char *s)
{
	memset(ret, 0, sizeof(*ret));
	ret->family = strchr(s, ':') ? 6 : 4;
	return inet_pton(ret->family == 6 ? AF_INET6 : AF_INET, s, ret->b) == 1;
}

static int bit(const struct oracle_addr *a, int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

static bool in_cidr(const struct oracle_addr *a, const char *cidr)
{
	char buf[64];
	struct oracle_addr net;
	char *slash;

	if (strlen(cidr) >= sizeof(buf))
		return false;
	strcpy(buf, cidr);
	slash = strchr(buf, '/');
	if (!slash)
		return false;
	*slash = '\0';
	if (!oracle_addr(&net, buf) || net.family != a->family)
		return false;
	for (int i = 0; i < atoi(slash + 1); i++) {
		if (bit(a, i) != bit(&net, i))
			return false;
	}
	return true;
}

static bool block_matches(const json_t *block, const struct oracle_addr *a)
{
	const json_t *except = field(block, "except");

	if (!in_cidr(a, text(block, "cidr", "")))
		return false;
	for (size_t i = 0; i < json_array_size(except); i++) {
		if (in_cidr(a, json_string_value(json_array_get(except, i))))
			return false;
	}
	return true;
}

/* ---- selectors ------------------------------------------------------------------------------- */

static bool listed(const json_t *values, const char *value)
{
	for (size_t i = 0; i < json_array_size(values); i++) {
		if (equal(json_string_value(json_array_get(values, i)), value))
			return true;
	}
	return false;
}

/* Labels as far as they are known. Others may not even be assumed to be absent. */
struct labels {
	json_t *v;
	bool complete;
};

static bool requirement_holds(const json_t *requirement, const struct labels *labels)
{
	const char *op = text(requirement, "operator", "");
	const char *value = text(labels->v, text(requirement, "key", ""), NULL);
	const json_t *values = field(requirement, "values");

	if (!value && !labels->complete)
		return false;
	if (equal(op, "In"))
		return value && listed(values, value);
	if (equal(op, "NotIn"))
		return !value || !listed(values, value);
	if (equal(op, "Exists"))
		return value;
	if (equal(op, "DoesNotExist"))
		return !value;
	return false;
}

/* An empty selector selects everything. */
static bool selects(const json_t *selector, const struct labels *labels)
{
	const json_t *expressions = field(selector, "matchExpressions");
	const char *key;
	json_t *wanted;

	json_object_foreach((json_t *)(uintptr_t)field(selector, "matchLabels"), key, wanted) {
		const char *value = text(labels->v, key, NULL);

		if (!value || !equal(value, json_string_value(wanted)))
			return false;
	}
	for (size_t i = 0; i < json_array_size(expressions); i++) {
		if (!requirement_holds(json_array_get(expressions, i), labels))
			return false;
	}
	return true;
}

static bool strange_selector(const json_t *selector)
{
	static const char *const known[] = { "matchLabels", "matchExpressions", NULL };
	static const char *const known_requirement[] = { "key", "operator", "values", NULL };
	const json_t *expressions = field(selector, "matchExpressions");

	for (size_t i = 0; i < json_array_size(expressions); i++) {
		if (strange(json_array_get(expressions, i), known_requirement))
			return true;
	}
	return strange(selector, known);
}

/* ---- pods ------------------------------------------------------------------------------------ */

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(field(object, key));
}

static bool finished(const json_t *pod)
{
	const char *phase = text(pod, "phase", "Running");

	return equal(phase, "Succeeded") || equal(phase, "Failed");
}

static bool same_pod(const json_t *a, const json_t *b)
{
	return equal(text(a, "namespace", ""), text(b, "namespace", "")) &&
	       equal(text(a, "name", ""), text(b, "name", ""));
}

static const char *node_of(const json_t *pod)
{
	return text(pod, "node", "");
}

/* Labels and ports are those of a running pod: one that has ended is as one we never heard of. */
static bool untold(const json_t *pod)
{
	return is_true(pod, "unknown") || finished(pod);
}

/* The caller frees ->v. */
static struct labels pod_labels(const json_t *pod)
{
	const json_t *labels = field(pod, "labels");

	if (untold(pod) || !labels)
		return (struct labels) { json_object(), !untold(pod) };
	return (struct labels) { json_incref((json_t *)(uintptr_t)labels), true };
}

/* Does any object lie in the namespace, or is one it? */
static bool heard_of(const struct oracle_world *w, const char *namespace)
{
	bool heard = field(w->namespaces, namespace);

	for (size_t i = 0; i < json_array_size(w->pods) && !heard; i++) {
		const json_t *pod = json_array_get(w->pods, i);

		heard = equal(text(pod, "namespace", ""), namespace) && !is_true(pod, "unknown");
	}
	for (size_t i = 0; i < json_array_size(w->policies) && !heard; i++)
		heard = equal(meta(json_array_get(w->policies, i), "namespace"), namespace);
	return heard;
}

/* The control plane puts its name on every namespace: that much we know of all we have heard of. */
static struct labels namespace_labels(const struct oracle_world *w, const char *namespace)
{
	const json_t *object = field(w->namespaces, namespace);
	json_t *all = json_object();

	json_object_update(all, (json_t *)(uintptr_t)field(object, "labels"));
	if (heard_of(w, namespace))
		json_object_set_new(all, "kubernetes.io/metadata.name", json_string(namespace));
	return (struct labels) { all, object };
}

const json_t *oracle_pod(const struct oracle_world *w, const char *namespace, const char *name)
{
	for (size_t i = 0; i < json_array_size(w->pods); i++) {
		const json_t *pod = json_array_get(w->pods, i);

		if (equal(text(pod, "namespace", ""), namespace) &&
		    equal(text(pod, "name", ""), name))
			return pod;
	}
	return NULL;
}

bool oracle_end_of(struct oracle_end *ret, const json_t *pod, int family)
{
	const json_t *ips = field(pod, "ips");

	memset(ret, 0, sizeof(*ret));
	ret->pod = pod;
	ret->node = is_true(pod, "hostNetwork") ? node_of(pod) : NULL;
	for (size_t i = 0; i < json_array_size(ips); i++) {
		if (oracle_addr(&ret->addr, json_string_value(json_array_get(ips, i))) &&
		    ret->addr.family == family)
			return true;
	}
	return false;
}

/* The pod that selectors may look at: a process on a node is none, and what has ended is none. */
static const json_t *as_peer(const struct oracle_end *end)
{
	return end->pod && !end->node && !finished(end->pod) ? end->pod : NULL;
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Selectors of one peer, which lies in the namespace of the policy if none is selected. */
static bool peer_selects(const struct oracle_world *w, const char *namespace, const json_t *peer,
                         const json_t *pod)
{
	const json_t *pods = field(peer, "podSelector");
	const json_t *namespaces = field(peer, "namespaceSelector");
	struct labels labels;
	bool ok;

	if (!pods && !namespaces)
		return false;
	if (namespaces) {
		labels = namespace_labels(w, text(pod, "namespace", ""));
		ok = selects(namespaces, &labels);
		json_decref(labels.v);
	} else {
		ok = equal(text(pod, "namespace", ""), namespace);
	}
	if (!ok || !pods)
		return ok;
	labels = pod_labels(pod);
	ok = selects(pods, &labels);
	json_decref(labels.v);
	return ok;
}

static bool port_named(const json_t *pod, const char *name, const char *proto, int port)
{
	const json_t *ports = field(pod, "ports");

	for (size_t i = 0; i < json_array_size(ports); i++) {
		const json_t *p = json_array_get(ports, i);

		/* Of two of one name the first counts. */
		if (equal(text(p, "name", ""), name) && equal(text(p, "protocol", "TCP"), proto))
			return json_integer_value(field(p, "port")) == port;
	}
	return false;
}

/* @target: the pod in which names are looked up, or NULL */
static bool port_matches(const json_t *rule_port, const json_t *target, int proto, int port)
{
	const char *name = text(rule_port, "protocol", "TCP");
	const json_t *number = field(rule_port, "port");
	const json_t *end = field(rule_port, "endPort");
	json_int_t first, last;

	if (!(equal(name, "TCP") && proto == IPPROTO_TCP) &&
	    !(equal(name, "UDP") && proto == IPPROTO_UDP) &&
	    !(equal(name, "SCTP") && proto == IPPROTO_SCTP))
		return false;
	if (!number)
		return true;
	if (json_is_string(number)) {
		return target && !untold(target) &&
		       port_named(target, json_string_value(number), name, port);
	}
	first = json_integer_value(number);
	last = end ? json_integer_value(end) : first;
	return first <= port && port <= last;
}

static bool ports_match(const json_t *rule, const json_t *target, int proto, int port)
{
	const json_t *ports = field(rule, "ports");

	if (!json_array_size(ports))
		return true;
	for (size_t i = 0; i < json_array_size(ports); i++) {
		if (port_matches(json_array_get(ports, i), target, proto, port))
			return true;
	}
	return false;
}

static bool strange_rule(const json_t *rule, const char *peers_key)
{
	const char *const known[] = { peers_key, "ports", NULL };
	static const char *const known_peer[] = { "podSelector", "namespaceSelector", "ipBlock",
		                                  NULL };
	static const char *const known_block[] = { "cidr", "except", NULL };
	static const char *const known_port[] = { "protocol", "port", "endPort", NULL };
	const json_t *peers = field(rule, peers_key);
	const json_t *ports = field(rule, "ports");

	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *peer = json_array_get(peers, i);

		if (strange(peer, known_peer) || strange(field(peer, "ipBlock"), known_block) ||
		    strange_selector(field(peer, "podSelector")) ||
		    strange_selector(field(peer, "namespaceSelector")))
			return true;
	}
	for (size_t i = 0; i < json_array_size(ports); i++) {
		if (strange(json_array_get(ports, i), known_port))
			return true;
	}
	return strange(rule, known);
}

struct question {
	const struct oracle_world *w;
	const json_t *subject;
	enum oracle_direction d;
	const struct oracle_end *peer;
	int proto, port;
};

static bool rule_allows(const struct question *q, const char *namespace, const json_t *rule)
{
	const char *key = q->d == ORACLE_INGRESS ? "from" : "to";
	const json_t *peers = field(rule, key);
	const json_t *pod = as_peer(q->peer);
	/* Names are the destination's, whoever the rule belongs to. */
	const json_t *target = q->d == ORACLE_INGRESS ? q->subject : pod;
	const json_t *block_target = q->d == ORACLE_INGRESS ? q->subject : NULL;

	if (strange_rule(rule, key))
		return false;
	if (!json_array_size(peers))
		return ports_match(rule, target, q->proto, q->port);
	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *peer = json_array_get(peers, i);
		const json_t *block = field(peer, "ipBlock");

		if (block) {
			if (block_matches(block, &q->peer->addr) &&
			    ports_match(rule, block_target, q->proto, q->port))
				return true;
		} else if (pod && peer_selects(q->w, namespace, peer, pod) &&
		           ports_match(rule, target, q->proto, q->port)) {
			return true;
		}
	}
	return false;
}

/* ---- policies -------------------------------------------------------------------------------- */

static const char *rules_key(enum oracle_direction d)
{
	return d == ORACLE_INGRESS ? "ingress" : "egress";
}

/* Default of policyTypes: Ingress, and Egress if there are egress rules. */
static bool has_direction(const json_t *spec, enum oracle_direction d)
{
	const json_t *types = field(spec, "policyTypes");

	if (json_array_size(types))
		return listed(types, d == ORACLE_INGRESS ? "Ingress" : "Egress");
	return d == ORACLE_INGRESS || json_array_size(field(spec, "egress"));
}

static bool of_namespace(const json_t *policy, const json_t *pod)
{
	return equal(meta(policy, "namespace"), text(pod, "namespace", ""));
}

bool oracle_isolated(const struct oracle_world *w, const json_t *pod, enum oracle_direction d)
{
	const struct labels labels = pod_labels(pod);
	bool isolated = false;

	for (size_t i = 0; i < json_array_size(w->policies) && !isolated; i++) {
		const json_t *policy = json_array_get(w->policies, i);
		const json_t *spec = field(policy, "spec");

		/* Who does not know the labels must expect that they are the selected ones. */
		isolated = of_namespace(policy, pod) && has_direction(spec, d) &&
		           (!labels.complete || selects(field(spec, "podSelector"), &labels));
	}
	json_decref(labels.v);
	return isolated;
}

static bool policy_allows(const struct question *q, const json_t *policy)
{
	const json_t *spec = field(policy, "spec");
	const json_t *rules = field(spec, rules_key(q->d));
	struct labels labels;
	bool selected;

	if (!of_namespace(policy, q->subject) || !has_direction(spec, q->d))
		return false;
	labels = pod_labels(q->subject);
	selected = selects(field(spec, "podSelector"), &labels);
	json_decref(labels.v);
	for (size_t i = 0; selected && i < json_array_size(rules); i++) {
		if (rule_allows(q, meta(policy, "namespace"), json_array_get(rules, i)))
			return true;
	}
	return false;
}

bool oracle_direction(const struct oracle_world *w, const json_t *pod, enum oracle_direction d,
                      const struct oracle_end *peer, int proto, int port)
{
	const struct question q = { w, pod, d, peer, proto, port };

	if (!oracle_isolated(w, pod, d))
		return true;
	for (size_t i = 0; i < json_array_size(w->policies); i++) {
		if (policy_allows(&q, json_array_get(w->policies, i)))
			return true;
	}
	return false;
}

/* Does somebody here judge for this end: is it a pod of this node with a network of its own? */
static bool judged(const struct oracle_end *end)
{
	return end->pod && !end->node && equal(node_of(end->pod), "");
}

bool oracle_allow(const struct oracle_world *w, const struct oracle_end *from,
                  const struct oracle_end *to, int proto, int port)
{
	if (from->pod && to->pod && same_pod(from->pod, to->pod))
		return true;
	/* Own node, either way. */
	if (from->node && judged(to) && equal(from->node, ""))
		return true;
	if (to->node && judged(from) && equal(to->node, ""))
		return true;
	return (!judged(from) || oracle_direction(w, from->pod, ORACLE_EGRESS, to, proto, port)) &&
	       (!judged(to) || oracle_direction(w, to->pod, ORACLE_INGRESS, from, proto, port));
}
