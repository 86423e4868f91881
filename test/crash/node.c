/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node.c - the node of one worker: namespaces of its own, three pods, a policy */
#include "test/crash/node.h"

#include "test/lib/plugin_suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY_DIR "/run/policy-%u" /* of a version */

const char *const mode_names[MODES] = { "bridge", "ptp" };
static const char *const pod_names[PODS] = { "client", "server", "third" };

static void die(const char *what)
{
	fprintf(stderr, "crash: %s: %s\n", what, strerror(errno));
	_exit(2);
}

/* ---- namespaces ---------------------------------------------------------------------------------- */

static void fresh(const char *type, const char *dir)
{
	if (mount(type, dir, type, MS_NOSUID | MS_NODEV, type[0] == 't' ? "mode=0755" : NULL) < 0)
		die(dir);
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		die("lo");
	close(fd);
}

static void own_namespaces(struct node *n)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("a node of our own");
	fresh("tmpfs", "/run");
	fresh("tmpfs", "/var/lib");
	fresh("sysfs", "/sys");
	fresh("bpf", "/sys/fs/bpf");
	if (mkdir("/var/lib/cni", 0755) < 0 || mkdir("/var/lib/cnida", 0755) < 0 ||
	    mkdir("/run/lock", 0755) < 0)
		die("/var/lib");
	n->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->netns < 0)
		die("namespace");
	loopback_up();
}

/* Each pod would be another neighbour of the node for a minute, see forget_neighbours(). */
static void ask_for_no_router(void)
{
	FILE *f = fopen("/proc/sys/net/ipv6/conf/default/router_solicitations", "we");

	if (f && (fputs("0", f) < 0 || fclose(f) != 0))
		die("router_solicitations");
}

static void make_pod(struct node *n, enum pod_name name)
{
	struct node_pod *p = &n->pods[name];
	int back;

	if (pod_create(pod_names[name], &p->pod) < 0)
		die("pod");
	p->netns = open(p->pod.netns, O_RDONLY | O_CLOEXEC);
	back = p->netns < 0 ? -1 : pod_enter(&p->pod);
	if (back < 0)
		die("pod");
	loopback_up();
	ask_for_no_router();
	look_add(&n->look);
	probe_open(n, name);
	pod_leave(back);
}

/* ---- policy -------------------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *text)
{
	char *path = textf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		die(path);
	free(path);
}

static const char namespaces[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"x\","
	"\"labels\":{\"kubernetes.io/metadata.name\":\"x\"}}}";

#define POD(name)                                                                             \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"x\",\"name\":" \
	"\"" name "\",\"labels\":{\"pod\":\"" name "\"}},\"spec\":{\"nodeName\":\"n\"}}"

static const char pods[] = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" POD(
	"client") "," POD("server") "," POD("third") "]}";

/* The two ports besides PROBE_ALWAYS that a direction allows; see node.h. */
static const struct {
	int egress, ingress;
	int both;
} versions[POLICIES] = {
	[POLICY_OLD] = { PROBE_MIX_1, PROBE_MIX_2, PROBE_OLD },
	[POLICY_NEW] = { PROBE_MIX_2, PROBE_MIX_1, PROBE_NEW },
};

static char *ports(enum policy_version v, int more)
{
	return textf("[{\"protocol\":\"UDP\",\"port\":%d},{\"protocol\":\"UDP\",\"port\":%d},"
	             "{\"protocol\":\"UDP\",\"port\":%d}]",
	             PROBE_PORT + PROBE_ALWAYS, PROBE_PORT + versions[v].both, PROBE_PORT + more);
}

/* Several files, as a folder of manifests has. third is judged like server, by a policy of its own. */
static void write_policy(enum policy_version v)
{
	static const char policy[] =
		"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
		"\"metadata\":{\"namespace\":\"x\",\"name\":\"%s\"},\"spec\":{\"podSelector\":"
		"{\"matchLabels\":{\"pod\":\"%s\"}},\"policyTypes\":[\"%s\"],\"%s\":[{\"%s\":"
		"[{\"podSelector\":{\"matchExpressions\":[{\"key\":\"pod\",\"operator\":\"%s\","
		"\"values\":[\"client\"]}]}}],\"ports\":%s}]}}";
	char *dir = textf(POLICY_DIR, v), *in = ports(v, versions[v].ingress),
	     *out = ports(v, versions[v].egress);
	char *server = textf(policy, "server", "server", "Ingress", "ingress", "from", "In", in),
	     *third = textf(policy, "third", "third", "Ingress", "ingress", "from", "In", in),
	     *client = textf(policy, "client", "client", "Egress", "egress", "to", "NotIn", out);

	if (mkdir(dir, 0755) < 0)
		die(dir);
	write_file(dir, "namespaces.json", namespaces);
	write_file(dir, "pods.json", pods);
	write_file(dir, "server.json", server);
	write_file(dir, "third.json", third);
	write_file(dir, "client.json", client);
	free(dir);
	free(in);
	free(out);
	free(server);
	free(third);
	free(client);
}

void node_open(struct node *n, const char *plugins, enum node_mode mode)
{
	*n = (struct node) { .plugins = plugins, .mode = mode };
	snprintf(n->cnida, sizeof(n->cnida), "%s/cnida", plugins);
	own_namespaces(n);
	look_open(&n->look);
	for (int i = 0; i < PODS; i++)
		make_pod(n, (enum pod_name)i);
	for (int v = 0; v < POLICIES; v++)
		write_policy((enum policy_version)v);
}

