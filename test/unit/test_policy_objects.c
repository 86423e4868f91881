/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_objects.c - reading Kubernetes objects: what is refused, defaulted, warned of, replaced
 */
#include "policy/arena.h"
#include "policy/names.h"
#include "policy_util.h"

#include <errno.h>

struct refusal {
	const char *name, *text;
	int code;
	const char *message;
};

/* In place of SPEC in the policy x/p, or a whole document */
#define SPEC(text)                                                                                                         \
	"{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'namespace':'x','name':'p'},'spec':" text \
	"}"
#define POD(text) \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'a'}," text "}"
#define P "f: NetworkPolicy x/p: spec."
#define A "f: Pod x/a: "

static const struct refusal refusals[] = {
	/* JSON itself */
	{ "cut off", "{'kind':", 6, "f: line 1, column 9: the text ends too early" },
	{ "no JSON", "\n\n  hello", 6, "f: line 3, column 3: expected a value, found 'h'" },
	{ "comma", "{'a':1,}", 6, "f: line 1, column 8: expected a key, found '}'" },
	{ "in items", "{'apiVersion':'v1','kind':'List','items':[{'a' 1}]}", 6,
	  "f: line 1, column 48: expected ':', found '1'" },
	{ "mixed brackets in items", "{'apiVersion':'v1','kind':'List','items':[{'a':[1}]]}", 6,
	  "f: line 1, column 50: expected ',' or ']', found '}'" },
	{ "items without an end", "{'apiVersion':'v1','kind':'List','items':[", 6,
	  "f: line 1, column 43: the text ends too early" },
	{ "control character", "{'a\nb':1}", 6,
	  "f: line 1, column 4: expected the rest of a string, found byte 0x0a" },
	{ "escape", "{'a\\x':1}", 6, "f: line 1, column 5: expected an escape" },
	{ "number", "{'a':01}", 6, "f: line 1, column 7: expected" },
	{ "word", "{'a':nul}", 6, "f: line 1, column 6: expected a value" },
	/* objects */
	{ "not an object", "[1]", 7, "f: object: expected an object, found an array" },
	{ "no kind", "{'apiVersion':'v1'}", 7, "f: object: kind: is missing" },
	{ "no version", "{'kind':'Pod'}", 7, "f: object: apiVersion: is missing" },
	{ "kind is a number", "{'kind':5,'apiVersion':'v1'}", 7,
	  "f: object: kind: expected a string" },
	{ "twice", "{'kind':'Pod','kind':'Pod','apiVersion':'v1'}", 7,
	  "f: object: kind: is there twice" },
	{ "twice, escaped", "{'kind':'Pod','k\\u0069nd':'Pod','apiVersion':'v1'}", 7,
	  "f: object: kind: is there twice" },
	{ "item is no object", "{'kind':'List','apiVersion':'v1','items':[1]}", 7,
	  "f: object: expected an object" },
	{ "items twice",
	  "{'items':[{'kind':'Foo','apiVersion':'v1'}],'kind':'List','items':[],'apiVersion':'v1'}",
	  7, "f: object: items: is there twice" },
	{ "items of something unknown", "{'items':[{'kind':'Foo','apiVersion':'v1'}]}", 7,
	  "f: object: kind: is missing" },
	{ "behind the items", "{'items':[{'kind':'Foo','apiVersion':'v1'}],'kind':'List' 1}", 6,
	  "f: line 1, column 59: expected ',' or '}', found '1'" },
	{ "items is no list", "{'kind':'List','apiVersion':'v1','items':{}}", 7,
	  "f: list: items: expected an array" },
	{ "no name", "{'kind':'Pod','apiVersion':'v1'}", 7, "f: Pod: metadata.name: is missing" },
	{ "bad name", "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'A'}}", 7,
	  "f: Pod: metadata.name: is not a name" },
	{ "bad namespace",
	  "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','namespace':'a.b'}}", 7,
	  "f: Pod a: metadata.namespace: is not a name" },
	{ "NUL", "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a\\u0000b'}}", 7,
	  "f: Pod: metadata.name: has a NUL character" },
	{ "label key",
	  "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','labels':{'-a':'b'}}}", 7,
	  "f: Pod default/a: metadata.labels.-a: is not the key of a label" },
	{ "label value",
	  "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','labels':{'a':'b c'}}}", 7,
	  "f: Pod default/a: metadata.labels.a: \"b c\" is not the value of a label" },
	{ "label is a number",
	  "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','labels':{'a':1}}}", 7,
	  "f: Pod default/a: metadata.labels.a: expected a string, found a number" },
	{ "label twice",
	  "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'a','labels':{'a':'1','b':'','a':'2'}}}",
	  7, "f: Pod default/a: metadata.labels: a is there twice" },
	/* policies */
	{ "spec", SPEC("[]"), 7, "f: NetworkPolicy x/p: spec: expected an object, found an array" },
	{ "null rule", SPEC("{'ingress':[null]}"), 7,
	  P "ingress[0]: expected an object, found null" },
	{ "rules are no list", SPEC("{'egress':{}}"), 7,
	  P "egress: expected an array, found an object" },
	{ "three types", SPEC("{'policyTypes':['Ingress','Ingress','Egress']}"), 7,
	  P "policyTypes: must not have more than two types" },
	{ "unknown type", SPEC("{'policyTypes':['ingress']}"), 7,
	  P "policyTypes[0]: expected Ingress or Egress" },
	{ "empty peer", SPEC("{'ingress':[{},{'from':[{'podSelector':{}},{}]}]}"), 7,
	  P "ingress[1].from[1]: must have ipBlock or a selector" },
	{ "block and selector",
	  SPEC("{'egress':[{'to':[{'podSelector':{},'ipBlock':{'cidr':'::/0'}}]}]}"), 7,
	  P "egress[0].to[0]: may not have both ipBlock and a selector" },
	{ "no cidr", SPEC("{'ingress':[{'from':[{'ipBlock':{}}]}]}"), 7,
	  P "ingress[0].from[0].ipBlock.cidr: is missing" },
	{ "address", SPEC("{'ingress':[{'from':[{'ipBlock':{'cidr':'10.0.0.1'}}]}]}"), 7,
	  P
	  "ingress[0].from[0].ipBlock.cidr: expected an address and a prefix length, found \"10.0.0.1\"" },
	{ "except outside",
	  SPEC("{'ingress':[{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16','11.0.0.0/16']}}]}]}"),
	  7, P "ingress[0].from[0].ipBlock.except[1]: must be a part of cidr" },
	{ "except as large",
	  SPEC("{'ingress':[{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.0.0.0/8']}}]}]}"),
	  7, P "ingress[0].from[0].ipBlock.except[0]: must be a part of cidr" },
	{ "except of the other family",
	  SPEC("{'ingress':[{'from':[{'ipBlock':{'cidr':'::/0','except':['10.0.0.0/8']}}]}]}"), 7,
	  P "ingress[0].from[0].ipBlock.except[0]: must be a part of cidr" },
	{ "operator",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'in','values':['b']}]}}"),
	  7,
	  P
	  "podSelector.matchExpressions[0].operator: expected In, NotIn, Exists or DoesNotExist" },
	{ "no operator", SPEC("{'podSelector':{'matchExpressions':[{'key':'a'}]}}"), 7,
	  P
	  "podSelector.matchExpressions[0].operator: expected In, NotIn, Exists or DoesNotExist" },
	{ "no key", SPEC("{'podSelector':{'matchExpressions':[{'operator':'Exists'}]}}"), 7,
	  P "podSelector.matchExpressions[0].key: is missing" },
	{ "bad key",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a b','operator':'Exists'}]}}"), 7,
	  P "podSelector.matchExpressions[0].key: is not the key of a label" },
	{ "In without values",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'In'}]}}"), 7,
	  P "podSelector.matchExpressions[0].values: must have at least one value" },
	{ "NotIn with no values",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'NotIn','values':[]}]}}"),
	  7, P "podSelector.matchExpressions[0].values: must have at least one value" },
	{ "Exists with values",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'Exists','values':['b']}]}}"),
	  7, P "podSelector.matchExpressions[0].values: must not be there with this operator" },
	{ "bad value",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'In','values':['b','-']}]}}"),
	  7, P "podSelector.matchExpressions[0].values[1]: is not the value of a label" },
	{ "null value",
	  SPEC("{'podSelector':{'matchExpressions':[{'key':'a','operator':'In','values':[null]}]}}"),
	  7, P "podSelector.matchExpressions[0].values[0]: expected a string, found null" },
	{ "port 0", SPEC("{'ingress':[{'ports':[{'port':0}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found 0" },
	{ "port 65536", SPEC("{'ingress':[{'ports':[{'port':65536}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found 65536" },
	{ "port -1", SPEC("{'ingress':[{'ports':[{'port':-1}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found -1" },
	{ "port 80.0", SPEC("{'ingress':[{'ports':[{'port':80.0}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found 80.0" },
	{ "port 8e1", SPEC("{'ingress':[{'ports':[{'port':8e1}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found 8e1" },
	{ "port true", SPEC("{'ingress':[{'ports':[{'port':true}]}]}"), 7,
	  P "ingress[0].ports[0].port: expected a number from 1 to 65535, found true" },
	{ "port beyond 64 bits", SPEC("{'ingress':[{'ports':[{'port':18446744073709551696}]}]}"), 7,
	  P
	  "ingress[0].ports[0].port: expected a number from 1 to 65535, found 18446744073709551696" },
	{ "port as digits", SPEC("{'ingress':[{'ports':[{'port':'80'}]}]}"), 7,
	  P "ingress[0].ports[0].port: \"80\" is not the name of a port" },
	{ "port name empty", SPEC("{'ingress':[{'ports':[{'port':''}]}]}"), 7,
	  P "ingress[0].ports[0].port: \"\" is not the name of a port" },
	{ "protocol", SPEC("{'ingress':[{'ports':[{'protocol':'tcp'}]}]}"), 7,
	  P "ingress[0].ports[0].protocol: expected TCP, UDP or SCTP, found \"tcp\"" },
	{ "protocol ICMP", SPEC("{'egress':[{'ports':[{'protocol':'ICMP'}]}]}"), 7,
	  P "egress[0].ports[0].protocol: expected TCP, UDP or SCTP, found \"ICMP\"" },
	{ "protocol empty", SPEC("{'egress':[{'ports':[{'protocol':''}]}]}"), 7,
	  P "egress[0].ports[0].protocol: expected TCP, UDP or SCTP, found \"\"" },
	{ "endPort without port", SPEC("{'egress':[{'ports':[{'endPort':80}]}]}"), 7,
	  P "egress[0].ports[0].endPort: may only be there with a number as port" },
	{ "endPort with a name", SPEC("{'egress':[{'ports':[{'port':'a','endPort':80}]}]}"), 7,
	  P "egress[0].ports[0].endPort: may only be there with a number as port" },
	{ "endPort below port", SPEC("{'egress':[{'ports':[{'port':81,'endPort':80}]}]}"), 7,
	  P "egress[0].ports[0].endPort: must not be less than port" },
	{ "endPort 65536", SPEC("{'egress':[{'ports':[{'port':81,'endPort':65536}]}]}"), 7,
	  P "egress[0].ports[0].endPort: expected a number from 1 to 65535, found 65536" },
	{ "from twice", SPEC("{'ingress':[{'from':[],'from':[{'podSelector':{}}]}]}"), 7,
	  P "ingress[0].from: is there twice" },
	/* pods */
	{ "containerPort missing", POD("'spec':{'containers':[{'ports':[{'name':'a'}]}]}"), 7,
	  A "spec.containers[0].ports[0].containerPort: is missing" },
	{ "containerPort", POD("'spec':{'containers':[{},{'ports':[{'containerPort':65536}]}]}"), 7,
	  A
	  "spec.containers[1].ports[0].containerPort: expected a number from 1 to 65535, found 65536" },
	{ "port name",
	  POD("'spec':{'initContainers':[{'ports':[{'name':'a--b','containerPort':1}]}]}"), 7,
	  A "spec.initContainers[0].ports[0].name: \"a--b\" is not the name of a port" },
	{ "hostNetwork", POD("'spec':{'hostNetwork':'yes'}"), 7,
	  A "spec.hostNetwork: expected true or false, found \"yes\"" },
	{ "address of a pod", POD("'status':{'podIPs':[{'ip':'10.0.0.256'}]}"), 7,
	  A "status.podIPs[0].ip: expected an address, found \"10.0.0.256\"" },
	{ "phase", POD("'status':{'phase':1}"), 7,
	  A "status.phase: expected a string, found a number" },
};

Test(policy_objects, refused)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *c = &refusals[i];
		char *json = quoted(c->text);
		struct err e = { .msg = "" };
		struct objects o;
		int r;

		objects_init(&o);
		r = objects_read(&o, "f", json, strlen(json), &e);
		cr_expect_lt(r, 0, "%s: was accepted", c->name);
		cr_expect_eq(e.code, c->code, "%s: code %d: %s", c->name, e.code, e.msg);
		cr_expect_eq(strncmp(e.msg, c->message, strlen(c->message)), 0,
		             "%s:\n expected %s\n found    %s", c->name, c->message, e.msg);
		objects_free(&o);
		free(json);
	}
}

struct warned {
	const char *name, *text, *warning; /* "" if there is none */
};

static const struct warned warned[] = {
	{ "nothing to warn of", SPEC("{'ingress':[{}]}"), "" },
	{ "unknown field in a peer", SPEC("{'ingress':[{'from':[{'podSelector':{},'x\\ny':1}]}]}"),
	  P "ingress[0].from[0]: unknown field \"x\\ny\": this rule allows nothing" },
	{ "in a rule", SPEC("{'egress':[{'From':[]}]}"),
	  P "egress[0]: unknown field \"From\": this rule allows nothing" },
	{ "in the spec", SPEC("{'order':1}"),
	  "f: NetworkPolicy x/p: spec: unknown field \"order\": no rule of this policy allows anything" },
	{ "rules that do nothing", SPEC("{'policyTypes':['Egress'],'ingress':[{}]}"),
	  P "ingress: is not among policyTypes: these rules do nothing" },
	{ "another group's NetworkPolicy",
	  "{'apiVersion':'projectcalico.org/v3','kind':'NetworkPolicy','metadata':{'name':'p'}}",
	  "f: NetworkPolicy: apiVersion: is not networking.k8s.io/v1: the object is ignored" },
	{ "unknown fields of pods do not matter", POD("'spec':{'new':1},'more':2"), "" },
};

Test(policy_objects, warnings)
{
	for (size_t i = 0; i < sizeof(warned) / sizeof(warned[0]); i++) {
		const struct warned *c = &warned[i];
		struct objects o;

		objects_init(&o);
		read_text_ok(&o, "f", c->text);
		if (!*c->warning) {
			cr_expect_eq(o.n_warnings, 0, "%s: %s", c->name,
			             o.n_warnings ? o.warnings[0] : "");
		} else {
			cr_assert_eq(o.n_warnings, 1, "%s: %zu warnings", c->name, o.n_warnings);
			cr_expect_eq(strncmp(o.warnings[0], c->warning, strlen(c->warning)), 0,
			             "%s: %s", c->name, o.warnings[0]);
		}
		objects_free(&o);
	}
}

struct inputs {
	const char *name, *text;
	size_t policies, pods, namespaces, ignored; /* after objects_finish() */
};

#define NP(ns, name)                                                                               \
	"{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'namespace':'" ns \
	"','name':'" name "'}}"
#define PO(ns, name) \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'" ns "','name':'" name "'}}"

static const struct inputs inputs[] = {
	{ "nothing", "", 0, 0, 0, 0 },
	{ "white space", " \n\t\r ", 0, 0, 0, 0 },
	{ "objects one after another", NP("x", "p") PO("y", "a") "\n" NP("x", "q"), 2, 1, 2, 0 },
	{ "a List",
	  "{'apiVersion':'v1','items':[" NP("x", "p") "," PO(
		  "x", "a") "],'kind':'List','metadata':{'resourceVersion':''}}",
	  1, 1, 1, 0 },
	{ "an empty List", "{'apiVersion':'v1','items':[],'kind':'List'}", 0, 0, 0, 0 },
	{ "without items", "{'apiVersion':'v1','items':null,'kind':'List'}", 0, 0, 0, 0 },
	{ "a List and more",
	  "{'apiVersion':'v1','items':[ " NP("x", "p") " ],'kind':'List'}" NP("x", "q"), 2, 0, 1,
	  0 },
	{ "a typed list, whose items have no kind",
	  "{'kind':'PodList','apiVersion':'v1','items':[{'metadata':{'name':'a','namespace':'x'}},{'metadata':{'name':'b','namespace':'x'}}]}",
	  0, 2, 1, 0 },
	{ "kind behind the items",
	  "{'items':[{'metadata':{'name':'a','namespace':'x'}}],'apiVersion':'v1','kind':'PodList'}",
	  0, 1, 1, 0 },
	{ "a typed list of policies",
	  "{'kind':'NetworkPolicyList','apiVersion':'networking.k8s.io/v1','items':[{'metadata':{'name':'a'}}]}",
	  1, 0, 1, 0 },
	{ "a typed list, some of whose items have a kind",
	  "{'items':[" PO(
		  "x",
		  "a") ",{'metadata':{'name':'b','namespace':'x'}}],'apiVersion':'v1','kind':'PodList'}",
	  0, 2, 1, 0 },
	{ "items of what is no list",
	  PO("y", "b") "{'apiVersion':'v1','items':[" PO("x", "a") "," NP(
		  "x", "p") ",{'apiVersion':'v1','kind':'Service'}],'kind':'Basket'}" PO("y", "c"),
	  0, 2, 1, 1 },
	{ "other kinds",
	  "{'apiVersion':'v1','kind':'Service','spec':{'items':[]}}{'apiVersion':'apps/v1','kind':'Deployment'}" PO(
		  "x", "a"),
	  0, 1, 1, 2 },
	{ "namespace defaults to default",
	  "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'a'}}" PO("default", "b"), 0, 2, 1,
	  0 },
	{ "the later one counts", NP("x", "p") PO("x", "a") NP("x", "p") PO("x", "a") PO("x", "a"),
	  1, 1, 1, 0 },
};

Test(policy_objects, accepted)
{
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		const struct inputs *c = &inputs[i];
		struct objects o;

		objects_init(&o);
		read_text_ok(&o, c->name, c->text);
		finish_ok(&o, c->name);
		cr_expect(o.n_policies == c->policies && o.n_pods == c->pods &&
		                  o.n_namespaces == c->namespaces && o.n_ignored == c->ignored,
		          "%s: %zu policies, %zu pods, %zu namespaces, %zu ignored", c->name,
		          o.n_policies, o.n_pods, o.n_namespaces, o.n_ignored);
		objects_free(&o);
	}
}

Test(policy_objects, values)
{
	struct objects o;
	const struct pod *pod;
	const struct namespace_object *ns;

	objects_init(&o);
	read_text_ok(&o, "old", PO("x", "a"));
	read_text_ok(
		&o, "new",
		"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'a','uid':'u-1','creationTimestamp':"
		"'2026-01-02T03:04:05Z','labels':{'b':'\\u0032','a':''}},'spec':{'nodeName':'n','containers':["
		"{'ports':[{'containerPort':80,'name':'web'}]}],'initContainers':[{'ports':[{'containerPort':81,"
		"'protocol':'SCTP','name':'web'}]}]},'status':{'podIP':'::ffff:10.0.0.1','podIPs':[{'ip':'10.0.0.1'},"
		"{'ip':'fd00::1'},{'ip':''}]}}"
		"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'going','deletionTimestamp':'t'}}"
		"{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'x','name':'leaving','deletionTimestamp':'t'},"
		"'status':{'podIP':'10.0.0.2'}}"
		"{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'w','labels':"
		"{'kubernetes.io/metadata.name':'lie','a':'b','z':'1'}}}");
	finish_ok(&o, "values");
	pod = objects_pod(&o, "x", "a");
	cr_assert(pod);
	cr_expect_str_eq(pod->uid, "u-1");
	cr_expect_str_eq(pod->node, "n");
	cr_expect_str_eq(pod->created, "2026-01-02T03:04:05Z");
	cr_expect(pod->labels.n == 2 && strcmp(pod->labels.v[0].key, "a") == 0 &&
	          strcmp(pod->labels.v[1].value, "2") == 0);
	cr_expect_eq(pod->n_ips, 2, "%zu addresses", pod->n_ips);
	cr_expect(pod->n_ports == 2 && pod->ports[1].port == 81);
	cr_expect_eq(pod_port(pod, "web", IPPROTO_TCP), 80);
	cr_expect_eq(pod_port(pod, "web", IPPROTO_SCTP), 81);
	cr_expect_eq(pod_port(pod, "web", IPPROTO_UDP), 0);
	cr_expect(objects_pod(&o, "x", "going")->finished);
	cr_expect(!objects_pod(&o, "x", "leaving")->finished);
	cr_expect(pod_owns(pod, objects_pod(&o, "x", "leaving")));
	ns = objects_namespace(&o, "w");
	cr_assert(ns && !ns->partial && ns->labels.n == 3);
	cr_expect_str_eq(ns->labels.v[1].value, "w", "%s", ns->labels.v[1].value);
	ns = objects_namespace(&o, "x");
	cr_assert(ns && ns->partial && ns->labels.n == 1);
	cr_expect_str_eq(ns->labels.v[0].value, "x");
	cr_expect(!objects_namespace(&o, "q"));
	objects_free(&o);
}

struct name_row {
	const char *text;
	bool label, subdomain, key, value, port;
};

static const struct name_row names[] = {
	{ "a", 1, 1, 1, 1, 1 },
	{ "", 0, 0, 0, 1, 0 },
	{ "a-b", 1, 1, 1, 1, 1 },
	{ "a--b", 1, 1, 1, 1, 0 },
	{ "-a", 0, 0, 0, 0, 0 },
	{ "a-", 0, 0, 0, 0, 0 },
	{ "A", 0, 0, 1, 1, 0 },
	{ "a_b", 0, 0, 1, 1, 0 },
	{ "a.b", 0, 1, 1, 1, 0 },
	{ "a..b", 0, 0, 1, 1, 0 },
	{ "80", 1, 1, 1, 1, 0 },
	{ "a/b", 0, 0, 1, 0, 0 },
	{ "/b", 0, 0, 0, 0, 0 },
	{ "a/", 0, 0, 0, 0, 0 },
	{ "a.b/c", 0, 0, 1, 0, 0 },
	{ "A.b/c", 0, 0, 0, 0, 0 },
	{ "a/b/c", 0, 0, 0, 0, 0 },
	{ "abcdefghijklmno", 1, 1, 1, 1, 1 },
	{ "abcdefghijklmnop", 1, 1, 1, 1, 0 },
	{ "0123456789012345678901234567890123456789012345678901234567890ab", 1, 1, 1, 1, 0 },
	{ "0123456789012345678901234567890123456789012345678901234567890abc", 0, 1, 0, 0, 0 },
};

Test(policy_objects, names)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct name_row *c = &names[i];

		cr_expect_eq(name_is_label(c->text), c->label, "label %s", c->text);
		cr_expect_eq(name_is_subdomain(c->text), c->subdomain, "subdomain %s", c->text);
		cr_expect_eq(name_is_label_key(c->text), c->key, "key %s", c->text);
		cr_expect_eq(name_is_label_value(c->text), c->value, "value %s", c->text);
		cr_expect_eq(name_is_port(c->text), c->port, "port %s", c->text);
	}
}

