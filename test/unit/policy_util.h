/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_util.h - policies in short, and verdicts by tables and by explain()
 *
 * A policy is a line "x/p {SPEC}" with ' for "; a check is "SRC>DST@PORT/PROTO=allow" (or deny), several of them in a row.
 */
#ifndef CNIDA_TEST_POLICY_UTIL_H
#define CNIDA_TEST_POLICY_UTIL_H

#include "policy/compile.h"
#include "policy/explain.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NP_API "\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\""

/* Namespaces x (team=blue), y (team=red, env=dev), z; pods with an address of each family: */
static const char inventory[] =
	"{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'x','labels':{'team':'blue'}}}"
	"{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'y','labels':{'team':'red','env':'dev'}}}"
	"{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'z'}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'a','labels':{'app':'web','pod':'a'}},"
	" 'spec':{'containers':[{'ports':[{'name':'http','containerPort':80},{'name':'dns','containerPort':53,'protocol':'UDP'}]}]},"
	" 'status':{'podIP':'10.0.1.1','podIPs':[{'ip':'10.0.1.1'},{'ip':'fd00:1::1'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'b','labels':{'app':'db','pod':'b'}},"
	" 'spec':{'containers':[{'ports':[{'name':'http','containerPort':8080}]}]},"
	" 'status':{'podIP':'10.0.1.2','podIPs':[{'ip':'10.0.1.2'},{'ip':'fd00:1::2'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'c','labels':{'pod':'c'}},"
	" 'status':{'podIPs':[{'ip':'10.0.1.3'},{'ip':'fd00:1::3'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'y','name':'a','labels':{'app':'web','pod':'a'}},"
	" 'spec':{'initContainers':[{'restartPolicy':'Always','ports':[{'name':'side','containerPort':99}]}],"
	"         'containers':[{'ports':[{'name':'http','containerPort':81},{'name':'http','containerPort':82}]}]},"
	" 'status':{'podIPs':[{'ip':'10.0.2.1'},{'ip':'fd00:2::1'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'y','name':'b','labels':{'app':'db','pod':'b'}},"
	" 'status':{'podIPs':[{'ip':'10.0.2.2'},{'ip':'fd00:2::2'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'z','name':'a','labels':{'pod':'a'}},"
	" 'status':{'podIPs':[{'ip':'10.0.3.1'},{'ip':'fd00:3::1'}]}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'host','labels':{'app':'web','pod':'a'}},"
	" 'spec':{'hostNetwork':true},'status':{'podIP':'192.168.0.10'}}"
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'done','labels':{'app':'web','pod':'a'}},"
	" 'status':{'phase':'Succeeded','podIP':'10.0.1.9'}}";

static inline char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

static inline void read_text_ok(struct objects *o, const char *name, const char *text)
{
	char *json = quoted(text);
	struct err e = { .msg = "" };
	int r = objects_read(o, name, json, strlen(json), &e);

	cr_assert_eq(r, 0, "%s: read: %s", name, e.msg);
	free(json);
}

/* Lines "x/p {SPEC}" */
static inline void read_policies(struct objects *o, const char *name, const char *lines)
{
	char *text = strdup(lines), *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *slash = strchr(line, '/'), *space = strchr(line, ' ');
		char *json = NULL;

		if (!slash || !space)
			continue;
		cr_assert_gt(
			asprintf(
				&json,
				"{" NP_API
				",\"metadata\":{\"namespace\":\"%.*s\",\"name\":\"%.*s\"},\"spec\":%s}",
				(int)(slash - line), line, (int)(space - slash - 1), slash + 1,
				space + 1),
			0);
		read_text_ok(o, name, json);
		free(json);
	}
	free(text);
}

static inline void finish_ok(struct objects *o, const char *name)
{
	struct err e = { .msg = "" };

	cr_assert_eq(objects_finish(o, &e), 0, "%s: finish: %s", name, e.msg);
}

static inline void compile_ok(const struct objects *o, const char *name, struct tables *t)
{
	struct err e = { .msg = "" };

	cr_assert_eq(compile(o, false, t, &e), 0, "%s: compile: %s", name, e.msg);
}

