/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oracle.h - what NetworkPolicy objects mean, answered the slow and obvious way
 *
 * The judge of the compiler and of both back ends: it walks every policy, rule, peer and port of the JSON objects for
 * every question, keeps nothing, and shares no code with plugin/. Where it and the product differ, the API's text
 * decides; never make one agree with the other without reading it.
 *
 * What the API leaves open is decided as the manual says:
 *	- a pod and its own address, a pod and its own node: always allowed;
 *	- a hostNetwork pod is its node: no selector matches it, ipBlocks match its address;
 *	- a finished pod, and one whose labels nobody has told, is isolated in every direction in which a policy of its
 *	  namespace exists, is matched by empty selectors only (as a peer a finished pod by none at all), and has no
 *	  named ports;
 *	- of a namespace without an object only its name is known: selectors that ask for more do not match (nor do
 *	  those that ask for the name, if no other object lies in it either);
 *	- a named port in an egress rule is looked up in the destination pod, and means nothing to an ipBlock;
 *	- ICMP echo needs a rule for all ports;
 *	- a rule with a field that we do not know matches nothing.
 */
#ifndef CNIDA_TEST_POLICY_ORACLE_H
#define CNIDA_TEST_POLICY_ORACLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The world. Borrowed, never changed:
 *	namespaces	{"x": {"labels": {}}}
 *	pods		[{"namespace", "name", "labels", "ips": ["10.0.0.1"], "ports": [{"name", "port", "protocol"}],
 *			"node", "hostNetwork", "phase", "unknown"}]; no "node": on this node
 *	policies	[NetworkPolicy objects]
 */
struct oracle_world {
	const json_t *namespaces, *pods, *policies;
};

/* Both address families in one: IPv4 in the first 4 bytes. */
struct oracle_addr {
	int family; /* 4 or 6 */
	uint8_t b[16];
};

/* One end of a connection: a pod (of the world's), a node, or an address of nobody. */
struct oracle_end {
	const json_t *pod; /* NULL: not a pod */
	const char *node;  /* not NULL: a process on the node of this name ("" is this node) */
	struct oracle_addr addr;
};

enum oracle_direction { ORACLE_INGRESS, ORACLE_EGRESS };

#define ORACLE_ECHO \
	1 /* protocol number of an ICMP echo request, in both families; the port is ignored */

/* oracle_addr() - Parse an address. Return: false if it is none. */
bool oracle_addr(struct oracle_addr *ret, const char *text);

/* oracle_pod() - A pod of the world by name, or NULL. */
const json_t *oracle_pod(const struct oracle_world *w, const char *namespace, const char *name);

/* oracle_end_of() - A pod as an end, by its address of this family. Return: false if it has none. */
bool oracle_end_of(struct oracle_end *ret, const json_t *pod, int family);

/**
 * oracle_direction() - Do the policies of one pod's one direction allow a connection?
 *
 * @pod:	the subject: the destination for ORACLE_INGRESS, the source for ORACLE_EGRESS
 * @peer:	the other end
 * @proto:	IPPROTO_TCP, _UDP, _SCTP or ORACLE_ECHO
 * @port:	the destination's, host order
 */
bool oracle_direction(const struct oracle_world *w, const json_t *pod, enum oracle_direction d,
                      const struct oracle_end *peer, int proto, int port);

/* oracle_isolated() - Is this direction of the pod isolated? */
bool oracle_isolated(const struct oracle_world *w, const json_t *pod, enum oracle_direction d);

/* oracle_allow() - Is a connection possible? Pods on other nodes are peers only: nobody judges for them here. */
bool oracle_allow(const struct oracle_world *w, const struct oracle_end *from,
                  const struct oracle_end *to, int proto, int port);

#endif
