/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world_objects.c - a world as Kubernetes objects, and questions about it */
#include "test/policy/worlds.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static json_t *get(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

/* ---- objects --------------------------------------------------------------------------------- */

/* The last port is an init container's, the rest are spread over two containers: order counts. */
static json_t *containers(const json_t *ports, bool init)
{
	size_t n = json_array_size(ports), i;
	json_t *list = json_array(), *port;

	json_array_append_new(list,
	                      json_pack("{s:s, s:[]}", "name", init ? "init" : "one", "ports"));
	if (!init && n > 2)
		json_array_append_new(list, json_pack("{s:s, s:[]}", "name", "two", "ports"));
	json_array_foreach(ports, i, port) {
		json_t *c = json_object();

		if (init != (n > 3 && i == n - 1)) {
			json_decref(c);
			continue;
		}
		json_object_update(c, port);
		json_object_del(c, "port");
		json_object_set(c, "containerPort", get(port, "port"));
		json_array_append_new(get(json_array_get(list, !init && n > 2 && i > 0), "ports"),
		                      c);
	}
	return list;
}

static json_t *pod_spec(const json_t *pod)
{
	json_t *spec = json_object();
	const char *node = json_string_value(get(pod, "node"));

	json_object_set_new(spec, "nodeName", json_string(node ? node : "here"));
	json_object_set_new(spec, "containers", containers(get(pod, "ports"), false));
	json_object_set_new(spec, "initContainers", containers(get(pod, "ports"), true));
	if (json_is_true(get(pod, "hostNetwork")))
		json_object_set_new(spec, "hostNetwork", json_true());
	return spec;
}

static json_t *pod_status(const json_t *pod)
{
	const char *phase = json_string_value(get(pod, "phase"));
	json_t *status = json_object(), *ips = json_array(), *ip;
	size_t i;

	json_object_set_new(status, "phase", json_string(phase ? phase : "Running"));
	json_array_foreach(get(pod, "ips"), i, ip) {
		if (i == 0)
			json_object_set(status, "podIP", ip);
		json_array_append_new(ips, json_pack("{s:O}", "ip", ip));
	}
	json_object_set_new(status, "podIPs", ips);
	return status;
}

static json_t *pod_object(const json_t *pod)
{
	json_t *meta = json_object();

	json_object_set(meta, "namespace", get(pod, "namespace"));
	json_object_set(meta, "name", get(pod, "name"));
	if (get(pod, "labels"))
		json_object_set(meta, "labels", get(pod, "labels"));
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
	                 meta, "spec", pod_spec(pod), "status", pod_status(pod));
}

json_t *world_objects(const struct oracle_world *w)
{
	json_t *items = json_array(), *pod, *namespace;
	const char *name;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)w->namespaces, name, namespace) {
		json_t *meta = json_pack("{s:s}", "name", name);

		if (get(namespace, "labels"))
			json_object_set(meta, "labels", get(namespace, "labels"));
		json_array_append_new(items, json_pack("{s:s, s:s, s:o}", "apiVersion", "v1",
		                                       "kind", "Namespace", "metadata", meta));
	}
	json_array_foreach(w->pods, i, pod) {
		if (!json_is_true(get(pod, "unknown")))
			json_array_append_new(items, pod_object(pod));
	}
	json_array_extend(items, (json_t *)(uintptr_t)w->policies);
	return json_pack("{s:s, s:s, s:o}", "apiVersion", "v1", "kind", "List", "items", items);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Every address that a block or exception names, as a list of texts. */
static void collect(const json_t *v, json_t *ret)
{
	const char *text = json_string_value(v), *key;
	json_t *item;
	size_t i;

	if (text && strchr(text, '/') && (text[0] < 'a' || strchr(text, ':')))
		json_array_append(ret, (json_t *)(uintptr_t)v);
	json_array_foreach(v, i, item)
		collect(item, ret);
	json_object_foreach((json_t *)(uintptr_t)v, key, item) {
		if (!json_is_object(item) || strcmp(key, "metadata") != 0)
			collect(item, ret);
	}
}

