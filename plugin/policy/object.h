/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.h - Kubernetes objects as values: NetworkPolicy, Namespace, Pod
 *
 * Input is JSON as `kubectl get networkpolicy,namespace,pod -A -o json` prints it: a List, one object, or several
 * of these one after another, from several files. Later ones with the same kind, namespace and name replace earlier
 * ones. Other kinds are ignored (counted).
 *
 * What the API server would refuse is an error that names file, object and path. What it would accept and we do not
 * know (a new field in a rule, peer, port or selector) makes that one rule match nothing, and a warning says so:
 * an unknown condition must not open anything. Defaults are the API's (reference: policy.md 1, items 1 to 26):
 * policyTypes, missing / null / [] lists, protocol TCP, the label kubernetes.io/metadata.name.
 */
#ifndef CNIDA_POLICY_OBJECT_H
#define CNIDA_POLICY_OBJECT_H

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECTS_BYTES_MAX (64U << 20) /* of one input */
#define OBJECTS_MAX       100000U     /* of all kinds together */
#define WARNINGS_MAX      1000U       /* that are kept */

struct label {
	const char *key, *value;
};

struct labels {
	struct label *v; /* sorted by key, each key once */
	size_t n;
};

enum selector_op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_DOES_NOT_EXIST };

struct requirement {
	enum selector_op op;
	const char *key;
	const char **values;
	size_t n_values;
};

/* matchLabels are requirements with OP_IN and one value. No requirement: everything matches. */
struct selector {
	struct requirement *v;
	size_t n;
};

struct peer {
	bool has_pods, has_namespaces, has_block;
	struct selector pods;       /* without has_namespaces: of the policy's own namespace */
	struct selector namespaces; /* without has_pods: all pods of these */
	struct ip_prefix block;     /* host bits are cut off */
	struct ip_prefix *except;
	size_t n_except;
};

struct rule_port {
	uint8_t proto;        /* IPPROTO_TCP, _UDP or _SCTP */
	bool any;             /* all ports of the protocol */
	const char *name;     /* a named port, or NULL */
	uint16_t first, last; /* host order, inclusive */
};

struct rule {
	bool nothing; /* has a field that we do not know: matches nothing */
	bool all_peers, all_ports;
	struct peer *peers;
	struct rule_port *ports;
	size_t n_peers, n_ports;
};

struct policy {
	const char *namespace, *name;
	struct selector pods;
	bool isolates[2]; /* by enum direction of tables.h */
	struct rule *rules[2];
	size_t n_rules[2];
};

struct namespace_object {
	const char *name;
	struct labels labels; /* always with kubernetes.io/metadata.name */
	bool partial;         /* no Namespace object: no other label of it is known */
};

struct container_port {
	const char *name; /* may be "" */
	uint8_t proto;
	uint16_t port;
};

struct pod {
	const char *namespace, *name, *uid, *node;
	const char *created; /* as the object says, "" if it does not: text order is time order */
	struct labels labels;
	bool host_network;
	bool finished; /* phase Succeeded or Failed, or being deleted with no address: never a peer */
	bool deleting;
	struct ip_addr *ips; /* status.podIPs and podIP, each once */
	struct container_port
		*ports; /* of containers, then of init containers, in the object's order */
	size_t n_ips, n_ports;
};

struct objects {
	struct policy *policies; /* each array sorted by (namespace, name) */
	struct namespace_object *namespaces;
	struct pod *pods;
	size_t n_policies, n_namespaces, n_pods;
	size_t n_ignored; /* objects of other kinds */
	char **warnings;  /* one line each: file, object, path, what was done about it */
	size_t n_warnings;
	size_t n_unsaid;     /* warnings beyond WARNINGS_MAX, which are not kept */
	struct arena *arena; /* owns everything above */
};

/* objects_init() - Empty. */
void objects_init(struct objects *o);
void objects_free(struct objects *o);

/**
 * objects_read() - Parse one input and add what it holds
 *
 * @source:	name of the input in errors and warnings: a path, or "-"
 * @text:	@len bytes, not terminated
 *
 * Return: 0, or -errno with CNI code 6 or 7 and a message "<source>: NetworkPolicy x/name: spec.ingress[0]...: what".
 */
int objects_read(struct objects *o, const char *source, const char *text, size_t len,
                 struct err *e);

/* objects_finish() - After the last input: sorts, lets later objects replace earlier ones, synthesises labels. */
int objects_finish(struct objects *o, struct err *e);

/* selector_matches() - Do the labels fulfil all requirements? Labels NULL (unknown): only an empty selector. */
bool selector_matches(const struct selector *s, const struct labels *labels);

/* selector_matches_namespace() - The same; what is not known of a namespace fulfils nothing. */
bool selector_matches_namespace(const struct selector *s, const struct namespace_object *ns);

/* objects_namespace() - By name, after objects_finish(); NULL if nobody has told of it. */
const struct namespace_object *objects_namespace(const struct objects *o, const char *name);

/* objects_pod() - By name, after objects_finish(); NULL if there is none. */
const struct pod *objects_pod(const struct objects *o, const char *namespace, const char *name);

/* pod_is_peer() - Does it count as a pod at all: neither finished nor in the node's own network? */
static inline bool pod_is_peer(const struct pod *pod)
{
	return !pod->host_network && !pod->finished;
}

/* pod_port() - Number behind a named port of a pod, 0 if it has none of that name and protocol. */
uint16_t pod_port(const struct pod *pod, const char *name, uint8_t proto);

/* pod_owns() - Of two pods with one address, does @a have it rather than @b? (The newer one that is not being deleted.) */
bool pod_owns(const struct pod *a, const struct pod *b);

#endif
