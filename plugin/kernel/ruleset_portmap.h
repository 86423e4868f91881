/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_portmap.h - host ports: what a connection to the node is sent on to, as elements of maps
 *
 *	table inet cnida_hostport	only there once a pod has a host port
 *
 *	map hostport4 / 6	{ protocol . address of the node . port : pod . port }
 *	map hostport_any4 / 6	{ protocol . port : pod . port }, looked at after the first
 *	map hairpin4 / 6	{ protocol . pod . port : goto the chain that knows whose connections are masqueraded }
 *	chain from_10.244.0.0/24	the pod's prefix, itself included, and 127.0.0.1. One for each prefix that pods have.
 *	chain self		the same for pods whose prefix is a single address: set self4 / 6 { pod . pod }
 *	chain everybody		masqAll
 *	set reached4 / 6	addresses of the node that were the destination: filled by the rules
 *	chain guard		what comes from outside with an address in 127/8 is dropped
 *
 * Chains and rules are made once. A connection costs two lookups on its way in, whatever the number of mappings.
 *
 * Masquerade without a mark: a connection that was sent on is recognised behind the routing by "destination was
 * translated", "it was addressed to the node" (reached) and "it goes to the pod's side of a mapping" (hairpin).
 * The second tells our translation from that of a Service, whose clients must keep their addresses. So no bit of
 * the packet mark is used, and none can collide with those of kube-proxy, a VPN or policy routing.
 */
#ifndef CNIDA_KERNEL_RULESET_PORTMAP_H
#define CNIDA_KERNEL_RULESET_PORTMAP_H

#include "kernel/ruleset.h"

/* Whose connections to a host port get the node's address. */
enum hostport_snat {
	HOSTPORT_SNAT_NONE, /* nobody's */
	HOSTPORT_SNAT_LOCAL, /* those from the pod's prefix and from 127.0.0.1: the answer would take another way */
	HOSTPORT_SNAT_ALL, /* everybody's */
};

struct hostport {
	uint8_t proto;           /* IPPROTO_TCP, _UDP, _SCTP */
	uint16_t port, pod_port; /* host order */
	struct ip_addr addr;     /* of the node, in the pod's family; AF_UNSPEC: any */
	struct ip_prefix pod;
};

/* hostport_cmp() - Order by pod, protocol and the pod's port, then the rest: what shares an element is together. */
int hostport_cmp(const struct hostport *a, const struct hostport *b);

/**
 * ruleset_add_hostports() - Put in all, or none of them
 * @v:		sorted by hostport_cmp(), without duplicates
 * @owner:	comment of the elements, cut at RULESET_COMMENT_MAX
 *
 * Many go in several transactions; callers that add and remove do so under one lock.
 *
 * Return: 0, -EEXIST if one of them (or the masquerade of one) is there already, -ENOENT if there is no table
 * (create it), another -errno.
 */
int ruleset_add_hostports(struct nl_sock *s, const struct hostport *v, size_t n,
                          enum hostport_snat snat, const char *owner, struct err *e);

/* ruleset_take_hostports() - Remove what is there of them with that owner. Number of elements removed, or -errno. */
int ruleset_take_hostports(struct nl_sock *s, const struct hostport *v, size_t n, const char *owner,
                           struct err *e);

/**
 * ruleset_find_hostport() - Who has a host port, and where does it lead to?
 * @key:	proto, port, addr; of pod only the family
 * @ret:	the whole, with the pod's address alone as its prefix; NULL allowed
 * @ret_owner:	RULESET_COMMENT_MAX + 1 bytes; NULL allowed
 *
 * Return: 1, 0 (also without a table) or -errno.
 */
int ruleset_find_hostport(struct nl_sock *s, const struct hostport *key, struct hostport *ret,
                          char *ret_owner, struct err *e);

/* ruleset_has_hostport_snat() - Is it masqueraded so, and is the chain there? 1 (always for HOSTPORT_SNAT_NONE), 0 or -errno. */
int ruleset_has_hostport_snat(struct nl_sock *s, const struct hostport *hp, enum hostport_snat snat,
                              char *ret_owner, struct err *e);

/* ruleset_each_hostport() - Dump all, with their owners: for GC and doctor. If they change meanwhile, some may come
 * twice. The pod's prefix is its address alone. */
int ruleset_each_hostport(struct nl_sock *s,
                          int (*fn)(const struct hostport *hp, const char *owner, void *arg,
                                    struct err *e),
                          void *arg, struct err *e);

#endif
