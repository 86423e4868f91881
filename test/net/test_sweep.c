/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sweep.c - the node-wide sweep and GC of one network: what is dead goes, whole; what lives stays, whole
 *
 * Pods are attached by ADD itself, in this process, on a node of the test's own.
 */
#include "endpoint/attach.h"
#include "endpoint/check.h"
#include "endpoint/gc.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nft_node.h"

/* Behind criterion's. */
#include "base/cleanup.h"
#include "base/json.h"

#define STORES  "/run/stores"
#define OUT_MAX 16384

struct net {
	const char *name;
	json_t *config;
};

/* What the test holds, for the leak check at the end of its process. */
static json_t *configs[4];
static struct result results[12];
static size_t n_configs, n_results;

static void forget(void)
{
	while (n_configs > 0)
		json_decref(configs[--n_configs]);
	while (n_results > 0)
		result_free(&results[--n_results]);
}

/* @third: of the network's subnets 10.@third.0.0/24 and fd00:@third::/64; @bridge: "" for ptp */
static struct net network(const char *name, unsigned int third, const char *bridge)
{
	struct net net = { .name = name };
	char text[1024];
	struct err e;

	(void)snprintf(
		text, sizeof(text),
		"{\"cniVersion\":\"1.1.0\",\"name\":\"%s\",\"mode\":\"%s\",\"bridge\":\"%s\",\"isGateway\":true,\"ipMasq\":true,"
		"\"macspoofchk\":true,\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"" STORES
		"\",\"ranges\":"
		"[[{\"subnet\":\"10.%u.0.0/24\"}],[{\"subnet\":\"fd00:%u::/64\"}]]}}",
		name, *bridge ? "bridge" : "ptp", *bridge ? bridge : "cni0", third, third);
	cr_assert_eq(jparse(text, strlen(text), &net.config, &e), 0, "%s", e.msg);
	configs[n_configs++] = net.config;
	return net;
}

struct pod {
	struct request req;
	struct result res;
	char id[64], netns[64], name[IFNAMSIZ];
};

static void attach_pod(const struct net *net, const char *id, struct pod *ret)
{
	char command[128];
	struct err e = { 0 };
	int r;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
	(void)snprintf(ret->netns, sizeof(ret->netns), "/run/netns/%s", id);
	(void)snprintf(command, sizeof(command), "[ -e %s ] || ip netns add %s", ret->netns, id);
	must(command);
	ret->req = (struct request) {
		.verb = CNI_ADD,
		.type = "cnida",
		.container_id = ret->id,
		.netns = ret->netns,
		.ifname = "eth0",
		.args = "",
		.path = "/nowhere",
		.config = net->config,
		.version = CNI_1_1_0,
		.network = net->name,
	};
	r = attach(&ret->req, &ret->res, &e);
	cr_assert_eq(r, 0, "ADD of %s: expected 0, found %d (%s)", id, r, e.msg);
	results[n_results++] = ret->res;
	record_name(net->name, ret->id, "eth0", ret->name);
}

/* CHECK with ADD's result. */
static int check_pod_whole(const struct pod *pod, struct err *e)
{
	struct request req = pod->req;
	int r = result_build(&pod->res, CNI_1_1_0, &req.prev_result, e);

	req.verb = CNI_CHECK;
	if (r == 0)
		r = check(&req, e);
	json_decref(req.prev_result);
	return r;
}

static void whole(const char *name, const struct pod *pod)
{
	struct err e = { 0 };
	int r = check_pod_whole(pod, &e);

	cr_assert_eq(r, 0, "%s: %s: expected a whole pod, found %d (%s)", name, pod->id, r, e.msg);
}

/* Not a trace of the pod: link, record, address files, elements. */
static void gone(const char *name, const struct pod *pod)
{
	char command[512], out[OUT_MAX];

	(void)snprintf(command, sizeof(command),
	               "{ ip -o link | grep %s; ls /run/cnida/endpoints/%s; grep -rl %s " STORES
	               "; nft list ruleset | grep '%s '; } "
	               "2>/dev/null",
	               pod->name, pod->name, pod->id, pod->id);
	(void)run(command, out, sizeof(out));
	cr_assert_str_eq(out, "", "%s: %s: expected nothing left, found %s", name, pod->id, out);
}

