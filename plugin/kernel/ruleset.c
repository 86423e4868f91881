/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset.c - cnida's nftables: the elements that pods are, and the chains of their prefixes
 *
 * Why a chain for each prefix, and not one set { pod address . pod's prefix } of intervals: the kernel copies the
 * whole lookup table of such a set in every transaction (measured with 250 elements: up to 0.4 ms, with one hash map
 * 0.01 ms), and packets pay for it too. A hash map from the address to a chain that compares the destination with one
 * prefix says the same, `ip saddr POD ip daddr != PREFIX masquerade` for each pod, and costs a packet one lookup and
 * one comparison, whatever the number of pods. It also prints as rules that nft(8) can load again.
 *
 * A chain stays when its last pod goes, like the bridge that the prefix belongs to; only that of a single address
 * (/32, /128) goes with its pod, for there may be one for each.
 */
#include "kernel/ruleset.h"

#include "kernel/ruleset_tables.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* The chain of a pod prefix */

#define NET_CHAIN_MAX (sizeof("masq_") + PREFIX_STR_MAX)

static struct ip_prefix net_of(const struct ip_prefix *pod)
{
	return (struct ip_prefix) { .addr = prefix_network(pod), .len = pod->len };
}

/* Its name: "masq_10.244.0.0/24". nft(8) knows no names with colons, so IPv6 is written with dashes. */
static void net_chain_name(const struct ip_prefix *net, char ret[static NET_CHAIN_MAX])
{
	char text[PREFIX_STR_MAX];

	(void)snprintf(ret, NET_CHAIN_MAX, "masq_%s", prefix_format(net, text));
	for (char *c = ret; *c; c++)
		if (*c == ':')
			*c = '-';
}

/* Length of the prefix that a chain stands for; -1 if it is none of ours. */
static int net_chain_len(const char *name, unsigned int bits)
{
	const char *slash = strchr(name, '/');
	char *end;
	unsigned long len;

	if (strncmp(name, "masq_", 5) != 0 || !slash || slash[1] < '0' || slash[1] > '9')
		return -1;
	len = strtoul(slash + 1, &end, 10);
	return *end || len > bits ? -1 : (int)len;
}

static void prefix_mask(unsigned int len, uint8_t mask[static 16])
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = len > 8 * i ? len - 8 * i : 0;

		mask[i] = (uint8_t)(bits >= 8 ? 0xff : 0xff00u >> bits);
	}
}

/* ip daddr != NET masquerade */
static void add_net_chain(struct nl_batch *b, const struct ip_prefix *net)
{
	const bool v6 = net->addr.family == AF_INET6,
		   single = net->len == ip_bits(net->addr.family);
	const uint8_t size = (uint8_t)ip_size(net->addr.family);
	struct nft_expr exprs[] = {
		NFT_META(NFT_META_NFPROTO, NFT_REG(0)),
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4),
		NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 24 : 16, size, NFT_REG(0)),
		NFT_AND(NFT_REG(0), size, 0),
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), size, 0),
		NFT_MASQUERADE,
		NFT_END,
	};
	const struct nft_rule rules[] = { { .exprs = exprs } };
	char name[NET_CHAIN_MAX];
	const struct nft_chain chain = { .name = name, .rules = rules, .n_rules = 1 };

	net_chain_name(net, name);
	prefix_mask(net->len, exprs[3].data[0].bytes);
	memcpy(exprs[4].data[0].bytes, net->addr.bytes, size);
	if (single) /* a mask of ones is a comparison that nft(8) would print as arithmetic */
		memmove(&exprs[3], &exprs[4], 3 * sizeof(exprs[0]));
	nft_add_chain(b, &ruleset_tables[RULESET_INET], &chain);
}

