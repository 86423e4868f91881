/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_forms.c - laws that hold for any policies: random ones, from a fixed seed
 *
 *	order		whatever is written in another order makes equal tables
 *	blocks		a block cut in halves, or its exception replaced by the complement, makes equal tables
 *	union		one more rule takes nothing away
 *	locality	a policy changes nothing between pods of other namespaces
 *	two ways	tables and explain() say the same
 */
#include "policy_util.h"

#define POLICIES 4
#define RULES    3
#define PEERS    3
#define PORTS    3

/* A block in three ways */
static const char *const blocks[][3] = {
	{ "{'ipBlock':{'cidr':'10.0.0.0/8'}}",
	  "{'ipBlock':{'cidr':'10.0.0.0/9'}},{'ipBlock':{'cidr':'10.128.0.0/9'}}",
	  "{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.0.1.0/24']}},{'ipBlock':{'cidr':'10.0.1.0/24'}}" },
	{ "{'ipBlock':{'cidr':'10.0.0.0/16','except':['10.0.1.0/30']}}",
	  "{'ipBlock':{'cidr':'10.0.0.0/17','except':['10.0.1.0/30']}},{'ipBlock':{'cidr':'10.0.128.0/17'}}",
	  "{'ipBlock':{'cidr':'10.0.0.0/16','except':['10.0.1.2/31','10.0.1.0/31','10.0.1.1/32']}}" },
	{ "{'ipBlock':{'cidr':'0.0.0.0/0','except':['128.0.0.0/1']}}",
	  "{'ipBlock':{'cidr':'0.0.0.0/1'}}",
	  "{'ipBlock':{'cidr':'0.0.0.0/2'}},{'ipBlock':{'cidr':'64.0.0.0/2'}}" },
	{ "{'ipBlock':{'cidr':'fd00:1::/32'}}",
	  "{'ipBlock':{'cidr':'fd00:1:8000::/33'}},{'ipBlock':{'cidr':'fd00:1::/33'}}",
	  "{'ipBlock':{'cidr':'fd00:1::/32','except':['fd00:1::2/128']}},{'ipBlock':{'cidr':'fd00:1::/112'}}" },
	{ "{'ipBlock':{'cidr':'10.0.2.1/32'}}",
	  "{'ipBlock':{'cidr':'10.0.2.1/32'}},{'ipBlock':{'cidr':'10.0.2.1/32'}}",
	  "{'ipBlock':{'cidr':'10.0.2.1/32'}}" },
};

static const char *const selectors[] = {
	"{}",
	"{'matchLabels':{'app':'web'}}",
	"{'matchLabels':{'pod':'b'}}",
	"{'matchExpressions':[{'key':'app','operator':'NotIn','values':['web','x']}]}",
	"{'matchExpressions':[{'key':'app','operator':'Exists'},{'key':'pod','operator':'In','values':['a','c']}]}",
	"{'matchExpressions':[{'key':'team','operator':'Exists'}]}",
	"{'matchExpressions':[{'key':'env','operator':'DoesNotExist'}]}",
	"{'matchLabels':{'kubernetes.io/metadata.name':'y'}}",
};

static const char *const ports[] = {
	"{'port':80}",
	"{'port':81,'endPort':90}",
	"{'port':'http'}",
	"{'protocol':'UDP'}",
	"{'port':53,'protocol':'UDP'}",
	"{}",
	"{'port':'dns','protocol':'UDP'}",
	"{'port':8080}",
	"{'port':'side'}",
};

static const char *const ends[] = {
	"x/a",   "x/b",   "x/c",       "y/a",      "y/b",      "z/a",
	"x/new", "new/a", "192.0.2.1", "10.0.1.2", "10.0.9.9", "x/host"
};
static const struct {
	uint8_t proto;
	uint16_t port;
} probes[] = { { IPPROTO_TCP, 80 },  { IPPROTO_TCP, 85 }, { IPPROTO_TCP, 8080 },
	       { IPPROTO_UDP, 53 },  { IPPROTO_UDP, 9 },  { IPPROTO_TCP, 99 },
	       { IPPROTO_SCTP, 80 }, { IPPROTO_ICMP, 0 }, { IPPROTO_TCP, 82 } };

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t state;

static unsigned int pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)((state >> 11) % n);
}

struct peer_plan {
	int block;                     /* or -1 */
	const char *pods, *namespaces; /* or NULL */
};

struct rule_plan {
	struct peer_plan peers[PEERS];
	const char *ports[PORTS];
	size_t n_peers, n_ports;
};

struct policy_plan {
	const char *namespace, *selector, *types;
	struct rule_plan rules[2][RULES];
	size_t n_rules[2];
};

