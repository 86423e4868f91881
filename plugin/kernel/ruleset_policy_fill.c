/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_fill.c - elements of the policy's tables, many at a time
 *
 * Elements of one set that follow each other share a message: the kernel takes 300 of them in a transaction of 16 KB.
 */
#include "kernel/ruleset_policy_fill.h"

#include "kernel/nftables_message.h"

#include <stdio.h>
#include <string.h>

/* Room that one more element may need, with its comment, and what ends the transaction. */
#define ELEM_ROOM 384
#define END_ROOM  64

/* The kernel counts a nested list in 16 bits. */
_Static_assert(NL_BATCH_SIZE <= UINT16_MAX, "a list of elements fills the batch at most");

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

void policy_fill_whole(struct policy_fill *f, size_t n)
{
	if (f->nl.len + n * ELEM_ROOM + END_ROOM > NL_BATCH_SIZE || f->nl.n + n + 1 > NL_BATCH_MAX)
		transmit(f);
	f->whole = true;
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
#define DATA_OF(id) ((const uint32_t[2]) { 0, id })

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

void policy_fill_take(struct policy_fill *f, const struct thing *x)
{
	open_list(f, x->t, x->set, NFT_MSG_DELSETELEM, 0, "take out network policy");
	put_elem(f, x->set, &(const struct elem) { .key = x->key });
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

void policy_self_key(const struct ip_addr *a, uint8_t ret[static 32])
{
	const size_t size = ip_size(a->family);

	memcpy(ret, a->bytes, size);
	memcpy(ret + size, a->bytes, size);
}

static void make_guard_key(const struct policy_pod *pod, const struct ip_addr *a,
                           struct guard_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->port, sizeof(ret->port), "%s", pod->port);
	memcpy(ret->mac, pod->mac, sizeof(pod->mac));
	if (a)
		memcpy(ret->addr, a->bytes, ip_size(a->family));
}

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
	const uint32_t ids[POLICY_BRIDGE_SETS] = {
		[SET_CLOSED_OUT] = pod->egress, [SET_CLOSED_IN] = pod->ingress
	};
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

static size_t things_of_address(const struct policy_fill *f, const struct policy_pod *pod, size_t i,
                                struct thing *ret)
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
	policy_self_key(a, ret[n++].key);
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

size_t policy_things(const struct policy_fill *f, const struct policy_pod *pod, size_t i,
                     bool guard, struct thing ret[static THINGS_MAX])
{
	size_t n = things_of_address(f, pod, i, ret);

	if (i == 0)
		n += things_of_port(f, pod, ret + n);
	if (guard)
		n += things_of_guard(f, pod, i, ret + n);
	return n;
}

void policy_fill_put(struct policy_fill *f, const struct thing *x, const char *owner)
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
		size_t n = policy_things(f, pod, i, guard, v);

		for (size_t k = 0; k < n; k++)
			policy_fill_put(f, &v[k], pod->owner);
	}
}
