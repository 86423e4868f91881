/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leak.c - policy-leak: no packet gets through at the wrong moment
 *
 *	policy-leak [--backend ebpf|nftables] [--mode bridge|ptp] [--plugins DIR] [--flips N]
 *
 * Somebody sends all the time, somebody counts all the time, and the node changes meanwhile: a pod is attached and
 * detached, policies are replaced. Each test has a node for itself and a control in which the same packets must arrive.
 */
#include "bpf/loader.h"
#include "kernel/netlink.h"
#include "test/policy/manifest.h"
#include "test/policy/topology.h"
#include "test/policy/traffic.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT   80
#define ROUNDS 5

struct leak {
	struct topology_conf conf;
	unsigned int flips;
	struct topology t;
	struct case_state state;
	char failure[1024]; /* empty: passed */
};

static void fail(struct leak *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct leak *l, const char *fmt, ...)
{
	const size_t len = strlen(l->failure);
	va_list ap;

	if (len + 2 >= sizeof(l->failure))
		return;
	memcpy(l->failure + len, len ? "; " : "", len ? 3 : 1);
	va_start(ap, fmt);
	vsnprintf(l->failure + strlen(l->failure), sizeof(l->failure) - strlen(l->failure), fmt,
	          ap);
	va_end(ap);
}

/* ---- the node ------------------------------------------------------------------------------------ */

static json_t *parse(const char *s)
{
	json_error_t e;
	json_t *ret = json_loads(s, 0, &e);

	if (!ret)
		broken("%s in %s", e.text, s);
	return ret;
}

static void world(struct leak *l, const char *pods)
{
	l->state.namespaces = parse("{\"x\": {}, \"y\": {}}");
	l->state.pods = parse(pods);
	l->state.policies = json_array();
}

static json_t *pod_of(const struct leak *l, const char *name)
{
	json_t *pod;
	size_t i;

	json_array_foreach(l->state.pods, i, pod) {
		if (strcmp(json_string_value(json_object_get(pod, "name")), name) == 0)
			return pod;
	}
	broken("no pod %s", name);
}

static void apply_text(struct leak *l, const char *objects)
{
	char path[PATH_MAX], *said;
	int rc;

	if (strcmp(l->conf.backend, "none") == 0) /* to see the tests fail */
		return;
	snprintf(path, sizeof(path), "%s/cnida", l->conf.plugins);
	topology_enter(l->t.own);
	rc = run_program(objects, (const char *const[]) { path, "policy", "apply", "-", NULL },
	                 &said);
	if (rc)
		broken("cnida policy apply ended with %d: %s", rc, said);
	free(said);
}

/* @policies: an array's text. Return: what was applied. */
static char *objects_with(struct leak *l, const char *policies)
{
	json_decref(l->state.policies);
	l->state.policies = parse(policies);
	return manifest(&l->state);
}

static void apply(struct leak *l, const char *policies)
{
	char *objects = objects_with(l, policies);

	apply_text(l, objects);
	free(objects);
}

static void wait_ms(int ms)
{
	poll(NULL, 0, ms);
}

static union address at_port(const union address *a)
{
	union address ret = *a;

	ret.v4.sin_port = htons(PORT);
	return ret;
}

/* A stream in each family, of one flow and of many. */
static void streams(struct traffic *tr, const char *name, int netns, const union address to[2],
                    unsigned int pause_us)
{
	for (int i = 0; i < 4; i++) {
		const struct stream_conf conf = {
			.name = name,
			.netns = netns,
			.dest = at_port(&to[i & 1]),
			.pause_us = pause_us,
			.new_flow = i & 2,
		};

		if (conf.dest.sa.sa_family != AF_UNSPEC)
			traffic_stream(tr, &conf);
	}
}

/* ---- ADD and DEL under traffic ------------------------------------------------------------------- */

#define DENY_X                                                                     \
	"[{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\"," \
	" \"metadata\": {\"namespace\": \"x\", \"name\": \"deny\"},"               \
	" \"spec\": {\"podSelector\": {\"matchLabels\": {\"role\": \"new\"}},"     \
	" \"policyTypes\": [\"Ingress\", \"Egress\"]}}]"
#define DENY_ALL_X                                                                 \
	"[{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\"," \
	" \"metadata\": {\"namespace\": \"x\", \"name\": \"deny\"},"               \
	" \"spec\": {\"podSelector\": {}, \"policyTypes\": [\"Ingress\", \"Egress\"]}}]"

static const char three_pods[] =
	"[{\"namespace\": \"y\", \"name\": \"old\"},"
	" {\"namespace\": \"x\", \"name\": \"new\", \"labels\": {\"role\": \"new\"}}]";
