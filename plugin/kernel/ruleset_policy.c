/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy.c - the policy's tables are made, elements are put in and taken out
 *
 * Elements of one set that follow each other share a message: the kernel takes 400 of them in a transaction of 16 KB.
 */
#include "kernel/ruleset_policy.h"

#include "kernel/nftables_message.h"
#include "kernel/ruleset_policy_tables.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* Room that one more element may need, with its comment, and what ends the transaction. */
#define ELEM_ROOM 384
#define END_ROOM  64

/* DEL, sync and GC may take out the same pod at once; each time one of them is through. */
#define TAKE_TRIES 4

/* The kernel counts a nested list in 16 bits. */
_Static_assert(NL_BATCH_SIZE <= UINT16_MAX, "a list of elements fills the batch at most");

/* ---- the tables ---- */

static int has_table(struct nl_sock *s, const struct nft_table *t, struct err *e)
{
	return nft_has_table(s, t->family, t->name, e);
}

static int remove_table(struct nl_sock *s, const struct nft_table *t, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r = has_table(s, t, e);

	if (r <= 0)
		return r;
	nft_begin(&b);
	nft_del_table(&b, t);
	r = nft_commit(s, &b, &mine);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int ruleset_policy_remove(struct nl_sock *s, struct err *e)
{
	struct err second;
	int r = remove_table(s, &policy_table, e);
	int q = remove_table(s, &policy_bridge_table, r < 0 ? &second : e);

	return r < 0 ? r : q;
}

struct looking {
	struct nl_sock *s;
	struct err *e;
	const char *missing;
};

/* 1: missing */
static int look_at_chain(const struct nft_table *t, const char *chain, int n_rules, void *arg)
{
	struct looking *l = arg;
	int r = nft_has_chain(l->s, t->family, t->name, chain, l->e);

	if (r > 0 && n_rules >= 0) {
		r = nft_count_rules(l->s, t->family, t->name, chain, l->e);
		r = r < 0 ? r : r == n_rules;
	}
	l->missing = chain;
	return r < 0 ? r : !r;
}

static int look_at_set(struct looking *l, const struct nft_table *t, const struct nft_set *set)
{
	l->missing = set->name;
	return nft_has_set(l->s, t->family, t->name, set->name, l->e);
}

int ruleset_policy_intact(struct nl_sock *s, enum policy_place place, const char **ret_missing,
                          struct err *e)
{
	struct looking l = { .s = s, .e = e };
	int r = 1;

	for (size_t i = 0; r > 0 && i < 2 * POLICY_SETS; i++)
		r = look_at_set(&l, &policy_table, &policy_sets[i / POLICY_SETS][i % POLICY_SETS]);
	for (size_t i = 0; r > 0 && place == POLICY_FORWARD && i < 2 * POLICY_BRIDGE_SETS; i++)
		r = look_at_set(&l, &policy_bridge_table,
		                &policy_bridge_sets[i / POLICY_BRIDGE_SETS][i % POLICY_BRIDGE_SETS]);
	if (r > 0) {
		r = policy_chain_each(place, look_at_chain, &l);
		r = r < 0 ? r : !r;
	}
	*ret_missing = l.missing;
	return r;
}

/* Complete, as far as nobody took pieces out: the chain that is made last is there. */
int ruleset_policy_exists(struct nl_sock *s, enum policy_place place, struct err *e)
{
	int r = nft_has_chain(s, policy_table.family, POLICY_TABLE, policy_dispatch_chain(place), e);

	if (r > 0 && place == POLICY_FORWARD)
		r = nft_has_chain(s, policy_bridge_table.family, POLICY_TABLE, "other_in", e);
	return r;
}

int ruleset_policy_make(struct nl_sock *s, enum policy_place place, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	int r = ruleset_policy_exists(s, place, e);

	if (r != 0)
		return r < 0 ? r : 0;
	/* Half of it may be there, or that for the other place. */
	r = ruleset_policy_remove(s, e);
	for (unsigned int step = 0; r == 0; step++) {
		nft_begin(&b);
		if (!policy_make_messages(&b, place, step))
			break;
		r = b.n > 1 ? nft_commit(s, &b, e) : 0;
	}
	return r < 0 ? r : 1;
}

/* ---- which side ---- */

struct find_side {
	enum policy_place place;
	int side;
};

static int read_side(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct find_side *f = arg;

	(void)e;
	for (unsigned int i = 0; i < 2; i++) {
		if (strcmp(rule->jump, policy_side_chain(f->place, i)) == 0)
			f->side = (int)i;
	}
	return 0;
}

int ruleset_policy_side(struct nl_sock *s, enum policy_place place, struct err *e)
{
	struct find_side f = { .place = place, .side = 2 };
	int r = nft_each_rule(s, policy_table.family, POLICY_TABLE, policy_dispatch_chain(place),
	                      read_side, NULL, &f, e);

	return r < 0 ? r : f.side;
}

int ruleset_policy_switch(struct nl_sock *s, enum policy_place place, unsigned int side,
                          struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nft_begin(&b);
	policy_switch_messages(&b, place, side);
	return nft_commit(s, &b, e);
}

int ruleset_policy_bridge(struct nl_sock *route, int ifindex, struct err *e)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	_uninitialized_ struct nl_batch b;
	size_t info, data;

	nl_batch_init(&b);
	nl_begin(&b, RTM_NEWLINK, 0, &ifi, sizeof(ifi),
	         "pass a bridge's frames through the rules for IP");
	info = nl_nest(&b, IFLA_LINKINFO);
	nl_put_str(&b, IFLA_INFO_KIND, "bridge");
	data = nl_nest(&b, IFLA_INFO_DATA);
	nl_put_u8(&b, IFLA_BR_NF_CALL_IPTABLES, 1);
	nl_put_u8(&b, IFLA_BR_NF_CALL_IP6TABLES, 1);
	nl_nest_end(&b, data);
	nl_nest_end(&b, info);
	return nl_do(route, &b, e);
}

