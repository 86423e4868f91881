/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_explain.c - `cnida policy explain`: is a connection allowed, and by
 * which rule?
 */
#include "policy/explain.h"

#include "base/cleanup.h"
#include "cli/policy.h"
#include "endpoint/policy_node.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	uint8_t proto;
	bool ports;
} protocols[] = {
	{ "TCP", IPPROTO_TCP, true },
	{ "UDP", IPPROTO_UDP, true },
	{ "SCTP", IPPROTO_SCTP, true },
	{ "ICMP", IPPROTO_ICMP, false },
};

/* "80/TCP", "80", "icmp" */
static int parse_port(const char *text, uint8_t *ret_proto, uint16_t *ret_port)
{
	const char *name = strchr(text, '/');
	bool number = *text >= '0' && *text <= '9';
	unsigned long port = 0;
	char *end = NULL;

	if (number)
		port = strtoul(text, &end, 10);
	if (number && ((*end && *end != '/') || port < 1 || port > 65535))
		return -1;
	name = !number ? text : name ? name + 1 : "TCP";
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(protocols[i].name, name) != 0 || protocols[i].ports != number)
			continue;
		*ret_proto = protocols[i].proto;
		*ret_port = (uint16_t)port;
		return 0;
	}
	return -1;
}

/* ---- addresses ---- */

/* Pod objects of this node's pods mostly have no address yet: the records know
 * better. */
struct addressed {
	struct objects *objects;
	struct ip_addr **owned; /* one array a pod that got its addresses from a record */
	size_t n;
};

static void give_addresses(struct addressed *a, const struct record *r)
{
	struct ip_addr *ips = calloc(r->n_ips + 1, sizeof(*ips));

	if (!ips)
		return;
	for (size_t i = 0; i < a->objects->n_pods; i++) {
		struct pod *pod = &a->objects->pods[i];

		if (strcmp(pod->namespace, r->pod_namespace) != 0 ||
		    strcmp(pod->name, r->pod_name) != 0)
			continue;
		for (size_t k = 0; k < r->n_ips; k++)
			ips[k] = r->ips[k].addr;
		pod->ips = ips;
		pod->n_ips = r->n_ips;
		a->owned[a->n++] = ips;
		return;
	}
	free(ips);
}

static int take_records(const struct record *r, void *arg, struct err *e)
{
	return *r->network && r->n_ips && *r->pod_name ? record_list_add(arg, r, e) : 0;
}

static int addressed_open(struct addressed *a, struct objects *objects, struct err *e)
{
	struct record_list records = { 0 };
	int r = record_each(take_records, &records, e);

	*a = (struct addressed) {
		.objects = objects,
		.owned = calloc(records.n + 1, sizeof(struct ip_addr *)),
	};
	for (size_t i = 0; r == 0 && a->owned && i < records.n; i++)
		give_addresses(a, &records.v[i]);
	record_list_free(&records);
	return r;
}

static void addressed_free(struct addressed *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->owned[i]);
	free(a->owned);
}

/* ---- output ---- */

static const char *const side_names[] = { [EGRESS] = "egress", [INGRESS] = "ingress" };

static const char *verdict_name(enum explain_verdict v)
{
	switch (v) {
	case EXPLAIN_NOT_JUDGED:
		return "not judged";
	case EXPLAIN_NOT_ISOLATED:
		return "not isolated";
	case EXPLAIN_ALLOWED:
		return "allowed";
	case EXPLAIN_DENIED:
	default:
		return "denied";
	}
}

/* A connection is judged by egress first. */
static const enum direction order[] = { EGRESS, INGRESS };

/* Whose end does the direction judge, and does a node look at it? Without a
 * name of a node, all do. */
static bool counts(const struct explanation *x, enum direction d, const char *node)
{
	const struct pod *pod = d == EGRESS ? x->src.pod : x->dst.pod;

	return !node || !pod || !pod->node || !*pod->node || strcmp(pod->node, node) == 0;
}

static bool is_allowed(const struct explanation *x, const char *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (counts(x, order[i], node) && x->side[order[i]].verdict == EXPLAIN_DENIED)
			return false;
	}
	return node || x->allowed;
}

static void print_side(const struct explanation *x, enum direction d, const char *node, FILE *out)
{
	const struct explain_side *s = &x->side[d];

	(void)fprintf(out, "  %-8s %s%s%s\n", side_names[d], s->text,
	              counts(x, d, node) ? "" : "; judged on node ",
	              counts(x, d, node) ? "" : (d == EGRESS ? x->src : x->dst).pod->node);
	for (size_t i = 0; i < s->n_reasons; i++)
		(void)fprintf(out, "    %s %s/%s %s: %s\n", s->reasons[i].allows ? "+" : "-",
		              s->reasons[i].namespace, s->reasons[i].policy, s->reasons[i].path,
		              s->reasons[i].text);
}

