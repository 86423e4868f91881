/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology.c - what a case runs on: this node with its pods, another node with its pods, outside hosts */
#include "test/lib/plugin_exec.h"
#include "test/policy/topology_tools.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_NETNS "/proc/thread-self/ns/net"

enum { PLACE_OWN, PLACE_OTHER, PLACE_OUTSIDE, PLACE_PODS };

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static void own_node(struct topology *t)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		broken("a node of our own: %s", strerror(errno));
	fresh_mount("tmpfs", "/run");
	fresh_mount("tmpfs", "/var/lib");
	fresh_mount("sysfs", "/sys");
	fresh_mount("bpf", "/sys/fs/bpf");
	if (mkdir("/var/lib/cni", 0755) < 0 || mkdir("/var/lib/cnida", 0755) < 0 ||
	    mkdir("/run/lock", 0755) < 0)
		broken("/var/lib: %s", strerror(errno));
	t->own = open_netns(OWN_NETNS);
	quiet_ipv6();
	forwarding();
}

static void bridge_nf(const struct topology *t)
{
	static const char *const files[] = { "/proc/sys/net/bridge/bridge-nf-call-iptables",
		                             "/proc/sys/net/bridge/bridge-nf-call-ip6tables" };

	for (size_t i = 0; i < 2; i++) {
		if (access(files[i], F_OK) == 0)
			write_sysctl(files[i], t->conf.bridge_nf ? "1" : "0");
		else if (t->conf.bridge_nf)
			broken("the kernel has no br_netfilter");
	}
}

static const char this_node[] = "link set lo up\n"
				"link add up0 type veth peer name down0 netns other\n"
				"addr add 10.246.0.1/24 dev up0\n"
				"addr add fd00:246::1/64 dev up0 nodad\n"
				"link set up0 up\n";
/* When the other end is up: routes over a link without carrier are not used. */
static const char this_routes[] = "route add default via 10.246.0.2\n"
				  "route add default via fd00:246::2\n";
static const char other_routes[] = "route add default via 10.247.0.2\n"
				   "route add default via fd00:247::2\n";
static const char other_node[] = "link set lo up\n"
				 "addr add 10.246.0.2/24 dev down0\n"
				 "addr add fd00:246::2/64 dev down0 nodad\n"
				 "link set down0 up\n"
				 "route add 10.244.0.0/16 via 10.246.0.1\n"
				 "route add fd00:244::/32 via fd00:246::1\n"
				 "link add br0 type bridge\n"
				 "link set br0 up\n"
				 "addr add 10.245.0.1/24 dev br0\n"
				 "addr add fd00:245::1/64 dev br0 nodad\n"
				 "link add out0 type veth peer name eth0 netns outside\n"
				 "addr add 10.247.0.1/24 dev out0\n"
				 "addr add fd00:247::1/64 dev out0 nodad\n"
				 "link set out0 up\n";
static const char outside_hosts[] = "link set lo up\n"
				    "addr add 10.247.0.2/24 dev eth0\n"
				    "addr add fd00:247::2/64 dev eth0 nodad\n"
				    "link set eth0 up\n"
				    "route add default via 10.247.0.1\n"
				    "route add default via fd00:247::1\n";

void topology_open(struct topology *t, const struct topology_conf *conf)
{
	struct pod pod;

	*t = (struct topology) { .conf = *conf };
	t->plan = (struct case_plan) {
		.node = { "10.246.0.1", "fd00:246::1" },
		.node_other = { "10.246.0.2", "fd00:246::2" },
		.pods = { "10.244.0.0/24", "fd00:244::/64" },
		.pods_other = { "10.245.0.0/24", "fd00:245::/64" },
	};
	own_node(t);
	bridge_nf(t);
	t->other = new_netns("other", &pod);
	t->outside = new_netns("outside", &pod);
	topology_enter(t->other);
	quiet_ipv6();
	forwarding();
	topology_enter(t->outside);
	quiet_ipv6();
	topology_enter(t->own);
	ip_batch(this_node);
	topology_enter(t->other);
	ip_batch(other_node);
	topology_enter(t->outside);
	ip_batch(outside_hosts);
	topology_enter(t->other);
	ip_batch(other_routes);
	impatient();
	topology_enter(t->outside);
	impatient();
	topology_enter(t->own);
	ip_batch(this_routes);
	impatient();
	for (int i = 0; i < 2; i++) {
		wait_for_answer(t->own, t->plan.node_other[i]);
		wait_for_answer(t->other, t->plan.node[i]);
		wait_for_answer(t->outside, t->plan.node[i]);
		wait_for_answer(t->own, i ? "fd00:247::2" : "10.247.0.2");
	}
	topology_enter(t->own);
}

