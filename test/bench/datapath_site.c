/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_site.c - one way of connecting two pods, on a node of its own that stays up while others are measured
 *
 * A node has one policy and one set of iptables rules, so each site is a process in a network and a mount namespace
 * of its own. It sets itself up, says how that went, and then waits for orders on a socket. At an order of 0 ms it
 * ends, and all that it made ends with its namespaces. (Sites that were made later have a copy of the socket: closing
 * it would tell nothing.)
 */
#include "test/bench/datapath_site.h"

#include "test/bench/datapath_policy.h"
#include "test/lib/plugin_exec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLICY_FILE "/run/policy.json"

struct order {
	enum load_kind kind;
	unsigned int ms;
	int cpu[2];
};

struct answer {
	int r;
	struct load_result result;
	char missing[160];
};

/* The site's own process. */
struct node {
	const struct site_conf *conf;
	struct pod pod[2]; /* client, server */
	struct in_addr server_addr;
	char *missing;
};

__attribute__((format(printf, 2, 3))) static int lacks(struct node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(n->missing, sizeof(((struct answer *)NULL)->missing), fmt, ap);
	va_end(ap);
	return -1;
}

static int write_sysctl(const char *file, const char *value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* ---- the node ---- */

static int make_node(struct node *n)
{
	static const char *const fresh[] = { "/run", "/var/lib/cni", "/var/lib/cnida" };

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return lacks(n, "namespaces: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(fresh) / sizeof(fresh[0]); i++)
		if (mount("tmpfs", fresh[i], "tmpfs", 0, "mode=755") < 0)
			return lacks(n, "tmpfs on %s: %s", fresh[i], strerror(errno));
	(void)mkdir("/run/lock", 0755);
	if (n->conf->backend && mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=700") < 0)
		return lacks(n, "bpffs: %s", strerror(errno));
	if (system("ip link set lo up") != 0)
		return lacks(n, "ip(8) failed");
	/* Without br_netfilter the file is not there. */
	if (write_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables",
	                 n->conf->bridge_nf ? "1" : "0") < 0 &&
	    n->conf->bridge_nf)
		return lacks(n, "the kernel has no br_netfilter");
	return 0;
}

/* As many ports as can be, and TIME_WAIT does not keep one for long: each connection needs one. */
static void prepare_client(const struct pod *pod)
{
	int own = pod_enter(pod);

	if (own < 0)
		return;
	(void)write_sysctl("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
	(void)write_sysctl("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
	pod_leave(own);
}

/* ---- pods ---- */

static int make_pair(struct node *n)
{
	char command[1024];
	const char *client = strrchr(n->pod[0].netns, '/') + 1,
		   *server = strrchr(n->pod[1].netns, '/') + 1;

	snprintf(command, sizeof(command),
	         "ip -n %s link add eth0 type veth peer name eth0 netns %s && "
	         "ip -n %s addr add 10.203.0.2/24 dev eth0 && ip -n %s addr add 10.203.0.3/24 dev eth0 && "
	         "ip -n %s link set eth0 up && ip -n %s link set eth0 up",
	         client, server, client, server, client, server);
	n->server_addr.s_addr = inet_addr("10.203.0.3");
	return system(command) == 0 ? 0 : lacks(n, "ip(8) failed");
}

static char *plugin_conf(const struct site_conf *c, const char *type, const char *prev)
{
	char *text = NULL, policy[64] = "";

	if (c->kind == SITE_CNIDA)
		snprintf(policy, sizeof(policy), "\"policy\":{\"backend\":\"%s\"},",
		         c->backend ? c->backend : "none");
	if (asprintf(&text,
	             "{\"cniVersion\":\"1.0.0\",\"name\":\"datapath\",\"type\":\"%s\",%s"
	             "\"bridge\":\"cni0\",\"isDefaultGateway\":true,"
	             "\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"/run/ipam\","
	             "\"ranges\":[[{\"subnet\":\"10.203.0.0/24\"}]]}%s%s}",
	             type, policy, prev ? ",\"prevResult\":" : "", prev ? prev : "") < 0)
		return NULL;
	return text;
}

/* Returns the result, malloc'ed; NULL if the plugin failed. */
static char *add(struct node *n, const char *type, const struct pod *pod, unsigned int i,
                 const char *prev)
{
	char path[PATH_MAX], args[96], *conf = plugin_conf(n->conf, type, prev), *out = NULL;
	struct plugin_call call = {
		.path = path,
		.command = "ADD",
		.container_id = pod->id,
		.netns = pod->netns,
		.ifname = "eth0",
		.args = args,
		.cni_path = n->conf->dir,
		.in = conf,
		.in_len = conf ? strlen(conf) : 0,
		.deadline_ms = 60000,
	};
	struct plugin_run run = { .rc = -1 };

	snprintf(path, sizeof(path), "%s/%s", n->conf->dir, type);
	snprintf(args, sizeof(args),
	         "IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=" DATAPATH_POD, i);
	if (conf && plugin_exec(&call, &run) == 0 && run.rc == 0)
		out = strdup(run.out);
	else
		(void)lacks(n, "%s: %.100s", type, run.out && *run.out ? run.out : "cannot be run");
	plugin_run_free(&run);
	free(conf);
	return out;
}

static struct in_addr first_address(const char *result)
{
	json_t *doc = json_loads(result, 0, NULL);
	const char *text = json_string_value(
		json_object_get(json_array_get(json_object_get(doc, "ips"), 0), "address"));
	struct in_addr addr = { 0 };
	char copy[32];

	snprintf(copy, sizeof(copy), "%s", text ? text : "");
	copy[strcspn(copy, "/")] = '\0';
	(void)inet_pton(AF_INET, copy, &addr);
	json_decref(doc);
	return addr;
}

static int attach(struct node *n, const struct pod *pod, unsigned int i)
{
	const struct site_conf *c = n->conf;
	char *result = add(n, c->kind == SITE_CNIDA ? "cnida" : "bridge", pod, i, NULL), *last;

	if (!result)
		return -1;
	if (i == datapath_server(c->pods))
		n->server_addr = first_address(result);
	if (c->kind == SITE_FIREWALL) {
		last = add(n, "firewall", pod, i, result);
		free(result);
		result = last;
	}
	free(result);
	return result ? 0 : -1;
}

static int attach_all(struct node *n)
{
	for (unsigned int i = 0; i < n->conf->pods; i++) {
		char name[32];
		struct pod pod;
		int r;

		snprintf(name, sizeof(name), DATAPATH_POD, i);
		r = pod_create(name, &pod);
		if (r < 0)
			return lacks(n, "network namespace %s: %s", name, strerror(-r));
		if (i == datapath_client(n->conf->pods))
			n->pod[0] = pod;
		if (i == datapath_server(n->conf->pods))
			n->pod[1] = pod;
		if (n->conf->kind != SITE_PAIR && attach(n, &pod, i) < 0)
			return -1;
	}
	return n->conf->kind == SITE_PAIR ? make_pair(n) : 0;
}

static int apply(struct node *n)
{
	const char *const argv[] = { "cnida", "policy", "apply", POLICY_FILE, NULL };
	char path[PATH_MAX];
	struct plugin_call call = { .path = path, .argv = argv, .deadline_ms = 60000 };
	struct plugin_run run;
	int r;

	r = datapath_policy(POLICY_FILE, n->conf->pods, n->conf->rules);
	if (r < 0)
		return lacks(n, POLICY_FILE ": %s", strerror(-r));
	snprintf(path, sizeof(path), "%s/cnida", n->conf->dir);
	r = plugin_exec(&call, &run);
	if (r < 0 || run.rc != 0)
		r = lacks(n, "policy apply: %.120s", r < 0 ? strerror(-r) : run.err);
	plugin_run_free(&run);
	return r;
}

static int set_up(struct node *n)
{
	int r = make_node(n);

	if (r == 0)
		r = attach_all(n);
	if (r == 0 && n->conf->backend)
		r = apply(n);
	if (r == 0)
		prepare_client(&n->pod[0]);
	return r;
}

static void serve(const struct site_conf *conf, int fd)
{
	struct answer answer = { .r = 0 };
	struct node n = { .conf = conf, .missing = answer.missing };
	struct order order;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	answer.r = set_up(&n);
	while (write(fd, &answer, sizeof(answer)) == sizeof(answer) &&
	       read(fd, &order, sizeof(order)) == sizeof(order) && order.ms > 0) {
		const struct load load = { .client = &n.pod[0],
			                   .server = &n.pod[1],
			                   .server_addr = n.server_addr,
			                   .kind = order.kind,
			                   .ms = order.ms,
			                   .client_cpu = order.cpu[0],
			                   .server_cpu = order.cpu[1] };

		answer.r = load_run(&load, &answer.result);
	}
	_exit(0);
}

/* ---- the benchmark's side ---- */

static int ask(struct site *s, struct answer *ret)
{
	return read(s->fd, ret, sizeof(*ret)) == sizeof(*ret) ? ret->r : -EPIPE;
}

int site_open(const struct site_conf *conf, struct site *ret)
{
	struct answer answer = { .r = 0 };
	int pair[2];

	*ret = (struct site) { .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	(void)fflush(NULL);
	ret->pid = fork();
	if (ret->pid == 0) {
		close(pair[0]);
		serve(conf, pair[1]);
	}
	close(pair[1]);
	ret->fd = pair[0];
	if (ret->pid > 0 && ask(ret, &answer) == 0)
		return 0;
	snprintf(ret->missing, sizeof(ret->missing), "%s",
	         *answer.missing ? answer.missing : "the process of the node ended");
	site_close(ret);
	return -1;
}

int site_run(struct site *s, enum load_kind kind, unsigned int ms, const int cpu[2],
             struct load_result *ret)
{
	const struct order order = { kind, ms, { cpu[0], cpu[1] } };
	struct answer answer;
	int r;

	if (send(s->fd, &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order))
		return -EPIPE;
	r = ask(s, &answer);
	*ret = answer.result;
	return r;
}

void site_close(struct site *s)
{
	static const struct order end;

	if (s->fd >= 0) {
		(void)send(s->fd, &end, sizeof(end), MSG_NOSIGNAL);
		close(s->fd);
	}
	if (s->pid > 0)
		(void)waitpid(s->pid, NULL, 0);
	s->fd = -1;
	s->pid = 0;
}