/* ---- calls --------------------------------------------------------------------------------------- */

/* The full configuration. With mode ptp a pod's own link is kept apart, so only the one with a policy may be. */
static char *configuration(const struct node *n, enum pod_name pod, const char *more)
{
	static const char *const modes[MODES] = {
		[MODE_BRIDGE_EBPF] =
			"\"mode\":\"bridge\",\"bridge\":\"cni0\",\"isDefaultGateway\":true,"
			"\"hairpinMode\":true,\"macspoofchk\":true,"
			"\"ingressPolicy\":\"same-bridge\",\"policy\":{\"backend\":\"ebpf\"}",
		[MODE_PTP_NFT] = "\"mode\":\"ptp\",\"policy\":{\"backend\":\"nftables\"}",
	};
	const bool apart = n->mode == MODE_PTP_NFT && pod != CLIENT;
	/* Looking through all connections for those of a UDP port costs ten times what all the rest does: once is enough. */
	const bool udp = n->mode == MODE_PTP_NFT && pod == SERVER;

	return textf("{\"cniVersion\":\"1.1.0\",\"name\":\"crash\",\"type\":\"cnida\",%s%s,"
	             "\"ipMasq\":true,\"capabilities\":{\"portMappings\":true,\"bandwidth\":true},"
	             "\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":%d,\"containerPort\":80,"
	             "\"protocol\":\"tcp\"},{\"hostPort\":%d,\"containerPort\":53,"
	             "\"protocol\":\"%s\"}],\"bandwidth\":{\"ingressRate\":80000000,"
	             "\"ingressBurst\":800000,\"egressRate\":80000000,\"egressBurst\":800000}},"
	             "\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":"
	             "\"10.244.0.0/24\"}],[{\"subnet\":\"fd00:244::/64\"}]]}%s}",
	             modes[n->mode], apart ? ",\"ingressPolicy\":\"same-bridge\"" : "",
	             8080 + (int)pod, 5353 + (int)pod, udp ? "udp" : "tcp", more);
}

static void finish_call(const struct node *n, struct node_call *c, const char *verb)
{
	c->call.path = n->cnida;
	c->call.command = verb;
	c->call.cni_path = n->plugins;
	c->call.in = c->conf;
	c->call.in_len = c->conf ? strlen(c->conf) : 0;
}

void node_verb(const struct node *n, const char *verb, enum pod_name pod, struct node_call *ret)
{
	const struct node_pod *p = &n->pods[pod];
	char *prev = p->result && strcmp(verb, "ADD") != 0 ? textf(",\"prevResult\":%s", p->result)
	                                                   : NULL;

	*ret = (struct node_call) {
		.conf = configuration(n, pod, prev ? prev : ""),
		.args = textf("IgnoreUnknown=1;K8S_POD_NAMESPACE=x;K8S_POD_NAME=%s",
		              pod_names[pod]),
	};
	free(prev);
	ret->call.container_id = p->pod.id;
	ret->call.netns = p->pod.netns;
	ret->call.ifname = "eth0";
	ret->call.args = ret->args;
	finish_call(n, ret, verb);
}

void node_gc(const struct node *n, struct node_call *ret)
{
	char *valid = textf(",\"cni.dev/valid-attachments\":[{\"containerID\":\"%s\","
	                    "\"ifname\":\"eth0\"}]",
	                    n->pods[CLIENT].pod.id);

	*ret = (struct node_call) { .conf = configuration(n, CLIENT, valid) };
	free(valid);
	finish_call(n, ret, "GC");
}

void node_apply(const struct node *n, enum policy_version version, struct node_call *ret)
{
	*ret = (struct node_call) { .args = textf(POLICY_DIR, version) };
	ret->argv[0] = n->cnida;
	ret->argv[1] = "policy";
	ret->argv[2] = "apply";
	ret->argv[3] = ret->args;
	ret->call.path = n->cnida;
	ret->call.argv = ret->argv;
}

void node_call_free(struct node_call *c)
{
	free(c->conf);
	free(c->args);
	*c = (struct node_call) { 0 };
}

void node_run(const struct node_call *c, struct plugin_run *ret)
{
	struct plugin_call call = c->call;
	int r;

	/* node_apply()'s points into itself, wherever that has been copied to. */
	call.argv = call.argv ? c->argv : NULL;
	r = plugin_exec(&call, ret);
	if (r < 0) {
		errno = -r;
		die(call.path);
	}
}

static bool take_address(struct node_pod *p, const char *text)
{
	char addr[INET6_ADDRSTRLEN + 4];

	snprintf(addr, sizeof(addr), "%s", text);
	addr[strcspn(addr, "/")] = '\0';
	return inet_pton(strchr(addr, ':') ? AF_INET6 : AF_INET, addr,
	                 strchr(addr, ':') ? (void *)&p->v6 : (void *)&p->v4) == 1;
}

bool node_attached(struct node *n, enum pod_name pod, const char *result)
{
	struct node_pod *p = &n->pods[pod];
	json_t *doc = json_loads(result, 0, NULL), *ip;
	size_t i, good = 0;

	node_detached(n, pod);
	json_array_foreach(json_object_get(doc, "ips"), i, ip) {
		const char *addr = json_string_value(json_object_get(ip, "address"));

		good += addr && take_address(p, addr);
	}
	json_decref(doc);
	if (good == 2)
		p->result = textf("%s", result);
	return good == 2;
}

void node_detached(struct node *n, enum pod_name pod)
{
	free(n->pods[pod].result);
	n->pods[pod].result = NULL;
}
