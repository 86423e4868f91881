/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.h - the node of one worker: namespaces of its own, three pods, a policy
 *
 *	client	attached all the time: what is shared by pods is there, and stays
 *	server	the one that things happen to
 *	third	attached to see that the next ADD works, and for GC to remove
 *
 * What cannot be built ends the program with exit code 2 and a line on stderr.
 */
#ifndef CNIDA_TEST_CRASH_NODE_H
#define CNIDA_TEST_CRASH_NODE_H

#include "test/crash/fault.h"
#include "test/crash/look.h"
#include "test/lib/plugin_pod.h"

#include <netinet/in.h>

enum node_mode {
	MODE_BRIDGE_EBPF,
	MODE_PTP_NFT,
	MODES,
};
extern const char *const mode_names[MODES]; /* "bridge", "ptp" */

enum pod_name { CLIENT, SERVER, THIRD, PODS };

/* Which of the two versions of the policy. */
enum policy_version { POLICY_OLD, POLICY_NEW, POLICIES };

struct node_pod {
	struct pod pod;
	int netns;
	char *result; /* of its ADD; NULL: not attached */
	struct in_addr v4;
	struct in6_addr v6;
	int rx[6]; /* sockets of the ports that are probed */
};

struct node {
	const char *plugins; /* folder, absolute */
	char cnida[4096];    /* the executable */
	enum node_mode mode;
	int netns;
	struct node_pod pods[PODS];
	struct look look;
	unsigned int round; /* of probes */
};

/* node_open() - Become that node. Nothing is attached, no policy is applied. */
void node_open(struct node *n, const char *plugins, enum node_mode mode);

/* A call of a verb; what it points to belongs to it. Free with node_call_free(). */
struct node_call {
	struct plugin_call call;
	char *conf, *args;
	const char *argv[5];
};

/* node_verb() - ADD, DEL, CHECK: of a pod. node_gc(): all pods but client are gone. node_apply(): `cnida policy apply`. */
void node_verb(const struct node *n, const char *verb, enum pod_name pod, struct node_call *ret);
void node_gc(const struct node *n, struct node_call *ret);
void node_apply(const struct node *n, enum policy_version version, struct node_call *ret);
void node_call_free(struct node_call *c);

/* node_run() - Run it without a fault. free with plugin_run_free(). */
void node_run(const struct node_call *c, struct plugin_run *ret);

/* node_attached() - What ADD said: the pod's addresses. False: that is no good result. node_detached(): there is none any more. */
bool node_attached(struct node *n, enum pod_name pod, const char *result);
void node_detached(struct node *n, enum pod_name pod);

/* ---- packets (probe.c) --------------------------------------------------------------------------- */

/*
 * Ports from 1000 on. One is always allowed, so that what arrives there shows that the others have had their time. Each
 * version of the policy allows one more; the next two would be open if a packet were judged by the one version's egress and
 * by the other's ingress rules; the last is never allowed.
 */
#define PROBE_PORT  1000
#define PROBE_PORTS 6
enum { PROBE_ALWAYS, PROBE_OLD, PROBE_NEW, PROBE_MIX_1, PROBE_MIX_2, PROBE_NEVER };

/* Bits by port, IPv6 shifted by 8. */
#define PROBE_BOTH(port)  (0x101U << (port))
#define PROBE_SEES_OLD    (PROBE_BOTH(PROBE_ALWAYS) | PROBE_BOTH(PROBE_OLD))
#define PROBE_SEES_NEW    (PROBE_BOTH(PROBE_ALWAYS) | PROBE_BOTH(PROBE_NEW))
#define PROBE_PATIENCE_MS 3000
#define PROBE_AGAIN_MS    20

/* probe_open() - The sockets in a pod's namespace. */
void probe_open(struct node *n, enum pod_name pod);

/* probe() - Datagrams from client to a pod, IPv4 and IPv6: what arrives. Without PROBE_ALWAYS of a family nothing did in time. */
unsigned int probe(struct node *n, enum pod_name to);
/* probe_text() - Of such bits. Valid until the fourth call after it. */
const char *probe_text(unsigned int bits);

#endif
