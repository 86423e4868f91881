/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_local.c - the host-local IPAM: one address from each range set, round robin
 *
 * An ADD holds the store's lock from its first look to its last reservation (upstream lets it go
 * between sets), so a concurrent ADD sees all addresses of an owner or none.
 *
 * A pool counts as empty only after the folder was read again and the dead owners were swept, once
 * per ADD: the address that is missing may have been given back by somebody else, or belong to a
 * pod of before the power cut.
 */
#include "ipam/host_local.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "ipam/resolv_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define OWNED_MAX    64
#define NAMED_OWNERS 3 /* in the details of an exhaustion */
#define NONE_FREE    1 /* not -ENOSPC, which is a full disk */

/* One ADD under way. */
struct add {
	const struct request *req;
	const struct host_local *cfg;
	const struct sweep_ops *ops;
	struct store_owner owner;
	struct store *store;
	struct ip_addr wanted[RESULT_IPS_MAX]; /* requested addresses that no set has served yet */
	size_t n_wanted;
	struct ip_addr taken[RANGE_SETS_MAX];
	size_t n_taken;
	bool swept;
};

static struct store_owner owner_of(const struct request *req)
{
	return (struct store_owner) { .container_id = req->container_id,
		                      .ifname = req->ifname,
		                      .netns = req->netns };
}

/* ---- finding an address ---- */

/* Reserve the first free address of [from, last]; 0, NONE_FREE or -errno. */
static int take_between(struct add *a, const struct range *r, struct ip_addr from,
                        const struct ip_addr *last, struct ip_addr *ret, struct err *e)
{
	while (ip_cmp(&from, last) <= 0 && store_next_free(a->store, &from, last, ret)) {
		if (!ip_eq(ret, &r->gateway)) {
			int res = store_reserve(a->store, ret, &a->owner, e);

			if (res != -EEXIST)
				return res;
		}
		if (ip_eq(ret, last))
			break;
		from = ip_next(ret);
	}
	return NONE_FREE;
}

/* Once around the set, beginning behind the address that was handed out last, so that an address
 * rests as long as possible before it is used again. */
static int take_round_robin(struct add *a, unsigned int set_no, struct ip_addr *ret, struct err *e)
{
	const struct range_set *set = &a->cfg->sets[set_no];
	const struct range *r;
	struct ip_addr last;
	size_t start = 0;
	int res;

	r = store_last_get(a->store, set_no, &last) ? range_set_find(set, &last) : NULL;
	if (r) {
		start = (size_t)(r - set->v);
		if (!ip_eq(&last, &r->end)) {
			res = take_between(a, r, ip_next(&last), &r->end, ret, e);
			if (res != NONE_FREE)
				return res;
		}
	}
	for (size_t i = r ? 1 : 0; i < set->n; i++) {
		const struct range *next = &set->v[(start + i) % set->n];

		res = take_between(a, next, next->start, &next->end, ret, e);
		if (res != NONE_FREE)
			return res;
	}
	return r ? take_between(a, r, r->start, &last, ret, e) : NONE_FREE;
}

/* Who has the first addresses of a set that is full: what an operator wants to know next. */
static void name_owners(struct add *a, const struct range_set *set, struct err *e)
{
	char text[ERR_DETAILS_MAX - 64] = "", addr[IP_STR_MAX];
	struct ip_addr cur = set->v[0].start;
	struct store_entry entry;
	size_t used = 0;
	int named = 0;

	for (int i = 0;
	     i < 2 * NAMED_OWNERS && named < NAMED_OWNERS && range_contains(&set->v[0], &cur);
	     i++, cur = ip_next(&cur)) {
		int n;

		if (store_read(a->store, &cur, &entry) < 0 || !*entry.container_id)
			continue;
		n = snprintf(text + used, sizeof(text) - used, "%s%s has %s", named ? ", " : "",
		             entry.container_id, ip_format(&cur, addr));
		if (n < 0 || (size_t)n >= sizeof(text) - used)
			break;
		used += (size_t)n;
		named++;
	}
	(void)err_details(e, "%ld addresses are taken in %s; %s%s", store_count(a->store),
	                  a->store->path, text, named == NAMED_OWNERS ? ", ..." : "");
}

