/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compiled.c - a world through the product's parser and compiler, and verdicts from its tables */
#include "test/policy/compiled.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int compiled_make(struct compiled *c, const struct oracle_world *w, struct err *e)
{
	json_t *list = world_objects(w);
	char *text = json_dumps(list, JSON_COMPACT);
	int r;

	objects_init(&c->objects);
	memset(&c->tables, 0, sizeof(c->tables));
	r = objects_read(&c->objects, "world", text, strlen(text), e);
	if (r >= 0)
		r = objects_finish(&c->objects, e);
	if (r >= 0)
		r = compile(&c->objects, false, &c->tables, e);
	if (r < 0)
		objects_free(&c->objects);
	free(text);
	json_decref(list);
	return r < 0 ? r : 0;
}

void compiled_free(struct compiled *c)
{
	tables_free(&c->tables);
	objects_free(&c->objects);
}

static const char *text(const json_t *pod, const char *key)
{
	const char *value = json_string_value(json_object_get(pod, key));

	return value ? value : "";
}

static const struct pod_verdict *verdict_of(const struct compiled *c, const json_t *pod)
{
	return tables_pod(&c->tables, text(pod, "namespace"), text(pod, "name"));
}

/* The class of an address as a pod: told by its object, or by name for a pod here that has none. */
static uint32_t pod_class(const struct compiled *c, const struct world_question *q,
                          const struct ip_addr *addr)
{
	for (size_t i = 0; i < c->tables.n_hosts; i++) {
		if (ip_eq(&c->tables.hosts[i].addr, addr))
			return c->tables.hosts[i].class;
	}
	if (q->peer.pod && json_is_true(json_object_get(q->peer.pod, "unknown")))
		return verdict_of(c, q->peer.pod)->class;
	return CLASS_ANY;
}

bool compiled_direction(const struct compiled *c, const struct world_question *q)
{
	const struct pod_verdict *v = verdict_of(c, q->pod);
	uint32_t set = v->set[q->d == ORACLE_INGRESS ? INGRESS : EGRESS];
	bool v6 = q->peer.addr.family == 6;
	struct ip_addr addr = { .family = v6 ? AF_INET6 : AF_INET };
	uint8_t proto = (uint8_t)(q->proto != ORACLE_ECHO ? q->proto
	                          : v6                    ? IPPROTO_ICMPV6
	                                                  : IPPROTO_ICMP);
	uint32_t classes[3] = { CLASS_ANY };

	if (set == SET_OPEN)
		return true;
	memcpy(addr.bytes, q->peer.addr.b, v6 ? 16 : 4);
	classes[1] = pod_class(c, q, &addr);
	classes[2] = tables_block(&c->tables, &addr);
	for (int i = 0; i < 3; i++) {
		if (tables_allow(&c->tables, set, classes[i], proto, (uint16_t)q->port))
			return true;
	}
	return false;
}
