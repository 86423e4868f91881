/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elements.c - a pod's elements in the node's nftables: put in, taken out, restored
 */
#include "endpoint/elements.h"

#include "endpoint/restore.h"
#include "kernel/link.h"
#include "kernel/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_elements(const struct record *r)
{
	return r->spoof_check || (r->masquerade && r->n_ips > 0);
}

static void port_mac(const struct record *r, uint8_t ret[static 6])
{
	if (!mac_parse(r->mac, ret))
		memset(ret, 0, 6);
}

enum change { PUT_IN, TAKE_OUT };

static void fill(struct ruleset_txn *t, const struct record *r, enum change change)
{
	char owner[OWNER_TEXT_MAX];
	uint8_t mac[6];

	(void)owner_text(&r->owner, owner);
	port_mac(r, mac);
	for (size_t i = 0; r->masquerade && i < r->n_ips; i++) {
		if (change == PUT_IN)
			ruleset_add_masquerade(t, &r->ips[i], owner);
		else
			ruleset_del_masquerade(t, &r->ips[i]);
	}
	if (r->spoof_check && change == PUT_IN)
		ruleset_add_spoof(t, r->name, mac, owner);
	else if (r->spoof_check)
		ruleset_del_spoof(t, r->name, mac);
}

static int commit(struct nl_sock *s, const struct record *r, enum change change, struct err *e)
{
	_uninitialized_ struct ruleset_txn t;

	ruleset_begin(&t);
	fill(&t, r, change);
	return ruleset_commit(s, &t, e);
}

/* Removes what is there, piece by piece: the elements of the record's addresses that have that owner (NULL: any), and the
 * source check of its port, whose name nobody else has. */
static int take_out_singly(struct nl_sock *s, const struct record *r, const char *owner,
                           struct err *e)
{
	int x = 0;

	for (size_t i = 0; x >= 0 && i < r->n_ips; i++)
		x = ruleset_take_masquerade(s, &r->ips[i].addr, owner, e);
	if (x >= 0)
		x = ruleset_take_spoof(s, r->name, e);
	return x < 0 ? x : 0;
}

/* Puts in what is missing, piece by piece; what is there stays. */
static int put_in_singly(struct nl_sock *s, const struct record *r, struct err *e)
{
	char owner[OWNER_TEXT_MAX];
	_uninitialized_ struct ruleset_txn t;
	uint8_t mac[6];
	int x = 0;

	(void)owner_text(&r->owner, owner);
	for (size_t i = 0; r->masquerade && i < r->n_ips && (x == 0 || x == -EEXIST); i++) {
		ruleset_begin(&t);
		ruleset_add_masquerade(&t, &r->ips[i], owner);
		x = ruleset_commit(s, &t, e);
	}
	if ((x < 0 && x != -EEXIST) || !r->spoof_check)
		return x == -EEXIST ? 0 : x;
	port_mac(r, mac);
	x = ruleset_has_spoof(s, r->name, mac, NULL, e);
	if (x != 0)
		return x < 0 ? x : 0;
	x = ruleset_take_spoof(s, r->name, e); /* half of it may be there */
	if (x < 0)
		return x;
	ruleset_begin(&t);
	ruleset_add_spoof(&t, r->name, mac, owner);
	return ruleset_commit(s, &t, e);
}

static bool share_address(const struct record *r, const struct record *q)
{
	for (size_t i = 0; i < r->n_ips; i++) {
		for (size_t j = 0; j < q->n_ips; j++) {
			if (ip_eq(&r->ips[i].addr, &q->ips[j].addr))
				return true;
		}
	}
	return false;
}

struct eviction {
	const struct record *newcomer;
	struct nl_sock host;
};

/* Another record with an address of the newcomer. If its namespace and its link are there, it keeps the address. If not (a
 * reboot of the pod, a DEL by upstream's plugins), it forgets that it had elements, so that its own DEL, whenever that
 * comes, does not take out the newcomer's. */
static int evict_dead(const struct record *r, void *arg, struct err *e)
{
	struct eviction *ev = arg;
	struct record dead;
	int there;

	if (strcmp(r->name, ev->newcomer->name) == 0 || !r->masquerade ||
	    !share_address(r, ev->newcomer))
		return 0;
	there = record_alive(r) ? link_exists(&ev->host, r->name, e) : 0;
	if (there < 0)
		return there;
	if (there)
		return err_set(
			e, CNI_E_TRY_AGAIN, EEXIST,
			"an address of this pod is masqueraded for container %s (%s, network %s), "
			"which is running",
			r->container_id, r->ifname, r->network);
	dead = *r;
	dead.masquerade = false;
	return record_write(&dead, e);
}