/* ---- elements ---- */

void policy_fill_begin(struct policy_fill *f, struct nl_sock *s, enum policy_place place,
                       unsigned int side, bool whole)
{
	f->s = s;
	f->place = place;
	f->side = side & 1;
	f->whole = whole;
	f->set = NULL;
	f->r = 0;
	nft_begin(&f->nl);
}

static void close_list(struct policy_fill *f)
{
	if (f->set)
		nl_nest_end(&f->nl, f->list);
	f->set = NULL;
}

static void transmit(struct policy_fill *f)
{
	close_list(f);
	if (f->r == 0 && (f->nl.n > 1 || f->nl.spoiled))
		f->r = nft_commit(f->s, &f->nl, &f->e);
	nft_begin(&f->nl);
}

int policy_fill_end(struct policy_fill *f, struct err *e)
{
	transmit(f);
	if (f->r < 0)
		*e = f->e;
	return f->r;
}

/* A message that changes a set: the same as the one before, if it is of the same kind. */
static void open_list(struct policy_fill *f, const struct nft_table *t, const struct nft_set *set,
                      uint16_t msg, uint16_t flags, const char *what)
{
	if (!f->whole && (f->nl.len + ELEM_ROOM + END_ROOM > NL_BATCH_SIZE ||
	                  (f->set != set && f->nl.n + 2 > NL_BATCH_MAX)))
		transmit(f);
	if (f->set == set && f->bridge == (t == &policy_bridge_table) && f->msg == msg &&
	    f->flags == flags)
		return;
	close_list(f);
	nft_message(&f->nl, msg, flags, t->family, what);
	nl_put_str(&f->nl, NFTA_SET_ELEM_LIST_TABLE, t->name);
	nl_put_str(&f->nl, NFTA_SET_ELEM_LIST_SET, set->name);
	f->list = nl_nest(&f->nl, NFTA_SET_ELEM_LIST_ELEMENTS);
	f->set = set;
	f->bridge = t == &policy_bridge_table;
	f->msg = msg;
	f->flags = flags;
}

/* An id as the maps have it: see ruleset_policy_tables.c. */
#define DATA_OF(id)                         \
	((const uint32_t[2]) { 0, id })

struct elem {
	const void *key, *key_end, *data;
	const char *owner;
	bool ends; /* of an interval: it is the first behind it */
};

static void put_bytes(struct nl_batch *b, uint16_t attr, const void *data, size_t len)
{
	size_t nest = nl_nest(b, attr);

	nl_put(b, NFTA_DATA_VALUE, data, len);
	nl_nest_end(b, nest);
}

/* As nft(8) keeps a comment. What would end its quotes is replaced. */
static void put_owner(struct nl_batch *b, const char *owner)
{
	uint8_t udata[2 + POLICY_OWNER_MAX + 1] = { UDATA_COMMENT };
	size_t len = strnlen(owner, POLICY_OWNER_MAX);

	udata[1] = (uint8_t)(len + 1);
	for (size_t i = 0; i < len; i++)
		udata[2 + i] = (uint8_t)(owner[i] < ' ' || owner[i] == '"' ? '?' : owner[i]);
	nl_put(b, NFTA_SET_ELEM_USERDATA, udata, 2 + len + 1);
}

