/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_explain.c - the words in which a verdict is explained
 */
#include "policy_util.h"

struct row {
	const char *name, *src, *dst, *proto;
	unsigned int port;
	const char *expect;
};

static const char policies[] =
	"x/p {'podSelector':{'matchLabels':{'pod':'a'}},'ingress':[{'from':[{'podSelector':{'matchLabels':{'pod':'b'}}},{'ipBlock':{'cidr':'192.0.2.0/24'}}],'ports':[{'port':'http'},{'port':443}]},{'if':1}]}\n"
	"x/q {'podSelector':{'matchLabels':{'pod':'a'}},'ingress':[]}\n"
	"y/p {'policyTypes':['Egress'],'egress':[{'to':[{'namespaceSelector':{}}]},{'ports':[{'port':53,'protocol':'UDP'}]}]}\n"
	"z/p {'podSelector':{'matchLabels':{'pod':'a'}}}";

static const struct row rows[] = {
	{ "allowed by a named port", "x/b", "x/a", "TCP", 80,
	  "allow; pod x/b (10.0.1.2) > pod x/a (10.0.1.1)\n"
	  "egress 1: no policy isolates pod x/b (10.0.1.2) for egress\n"
	  "ingress 2: 2 policies isolate pod x/a (10.0.1.1) for ingress\n"
	  " + x/p spec.ingress[0]: allows it: from[0], ports[0]\n"
	  " - x/p spec.ingress[1]: has a field that is not known: it allows nothing\n"
	  " - x/q spec.ingress: allows nothing: it has no rule\n" },
	{ "by a block", "192.0.2.7", "10.0.1.1", "TCP", 443,
	  "allow; address 192.0.2.7 > pod x/a (10.0.1.1)\n"
	  "egress 0: address 192.0.2.7 is no pod: no egress policy applies\n"
	  "ingress 2: 2 policies isolate pod x/a (10.0.1.1) for ingress\n"
	  " + x/p spec.ingress[0]: allows it: from[1], ports[1]\n"
	  " - x/p spec.ingress[1]: has a field that is not known: it allows nothing\n"
	  " - x/q spec.ingress: allows nothing: it has no rule\n" },
	{ "wrong port", "x/b", "x/a", "TCP", 81,
	  "deny; pod x/b (10.0.1.2) > pod x/a (10.0.1.1)\n"
	  "egress 1: no policy isolates pod x/b (10.0.1.2) for egress\n"
	  "ingress 3: 2 policies isolate pod x/a (10.0.1.1) for ingress\n"
	  " - x/p spec.ingress[0]: ports do not match 81/TCP\n"
	  " - x/p spec.ingress[1]: has a field that is not known: it allows nothing\n"
	  " - x/q spec.ingress: allows nothing: it has no rule\n" },
	{ "wrong peer", "x/c", "x/a", "TCP", 80,
	  "deny; pod x/c (10.0.1.3) > pod x/a (10.0.1.1)\n"
	  "egress 1: no policy isolates pod x/c (10.0.1.3) for egress\n"
	  "ingress 3: 2 policies isolate pod x/a (10.0.1.1) for ingress\n"
	  " - x/p spec.ingress[0]: from does not match pod x/c (10.0.1.3)\n"
	  " - x/p spec.ingress[1]: has a field that is not known: it allows nothing\n"
	  " - x/q spec.ingress: allows nothing: it has no rule\n" },
	{ "both wrong, and the other side too", "y/a", "x/a", "UDP", 53,
	  "deny; pod y/a (10.0.2.1) > pod x/a (10.0.1.1)\n"
	  "egress 2: 1 policy isolates pod y/a (10.0.2.1) for egress\n"
	  " + y/p spec.egress[0]: allows it: to[0], any port\n"
	  " + y/p spec.egress[1]: allows it: any peer, ports[0]\n"
	  "ingress 3: 2 policies isolate pod x/a (10.0.1.1) for ingress\n"
	  " - x/p spec.ingress[0]: from does not match pod y/a (10.0.2.1), nor ports 53/UDP\n"
	  " - x/p spec.ingress[1]: has a field that is not known: it allows nothing\n"
	  " - x/q spec.ingress: allows nothing: it has no rule\n" },
	{ "egress denied", "y/a", "192.0.2.1", "ICMP", 0,
	  "deny; pod y/a (10.0.2.1) > address 192.0.2.1\n"
	  "egress 3: 1 policy isolates pod y/a (10.0.2.1) for egress\n"
	  " - y/p spec.egress[0]: to does not match address 192.0.2.1\n"
	  " - y/p spec.egress[1]: ports do not match ICMP\n"
	  "ingress 0: address 192.0.2.1 is no pod: no ingress policy applies\n" },
	{ "a pod that is not known", "z/new", "z/other", "TCP", 1,
	  "deny; pod z/new (no address, not known) > pod z/other (no address, not known)\n"
	  "egress 1: no policy isolates pod z/new (no address, not known) for egress\n"
	  "ingress 3: 1 policy isolates pod z/other (no address, not known) for ingress\n"
	  " - z/p spec.podSelector: may select the pod: its labels are not known\n" },
	{ "the node", "node", "x/a", "TCP", 1,
	  "allow; the node > pod x/a (10.0.1.1)\n"
	  "egress 0: between a pod and its own node everything is allowed\n"
	  "ingress 0: between a pod and its own node everything is allowed\n" },
	{ "to the node", "y/a", "node", "TCP", 1,
	  "allow; pod y/a (10.0.2.1) > the node\n"
	  "egress 0: between a pod and its own node everything is allowed\n"
	  "ingress 0: between a pod and its own node everything is allowed\n" },
	{ "itself", "z/a", "10.0.3.1", "TCP", 1,
	  "allow; pod z/a (10.0.3.1) > pod z/a (10.0.3.1)\n"
	  "egress 0: a pod always reaches itself\n"
	  "ingress 0: a pod always reaches itself\n" },
	{ "a pod in the node's network", "x/host", "z/a", "TCP", 1,
	  "deny; pod x/host (192.168.0.10, in the node's network) > pod z/a (10.0.3.1)\n"
	  "egress 0: pod x/host (192.168.0.10, in the node's network) is no pod: no egress policy applies\n"
	  "ingress 3: 1 policy isolates pod z/a (10.0.3.1) for ingress\n"
	  " - z/p spec.ingress: allows nothing: it has no rule\n" },
	{ "IPv6", "x/b", "fd00:1::3", "TCP", 1,
	  "allow; pod x/b (fd00:1::2) > pod x/c (fd00:1::3)\n"
	  "egress 1: no policy isolates pod x/b (fd00:1::2) for egress\n"
	  "ingress 1: no policy isolates pod x/c (fd00:1::3) for ingress\n" },
	{ "no name", "a", "x/a", "TCP", 1,
	  "error 7: \"a\": expected namespace/pod, an address, or \"node\"" },
	{ "no pod", "x/", "x/a", "TCP", 1,
	  "error 7: \"x/\": expected namespace/pod, an address, or \"node\"" },
	{ "two slashes", "x/a", "x/a/b", "TCP", 1,
	  "error 7: \"x/a/b\": expected namespace/pod, an address, or \"node\"" },
	{ "two families", "192.0.2.1", "fd00:1::3", "TCP", 1,
	  "error 7: source and destination have no address of one family" },
};