/* EEXIST: an earlier owner of the address or of the port left its elements. Dead owners are replaced. */
static int replace_stale(struct nl_sock *s, const struct record *r, struct err *e)
{
	struct eviction ev = { .newcomer = r, .host = { .fd = -1 } };
	int x = nl_open(NETLINK_ROUTE, &ev.host, e);

	if (x == 0)
		x = record_each(evict_dead, &ev, e);
	nl_close(&ev.host);
	if (x == 0)
		x = take_out_singly(s, r, NULL, e);
	return x < 0 ? x : commit(s, r, PUT_IN, e);
}

/*
 * Restoring
 *
 * Whoever finds a table missing makes it and puts in what all ready records say, while ADDs and DELs go on. An ADD
 * puts in its own, so records that are not ready are left alone. A DEL takes its elements out first and its record
 * away last, so a restoring process may have read the record before and put the elements in after: it looks
 * at the record again afterwards, and DEL looks at its elements again at its end. Whichever is later takes them out.
 */
struct restore {
	struct nl_sock *nft;
	int n;
};

static int restore_one(const struct record *r, void *arg, struct err *e)
{
	struct restore *restore = arg;
	char owner[OWNER_TEXT_MAX];
	struct record again;
	int x;

	if (!*r->network || !r->ready || !has_elements(r) || !record_alive(r))
		return 0;
	x = put_in_singly(restore->nft, r, e);
	if (x < 0)
		return x;
	restore->n++;
	if (record_read(r->name, &again, e) != -ENOENT)
		return 0;
	(void)owner_text(&r->owner, owner);
	return take_out_singly(restore->nft, r, owner, e);
}

/* Does any record use the source check, that is: is the bridge table wanted? */
static int wants_bridge_table(const struct record *r, void *arg, struct err *e)
{
	(void)arg, (void)e;
	return *r->network && r->spoof_check && record_alive(r);
}

static int wants_table(const struct record *r, void *arg, struct err *e)
{
	(void)arg, (void)e;
	return *r->network && r->ready && has_elements(r) && record_alive(r);
}

/* ENOENT: no table yet on this boot, or somebody flushed it. Either way the records say what belongs in it. */
static int make_tables(struct nl_sock *s, bool bridge, struct shared *shared, struct err *e)
{
	struct restore restore = { .nft = s };
	int r = bridge ? 1 : record_each(wants_bridge_table, NULL, e);

	if (r < 0)
		return r;
	bridge = r > 0;
	/* Before it is tried: if the kernel's answer is lost, they may be there all the same. */
	if (shared)
		shared->made_tables = true;
	r = ruleset_create(s, RULESET_INET, e);
	if (r == 0 && bridge)
		r = ruleset_create(s, RULESET_BRIDGE, e);
	if (r == 0)
		r = record_each(restore_one, &restore, e);
	if (r < 0)
		return r;
	restore_note(RULESET_INET);
	if (bridge)
		restore_note(RULESET_BRIDGE);
	restore_after_flush(RESTORE_ELEMENTS);
	return 0;
}

int elements_add(struct nl_sock *nft, const struct record *r, struct shared *shared, struct err *e)
{
	int x;

	if (!has_elements(r)) {
		restore_if_flushed(nft);
		return 0;
	}
	x = nl_open_once(NETLINK_NETFILTER, nft, e);
	if (x == 0)
		x = commit(nft, r, PUT_IN, e);
	if (x == -EEXIST)
		x = replace_stale(nft, r, e); /* which may find that the other table is missing */
	if (x == -ENOENT) {
		x = make_tables(nft, r->spoof_check, shared, e);
		if (x == 0)
			x = commit(nft, r, PUT_IN, e);
	}
	return x == -EEXIST ? replace_stale(nft, r, e) : x;
}

int elements_del(struct nl_sock *nft, const struct record *r, struct err *e)
{
	char owner[OWNER_TEXT_MAX];
	int x;

	if (!has_elements(r))
		return 0;
	x = nl_open_once(NETLINK_NETFILTER, nft, e);
	if (x < 0)
		return x;
	/* A ready record's elements are its own (see evict_dead()); the slow way is for what is half there. */
	if (r->ready && commit(nft, r, TAKE_OUT, e) == 0)
		return 0;
	(void)owner_text(&r->owner, owner);
	return take_out_singly(nft, r, owner, e);
}