static const char unknown_pod[] = "[{\"namespace\": \"y\", \"name\": \"old\"},"
				  " {\"namespace\": \"x\", \"name\": \"new\", \"unknown\": true}]";

/* The address after this one: the pool hands them out in order. */
static union address next_address(const union address *a)
{
	union address ret = *a;

	if (a->sa.sa_family == AF_INET6)
		ret.v6.sin6_addr.s6_addr[15]++;
	else
		ret.v4.sin_addr.s_addr = htonl(ntohl(a->v4.sin_addr.s_addr) + 1);
	return ret;
}

struct round_result {
	unsigned long tried, arrived;
};

/* Attaches and detaches x/new while it sends to y/old, or while y/old sends to it. */
static struct round_result one_round(struct leak *l, const struct end *old, union address last[2],
                                     bool inbound)
{
	struct traffic *tr = traffic_new();
	struct end *new = topology_prepare(&l->t, "x/new");
	const union address to[2] = { next_address(&last[0]), next_address(&last[1]) };
	struct round_result ret = { 0 };

	traffic_sink(tr, inbound ? new->netns : old->netns, PORT);
	if (inbound)
		streams(tr, "old to new", old->netns, to, 50);
	else
		streams(tr, "new to old", new->netns, old->addr, 50);
	wait_ms(5);
	topology_plug(&l->t, new);
	memcpy(last, new->addr, sizeof(new->addr));
	wait_ms(25);
	topology_detach(&l->t, "x/new");
	wait_ms(5);
	traffic_stop(tr);
	for (unsigned int i = 0; i < 4; i++) {
		ret.tried += traffic_tried(tr, i);
		ret.arrived += traffic_arrived(tr, i);
	}
	traffic_free(tr);
	return ret;
}

static struct round_result all_rounds(struct leak *l, const struct end *old, union address last[2],
                                      bool inbound)
{
	struct round_result sum = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		const struct round_result r = one_round(l, old, last, inbound);

		sum.tried += r.tried;
		sum.arrived += r.arrived;
	}
	return sum;
}

static void attach_under_traffic(struct leak *l, const char *pods, const char *policies,
                                 bool inbound)
{
	union address last[2];
	struct round_result r;
	const struct end *old;

	world(l, pods);
	old = topology_attach(&l->t, pod_of(l, "old"));
	memcpy(last, old->addr, sizeof(last));
	apply(l, policies);
	r = all_rounds(l, old, last, inbound);
	if (r.arrived)
		fail(l, "%lu of %lu packets leaked", r.arrived, r.tried);
	apply(l, "[]");
	r = all_rounds(l, old, last, inbound);
	if (r.arrived < ROUNDS * 20)
		fail(l, "control: only %lu of %lu packets arrived", r.arrived, r.tried);
}

static void start_sends(struct leak *l)
{
	attach_under_traffic(l, three_pods, DENY_X, false);
}

static void start_receives(struct leak *l)
{
	attach_under_traffic(l, three_pods, DENY_X, true);
}

static void start_unknown_sends(struct leak *l)
{
	attach_under_traffic(l, unknown_pod, DENY_ALL_X, false);
}

static void start_unknown_receives(struct leak *l)
{
	attach_under_traffic(l, unknown_pod, DENY_ALL_X, true);
}

/* ---- flips under traffic ------------------------------------------------------------------------- */

/*
 * Two sets of policies. In both, x/good reaches x/server, and x/bad and x/worse do not, but each time for another
 * reason: who judged by one set's egress and the other's ingress would let x/bad or x/worse through, whatever the order.
 *
 *		x/good			x/bad			x/worse
 *	one	by label		egress yes, ingress no	egress no, ingress yes
 *	two	by ipBlock		egress no, ingress yes	egress yes, ingress no
 *
 * The second also isolates pods of y, with names in front, so that all numbers in the tables differ.
 */
#define POLICY(ns, name, spec)                                                                 \
	"{\"apiVersion\": \"networking.k8s.io/v1\", \"kind\": \"NetworkPolicy\","              \
	" \"metadata\": {\"namespace\": \"" ns "\", \"name\": \"" name "\"}, \"spec\": {" spec \
	"}}"
#define SUBJECT(pod)   "\"podSelector\": {\"matchLabels\": {\"pod\": \"" pod "\"}}"
#define PEER(pod)      "{\"podSelector\": {\"matchLabels\": {\"pod\": \"" pod "\"}}}"
#define NO_EGRESS(pod) POLICY("x", "egress-" pod, SUBJECT(pod) ", \"policyTypes\": [\"Egress\"]")