static void put_elem(struct policy_fill *f, const struct nft_set *set, const struct elem *el)
{
	size_t nest = nl_nest(&f->nl, NFTA_LIST_ELEM);

	put_bytes(&f->nl, NFTA_SET_ELEM_KEY, el->key, set->key_len);
	if (el->key_end)
		put_bytes(&f->nl, NFTA_SET_ELEM_KEY_END, el->key_end, set->key_len);
	if (el->data)
		put_bytes(&f->nl, NFTA_SET_ELEM_DATA, el->data, set->data_len);
	if (el->ends)
		nl_put_u32(&f->nl, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (el->owner)
		put_owner(&f->nl, el->owner);
	nl_nest_end(&f->nl, nest);
}

static void add(struct policy_fill *f, const struct nft_table *t, const struct nft_set *set,
                uint16_t flags, const struct elem *el)
{
	open_list(f, t, set, NFT_MSG_NEWSETELEM, NLM_F_CREATE | flags, "put in network policy");
	put_elem(f, set, el);
}

static void take(struct policy_fill *f, const struct nft_table *t, const struct nft_set *set,
                 const void *key)
{
	open_list(f, t, set, NFT_MSG_DELSETELEM, 0, "take out network policy");
	put_elem(f, set, &(const struct elem) { .key = key });
}

static const struct nft_set *side_set(const struct policy_fill *f, enum policy_set of4, bool v6)
{
	return &policy_sets[f->side][of4 + (v6 ? 1 : 0)];
}

static void flush_set(struct policy_fill *f, const struct nft_table *t, const struct nft_set *set)
{
	close_list(f);
	nft_message(&f->nl, NFT_MSG_DELSETELEM, 0, t->family, "empty an nftables set");
	nl_put_str(&f->nl, NFTA_SET_ELEM_LIST_TABLE, t->name);
	nl_put_str(&f->nl, NFTA_SET_ELEM_LIST_SET, set->name);
}

void policy_fill_empty(struct policy_fill *f)
{
	policy_empty_ports_messages(&f->nl, f->side);
	transmit(f);
	for (size_t i = 0; i < POLICY_SETS; i++) {
		if (i != SET_PORTS)
			flush_set(f, &policy_table, &policy_sets[f->side][i]);
	}
	for (size_t i = 0; i < POLICY_BRIDGE_SETS && f->place == POLICY_FORWARD; i++)
		flush_set(f, &policy_bridge_table, &policy_bridge_sets[f->side][i]);
	transmit(f); /* the kernel finds what is gone, and what comes, faster in two transactions */
}

void policy_fill_cell(struct policy_fill *f, uint32_t set, uint32_t class, uint32_t list)
{
	const uint32_t key[2] = { set, class };

	add(f, &policy_table, side_set(f, SET_CELLS, false), 0,
	    &(const struct elem) { .key = key, .data = DATA_OF(list) });
}

struct ports_key {
	uint32_t list;
	uint8_t proto, pad[3];
	uint8_t port[2], pad2[2];
};

void policy_fill_ports(struct policy_fill *f, uint32_t list, uint8_t proto, uint16_t first,
                       uint16_t last)
{
	const bool all = proto == 0;
	const struct ports_key from = {
		.list = list,
		.proto = proto,
		.port = { all ? 0 : (uint8_t)(first >> 8), all ? 0 : (uint8_t)first },
	};
	const struct ports_key to = {
		.list = list,
		.proto = all ? UINT8_MAX : proto,
		.port = { all ? UINT8_MAX : (uint8_t)(last >> 8), all ? UINT8_MAX : (uint8_t)last },
	};

	add(f, &policy_table, side_set(f, SET_PORTS, false), 0,
	    &(const struct elem) { .key = &from, .key_end = &to });
}

void policy_fill_block(struct policy_fill *f, const struct ip_addr *first,
                       const struct ip_addr *next, uint32_t class)
{
	const struct nft_set *set = side_set(f, SET_BLOCK4, first->family == AF_INET6);

	add(f, &policy_table, set, 0,
	    &(const struct elem) { .key = first->bytes, .data = DATA_OF(class) });
	if (next)
		add(f, &policy_table, set, 0,
		    &(const struct elem) { .key = next->bytes, .ends = true });
}

void policy_fill_peer(struct policy_fill *f, const struct ip_addr *addr, uint32_t class)
{
	add(f, &policy_table, side_set(f, SET_CLASS4, addr->family == AF_INET6), 0,
	    &(const struct elem) { .key = addr->bytes, .data = DATA_OF(class) });
}

/* ---- pods ---- */

static void self_key(const struct ip_addr *a, uint8_t ret[static 32])
{
	const size_t size = ip_size(a->family);

	memcpy(ret, a->bytes, size);
	memcpy(ret + size, a->bytes, size);
}

struct guard_key {
	char port[IFNAMSIZ];
	uint8_t mac[8], addr[16];
};

static void make_guard_key(const struct policy_pod *pod, const struct ip_addr *a,
                           struct guard_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->port, sizeof(ret->port), "%s", pod->port);
	memcpy(ret->mac, pod->mac, sizeof(pod->mac));
	if (a)
		memcpy(ret->addr, a->bytes, ip_size(a->family));
}

