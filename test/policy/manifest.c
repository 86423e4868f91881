/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest.c - the state of a case as Kubernetes objects, as `kubectl get -o json` would print them */
#include "test/policy/manifest.h"

#include <stdio.h>
#include <string.h>

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static json_t *labels_of(const json_t *object)
{
	json_t *labels = json_object_get(object, "labels");

	return labels ? json_incref(labels) : json_object();
}

static json_t *namespace_object(const char *name, const json_t *namespace)
{
	return json_pack("{s:s,s:s,s:{s:s,s:o}}", "apiVersion", "v1", "kind", "Namespace",
	                 "metadata", "name", name, "labels", labels_of(namespace));
}

static json_t *container_ports(const json_t *pod)
{
	json_t *ret = json_array(), *port;
	size_t i;

	json_array_foreach(json_object_get(pod, "ports"), i, port) {
		json_t *one = json_pack("{s:O}", "containerPort", json_object_get(port, "port"));

		if (*text(port, "name"))
			json_object_set(one, "name", json_object_get(port, "name"));
		if (*text(port, "protocol"))
			json_object_set(one, "protocol", json_object_get(port, "protocol"));
		json_array_append_new(ret, one);
	}
	return ret;
}

static json_t *pod_status(const json_t *pod)
{
	const json_t *ips = json_object_get(pod, "ips");
	const char *phase = text(pod, "phase");
	json_t *ret = json_pack("{s:s}", "phase", *phase ? phase : "Running"), *list, *ip;
	size_t i;

	if (!json_array_size(ips)) /* not attached yet */
		return ret;
	list = json_array();
	json_array_foreach(ips, i, ip)
		json_array_append_new(list, json_pack("{s:O}", "ip", ip));
	json_object_set(ret, "podIP", json_array_get(ips, 0));
	json_object_set_new(ret, "podIPs", list);
	return ret;
}

static json_t *pod_object(const json_t *pod)
{
	return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:o},s:{s:s,s:b,s:[{s:s,s:o}]},s:o}",
	                 "apiVersion", "v1", "kind", "Pod", "metadata", "namespace",
	                 text(pod, "namespace"), "name", text(pod, "name"), "uid", text(pod, "uid"),
	                 "labels", labels_of(pod), "spec", "nodeName",
	                 *text(pod, "node") ? NODE_NAME_OTHER : NODE_NAME, "hostNetwork",
	                 json_is_true(json_object_get(pod, "hostNetwork")), "containers", "name",
	                 "main", "ports", container_ports(pod), "status", pod_status(pod));
}

char *manifest(const struct case_state *s)
{
	json_t *items = json_array(), *list, *item;
	const char *name;
	char *ret;
	size_t i;

	json_object_foreach(s->namespaces, name, item)
		json_array_append_new(items, namespace_object(name, item));
	json_array_foreach(s->pods, i, item) {
		if (!json_is_true(json_object_get(item, "unknown")))
			json_array_append_new(items, pod_object(item));
	}
	json_array_extend(items, s->policies);
	list = json_pack("{s:s,s:s,s:o}", "apiVersion", "v1", "kind", "List", "items", items);
	ret = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	return ret;
}