static int take_any(struct add *a, unsigned int set_no, struct ip_addr *ret, struct err *e)
{
	const struct range_set *set = &a->cfg->sets[set_no];
	char text[512];
	int r = take_round_robin(a, set_no, ret, e);

	if (r == NONE_FREE) {
		r = store_refresh(a->store, e);
		r = r < 0 ? r : take_round_robin(a, set_no, ret, e);
	}
	if (r == NONE_FREE && a->ops && !a->swept) {
		a->swept = true;
		r = sweep_run(a->store, a->ops, false, NULL, NULL, e);
		r = r < 0 ? r : take_round_robin(a, set_no, ret, e);
	}
	if (r != NONE_FREE)
		return r;
	r = err_set(e, CNI_E_INTERNAL, ENOSPC, "no IP addresses available in range set: %s",
	            range_set_format(set, text, sizeof(text)));
	name_owners(a, set, e);
	return r;
}

static int take_requested(struct add *a, const struct range_set *set, const struct ip_addr *addr,
                          struct err *e)
{
	char text[512], ip[IP_STR_MAX];
	int r;

	if (ip_eq(addr, &range_set_find(set, addr)->gateway))
		return err_set(e, CNI_E_INTERNAL, 0, "requested ip %s is subnet's gateway",
		               ip_format(addr, ip));
	r = store_reserve(a->store, addr, &a->owner, e);
	/* A pod with an address of its own comes back after a power cut: its former self has it. */
	if (r == -EEXIST && a->ops) {
		r = sweep_addr(a->store, addr, a->ops, e);
		if (r >= 0)
			r = r ? store_reserve(a->store, addr, &a->owner, e) : -EEXIST;
	}
	if (r != -EEXIST)
		return r;
	return err_set(e, CNI_E_INTERNAL, EEXIST,
	               "requested IP address %s is not available in range set %s",
	               ip_format(addr, ip), range_set_format(set, text, sizeof(text)));
}

/* ---- ADD ---- */

/* An owner gets one address per set, also when it asks for a second one by name; asking for the
 * same one again fails as "not available". */
static int check_duplicate(struct add *a, const struct range_set *set, const struct ip_addr *wanted,
                           const struct ip_addr *owned, size_t n_owned, struct err *e)
{
	char ip[IP_STR_MAX];

	for (size_t i = 0; i < n_owned; i++)
		if (range_set_find(set, &owned[i]) && !(wanted && ip_eq(wanted, &owned[i])))
			return err_set(
				e, CNI_E_INTERNAL, EEXIST,
				"%s has been allocated to %s, duplicate allocation is not allowed",
				ip_format(&owned[i], ip), a->owner.container_id);
	return 0;
}

/* The first requested address that lies in the set is this set's; it is taken off the list. */
static bool pick_wanted(struct add *a, const struct range_set *set, struct ip_addr *ret)
{
	for (size_t i = 0; i < a->n_wanted; i++) {
		if (!range_set_find(set, &a->wanted[i]))
			continue;
		*ret = a->wanted[i];
		memmove(&a->wanted[i], &a->wanted[i + 1],
		        (a->n_wanted - i - 1) * sizeof(a->wanted[0]));
		a->n_wanted--;
		return true;
	}
	return false;
}