static void plan_rule(struct rule_plan *r)
{
	r->n_peers = pick(PEERS + 1);
	r->n_ports = pick(PORTS + 1);
	for (size_t i = 0; i < r->n_peers; i++) {
		unsigned int kind = pick(4);

		r->peers[i] = (struct peer_plan) {
			.block = kind == 0 ? (int)pick(N(blocks)) : -1,
			.pods = kind == 1 || kind == 3 ? selectors[pick(N(selectors))] : NULL,
			.namespaces = kind >= 2 ? selectors[pick(N(selectors))] : NULL,
		};
	}
	for (size_t i = 0; i < r->n_ports; i++)
		r->ports[i] = ports[pick(N(ports))];
}

static void plan_policy(struct policy_plan *p)
{
	static const char *const namespaces[] = { "x", "y", "z" };
	static const char *const types[] = { "['Ingress']", "['Egress']", "['Egress','Ingress']",
		                             "null" };

	p->namespace = namespaces[pick(3)];
	p->selector = selectors[pick(N(selectors))];
	p->types = types[pick(4)];
	for (int dir = 0; dir < 2; dir++) {
		p->n_rules[dir] = pick(RULES);
		for (size_t i = 0; i < RULES; i++)
			plan_rule(&p->rules[dir][i]);
	}
}

/* How a plan is written down */
struct style {
	bool reversed;
	int blocks;        /* column of the table */
	size_t more_rules; /* for the first policy, in both directions */
};

static size_t at(const struct style *s, size_t i, size_t n)
{
	return s->reversed ? n - 1 - i : i;
}

static void write_rule(FILE *f, const struct rule_plan *r, int dir, const struct style *s)
{
	fprintf(f, "{'%s':[", dir == INGRESS ? "from" : "to");
	for (size_t i = 0; i < r->n_peers; i++) {
		const struct peer_plan *p = &r->peers[at(s, i, r->n_peers)];

		fprintf(f, "%s", i ? "," : "");
		if (p->block >= 0)
			fprintf(f, "%s", blocks[p->block][s->blocks]);
		else
			fprintf(f, "{%s%s%s%s%s}", p->pods ? "'podSelector':" : "",
			        p->pods ? p->pods : "", p->pods && p->namespaces ? "," : "",
			        p->namespaces ? "'namespaceSelector':" : "",
			        p->namespaces ? p->namespaces : "");
	}
	fprintf(f, "],'ports':[");
	for (size_t i = 0; i < r->n_ports; i++)
		fprintf(f, "%s%s", i ? "," : "", r->ports[at(s, i, r->n_ports)]);
	fprintf(f, "]}");
}

static void write_policy(FILE *f, const struct policy_plan *p, size_t number, const struct style *s)
{
	const size_t name = s->reversed ? 99 - number : number;

	fprintf(f, "%s/p%zu {'podSelector':%s,'policyTypes':%s", p->namespace, name, p->selector,
	        p->types);
	for (int dir = 0; dir < 2; dir++) {
		size_t n = p->n_rules[dir] + (number == 0 ? s->more_rules : 0);

		fprintf(f, ",'%s':[", dir == INGRESS ? "ingress" : "egress");
		for (size_t i = 0; i < n; i++) {
			fprintf(f, "%s", i ? "," : "");
			write_rule(f, &p->rules[dir][at(s, i, n)], dir, s);
		}
		fprintf(f, "]");
	}
	fprintf(f, "}\n");
}

struct world {
	char *text;
	struct objects o;
	struct tables t;
};

static void make_world(struct world *w, const struct policy_plan *plans, size_t n,
                       const struct style *s)
{
	size_t len;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < n; i++)
		write_policy(f, &plans[at(s, i, n)], at(s, i, n), s);
	fclose(f);
	w->text = quoted(text);
	free(text);
	objects_init(&w->o);
	if (!s->reversed)
		read_text_ok(&w->o, "inventory", inventory);
	read_policies(&w->o, "policies", w->text);
	if (s->reversed)
		read_text_ok(&w->o, "inventory", inventory);
	finish_ok(&w->o, w->text);
	compile_ok(&w->o, w->text, &w->t);
}

static void free_world(struct world *w)
{
	tables_free(&w->t);
	objects_free(&w->o);
	free(w->text);
}

#define SAME(a, b, member, n) \
	((a)->n == (b)->n && memcmp((a)->member, (b)->member, (a)->n * sizeof(*(a)->member)) == 0)

