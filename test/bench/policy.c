/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - what network policy costs besides packets: a pod's ADD and DEL with and without, an apply, kernel memory
 *
 * Two networks of one node take turns, one with policy and one without, each with as many pods on a bridge of its own.
 * All pods of a node are judged by one backend, so the backends come one after the other.
 */
#include "test/bench/lineup.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "/run/cnida-bench-policy.json"
#define ATTACHED  30U /* pods that stay */
#define POLICIES  30U
#define LARGE     1000U /* policies, and pods */
#define APPLIES   21U

enum { WITH, WITHOUT, LINES };

static struct line lines[LINES];

/* ---- objects, as `kubectl get -o json` prints them ---- */

/* Pods of this node are in the namespace that their ADD tells. The others have neighbours in theirs. */
static const char *namespace_of(unsigned int pod)
{
	static char name[16];

	snprintf(name, sizeof(name), "ns-%u", pod / 25);
	return pod < LINEUP_PODS ? "bench" : name;
}

/* Text with ' for ". */
__attribute__((format(printf, 2, 3))) static void append(json_t *items, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	for (char *s = text; (s = strchr(s, '\'')); s++)
		*s = '"';
	if (json_array_append_new(items, json_loads(text, 0, NULL)) < 0)
		fprintf(stderr, "bench: policy: not JSON: %s\n", text);
	free(text);
}

/* Where it has no address yet, it is a pod of this node. */
static void append_pod(json_t *items, unsigned int i, unsigned int app)
{
	char ip[64] = "";

	if (i >= LINEUP_PODS)
		snprintf(ip, sizeof(ip), ",'podIP':'10.210.%u.%u','podIPs':[{'ip':'10.210.%u.%u'}]",
		         i >> 8, i & 255, i >> 8, i & 255);
	append(items,
	       "{'apiVersion':'v1','kind':'Pod','metadata':{'annotations':{'prometheus.io/port':'9090',"
	       "'prometheus.io/scrape':'true'},'creationTimestamp':'2026-01-01T00:00:00Z',"
	       "'generateName':'app-%u-7d4b9c6f58-','labels':{'app':'app-%u','app.kubernetes.io/part-of':'bench',"
	       "'pod-template-hash':'7d4b9c6f58'},'name':'" LINEUP_POD "','namespace':'%s',"
	       "'ownerReferences':[{'apiVersion':'apps/v1','blockOwnerDeletion':true,'controller':true,"
	       "'kind':'ReplicaSet','name':'app-%u-7d4b9c6f58','uid':'00000000-0000-4000-8000-%012u'}],"
	       "'resourceVersion':'%u','uid':'00000000-0000-4000-9000-%012u'},"
	       "'spec':{'containers':[{'image':'registry.example/app:1.0','imagePullPolicy':'IfNotPresent',"
	       "'name':'main','ports':[{'containerPort':8080,'name':'http','protocol':'TCP'},"
	       "{'containerPort':9090,'name':'metrics','protocol':'TCP'}],'resources':{'limits':{'memory':'64Mi'},"
	       "'requests':{'cpu':'50m','memory':'64Mi'}},'terminationMessagePath':'/dev/termination-log',"
	       "'terminationMessagePolicy':'File','volumeMounts':[{'mountPath':"
	       "'/var/run/secrets/kubernetes.io/serviceaccount','name':'kube-api-access','readOnly':true}]}],"
	       "'dnsPolicy':'ClusterFirst','enableServiceLinks':true,'nodeName':'node-%u','priority':0,"
	       "'restartPolicy':'Always','schedulerName':'default-scheduler','securityContext':{},"
	       "'serviceAccountName':'default','terminationGracePeriodSeconds':30,'tolerations':["
	       "{'effect':'NoExecute','key':'node.kubernetes.io/not-ready','operator':'Exists','tolerationSeconds':300},"
	       "{'effect':'NoExecute','key':'node.kubernetes.io/unreachable','operator':'Exists','tolerationSeconds':300}]},"
	       "'status':{'conditions':[{'lastTransitionTime':'2026-01-01T00:00:01Z','status':'True','type':'Ready'},"
	       "{'lastTransitionTime':'2026-01-01T00:00:00Z','status':'True','type':'PodScheduled'}],"
	       "'containerStatuses':[{'containerID':'containerd://%064u','image':'registry.example/app:1.0',"
	       "'name':'main','ready':true,'restartCount':0,'started':true}],'hostIP':'192.168.0.%u','phase':'Running'%s}}",
	       app, app, i, namespace_of(i), app, app, 1000 + i, i, i / 30, i, i / 30, ip);
}

