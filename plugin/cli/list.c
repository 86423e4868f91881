/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.c - `cnida list`: what is attached on this node
 */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "endpoint/extra_record.h"
#include "endpoint/portmap_conf.h"
#include "endpoint/portmap_record.h"
#include "endpoint/record_list.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

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

/* "8080->80/tcp,192.0.2.1:53->53/udp"; of a port for both families once. False if there are none. */
static bool join_ports(const struct record *r, char *buf, size_t cap)
{
	_cleanup_portmap_record_ struct portmap_record ports = { .v = NULL };
	char text[IP_STR_MAX], one[IP_STR_MAX + 32];
	struct err ignored;
	size_t len = 0;

	*buf = '\0';
	if (!portmap_record_exists(r->name) || portmap_record_read(r->name, &ports, &ignored) < 0)
		return false;
	for (size_t i = 0; i < ports.n && len < cap; i++) {
		const struct hostport *hp = &ports.v[i];
		const bool v6 = hp->addr.family == AF_INET6;

		(void)snprintf(one, sizeof(one), "%s%s%s%s%u->%u/%s", v6 ? "[" : "",
		               ip_is_set(&hp->addr) ? ip_format(&hp->addr, text) : "",
		               v6 ? "]" : "", ip_is_set(&hp->addr) ? ":" : "", hp->port,
		               hp->pod_port, port_proto_str(hp->proto));
		if (!strstr(buf, one))
			len += (size_t)snprintf(buf + len, cap - len, "%s%s", len ? "," : "", one);
	}
	return ports.n > 0;
}

static void print_row(struct text_table *t, const struct record *r, bool with_ports)
{
	char ips[512], age[32], container[16], ports[512];

	cell_addresses(r->ips, r->n_ips, ips, sizeof(ips));
	cell_age(r->created, age, sizeof(age));
	(void)snprintf(container, sizeof(container), "%.12s", r->container_id);
	text_table_add(t, r->pod_name);
	text_table_add(t, r->pod_namespace);
	text_table_add(t, container);
	text_table_add(t, ips);
	if (with_ports) {
		(void)join_ports(r, ports, sizeof(ports));
		text_table_add(t, ports);
	}
	text_table_add(t, r->ifname);
	text_table_add(t, r->name);
	text_table_add(t, r->network);
	text_table_add(t, age);
	text_table_add(t, state_of(r));
}

static void print_table(const struct record_list *list, FILE *out)
{
	static const char *const plain[] = { "POD",       "NAMESPACE", "CONTAINER", "ADDRESSES",
		                             "INTERFACE", "HOST LINK", "NETWORK",   "AGE",
		                             "STATE",     NULL };
	static const char *const with_ports[] = { "POD",   "NAMESPACE", "CONTAINER", "ADDRESSES",
		                                  "PORTS", "INTERFACE", "HOST LINK", "NETWORK",
		                                  "AGE",   "STATE",     NULL };
	bool any = false;
	struct text_table t;
	char ports[512];

	for (size_t i = 0; !any && i < list->n; i++)
		any = join_ports(&list->v[i], ports, sizeof(ports));
	text_table_init(&t, any ? with_ports : plain);
	for (size_t i = 0; i < list->n; i++)
		print_row(&t, &list->v[i], any);
	text_table_print(&t, out, cli_colour(out));
	text_table_free(&t);
}

static json_t *ports_to_json(const struct record *r)
{
	_cleanup_portmap_record_ struct portmap_record ports = { .v = NULL };
	json_t *list = json_array();
	char text[IP_STR_MAX];
	struct err ignored;

	if (!portmap_record_exists(r->name) || portmap_record_read(r->name, &ports, &ignored) < 0)
		return list;
	for (size_t i = 0; i < ports.n; i++) {
		const struct hostport *hp = &ports.v[i];
		json_t *port = json_object();

		(void)jset(port, "protocol", json_string(port_proto_str(hp->proto)));
		(void)jset(port, "hostPort", json_integer(hp->port));
		(void)jset(port, "hostIP",
		           json_string(ip_is_set(&hp->addr) ? ip_format(&hp->addr, text) : ""));
		(void)jset(port, "containerPort", json_integer(hp->pod_port));
		(void)jset(port, "address", json_string(ip_format(&hp->pod.addr, text)));
		(void)json_array_append_new(list, port);
	}
	return list;
}

/* In bit/s and bits, as configured; null without limits. */
static json_t *limits_to_json(const struct record *r)
{
	struct extra_record extra;
	struct err ignored;
	json_t *limits;

	if (extra_record_read(EXTRA_BANDWIDTH, r->name, &extra, &ignored) < 0)
		return json_null();
	limits = json_object();
	(void)jset(limits, "ingressRate", json_integer((json_int_t)extra.limits.ingress.rate));
	(void)jset(limits, "ingressBurst", json_integer((json_int_t)extra.limits.ingress.burst));
	(void)jset(limits, "egressRate", json_integer((json_int_t)extra.limits.egress.rate));
	(void)jset(limits, "egressBurst", json_integer((json_int_t)extra.limits.egress.burst));
	return limits;
}

/* The policy and firewalld's zone; null without a firewall. */
static json_t *firewall_to_json(const struct record *r)
{
	struct extra_record extra;
	struct err ignored;
	json_t *firewall;

	if (extra_record_read(EXTRA_FIREWALL, r->name, &extra, &ignored) < 0)
		return json_null();
	firewall = json_object();
	(void)jset(firewall, "ingressPolicy", json_string(firewall_policy_name(extra.policy)));
	(void)jset(firewall, "zone", json_string(extra.zone));
	return firewall;
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
	(void)jset(row, "ports", ports_to_json(r));
	(void)jset(row, "bandwidth", limits_to_json(r));
	(void)jset(row, "firewall", firewall_to_json(r));
	(void)jset(row, "created", json_integer(r->created));
	(void)jset(row, "state", json_string(state_of(r)));
	return row;
}

static int print_json(const struct record_list *list, FILE *out)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < list->n; i++)
		(void)json_array_append_new(rows, row_to_json(&list->v[i]));
	return cli_print_json("list", rows, out);
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
