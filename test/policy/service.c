/* SPDX-License-Identifier: GPL-2.0-or-later */
/* service.c - Services of a case, and what kube-proxy would make of them in nftables */
#include "test/policy/service.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static int number(const json_t *object, const char *key)
{
	return (int)json_integer_value(json_object_get(object, key));
}

static const char *proto_of(const json_t *port)
{
	const char *proto = text(port, "protocol");

	return *proto ? proto : "TCP";
}

/* ---- what there is ------------------------------------------------------------------------------- */

static bool has_service(const json_t *list, const char *namespace, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);

		if (strcmp(text(s, "namespace"), namespace) == 0 &&
		    strcmp(text(s, "name"), name) == 0)
			return true;
	}
	return false;
}

static void append(json_t *list, json_t *service)
{
	const unsigned int id = (unsigned int)json_array_size(list) + 10;
	char v4[32], v6[32];

	snprintf(v4, sizeof(v4), "10.96.0.%u", id);
	snprintf(v6, sizeof(v6), "fd00:96::%x", id);
	json_object_set_new(service, "ips", json_pack("[ss]", v4, v6));
	json_array_append_new(list, service);
}

/* "each": a Service for every pod of this node with a network of its own. */
static json_t *service_of_pod(const json_t *pod)
{
	json_t *ports = json_array();
	char path[END_NAME_SIZE];

	for (size_t i = 0; i < json_array_size(json_object_get(pod, "ports")); i++) {
		const json_t *port = json_array_get(json_object_get(pod, "ports"), i);
		const int n = number(port, "port");

		json_array_append_new(ports, json_pack("{s:i,s:i,s:s}", "port", n, "targetPort", n,
		                                       "protocol", proto_of(port)));
	}
	snprintf(path, sizeof(path), "%s/%s", text(pod, "namespace"), text(pod, "name"));
	return json_pack("{s:s,s:s,s:[s],s:o}", "namespace", text(pod, "namespace"), "name",
	                 text(pod, "name"), "pods", path, "ports", ports);
}

void services_make(struct services *s, const json_t *c, const struct case_state *state)
{
	const json_t *wanted = json_object_get(c, "services");

	if (!s->list)
		s->list = json_array();
	for (size_t i = 0; i < json_array_size(wanted); i++) {
		const json_t *one = json_array_get(wanted, i);

		if (!has_service(s->list, text(one, "namespace"), text(one, "name")))
			append(s->list, json_deep_copy(one));
	}
	if (strcmp(text(c, "services"), "each") != 0)
		return;
	for (size_t i = 0; i < json_array_size(state->pods); i++) {
		const json_t *pod = json_array_get(state->pods, i);

		if (!*text(pod, "node") && !json_is_true(json_object_get(pod, "hostNetwork")) &&
		    !has_service(s->list, text(pod, "namespace"), text(pod, "name")))
			append(s->list, service_of_pod(pod));
	}
}

bool services_address(const struct services *s, const char *pod, int family, int proto, int port,
                      union address *ret)
{
	for (size_t i = 0; i < json_array_size(s->list); i++) {
		const json_t *one = json_array_get(s->list, i),
			     *ports = json_object_get(one, "ports");
		const char *ip =
			json_string_value(json_array_get(json_object_get(one, "ips"), family == 6));

		if (strcmp(json_string_value(json_array_get(json_object_get(one, "pods"), 0)),
		           pod) != 0)
			continue;
		for (size_t k = 0; k < json_array_size(ports); k++) {
			const json_t *p = json_array_get(ports, k);

			if (number(p, "targetPort") != port || case_proto(proto_of(p)) != proto)
				continue;
			memset(ret, 0, sizeof(*ret));
			ret->sa.sa_family = family == 6 ? AF_INET6 : AF_INET;
			ret->v4.sin_port = htons((uint16_t)number(p, "port"));
			inet_pton(ret->sa.sa_family, ip,
			          family == 6 ? (void *)&ret->v6.sin6_addr
			                      : (void *)&ret->v4.sin_addr);
			return true;
		}
	}
	return false;
}

void services_forget(struct services *s)
{
	json_decref(s->list);
	s->list = NULL;
}

/* ---- rules --------------------------------------------------------------------------------------- */

static const char base_chains[] =
	"	chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }\n"
	"	chain nat-output { type nat hook output priority -100; jump services; }\n"
	"	chain nat-postrouting { type nat hook postrouting priority srcnat;\n"
	"		meta mark & 0x4000 == 0 return\n"
	"		meta mark set meta mark ^ 0x4000\n"
	"		masquerade fully-random\n"
	"	}\n"
	"	chain mark-for-masquerade { meta mark set meta mark | 0x4000; }\n";

struct rule {
	int family, index;
	const char *vip, *pod; /* addresses */
	const char *proto;     /* as nft has it */
	int port, target;
};

