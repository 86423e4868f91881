/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_snapshot.c - what a node remembers of its policy: the snapshot, the file of verdicts, signatures
 */
#include "base/cleanup.h"
#include "policy/compile.h"
#include "policy/object_text.h"
#include "policy/signature.h"
#include "policy/snapshot.h"
#include "policy/verdicts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* ---- the snapshot ---- */

static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n]}\n";

static char *file_of(size_t *ret_size)
{
	struct err e;
	char *file;

	cr_assert(snapshot_format(text, strlen(text), 1234567, snapshot_sum(text, strlen(text)),
	                          &file, ret_size, &e) == 0,
	          "%s", e.msg);
	return file;
}

Test(policy_snapshot, comes_back)
{
	struct snapshot s;
	size_t size;
	char *file = file_of(&size);
	struct err e;

	cr_assert(snapshot_parse(file, size, &s, &e) == 0, "%s", e.msg);
	cr_assert(s.len == strlen(text) && memcmp(s.text, text, s.len) == 0, "the text");
	cr_assert(s.applied == 1234567, "the time: expected 1234567, found %ld", (long)s.applied);
	snapshot_free(&s);
}

/* Whatever bit is lost: it is not used, and the message says what to do. Only the time is nobody's concern. */
Test(policy_snapshot, damage_is_seen)
{
	size_t size;
	_cleanup_free_ char *file = file_of(&size);
	size_t time_ends = (size_t)(strchr(file, '\n') - file), time_begins = time_ends - 20;
	struct snapshot s;
	struct err e;

	for (size_t i = 0; i < size; i++) {
		char was = file[i];

		if (i >= time_begins && i < time_ends)
			continue;
		file[i] = (char)(was ^ 4);
		cr_assert(snapshot_parse(file, size, &s, &e) == -EBADMSG, "byte %zu: found %s", i,
		          e.msg);
		cr_assert(e.code == CNI_E_TRY_AGAIN && strstr(e.msg, "cnida policy apply"),
		          "byte %zu: what to do, found %s", i, e.msg);
		file[i] = was;
	}
	for (size_t cut = 0; cut < size; cut++) {
		_cleanup_free_ char *part = strndup(file, cut);

		cr_assert(snapshot_parse(part, cut, &s, &e) == -EBADMSG, "cut at %zu", cut);
	}
	file[strlen("cnida-policy ")] = '1';
	cr_assert(snapshot_parse(file, size, &s, &e) == -EBADMSG && strstr(e.msg, "version"),
	          "another version, found %s", e.msg);
}

/* ---- objects written out again ---- */

