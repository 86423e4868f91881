/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_firewall.c - table inet cnida_firewall, and the chain in iptables' filter table that goes with it
 */
#include "kernel/ruleset_firewall.h"

#include "base/hash.h"
#include "kernel/ruleset_tables.h"

#include <errno.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define TABLE (&ruleset_tables[RULESET_FIREWALL])

static const struct nft_set *pod_set(const struct ip_addr *pod)
{
	return pod->family == AF_INET6 ? &ruleset_pod6 : &ruleset_pod4;
}

static const char *cut_owner(const char *owner, char buf[static RULESET_COMMENT_MAX + 1])
{
	(void)snprintf(buf, RULESET_COMMENT_MAX + 1, "%s", owner);
	return buf;
}

/* Elements */

static int keep_owner(const struct nft_elem_info *el, void *arg, struct err *e)
{
	(void)e;
	(void)snprintf(arg, RULESET_COMMENT_MAX + 1, "%s", el->comment);
	return 0;
}

/* 1 if it is there and that owner's. */
static int has(struct nl_sock *s, const struct nft_set *set, const void *key, const char *owner,
               struct err *e)
{
	char found[RULESET_COMMENT_MAX + 1] = "", want[RULESET_COMMENT_MAX + 1];
	int r = nft_get_elem(s, TABLE, set, key, keep_owner, found, e);

	if (r <= 0 || !owner)
		return r;
	return strcmp(found, cut_owner(owner, want)) == 0;
}

static int add(struct nl_sock *s, const struct nft_set *set, const void *key, const char *owner,
               struct err *e)
{
	char comment[RULESET_COMMENT_MAX + 1];
	const struct nft_elem el = { .key = key, .comment = cut_owner(owner, comment) };
	_uninitialized_ struct nl_batch b;

	nft_begin(&b);
	nft_add_elem(&b, TABLE, set, &el, NLM_F_EXCL, "add to the firewall");
	return nft_commit(s, &b, e);
}

static int take(struct nl_sock *s, const struct nft_set *set, const void *key, const char *owner,
                struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r = has(s, set, key, owner, e);

	if (r <= 0)
		return r;
	nft_begin(&b);
	nft_del_elem(&b, TABLE, set, &(const struct nft_elem) { .key = key },
	             "remove from the firewall");
	r = nft_commit(s, &b, &mine);
	if (r == -ENOENT) /* somebody was faster */
		return 0;
	if (r < 0)
		*e = mine;
	return r < 0 ? r : 1;
}

/* Add, and replace what an earlier owner left. */
static int put(struct nl_sock *s, const struct nft_set *set, const void *key, const char *owner,
               struct err *e)
{
	int r = add(s, set, key, owner, e);

	if (r != -EEXIST)
		return r;
	r = has(s, set, key, owner, e);
	if (r != 0)
		return r < 0 ? r : 0;
	r = take(s, set, key, NULL, e);
	return r < 0 ? r : add(s, set, key, owner, e);
}

int firewall_add_pods(struct nl_sock *s, const struct ip_addr *pods, size_t n, const char *owner,
                      struct err *e)
{
	char comment[RULESET_COMMENT_MAX + 1];
	_uninitialized_ struct nl_batch b;
	int r = 0;

	if (n == 0)
		return 0;
	nft_begin(&b);
	for (size_t i = 0; i < n; i++) {
		const struct nft_elem el = { .key = pods[i].bytes,
			                     .comment = cut_owner(owner, comment) };

		nft_add_elem(&b, TABLE, pod_set(&pods[i]), &el, NLM_F_EXCL, "add to the firewall");
	}
	r = nft_commit(s, &b, e);
	if (r != -EEXIST)
		return r;
	/* One of them is there already. */
	r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put(s, pod_set(&pods[i]), pods[i].bytes, owner, e);
	return r;
}

int firewall_take_pods(struct nl_sock *s, const struct ip_addr *pods, size_t n, const char *owner,
                       struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int there = 0, r = 0;

	nft_begin(&b);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = has(s, pod_set(&pods[i]), pods[i].bytes, owner, e);
		if (r <= 0)
			continue;
		nft_del_elem(&b, TABLE, pod_set(&pods[i]),
		             &(const struct nft_elem) { .key = pods[i].bytes },
		             "remove from the firewall");
		there++;
	}
	if (r < 0 || there == 0)
		return r < 0 ? r : 0;
	r = nft_commit(s, &b, &mine);
	if (r < 0 && r != -ENOENT) {
		*e = mine;
		return r;
	}
	/* Somebody was faster with one of them: then singly. */
	for (size_t i = 0; r == -ENOENT && i < n; i++) {
		int q = take(s, pod_set(&pods[i]), pods[i].bytes, owner, e);

		if (q < 0)
			return q;
	}
	return there;
}

int firewall_has_pod(struct nl_sock *s, const struct ip_addr *pod, const char *owner, struct err *e)
{
	return has(s, pod_set(pod), pod->bytes, owner, e);
}

