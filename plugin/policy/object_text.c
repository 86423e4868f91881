/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_text.c - policy objects written out again, as far as they matter
 */
#include "policy/object_text.h"

#include "base/bytes.h"
#include "base/digits.h"
#include "policy/tables.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is written goes here. (Not a stream: its lock and format for each part took a quarter of an apply.) A lack of
 * memory sticks. */
struct text {
	char *v;
	size_t len, cap;
	bool bad;
};

static bool make_room(struct text *t, size_t n)
{
	size_t cap = 2 * t->cap + n;
	char *v = realloc(t->v, cap);

	if (!v) {
		t->bad = true;
		return false;
	}
	t->v = v;
	t->cap = cap;
	return true;
}

static void put_bytes(struct text *t, const char *bytes, size_t n)
{
	char *to;

	if (t->bad || (n >= t->cap - t->len && !make_room(t, n))) /* with its end */
		return;
	to = t->v + t->len;
	t->len += n;
	bytes_copy(to, bytes, n);
	to[n] = '\0';
}

static void put_all(struct text *t, const char *const parts[])
{
	for (; *parts; parts++)
		put_bytes(t, *parts, strlen(*parts));
}

/* put() - Some texts, one behind the other. */
#define put(t, ...) put_all(t, (const char *const[]) { __VA_ARGS__, NULL })