static int take_from_set(struct add *a, unsigned int set_no, const struct ip_addr *owned,
                         size_t n_owned, struct err *e)
{
	const struct range_set *set = &a->cfg->sets[set_no];
	struct ip_addr wanted, got;
	bool has_wanted = pick_wanted(a, set, &wanted);
	int r = check_duplicate(a, set, has_wanted ? &wanted : NULL, owned, n_owned, e);

	if (r < 0)
		return r;
	if (has_wanted) {
		got = wanted;
		r = take_requested(a, set, &wanted, e);
	} else {
		r = take_any(a, set_no, &got, e);
	}
	if (r < 0)
		return r;
	a->taken[a->n_taken++] = got;
	store_last_set(a->store, set_no, &got);
	return 0;
}

static int unserved(const struct add *a, struct err *e)
{
	char text[RESULT_IPS_MAX * (IP_STR_MAX + 1) + 1] = "", ip[IP_STR_MAX];
	size_t used = 0;

	for (size_t i = 0; i < a->n_wanted; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
		                         ip_format(&a->wanted[i], ip));
	return err_set(e, CNI_E_INTERNAL, 0, "failed to allocate all requested IPs:%s", text);
}

static int take_all(struct add *a, struct err *e)
{
	struct ip_addr owned[OWNED_MAX];
	int n = store_owned(a->store, &a->owner, owned, OWNED_MAX, e);

	if (n < 0)
		return n;
	for (unsigned int i = 0; i < a->cfg->n_sets; i++) {
		int r = take_from_set(a, i, owned, (size_t)n, e);

		if (r < 0) {
			/* The folder's own troubles (a full disk, no permission) are wrapped
			 * like the rest. */
			(void)err_wrap(e, "failed to allocate for range %u", i);
			return r;
		}
	}
	return a->n_wanted ? unserved(a, e) : 0;
}

/* Only what this call took: the owner may have older addresses, which a refused second ADD must
 * not cost it. */
static void give_back(struct add *a)
{
	char ip[IP_STR_MAX];
	struct err e;

	for (size_t i = 0; i < a->n_taken; i++)
		if (store_release_addr(a->store, &a->taken[i], &a->owner, &e) < 0)
			log_warn("%s stays allocated to %s: %s", ip_format(&a->taken[i], ip),
			         a->owner.container_id, e.msg);
}

static void fill_result(const struct add *a, struct result *ret)
{
	const struct host_local *cfg = a->cfg;

	for (size_t i = 0; i < a->n_taken; i++) {
		const struct range *r = range_set_find(&cfg->sets[i], &a->taken[i]);

		ret->ips[ret->n_ips++] = (struct result_ip) { .address = { .addr = a->taken[i],
			                                                   .len = r->subnet.len },
			                                      .gateway = r->gateway,
			                                      .iface = -1 };
	}
	memcpy(ret->routes, cfg->routes, cfg->n_routes * sizeof(cfg->routes[0]));
	ret->n_routes = cfg->n_routes;
}

int host_local_add(const struct request *req, const struct host_local *cfg,
                   const struct sweep_ops *ops, struct result *ret, struct err *e)
{
	struct store store _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct add a = {
		.req = req, .cfg = cfg, .ops = ops, .owner = owner_of(req), .store = &store
	};
	json_auto_t *dns = NULL;
	int r;

	if (cfg->resolv_conf) {
		r = resolv_conf_read(cfg->resolv_conf, &dns, e);
		if (r < 0)
			return r;
	}
	memcpy(a.wanted, cfg->requested, sizeof(a.wanted));
	a.n_wanted = cfg->n_requested;
	r = store_open(cfg->data_dir, req->network, &store, e);
	if (r < 0)
		return r;
	r = take_all(&a, e);
	if (r < 0) {
		give_back(&a);
		return r;
	}
	fill_result(&a, ret);
	if (dns) {
		json_decref(ret->dns);
		ret->dns = take_ptr(dns);
	}
	return 0;
}

/* ---- DEL, CHECK, STATUS ---- */