static int read_many(struct objects *o, const char *before, const char *item, size_t n,
                     const char *after, struct err *e)
{
	const size_t len = strlen(item), head = strlen(before), tail = strlen(after);
	char *text = malloc(head + n * len + tail);
	int r;

	memcpy(text, before, head);
	for (size_t i = 0; i < n; i++)
		memcpy(text + head + i * len, item, len);
	memcpy(text + head + n * len, after, tail);
	r = objects_read(o, "f", text, head + n * len + tail, e);
	free(text);
	return r;
}

/* Whatever it is, reading ends soon and within bounds. */
Test(policy_objects, bounds)
{
	static const struct {
		const char *name, *before, *item, *after;
		size_t n;
		int result;
		const char *message;
	} cases[] = {
		{ "nested arrays", "", "[", "", 1000000, -EINVAL,
		  "f: line 1, column 65: nested too deep" },
		{ "nested items", "{\"items\":", "[", "", 1000000, -EINVAL,
		  "f: line 1, column 1000010: " },
		{ "many values", "{\"a\":[", "1,", "1]}", 2000000, -E2BIG,
		  "f: an object of more than 1048576 values and keys" },
		{ "many objects", "", "{\"kind\":\"A\",\"apiVersion\":\"b\"}", "", 100001, -E2BIG,
		  "f: more than 100000 objects" },
		{ "as many as may be", "", "{\"kind\":\"A\",\"apiVersion\":\"b\"}", "", 100000, 0,
		  "" },
		{ "too many bytes", "", "                ", "", (64U << 16) + 1, -E2BIG,
		  "f: larger than 64 MB" },
		{ "as many as may be", "", "                ", "", 64U << 16, 0, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { .msg = "" };
		struct objects o;
		int r;

		objects_init(&o);
		r = read_many(&o, cases[i].before, cases[i].item, cases[i].n, cases[i].after, &e);
		cr_expect_eq(r, cases[i].result, "%s: %d %s", cases[i].name, r, e.msg);
		cr_expect_eq(strncmp(e.msg, cases[i].message, strlen(cases[i].message)), 0,
		             "%s: %s", cases[i].name, e.msg);
		objects_free(&o);
	}
}

/* Every beginning of a text, and every text with one byte changed, is read or refused. */
Test(policy_objects, damaged)
{
	char *text = quoted(POD("'status':{'podIPs':[{'ip':'10.0.0.1'}],'phase':'Running'}") SPEC(
		"{'ingress':[{'from':[{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.1.0.0/16']}},{'podSelector':"
		"{'matchExpressions':[{'key':'a','operator':'In','values':['b']}]}}],'ports':[{'port':1,'endPort':2}]}]}"));
	const size_t len = strlen(text);
	static const char bytes[] = { '"', '{', '}', '[', ']', ',', '\\', '0', 0, (char)0xff };

	for (size_t i = 0; i < len; i++) {
		const char kept = text[i];

		for (size_t j = 0; j <= sizeof(bytes); j++) {
			char *copy = j == sizeof(bytes) ? malloc(i + 1) : NULL;
			struct err e = { .msg = "" };
			struct objects o;
			struct tables t;
			int r;

			objects_init(&o);
			if (copy) {
				memcpy(copy, text, i);
				r = objects_read(&o, "f", copy, i, &e);
			} else {
				text[i] = bytes[j];
				r = objects_read(&o, "f", text, len, &e);
				text[i] = kept;
			}
			if (r < 0)
				cr_assert(*e.msg, "byte %zu: no message", i);
			else if (objects_finish(&o, &e) == 0 && compile(&o, false, &t, &e) == 0)
				tables_free(&t);
			objects_free(&o);
			free(copy);
		}
	}
	free(text);
}
