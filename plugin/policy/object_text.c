/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_text.c - policy objects written out again, as far as they matter
 */
#include "policy/object_text.h"

#include "policy/tables.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Texts came from JSON, so they are UTF-8. */
static void put_string(FILE *f, const char *text)
{
	(void)fputc('"', f);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ')
			(void)fprintf(f, "\\u%04x", c);
		else
			(void)fprintf(f, c == '"' || c == '\\' ? "\\%c" : "%c", c);
	}
	(void)fputc('"', f);
}

static void put_pair(FILE *f, const char *before, const char *key, const char *value)
{
	(void)fprintf(f, "%s\"%s\":", before, key);
	put_string(f, value);
}

/* Elements of lists and objects are separated by what this returns. */
static const char *comma(size_t i)
{
	return i ? "," : "";
}

/* Without the closing brace. */
static void put_metadata(FILE *f, const char *namespace, const char *name,
                         const struct labels *labels)
{
	put_pair(f, "\"metadata\":{", "name", name);
	if (namespace)
		put_pair(f, ",", "namespace", namespace);
	if (labels && labels->n) {
		(void)fputs(",\"labels\":{", f);
		for (size_t i = 0; i < labels->n; i++) {
			(void)fputs(comma(i), f);
			put_string(f, labels->v[i].key);
			(void)fputc(':', f);
			put_string(f, labels->v[i].value);
		}
		(void)fputc('}', f);
	}
}

static void put_selector(FILE *f, const char *key, const struct selector *s)
{
	static const char *const ops[] = {
		[OP_IN] = "In",
		[OP_NOT_IN] = "NotIn",
		[OP_EXISTS] = "Exists",
		[OP_DOES_NOT_EXIST] = "DoesNotExist",
	};

	(void)fprintf(f, "\"%s\":{", key);
	for (size_t i = 0; i < s->n; i++) {
		const struct requirement *r = &s->v[i];

		put_pair(f, i ? ",{" : "\"matchExpressions\":[{", "key", r->key);
		(void)fprintf(f, ",\"operator\":\"%s\"", ops[r->op]);
		for (size_t k = 0; k < r->n_values; k++) {
			(void)fputs(k ? "," : ",\"values\":[", f);
			put_string(f, r->values[k]);
		}
		(void)fputs(r->n_values ? "]}" : "}", f);
	}
	(void)fputs(s->n ? "]}" : "}", f);
}

static void put_prefix(FILE *f, const char *before, const struct ip_prefix *p)
{
	char text[PREFIX_STR_MAX];

	(void)fprintf(f, "%s\"%s\"", before, prefix_format(p, text));
}

static void put_peer(FILE *f, const struct peer *p)
{
	(void)fputc('{', f);
	if (p->has_pods)
		put_selector(f, "podSelector", &p->pods);
	if (p->has_namespaces) {
		(void)fputs(p->has_pods ? "," : "", f);
		put_selector(f, "namespaceSelector", &p->namespaces);
	}
	if (p->has_block) {
		put_prefix(f, "\"ipBlock\":{\"cidr\":", &p->block);
		for (size_t i = 0; i < p->n_except; i++)
			put_prefix(f, i ? "," : ",\"except\":[", &p->except[i]);
		(void)fputs(p->n_except ? "]}" : "}", f);
	}
	(void)fputc('}', f);
}

static const char *protocol(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "UDP" : proto == IPPROTO_SCTP ? "SCTP" : "TCP";
}

static void put_port(FILE *f, const struct rule_port *p)
{
	(void)fprintf(f, "{\"protocol\":\"%s\"", protocol(p->proto));
	if (p->name)
		put_pair(f, ",", "port", p->name);
	else if (!p->any)
		(void)fprintf(f, ",\"port\":%u", p->first);
	if (!p->name && !p->any && p->last != p->first)
		(void)fprintf(f, ",\"endPort\":%u", p->last);
	(void)fputc('}', f);
}

static void put_rule(FILE *f, const struct rule *r, enum direction direction)
{
	const char *sep = "";

	/* Whatever field it was that we did not know: we do not know this one either. What the rest would mean does not
	 * matter, and without that field it may mean nothing: a peer that has only it would be refused. */
	if (r->nothing) {
		(void)fputs("{\"unknownField\":true}", f);
		return;
	}
	(void)fputc('{', f);
	if (!r->all_peers) {
		(void)fprintf(f, "%s\"%s\":[", sep, direction == INGRESS ? "from" : "to");
		for (size_t i = 0; i < r->n_peers; i++) {
			(void)fputs(comma(i), f);
			put_peer(f, &r->peers[i]);
		}
		(void)fputc(']', f);
		sep = ",";
	}
	if (!r->all_ports) {
		(void)fprintf(f, "%s\"ports\":[", sep);
		for (size_t i = 0; i < r->n_ports; i++) {
			(void)fputs(comma(i), f);
			put_port(f, &r->ports[i]);
		}
		(void)fputc(']', f);
	}
	(void)fputc('}', f);
}

