/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_pod.c - a Pod and a Namespace: the little that network policy wants of them
 */
#include "base/cleanup.h"
#include "policy/arena.h"
#include "policy/names.h"
#include "policy/reader.h"

#include <string.h>

static int add_port(struct reader *r, const struct place *at, struct pod *pod)
{
	static const char *const names[] = { "name", "containerPort", "protocol" };
	struct place f[ARRAY_SIZE(names)];
	struct container_port port = { .proto = 0 };
	int64_t number = 0;
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, NULL);

	if (failed == 0)
		failed = read_text(r, &f[0], &port.name);
	if (failed == 0)
		failed = read_proto(r, &f[2], &port.proto);
	if (failed == 0)
		failed = read_number(r, &f[1], 1, UINT16_MAX, &number);
	if (failed < 0)
		return failed;
	if (!number)
		return read_wrong(r, &f[1], "is missing");
	if (!port.name)
		port.name = "";
	if (*port.name && !name_is_port(port.name))
		return read_wrong(r, &f[0], "\"%s\" is not the name of a port",
		                  read_show(port.name, strlen(port.name)).text);
	port.port = (uint16_t)number;
	pod->ports = arena_grow(r->o->arena, pod->ports, pod->n_ports, sizeof(*pod->ports));
	if (!pod->ports)
		return read_no_memory(r);
	pod->ports[pod->n_ports++] = port;
	return 0;
}

static int read_container(struct reader *r, const struct place *at, struct pod *pod)
{
	static const char *const names[] = { "ports" };
	struct place ports, item = { .up = &ports };
	size_t n = 0;
	int failed = read_fields(r, at, names, 1, &ports, NULL);

	if (failed == 0)
		failed = read_list(r, &ports, &n);
	for (size_t i = 0; i < n && failed == 0; i++) {
		read_element(r, &ports, &item);
		failed = add_port(r, &item, pod);
	}
	return failed;
}

static int read_containers(struct reader *r, const struct place *at, struct pod *pod)
{
	struct place item = { .up = at };
	size_t n;
	int failed = read_list(r, at, &n);

	for (size_t i = 0; i < n && failed == 0; i++) {
		read_element(r, at, &item);
		failed = read_container(r, &item, pod);
	}
	return failed;
}

static int add_address(struct reader *r, const struct place *at, struct pod *pod)
{
	struct ip_addr addr;
	const char *text;
	int failed = read_text(r, at, &text);

	if (failed < 0 || !text || !*text)
		return failed;
	if (!ip_parse(text, &addr))
		return read_wrong(r, at, "expected an address, found \"%s\"",
		                  read_show(text, strlen(text)).text);
	for (size_t i = 0; i < pod->n_ips; i++)
		if (ip_eq(&pod->ips[i], &addr))
			return 0;
	pod->ips = arena_grow(r->o->arena, pod->ips, pod->n_ips, sizeof(*pod->ips));
	if (!pod->ips)
		return read_no_memory(r);
	pod->ips[pod->n_ips++] = addr;
	return 0;
}

static int read_addresses(struct reader *r, const struct place *at, struct pod *pod)
{
	static const char *const names[] = { "ip" };
	struct place ip, item = { .up = at };
	size_t n;
	int failed = read_list(r, at, &n);

	for (size_t i = 0; i < n && failed == 0; i++) {
		read_element(r, at, &item);
		failed = read_fields(r, &item, names, 1, &ip, NULL);
		if (failed == 0)
			failed = add_address(r, &ip, pod);
	}
	return failed;
}

static int read_pod_spec(struct reader *r, const struct place *at, struct pod *pod)
{
	static const char *const names[] = { "hostNetwork", "nodeName", "containers",
		                             "initContainers" };
	struct place f[ARRAY_SIZE(names)];
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, NULL);

	if (failed == 0)
		failed = read_bool(r, &f[0], &pod->host_network);
	if (failed == 0)
		failed = read_text(r, &f[1], &pod->node);
	if (failed == 0)
		failed = read_containers(r, &f[2], pod);
	return failed < 0 ? failed : read_containers(r, &f[3], pod);
}

static int read_pod_status(struct reader *r, const struct place *at, struct pod *pod)
{
	static const char *const names[] = { "phase", "podIPs", "podIP" };
	struct place f[ARRAY_SIZE(names)];
	const char *phase = NULL;
	int failed = read_fields(r, at, names, ARRAY_SIZE(names), f, NULL);

	if (failed == 0)
		failed = read_text(r, &f[0], &phase);
	if (failed < 0)
		return failed;
	pod->finished = phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
	failed = read_addresses(r, &f[1], pod);
	return failed < 0 ? failed : add_address(r, &f[2], pod);
}

int read_pod(struct reader *r, const struct metadata *meta, const struct place f[static 3])
{
	struct objects *o = r->o;
	struct pod *pods, *pod;
	int failed;

	pods = arena_grow(o->arena, o->pods, o->n_pods, sizeof(*pods));
	if (!pods)
		return read_no_memory(r);
	o->pods = pods;
	pod = &pods[o->n_pods];
	*pod = (struct pod) {
		.namespace = r->namespace,
		.name = r->name,
		.uid = meta->uid,
		.created = meta->created,
		.labels = meta->labels,
		.deleting = meta->deleting,
	};
	failed = read_pod_spec(r, &f[1], pod);
	if (failed == 0)
		failed = read_pod_status(r, &f[2], pod);
	if (failed < 0)
		return failed;
	if (!pod->node)
		pod->node = "";
	pod->finished |= pod->deleting && pod->n_ips == 0;
	o->n_pods++;
	return 0;
}

int read_namespace(struct reader *r, const struct metadata *meta, const struct place f[static 3])
{
	struct objects *o = r->o;
	struct namespace_object *v;

	(void)f;
	v = arena_grow(o->arena, o->namespaces, o->n_namespaces, sizeof(*v));
	if (!v)
		return read_no_memory(r);
	o->namespaces = v;
	v[o->n_namespaces++] =
		(struct namespace_object) { .name = r->name, .labels = meta->labels };
	return 0;
}