static const char everything[] =
	"{'kind':'Namespace','apiVersion':'v1','metadata':{'name':'x','labels':{'team':'a-b'}}}"
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'x','name':'a','uid':'u','labels':{'app':'a'}},"
	" 'spec':{'nodeName':'n1','containers':[{'name':'c','env':[{'name':'S','value':'secret'}],'ports':["
	"  {'name':'web','containerPort':80},{'containerPort':53,'protocol':'UDP'}]}]},"
	" 'status':{'phase':'Running','podIP':'10.0.0.1','podIPs':[{'ip':'10.0.0.1'},{'ip':'fd00::1'}]}}"
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'x','name':'b','labels':{'app':'b'},"
	"  'creationTimestamp':'2024-01-01T00:00:00Z'},"
	" 'spec':{'containers':[{'name':'c','ports':[{'name':'web','containerPort':8080}]}]},"
	" 'status':{'phase':'Running','podIPs':[{'ip':'10.0.0.2'}]}}"
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'y','name':'done','labels':{'app':'a'}},"
	" 'spec':{},'status':{'phase':'Succeeded','podIP':'10.0.0.3'}}"
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'y','name':'host','labels':{'app':'a'}},"
	" 'spec':{'hostNetwork':true},'status':{'phase':'Running','podIP':'192.0.2.1'}}"
	"{'kind':'Pod','apiVersion':'v1','metadata':{'namespace':'y','name':'c','labels':{'tier':'db'}},"
	" 'spec':{},'status':{'phase':'Running','podIP':'10.0.0.4'}}"
	"{'kind':'NetworkPolicy','apiVersion':'networking.k8s.io/v1','metadata':{'namespace':'x','name':'p'},"
	" 'spec':{'podSelector':{'matchLabels':{'app':'a'}},'policyTypes':['Ingress','Egress'],"
	"  'ingress':[{'from':[{'podSelector':{'matchExpressions':[{'key':'app','operator':'NotIn','values':['a','z']}]}},"
	"   {'namespaceSelector':{'matchLabels':{'team':'a-b'}},'podSelector':{}},"
	"   {'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16','10.2.0.0/16']}}],"
	"   'ports':[{'port':'web'},{'port':80,'endPort':90},{'protocol':'UDP'},{'protocol':'SCTP','port':7}]}],"
	"  'egress':[{'to':[{'ipBlock':{'cidr':'fd00::/8'}}]},{'to':[{'namespaceSelector':{'matchExpressions':"
	"   [{'key':'team','operator':'Exists'},{'key':'gone','operator':'DoesNotExist'}]}}],'ports':[{'port':'web'}]}]}}"
	"{'kind':'NetworkPolicy','apiVersion':'networking.k8s.io/v1','metadata':{'namespace':'y','name':'q'},"
	" 'spec':{'podSelector':{},'ingress':[{}]}}"
	"{'kind':'NetworkPolicy','apiVersion':'networking.k8s.io/v1','metadata':{'namespace':'x','name':'r'},"
	" 'spec':{'podSelector':{'matchLabels':{'app':'b'}},'ingress':[{'from':[{'podSelector':{}}],'future':1}]}}"
	/* Without what is not known nothing is left of this peer, which alone would be refused. */
	"{'kind':'NetworkPolicy','apiVersion':'networking.k8s.io/v1','metadata':{'namespace':'x','name':'s'},"
	" 'spec':{'podSelector':{},'policyTypes':['Egress'],'egress':[{'to':[{'future':1}]}]}}";

static void read_objects(struct objects *o, const char *json)
{
	char *copy = strdup(json);
	struct err e;

	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	objects_init(o);
	cr_assert(objects_read(o, "test", copy, strlen(copy), &e) == 0, "%s", e.msg);
	cr_assert(objects_finish(o, &e) == 0, "%s", e.msg);
	free(copy);
}

/* Two tables that judge alike have equal bytes: ids are given in the order of the objects. */
static void same_tables(const struct tables *a, const struct tables *b)
{
	cr_assert(a->n_sets == b->n_sets && a->n_classes == b->n_classes, "sets and classes");
	cr_assert(a->n_cells == b->n_cells &&
	                  memcmp(a->cells, b->cells, a->n_cells * sizeof(*a->cells)) == 0,
	          "cells: expected %zu, found %zu or others", a->n_cells, b->n_cells);
	cr_assert(a->n_lists == b->n_lists && a->n_ranges == b->n_ranges, "lists of ports");
	for (size_t i = 0; i < a->n_ranges; i++)
		cr_assert(a->ranges[i].proto == b->ranges[i].proto &&
		                  a->ranges[i].first == b->ranges[i].first &&
		                  a->ranges[i].last == b->ranges[i].last,
		          "range %zu", i);
	cr_assert(a->n_pods == b->n_pods && a->n_namespaces == b->n_namespaces, "pods");
	for (size_t i = 0; i < a->n_pods; i++)
		cr_assert(memcmp(&a->pods[i].verdict, &b->pods[i].verdict,
		                 sizeof(a->pods[i].verdict)) == 0,
		          "verdict of %s", a->pods[i].name);
	for (size_t i = 0; i < a->n_namespaces; i++)
		cr_assert(memcmp(&a->namespaces[i].unknown, &b->namespaces[i].unknown,
		                 sizeof(struct pod_verdict)) == 0,
		          "unknown pods of %s", a->namespaces[i].name);
	cr_assert(a->n_hosts == b->n_hosts, "hosts");
	for (size_t i = 0; i < a->n_hosts; i++)
		cr_assert(ip_eq(&a->hosts[i].addr, &b->hosts[i].addr) &&
		                  a->hosts[i].class == b->hosts[i].class,
		          "host %zu", i);
	for (int f = 0; f < 2; f++) {
		cr_assert(a->n_blocks[f] == b->n_blocks[f], "blocks of family %d", f);
		for (size_t i = 0; i < a->n_blocks[f]; i++)
			cr_assert(ip_eq(&a->blocks[f][i].first, &b->blocks[f][i].first) &&
			                  a->blocks[f][i].class == b->blocks[f][i].class,
			          "block %zu of family %d", i, f);
	}
}