static void print_text(const struct explanation *x, const char *port, const char *node, FILE *out)
{
	bool allowed = is_allowed(x, node);
	int colour = cli_colour(out);

	(void)fprintf(out, "%s -> %s %s: %s%s%s\n", x->src.text, x->dst.text, port,
	              colour ? (allowed ? "\033[32m" : "\033[31m") : "",
	              allowed ? "allowed" : "denied", colour ? "\033[0m" : "");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		print_side(x, order[i], node, out);
}

static json_t *side_to_json(const struct explanation *x, enum direction d, const char *node)
{
	const struct explain_side *s = &x->side[d];
	json_t *doc = json_object(), *reasons = json_array();

	for (size_t i = 0; i < s->n_reasons; i++) {
		const struct explain_reason *reason = &s->reasons[i];
		json_t *row = json_object();

		(void)jset(row, "namespace", json_string(reason->namespace));
		(void)jset(row, "policy", json_string(reason->policy));
		(void)jset(row, "path", json_string(reason->path));
		(void)jset(row, "allows", json_boolean(reason->allows));
		(void)jset(row, "text", json_string(reason->text));
		(void)json_array_append_new(reasons, row);
	}
	(void)jset(doc, "verdict", json_string(verdict_name(s->verdict)));
	(void)jset(doc, "counts", json_boolean(counts(x, d, node)));
	(void)jset(doc, "text", json_string(s->text));
	(void)jset(doc, "reasons", reasons);
	return doc;
}

static json_t *to_json(const struct explanation *x, const char *node)
{
	json_t *doc = json_object();

	(void)jset(doc, "allowed", json_boolean(is_allowed(x, node)));
	(void)jset(doc, "source", json_string(x->src.text));
	(void)jset(doc, "destination", json_string(x->dst.text));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		(void)jset(doc, side_names[order[i]], side_to_json(x, order[i], node));
	return doc;
}

/* ---- the command ---- */

struct question {
	const char *src, *dst, *port, *node;
	uint8_t proto;
	uint16_t number;
	bool json, relaxed;
};

static int answer(const struct question *q, struct objects *objects, FILE *out)
{
	struct explanation x = { 0 };
	struct addressed a;
	struct err e;
	int status, r = addressed_open(&a, objects, &e);

	if (r == 0)
		r = explain(objects, q->relaxed, q->src, q->dst, q->proto, q->number, &x, &e);
	if (r < 0) {
		status = policy_failed("explain", &e);
		if (r == -EINVAL) /* an end that is none */
			status = CLI_USAGE;
	} else if (q->json) {
		status = cli_print_json("policy", to_json(&x, q->node), out);
	} else {
		print_text(&x, q->port, q->node, out);
		status = CLI_OK;
	}
	explanation_free(&x);
	addressed_free(&a);
	return status;
}

int policy_cmd_explain(int argc, char **argv, FILE *out)
{
	const char *json = NULL, *node = NULL, *relaxed = NULL, *word[POLICY_OPERANDS_MAX];
	const struct cli_option options[] = {
		{ "json", NULL, "an object instead of lines", &json },
		{ "node", "NAME", "only what this node judges: ends of pods elsewhere do not count",
		  &node },
		{ "relaxed", NULL, "as with policy.unknown \"allow\"", &relaxed },
		{ NULL, NULL, NULL, NULL },
	};
	struct question q;
	struct objects objects;
	struct err e;
	int r, status;
	int n = policy_operands(
		argc, argv, options,
		"policy explain [--json] [--node NAME] [--relaxed] SRC DST PORT/PROTOCOL",
		"Says by the objects that were applied whether a connection is allowed, "
		"and which policy\n"
		"and rule decide. SRC and DST are NAMESPACE/POD, an address, or \"node\" "
		"for the pod's own\n"
		"node; the port is that of the pod (\"80/TCP\", \"53/udp\", \"80\", "
		"\"icmp\").",
		3, 3, word, out);

	if (n < 0)
		return n == -2 ? CLI_OK : CLI_USAGE;
	q = (struct question) { .src = word[0],
		                .dst = word[1],
		                .port = word[2],
		                .node = node,
		                .json = json != NULL,
		                .relaxed = relaxed != NULL };
	if (parse_port(q.port, &q.proto, &q.number) < 0) {
		(void)fprintf(stderr,
		              "cnida policy explain: expected PORT/PROTOCOL, found \"%s\"\n",
		              q.port);
		return CLI_USAGE;
	}
	if (cli_need_root("policy explain") != CLI_OK)
		return CLI_FAILED;
	r = policy_stored(&objects, &e);
	if (r < 0)
		status = policy_failed("explain", &e);
	else
		status = answer(&q, &objects, out);
	objects_free(&objects);
	return status;
}