/* Each has neighbours and ports of its own, and what most have in common: monitoring, one of four offices, names, the internet. */
static void append_policy(json_t *items, unsigned int i, unsigned int n, unsigned int round)
{
	append(items,
	       "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{"
	       "'creationTimestamp':'2026-01-01T00:00:00Z','generation':1,'name':'policy-%u','namespace':'%s'},"
	       "'spec':{'podSelector':{'matchLabels':{'app':'app-%u'}},'policyTypes':['Ingress','Egress'],"
	       "'ingress':[{'from':[{'podSelector':{'matchLabels':{'app':'app-%u'}}},"
	       "{'podSelector':{'matchLabels':{'app':'app-%u'}}}],"
	       "'ports':[{'port':8080,'protocol':'TCP'},{'port':%u,'protocol':'TCP'}]},"
	       "{'from':[{'namespaceSelector':{'matchLabels':{'kubernetes.io/metadata.name':'monitoring'}}}],"
	       "'ports':[{'port':'metrics','protocol':'TCP'}]},"
	       "{'from':[{'ipBlock':{'cidr':'172.16.%u.0/24','except':['172.16.%u.128/26']}}],"
	       "'ports':[{'port':'http','protocol':'TCP'}]}],"
	       "'egress':[{'to':[{'podSelector':{'matchLabels':{'app':'app-%u'}}}],"
	       "'ports':[{'port':8080,'protocol':'TCP'}]},"
	       "{'to':[{'namespaceSelector':{'matchLabels':{'kubernetes.io/metadata.name':'kube-system'}},"
	       "'podSelector':{'matchLabels':{'k8s-app':'kube-dns'}}}],"
	       "'ports':[{'port':53,'protocol':'UDP'},{'port':53,'protocol':'TCP'}]},"
	       "{'to':[{'ipBlock':{'cidr':'0.0.0.0/0','except':['10.0.0.0/8','169.254.169.254/32']}}],"
	       "'ports':[{'endPort':%u,'port':%u,'protocol':'TCP'}]}]}}",
	       i, namespace_of(i), i, (i + n - 1) % n, (i + n - 2) % n,
	       9000 + i + (i == round % n ? 10000 : 0), i % 4, i % 4, (i + 1) % n,
	       20000 + i * 8 + 7, 20000 + i * 8);
}

static void append_namespace(json_t *items, const char *name)
{
	append(items,
	       "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'%s','labels':{"
	       "'kubernetes.io/metadata.name':'%s'}}}",
	       name, name);
}

/* Of a namespace in which no policy is: @name-0 and @name-1. */
static void append_shared_pods(json_t *items, const char *namespace, const char *name)
{
	append_namespace(items, namespace);
	for (unsigned int i = 0; i < 2; i++)
		append(items,
		       "{'apiVersion':'v1','kind':'Pod','metadata':{'labels':{'k8s-app':'%s'},'name':'%s-%u',"
		       "'namespace':'%s'},'status':{'podIP':'10.209.0.%u'}}",
		       name, name, i, namespace, (unsigned int)strlen(name) * 2 + i);
}

/* A snapshot: with each @round one pod has another label and one policy another port. 0 or -errno. */
static int write_objects(unsigned int pods, unsigned int policies, unsigned int round)
{
	json_t *items = json_array(), *doc;
	int r;

	append_shared_pods(items, "kube-system", "kube-dns");
	append_shared_pods(items, "monitoring", "prometheus");
	for (unsigned int i = 0; i < pods; i++) {
		unsigned int app = i == round % ATTACHED ? i + 1 : i;

		if (i == 0 || (i >= LINEUP_PODS && (i % 25 == 0 || i == LINEUP_PODS)))
			append_namespace(items, namespace_of(i));
		append_pod(items, i, app % policies);
	}
	for (unsigned int i = 0; i < policies; i++)
		append_policy(items, i, policies, round);
	/* In the order of kubectl. */
	doc = json_pack("{s:s, s:o, s:s}", "apiVersion", "v1", "items", items, "kind", "List");
	if (!doc)
		return -ENOMEM;
	r = json_dump_file(doc, FILE_NAME, JSON_INDENT(4)) < 0 ? -EIO : 0;
	json_decref(doc);
	return r;
}

/* ---- cnida policy ---- */

/* `cnida policy @verb @operand`: true if it succeeded; free *ret with plugin_run_free(). */
static bool command(const struct bench *b, const char *verb, const char *operand,
                    struct plugin_run *ret)
{
	const char *const argv[] = { "cnida", "policy", verb, operand, NULL };
	const struct peer *ours = &b->peers[CNIDA];
	char path[PATH_MAX];
	struct plugin_call call = { .path = path, .argv = argv, .deadline_ms = 30000 };
	bool ran;

	snprintf(path, sizeof(path), "%s/cnida", ours->dir);
	ran = plugin_exec(&call, ret) == 0;
	call.command =
		verb; /* only for what peer_ok() says: CNI_COMMAND would make it a plugin's call */
	return ran && peer_ok(ours, &call, ret);
}