Test(policy_snapshot, objects_written_out_mean_the_same)
{
	struct objects first, second;
	struct tables a, b;
	_cleanup_free_ char *once = NULL, *twice = NULL;
	size_t n, m;
	struct err e;

	read_objects(&first, everything);
	cr_assert(objects_write(&first, &once, &n, &e) == 0, "%s", e.msg);
	cr_assert(!strstr(once, "secret"), "nothing that does not matter");
	read_objects(&second, once);
	cr_assert(objects_write(&second, &twice, &m, &e) == 0, "%s", e.msg);
	cr_assert_str_eq(once, twice, "the same text again");
	cr_assert(compile(&first, false, &a, &e) == 0, "%s", e.msg);
	cr_assert(compile(&second, false, &b, &e) == 0, "%s", e.msg);
	same_tables(&a, &b);
	tables_free(&a);
	tables_free(&b);
	objects_free(&first);
	objects_free(&second);
}

/* ---- verdicts ---- */

static struct port_range all[] = { { 0, 0, 65535 } };
static struct port_list lists[] = { { 0, 1 } };

/* What a set allows is read from the file as from the tables; of a damaged file at least no byte is read that is not its. */
static size_t read_cells(const struct cells *c, uint32_t set)
{
	size_t n, n_ports, sum = 0;
	const struct cell *v = cells_of_set(c, set, &n);

	for (size_t i = 0; i < n; i++) {
		const struct port_range *r = cells_ports(c, v[i].ports, &n_ports);

		for (size_t k = 0; k < n_ports; k++)
			sum += (size_t)r[k].proto + r[k].first + r[k].last;
	}
	return sum;
}

static void compare_cells(const struct verdicts *v, const struct tables *t)
{
	const struct cells expected = tables_cells(t);

	for (uint32_t set = 0; set <= t->n_sets; set++) {
		size_t n_expected, n_found;
		const struct cell *e = cells_of_set(&expected, set, &n_expected),
				  *f = cells_of_set(&v->cells, set, &n_found);

		cr_assert_eq(n_found, n_expected, "set %u: expected %zu cells, found %zu", set,
		             n_expected, n_found);
		cr_assert(n_found == 0 || memcmp(e, f, n_found * sizeof(*e)) == 0, "set %u", set);
		cr_assert_eq(read_cells(&v->cells, set), read_cells(&expected, set),
		             "set %u: ports", set);
	}
}

Test(policy_verdicts, by_name)
{
	struct cell cells[] = { { 2, 0, 0 }, { 3, 1, 0 } };
	struct pod_entry pods[300];
	char names[300][16];
	struct namespace_entry spaces[] = { { "a", { 7, { 1, 0 } } }, { "b", { 8, { 0, 1 } } } };
	struct tables t = { .ranges = all,
		            .lists = lists,
		            .cells = cells,
		            .pods = pods,
		            .namespaces = spaces,
		            .n_ranges = 1,
		            .n_lists = 1,
		            .n_cells = 2,
		            .n_pods = 300,
		            .n_namespaces = 2,
		            .n_sets = 4,
		            .n_classes = 400,
		            .stranger = { 9, { 0, 0 } } };
	struct verdicts_about about = { .parity = 1, .applied = 77 };
	_cleanup_free_ uint8_t *bytes = NULL;
	struct verdicts v;
	struct verdict found;
	struct err e;
	size_t size;

	for (uint32_t i = 0; i < 300; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "pod-%u", i);
		pods[i] = (struct pod_entry) { i & 1 ? "a" : "b",
			                       names[i],
			                       { 10 + i, { i % 4, (i / 4) % 4 } } };
	}
	cr_assert(verdicts_build(&t, &about, &bytes, &size, &e) == 0, "%s", e.msg);
	cr_assert(verdicts_use(bytes, size, &v) == 0, "it can be read");
	cr_assert(v.about.parity == 1 && v.about.applied == 77, "what it says of the whole");
	for (uint32_t i = 0; i < 300; i++) {
		cr_assert(verdicts_find(&v, pods[i].namespace, names[i], &found) == 1, "%s",
		          names[i]);
		cr_assert(memcmp(&found.pod, &pods[i].verdict, sizeof(found.pod)) == 0,
		          "verdict of %s", names[i]);
		/* Of the other namespace: not told. */
		cr_assert(verdicts_find(&v, i & 1 ? "b" : "a", names[i], &found) == 0 &&
		                  found.pod.class == (i & 1 ? 8 : 7),
		          "%s of the other namespace: found class %u", names[i], found.pod.class);
	}
	cr_assert(verdicts_find(&v, "apod-1", "", &found) == 0 && found.pod.class == 9,
	          "no such namespace");
	cr_assert(verdicts_find(&v, "", "pod-1", &found) == 0 && found.pod.class == 9,
	          "no namespace");
	cr_assert(verdicts_find(&v, "a", "", &found) == 0 && found.pod.class == 7, "no name");
	compare_cells(&v, &t);
	for (size_t cut = 0; cut < size; cut += 7)
		cr_assert(verdicts_use(bytes, cut, &v) == -ENOENT, "cut at %zu", cut);
	for (size_t i = 0; i < size; i++) {
		uint8_t was = bytes[i];

		bytes[i] = (uint8_t)(was + 131);
		if (verdicts_use(bytes, size, &v) == 0) {
			(void)verdicts_find(&v, "a", "pod-1", &found);
			for (uint32_t set = 0; set < 5; set++)
				(void)read_cells(&v.cells, set);
		}
		bytes[i] = was;
	}
}