/* Everything that a sweep might change. */
static void state(char out[static OUT_MAX])
{
	(void)run(
		"ip -o link | sed 's/ state .*//; s/<[^>]*>//'; ip -o addr | sed 's/valid_lft.*//'; (ip route; ip -6 route) | sed 's/ linkdown//; s/ *$//'; "
		"nft list ruleset; find /run/cnida " STORES
		" -type f ! -path '*/ipam/*' ! -name '*lock' | sort; "
		"cat /run/cnida/endpoints/*",
		out, OUT_MAX);
}

struct told {
	int n;
	char text[4096];
};

static void tell(const char *what, const char *why, void *arg)
{
	struct told *t = arg;
	size_t len = strlen(t->text);

	t->n++;
	(void)snprintf(t->text + len, sizeof(t->text) - len, "%s: %s\n", what, why);
}

/* A dry run that tells @n things and changes nothing, then the real one that tells the same. */
static void sweep(const char *name, int n)
{
	static char before[OUT_MAX], after[OUT_MAX];
	struct told dry = { 0 }, real = { 0 };
	struct err e = { 0 };
	int r;

	state(before);
	r = gc_sweep(STORES, true, tell, &dry, &e);
	cr_assert(r == n && dry.n == n, "%s, dry: expected %d, found %d (%s), told %d:\n%s", name,
	          n, r, e.msg, dry.n, dry.text);
	state(after);
	cr_assert_str_eq(before, after,
	                 "%s, dry: expected no change, found before:\n%s\nafter:\n%s", name, before,
	                 after);
	r = gc_sweep(STORES, false, tell, &real, &e);
	cr_assert_eq(r, n, "%s: expected %d, found %d (%s), told:\n%s", name, n, r, e.msg,
	             real.text);
	cr_assert_str_eq(dry.text, real.text,
	                 "%s: expected what the dry run told, found\n%sdry:\n%s", name, real.text,
	                 dry.text);
	r = gc_sweep(STORES, false, tell, &real, &e);
	cr_assert_eq(r, 0, "%s, again: expected 0, found %d (%s)", name, r, e.msg);
}

static void own_node(void)
{
	own_run();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
	must("ip link set lo up && mkdir " STORES);
}

/* The kernel takes the links of a dead namespace away a moment later: like a runtime, wait for it. */
static void kill_pod(const struct pod *pod)
{
	char command[256];

	(void)snprintf(
		command, sizeof(command),
		"ip netns del %s; for i in $(seq 1000); do ip -o link show %s >/dev/null 2>&1 || exit 0; sleep 0.01; done; exit 1",
		pod->id, pod->name);
	must(command);
}

Test(sweep, nothing_at_all)
{
	struct err e = { 0 };

	own_run();
	cr_assert_eq(unshare(CLONE_NEWNET), 0, "%s", strerror(errno));
	cr_assert_eq(gc_sweep(STORES, true, NULL, NULL, &e), 0, "%s", e.msg);
	cr_assert_eq(gc_sweep(STORES, false, NULL, NULL, &e), 0, "%s", e.msg);
	must("[ -z \"$(nft list ruleset)\" ] && [ ! -e /run/cnida/endpoints ]");
}

Test(sweep, dead, .fini = forget)
{
	struct net a, b;
	struct pod a1, a2, b1, b2;

	own_node();
	a = network("a", 71, "swp0");
	b = network("b", 72, "");
	attach_pod(&a, "pod-a1", &a1);
	attach_pod(&a, "pod-a2", &a2);
	attach_pod(&b, "pod-b1", &b1);
	attach_pod(&b, "pod-b2", &b2);
	sweep("all alive", 0);
	kill_pod(&a2);
	sweep("one dead", 1);
	gone("one dead", &a2);
	whole("one dead", &a1);
	whole("one dead", &b1);
	whole("one dead", &b2);
	kill_pod(&b1);
	kill_pod(&b2);
	sweep("two dead", 2);
	gone("two dead", &b1);
	gone("two dead", &b2);
	whole("two dead", &a1);
	/* The same names again: a reboot of the pods. */
	attach_pod(&a, "pod-a2", &a2);
	attach_pod(&b, "pod-b1", &b1);
	sweep("alive again", 0);
	whole("alive again", &a2);
	whole("alive again", &b1);
}

