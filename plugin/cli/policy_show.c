/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_show.c - `cnida policy show` and `status`: what is in force
 */
#include "base/cleanup.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "endpoint/policy_node.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- show ---- */

struct view {
	struct objects objects;
	struct policy_pods pods;
	struct verdicts verdicts;
	bool stored; /* a policy was applied */ /* map NULL: nothing is in force */
};

static void view_free(struct view *v)
{
	verdicts_close(&v->verdicts);
	policy_pods_free(&v->pods);
	objects_free(&v->objects);
}

static int view_open(struct view *v, struct err *e)
{
	_cleanup_nl_ struct nl_sock host = { .fd = -1 };
	int r = policy_stored(&v->objects, e);

	v->stored = r > 0;
	if (r >= 0)
		r = nl_open(NETLINK_ROUTE, &host, e);
	if (r >= 0)
		r = policy_pods_collect(&host, &v->pods, e);
	if (r >= 0)
		r = verdicts_open(&v->verdicts, e);
	if (r == -ENOENT)
		r = 0;
	for (size_t i = 0; r == 0 && v->verdicts.map && i < v->pods.n; i++) {
		struct apply_pod *p = &v->pods.v[i];

		p->after = apply_verdict(&v->verdicts, p->namespace, p->name, p->allow_unknown,
		                         &p->known);
	}
	if (r == 0)
		policy_sort(&v->pods);
	return r < 0 ? r : 0;
}

static const char *state(const struct view *v, const struct apply_pod *p, enum direction d)
{
	if (!v->verdicts.map)
		return v->stored ? "not loaded" : "not judged";
	if (p->after.pod.set[d] == SET_OPEN)
		return "open";
	return p->after.pod.set[d] == SET_DENY ? "isolated, nothing allowed" : "isolated";
}

/* Does the policy judge the pod? One whose labels nobody told: every policy of
 * the namespace. */
static bool judges(const struct policy *policy, const struct apply_pod *p, const struct pod *object)
{
	if (strcmp(policy->namespace, p->namespace) != 0)
		return false;
	return object ? selector_matches(&policy->pods, &object->labels) : !p->allow_unknown;
}

static void join_policies(const struct view *v, const struct apply_pod *p, char *buf, size_t cap)
{
	const struct pod *object = objects_pod(&v->objects, p->namespace, p->name);
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < v->objects.n_policies && len < cap; i++) {
		const struct policy *policy = &v->objects.policies[i];

		if (judges(policy, p, object))
			len += (size_t)snprintf(buf + len, cap - len, "%s%s", len ? "," : "",
			                        policy->name);
	}
}

/* By its name, or by NAMESPACE/NAME. */
static bool is_called(const struct apply_pod *p, const char *name)
{
	const char *slash = strchr(name, '/');
	const size_t len = slash ? (size_t)(slash - name) : 0;

	if (!slash)
		return strcmp(name, p->name) == 0;
	return strncmp(name, p->namespace, len) == 0 && p->namespace[len] == '\0' &&
	       strcmp(slash + 1, p->name) == 0;
}

static void print_rows(const struct view *v, const char *only, FILE *out)
{
	static const char *const headings[] = { "NAMESPACE", "POD",    "ADDRESSES", "INGRESS",
		                                "EGRESS",    "LABELS", "POLICIES",  NULL };
	char text[512];
	struct text_table t;

	text_table_init(&t, headings);
	for (size_t i = 0; i < v->pods.n; i++) {
		const struct apply_pod *p = &v->pods.v[i];

		if (only && !is_called(p, only))
			continue;
		text_table_add(&t, p->namespace);
		text_table_add(&t, p->name);
		cell_addresses(p->ips, p->n_ips, text, sizeof(text));
		text_table_add(&t, text);
		text_table_add(&t, state(v, p, INGRESS));
		text_table_add(&t, state(v, p, EGRESS));
		text_table_add(&t, p->known ? "known" : "unknown");
		join_policies(v, p, text, sizeof(text));
		text_table_add(&t, text);
	}
	text_table_print(&t, out, cli_colour(out));
	text_table_free(&t);
}

static json_t *policies_to_json(const struct view *v, const struct apply_pod *p)
{
	const struct pod *object = objects_pod(&v->objects, p->namespace, p->name);
	json_t *list = json_array();

	for (size_t i = 0; i < v->objects.n_policies; i++) {
		const struct policy *policy = &v->objects.policies[i];

		if (judges(policy, p, object))
			(void)json_array_append_new(list, json_string(policy->name));
	}
	return list;
}

static json_t *rows_to_json(const struct view *v, const char *only)
{
	json_t *rows = json_array();
	char text[IP_STR_MAX];

	for (size_t i = 0; i < v->pods.n; i++) {
		const struct apply_pod *p = &v->pods.v[i];
		json_t *row, *ips;

		if (only && !is_called(p, only))
			continue;
		row = json_object();
		ips = json_array();
		for (size_t k = 0; k < p->n_ips; k++)
			(void)json_array_append_new(ips,
			                            json_string(ip_format(&p->ips[k].addr, text)));
		(void)jset(row, "namespace", json_string(p->namespace));
		(void)jset(row, "pod", json_string(p->name));
		(void)jset(row, "addresses", ips);
		(void)jset(row, "ingress", json_string(state(v, p, INGRESS)));
		(void)jset(row, "egress", json_string(state(v, p, EGRESS)));
		(void)jset(row, "labelsKnown", json_boolean(p->known));
		(void)jset(row, "policies", policies_to_json(v, p));
		(void)json_array_append_new(rows, row);
	}
	return rows;
}

static bool has_pod(const struct view *v, const char *name)
{
	for (size_t i = 0; i < v->pods.n; i++) {
		if (is_called(&v->pods.v[i], name))
			return true;
	}
	return false;
}

static int print_view(const struct view *v, const char *only, bool json, FILE *out)
{
	if (only && !has_pod(v, only)) {
		(void)fprintf(stderr,
		              "cnida policy show: no pod \"%s\" of this node is judged: see cnida "
		              "policy show\n",
		              only);
		return CLI_FAILED;
	}
	if (json)
		return cli_print_json("policy", rows_to_json(v, only), out);
	if (v->pods.n == 0)
		(void)fprintf(out, "no pod of this node is judged\n");
	else
		print_rows(v, only, out);
	return CLI_OK;
}

int policy_cmd_show(int argc, char **argv, FILE *out)
{
	const char *json = NULL, *pod[POLICY_OPERANDS_MAX];
	const struct cli_option options[] = {
		{ "json", NULL, "a list of objects instead of a table", &json },
		{ NULL, NULL, NULL, NULL },
	};
	struct view v = { 0 };
	struct err e;
	int r, status;
	int n = policy_operands(argc, argv, options, "policy show [--json] [[NAMESPACE/]POD]",
	                        "Shows how the pods of this node are judged, and by "
	                        "which policies. LABELS unknown: no\n"
	                        "Pod object tells them, so the pod is isolated in "
	                        "each direction in which a policy of\n"
	                        "its namespace exists (unless the network's "
	                        "policy.unknown is \"allow\").",
	                        0, 1, pod, out);

	if (n < 0)
		return n == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("policy show") != CLI_OK)
		return CLI_FAILED;
	r = view_open(&v, &e);
	status = r < 0 ? policy_failed("show", &e)
	               : print_view(&v, n ? pod[0] : NULL, json != NULL, out);
	view_free(&v);
	return status;
}