/* One end of a connection as the back end would know it */
struct end {
	const struct pod_verdict *verdict; /* NULL: no pod */
	struct ip_addr addr;
};

static inline struct end find_end(const struct tables *t, const struct objects *o, const char *text,
                                  sa_family_t family)
{
	struct end end = { .verdict = NULL };
	const struct pod *pod;
	char *slash;

	if (ip_parse(text, &end.addr)) {
		for (size_t i = 0; i < t->n_hosts; i++)
			if (ip_eq(&t->hosts[i].addr, &end.addr))
				end.verdict = &t->pods[t->hosts[i].pod].verdict;
		return end;
	}
	slash = strchr(text, '/');
	*slash = '\0';
	pod = objects_pod(o, text, slash + 1);
	if (!pod || pod_is_peer(pod))
		end.verdict = tables_pod(t, text, slash + 1);
	for (size_t i = 0; pod && i < pod->n_ips; i++)
		if (pod->ips[i].family == family)
			end.addr = pod->ips[i];
	*slash = '/';
	return end;
}

static inline bool side_allows(const struct tables *t, const struct end *judged,
                               const struct end *peer, enum direction dir, uint8_t proto,
                               uint16_t port)
{
	const uint32_t set = judged->verdict ? judged->verdict->set[dir] : SET_OPEN;

	return tables_allow(t, set, CLASS_ANY, proto, port) ||
	       tables_allow(t, set, tables_block(t, &peer->addr), proto, port) ||
	       (peer->verdict && tables_allow(t, set, peer->verdict->class, proto, port));
}

static inline bool tables_judge(const struct tables *t, const struct objects *o, char *src,
                                char *dst, uint8_t proto, uint16_t port)
{
	const sa_family_t family = strchr(src, ':') || strchr(dst, ':') ? AF_INET6 : AF_INET;
	const struct end from = find_end(t, o, src, family), to = find_end(t, o, dst, family);

	if (from.verdict && from.verdict == to.verdict)
		return true;
	return side_allows(t, &from, &to, EGRESS, proto, port) &&
	       side_allows(t, &to, &from, INGRESS, proto, port);
}

static inline uint8_t proto_number(const char *name)
{
	return strcmp(name, "TCP") == 0    ? IPPROTO_TCP
	       : strcmp(name, "UDP") == 0  ? IPPROTO_UDP
	       : strcmp(name, "SCTP") == 0 ? IPPROTO_SCTP
	                                   : IPPROTO_ICMP;
}

/* "SRC>DST@PORT/PROTO=allow ...": by tables and by explain() */
static inline void check_verdicts(const struct tables *t, const struct objects *o, const char *name,
                                  const char *checks)
{
	char *text = strdup(checks), *rest = text, *check;

	while ((check = strsep(&rest, " \n"))) {
		char src[64], dst[64], proto[16], expect[16];
		struct err e = { .msg = "" };
		struct explanation x;
		unsigned int port;
		bool found, wanted;

		if (!*check)
			continue;
		cr_assert_eq(sscanf(check, "%63[^>]>%63[^@]@%u/%15[^=]=%15s", src, dst, &port,
		                    proto, expect),
		             5, "%s: bad check %s", name, check);
		wanted = strcmp(expect, "allow") == 0;
		found = tables_judge(t, o, src, dst, proto_number(proto), (uint16_t)port);
		cr_expect_eq(found, wanted, "%s: %s: tables say %s", name, check,
		             found ? "allow" : "deny");
		cr_assert_eq(explain(o, false, src, dst, proto_number(proto), (uint16_t)port, &x,
		                     &e),
		             0, "%s: %s: explain: %s", name, check, e.msg);
		cr_expect_eq(x.allowed, wanted, "%s: %s: explain says %s (%s; %s)", name, check,
		             x.allowed ? "allow" : "deny", x.side[EGRESS].text,
		             x.side[INGRESS].text);
		explanation_free(&x);
	}
	free(text);
}

#endif
