/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_pod.c - one pod in the policy's tables
 */
#include "kernel/ruleset_policy_fill.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* DEL, sync and GC may take out the same pod at once; each time one of them is through. */
#define TAKE_TRIES 4

static int keep_owner(const struct nft_elem_info *el, void *arg, struct err *e)
{
	(void)e;
	(void)snprintf(arg, POLICY_OWNER_MAX + 1, "%s", el->comment);
	return 0;
}

static int keep_id(const struct nft_elem_info *el, void *arg, struct err *e)
{
	(void)e;
	if (el->data)
		memcpy(arg, el->data + sizeof(uint32_t), sizeof(uint32_t));
	return 0;
}

/* 1 if the side has the address as that owner's (NULL: anybody's). */
static int owns(struct nl_sock *s, unsigned int side, const struct ip_addr *a, const char *owner,
                struct err *e)
{
	char found[POLICY_OWNER_MAX + 1] = "";
	uint8_t key[32];
	int r;

	policy_self_key(a, key);
	r = nft_get_elem(s, &policy_table, &policy_sets[side][SET_SELF4 + (a->family == AF_INET6)],
	                 key, keep_owner, found, e);
	if (r <= 0 || !owner)
		return r;
	return strncmp(found, owner, POLICY_OWNER_MAX) == 0;
}

/* What may be there of an address, whatever the ids: each is asked for. */
static int take_what_is_there(struct policy_fill *f, const struct policy_pod *pod, size_t i,
                              bool guard, struct err *e)
{
	struct policy_pod any = *pod;
	struct thing v[THINGS_MAX];
	int taken = 0;
	size_t n;

	any.class = any.ingress = any.egress = 1;
	n = policy_things(f, &any, i, guard, v);
	for (size_t k = 0; k < n; k++) {
		int r = nft_get_elem(f->s, v[k].t, v[k].set, v[k].key, NULL, NULL, e);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		policy_fill_take(f, &v[k]);
		taken++;
	}
	return taken;
}

/* Number of addresses taken out of a side; -ENOENT if somebody else took out some of it meanwhile. */
static int take_from_side(struct nl_sock *s, enum policy_place place, unsigned int side,
                          const struct policy_pod *pod, bool guard, struct err *e)
{
	_uninitialized_ struct policy_fill f;
	int taken = 0, r = 0;

	policy_fill_begin(&f, s, place, side, true);
	for (size_t i = 0; r >= 0 && i < pod->n_ips; i++) {
		r = owns(s, side, &pod->ips[i].addr, pod->owner, e);
		if (r > 0)
			r = take_what_is_there(&f, pod, i, guard, e);
		taken += r > 0;
	}
	if (r >= 0)
		r = policy_fill_end(&f, e);
	return r < 0 ? r : taken;
}

/*
 * What the source check has of a pod that is in neither side: of a side that was filled and then emptied without a switch. The keys
 * begin with the name of its port, so it is nobody else's. As take_from_side().
 */
static int take_guard(struct nl_sock *s, enum policy_place place, const struct policy_pod *pod,
                      struct err *e)
{
	_uninitialized_ struct policy_fill f;
	struct thing v[THINGS_MAX];

	policy_fill_begin(&f, s, place, 0, true);
	for (size_t i = 0; i < pod->n_ips; i++) {
		const size_t n = policy_things(&f, pod, i, true, v);

		/* They come last. */
		for (size_t k = policy_things(&f, pod, i, false, v); k < n; k++) {
			int r = nft_get_elem(s, v[k].t, v[k].set, v[k].key, NULL, NULL, e);

			if (r < 0)
				return r;
			if (r > 0)
				policy_fill_take(&f, &v[k]);
		}
	}
	return policy_fill_end(&f, e);
}

int ruleset_policy_take_pod(struct nl_sock *s, enum policy_place place,
                            const struct policy_pod *pod, struct err *e)
{
	struct err mine;
	int taken = 0, r = -ENOENT;

	for (unsigned int side = 0; side < 2; side++) {
		r = -ENOENT;
		for (unsigned int tries = 0; r == -ENOENT && tries < TAKE_TRIES; tries++)
			r = take_from_side(s, place, side, pod, taken == 0, &mine);
		if (r < 0) {
			*e = mine;
			return r;
		}
		taken += r;
	}
	if (taken > 0)
		return 1;
	r = -ENOENT;
	for (unsigned int tries = 0; r == -ENOENT && tries < TAKE_TRIES; tries++)
		r = take_guard(s, place, pod, &mine);
	if (r < 0)
		*e = mine;
	return r < 0 ? r : 0;
}

static void begin_pod(struct policy_fill *f, struct nl_sock *s, enum policy_place place,
                      unsigned int side, const struct policy_allowed *allowed, size_t n_things)
{
	policy_fill_begin(f, s, place, side, false);
	if (allowed)
		allowed->fill(f, allowed->arg);
	policy_fill_whole(f, n_things);
}

/* EEXIST: a peer of another node had the address, or an owner that is gone. */
static int replace_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                       const struct policy_pod *pod, const struct policy_allowed *allowed,
                       struct err *e)
{
	_uninitialized_ struct policy_fill f;
	int r = 0;

	begin_pod(&f, s, place, side, allowed, 2 * pod->n_ips * THINGS_MAX);
	for (size_t i = 0; r >= 0 && i < pod->n_ips; i++)
		r = take_what_is_there(&f, pod, i, true, e);
	if (r < 0)
		return r;
	policy_fill_pod(&f, pod, true);
	return policy_fill_end(&f, e);
}