static const char flip_pods[] =
	"[{\"namespace\": \"x\", \"name\": \"server\", \"labels\": {\"pod\": \"server\"}},"
	"{\"namespace\": \"x\", \"name\": \"good\", \"labels\": {\"pod\": \"good\"}},"
	"{\"namespace\": \"x\", \"name\": \"bad\", \"labels\": {\"pod\": \"bad\"}},"
	"{\"namespace\": \"x\", \"name\": \"worse\", \"labels\": {\"pod\": \"worse\"}},"
	"{\"namespace\": \"y\", \"name\": \"other\", \"labels\": {\"pod\": \"other\"}}]";
/* clang-format off */
static const char flip_one[] = "["
	POLICY("x", "server", SUBJECT("server") ", \"policyTypes\": [\"Ingress\"], \"ingress\": ["
	       "{\"from\": [" PEER("good") ", " PEER("worse") "]}]")
	", " NO_EGRESS("worse") "]";
static const char flip_two[] = "["
	POLICY("x", "a-server", SUBJECT("server") ", \"policyTypes\": [\"Ingress\"], \"ingress\": ["
	       "{\"from\": [" PEER("bad") "]},"
	       "{\"from\": [{\"ipBlock\": {\"cidr\": \"%s/32\"}}, {\"ipBlock\": {\"cidr\": \"%s/128\"}}],"
	       " \"ports\": [{\"port\": 70, \"endPort\": 90, \"protocol\": \"UDP\"}]}]")
	", " NO_EGRESS("bad") ", "
	POLICY("y", "isolated", "\"podSelector\": {}, \"policyTypes\": [\"Ingress\", \"Egress\"], \"ingress\": ["
	       "{\"from\": [" PEER("nobody") ", " PEER("good") "]}]")
	"]";
/* clang-format on */

static char *flip_objects(struct leak *l, bool two)
{
	const json_t *ips = json_object_get(pod_of(l, "good"), "ips");
	char policies[4096];

	if (two)
		/* The format is a literal of this file. */
		snprintf(policies, sizeof(policies), flip_two,
		         json_string_value(json_array_get(ips, 0)),
		         json_string_value(json_array_get(ips, 1)));
	else
		snprintf(policies, sizeof(policies), "%s", flip_one);
	return objects_with(l, policies);
}

static void judge_flips(struct leak *l, const struct traffic *tr, const bool allowed[],
                        unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const unsigned long sent = traffic_sent(tr, i), arrived = traffic_arrived(tr, i);

		if (allowed[i] && arrived != sent)
			fail(l, "%s: %lu of %lu packets were lost", traffic_name(tr, i),
			     sent - arrived, sent);
		if (!allowed[i] && arrived)
			fail(l, "%s: %lu of %lu packets leaked", traffic_name(tr, i), arrived,
			     sent);
		if (sent < 20)
			fail(l, "%s: only %lu packets were sent", traffic_name(tr, i), sent);
	}
}

static void under_traffic(struct leak *l,
                          void (*change)(struct leak *l, char *const objects[2], unsigned int i),
                          unsigned int times)
{
	static const char *const senders[] = { "x/good", "x/bad", "x/worse" };
	char *const objects[2] = { flip_objects(l, false), flip_objects(l, true) };
	const struct end *server = topology_end(&l->t, "x/server");
	struct traffic *tr = traffic_new();
	bool allowed[12];

	apply_text(l, objects[0]);
	traffic_sink(tr, server->netns, PORT);
	for (unsigned int i = 0; i < 3; i++) {
		streams(tr, senders[i], topology_end(&l->t, senders[i])->netns, server->addr, 300);
		for (unsigned int k = 0; k < 4; k++)
			allowed[i * 4 + k] = i == 0;
	}
	wait_ms(10);
	for (unsigned int i = 0; i < times; i++)
		change(l, objects, i);
	wait_ms(10);
	traffic_stop(tr);
	judge_flips(l, tr, allowed, 12);
	traffic_free(tr);
	free(objects[0]);
	free(objects[1]);
}

static void attach_all(struct leak *l)
{
	json_t *pod;
	size_t i;

	world(l, flip_pods);
	json_array_foreach(l->state.pods, i, pod)
		topology_attach(&l->t, pod);
	/* So that nobody is a stranger to its neighbours: packets that wait for an address may be dropped. */
	topology_warm_up(&l->t);
}

static void flip(struct leak *l, char *const objects[2], unsigned int i)
{
	apply_text(l, objects[(i + 1) & 1]);
}

static void flips(struct leak *l)
{
	attach_all(l);
	under_traffic(l, flip, l->flips);
}