static void put_number(struct text *t, unsigned int n)
{
	char digits[DIGITS_DECIMAL_MAX];

	put_bytes(t, digits, (size_t)(digits_decimal(digits, n) - digits));
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

/* Texts came from JSON, so they are UTF-8. */
static void put_string(struct text *t, const char *text)
{
	put(t, "\"");
	while (*text) {
		size_t n = 0;
		char escape[8];

		while (is_plain(text[n]))
			n++;
		put_bytes(t, text, n);
		text += n;
		if (!*text)
			break;
		(void)snprintf(escape, sizeof(escape), *text < ' ' ? "\\u%04x" : "\\%c", *text);
		put(t, escape);
		text++;
	}
	put(t, "\"");
}

static void put_pair(struct text *t, const char *before, const char *key, const char *value)
{
	put(t, before, "\"", key, "\":");
	put_string(t, value);
}

/* Elements of lists and objects are separated by what this returns. */
static const char *comma(size_t i)
{
	return i ? "," : "";
}

/* Without the closing brace. */
static void put_metadata(struct text *t, const char *namespace, const char *name,
                         const struct labels *labels)
{
	put_pair(t, "\"metadata\":{", "name", name);
	if (namespace)
		put_pair(t, ",", "namespace", namespace);
	if (labels && labels->n) {
		put(t, ",\"labels\":{");
		for (size_t i = 0; i < labels->n; i++) {
			put(t, comma(i));
			put_string(t, labels->v[i].key);
			put(t, ":");
			put_string(t, labels->v[i].value);
		}
		put(t, "}");
	}
}

static void put_selector(struct text *t, const char *key, const struct selector *s)
{
	static const char *const ops[] = {
		[OP_IN] = "In",
		[OP_NOT_IN] = "NotIn",
		[OP_EXISTS] = "Exists",
		[OP_DOES_NOT_EXIST] = "DoesNotExist",
	};

	put(t, "\"", key, "\":{");
	for (size_t i = 0; i < s->n; i++) {
		const struct requirement *r = &s->v[i];

		put_pair(t, i ? ",{" : "\"matchExpressions\":[{", "key", r->key);
		put(t, ",\"operator\":\"", ops[r->op], "\"");
		for (size_t k = 0; k < r->n_values; k++) {
			put(t, k ? "," : ",\"values\":[");
			put_string(t, r->values[k]);
		}
		put(t, r->n_values ? "]}" : "}");
	}
	put(t, s->n ? "]}" : "}");
}

static void put_prefix(struct text *t, const char *before, const struct ip_prefix *p)
{
	char text[PREFIX_STR_MAX];

	put(t, before, "\"", prefix_format(p, text), "\"");
}

static void put_peer(struct text *t, const struct peer *p)
{
	put(t, "{");
	if (p->has_pods)
		put_selector(t, "podSelector", &p->pods);
	if (p->has_namespaces) {
		put(t, p->has_pods ? "," : "");
		put_selector(t, "namespaceSelector", &p->namespaces);
	}
	if (p->has_block) {
		put_prefix(t, "\"ipBlock\":{\"cidr\":", &p->block);
		for (size_t i = 0; i < p->n_except; i++)
			put_prefix(t, i ? "," : ",\"except\":[", &p->except[i]);
		put(t, p->n_except ? "]}" : "}");
	}
	put(t, "}");
}

static const char *protocol(uint8_t proto)
{
	return proto == IPPROTO_UDP ? "UDP" : proto == IPPROTO_SCTP ? "SCTP" : "TCP";
}

static void put_port(struct text *t, const struct rule_port *p)
{
	put(t, "{\"protocol\":\"", protocol(p->proto), "\"");
	if (p->name) {
		put_pair(t, ",", "port", p->name);
	} else if (!p->any) {
		put(t, ",\"port\":");
		put_number(t, p->first);
	}
	if (!p->name && !p->any && p->last != p->first) {
		put(t, ",\"endPort\":");
		put_number(t, p->last);
	}
	put(t, "}");
}

static void put_rule(struct text *t, const struct rule *r, enum direction direction)
{
	const char *sep = "";

	/* Whatever field it was that we did not know: we do not know this one either. What the rest would mean does not
	 * matter, and without that field it may mean nothing: a peer that has only it would be refused. */
	if (r->nothing) {
		put(t, "{\"unknownField\":true}");
		return;
	}
	put(t, "{");
	if (!r->all_peers) {
		put(t, sep, direction == INGRESS ? "\"from\":[" : "\"to\":[");
		for (size_t i = 0; i < r->n_peers; i++) {
			put(t, comma(i));
			put_peer(t, &r->peers[i]);
		}
		put(t, "]");
		sep = ",";
	}
	if (!r->all_ports) {
		put(t, sep, "\"ports\":[");
		for (size_t i = 0; i < r->n_ports; i++) {
			put(t, comma(i));
			put_port(t, &r->ports[i]);
		}
		put(t, "]");
	}
	put(t, "}");
}

static void put_policy(struct text *t, const struct policy *p)
{
	static const char *const types[] = { [INGRESS] = "\"Ingress\"", [EGRESS] = "\"Egress\"" };
	static const char *const fields[] = { [INGRESS] = "ingress", [EGRESS] = "egress" };

	put(t, "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",");
	put_metadata(t, p->namespace, p->name, NULL);
	put(t, "},\"spec\":{");
	put_selector(t, "podSelector", &p->pods);
	put(t, ",\"policyTypes\":[", p->isolates[INGRESS] ? types[INGRESS] : "",
	    p->isolates[INGRESS] && p->isolates[EGRESS] ? "," : "",
	    p->isolates[EGRESS] ? types[EGRESS] : "", "]");
	for (enum direction d = INGRESS; d <= EGRESS; d++) {
		if (p->n_rules[d] == 0)
			continue;
		put(t, ",\"", fields[d], "\":[");
		for (size_t i = 0; i < p->n_rules[d]; i++) {
			put(t, comma(i));
			put_rule(t, &p->rules[d][i], d);
		}
		put(t, "]");
	}
	put(t, "}}");
}

static void put_namespace(struct text *t, const struct namespace_object *n)
{
	put(t, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",");
	put_metadata(t, NULL, n->name, &n->labels);
	put(t, "}}");
}

static void put_pod(struct text *t, const struct pod *p)
{
	char text[IP_STR_MAX];

	put(t, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",");
	put_metadata(t, p->namespace, p->name, &p->labels);
	if (p->uid && *p->uid)
		put_pair(t, ",", "uid", p->uid);
	if (p->created && *p->created)
		put_pair(t, ",", "creationTimestamp", p->created);
	/* When does not matter. */
	if (p->deleting)
		put_pair(t, ",", "deletionTimestamp", "1970-01-01T00:00:00Z");
	put(t, "},\"spec\":{");
	if (p->node && *p->node) {
		put_pair(t, "", "nodeName", p->node);
		put(t, ",");
	}
	put(t, p->host_network ? "\"hostNetwork\":true," : "");
	put(t, "\"containers\":[{\"name\":\"all\",\"ports\":[");
	for (size_t i = 0; i < p->n_ports; i++) {
		const struct container_port *port = &p->ports[i];

		put(t, comma(i), "{\"containerPort\":");
		put_number(t, port->port);
		put(t, ",\"protocol\":\"", protocol(port->proto), "\"");
		if (port->name && *port->name)
			put_pair(t, ",", "name", port->name);
		put(t, "}");
	}
	put(t, "]}]},\"status\":{\"phase\":\"", p->finished ? "Failed" : "Running", "\"");
	for (size_t i = 0; i < p->n_ips; i++)
		put(t, i ? "," : ",\"podIPs\":[", "{\"ip\":\"", ip_format(&p->ips[i], text), "\"}");
	put(t, p->n_ips ? "]}}" : "}}");
}

static void put_items(struct text *t, const struct objects *o)
{
	static const char *const sep[] = { "\n", ",\n" };
	int more = 0;

	for (size_t i = 0; i < o->n_namespaces; i++) {
		/* One that has no object gets none: it follows from what is in it. */
		if (o->namespaces[i].partial)
			continue;
		put(t, sep[more]);
		put_namespace(t, &o->namespaces[i]);
		more = 1;
	}
	for (size_t i = 0; i < o->n_policies; i++, more = 1) {
		put(t, sep[more]);
		put_policy(t, &o->policies[i]);
	}
	for (size_t i = 0; i < o->n_pods; i++, more = 1) {
		put(t, sep[more]);
		put_pod(t, &o->pods[i]);
	}
}

int objects_write(const struct objects *o, char **ret, size_t *ret_len, struct err *e)
{
	struct text t = { .v = malloc(4096), .cap = 4096 };

	t.bad = !t.v;
	put(&t, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
	put_items(&t, o);
	put(&t, "\n]}\n");
	if (t.bad) {
		free(t.v);
		return err_sys(e, ENOMEM, "write the policy objects");
	}
	*ret = t.v;
	*ret_len = t.len;
	return 0;
}
