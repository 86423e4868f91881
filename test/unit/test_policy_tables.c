/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_tables.c - the shape of compiled policy: normal form, sharing, limits; and the laws that hold whatever the
 * policies are
 */
#include "policy_util.h"

#include <errno.h>
#include <time.h>

static char *describe(const struct tables *t)
{
	char *text = NULL, addr[IP_STR_MAX];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "%u sets, %u classes\n", t->n_sets, t->n_classes);
	for (size_t i = 0; i < t->n_cells; i++) {
		const struct port_list *l = &t->lists[t->cells[i].ports];

		fprintf(f, "cell %u %u list %u:", t->cells[i].set, t->cells[i].class,
		        t->cells[i].ports);
		for (size_t j = l->first; j < l->first + l->n; j++)
			fprintf(f, " %u/%u-%u", t->ranges[j].proto, t->ranges[j].first,
			        t->ranges[j].last);
		fprintf(f, "\n");
	}
	for (size_t i = 0; i < t->n_pods; i++)
		fprintf(f, "pod %s/%s class %u sets %u %u\n", t->pods[i].namespace, t->pods[i].name,
		        t->pods[i].verdict.class, t->pods[i].verdict.set[0],
		        t->pods[i].verdict.set[1]);
	for (size_t i = 0; i < t->n_namespaces; i++)
		fprintf(f, "unknown in %s class %u sets %u %u\n", t->namespaces[i].name,
		        t->namespaces[i].unknown.class, t->namespaces[i].unknown.set[0],
		        t->namespaces[i].unknown.set[1]);
	fprintf(f, "stranger class %u sets %u %u\n", t->stranger.class, t->stranger.set[0],
	        t->stranger.set[1]);
	for (size_t i = 0; i < t->n_hosts; i++)
		fprintf(f, "host %s pod %u class %u\n", ip_format(&t->hosts[i].addr, addr),
		        t->hosts[i].pod, t->hosts[i].class);
	for (int family = 0; family < 2; family++)
		for (size_t i = 0; i < t->n_blocks[family]; i++)
			fprintf(f, "from %s class %u\n",
			        ip_format(&t->blocks[family][i].first, addr),
			        t->blocks[family][i].class);
	fclose(f);
	return text;
}

static void make(const char *name, const char *policies, struct objects *o, struct tables *t)
{
	char *lines = quoted(policies);

	objects_init(o);
	read_text_ok(o, name, inventory);
	read_policies(o, name, lines);
	finish_ok(o, name);
	compile_ok(o, name, t);
	free(lines);
}

static char *describe_policies(const char *name, const char *policies)
{
	struct objects o;
	struct tables t;
	char *text;

	make(name, policies, &o, &t);
	text = describe(&t);
	tables_free(&t);
	objects_free(&o);
	return text;
}

struct same {
	const char *name, *a, *b;
};