/* Pods come and go beside the ones that talk. */
static void attach_other(struct leak *l, char *const objects[2], unsigned int i)
{
	struct end *e = topology_prepare(&l->t, "y/new");

	(void)objects;
	(void)i;
	topology_plug(&l->t, e);
	topology_detach(&l->t, "y/new");
}

static void others_come_and_go(struct leak *l)
{
	attach_all(l);
	under_traffic(l, attach_other, 20);
}

/* ---- new programs under traffic ------------------------------------------------------------------ */

static void upgrade(struct leak *l, char *const objects[2], unsigned int i)
{
	static const struct loader_conf conf = LOADER_DEFAULTS;
	struct nl_sock route;
	struct err e;
	int r;

	(void)objects;
	(void)i;
	topology_enter(l->t.own);
	if (nl_open(NETLINK_ROUTE, &route, &e) < 0)
		broken("netlink: %s", e.msg);
	r = loader_upgrade(&conf, &route, &e);
	nl_close(&route);
	if (r < 0)
		broken("upgrade: %s", e.msg);
	if (r != 5)
		fail(l, "an upgrade replaced the programs of %d pods instead of 5", r);
}

/* Those of this executable in place of the plugin's: they are the same, but the kernel does not know that. */
static void programs_change(struct leak *l)
{
	attach_all(l);
	under_traffic(l, upgrade, 10);
}

/* ---- all of them --------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(struct leak *l);
	bool ebpf; /* makes sense with this back end only */
} tests[] = {
	{ "a pod that sends before, during and after ADD", start_sends, false },
	{ "a pod that is sent to before, during and after ADD", start_receives, false },
	{ "a pod with unknown labels that sends around ADD", start_unknown_sends, false },
	{ "a pod with unknown labels that is sent to around ADD", start_unknown_receives, false },
	{ "policies flip under traffic", flips, false },
	{ "other pods come and go under traffic", others_come_and_go, false },
	{ "programs are replaced under traffic", programs_change, true },
};

/* In a process of its own. */
static void run_test(struct leak *l, size_t i)
{
	topology_open(&l->t, &l->conf);
	tests[i].run(l);
	if (l->failure[0])
		printf("FAIL policy/leak: %s: %s\n", tests[i].name, l->failure);
	fflush(stdout);
	_exit(l->failure[0] != '\0');
}

/* Why a test cannot be had here, or NULL. */
static const char *lacking(const struct leak *l, size_t i)
{
	const bool ebpf = strcmp(l->conf.backend, "ebpf") == 0;

	if (tests[i].ebpf && !ebpf)
		return "no programs in this back end";
	if (!ebpf && strcmp(l->conf.mode, "bridge") == 0 &&
	    access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) < 0)
		return "the kernel has no br_netfilter (CONFIG_BRIDGE_NETFILTER)";
	return NULL;
}

static int all_tests(struct leak *l)
{
	unsigned int passed = 0, failed = 0, skipped = 0;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const char *reason = lacking(l, i);
		const double start = now_ms();
		int status = -1;
		pid_t pid;

		if (reason) {
			skipped++;
			printf("skip: policy/leak %s: %s\n", tests[i].name, reason);
			continue;
		}
		fflush(stdout);
		pid = fork();
		if (pid < 0)
			broken("fork: %s", strerror(errno));
		if (pid == 0)
			run_test(l, i);
		waitpid(pid, &status, 0);
		if (status == 0) {
			passed++;
			printf("ok policy/leak: %s, %.1f s\n", tests[i].name,
			       (now_ms() - start) / 1e3);
		} else {
			failed++;
			if (!WIFEXITED(status) || WEXITSTATUS(status) != 1)
				printf("FAIL policy/leak: %s: ended with status 0x%x\n",
				       tests[i].name, (unsigned int)status);
		}
	}
	printf("policy/leak: %u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed > 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", 1, NULL, 'b' }, { "mode", 1, NULL, 'm' }, { "plugins", 1, NULL, 'p' },
		{ "flips", 1, NULL, 'f' },   { NULL, 0, NULL, 0 },
	};
	static struct leak l = {
		.conf = { .backend = "ebpf",
		          .mode = "bridge",
		          .bridge_nf = true,
		          .keys = "",
		          .families = CASE_IPV4 | CASE_IPV6 },
		.flips = 300,
	};
	int opt;

	l.conf.plugins = topology_plugins();
	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'b')
			l.conf.backend = optarg;
		else if (opt == 'm')
			l.conf.mode = optarg;
		else if (opt == 'p')
			l.conf.plugins = realpath(optarg, NULL);
		else if (opt == 'f')
			l.flips = (unsigned int)atoi(optarg);
		else
			return 2;
	}
	return all_tests(&l);
}
