/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.h - compiled policy: what the back ends (eBPF image, nftables) are made from
 *
 * A *class* stands for all peers that no rule can tell apart: pods with the same labels as far as selectors look
 * (and the same named ports as far as egress rules name them), addresses in the same ipBlocks. Class 0 is "any peer".
 * A *set* is what judges one direction of a pod: the union of the rules of all policies that select it, named
 * ports resolved for it; pods with equal rules share it. Set 0: not isolated. Set 1 always exists: isolated, allows
 * nothing.
 * A *cell* (set, class) lists the ports that the set allows this class. A peer is judged by up to three cells, of its
 * pod class, of the class of its address's ipBlocks, and of class 0; any that holds the port allows. There is no deny.
 *
 * An address in an ipBlock may be a pod's: both classes count (a pod is a peer by labels AND by address).
 */
#ifndef CNIDA_POLICY_TABLES_H
#define CNIDA_POLICY_TABLES_H

#include "base/err.h"
#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SET_OPEN  0U
#define SET_DENY  1U
#define CLASS_ANY 0U

#define TABLES_CELLS_MAX (1U << 22)

enum direction { INGRESS, EGRESS };

/* Ports that are allowed. proto 0: everything, any protocol, ICMP too (then the list has this one entry). */
struct port_range {
	uint8_t proto;        /* IPPROTO_TCP, _UDP, _SCTP, or 0 */
	uint16_t first, last; /* inclusive, host order */
};

/* Sorted by (proto, first), disjoint and not adjacent. Equal lists are one list. */
struct port_list {
	uint32_t first; /* index into tables.ranges */
	uint32_t n;
};

struct cell {
	uint32_t set, class;
	uint32_t ports; /* index into tables.lists */
};

/* How a pod is judged and what it is as a peer. */
struct pod_verdict {
	uint32_t class;  /* never CLASS_ANY */
	uint32_t set[2]; /* by enum direction */
};

struct pod_entry {
	const char *namespace, *name; /* owned by the objects that were compiled */
	struct pod_verdict verdict;
};

/* A pod whose labels nobody has told: it is isolated in each direction in which a policy of its namespace exists. */
struct namespace_entry {
	const char *name;
	struct pod_verdict unknown;
};

/* Address of a pod as its object says. Whether the pod runs here the back end knows, from the endpoint records. */
struct host_entry {
	struct ip_addr addr;
	uint32_t pod;   /* index into tables.pods */
	uint32_t class; /* its verdict's */
};

/* ipBlocks cut into disjoint ranges: from @first up to the next entry's first (or the family's last address). */
struct block_entry {
	struct ip_addr first;
	uint32_t class; /* CLASS_ANY here means: in no block at all */
};

struct tables {
	struct port_range *ranges;
	struct port_list *lists;
	struct cell *cells; /* sorted by (set, class), each pair once, no empty list */
	/* Sorted by (namespace, name); without hostNetwork and finished pods. */
	struct pod_entry *pods;
	/* Sorted by name: each that has a Namespace, Pod or NetworkPolicy object. */
	struct namespace_entry *namespaces;
	/* Sorted by address, each address once (the newest pod has it). */
	struct host_entry *hosts;
	/* IPv4, IPv6; the first starts at zero; empty if there are no blocks. */
	struct block_entry *blocks[2];
	size_t n_ranges, n_lists, n_cells, n_pods, n_namespaces, n_hosts, n_blocks[2];
	uint32_t n_sets, n_classes; /* ids are below these */
	/* Of a pod whose namespace nobody has told: not isolated by any policy, matches no selector but "all namespaces". */
	struct pod_verdict stranger;
};

void tables_free(struct tables *t);

/* What sets allow: a part of the tables, or of a file of verdicts (verdicts.h). Borrowed. */
struct cells {
	const struct cell *v; /* sorted as above */
	const struct port_list *lists;
	const struct port_range *ranges;
	size_t n, n_lists, n_ranges;
};

struct cells tables_cells(const struct tables *t);
/* cells_of_set() - The cells of a set, one behind the other, *ret_n of them. */
const struct cell *cells_of_set(const struct cells *c, uint32_t set, size_t *ret_n);
/* cells_ports() - The ports of a list, *ret_n ranges; none if it does not lie within (that of a damaged file). */
const struct port_range *cells_ports(const struct cells *c, uint32_t list, size_t *ret_n);

/* tables_pod() - The verdict of a pod by name, of its namespace's unknown pods, or of strangers. Never NULL. */
const struct pod_verdict *tables_pod(const struct tables *t, const char *namespace,
                                     const char *name);

/* tables_block() - Class of the ipBlocks that the address lies in; CLASS_ANY if none. */
uint32_t tables_block(const struct tables *t, const struct ip_addr *addr);

/* tables_allow() - Does @set allow a peer of this class (one cell only) this protocol and port (host order)? */
bool tables_allow(const struct tables *t, uint32_t set, uint32_t class, uint8_t proto,
                  uint16_t port);

#endif