int host_local_del(const struct request *req, const struct host_local *cfg, struct err *e)
{
	struct store store _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct store_owner owner = owner_of(req);
	int r = store_open_existing(cfg->data_dir, req->network, &store, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = store_release(&store, &owner, e);
	return r < 0 ? r : 0;
}

static bool is_among(const struct ip_addr *addr, const struct ip_addr *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ip_eq(addr, &list[i]))
			return true;
	return false;
}

/* Addresses of the previous result that are ours to hand out must still be the owner's. */
static int check_prev(const struct request *req, const struct host_local *cfg,
                      const struct ip_addr *owned, size_t n_owned, struct err *e)
{
	struct result prev;
	char ip[IP_STR_MAX];
	int r;

	if (!req->prev_result)
		return 0;
	result_init(&prev);
	r = result_parse(req->prev_result, req->version, &prev, e);
	for (size_t i = 0; r == 0 && i < prev.n_ips; i++) {
		const struct ip_addr *addr = &prev.ips[i].address.addr;

		for (size_t set = 0; r == 0 && set < cfg->n_sets; set++)
			if (range_set_find(&cfg->sets[set], addr) &&
			    !is_among(addr, owned, n_owned))
				r = err_set(
					e, CNI_E_INTERNAL, 0,
					"host-local: address %s of the previous result is not reserved for container %s",
					ip_format(addr, ip), req->container_id);
	}
	result_free(&prev);
	return r;
}

int host_local_check(const struct request *req, const struct host_local *cfg, struct err *e)
{
	struct store store _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	struct store_owner owner = owner_of(req);
	struct ip_addr owned[OWNED_MAX];
	int n = store_open_existing(cfg->data_dir, req->network, &store, e);

	if (n == 0)
		n = store_owned(&store, &owner, owned, OWNED_MAX, e);
	else if (n == -ENOENT)
		n = 0;
	if (n < 0)
		return n;
	if (n == 0)
		return err_set(e, CNI_E_INTERNAL, 0,
		               "host-local: Failed to find address added by container %s",
		               req->container_id);
	return check_prev(req, cfg, owned, (size_t)n, e);
}

/* Only a hint, like the index that it comes from: ADD reads the folder before it gives up. */
static bool set_has_free(struct store *s, const struct range_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct range *r = &set->v[i];
		struct ip_addr from = r->start, found;

		while (ip_cmp(&from, &r->end) <= 0 && store_next_free(s, &from, &r->end, &found)) {
			if (!ip_eq(&found, &r->gateway))
				return true;
			if (ip_eq(&found, &r->end))
				break;
			from = ip_next(&found);
		}
	}
	return false;
}

static int status_space(const struct request *req, const struct host_local *cfg, struct err *e)
{
	struct store store _cleanup_store_ = { .dirfd = -1, .lockfd = -1 };
	char text[512];
	int r = store_open(cfg->data_dir, req->network, &store, e);

	if (r < 0)
		return r;
	/* Without an index that can be believed the answer would cost a scan: then the next ADD
	 * finds out. */
	if (store_count(&store) < 0)
		return 0;
	for (size_t i = 0; i < cfg->n_sets; i++)
		if (!set_has_free(&store, &cfg->sets[i]))
			return err_set(e, CNI_E_NOT_AVAILABLE, ENOSPC,
			               "no IP addresses available in range set: %s",
			               range_set_format(&cfg->sets[i], text, sizeof(text)));
	return 0;
}

int host_local_status(const struct request *req, const struct host_local *cfg, struct err *e)
{
	char path[4096];
	int r = fs_path(path, sizeof(path), e, "%s/%s", cfg->data_dir, req->network);

	if (r == 0 && faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
		r = errno == ENOENT ? fs_mkdirs(path, 0755, e)
		                    : err_sys(e, errno, "write to %s", path);
	if (r < 0) {
		e->code = CNI_E_NOT_AVAILABLE;
		return r;
	}
	return cfg->exhaustion_is_error ? status_space(req, cfg, e) : 0;
}