/* ---- ends ---------------------------------------------------------------------------------------- */

static void end_address(struct end *e, const char *s)
{
	union address a;

	if (!parse_address(s, &a))
		broken("%s: no address: %s", e->name, s);
	e->addr[a.sa.sa_family == AF_INET6] = a;
}

static struct end *new_end(struct topology *t, const char *name, enum end_kind kind, bool other)
{
	struct end *e = calloc(1, sizeof(*e));

	if (!e || t->n == ENDS_MAX)
		broken("too many ends");
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->kind = kind;
	e->other = other;
	e->netns = other ? t->other : t->own;
	e->place = other ? PLACE_OTHER : PLACE_OWN;
	t->end[t->n++] = e;
	t->created++;
	snprintf(e->uid, sizeof(e->uid), "00000000-0000-4000-8000-%012u", t->created);
	return e;
}

static struct end *find_end(const struct topology *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->end[i]->name, name) == 0)
			return t->end[i];
	}
	return NULL;
}

static void node_addresses(const struct topology *t, struct end *e)
{
	for (int i = 0; i < 2; i++) {
		if (t->conf.families & (i ? CASE_IPV6 : CASE_IPV4))
			end_address(e, (e->other ? t->plan.node_other : t->plan.node)[i]);
	}
}

/* The addresses of a run's families only: the end of another family does not exist. */
static struct end *outside_end(struct topology *t, const char *name)
{
	char addr[END_NAME_SIZE], batch[512];
	union address a;
	struct end *e;
	bool v6;

	snprintf(addr, sizeof(addr), "%s", name);
	addr[strcspn(addr, "/")] = '\0';
	if (!parse_address(addr, &a))
		return NULL;
	v6 = a.sa.sa_family == AF_INET6;
	if (!(t->conf.families & (v6 ? CASE_IPV6 : CASE_IPV4)))
		return NULL;
	e = new_end(t, name, END_OUTSIDE, true);
	e->netns = t->outside;
	e->place = PLACE_OUTSIDE;
	e->addr[v6] = a;
	snprintf(batch, sizeof(batch), "addr add %s/%d dev eth0%s\n", addr, v6 ? 128 : 32,
	         v6 ? " nodad" : "");
	topology_enter(t->outside);
	ip_batch(batch);
	snprintf(batch, sizeof(batch), "route add %s/%d via %s\n", addr, v6 ? 128 : 32,
	         v6 ? "fd00:247::2" : "10.247.0.2");
	topology_enter(t->other);
	ip_batch(batch);
	wait_for_answer(t->own, addr);
	return e;
}

struct end *topology_end(struct topology *t, const char *name)
{
	struct end *e = find_end(t, name);

	if (e)
		return e;
	if (strcmp(name, "node") != 0 && strcmp(name, "node-other") != 0)
		return outside_end(t, name);
	e = new_end(t, name, END_NODE, name[4]);
	node_addresses(t, e);
	return e;
}

/* ---- pods ---------------------------------------------------------------------------------------- */

static char *network_conf(const struct topology *t, const char *prev)
{
	const bool v4 = t->conf.families & CASE_IPV4, v6 = t->conf.families & CASE_IPV6;
	char *conf;

	if (asprintf(&conf,
	             "{\"cniVersion\": \"1.0.0\", \"name\": \"matrix%u\", \"type\": \"cnida\", "
	             "\"mode\": \"%s\", \"bridge\": \"cni0\", \"isDefaultGateway\": true, "
	             "\"hairpinMode\": true, \"policy\": {\"backend\": \"%s\"}%s, "
	             "\"ipam\": {\"type\": \"host-local\", \"ranges\": [%s%s%s]}%s%s}",
	             t->network, t->conf.mode, t->conf.backend, t->conf.keys,
	             v4 ? "[{\"subnet\": \"10.244.0.0/24\"}]" : "", v4 && v6 ? ", " : "",
	             v6 ? "[{\"subnet\": \"fd00:244::/64\"}]" : "",
	             prev ? ", \"prevResult\": " : "", prev ? prev : "") < 0)
		broken("no memory");
	return conf;
}

