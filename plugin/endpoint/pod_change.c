/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pod_change.c - a chained plugin changes an attachment of ours: whatever guards or judges the pod follows
 *
 * The record is written first. Whoever puts a policy in force meanwhile holds the policy lock and has read the record either
 * before, then we change what it wrote when we get the lock, or after, then there is nothing left to do.
 */
#include "endpoint/pod_change.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "endpoint/elements.h"
#include "endpoint/extra_record.h"
#include "endpoint/policy_nft.h"
#include "endpoint/policy_node.h"

#include <errno.h>
#include <string.h>

/* Every new generation looks at the endpoints again: flows that were opened meanwhile too. */
static int change_endpoint(const struct record *r, struct err *e)
{
	_cleanup_datapath_ struct datapath d = DATAPATH_CLOSED;
	struct ip_addr ips[RECORD_IPS_MAX];
	const uint32_t ifindex = if_nametoindex(r->name);
	const struct in6 key = datapath_link_key(ifindex);
	struct endpoint ep;
	int x = ifindex && policy_is_loaded() ? datapath_open(&d, e) : 0;

	if (x > 0)
		x = datapath_get(&d, &key, &ep, e);
	if (x <= 0)
		return x;
	(void)mac_parse(r->mac, ep.mac);
	if (extra_record_exists(EXTRA_BANDWIDTH, r->name))
		ep.flags |= ENDPOINT_SHAPED;
	for (size_t i = 0; i < r->n_ips; i++)
		ips[i] = r->ips[i].addr;
	x = datapath_put(&d, &ep, ips, r->n_ips, e);
	return x < 0 ? x : datapath_raise(&d, e);
}

/* 1 if the pods of this node are judged by nftables, 0 or -errno. */
static int judged_by_nftables(struct err *e)
{
	struct verdicts v;
	int x = verdicts_open(&v, e);

	if (x < 0)
		return x == -ENOENT ? 0 : x;
	x = v.about.backend == APPLY_NFTABLES;
	verdicts_close(&v);
	return x;
}

/* @old: the MAC address that it had; NULL if that has not changed. */
static int change_policy(const struct record *r, const uint8_t *old, struct err *e)
{
	_cleanup_close_ int lock = -1;
	int x;

	/* Whoever applies a policy for the first time will read the record as it is now. */
	if (!*r->policy || access(RUN_DIR "/" POLICY_LOCK, F_OK) < 0)
		return 0;
	lock = policy_lock(true, e);
	if (lock < 0)
		return lock;
	x = change_endpoint(r, e);
	if (x == 0 && old)
		x = judged_by_nftables(e);
	return x <= 0 ? x : policy_nft_change_mac(r, old, e);
}

static int change_mac(const struct record *r, const uint8_t old[static 6], struct err *e)
{
	int x = record_write(r, e);

	if (x == 0)
		x = elements_change_mac(r, old, e);
	return x < 0 ? x : change_policy(r, old, e);
}

int pod_change_mac(const char *name, const uint8_t mac[static 6], struct err *e)
{
	struct record r;
	uint8_t old[6] = { 0 };
	struct err lost;
	int x = record_read(name, &r, e);

	if (x < 0)
		return x == -ENOENT ? 0 : x;
	if (mac_parse(r.mac, old) && memcmp(old, mac, sizeof(old)) == 0)
		return 0;
	(void)mac_format(mac, r.mac);
	x = change_mac(&r, old, e);
	if (x == 0)
		return 0;
	(void)mac_format(old, r.mac);
	if (change_mac(&r, mac, &lost) < 0)
		log_warn("%s: its MAC address could not be changed, nor what was changed for it: %s",
		         name, lost.msg);
	return x;
}

int pod_change_limits(const char *name, struct err *e)
{
	struct record r;
	int x = record_read(name, &r, e);

	if (x < 0)
		return x == -ENOENT ? 0 : x;
	return change_policy(&r, NULL, e);
}
