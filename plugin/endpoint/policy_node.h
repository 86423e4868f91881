/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_node.h - the policy of the whole node: put in force for all pods that
 * the records tell of
 */
#ifndef CNIDA_ENDPOINT_POLICY_NODE_H
#define CNIDA_ENDPOINT_POLICY_NODE_H

#include "base/err.h"
#include "endpoint/record_list.h"
#include "kernel/netlink.h"
#include "policy/apply.h"
#include "policy/object.h"

/* The pods of this node that are to be judged and have a link. */
struct policy_pods {
	struct record_list records; /* those behind v */
	struct apply_pod *v;
	size_t n;
};

/* policy_pods_collect() - From records and links; slow path. Free with
 * policy_pods_free(). */
int policy_pods_collect(struct nl_sock *host, struct policy_pods *ret, struct err *e);
void policy_pods_free(struct policy_pods *pods);

/* policy_endpoint() - What the endpoint map says of a pod but for the slots.
 * @bridge_mac: NULL for a routed pod. */
struct endpoint policy_endpoint(const struct record *r, int ifindex, const uint8_t *bridge_mac);

/* policy_loader() - How to load the datapath: sizes as configured (0: default).
 */
struct loader_conf policy_loader(uint32_t flows, uint32_t endpoints, bool fastpath);

/* policy_is_loaded() - May there be a datapath? One system call; unlike
 * datapath_open() it leaves no trace where there is none. */
bool policy_is_loaded(void);

/* policy_lock() - The lock of apply.h: descriptor, or -errno (-EAGAIN, code
 * 11). */
int policy_lock(bool shared, struct err *e);

/**
 * policy_apply() - Objects become the node's policy: compiled, stored, in force
 *
 * @objects:	finished
 * @pods:	the pods concerned, with what changed; free with
 * policy_pods_free()
 * @ret:	what is in force now
 *
 * Takes the lock. Return: 0 or -errno; on failure the policy is what it was
 * (see apply.h).
 */
int policy_apply(const struct objects *objects, const struct loader_conf *loader,
                 struct policy_pods *pods, struct apply_result *ret, struct err *e);

/**
 * policy_load() - Put the snapshot in force: after a boot, or when something of
 * it got lost
 *
 * The lock must be held exclusively. Without a snapshot: a policy that isolates
 * nobody.
 *
 * Return: 0; -EBADMSG with code 11 and what to do for a damaged snapshot; or
 * another -errno.
 */
int policy_load(enum apply_backend backend, const struct loader_conf *loader, struct err *e);

/* policy_clear() - No policy any more: all pods are let go, programs, maps and
 * snapshot go away. Takes the lock. Returns how many pods were let go, or
 * -errno. */
int policy_clear(struct err *e);

#endif