/* Return: ADD's result. */
static char *call_plugin(struct topology *t, const struct end *e, const char *verb)
{
	char *conf = network_conf(t, e->result), path[PATH_MAX], args[512], *out;
	const char *slash = strchr(e->name, '/');
	struct plugin_call call = {
		.path = path,
		.command = verb,
		.container_id = e->pod.id,
		.netns = e->pod.netns,
		.ifname = "eth0",
		.args = args,
		.cni_path = t->conf.plugins,
		.in = conf,
		.in_len = strlen(conf),
		.deadline_ms =
			60000, /* the first one loads the datapath, perhaps on a busy machine */
	};
	struct plugin_run run;
	int r;

	snprintf(path, sizeof(path), "%s/cnida", t->conf.plugins);
	snprintf(args, sizeof(args),
	         "IgnoreUnknown=1;K8S_POD_NAMESPACE=%.*s;K8S_POD_NAME=%s;K8S_POD_UID=%s",
	         (int)(slash - e->name), e->name, slash + 1, e->uid);
	topology_enter(t->own);
	r = plugin_exec(&call, &run);
	if (r < 0 || run.rc != 0)
		broken("%s of %s: %s, exit code %d, signal %d%s after %.1f ms: %s%s", verb, e->name,
		       r < 0 ? strerror(-r) : "ran", run.rc, run.signal,
		       run.late ? " (too late)" : "", (double)run.wall_ns / 1e6, run.out, run.err);
	out = run.out;
	run.out = NULL;
	t->add_ms += verb[0] == 'A' ? (double)run.wall_ns / 1e6 : 0;
	t->adds += verb[0] == 'A';
	plugin_run_free(&run);
	free(conf);
	return out;
}

void topology_plug(struct topology *t, struct end *e)
{
	json_t *result, *ip;
	size_t i;

	free(e->result);
	e->result = NULL;
	e->result = call_plugin(t, e, "ADD");
	result = json_loads(e->result, 0, NULL);
	json_array_foreach(json_object_get(result, "ips"), i, ip) {
		char addr[64];

		snprintf(addr, sizeof(addr), "%s", text(ip, "address"));
		addr[strcspn(addr, "/")] = '\0';
		end_address(e, addr);
	}
	json_decref(result);
	impatient();
	topology_enter(e->netns);
	impatient();
	topology_enter(t->own);
}

static void attach_remote(struct topology *t, struct end *e)
{
	const char *ns = strrchr(e->pod.netns, '/') + 1;
	/* Not the address of one before, whose namespace the kernel may not have taken down yet. */
	const unsigned int id = 2 + t->remotes++ % 250;
	char batch[1024], addr[2][64];

	snprintf(addr[0], sizeof(addr[0]), "10.245.0.%u", id);
	snprintf(addr[1], sizeof(addr[1]), "fd00:245::%x", id);
	snprintf(batch, sizeof(batch),
	         "neigh flush dev br0\n" /* who had the address before */
	         "link add p%u type veth peer name eth0 netns %s\n"
	         "link set p%u master br0 up\n",
	         t->created, ns, t->created);
	topology_enter(t->other);
	ip_batch(batch);
	snprintf(batch, sizeof(batch),
	         "addr add %s/24 dev eth0\naddr add %s/64 dev eth0 nodad\nlink set eth0 up\n"
	         "route add default via 10.245.0.1\nroute add default via fd00:245::1\n",
	         addr[0], addr[1]);
	topology_enter(e->netns);
	ip_batch(batch);
	impatient();
	for (int i = 0; i < 2; i++) {
		wait_for_answer(e->netns, t->plan.node[i]);
		wait_for_answer(t->own, addr[i]);
		if (t->conf.families & (i ? CASE_IPV6 : CASE_IPV4))
			end_address(e, addr[i]);
	}
	topology_enter(t->own);
}

static void pod_namespace(const struct topology *t, struct end *e)
{
	char name[64];

	snprintf(name, sizeof(name), "pod%u", t->created);
	topology_enter(t->own);
	e->netns = new_netns(name, &e->pod);
	e->place = PLACE_PODS + t->created;
	topology_enter(e->netns);
	quiet_ipv6();
	loopback_up();
	topology_enter(t->own);
}