int ruleset_policy_put_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, const struct policy_allowed *allowed,
                           struct err *e)
{
	_uninitialized_ struct policy_fill f;
	struct err mine;
	int r;

	begin_pod(&f, s, place, side, allowed, pod->n_ips * THINGS_MAX);
	policy_fill_pod(&f, pod, true);
	r = policy_fill_end(&f, &mine);
	if (r == -EEXIST)
		r = replace_pod(s, place, side, pod, allowed, &mine);
	if (r < 0 && r != -ENOENT)
		*e = mine;
	return r;
}

int ruleset_policy_change_mac(struct nl_sock *s, const struct policy_pod *pod,
                              const uint8_t old[static 6], struct err *e)
{
	struct thing was[THINGS_MAX], is[THINGS_MAX];
	_uninitialized_ struct policy_fill f;
	struct policy_pod before = *pod;

	memcpy(before.mac, old, sizeof(before.mac));
	policy_fill_begin(&f, s, POLICY_FORWARD, 0, true);
	for (size_t i = 0; i < pod->n_ips; i++) {
		/* Those of the source check come last. */
		size_t k = policy_things(&f, pod, i, false, is), n;

		(void)policy_things(&f, &before, i, true, was);
		for (n = policy_things(&f, pod, i, true, is); k < n; k++) {
			int r = nft_get_elem(s, was[k].t, was[k].set, was[k].key, NULL, NULL, e);

			if (r < 0)
				return r;
			if (r == 0 || memcmp(was[k].key, is[k].key, was[k].set->key_len) == 0)
				continue;
			policy_fill_take(&f, &was[k]);
			policy_fill_put(&f, &is[k], NULL);
		}
	}
	return policy_fill_end(&f, e);
}

int ruleset_policy_has_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, const char **ret_missing, struct err *e)
{
	const struct policy_fill f = { .place = place, .side = side & 1 };
	struct thing v[THINGS_MAX];

	for (size_t i = 0; i < pod->n_ips; i++) {
		size_t n = policy_things(&f, pod, i, true, v);

		for (size_t k = 0; k < n; k++) {
			uint32_t id = 0;
			int r = nft_get_elem(s, v[k].t, v[k].set, v[k].key, keep_id, &id, e);

			*ret_missing = v[k].set->name;
			if (r <= 0 || (v[k].is_map && id != v[k].id))
				return r < 0 ? r : 0;
		}
	}
	return 1;
}

struct pod_walk {
	int (*fn)(const struct ip_addr *addr, const char *owner, void *arg, struct err *e);
	void *arg;
	sa_family_t family;
};

static int one_pod(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct pod_walk *w = arg;
	struct ip_addr a = { .family = w->family };

	memcpy(a.bytes, el->key, ip_size(w->family));
	return w->fn(&a, el->comment, w->arg, e);
}

int ruleset_policy_each_pod(struct nl_sock *s, unsigned int side,
                            int (*fn)(const struct ip_addr *addr, const char *owner, void *arg,
                                      struct err *e),
                            void *arg, struct err *e)
{
	struct pod_walk w = { .fn = fn, .arg = arg, .family = AF_INET };
	int r = nft_each_elem(s, &policy_table, &policy_sets[side & 1][SET_SELF4], one_pod, NULL,
	                      &w, e);

	w.family = AF_INET6;
	return r < 0 ? r
	             : nft_each_elem(s, &policy_table, &policy_sets[side & 1][SET_SELF6], one_pod,
	                             NULL, &w, e);
}

struct guard_walk {
	int (*fn)(const struct ip_addr *addr, const char *port, const uint8_t mac[static 6],
	          void *arg, struct err *e);
	void *arg;
	sa_family_t family;
};

static int one_guarded(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct guard_walk *w = arg;
	struct ip_addr a = { .family = w->family };
	struct guard_key key = { .port = "" };

	memcpy(&key, el->key, offsetof(struct guard_key, addr) + ip_size(w->family));
	key.port[sizeof(key.port) - 1] = '\0';
	memcpy(a.bytes, key.addr, ip_size(w->family));
	return w->fn(&a, key.port, key.mac, w->arg, e);
}

int ruleset_policy_each_guarded(struct nl_sock *s,
                                int (*fn)(const struct ip_addr *addr, const char *port,
                                          const uint8_t mac[static 6], void *arg, struct err *e),
                                void *arg, struct err *e)
{
	const struct nft_table *const tables[] = { &policy_table, &policy_bridge_table };
	struct guard_walk w = { .fn = fn, .arg = arg };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(tables); i++) {
		w.family = AF_INET;
		r = nft_each_elem(s, tables[i], &policy_guard4, one_guarded, NULL, &w, e);
		w.family = AF_INET6;
		if (r == 0)
			r = nft_each_elem(s, tables[i], &policy_guard6, one_guarded, NULL, &w, e);
	}
	return r;
}

int ruleset_policy_list(struct nl_sock *s, unsigned int side, uint32_t set, uint32_t class,
                        uint32_t *ret_list, struct err *e)
{
	const uint32_t key[2] = { set, class };

	return nft_get_elem(s, &policy_table, &policy_sets[side & 1][SET_CELLS], key, keep_id,
	                    ret_list, e);
}