/* Different ways to say one thing: the tables are equal, number by number. */
static const struct same same[] = {
	{ "order of policies and names",
	  "x/p {'ingress':[{'ports':[{'port':1}]}]}\nx/q {'podSelector':{'matchLabels':{'pod':'a'}},'ingress':[{}]}",
	  "x/q {'ingress':[{'ports':[{'port':1}]}]}\nx/p {'podSelector':{'matchLabels':{'pod':'a'}},'ingress':[{}]}" },
	{ "order of rules, peers, ports, values",
	  "x/p {'ingress':[{'from':[{'podSelector':{'matchExpressions':[{'key':'pod','operator':'In','values':['a','b']}]}},{'ipBlock':{'cidr':'192.0.2.0/24','except':['192.0.2.1/32','192.0.2.2/32']}}],'ports':[{'port':1},{'port':'http'}]},{'ports':[{'protocol':'UDP','port':5}]}]}",
	  "x/p {'ingress':[{'ports':[{'protocol':'UDP','port':5}]},{'ports':[{'port':'http'},{'port':1}],'from':[{'ipBlock':{'cidr':'192.0.2.0/24','except':['192.0.2.2/32','192.0.2.1/32']}},{'podSelector':{'matchExpressions':[{'key':'pod','operator':'In','values':['b','a']}]}}]}]}" },
	{ "one policy or two", "x/p {'ingress':[{'ports':[{'port':1}]},{'ports':[{'port':2}]}]}",
	  "x/p {'ingress':[{'ports':[{'port':1}]}]}\nx/q {'ingress':[{'ports':[{'port':2}]}]}" },
	{ "adjacent ports are a range",
	  "x/p {'ingress':[{'ports':[{'port':1},{'port':2},{'port':3,'endPort':9},{'port':5}]}]}",
	  "x/p {'ingress':[{'ports':[{'port':1,'endPort':9}]}]}" },
	{ "a range within another",
	  "x/p {'ingress':[{'ports':[{'port':1,'endPort':9},{'port':3,'endPort':4},{'port':7}]}]}",
	  "x/p {'ingress':[{'ports':[{'port':1,'endPort':9}]}]}" },
	{ "two halves of a block",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.0/25'}},{'ipBlock':{'cidr':'192.0.2.128/25'}}]}]}",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.0/24'}}]}]}" },
	{ "halves in two rules",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'::/1'}}]},{'from':[{'ipBlock':{'cidr':'8000::/1'}}]}]}",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'::/0'}}]}]}" },
	{ "exception and complement",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.0/24','except':['192.0.2.64/26']}}]}]}",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.0/26'}},{'ipBlock':{'cidr':'192.0.2.128/25'}}]}]}" },
	{ "a rule that adds nothing",
	  "x/p {'ingress':[{'ports':[{'port':1,'endPort':9}]},{'from':[{'podSelector':{}},{'ipBlock':{'cidr':'192.0.2.0/24'}}],'ports':[{'port':4}]}]}",
	  "x/p {'ingress':[{'ports':[{'port':1,'endPort':9}]}]}" },
	{ "everything swallows the rest",
	  "x/p {'ingress':[{},{'ports':[{'port':4}]},{'from':[{'podSelector':{}}]}]}",
	  "x/p {'ingress':[{}]}" },
	{ "selectors with one meaning",
	  "x/p {'ingress':[{'from':[{'podSelector':{'matchLabels':{'pod':'a'}}}]}]}",
	  "x/p {'ingress':[{'from':[{'podSelector':{'matchExpressions':[{'key':'app','operator':'In','values':['web']}]}}]}]}" },
	{ "a peer that is nobody",
	  "x/p {'ingress':[{'from':[{'podSelector':{'matchLabels':{'no':'body'}}}]}]}", "x/p {}" },
	{ "a rule that we cannot read", "x/p {'ingress':[{'if':1}]}", "x/p {}" },
	{ "host bits", "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.99/24'}}]}]}",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'192.0.2.0/24'}}]}]}" },
};

Test(policy_tables, equal)
{
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char *a = describe_policies(same[i].name, same[i].a);
		char *b = describe_policies(same[i].name, same[i].b);

		cr_expect_str_eq(a, b, "%s:\n%s\nand\n%s", same[i].name, a, b);
		free(a);
		free(b);
	}
}

struct shape {
	const char *name, *policies;
	unsigned int sets, classes;
	size_t cells, lists, ranges, blocks4, blocks6;
};