/* The namespace is another one under the same path. */
Test(sweep, another_namespace, .fini = forget)
{
	struct net a;
	struct pod a1;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	/* Made before the first one ends, or the kernel might give it the same number. */
	must("ip netns add pod-a2");
	kill_pod(&a1);
	must("touch /run/netns/pod-a1 && mount --bind /run/netns/pod-a2 /run/netns/pod-a1");
	sweep("another namespace", 1);
	gone("another namespace", &a1);
}

/* A link that outlives its record's namespace path: somebody else still holds the namespace. */
Test(sweep, link_still_there, .fini = forget)
{
	struct net a;
	struct pod a1, a2;
	int held;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	attach_pod(&a, "pod-a2", &a2);
	held = open("/run/netns/pod-a1", O_RDONLY | O_CLOEXEC);
	cr_assert(held >= 0, "open the namespace");
	must("ip netns del pod-a1");
	sweep("its path is gone", 1);
	gone("its path is gone", &a1);
	whole("its path is gone", &a2);
	(void)close(held);
}

/* A damaged record of a live pod costs that pod nothing; once the pod is gone, it goes. */
Test(sweep, unreadable, .fini = forget)
{
	struct net a;
	struct pod a1, a2;
	char command[256];
	struct record r;
	struct err e;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	attach_pod(&a, "pod-a2", &a2);
	cr_assert_eq(record_read(a1.name, &r, &e), 0, "%s", e.msg);
	(void)snprintf(command, sizeof(command), "echo '{' > /run/cnida/endpoints/%s", a1.name);
	must(command);
	sweep("damaged, alive", 0);
	must("nft list table inet cnida | grep -q 'a pod-a1 eth0' && nft list table bridge cnida | grep -q 'a pod-a1 eth0'");
	cr_assert(if_nametoindex(a1.name), "damaged, alive: expected its link, found none");
	cr_assert_eq(record_write(&r, &e), 0, "%s", e.msg);
	whole("repaired", &a1);
	must(command);
	kill_pod(&a1);
	/* Before Linux 6.6 a file in memory carries no tag: then only its age tells that it is nobody's. */
	must("find " STORES " -type f -exec touch -d '10 minutes ago' {} +");
	sweep("damaged, dead",
	      5); /* the record; two elements and two addresses that no record has */
	gone("damaged, dead", &a1);
	whole("damaged, dead", &a2);
}

/* Files as upstream's host-local writes them, without a tag, and nothing in libcni's cache: the addresses that a namespace has
 * stay, however old the files are. */
Test(sweep, untagged, .fini = forget)
{
	struct net a;
	struct pod a1, a2, a3;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	attach_pod(&a, "pod-a2", &a2);
	attach_pod(&a, "pod-a3", &a3);
	must("for f in " STORES
	     "/a/*71*; do cat \"$f\" > /run/plain && rm \"$f\" && cp /run/plain \"$f\" && "
	     "touch -d '10 minutes ago' \"$f\"; done");
	sweep("untagged, alive", 0);
	whole("untagged, alive", &a1);
	kill_pod(&a2);
	sweep("untagged, one dead", 1);
	gone("untagged, one dead", &a2);
	whole("untagged, one dead", &a1);
	whole("untagged, one dead", &a3);
}

/* Elements and files that nothing belongs to. */
Test(sweep, orphans, .fini = forget)
{
	struct net a;
	struct pod a1;
	struct nl_sock nft;
	struct err e;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	cr_assert_eq(nl_open(NETLINK_NETFILTER, &nft, &e), 0, "%s", e.msg);
	cr_assert_eq(add(&nft, "10.71.0.77/24", "a gone eth0", &e), 0, "%s", e.msg);
	cr_assert_eq(add(&nft, "fd00:99::1/64", "other gone eth0", &e), 0, "%s", e.msg);
	must(": > " STORES "/a/10.71.0.88; echo x > " STORES "/a/not-an-address; mkdir " STORES
	     "/.hidden " STORES "/empty");
	sweep("orphans", 3);
	whole("orphans", &a1);
	must("! nft list ruleset | grep -E '10.71.0.77|fd00:99::1' && [ ! -e " STORES
	     "/a/10.71.0.88 ] && "
	     "[ -e " STORES "/a/not-an-address ]");
	nl_close(&nft);
}