/* One thing that a pod has in the tables: what walks over all of them. */
struct thing {
	const struct nft_table *t;
	const struct nft_set *set;
	uint8_t key[sizeof(struct guard_key)];
	uint32_t id; /* maps */
	bool is_map, is_self;
};

#define THINGS_MAX 10 /* of one address, with those of the port */

/* What belongs to address @i; with that of the first also what belongs to the port. */
static size_t things_of_guard(const struct policy_fill *f, const struct policy_pod *pod, size_t i,
                              struct thing *ret)
{
	const struct nft_table *t = pod->bridged ? &policy_bridge_table : &policy_table;
	const struct ip_addr *a = &pod->ips[i].addr;
	struct guard_key key;
	size_t n = 0;

	if (f->place != POLICY_FORWARD || !pod->port)
		return 0;
	make_guard_key(pod, a, &key);
	ret[n] = (struct thing) { .t = t,
		                  .set = a->family == AF_INET6 ? &policy_guard6 : &policy_guard4 };
	memcpy(ret[n++].key, &key, sizeof(key));
	if (i > 0)
		return n;
	/* Last: a port that is checked must have what it may send. */
	ret[n] = (struct thing) { .t = t, .set = &policy_guard_port };
	memcpy(ret[n++].key, &key, sizeof(key));
	return n;
}

static size_t things_of_port(const struct policy_fill *f, const struct policy_pod *pod,
                             struct thing *ret)
{
	const uint32_t ids[POLICY_BRIDGE_SETS] = { [SET_CLOSED_OUT] = pod->egress,
		                                   [SET_CLOSED_IN] = pod->ingress };
	size_t n = 0;

	if (f->place != POLICY_FORWARD || !pod->port || !pod->bridged)
		return 0;
	for (size_t i = 0; i < POLICY_BRIDGE_SETS; i++) {
		if (ids[i] == 0)
			continue;
		ret[n] = (struct thing) { .t = &policy_bridge_table,
			                  .set = &policy_bridge_sets[f->side][i] };
		(void)snprintf((char *)ret[n++].key, IFNAMSIZ, "%s", pod->port);
	}
	return n;
}

static size_t things_of_address(const struct policy_fill *f, const struct policy_pod *pod,
                                size_t i, struct thing *ret)
{
	const struct ip_addr *a = &pod->ips[i].addr;
	const bool v6 = a->family == AF_INET6;
	const struct {
		enum policy_set set;
		uint32_t id;
	} maps[] = { { SET_CLASS4, pod->class },
		     { SET_EGRESS4, pod->egress },
		     { SET_INGRESS4, pod->ingress } };
	const struct {
		enum policy_set set;
		uint32_t id;
	} isolated[] = { { SET_OUT4, pod->egress }, { SET_IN4, pod->ingress } };
	size_t n = 0;

	/* First: that it is there already shows that the address is another's. */
	ret[n] = (struct thing) { .t = &policy_table,
		                  .set = side_set(f, SET_SELF4, v6),
		                  .is_self = true };
	self_key(a, ret[n++].key);
	for (size_t k = 0; k < ARRAY_SIZE(maps); k++) {
		if (maps[k].id == 0)
			continue;
		ret[n] = (struct thing) { .t = &policy_table,
			                  .set = side_set(f, maps[k].set, v6),
			                  .id = maps[k].id,
			                  .is_map = true };
		memcpy(ret[n++].key, a->bytes, sizeof(a->bytes));
	}
	for (size_t k = 0; k < ARRAY_SIZE(isolated); k++) {
		if (isolated[k].id == 0)
			continue;
		ret[n] = (struct thing) { .t = &policy_table,
			                  .set = side_set(f, isolated[k].set, v6) };
		memcpy(ret[n++].key, a->bytes, sizeof(a->bytes));
	}
	return n;
}