/* Sets 0 and 1 and class 0 always are; pods that are nobody's peer share one class. */
static const struct shape shapes[] = {
	{ "no policy", "", 2, 2, 0, 0, 0, 0, 0 },
	{ "deny all", "x/p {'policyTypes':['Ingress','Egress']}\ny/p {}", 2, 2, 0, 0, 0, 0, 0 },
	{ "pods share sets, also across namespaces",
	  "x/p {'ingress':[{'ports':[{'port':1}]}]}\ny/p {'ingress':[{'ports':[{'port':1}]}]}", 3,
	  2, 1, 1, 1, 0, 0 },
	{ "ingress and egress too",
	  "x/p {'policyTypes':['Ingress','Egress'],'ingress':[{'ports':[{'port':1}]}],'egress':[{'ports':[{'port':1}]}]}",
	  3, 2, 1, 1, 1, 0, 0 },
	{ "a set for each number behind a name", "x/p {'ingress':[{'ports':[{'port':'http'}]}]}", 4,
	  2, 2, 2, 2, 0, 0 },
	{ "a class for each number behind a name",
	  "z/p {'policyTypes':['Egress'],'egress':[{'ports':[{'port':'http'}]}]}", 3, 5, 3, 3, 3, 0,
	  0 },
	{ "labels that nobody asks for make no class",
	  "x/p {'ingress':[{'from':[{'podSelector':{}}]}]}", 3, 3, 1, 1, 1, 0, 0 },
	{ "two blocks of one rule are one class",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'10.9.0.0/16'}},{'ipBlock':{'cidr':'10.11.0.0/16'}}]}]}",
	  3, 3, 1, 1, 1, 5, 0 },
	{ "a block at the start of the address space",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'0.0.0.0/1'}}]}]}", 3, 3, 1, 1, 1, 2, 0 },
	{ "all addresses",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'0.0.0.0/0'}},{'ipBlock':{'cidr':'::/0'}}]}]}",
	  3, 3, 1, 1, 1, 1, 1 },
	{ "a block that nobody uses",
	  "x/p {'ingress':[{'from':[{'ipBlock':{'cidr':'10.9.0.0/16'}}],'ports':[{'port':'none'}]}]}",
	  2, 2, 0, 0, 0, 0, 0 },
	{ "equal lists are one",
	  "x/p {'ingress':[{'from':[{'podSelector':{'matchLabels':{'pod':'a'}}}],'ports':[{'port':1}]}]}\ny/p {'ingress':[{'from':[{'podSelector':{'matchLabels':{'pod':'b'}}}],'ports':[{'port':1}]}]}",
	  4, 4, 2, 1, 1, 0, 0 },
};

Test(policy_tables, shape)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *c = &shapes[i];
		struct objects o;
		struct tables t;
		char *text;

		make(c->name, c->policies, &o, &t);
		text = describe(&t);
		cr_expect(t.n_sets == c->sets && t.n_classes == c->classes &&
		                  t.n_cells == c->cells && t.n_lists == c->lists &&
		                  t.n_ranges == c->ranges && t.n_blocks[0] == c->blocks4 &&
		                  t.n_blocks[1] == c->blocks6,
		          "%s:\n%s", c->name, text);
		free(text);
		tables_free(&t);
		objects_free(&o);
	}
}

Test(policy_tables, lookups)
{
	struct objects o;
	struct tables t;

	make("lookups", "x/p {'podSelector':{'matchLabels':{'pod':'a'}}}", &o, &t);
	cr_expect_eq(t.n_pods, 6, "%zu pods", t.n_pods);
	cr_expect_eq(t.n_hosts, 12, "%zu hosts", t.n_hosts);
	for (size_t i = 1; i < t.n_hosts; i++)
		cr_expect_lt(ip_cmp(&t.hosts[i - 1].addr, &t.hosts[i].addr), 0, "host %zu", i);
	cr_expect_eq(tables_pod(&t, "x", "a")->set[INGRESS], SET_DENY);
	cr_expect_eq(tables_pod(&t, "x", "b")->set[INGRESS], SET_OPEN);
	cr_expect_eq(tables_pod(&t, "x", "new"), &t.namespaces[0].unknown);
	cr_expect_eq(tables_pod(&t, "x", "new")->set[INGRESS], SET_DENY);
	cr_expect_eq(tables_pod(&t, "x", "new")->set[EGRESS], SET_OPEN);
	cr_expect_eq(tables_pod(&t, "x", "host"), &t.namespaces[0].unknown, "no peer, no entry");
	cr_expect_eq(tables_pod(&t, "y", NULL), &t.namespaces[1].unknown);
	cr_expect_eq(tables_pod(&t, "new", "a"), &t.stranger);
	cr_expect_eq(tables_pod(&t, NULL, NULL), &t.stranger);
	cr_expect(tables_allow(&t, SET_OPEN, 77, 6, 1));
	cr_expect(!tables_allow(&t, SET_DENY, 77, 6, 1));
	cr_expect_eq(tables_block(&t, &(struct ip_addr) { .family = AF_INET }), CLASS_ANY);
	tables_free(&t);
	cr_expect_eq(tables_pod(&t, "x", "a"), &t.stranger, "empty tables");
	objects_free(&o);
}