/* What a flush took from the living comes back; nothing of the dead. */
Test(sweep, restores, .fini = forget)
{
	struct net a;
	struct pod a1, a2;

	own_node();
	a = network("a", 71, "swp0");
	attach_pod(&a, "pod-a1", &a1);
	attach_pod(&a, "pod-a2", &a2);
	kill_pod(&a2);
	must("nft flush ruleset");
	sweep("flushed", 1);
	whole("flushed", &a1);
	gone("flushed", &a2);
}

static int gc_of(const struct net *net, const char *valid, struct err *e)
{
	struct request req = { .verb = CNI_GC,
		               .type = "cnida",
		               .container_id = "",
		               .netns = "",
		               .ifname = "",
		               .args = "",
		               .path = "/nowhere",
		               .config = net->config,
		               .version = CNI_1_1_0,
		               .network = net->name };
	int r;

	if (valid)
		req.valid_attachments = json_loads(valid, 0, NULL);
	r = gc(&req, e);
	json_decref(req.valid_attachments);
	return r;
}

/* Networks whose names begin alike, pods of the same ID in both: only what is meant goes. */
Test(sweep, gc_scope, .fini = forget)
{
	struct net a, ab;
	struct pod a1, a2, b1, b2;
	struct err e = { 0 };
	int r;

	own_node();
	a = network("net", 71, "swp0");
	ab = network("net.b", 72, "swp1");
	attach_pod(&a, "pod-1", &a1);
	attach_pod(&a, "pod-2", &a2);
	attach_pod(&ab, "pod-3", &b1);
	attach_pod(&ab, "pod-4", &b2);
	r = gc_of(&a, NULL, &e);
	cr_assert(r == -EINVAL && e.code == CNI_E_CONFIG &&
	                  strstr(e.msg, "cni.dev/valid-attachments"),
	          "no list: expected code 7, found %d (code %d %s)", r, e.code, e.msg);
	whole("no list", &a1);
	whole("no list", &a2);
	r = gc_of(
		&a,
		"[{\"containerID\":\"pod-1\",\"ifname\":\"eth0\"},{\"containerID\":\"pod-2\",\"ifname\":\"eth1\"}]",
		&e);
	cr_assert_eq(r, 0, "one is valid: %s", e.msg);
	whole("one is valid", &a1);
	gone("another interface is valid", &a2);
	whole("one is valid", &b1);
	whole("one is valid", &b2);
	r = gc_of(
		&ab,
		"[{\"containerID\":\"pod-1\",\"ifname\":\"eth0\"},{\"containerID\":\"pod-4\",\"ifname\":\"eth0\"}]",
		&e);
	cr_assert_eq(r, 0, "the other network: %s", e.msg);
	whole("the other network", &a1);
	gone("the other network", &b1);
	whole("the other network", &b2);
	r = gc_of(&a, "[]", &e);
	cr_assert_eq(r, 0, "none is valid: %s", e.msg);
	gone("none is valid", &a1);
	whole("none is valid", &b2);
	r = gc_of(&a, "[]", &e);
	cr_assert_eq(r, 0, "nothing is there: %s", e.msg);
}

/* GC of a network whose configuration no longer holds still removes its attachments. */
Test(sweep, gc_invalid_configuration, .fini = forget)
{
	struct net a;
	struct pod a1;
	struct err e = { 0 };
	int r;

	own_node();
	a = network("net", 71, "swp0");
	attach_pod(&a, "pod-1", &a1);
	cr_assert_eq(json_object_set_new(a.config, "mtu", json_string("x")), 0, "memory");
	r = gc_of(&a, "[]", &e);
	cr_assert_eq(r, 0, "%s", e.msg);
	gone("invalid configuration", &a1);
}