static size_t things(const struct policy_fill *f, const struct policy_pod *pod, size_t i,
                     bool guard, struct thing ret[static THINGS_MAX])
{
	size_t n = things_of_address(f, pod, i, ret);

	if (i == 0)
		n += things_of_port(f, pod, ret + n);
	if (guard)
		n += things_of_guard(f, pod, i, ret + n);
	return n;
}

static void add_thing(struct policy_fill *f, const struct thing *x, const char *owner)
{
	add(f, x->t, x->set, x->is_self || x->is_map ? NLM_F_EXCL : 0,
	    &(const struct elem) { .key = x->key,
	                           .data = x->is_map ? DATA_OF(x->id) : NULL,
	                           .owner = x->is_self ? owner : NULL });
}

void policy_fill_pod(struct policy_fill *f, const struct policy_pod *pod, bool guard)
{
	struct thing v[THINGS_MAX];

	for (size_t i = 0; i < pod->n_ips; i++) {
		size_t n = things(f, pod, i, guard, v);

		for (size_t k = 0; k < n; k++)
			add_thing(f, &v[k], pod->owner);
	}
}

void policy_fill_take(struct policy_fill *f, const struct policy_pod *pod, bool guard)
{
	struct thing v[THINGS_MAX];

	for (size_t i = 0; i < pod->n_ips; i++) {
		size_t n = things(f, pod, i, guard, v);

		for (size_t k = 0; k < n; k++)
			take(f, v[k].t, v[k].set, v[k].key);
	}
}

/* ---- one pod ---- */

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

	self_key(a, key);
	r = nft_get_elem(s, &policy_table,
	                 &policy_sets[side][SET_SELF4 + (a->family == AF_INET6)], key, keep_owner,
	                 found, e);
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
	n = things(f, &any, i, guard, v);
	for (size_t k = 0; k < n; k++) {
		int r = nft_get_elem(f->s, v[k].t, v[k].set, v[k].key, NULL, NULL, e);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		take(f, v[k].t, v[k].set, v[k].key);
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

int ruleset_policy_take_pod(struct nl_sock *s, enum policy_place place,
                            const struct policy_pod *pod, struct err *e)
{
	struct err mine;
	int taken = 0;

	for (unsigned int side = 0; side < 2; side++) {
		int r = -ENOENT;

		for (unsigned int tries = 0; r == -ENOENT && tries < TAKE_TRIES; tries++)
			r = take_from_side(s, place, side, pod, taken == 0, &mine);
		if (r < 0) {
			*e = mine;
			return r;
		}
		taken += r;
	}
	return taken > 0;
}

/* EEXIST: a peer of another node had the address, or an owner that is gone. */
static int replace_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                       const struct policy_pod *pod, struct err *e)
{
	_uninitialized_ struct policy_fill f;
	int r = 0;

	policy_fill_begin(&f, s, place, side, true);
	for (size_t i = 0; r >= 0 && i < pod->n_ips; i++)
		r = take_what_is_there(&f, pod, i, true, e);
	if (r < 0)
		return r;
	close_list(&f);
	policy_fill_pod(&f, pod, true);
	return policy_fill_end(&f, e);
}

int ruleset_policy_put_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, struct err *e)
{
	_uninitialized_ struct policy_fill f;
	struct err mine;
	int r;

	policy_fill_begin(&f, s, place, side, true);
	policy_fill_pod(&f, pod, true);
	r = policy_fill_end(&f, &mine);
	if (r == -EEXIST)
		r = replace_pod(s, place, side, pod, &mine);
	if (r < 0 && r != -ENOENT)
		*e = mine;
	return r;
}

int ruleset_policy_has_pod(struct nl_sock *s, enum policy_place place, unsigned int side,
                           const struct policy_pod *pod, const char **ret_missing, struct err *e)
{
	const struct policy_fill f = { .place = place, .side = side & 1 };
	struct thing v[THINGS_MAX];

	for (size_t i = 0; i < pod->n_ips; i++) {
		size_t n = things(&f, pod, i, true, v);

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

int ruleset_policy_list(struct nl_sock *s, unsigned int side, uint32_t set, uint32_t class,
                        uint32_t *ret_list, struct err *e)
{
	const uint32_t key[2] = { set, class };

	return nft_get_elem(s, &policy_table, &policy_sets[side & 1][SET_CELLS], key, keep_id,
	                    ret_list, e);
}