Test(policy_tables, relaxed)
{
	struct objects o;
	struct tables t;
	struct err e;

	make("relaxed", "x/p {'podSelector':{'matchLabels':{'pod':'a'}}}\ny/p {}", &o, &t);
	tables_free(&t);
	cr_assert_eq(compile(&o, true, &t, &e), 0);
	cr_expect_eq(tables_pod(&t, "x", "new")->set[INGRESS], SET_OPEN);
	cr_expect_eq(tables_pod(&t, "x", "a")->set[INGRESS], SET_DENY);
	cr_expect_eq(tables_pod(&t, "y", "new")->set[INGRESS], SET_DENY,
	             "a policy for all pods selects it for sure");
	tables_free(&t);
	objects_free(&o);
}

#define ONE_POD                                                                                                \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'%s','creationTimestamp':'%s'%s}," \
	"'status':{'phase':'%s','podIP':'10.0.0.1'}}"

/* An address that two pods have belongs to the newer one that is not on its way out. */
Test(policy_tables, reused_address)
{
	static const struct {
		const char *name, *created_a, *more_a, *phase_a, *created_b, *more_b, *phase_b,
			*owner;
	} cases[] = {
		{ "newer", "2026-01-02", "", "Running", "2026-01-01", "", "Running", "a" },
		{ "newer, other order", "2026-01-01", "", "Running", "2026-01-02", "", "Running",
		  "b" },
		{ "finished", "2026-01-02", "", "Failed", "2026-01-01", "", "Running", "b" },
		{ "deleted", "2026-01-02", ",'deletionTimestamp':'t'", "Running", "2026-01-01", "",
		  "Running", "b" },
		{ "both deleted", "2026-01-02", ",'deletionTimestamp':'t'", "Running", "2026-01-01",
		  ",'deletionTimestamp':'t'", "Running", "a" },
		{ "the same time", "2026-01-01", "", "Running", "2026-01-01", "", "Running", "b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct objects o;
		struct tables t;

		objects_init(&o);
		snprintf(text, sizeof(text), ONE_POD, "a", cases[i].created_a, cases[i].more_a,
		         cases[i].phase_a);
		read_text_ok(&o, cases[i].name, text);
		snprintf(text, sizeof(text), ONE_POD, "b", cases[i].created_b, cases[i].more_b,
		         cases[i].phase_b);
		read_text_ok(&o, cases[i].name, text);
		finish_ok(&o, cases[i].name);
		compile_ok(&o, cases[i].name, &t);
		cr_assert_eq(t.n_hosts, 1, "%s: %zu hosts", cases[i].name, t.n_hosts);
		cr_expect_str_eq(t.pods[t.hosts[0].pod].name, cases[i].owner, "%s", cases[i].name);
		tables_free(&t);
		objects_free(&o);
	}
}

/* A namespace without its object: selectors know its name, and what they would have to know else closes. */
Test(policy_tables, partial_namespace)
{
	struct objects o;
	struct tables t;
	char *lines = quoted(
		"x/p {'ingress':[{'from':[{'namespaceSelector':{'matchLabels':{'kubernetes.io/metadata.name':'q'}}}],'ports':[{'port':1}]},"
		"{'from':[{'namespaceSelector':{'matchExpressions':[{'key':'env','operator':'DoesNotExist'}]}}],'ports':[{'port':2}]},"
		"{'from':[{'namespaceSelector':{}}],'ports':[{'port':3}]}]}");

	objects_init(&o);
	read_text_ok(&o, "partial", inventory);
	read_text_ok(
		&o, "partial",
		"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'q','name':'a'},'status':{'podIP':'10.0.9.1'}}");
	read_policies(&o, "partial", lines);
	free(lines);
	finish_ok(&o, "partial");
	cr_assert_eq(o.n_warnings, 1);
	cr_expect(strstr(o.warnings[0], "Namespace q"), "%s", o.warnings[0]);
	compile_ok(&o, "partial", &t);
	check_verdicts(
		&t, &o, "partial",
		"q/a>x/a@1/TCP=allow q/a>x/a@2/TCP=deny q/a>x/a@3/TCP=allow z/a>x/a@2/TCP=allow");
	tables_free(&t);
	objects_free(&o);
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void put_template(FILE *f, const char *template, unsigned int n)
{
	for (const char *c = template; *c; c++) {
		if (*c == '#')
			fprintf(f, "%u", n);
		else if (*c == '^' || *c == '~')
			fprintf(f, "%u", *c == '^' ? n / 256 : n % 256);
		else
			fputc(*c, f);
	}
}

/* Objects by the thousand: what comes out, and that it does not take long (bounds are wide: the machine is shared). */
Test(policy_tables, many)
{
	static const struct {
		const char *name, *pod, *policy; /* # is the number, ^.~ its two bytes */
		unsigned int pods, policies;
		int result;
		double most_ms;
	} cases[] = {
		{ "1000 policies, 1000 pods", "'labels':{'app':'a#'}",
		  "{'podSelector':{'matchLabels':{'app':'a#'}},'ingress':[{'from':[{'podSelector':{'matchExpressions':[{'key':'app','operator':'In','values':['a1','a2']}]}}],'ports':[{'port':80}]}]}",
		  1000, 1000, 0, 500 },
		{ "10000 rules for one peer", "'labels':{}",
		  "{'ingress':[{'from':[{'podSelector':{}}],'ports':[{'port':#,'protocol':'UDP'},{'port':#}]}]}",
		  2, 10000, 0, 1000 },
		{ "10000 blocks", "'labels':{}",
		  "{'ingress':[{'from':[{'ipBlock':{'cidr':'^.~.0.0/17'}}],'ports':[{'port':80}]}]}",
		  2, 10000, 0, 1000 },
		{ "10000 blocks that differ", "'labels':{}",
		  "{'ingress':[{'from':[{'ipBlock':{'cidr':'^.~.0.0/17'}}],'ports':[{'port':#}]}]}",
		  2, 10000, 0, 1000 },
		{ "everybody in every rule", "'labels':{'app':'a#'}",
		  "{'podSelector':{'matchLabels':{'app':'a#'}},'ingress':[{'from':[{'podSelector':{}}],'ports':[{'port':#}]},{'from':[{'podSelector':{'matchLabels':{'app':'a#'}}}]}]}",
		  5000, 5000, -E2BIG, 5000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = NULL, *json;
		double start, read, done;
		struct objects o;
		struct tables t;
		struct err e = { .msg = "" };
		size_t len;
		FILE *f = open_memstream(&text, &len);
		int r;

		for (unsigned int n = 1; n <= cases[i].pods; n++) {
			fprintf(f,
			        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'p%u',",
			        n);
			put_template(f, cases[i].pod, n);
			fprintf(f, "},'status':{'podIP':'10.0.%u.%u'}}\n", n / 256, n % 256);
		}
		for (unsigned int n = 1; n <= cases[i].policies; n++) {
			fprintf(f,
			        "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'namespace':'x','name':'n%u'},'spec':",
			        n);
			put_template(f, cases[i].policy, n);
			fprintf(f, "}\n");
		}
		fclose(f);
		json = quoted(text);
		objects_init(&o);
		start = milliseconds();
		cr_assert_eq(objects_read(&o, "f", json, len, &e), 0, "%s: %s", cases[i].name,
		             e.msg);
		cr_assert_eq(objects_finish(&o, &e), 0);
		read = milliseconds();
		r = compile(&o, false, &t, &e);
		done = milliseconds();
		cr_expect_eq(r, cases[i].result, "%s: %d %s", cases[i].name, r, e.msg);
		cr_expect_lt(done - start, cases[i].most_ms,
		             "%s: %.1f ms to read, %.1f ms to compile", cases[i].name, read - start,
		             done - read);
		if (getenv("POLICY_TIMES"))
			fprintf(stderr,
			        "%s: read %.1f, compile %.1f ms, %u sets, %u classes, %zu cells, %zu ranges, %zu blocks\n",
			        cases[i].name, read - start, done - read, t.n_sets, t.n_classes,
			        t.n_cells, t.n_ranges, t.n_blocks[0]);
		if (r == 0)
			tables_free(&t);
		objects_free(&o);
		free(json);
		free(text);
	}
}