int elements_confirm(struct nl_sock *nft, const struct record *r, struct err *e)
{
	char owner[OWNER_TEXT_MAX];
	uint8_t mac[6];
	int x;

	if (!has_elements(r))
		return 0;
	x = nl_open_once(NETLINK_NETFILTER, nft, e);
	(void)owner_text(&r->owner, owner);
	for (size_t i = 0; r->masquerade && x >= 0 && i < r->n_ips; i++)
		x = ruleset_take_masquerade(nft, &r->ips[i].addr, owner, e);
	if (x < 0 || !r->spoof_check)
		return x < 0 ? x : 0;
	port_mac(r, mac);
	x = ruleset_has_spoof(nft, r->name, mac, NULL, e);
	if (x > 0)
		x = ruleset_take_spoof(nft, r->name, e);
	return x < 0 ? x : 0;
}

/* Whatever the port may use goes, and the new address comes, in one transaction if all is as the record says. */
static int swap_mac(const struct record *r, const uint8_t old[static 6],
                    const uint8_t new[static 6], struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char owner[OWNER_TEXT_MAX];
	_uninitialized_ struct ruleset_txn t;
	int x = nl_open(NETLINK_NETFILTER, &s, e);

	if (x < 0)
		return x;
	(void)owner_text(&r->owner, owner);
	ruleset_begin(&t);
	ruleset_del_spoof(&t, r->name, old);
	ruleset_add_spoof(&t, r->name, new, owner);
	x = ruleset_commit(&s, &t, e);
	if (x != -ENOENT)
		return x;
	x = ruleset_take_spoof(&s, r->name, e);
	if (x < 0)
		return x;
	ruleset_begin(&t);
	ruleset_add_spoof(&t, r->name, new, owner);
	x = ruleset_commit(&s, &t, e);
	/* Without its table there is no check that could stop the pod; what restores it goes by the record. */
	return x == -ENOENT ? 0 : x;
}

int elements_change_mac(const struct record *r, const uint8_t old[static 6], struct err *e)
{
	uint8_t mac[6];

	port_mac(r, mac);
	return r->spoof_check ? swap_mac(r, old, mac, e) : 0;
}

static int missing(struct err *e, const char *what, const char *which, const char *table, int x)
{
	return x < 0 ? x
	             : err_set(e, CNI_E_INTERNAL, ENOENT,
	                       "expected %s for %s in table %s cnida, found none", what, which,
	                       table);
}

int elements_check(const struct record *r, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	char text[PREFIX_STR_MAX];
	const char *what;
	uint8_t mac[6];
	int x;

	if (!has_elements(r))
		return 0;
	x = nl_open(NETLINK_NETFILTER, &s, e);
	for (int t = RULESET_INET; x >= 0 && t <= (r->spoof_check ? RULESET_BRIDGE : RULESET_INET);
	     t++) {
		x = ruleset_intact(&s, (enum ruleset_table)t, &what, e);
		if (x == 0)
			return err_set(
				e, CNI_E_INTERNAL, ENOENT,
				"nftables: expected %s, found none: the ruleset was changed by others; "
				"the next ADD or `cnida gc` restores it",
				what);
	}
	for (size_t i = 0; x >= 0 && r->masquerade && i < r->n_ips; i++) {
		x = ruleset_has_masquerade(&s, &r->ips[i], NULL, e);
		if (x != 1)
			return missing(e, "masquerade", prefix_format(&r->ips[i], text), "inet", x);
	}
	if (x < 0 || !r->spoof_check)
		return x < 0 ? x : 0;
	port_mac(r, mac);
	x = ruleset_has_spoof(&s, r->name, mac, NULL, e);
	return x == 1 ? 0 : missing(e, "the source check", r->name, "bridge", x);
}

int elements_restore(struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct restore restore = { .nft = &s };
	int any = record_each(wants_table, NULL, e);
	int bridge = any > 0 ? record_each(wants_bridge_table, NULL, e) : any;
	int r = bridge < 0 ? bridge : nl_open(NETLINK_NETFILTER, &s, e);

	if (r < 0 || any == 0)
		return r;

	if (r == 0)
		r = ruleset_repair(&s, RULESET_INET, e);
	if (r >= 0 && bridge)
		r = ruleset_repair(&s, RULESET_BRIDGE, e);
	if (r >= 0)
		r = record_each(restore_one, &restore, e);
	return r < 0 ? r : restore.n;
}