struct end *topology_prepare(struct topology *t, const char *name)
{
	struct end *e = new_end(t, name, END_POD, false);

	pod_namespace(t, e);
	return e;
}

static void put_ips(json_t *pod, const struct end *e)
{
	json_t *ips = json_array();

	for (int i = 0; i < 2; i++) {
		char s[INET6_ADDRSTRLEN];

		if (e->addr[i].sa.sa_family == AF_UNSPEC)
			continue;
		address_text(&e->addr[i], s);
		json_array_append_new(ips, json_string(s));
	}
	json_object_set_new(pod, "ips", ips);
}

struct end *topology_attach(struct topology *t, json_t *pod)
{
	const bool host = json_is_true(json_object_get(pod, "hostNetwork"));
	const bool other = *text(pod, "node");
	char name[END_NAME_SIZE];
	struct end *e;

	snprintf(name, sizeof(name), "%s/%s", text(pod, "namespace"), text(pod, "name"));
	e = find_end(t, name);
	if (!e) {
		e = new_end(t, name, host ? END_HOST_POD : other ? END_REMOTE : END_POD, other);
		if (host) {
			node_addresses(t, e);
		} else {
			pod_namespace(t, e);
			if (other)
				attach_remote(t, e);
			else
				topology_plug(t, e);
		}
	}
	put_ips(pod, e);
	json_object_set_new(pod, "uid", json_string(e->uid));
	return e;
}

static void delete_end(struct topology *t, size_t i)
{
	struct end *e = t->end[i];

	t->end[i] = t->end[--t->n];
	if (e->kind == END_POD || e->kind == END_REMOTE) {
		pod_destroy(&e->pod);
		close(e->netns);
	}
	free(e->result);
	free(e);
}

void topology_detach(struct topology *t, const char *name)
{
	topology_enter(t->own);
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->end[i]->name, name) != 0)
			continue;
		if (t->end[i]->kind == END_POD)
			free(call_plugin(t, t->end[i], "DEL"));
		delete_end(t, i);
		return;
	}
}

bool topology_wanted(const struct case_state *s, const char *name)
{
	size_t i;
	json_t *pod;

	json_array_foreach(s->pods, i, pod) {
		char path[END_NAME_SIZE];

		snprintf(path, sizeof(path), "%s/%s", text(pod, "namespace"), text(pod, "name"));
		if (strcmp(path, name) == 0)
			return true;
	}
	return false;
}

void topology_sync(struct topology *t, const struct case_state *s, bool local)
{
	size_t i;
	json_t *pod;

	for (i = t->n; i-- > 0;) {
		const struct end *e = t->end[i];

		if (e->kind <= END_HOST_POD && !topology_wanted(s, e->name))
			topology_detach(t, e->name);
	}
	json_array_foreach(s->pods, i, pod) {
		if (local || *text(pod, "node") ||
		    json_is_true(json_object_get(pod, "hostNetwork")))
			topology_attach(t, pod);
	}
}

void topology_warm_up(struct topology *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->n; k++) {
			for (int f = 0; f < 2; f++) {
				char buf[INET6_ADDRSTRLEN];

				if (t->end[k]->addr[f].sa.sa_family != AF_UNSPEC)
					wait_for_answer(t->end[i]->netns,
					                address_text(&t->end[k]->addr[f], buf));
			}
		}
	}
	topology_enter(t->own);
}

/* The plugin removes links in groups when many ask at once, as when a node is drained. */
static void unplug_all(struct topology *t)
{
	pid_t pid[ENDS_MAX];
	size_t n = 0;
	int status;

	for (size_t i = 0; i < t->n; i++) {
		if (t->end[i]->kind != END_POD)
			continue;
		pid[n] = fork();
		if (pid[n] < 0)
			broken("fork: %s", strerror(errno));
		if (pid[n] == 0) {
			free(call_plugin(t, t->end[i], "DEL"));
			_exit(0);
		}
		n++;
	}
	while (n > 0) {
		if (waitpid(pid[--n], &status, 0) < 0 || status != 0)
			broken("a DEL failed");
	}
}

void topology_reset(struct topology *t)
{
	topology_enter(t->own);
	unplug_all(t);
	for (size_t i = t->n; i-- > 0;) {
		if (t->end[i]->kind <= END_HOST_POD)
			delete_end(t, i);
	}
	t->network++;
}