/* Have the chain of a prefix. It nearly always is there, and asking costs less than a transaction that fails. */
static int need_net_chain(struct nl_sock *s, const struct ip_prefix *net, struct err *e)
{
	const struct nft_table *t = &ruleset_tables[RULESET_INET];
	char name[NET_CHAIN_MAX];
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r;

	net_chain_name(net, name);
	r = nft_has_chain(s, t->family, t->name, name, e);
	if (r)
		return r < 0 ? r : 0;
	nft_begin(&b);
	add_net_chain(&b, net);
	r = nft_commit(s, &b, &mine);
	if (r == -EEXIST) /* another ADD was faster */
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

/* Transactions */

void ruleset_begin(struct ruleset_txn *t)
{
	nft_begin(&t->nl);
	t->used = false;
	t->n_nets = 0;
}

int ruleset_commit(struct nl_sock *s, struct ruleset_txn *t, struct err *e)
{
	if (!t->used && !t->nl.spoiled)
		return 0;
	for (size_t i = 0; i < t->n_nets; i++) {
		int r = need_net_chain(s, &t->nets[i], e);

		if (r < 0)
			return r;
	}
	return nft_commit(s, &t->nl, e);
}

static void remember_net(struct ruleset_txn *t, const struct ip_prefix *net)
{
	for (size_t i = 0; i < t->n_nets; i++)
		if (t->nets[i].len == net->len && ip_eq(&t->nets[i].addr, &net->addr))
			return;
	if (t->n_nets == RULESET_NETS_MAX)
		t->nl.spoiled = true;
	else
		t->nets[t->n_nets++] = *net;
}

/* The map of a family; NULL for no address. */
static const struct nft_set *masq_map(const struct ip_addr *pod)
{
	switch (pod->family) {
	case AF_INET:
		return &ruleset_masq4;
	case AF_INET6:
		return &ruleset_masq6;
	default:
		return NULL;
	}
}

/* An owner that reads the same when it comes back: comments are cut to what we promise to keep. */
static const char *cut_owner(const char *owner, char buf[static RULESET_COMMENT_MAX + 1])
{
	(void)snprintf(buf, RULESET_COMMENT_MAX + 1, "%s", owner);
	return buf;
}

static void put_elem(struct ruleset_txn *t, enum ruleset_table table, const struct nft_set *set,
                     const struct nft_elem *el, const char *what)
{
	nft_add_elem(&t->nl, &ruleset_tables[table], set, el, NLM_F_EXCL, what);
	t->used = true;
}

static void del_elem(struct ruleset_txn *t, enum ruleset_table table, const struct nft_set *set,
                     const void *key, const char *what)
{
	nft_del_elem(&t->nl, &ruleset_tables[table], set, &(const struct nft_elem) { .key = key },
	             what);
	t->used = true;
}

void ruleset_add_masquerade(struct ruleset_txn *t, const struct ip_prefix *pod, const char *owner)
{
	const struct nft_set *map = masq_map(&pod->addr);
	char chain[NET_CHAIN_MAX], comment[RULESET_COMMENT_MAX + 1];
	struct ip_prefix net;

	if (!map || pod->len > ip_bits(pod->addr.family)) {
		t->nl.spoiled = true;
		return;
	}
	net = net_of(pod);
	remember_net(t, &net);
	net_chain_name(&net, chain);
	put_elem(t, RULESET_INET, map,
	         &(const struct nft_elem) {
			 .key = pod->addr.bytes,
			 .verdict = NFT_GOTO,
			 .chain = chain,
			 .comment = cut_owner(owner, comment),
		 },
	         "masquerade the pod");
}

void ruleset_del_masquerade(struct ruleset_txn *t, const struct ip_prefix *pod)
{
	const struct nft_set *map = masq_map(&pod->addr);
	char chain[NET_CHAIN_MAX];

	if (!map) {
		t->nl.spoiled = true;
		return;
	}
	del_elem(t, RULESET_INET, map, pod->addr.bytes, "end the pod's masquerade");
	if (pod->len == ip_bits(pod->addr.family)) {
		net_chain_name(pod, chain);
		nft_del_chain(&t->nl, ruleset_tables[RULESET_INET].family,
		              ruleset_tables[RULESET_INET].name, chain);
	}
}

struct spoof_key {
	char port[IFNAMSIZ];
	uint8_t mac[8]; /* six bytes, padded */
};

static struct spoof_key make_spoof_key(const char *port, const uint8_t mac[static 6])
{
	struct spoof_key key = { .port = "" };

	(void)snprintf(key.port, sizeof(key.port), "%s", port);
	memcpy(key.mac, mac, 6);
	return key;
}

void ruleset_add_spoof(struct ruleset_txn *t, const char *port, const uint8_t mac[static 6],
                       const char *owner)
{
	const struct spoof_key key = make_spoof_key(port, mac);
	char comment[RULESET_COMMENT_MAX + 1];
	const struct nft_elem el = { .key = &key, .comment = cut_owner(owner, comment) };

	put_elem(t, RULESET_BRIDGE, &ruleset_spoof_port, &el, "check the port's source addresses");
	put_elem(t, RULESET_BRIDGE, &ruleset_spoof_mac, &el, "allow the port's source address");
}

void ruleset_del_spoof(struct ruleset_txn *t, const char *port, const uint8_t mac[static 6])
{
	const struct spoof_key key = make_spoof_key(port, mac);

	del_elem(t, RULESET_BRIDGE, &ruleset_spoof_port, &key, "end the port's source check");
	del_elem(t, RULESET_BRIDGE, &ruleset_spoof_mac, &key, "forget the port's source address");
}

/* The tables */

int ruleset_create(struct nl_sock *s, enum ruleset_table table, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r;

	nft_begin(&b);
	nft_add_table(&b, &ruleset_tables[table]);
	r = nft_commit(s, &b, &mine);
	if (r == -EEXIST) /* of the table: whoever made it made it whole */
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int ruleset_intact(struct nl_sock *s, enum ruleset_table table, const char **ret_missing,
                   struct err *e)
{
	const struct nft_table *t = &ruleset_tables[table];
	int r = nft_has_table(s, t->family, t->name, e);

	*ret_missing = t->name;
	for (size_t i = 0; r > 0 && i < t->n_sets; i++) {
		*ret_missing = t->sets[i]->name;
		r = nft_has_set(s, t->family, t->name, t->sets[i]->name, e);
	}
	for (size_t i = 0; r > 0 && i < t->n_chains; i++) {
		*ret_missing = t->chains[i]->name;
		r = nft_count_rules(s, t->family, t->name, t->chains[i]->name, e);
		if (r >= 0)
			r = (size_t)r == t->chains[i]->n_rules;
	}
	if (r > 0)
		*ret_missing = NULL;
	return r;
}

int ruleset_repair(struct nl_sock *s, enum ruleset_table table, struct err *e)
{
	const struct nft_table *t = &ruleset_tables[table];
	const char *missing;
	_uninitialized_ struct nl_batch b;
	int r = ruleset_intact(s, table, &missing, e);

	if (r != 0)
		return r < 0 ? r : 0;
	r = nft_has_table(s, t->family, t->name, e);
	if (r < 0)
		return r;
	nft_begin(&b);
	if (r > 0)
		nft_del_table(&b, t);
	nft_add_table(&b, t);
	r = nft_commit(s, &b, e);
	return r < 0 ? r : 1;
}

int ruleset_destroy_table(struct nl_sock *s, enum ruleset_table table, struct err *e)
{
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r;

	nft_begin(&b);
	nft_del_table(&b, &ruleset_tables[table]);
	r = nft_commit(s, &b, &mine);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

int ruleset_destroy(struct nl_sock *s, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < RULESET_TABLES; i++) {
		struct err mine;
		int r = ruleset_destroy_table(s, (enum ruleset_table)i, &mine);

		if (r < 0 && !first) {
			first = r;
			*e = mine;
		}
	}
	return first;
}

/* Questions */

struct answer {
	char *owner; /* or NULL */
	char chain[NET_CHAIN_MAX];
};

static int keep_answer(const struct nft_elem_info *el, void *arg, struct err *e)
{
	struct answer *a = arg;

	(void)e;
	if (a->owner)
		(void)snprintf(a->owner, RULESET_COMMENT_MAX + 1, "%s", el->comment);
	(void)snprintf(a->chain, sizeof(a->chain), "%s", el->chain);
	return 0;
}

int ruleset_has_masquerade(struct nl_sock *s, const struct ip_prefix *pod, char *ret_owner,
                           struct err *e)
{
	const struct nft_table *t = &ruleset_tables[RULESET_INET];
	const struct nft_set *map = masq_map(&pod->addr);
	struct answer a = { .owner = ret_owner };
	char want[NET_CHAIN_MAX];
	struct ip_prefix net;
	int r;

	if (!map)
		return err_set(e, CNI_E_INTERNAL, EINVAL, "masquerade: no address");
	r = nft_get_elem(s, t, map, pod->addr.bytes, keep_answer, &a, e);
	if (r <= 0)
		return r;
	net = net_of(pod);
	net_chain_name(&net, want);
	if (strcmp(a.chain, want) != 0)
		return 0;
	r = nft_count_rules(s, t->family, t->name, want, e);
	return r < 0 ? r : r > 0;
}

int ruleset_take_masquerade(struct nl_sock *s, const struct ip_addr *pod, const char *owner,
                            struct err *e)
{
	const struct nft_set *map = masq_map(pod);
	char found[RULESET_COMMENT_MAX + 1] = "", want[RULESET_COMMENT_MAX + 1];
	struct answer a = { .owner = found };
	struct ip_prefix was;
	_uninitialized_ struct ruleset_txn t;
	int r, len;

	if (!map)
		return err_set(e, CNI_E_INTERNAL, EINVAL, "masquerade: no address");
	r = nft_get_elem(s, &ruleset_tables[RULESET_INET], map, pod->bytes, keep_answer, &a, e);
	if (r <= 0 || (owner && strcmp(found, cut_owner(owner, want)) != 0))
		return r < 0 ? r : 0;
	len = net_chain_len(a.chain, ip_bits(pod->family));
	was = (struct ip_prefix) { .addr = *pod, .len = (uint8_t)(len < 0 ? 0 : len) };
	ruleset_begin(&t);
	ruleset_del_masquerade(&t, &was);
	r = ruleset_commit(s, &t, e);
	/* Another process that takes out the same (see "Restoring" in endpoint/elements.c) may have been faster. */
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

int ruleset_has_spoof(struct nl_sock *s, const char *port, const uint8_t mac[static 6],
                      char *ret_owner, struct err *e)
{
	const struct nft_table *t = &ruleset_tables[RULESET_BRIDGE];
	const struct spoof_key key = make_spoof_key(port, mac);
	struct answer a = { .owner = ret_owner };
	int r = nft_get_elem(s, t, &ruleset_spoof_port, &key, NULL, NULL, e);

	return r <= 0 ? r : nft_get_elem(s, t, &ruleset_spoof_mac, &key, keep_answer, &a, e);
}

/* The addresses that a port may use, to be removed. */
struct spoof_walk {
	const char *port;
	struct ruleset_txn *t;
};

static int one_spoof_mac(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct spoof_walk *w = arg;
	struct spoof_key key;

	(void)e;
	memcpy(&key, el->key, sizeof(key));
	if (strncmp(key.port, w->port, IFNAMSIZ) == 0)
		del_elem(w->t, RULESET_BRIDGE, &ruleset_spoof_mac, &key,
		         "forget the port's source address");
	return 0;
}

static void forget_spoof_macs(void *arg)
{
	const struct spoof_walk *w = arg;

	ruleset_begin(w->t);
}

int ruleset_take_spoof(struct nl_sock *s, const char *port, struct err *e)
{
	const struct nft_table *table = &ruleset_tables[RULESET_BRIDGE];
	const struct spoof_key key = make_spoof_key(port, (const uint8_t[6]) { 0 });
	_uninitialized_ struct ruleset_txn t;
	struct spoof_walk w = { .port = port, .t = &t };
	int r;

	ruleset_begin(&t);
	r = nft_each_elem(s, table, &ruleset_spoof_mac, one_spoof_mac, forget_spoof_macs, &w, e);
	if (r == 0)
		r = nft_get_elem(s, table, &ruleset_spoof_port, &key, NULL, NULL, e);
	if (r > 0)
		del_elem(&t, RULESET_BRIDGE, &ruleset_spoof_port, &key,
		         "end the port's source check");
	if (r < 0 || !t.used)
		return r < 0 ? r : 0;
	r = ruleset_commit(s, &t, e);
	if (r == -ENOENT) /* as above; what is left of it goes with the other's transaction */
		return 0;
	return r < 0 ? r : 1;
}

struct masquerade_walk {
	int (*fn)(const struct ip_prefix *pod, const char *owner, void *arg, struct err *e);
	void *arg;
	sa_family_t family;
};

static int one_masquerade(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct masquerade_walk *w = arg;
	const unsigned int bits = ip_bits(w->family);
	int len = net_chain_len(el->chain, bits);
	struct ip_prefix pod = { .addr.family = w->family };

	memcpy(pod.addr.bytes, el->key, ip_size(w->family));
	pod.len = (uint8_t)(len < 0 ? (int)bits : len);
	return w->fn(&pod, el->comment, w->arg, e);
}

int ruleset_each_masquerade(struct nl_sock *s,
                            int (*fn)(const struct ip_prefix *pod, const char *owner, void *arg,
                                      struct err *e),
                            void *arg, struct err *e)
{
	static const struct {
		sa_family_t family;
		const struct nft_set *map;
	} families[] = { { AF_INET, &ruleset_masq4 }, { AF_INET6, &ruleset_masq6 } };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct masquerade_walk w = { .fn = fn, .arg = arg, .family = families[i].family };
		int r = nft_each_elem(s, &ruleset_tables[RULESET_INET], families[i].map,
		                      one_masquerade, NULL, &w, e);

		if (r < 0)
			return r;
	}
	return 0;
}