static void write_chain(FILE *f, const struct rule *r)
{
	const char *ip = r->family == 6 ? "ip6" : "ip";
	const char *open = r->family == 6 ? "[" : "", *close = r->family == 6 ? "]" : "";

	fprintf(f,
	        "	chain svc-%d {\n		%s saddr %s jump mark-for-masquerade\n"
	        "		meta l4proto %s dnat to %s%s%s:%d\n	}\n",
	        r->index, ip, r->pod, r->proto, open, r->pod, close, r->target);
}

static void write_match(FILE *f, const struct rule *r, enum proxy_mode mode)
{
	if (mode == PROXY_NFTABLES)
		fprintf(f, "%s%s . %s . %d : goto svc-%d", r->index ? ", " : "", r->vip, r->proto,
		        r->port, r->index);
	else
		fprintf(f, "		%s daddr %s %s dport %d jump svc-%d\n",
		        r->family == 6 ? "ip6" : "ip", r->vip, r->proto, r->port, r->index);
}

static const char *pod_ip(const struct topology *t, const char *name, int family, char *buf)
{
	for (size_t i = 0; i < t->n; i++) {
		const union address *a = &t->end[i]->addr[family == 6];

		if (strcmp(t->end[i]->name, name) != 0 || a->sa.sa_family == AF_UNSPEC)
			continue;
		return inet_ntop(a->sa.sa_family,
		                 family == 6 ? (const void *)&a->v6.sin6_addr
		                             : (const void *)&a->v4.sin_addr,
		                 buf, INET6_ADDRSTRLEN);
	}
	return NULL;
}

/* Calls for each port of each Service whose pod has an address of the family. @part: 0 chains, 1 matches. */
static void write_rules(FILE *f, const struct services *s, const struct topology *t, int family,
                        enum proxy_mode mode, int part)
{
	int index = 0;

	for (size_t i = 0; i < json_array_size(s->list); i++) {
		const json_t *one = json_array_get(s->list, i),
			     *ports = json_object_get(one, "ports");
		char buf[INET6_ADDRSTRLEN], proto[8];
		const char *pod =
			pod_ip(t,
		               json_string_value(json_array_get(json_object_get(one, "pods"), 0)),
		               family, buf);

		for (size_t k = 0; pod && k < json_array_size(ports); k++) {
			const json_t *port = json_array_get(ports, k);
			const struct rule r = {
				.family = family,
				.index = index++,
				.vip = json_string_value(
					json_array_get(json_object_get(one, "ips"), family == 6)),
				.pod = pod,
				.proto = proto,
				.port = number(port, "port"),
				.target = number(port, "targetPort"),
			};

			snprintf(proto, sizeof(proto), "%s", proto_of(port));
			for (char *c = proto; *c; c++)
				*c = (char)(*c | 0x20);
			if (part == 0)
				write_chain(f, &r);
			else
				write_match(f, &r, mode);
		}
	}
}

static void write_family(FILE *f, const struct services *s, const struct topology *t, int family,
                         enum proxy_mode mode)
{
	const char *ip = family == 6 ? "ip6" : "ip";

	fprintf(f, "table %s kube-proxy {}\ndelete table %s kube-proxy\ntable %s kube-proxy {\n",
	        ip, ip, ip);
	fputs(base_chains, f);
	write_rules(f, s, t, family, mode, 0);
	if (mode == PROXY_NFTABLES) {
		fprintf(f, "	chain services { %s daddr . meta l4proto . th dport vmap { ", ip);
		write_rules(f, s, t, family, mode, 1);
		fputs(" }; }\n", f);
	} else {
		fputs("	chain services {\n", f);
		write_rules(f, s, t, family, mode, 1);
		fputs("	}\n", f);
	}
	fputs("}\n", f);
}

static void load(const struct topology *t, const char *rules)
{
	static const char *const nft[] = { "/usr/sbin/nft", "-f", "-", NULL };

	topology_enter(t->other);
	run_tool(rules, nft);
	topology_enter(t->own);
	run_tool(rules, nft);
}

void services_load(struct services *s, struct topology *t, enum proxy_mode mode)
{
	char *rules = NULL;
	size_t len;
	FILE *f = open_memstream(&rules, &len);

	for (int family = 4; family <= 6; family += 2) {
		if (t->conf.families & (family == 6 ? CASE_IPV6 : CASE_IPV4))
			write_family(f, s, t, family, mode);
	}
	fclose(f);
	if (s->loaded && strcmp(s->loaded, rules) == 0) {
		free(rules);
		return;
	}
	load(t, rules);
	free(s->loaded);
	s->loaded = rules;
}

void services_unload(struct services *s, struct topology *t)
{
	if (!s->loaded)
		return;
	load(t, "table ip kube-proxy {}\ndelete table ip kube-proxy\n"
	        "table ip6 kube-proxy {}\ndelete table ip6 kube-proxy\n");
	free(s->loaded);
	s->loaded = NULL;
}
