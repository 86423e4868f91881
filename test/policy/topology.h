/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * topology.h - what a case runs on: this node with its pods, another node with its pods, outside hosts
 *
 *	pods -- bridge or routed, by cnida's ADD -- this node (up0) -- (down0) other node -- br0 -- its pods
 *	                                                                        \---------- outside hosts
 *
 * Everything is a network namespace; this node is the calling process's own, in a mount namespace with an empty
 * /run, /var/lib and bpffs. The kernel drops all of it when the process ends. README.md fixes the addresses.
 *
 * What cannot be built ends the process with exit code 3 and a line on stderr: a worker is a process of its own.
 */
#ifndef CNIDA_TEST_POLICY_TOPOLOGY_H
#define CNIDA_TEST_POLICY_TOPOLOGY_H

#include "test/lib/plugin_pod.h"
#include "test/policy/case.h"

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define TOPOLOGY_BROKEN 3 /* exit code */
#define END_NAME_SIZE   192
#define ENDS_MAX        160

/* An address and a port. sa_family AF_UNSPEC: none. */
union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

enum end_kind {
	END_POD,      /* attached to this node by cnida */
	END_REMOTE,   /* a pod of the other node */
	END_HOST_POD, /* hostNetwork, of either node */
	END_NODE,     /* "node", "node-other" */
	END_OUTSIDE,
};

/* Who sends and serves, as lines name it. */
struct end {
	char name[END_NAME_SIZE];
	enum end_kind kind;
	bool other; /* not of this node */
	int netns;  /* descriptor of its namespace */
	unsigned int
		place; /* number of its namespace, never reused; ends that share one have the same */
	union address addr[2]; /* IPv4, IPv6; port 0 */
	struct pod pod;        /* END_POD, END_REMOTE */
	char uid[40];          /* of the Pod object */
	char *result;          /* ADD's, for DEL */
};

struct topology_conf {
	const char *plugins; /* folder, absolute */
	const char *backend; /* policy.backend of the network configuration */
	const char *mode;    /* "bridge" or "ptp" */
	unsigned int families;
	bool bridge_nf; /* frames between ports of a bridge go through the rules for IP */
	const char *
		keys; /* further keys of the network configuration, each with a comma in front; "" for none */
};

struct topology {
	struct topology_conf conf;
	struct case_plan plan;   /* for placeholders */
	int own, other, outside; /* namespaces */
	struct end *end[ENDS_MAX];
	size_t n;
	unsigned int created; /* of all ends ever */
	unsigned int
		network; /* number of resets: each has a network, and so an address store, of its own */
	unsigned int remotes; /* pods of the other node, ever */
	double add_ms;        /* of all ADDs */
	unsigned int adds;
};

/* topology_plugins() - The folder bin beside the one of this program: build/test/ and build/bin/. */
const char *topology_plugins(void);

/* broken() - Say why nothing can be probed and end the process. */
_Noreturn void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* topology_open() - Become a node: namespaces of our own, the other node, no pods yet. */
void topology_open(struct topology *t, const struct topology_conf *conf);
/* topology_reset() - DEL all pods at the same time; the next ones get addresses from the first on. */
void topology_reset(struct topology *t);

/* topology_warm_up() - Wait until all ends reach each other (ICMP echo; before there are policies), so that neighbours are known. */
void topology_warm_up(struct topology *t);

/* topology_sync() - Attach the pods of the state that are not attached yet, detach what it does not have any more; put
 * "ips" and "uid" into every pod of the state. @local false: leave the pods that are attached by ADD for later. */
void topology_sync(struct topology *t, const struct case_state *s, bool local);

/* topology_wanted() - Does the state have this pod? */
bool topology_wanted(const struct case_state *s, const char *name);

/* topology_end() - By name; "node", "node-other" and outside hosts are made when asked for. NULL: there is none. */
struct end *topology_end(struct topology *t, const char *name);

/* topology_prepare() - The namespace of a pod of this node, without ADD. topology_plug() - and ADD. */
struct end *topology_prepare(struct topology *t, const char *name);
void topology_plug(struct topology *t, struct end *e);

/* topology_detach() - DEL one pod. topology_attach() - ADD one; @pod as in a case, gets "ips" and "uid". */
void topology_detach(struct topology *t, const char *name);
struct end *topology_attach(struct topology *t, json_t *pod);

/* run_tool() - Run a program with @in on its standard input in the namespace of the caller; not 0: the process ends with
 * what the program said. run_program() - the same, returns the exit code, and stderr and stdout in *ret_said (malloc'ed). */
void run_tool(const char *in, const char *const argv[]);
int run_program(const char *in, const char *const argv[], char **ret_said);

/* topology_enter() - Move the caller into a namespace, by descriptor. Cheap if it is there already. */
void topology_enter(int netns);

/* now_ms() - Monotonic. */
double now_ms(void);

#endif