/* First or last address of a prefix, or the neighbour outside. */
static bool edge(struct dice *d, const char *cidr, struct oracle_addr *ret)
{
	char text[64];
	int len, max, step = (int)dice(d, 2), last = (int)dice(d, 2);

	snprintf(text, sizeof(text), "%s", cidr);
	*strchr(text, '/') = '\0';
	if (sscanf(strchr(cidr, '/') + 1, "%d", &len) != 1 || !oracle_addr(ret, text))
		return false;
	max = ret->family == 6 ? 128 : 32;
	for (int i = len; i < max; i++) {
		ret->b[i / 8] = (uint8_t)(ret->b[i / 8] & ~(0x80 >> i % 8));
		ret->b[i / 8] = (uint8_t)(ret->b[i / 8] | (last ? 0x80 >> i % 8 : 0));
	}
	for (int i = max / 8 - 1; step && i >= 0; i--) {
		ret->b[i] = (uint8_t)(ret->b[i] + (last ? 1 : -1));
		if (ret->b[i] != (last ? 0 : 255))
			break;
	}
	return true;
}

/* A running pod has this address: then it is that pod's, and no outsider's. */
static const json_t *owner(const struct world *w, const struct oracle_addr *a)
{
	json_t *pod;
	size_t i;

	json_array_foreach(w->pods, i, pod) {
		struct oracle_end end;

		if (!get(pod, "phase") && oracle_end_of(&end, pod, a->family) &&
		    memcmp(end.addr.b, a->b, sizeof(a->b)) == 0)
			return pod;
	}
	return NULL;
}

static void ask_peer(const struct world *w, struct dice *d, struct world_question *q, int family)
{
	const json_t *pod =
		json_array_get(w->pods, dice(d, (unsigned int)json_array_size(w->pods)));
	json_t *cidrs;
	unsigned int n;

	if (chance(d, 65) && oracle_end_of(&q->peer, pod, family)) {
		/* Its address may have a new owner; the peer is whoever has it now. */
		pod = owner(w, &q->peer.addr);
		if (pod)
			oracle_end_of(&q->peer, pod, family);
		return;
	}
	memset(&q->peer, 0, sizeof(q->peer));
	cidrs = json_array();
	collect(w->policies, cidrs);
	n = (unsigned int)json_array_size(cidrs);
	if (!n || !edge(d, json_string_value(json_array_get(cidrs, dice(d, n))), &q->peer.addr))
		oracle_addr(&q->peer.addr, family == 6 ? "2001:db8::1" : "203.0.113.1");
	json_decref(cidrs);
	pod = owner(w, &q->peer.addr);
	if (pod)
		oracle_end_of(&q->peer, pod, q->peer.addr.family);
}

void world_ask(const struct world *w, struct dice *d, const struct world_kind *kind,
               struct world_question *ret)
{
	static const int protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP,
		                      ORACLE_ECHO };
	static const int ports[] = { 0,   1,   2,   78,   79,   80,   81,    82,    442,
		                     443, 444, 999, 1000, 1001, 8080, 65533, 65534, 65535 };
	unsigned int n = (unsigned int)json_array_size(w->pods);

	do {
		ret->pod = json_array_get(w->pods, dice(d, n));
	} while (get(ret->pod, "hostNetwork"));
	ret->d = dice(d, 2) ? ORACLE_EGRESS : ORACLE_INGRESS;
	ret->proto = protos[dice(d, sizeof(protos) / sizeof(*protos))];
	ret->port = ret->proto == ORACLE_ECHO ? 0 : ports[dice(d, sizeof(ports) / sizeof(*ports))];
	ask_peer(w, d, ret, kind->ipv4_only || dice(d, 2) ? 4 : 6);
}