/* Pods and namespaces name strings of their own objects: only their verdicts are compared. */
static bool is_equal(const struct tables *a, const struct tables *b)
{
	if (a->n_sets != b->n_sets || a->n_classes != b->n_classes || a->n_pods != b->n_pods ||
	    a->n_ranges != b->n_ranges || !SAME(a, b, lists, n_lists) ||
	    !SAME(a, b, cells, n_cells) || !SAME(a, b, hosts, n_hosts) ||
	    !SAME(a, b, blocks[0], n_blocks[0]) || !SAME(a, b, blocks[1], n_blocks[1]) ||
	    memcmp(&a->stranger, &b->stranger, sizeof(a->stranger)) != 0)
		return false;
	for (size_t i = 0; i < a->n_ranges; i++)
		if (a->ranges[i].proto != b->ranges[i].proto ||
		    a->ranges[i].first != b->ranges[i].first ||
		    a->ranges[i].last != b->ranges[i].last)
			return false;
	for (size_t i = 0; i < a->n_pods; i++)
		if (memcmp(&a->pods[i].verdict, &b->pods[i].verdict, sizeof(a->stranger)) != 0)
			return false;
	for (size_t i = 0; i < a->n_namespaces; i++)
		if (memcmp(&a->namespaces[i].unknown, &b->namespaces[i].unknown,
		           sizeof(a->stranger)) != 0)
			return false;
	return true;
}

static void check_equal(const struct world *a, const struct policy_plan *plans,
                        const struct style *s, const char *law)
{
	struct world b;

	make_world(&b, plans, POLICIES, s);
	cr_expect(is_equal(&a->t, &b.t), "%s:\n%s\nis not\n%s", law, a->text, b.text);
	free_world(&b);
}

static bool judge(const struct world *w, const char *src, const char *dst, size_t probe)
{
	char from[64], to[64];

	snprintf(from, sizeof(from), "%s", src);
	snprintf(to, sizeof(to), "%s", dst);
	return tables_judge(&w->t, &w->o, from, to, probes[probe].proto, probes[probe].port);
}

static bool in_namespace(const char *end, const char *namespace)
{
	return end[0] == namespace[0] && end[1] == '/';
}

/* @more has one more rule, or one more policy (in @namespace). */
static void check_more(const struct world *w, const struct world *more, const char *namespace,
                       const char *law)
{
	for (size_t i = 0; i < N(ends); i++) {
		for (size_t j = 0; j < N(ends); j++) {
			/* 10.0.1.2 is a pod of x. */
			bool apart = namespace && !in_namespace(ends[i], namespace) &&
			             !in_namespace(ends[j], namespace) && *ends[i] != '1' &&
			             *ends[j] != '1';

			for (size_t k = 0; k < N(probes); k++) {
				bool before = judge(w, ends[i], ends[j], k);
				bool after = judge(more, ends[i], ends[j], k);

				cr_assert(namespace ? !apart || before == after : !before || after,
				          "%s: %s > %s, probe %zu: %d became %d:\n%s\nand\n%s", law,
				          ends[i], ends[j], k, before, after, w->text, more->text);
			}
		}
	}
}

static void check_two_ways(const struct world *w)
{
	for (size_t i = 0; i < N(ends); i++) {
		for (size_t j = 0; j < N(ends); j++) {
			for (size_t k = 0; k < N(probes); k++) {
				struct explanation x;
				struct err e = { .msg = "" };
				bool found = judge(w, ends[i], ends[j], k);

				cr_assert_eq(explain(&w->o, false, ends[i], ends[j],
				                     probes[k].proto, probes[k].port, &x, &e),
				             0, "%s > %s: %s", ends[i], ends[j], e.msg);
				cr_assert_eq(x.allowed, found,
				             "%s > %s, probe %zu: tables say %d:\n%s", ends[i],
				             ends[j], k, found, w->text);
				explanation_free(&x);
			}
		}
	}
}

Test(policy_forms, laws)
{
	const char *rounds = getenv("POLICY_ROUNDS"), *seed = getenv("POLICY_SEED");

	state = seed ? strtoull(seed, NULL, 0) : 0x5eed5eed5eedULL;
	for (long round = rounds ? atol(rounds) : 60; round > 0; round--) {
		struct policy_plan plans[POLICIES + 1];
		struct world w, more;

		for (size_t i = 0; i <= POLICIES; i++)
			plan_policy(&plans[i]);
		make_world(&w, plans, POLICIES, &(struct style) { .blocks = 0 });
		check_equal(&w, plans, &(struct style) { .reversed = true }, "order");
		check_equal(&w, plans, &(struct style) { .blocks = 1 }, "halves");
		check_equal(&w, plans, &(struct style) { .blocks = 2, .reversed = true },
		            "complement");
		/* With no types said, an egress rule more makes the policy isolate: not this law's matter. */
		if (strcmp(plans[0].types, "null") != 0) {
			make_world(&more, plans, POLICIES, &(struct style) { .more_rules = 1 });
			check_more(&w, &more, NULL, "union");
			free_world(&more);
		}
		make_world(&more, plans, POLICIES + 1, &(struct style) { .blocks = 0 });
		check_more(&w, &more, plans[POLICIES].namespace, "locality");
		free_world(&more);
		check_two_ways(&w);
		free_world(&w);
	}
}
