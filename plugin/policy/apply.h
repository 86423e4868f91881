/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apply.h - put compiled policy in force for all pods of this node at once
 *
 * Under the policy lock, held exclusively (ADD and CHECK hold it shared; DEL and GC hold none):
 *
 *	1. load programs and maps, if somebody needs them and they are not there; larger ones, if the image needs that
 *	2. build the image and the file of verdicts, in memory
 *	3. endpoints: their slot of the other parity; pods that had no endpoint get one, and the programs
 *	4. write the snapshot
 *	5. take the file of verdicts away, put the image in force, raise the generation, put the new file of verdicts
 *
 * What fails before 5 leaves everything as it was. Whoever dies within 5 leaves no file of verdicts, and the next ADD or apply
 * starts over from the snapshot; packets are judged by the old policy or by the new one at any moment.
 */
#ifndef CNIDA_POLICY_APPLY_H
#define CNIDA_POLICY_APPLY_H

#include "base/err.h"
#include "bpf/attach.h"
#include "bpf/loader.h"
#include "policy/image.h"
#include "policy/snapshot.h"
#include "policy/tables.h"
#include "policy/verdicts.h"

#include <stdbool.h>

/* Name of the lock in /run/cnida, and how long one waits for it. */
#define POLICY_LOCK            "policy.lock"
#define POLICY_LOCK_TIMEOUT_MS 10000U

/* What judges the node's pods. */
enum apply_backend {
	APPLY_AUTO, /* what is in force; if nothing is, eBPF, or nftables where that cannot be had */
	APPLY_EBPF,
	APPLY_NFTABLES,
};

struct apply_request;

/*
 * The part of nftables (endpoint/policy_nft_apply.h), which lies in a layer above. With backend eBPF it judges what that
 * leaves to be judged after DNAT; there its failure only means that nothing is left to it.
 */
struct apply_nft {
	/* Is nftables what judges the node's pods now? 1, 0 or -errno. */
	int (*in_force)(void *arg, struct err *e);
	/* Make everything ready. */
	int (*prepare)(void *arg, enum apply_backend backend, const struct apply_request *rq,
	               struct err *e);
	/* Put it in force. */
	int (*commit)(void *arg, struct err *e);
	void *arg;
};

/* A pod of this node. */
struct apply_pod {
	const char *namespace, *name; /* "" if unknown */
	const struct ip_prefix *ips;
	size_t n_ips;
	const char *port;      /* name of the node's end of its link, and of its record */
	int bridge;            /* index of its bridge, 0 if it is routed */
	bool allow_unknown;    /* not isolated as long as no object tells its labels */
	struct endpoint link;  /* everything but the slots */
	bool judged;           /* set by apply(): it had an endpoint before */
	struct verdict before; /* set by apply(): by the file of verdicts, if that was there */
	struct verdict after;  /* set by apply() */
	bool known;            /* set by apply(): its object tells its labels */
};

struct apply_request {
	const struct tables *tables;
	size_t n_policies; /* for status */
	struct apply_pod *pods;
	size_t n_pods;
	enum apply_backend backend;
	const struct apply_nft *nft;
	struct loader_conf loader; /* used if the datapath is not there; image_size is a minimum */
	bool load;                 /* the datapath is wanted even without pods */
	const char *
		text; /* the objects for the snapshot; NULL: it is there already, or none is wanted */
	size_t len;
	int64_t applied; /* seconds since the epoch */
	uint64_t sum;    /* of the snapshot that is there; with @text it is set */
};

struct apply_result {
	bool loaded;     /* the programs are there: the policy is in force */
	bool had_before; /* there was a file of verdicts to compare with */
	struct verdicts_about about;
};

/* apply() - As above. @route: rtnetlink of the node. 0 or -errno. */
int apply(struct apply_request *rq, struct nl_sock *route, struct apply_result *ret, struct err *e);

/* apply_verdict() - How to judge a pod by a file of verdicts. */
struct verdict apply_verdict(const struct verdicts *v, const char *namespace, const char *name,
                             bool allow_unknown, bool *ret_known);

/* apply_slot() - The same as an endpoint has it. */
struct endpoint_slot apply_slot(const struct verdict *v);

#endif