/* ---- signatures ---- */

/* The same peers in other pieces: pods in one class or two, a block in one range or two, ids swapped. */
Test(policy_signature, pieces_do_not_matter)
{
	struct port_range ranges[] = { { 6, 80, 80 }, { 17, 53, 53 } };
	struct port_list tcp_udp[] = { { 0, 1 }, { 1, 1 } };
	struct pod_entry together[] = { { "x", "a", { 1, { 0, 0 } } },
		                        { "x", "b", { 1, { 0, 0 } } } };
	struct pod_entry apart[] = { { "x", "a", { 3, { 0, 0 } } }, { "x", "b", { 1, { 0, 0 } } } };
	struct block_entry one[] = { { { AF_INET, { 0 } }, 0 },
		                     { { AF_INET, { 10 } }, 2 },
		                     { { AF_INET, { 11 } }, 0 } };
	struct block_entry two[] = { { { AF_INET, { 0 } }, 0 },
		                     { { AF_INET, { 10 } }, 2 },
		                     { { AF_INET, { 10, 7 } }, 4 },
		                     { { AF_INET, { 11 } }, 0 } };
	struct cell cells_one[] = { { 2, 1, 0 }, { 2, 2, 1 }, { 3, 0, 0 } };
	struct cell cells_two[] = {
		{ 2, 0, 0 }, { 3, 1, 0 }, { 3, 2, 1 }, { 3, 3, 0 }, { 3, 4, 1 }
	};
	struct tables a = { .ranges = ranges,
		            .lists = tcp_udp,
		            .cells = cells_one,
		            .pods = together,
		            .blocks = { one },
		            .n_ranges = 2,
		            .n_lists = 2,
		            .n_cells = 3,
		            .n_pods = 2,
		            .n_blocks = { 3 },
		            .n_sets = 4,
		            .n_classes = 3 };
	struct tables b = { .ranges = ranges,
		            .lists = tcp_udp,
		            .cells = cells_two,
		            .pods = apart,
		            .blocks = { two },
		            .n_ranges = 2,
		            .n_lists = 2,
		            .n_cells = 5,
		            .n_pods = 2,
		            .n_blocks = { 4 },
		            .n_sets = 4,
		            .n_classes = 5 };
	_cleanup_free_ uint64_t *x = signatures(&a), *y = signatures(&b), *z;

	cr_assert(x[2] == y[3] && x[3] == y[2], "the same peers in other pieces");
	cr_assert(x[2] != x[3] && x[0] == 0 && x[1] == 0, "what differs differs");
	apart[0].name = "c";
	z = signatures(&b);
	cr_assert(z[3] != y[3] && z[2] == y[2], "another pod: another sum");
}
