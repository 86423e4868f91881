/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_nft_sweep.c - pods in nftables that nobody took out: their link is gone
 */
#include "endpoint/policy_nft.h"

#include "base/cleanup.h"
#include "kernel/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pod's address whose link is gone. */
struct stale {
	struct ip_prefix addr;
	char owner[IFNAMSIZ]; /* the name of its port too */
	uint8_t mac[6];       /* as the source check knows it; zero if that knows nothing */
};

struct sweep {
	struct nl_sock *nft, *route;
	struct stale *v;
	size_t n;
};

static struct stale *find_in(struct sweep *s, const struct ip_addr *addr, const char *owner)
{
	for (size_t i = 0; i < s->n; i++) {
		if (ip_eq(&s->v[i].addr.addr, addr) && strcmp(s->v[i].owner, owner) == 0)
			return &s->v[i];
	}
	return NULL;
}

/* Of both sides and of the source check: one finding. 0 or -errno; *ret: NULL if the link is there. */
static int note_stale(struct sweep *s, const struct ip_addr *addr, const char *owner,
                      struct stale **ret, struct err *e)
{
	int r = link_exists(s->route, owner, e);
	void *more;

	*ret = r == 0 ? find_in(s, addr, owner) : NULL;
	if (r != 0 || *ret)
		return r < 0 ? r : 0;
	more = reallocarray(s->v, s->n + 1, sizeof(*s->v));
	if (!more)
		return err_sys(e, ENOMEM, "sweep network policy");
	s->v = more;
	*ret = &s->v[s->n++];
	**ret = (struct stale) { .addr = prefix_host(addr) };
	(void)snprintf((*ret)->owner, sizeof((*ret)->owner), "%s", owner);
	return 0;
}

static int find_stale(const struct ip_addr *addr, const char *owner, void *arg, struct err *e)
{
	struct stale *found;

	return note_stale(arg, addr, owner, &found, e);
}

static int find_guarded(const struct ip_addr *addr, const char *port, const uint8_t mac[static 6],
                        void *arg, struct err *e)
{
	struct stale *found;
	int r = note_stale(arg, addr, port, &found, e);

	if (r == 0 && found)
		memcpy(found->mac, mac, sizeof(found->mac));
	return r;
}

static int take_stale(struct sweep *s, bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < s->n; i++) {
		struct policy_pod pod = { .ips = &s->v[i].addr,
			                  .n_ips = 1,
			                  .owner = s->v[i].owner,
			                  .port = s->v[i].owner };
		char text[IP_STR_MAX], what[128];

		memcpy(pod.mac, s->v[i].mac, sizeof(pod.mac));
		(void)snprintf(what, sizeof(what), "network policy of %s",
		               ip_format(&s->v[i].addr.addr, text));
		if (seen)
			seen(what, "its link is gone", arg);
		/* What was it? As a bridged pod first: with its addresses goes what a bridge has of its port. */
		for (int bridged = 1; r >= 0 && !dry_run && bridged >= 0; bridged--) {
			pod.bridged = bridged;
			r = ruleset_policy_take_pod(s->nft, POLICY_FORWARD, &pod, e);
		}
	}
	return r;
}

int policy_nft_sweep(struct nl_sock *route, bool dry_run, gc_seen_fn seen, void *arg, struct err *e)
{
	_cleanup_nl_ struct nl_sock nft = { .fd = -1 };
	struct sweep s = { .nft = &nft, .route = route };
	int r = nl_open(NETLINK_NETFILTER, &nft, e);

	for (unsigned int side = 0; r == 0 && side < 2; side++)
		r = ruleset_policy_each_pod(&nft, side, find_stale, &s, e);
	if (r == 0)
		r = ruleset_policy_each_guarded(&nft, find_guarded, &s, e);
	if (r == 0)
		r = take_stale(&s, dry_run, seen, arg, e);
	free(s.v);
	return r < 0 ? r : (int)s.n;
}