struct pair_key {
	char in[IFNAMSIZ], out[IFNAMSIZ];
};

static struct pair_key with_itself(const char *link)
{
	struct pair_key key = { .in = "" };

	(void)snprintf(key.in, sizeof(key.in), "%s", link);
	(void)snprintf(key.out, sizeof(key.out), "%s", link);
	return key;
}

/* Of a bridge it nearly always is there, and asking costs less than a transaction that fails (as it takes the kernel
 * a grace period to clean up after one). */
static int need(struct nl_sock *s, const struct nft_set *set, const void *key, const char *owner,
                struct err *e)
{
	int r = has(s, set, key, owner, e);

	return r < 0 ? r : r > 0 ? 0 : put(s, set, key, owner, e);
}

int firewall_set_apart(struct nl_sock *s, const char *link, bool joined, const char *owner,
                       struct err *e)
{
	const struct pair_key key = with_itself(link);
	int r;

	/* Joined first: else the bridge's own traffic would stop for a moment. */
	r = joined ? need(s, &ruleset_joined, &key, owner, e)
	           : take(s, &ruleset_joined, &key, NULL, e);
	return r < 0 ? r : need(s, &ruleset_apart, key.in, owner, e);
}

int firewall_take_link(struct nl_sock *s, const char *link, const char *owner, struct err *e)
{
	const struct pair_key key = with_itself(link);
	int r = take(s, &ruleset_apart, key.in, owner, e), q;

	if (r < 0)
		return r;
	q = take(s, &ruleset_joined, &key, owner, e);
	return q < 0 ? q : r + q > 0;
}

int firewall_is_apart(struct nl_sock *s, const char *link, bool joined, struct err *e)
{
	const struct pair_key key = with_itself(link);
	int r = has(s, &ruleset_apart, key.in, NULL, e);

	if (r <= 0)
		return r;
	r = has(s, &ruleset_joined, &key, NULL, e);
	return r < 0 ? r : (r > 0) == joined;
}

/* Walks */

static const struct nft_set *const all_sets[] = { &ruleset_pod4, &ruleset_pod6, &ruleset_apart,
	                                          &ruleset_joined };

#define TAKE_MAX 64

struct collect {
	const char *owner;
	uint8_t keys[TAKE_MAX][sizeof(struct pair_key)];
	size_t n, key_len;
};

static int collect(const struct nft_elem_info *el, void *arg, struct err *e)
{
	struct collect *c = arg;

	(void)e;
	if (strcmp(el->comment, c->owner) == 0 && c->n < TAKE_MAX)
		memcpy(c->keys[c->n++], el->key, c->key_len);
	return 0;
}

static void collect_again(void *arg)
{
	((struct collect *)arg)->n = 0;
}

int firewall_take_owner(struct nl_sock *s, const char *owner, struct err *e)
{
	char want[RULESET_COMMENT_MAX + 1];
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
		struct collect c = { .owner = cut_owner(owner, want),
			             .key_len = all_sets[i]->key_len };
		int r = nft_each_elem(s, TABLE, all_sets[i], collect, collect_again, &c, e);

		for (size_t k = 0; r >= 0 && k < c.n; k++) {
			r = take(s, all_sets[i], c.keys[k], owner, e);
			n += r > 0;
		}
		if (r < 0)
			return r;
	}
	return n;
}

struct each_owner {
	int (*fn)(const char *owner, void *arg, struct err *e);
	void *arg;
};

static int one_owner(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct each_owner *each = arg;

	return each->fn(el->comment, each->arg, e);
}

int firewall_each(struct nl_sock *s, int (*fn)(const char *owner, void *arg, struct err *e),
                  void *arg, struct err *e)
{
	struct each_owner each = { fn, arg };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(all_sets); i++)
		r = nft_each_elem(s, TABLE, all_sets[i], one_owner, NULL, &each, e);
	return r;
}

/* iptables */

/* Our chain: one for each name that an administrator's chain has, as a rule nobody gives another. */
static void own_chain(const char *admin, char ret[static FIREWALL_CHAIN_MAX])
{
	static const char base[] = "CNIDA-FORWARD";
	const char *const parts[] = { admin, NULL };

	memcpy(ret, base, sizeof(base));
	if (strcmp(admin, "CNI-ADMIN") != 0) {
		ret[sizeof(base) - 1] = '-';
		hash_hex(parts, 8, ret + sizeof(base));
	}
}

static const struct nft_table *filter_table(sa_family_t family)
{
	static const struct nft_table table[2] = {
		{ .family = NFPROTO_IPV4, .name = "filter" },
		{ .family = NFPROTO_IPV6, .name = "filter" },
	};

	return &table[family == AF_INET6];
}

#define OWN_RULES 2

/* -m mark --mark 0x1000/0x1000 -j ACCEPT, with the match of iptables, which it lists whatever its version; before it the way
 * to the administrator's chain */
