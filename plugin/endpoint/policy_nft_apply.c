/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft_apply.c - the part of nftables in policy/apply.h
 */
#include "endpoint/policy_nft_apply.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int in_force(void *arg, struct err *e)
{
	enum policy_place place;
	int r = policy_nft_place(&place, e);

	(void)arg;
	return r <= 0 ? r : place == POLICY_FORWARD;
}

static struct policy_nft_pod pod_of(const struct apply_pod *pod)
{
	struct policy_nft_pod p = {
		.port = pod->port,
		.ips = pod->ips,
		.n_ips = pod->n_ips,
		.bridged = pod->bridge != 0,
		.recorded = true,
		.verdict = pod->after.pod,
	};

	memcpy(p.mac, pod->link.mac, sizeof(p.mac));
	return p;
}

/* Mostly there is one bridge. */
static int ready_bridges(struct policy_nft_apply *n, const struct apply_request *rq, struct err *e)
{
	int last = 0, r = 0;

	for (size_t i = 0; r == 0 && i < rq->n_pods; i++) {
		if (rq->pods[i].bridge != 0 && rq->pods[i].bridge != last)
			r = policy_nft_bridge(n->route, rq->pods[i].bridge, e);
		last = rq->pods[i].bridge;
	}
	return r;
}

static int prepare(void *arg, enum apply_backend backend, const struct apply_request *rq,
                   struct err *e)
{
	const enum policy_place place =
		backend == APPLY_NFTABLES ? POLICY_FORWARD : POLICY_AFTER_DNAT;
	struct policy_nft_apply *n = arg;
	_cleanup_free_ struct policy_nft_pod *pods = calloc(rq->n_pods + 1, sizeof(*pods));
	int r;

	if (!pods)
		return err_sys(e, ENOMEM, "put network policy into nftables");
	for (size_t i = 0; i < rq->n_pods; i++)
		pods[i] = pod_of(&rq->pods[i]);
	r = place == POLICY_FORWARD ? ready_bridges(n, rq, e) : 0;
	return r < 0 ? r
	             : policy_nft_prepare(&n->nft, place, n->route, rq->tables, pods, rq->n_pods,
	                                  e);
}

static int commit(void *arg, struct err *e)
{
	struct policy_nft_apply *n = arg;

	return policy_nft_commit(&n->nft, e);
}

void policy_nft_apply_init(struct policy_nft_apply *n, struct nl_sock *route)
{
	*n = (struct policy_nft_apply) {
		.callbacks = { in_force, prepare, commit, n },
		.route = route,
	};
	n->nft = (struct policy_nft)POLICY_NFT_CLOSED;
}

void policy_nft_apply_end(struct policy_nft_apply *n)
{
	policy_nft_close(&n->nft);
}
