/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.c - `cnida list`: what is attached on this node
 */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "endpoint/record_list.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a record amounts to now. */
static const char *state_of(const struct record *r)
{
	if (!*r->network)
		return "unreadable";
	if (!record_alive(r))
		return "dead"; /* its namespace is gone: gc removes it */
	if (!r->ready)
		return "adding";
	return if_nametoindex(r->name) ? "ready" : "no link";
}

static void format_age(long long created, char *buf, size_t cap)
{
	long long s = (long long)time(NULL) - created;

	if (created == 0 || s < 0)
		(void)snprintf(buf, cap, "-");
	else if (s < 120)
		(void)snprintf(buf, cap, "%llds", s);
	else if (s < 2 * 3600)
		(void)snprintf(buf, cap, "%lldm", s / 60);
	else if (s < 2 * 86400)
		(void)snprintf(buf, cap, "%lldh", s / 3600);
	else
		(void)snprintf(buf, cap, "%lldd", s / 86400);
}

static void join_ips(const struct record *r, char *buf, size_t cap)
{
	char text[IP_STR_MAX];
	size_t len = 0;

	*buf = '\0';
	for (size_t i = 0; i < r->n_ips && len < cap; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%s%s", i ? "," : "",
		                        ip_format(&r->ips[i].addr, text));
}

static void print_row(struct text_table *t, const struct record *r)
{
	char ips[512], age[32], container[16];

	join_ips(r, ips, sizeof(ips));
	format_age(r->created, age, sizeof(age));
	(void)snprintf(container, sizeof(container), "%.12s", r->container_id);
	text_table_add(t, r->pod_name);
	text_table_add(t, r->pod_namespace);
	text_table_add(t, container);
	text_table_add(t, ips);
	text_table_add(t, r->ifname);
	text_table_add(t, r->name);
	text_table_add(t, r->network);
	text_table_add(t, age);
	text_table_add(t, state_of(r));
}

static void print_table(const struct record_list *list, FILE *out)
{
	static const char *const headings[] = { "POD",       "NAMESPACE", "CONTAINER", "ADDRESSES",
		                                "INTERFACE", "HOST LINK", "NETWORK",   "AGE",
		                                "STATE",     NULL };
	struct text_table t;

	text_table_init(&t, headings);
	for (size_t i = 0; i < list->n; i++)
		print_row(&t, &list->v[i]);
	text_table_print(&t, out, cli_colour(out));
	text_table_free(&t);
}

static json_t *row_to_json(const struct record *r)
{
	json_t *row = json_object(), *ips = json_array();
	char text[PREFIX_STR_MAX];

	for (size_t i = 0; i < r->n_ips; i++)
		(void)json_array_append_new(ips, json_string(prefix_format(&r->ips[i], text)));
	(void)jset(row, "pod", json_string(r->pod_name));
	(void)jset(row, "namespace", json_string(r->pod_namespace));
	(void)jset(row, "uid", json_string(r->pod_uid));
	(void)jset(row, "containerID", json_string(r->container_id));
	(void)jset(row, "interface", json_string(r->ifname));
	(void)jset(row, "network", json_string(r->network));
	(void)jset(row, "type", json_string(r->type));
	(void)jset(row, "addresses", ips);
	(void)jset(row, "mac", json_string(r->mac));
	(void)jset(row, "hostInterface", json_string(r->name));
	(void)jset(row, "bridge", json_string(r->bridge));
	(void)jset(row, "netns", json_string(r->netns));
	(void)jset(row, "ipam", json_string(r->ipam));
	(void)jset(row, "masquerade", json_boolean(r->masquerade));
	(void)jset(row, "created", json_integer(r->created));
	(void)jset(row, "state", json_string(state_of(r)));
	return row;
}

static int print_json(const struct record_list *list, FILE *out)
{
	json_auto_t *rows = json_array();
	char *text;

	for (size_t i = 0; i < list->n; i++)
		(void)json_array_append_new(rows, row_to_json(&list->v[i]));
	if (!rows || jdump(rows, false, &text) < 0) {
		(void)fprintf(stderr, "cnida list: out of memory\n");
		return CLI_FAILED;
	}
	(void)fprintf(out, "%s\n", text);
	free(text);
	return CLI_OK;
}

static int add(const struct record *r, void *arg, struct err *e)
{
	return record_list_add(arg, r, e);
}

/* By network, then oldest first: the order in which an operator looks for a pod. */
static int by_age(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int c = strcmp(x->network, y->network);

	if (c == 0)
		c = (x->created > y->created) - (x->created < y->created);
	return c ? c : strcmp(x->name, y->name);
}

int cli_list(int argc, char **argv, FILE *out)
{
	const char *json = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "a list of objects instead of a table", &json },
		{ NULL, NULL, NULL, NULL },
	};
	struct record_list list = { 0 };
	struct err e;
	int status = CLI_OK;
	int i = cli_options(
		argc, argv, options, "list [--json]",
		"Shows each attachment with its pod, addresses, link and state:\n"
		"  ready       the pod has its network\n"
		"  adding      an ADD is under way, or was killed (DEL or gc removes it)\n"
		"  no link     somebody removed the pod's link\n"
		"  dead        its network namespace is gone (gc removes it)\n"
		"  unreadable  the record is damaged (gc removes it once its link is gone)",
		out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("list") != CLI_OK)
		return CLI_FAILED;
	if (record_each(add, &list, &e) < 0) {
		(void)fprintf(stderr, "cnida list: %s\n", e.msg);
		record_list_free(&list);
		return CLI_FAILED;
	}
	if (list.n > 0)
		qsort(list.v, list.n, sizeof(list.v[0]), by_age);
	if (json)
		status = print_json(&list, out);
	else if (list.n == 0)
		(void)fprintf(out, "nothing is attached\n");
	else
		print_table(&list, out);
	record_list_free(&list);
	return status;
}