/* @row NULL: not measured. */
static bool apply(const struct bench *b, unsigned int pods, unsigned int policies,
                  unsigned int round, struct row *row)
{
	struct plugin_run run = { .rc = -1 };
	bool ok = write_objects(pods, policies, round) == 0 && command(b, "apply", FILE_NAME, &run);

	if (row && ok)
		series_add(&row->s[CNIDA], (double)run.wall_ns / 1e6);
	else if (row)
		row->s[CNIDA].failed++;
	plugin_run_free(&run);
	return ok;
}

static void memory(const struct bench *b, struct row *row)
{
	struct plugin_run run = { .rc = -1 };
	json_t *doc = command(b, "status", "--json", &run) ? json_loads(run.out, 0, NULL) : NULL;
	double bytes = json_number_value(json_object_get(doc, "memoryBytes"));

	if (bytes > 0)
		series_add(&row->s[CNIDA], bytes / 1024);
	else
		row->s[CNIDA].failed++;
	json_decref(doc);
	plugin_run_free(&run);
}

static void clear(const struct bench *b)
{
	struct plugin_run run = { .rc = -1 };

	(void)command(b, "clear", NULL, &run);
	plugin_run_free(&run);
	(void)remove(FILE_NAME);
}

/* ---- the scenario ---- */

static void take(const struct bench *b, int k, unsigned int i, const char *verb, struct row *row)
{
	struct line_cost cost = line_call(b, &lines[k], i, verb);

	if (row && cost.ok)
		series_add(&row->s[CNIDA], cost.wall);
	else if (row)
		row->s[CNIDA].failed++;
}

/* A verb for pod @i of both networks; who is first changes from pod to pod. */
static void both(const struct bench *b, unsigned int i, const char *verb, struct row *rows[LINES])
{
	for (unsigned int k = i; k < i + LINES; k++)
		take(b, k % LINES, i, verb, rows ? rows[k % LINES] : NULL);
}

/* Each measured pod goes before the next one comes: it is always the 31st. */
static void attach(struct bench *b, const char *backend, const char *name)
{
	static const char *const verbs[] = { "ADD", "DEL" };
	struct row *rows[2][LINES];
	char key[48];

	for (int v = 0; v < 2; v++) {
		for (int k = 0; k < LINES; k++) {
			snprintf(key, sizeof(key), "policy.%s.%s%s", backend, v ? "del" : "add",
			         k == WITH ? "" : ".without");
			rows[v][k] = bench_row(b, "ms", key, "%s type cnida, ipMasq%s, %s%s",
			                       verbs[v], k == WITH ? ", policy" : "", name,
			                       k == WITH ? "" : ": without");
		}
	}
	for (unsigned int i = ATTACHED; i < lines[WITH].n; i++)
		for (int v = 0; v < 2; v++)
			both(b, i, verbs[v], rows[v]);
}

/* The first one may have to make room for the larger image. */
static void applies(struct bench *b, const char *backend, const char *name)
{
	struct row *row;
	char key[48];

	snprintf(key, sizeof(key), "policy.%s.apply", backend);
	row = bench_row(b, "ms", key, "policy apply, %u policies and pods, %s", LARGE, name);
	for (unsigned int round = 0; round <= APPLIES; round++)
		(void)apply(b, LARGE, LARGE, round, round > 0 ? row : NULL);
}

static void one_backend(struct bench *b, enum lineup_kind kind, const char *backend,
                        const char *name)
{
	line_open(b, &lines[WITH], CNIDA, kind, 3, ATTACHED + b->samples);
	line_open(b, &lines[WITHOUT], CNIDA, LINEUP_OPEN, 4, ATTACHED + b->samples);
	if (apply(b, LINEUP_PODS, POLICIES, 0, NULL)) {
		for (unsigned int i = 0; i < ATTACHED; i++)
			both(b, i, "ADD", NULL);
		attach(b, backend, name);
		if (kind == LINEUP_EBPF)
			memory(b,
			       bench_row(b, "kB", "policy.memory",
			                 "kernel memory of eBPF, %u pods and policies", ATTACHED));
		applies(b, backend, name);
		for (int k = 0; k < LINES; k++)
			line_crowd(b, &lines[k], "DEL", 16, NULL, NULL, NULL);
	}
	clear(b);
	for (int k = 0; k < LINES; k++)
		line_close(&lines[k]);
}

void scenario_policy(struct bench *b)
{
	if (!b->peers[CNIDA].present)
		return;
	one_backend(b, LINEUP_EBPF, "ebpf", "eBPF");
	one_backend(b, LINEUP_NFTABLES, "nftables", "nftables");
}