static void put_policy(FILE *f, const struct policy *p)
{
	static const char *const types[] = { [INGRESS] = "\"Ingress\"", [EGRESS] = "\"Egress\"" };
	static const char *const fields[] = { [INGRESS] = "ingress", [EGRESS] = "egress" };

	(void)fputs("{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",", f);
	put_metadata(f, p->namespace, p->name, NULL);
	(void)fputs("},\"spec\":{", f);
	put_selector(f, "podSelector", &p->pods);
	(void)fprintf(f, ",\"policyTypes\":[%s%s%s]", p->isolates[INGRESS] ? types[INGRESS] : "",
	              p->isolates[INGRESS] && p->isolates[EGRESS] ? "," : "",
	              p->isolates[EGRESS] ? types[EGRESS] : "");
	for (enum direction d = INGRESS; d <= EGRESS; d++) {
		if (p->n_rules[d] == 0)
			continue;
		(void)fprintf(f, ",\"%s\":[", fields[d]);
		for (size_t i = 0; i < p->n_rules[d]; i++) {
			(void)fputs(comma(i), f);
			put_rule(f, &p->rules[d][i], d);
		}
		(void)fputc(']', f);
	}
	(void)fputs("}}", f);
}

static void put_namespace(FILE *f, const struct namespace_object *n)
{
	(void)fputs("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",", f);
	put_metadata(f, NULL, n->name, &n->labels);
	(void)fputs("}}", f);
}

static void put_pod(FILE *f, const struct pod *p)
{
	char text[IP_STR_MAX];

	(void)fputs("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",", f);
	put_metadata(f, p->namespace, p->name, &p->labels);
	if (p->uid && *p->uid)
		put_pair(f, ",", "uid", p->uid);
	if (p->created && *p->created)
		put_pair(f, ",", "creationTimestamp", p->created);
	/* When does not matter. */
	if (p->deleting)
		put_pair(f, ",", "deletionTimestamp", "1970-01-01T00:00:00Z");
	(void)fputs("},\"spec\":{", f);
	if (p->node && *p->node) {
		put_pair(f, "", "nodeName", p->node);
		(void)fputc(',', f);
	}
	(void)fputs(p->host_network ? "\"hostNetwork\":true," : "", f);
	(void)fputs("\"containers\":[{\"name\":\"all\",\"ports\":[", f);
	for (size_t i = 0; i < p->n_ports; i++) {
		const struct container_port *port = &p->ports[i];

		(void)fprintf(f, "%s{\"containerPort\":%u,\"protocol\":\"%s\"", comma(i),
		              port->port, protocol(port->proto));
		if (port->name && *port->name)
			put_pair(f, ",", "name", port->name);
		(void)fputc('}', f);
	}
	(void)fprintf(f, "]}]},\"status\":{\"phase\":\"%s\"", p->finished ? "Failed" : "Running");
	for (size_t i = 0; i < p->n_ips; i++)
		(void)fprintf(f, "%s{\"ip\":\"%s\"}", i ? "," : ",\"podIPs\":[",
		              ip_format(&p->ips[i], text));
	(void)fputs(p->n_ips ? "]}}" : "}}", f);
}

static void put_items(FILE *f, const struct objects *o)
{
	static const char *const sep[] = { "\n", ",\n" };
	int more = 0;

	for (size_t i = 0; i < o->n_namespaces; i++) {
		/* One that has no object gets none: it follows from what is in it. */
		if (o->namespaces[i].partial)
			continue;
		(void)fputs(sep[more], f);
		put_namespace(f, &o->namespaces[i]);
		more = 1;
	}
	for (size_t i = 0; i < o->n_policies; i++, more = 1) {
		(void)fputs(sep[more], f);
		put_policy(f, &o->policies[i]);
	}
	for (size_t i = 0; i < o->n_pods; i++, more = 1) {
		(void)fputs(sep[more], f);
		put_pod(f, &o->pods[i]);
	}
}

/* What is written goes here. A lack of memory sticks: musl's open_memstream() says nothing about it, and goes on behind the gap. */
struct text {
	char *v;
	size_t len, cap;
	bool bad;
};

static ssize_t text_write(void *cookie, const char *bytes, size_t n)
{
	struct text *t = cookie;

	if (!t->bad && n >= t->cap - t->len) { /* with its end */
		size_t cap = 2 * t->cap + n;
		char *v = realloc(t->v, cap);

		t->bad = !v;
		t->v = v ? v : t->v;
		t->cap = v ? cap : t->cap;
	}
	if (t->bad)
		return -1;
	memcpy(t->v + t->len, bytes, n);
	t->len += n;
	t->v[t->len] = '\0';
	return (ssize_t)n;
}

int objects_write(const struct objects *o, char **ret, size_t *ret_len, struct err *e)
{
	struct text t = { .v = malloc(4096), .cap = 4096 };
	FILE *f =
		t.v ? fopencookie(&t, "w", (cookie_io_functions_t) { .write = text_write }) : NULL;

	if (f) {
		(void)fputs("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[", f);
		put_items(f, o);
		(void)fputs("\n]}\n", f);
	}
	if (!f || fclose(f) != 0 || t.bad) {
		free(t.v);
		return err_sys(e, ENOMEM, "write the policy objects");
	}
	*ret = t.v;
	*ret_len = t.len;
	return 0;
}