static void insert_own_rules(struct nl_batch *b, const struct nft_table *t, const char *chain,
                             const char *admin)
{
	const struct nft_expr to_admin[] = { NFT_COUNTER, NFT_VERDICT_TO(NFT_JUMP, admin),
		                             NFT_END };
	const struct nft_expr accept[] = { NFT_XT_MARK(FIREWALL_MARK, FIREWALL_MARK), NFT_COUNTER,
		                           NFT_VERDICT(NF_ACCEPT), NFT_END };

	nft_insert_rule(b, t, chain, &(const struct nft_rule) { .exprs = accept });
	nft_insert_rule(b, t, chain, &(const struct nft_rule) { .exprs = to_admin });
}

static void add_jump(struct nl_batch *b, const struct nft_table *t, const char *chain)
{
	const struct nft_expr jump[] = { NFT_COUNTER, NFT_VERDICT_TO(NFT_JUMP, chain), NFT_END };

	nft_insert_rule(b, t, "FORWARD", &(const struct nft_rule) { .exprs = jump });
}

struct find_jump {
	const char *to;
	bool found;
};

static int look_for_jump(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct find_jump *f = arg;

	(void)e;
	f->found = f->found || strcmp(rule->jump, f->to) == 0;
	return 0;
}

/* Rules of ours, of which some are missing: all of them anew. */
struct handles {
	uint64_t v[8];
	size_t n;
};

static int keep_handle(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct handles *h = arg;

	(void)e;
	if (h->n < ARRAY_SIZE(h->v))
		h->v[h->n++] = rule->handle;
	return 0;
}

static void forget_handles(void *arg)
{
	((struct handles *)arg)->n = 0;
}

static int has_jump(struct nl_sock *s, const struct nft_table *t, const char *to, struct err *e)
{
	struct find_jump jump = { .to = to };
	int r = nft_each_rule(s, t->family, t->name, "FORWARD", look_for_jump, NULL, &jump, e);

	return r < 0 ? r : jump.found;
}

/* Somebody flushed the chains of iptables without removing them. */
static int readmit(struct nl_sock *s, const struct nft_table *t, const char *chain,
                   const char *admin, struct err *e)
{
	struct handles h = { .n = 0 };
	int has_admin = nft_has_chain(s, t->family, t->name, admin, e);
	int jumps = has_admin < 0 ? has_admin : has_jump(s, t, chain, e);
	_uninitialized_ struct nl_batch b;
	int r = jumps < 0 ? jumps
	                  : nft_each_rule(s, t->family, t->name, chain, keep_handle, forget_handles,
	                                  &h, e);

	if (r < 0)
		return r;
	nft_begin(&b);
	if (!has_admin)
		nft_add_chain(&b, t, &(const struct nft_chain) { .name = admin });
	for (size_t i = 0; i < h.n; i++)
		nft_del_rule(&b, t->family, t->name, chain, h.v[i]);
	insert_own_rules(&b, t, chain, admin);
	if (!jumps)
		add_jump(&b, t, chain);
	r = nft_commit(s, &b, e);
	return r < 0 ? r : 1;
}

int firewall_admit(struct nl_sock *s, sa_family_t family, const char *admin, bool thorough,
                   struct err *e)
{
	const struct nft_table *t = filter_table(family);
	char chain[FIREWALL_CHAIN_MAX];
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r;

	own_chain(admin, chain);
	r = nft_count_rules(s, t->family, t->name, chain, e);
	if (r == OWN_RULES)
		r = thorough ? has_jump(s, t, chain, e) : 1;
	else if (r > 0)
		r = 0;
	if (r != 0)
		return r;
	r = nft_has_chain(s, t->family, t->name, "FORWARD", e);
	if (r <= 0)
		return r;
	r = nft_has_chain(s, t->family, t->name, chain, e);
	if (r != 0)
		return r < 0 ? r : readmit(s, t, chain, admin, e);
	r = nft_has_chain(s, t->family, t->name, admin, e);
	if (r < 0)
		return r;
	nft_begin(&b);
	if (r == 0)
		nft_add_chain(&b, t, &(const struct nft_chain) { .name = admin });
	nft_add_chain(&b, t, &(const struct nft_chain) { .name = chain });
	insert_own_rules(&b, t, chain, admin);
	add_jump(&b, t, chain);
	r = nft_commit(s, &b, &mine);
	if (r == -EEXIST) /* another ADD was faster */
		return 1;
	if (r < 0)
		*e = mine;
	return r < 0 ? r : 1;
}

int firewall_admitted(struct nl_sock *s, sa_family_t family, const char *admin,
                      const char **ret_missing, struct err *e)
{
	const struct nft_table *t = filter_table(family);
	char chain[FIREWALL_CHAIN_MAX];
	int r = nft_has_chain(s, t->family, t->name, "FORWARD", e);

	if (r <= 0)
		return r < 0 ? r : 1;
	own_chain(admin, chain);
	*ret_missing = "CNIDA-FORWARD";
	r = nft_count_rules(s, t->family, t->name, chain, e);
	if (r < OWN_RULES)
		return r < 0 ? r : 0;
	*ret_missing = "FORWARD";
	return has_jump(s, t, chain, e);
}