static char *describe(const struct explanation *x)
{
	static const char *const names[] = { [INGRESS] = "ingress", [EGRESS] = "egress" };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "%s; %s > %s\n", x->allowed ? "allow" : "deny", x->src.text, x->dst.text);
	for (int i = EGRESS; i >= INGRESS; i--) {
		const struct explain_side *side = &x->side[i];

		fprintf(f, "%s %d: %s\n", names[i], (int)side->verdict, side->text);
		for (size_t j = 0; j < side->n_reasons; j++)
			fprintf(f, " %c %s/%s %s: %s\n", side->reasons[j].allows ? '+' : '-',
			        side->reasons[j].namespace, side->reasons[j].policy,
			        side->reasons[j].path, side->reasons[j].text);
	}
	fclose(f);
	return text;
}

Test(policy_explain, words)
{
	char *lines = quoted(policies);
	struct objects o;

	objects_init(&o);
	read_text_ok(&o, "inventory", inventory);
	read_policies(&o, "policies", lines);
	finish_ok(&o, "all");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { .msg = "" };
		struct explanation x;
		char *found = NULL;

		if (explain(&o, false, rows[i].src, rows[i].dst, proto_number(rows[i].proto),
		            (uint16_t)rows[i].port, &x, &e) < 0)
			cr_assert_gt(asprintf(&found, "error %d: %s", e.code, e.msg), 0);
		else
			found = describe(&x);
		cr_expect_str_eq(found, rows[i].expect, "%s: expected\n%s\nfound\n%s", rows[i].name,
		                 rows[i].expect, found);
		explanation_free(&x);
		free(found);
	}
	free(lines);
	objects_free(&o);
}
