/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_portmap.c - host ports: what a connection to the node is sent on to, as elements of maps
 *
 * The hot path of an ADD is one transaction. That a table or a chain is missing shows when it fails.
 */
#include "kernel/ruleset_portmap.h"

#include "kernel/ruleset_tables.h"

#include <errno.h>
#include <string.h>

#define TABLE (&ruleset_tables[RULESET_HOSTPORT])

/* One transaction has at most NL_BATCH_MAX messages: two for itself, up to three for each host port. */
#define CHUNK 20

int hostport_cmp(const struct hostport *a, const struct hostport *b)
{
	int r = ip_cmp(&a->pod.addr, &b->pod.addr);

	if (!r)
		r = a->proto - b->proto;
	if (!r)
		r = a->pod_port - b->pod_port;
	if (!r)
		r = a->port - b->port;
	if (!r)
		r = a->addr.family - b->addr.family;
	return r ? r : ip_cmp(&a->addr, &b->addr);
}

/* Keys and data, as the registers of the rules have them: each field takes a multiple of four bytes */

struct words {
	uint8_t bytes[40];
	size_t len;
};

static void put_field(struct words *w, const void *data, size_t len)
{
	memcpy(w->bytes + w->len, data, len);
	w->len += (len + 3) & ~(size_t)3;
}

static void put_port(struct words *w, uint16_t port)
{
	const uint8_t be[2] = { (uint8_t)(port >> 8), (uint8_t)port };

	put_field(w, be, sizeof(be));
}

static uint16_t port_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_v6(const struct hostport *hp)
{
	return hp->pod.addr.family == AF_INET6;
}

static const struct nft_set *hostport_map(const struct hostport *hp)
{
	if (ip_is_set(&hp->addr))
		return is_v6(hp) ? &ruleset_hostport6 : &ruleset_hostport4;
	return is_v6(hp) ? &ruleset_hostport_any6 : &ruleset_hostport_any4;
}

static struct words hostport_key(const struct hostport *hp)
{
	struct words w = { .len = 0 };

	put_field(&w, &hp->proto, 1);
	if (ip_is_set(&hp->addr))
		put_field(&w, hp->addr.bytes, ip_size(hp->addr.family));
	put_port(&w, hp->port);
	return w;
}

static struct words hostport_data(const struct hostport *hp)
{
	struct words w = { .len = 0 };

	put_field(&w, hp->pod.addr.bytes, ip_size(hp->pod.addr.family));
	put_port(&w, hp->pod_port);
	return w;
}

static const struct nft_set *hairpin_map(const struct hostport *hp)
{
	return is_v6(hp) ? &ruleset_hairpin6 : &ruleset_hairpin4;
}

static struct words hairpin_key(const struct hostport *hp)
{
	struct words w = { .len = 0 };

	put_field(&w, &hp->proto, 1);
	put_field(&w, hp->pod.addr.bytes, ip_size(hp->pod.addr.family));
	put_port(&w, hp->pod_port);
	return w;
}

static const struct nft_set *self_set(const struct hostport *hp)
{
	return is_v6(hp) ? &ruleset_self6 : &ruleset_self4;
}

static struct words self_key(const struct hostport *hp)
{
	struct words w = { .len = 0 };

	for (int i = 0; i < 2; i++)
		put_field(&w, hp->pod.addr.bytes, ip_size(hp->pod.addr.family));
	return w;
}

/* The chain that a pod's prefix has */

#define CHAIN_MAX (sizeof("from_") + PREFIX_STR_MAX)

static bool is_single(const struct ip_prefix *pod)
{
	return pod->len == ip_bits(pod->addr.family);
}

/* nft(8) knows no names with colons, so IPv6 is written with dashes. */
static const char *chain_of(const struct ip_prefix *pod, enum hostport_snat snat,
                            char buf[static CHAIN_MAX])
{
	const struct ip_prefix net = { .addr = prefix_network(pod), .len = pod->len };
	char text[PREFIX_STR_MAX];

	if (snat == HOSTPORT_SNAT_ALL)
		return RULESET_CHAIN_EVERYBODY;
	if (is_single(pod))
		return RULESET_CHAIN_SELF;
	(void)snprintf(buf, CHAIN_MAX, "from_%s", prefix_format(&net, text));
	for (char *c = buf; *c; c++) {
		if (*c == ':')
			*c = '-';
	}
	return buf;
}

/* ip saddr NET masquerade; ip saddr 127.0.0.0/8 masquerade */
static void add_chain(struct nl_batch *b, const struct ip_prefix *pod)
{
	const bool v6 = pod->addr.family == AF_INET6;
	const uint8_t size = (uint8_t)ip_size(pod->addr.family);
	const struct ip_addr net = prefix_network(pod);
	struct nft_expr from_net[] = {
		NFT_META(NFT_META_NFPROTO, NFT_REG(0)),
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, v6 ? NFPROTO_IPV6 : NFPROTO_IPV4),
		NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 8 : 12, size, NFT_REG(0)),
		NFT_AND(NFT_REG(0), size, 0),
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), size, 0),
		NFT_MASQUERADE,
		NFT_END,
	};
	static const struct nft_expr from_localhost[] = {
		NFT_IS_IP4,
		NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 1, NFT_REG(0)),
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, 127),
		NFT_MASQUERADE,
		NFT_END,
	};
	const struct nft_rule rules[] = { { .exprs = from_net }, { .exprs = from_localhost } };
	char name[CHAIN_MAX];
	const struct nft_chain chain = { .name = chain_of(pod, HOSTPORT_SNAT_LOCAL, name),
		                         .rules = rules,
		                         .n_rules = v6 ? 1 : 2 };

	for (unsigned int i = 0; i < pod->len; i++)
		from_net[3].data[0].bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
	memcpy(from_net[4].data[0].bytes, net.bytes, size);
	nft_add_chain(b, TABLE, &chain);
}

static int need_chain(struct nl_sock *s, const struct ip_prefix *pod, struct err *e)
{
	char name[CHAIN_MAX];
	_uninitialized_ struct nl_batch b;
	struct err mine;
	int r = nft_has_chain(s, TABLE->family, TABLE->name,
	                      chain_of(pod, HOSTPORT_SNAT_LOCAL, name), e);

	if (r)
		return r < 0 ? r : 0;
	nft_begin(&b);
	add_chain(&b, pod);
	r = nft_commit(s, &b, &mine);
	if (r == -EEXIST) /* another ADD was faster */
		return 0;
	if (r < 0)
		*e = mine;
	return r;
}

/* The chains of all prefixes among @v, which has equal ones together. -ENOENT without a table. */
static int need_chains(struct nl_sock *s, const struct hostport *v, size_t n, struct err *e)
{
	int r = nft_has_table(s, TABLE->family, TABLE->name, e);

	if (r <= 0)
		return r < 0 ? r
		             : err_set(e, CNI_E_INTERNAL, ENOENT, "there is no table %s",
		                       TABLE->name);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if ((i == 0 || !ip_eq(&v[i].pod.addr, &v[i - 1].pod.addr)) && !is_single(&v[i].pod))
			r = need_chain(s, &v[i].pod, e);
	}
	return r < 0 ? r : 0;
}

/* Putting in */

/* Host ports that lead to one port of a pod share its masquerade; those of one pod share its entry in self. */
static bool same_target(const struct hostport *a, const struct hostport *b)
{
	return ip_eq(&a->pod.addr, &b->pod.addr) && a->proto == b->proto &&
	       a->pod_port == b->pod_port;
}

static void put_one(struct nl_batch *b, const struct hostport *hp, const struct hostport *before,
                    enum hostport_snat snat, const char *owner)
{
	const struct words key = hostport_key(hp), data = hostport_data(hp), pod = hairpin_key(hp),
			   self = self_key(hp);
	char name[CHAIN_MAX];

	nft_add_elem(b, TABLE, hostport_map(hp),
	             &(const struct nft_elem) {
			     .key = key.bytes, .data = data.bytes, .comment = owner },
	             NLM_F_EXCL, "add a host port");
	if (snat == HOSTPORT_SNAT_NONE || (before && same_target(hp, before)))
		return;
	nft_add_elem(b, TABLE, hairpin_map(hp),
	             &(const struct nft_elem) { .key = pod.bytes,
	                                        .verdict = NFT_GOTO,
	                                        .chain = chain_of(&hp->pod, snat, name),
	                                        .comment = owner },
	             NLM_F_EXCL, "masquerade a host port");
	if (snat == HOSTPORT_SNAT_LOCAL && is_single(&hp->pod) &&
	    !(before && ip_eq(&before->pod.addr, &hp->pod.addr)))
		nft_add_elem(b, TABLE, self_set(hp),
		             &(const struct nft_elem) { .key = self.bytes, .comment = owner },
		             NLM_F_EXCL, "masquerade a pod to itself");
}

static int put_chunk(struct nl_sock *s, const struct hostport *v, size_t from, size_t to,
                     enum hostport_snat snat, const char *owner, struct err *e)
{
	_uninitialized_ struct nl_batch b;

	nft_begin(&b);
	for (size_t i = from; i < to; i++)
		put_one(&b, &v[i], i ? &v[i - 1] : NULL, snat, owner);
	return nft_commit(s, &b, e);
}

static void cut_owner(const char *owner, char buf[static RULESET_COMMENT_MAX + 1])
{
	(void)snprintf(buf, RULESET_COMMENT_MAX + 1, "%s", owner);
}

int ruleset_add_hostports(struct nl_sock *s, const struct hostport *v, size_t n,
                          enum hostport_snat snat, const char *owner, struct err *e)
{
	char comment[RULESET_COMMENT_MAX + 1];
	struct err ignored;
	int r = 0;

	cut_owner(owner, comment);
	for (size_t from = 0; r >= 0 && from < n; from += CHUNK) {
		size_t to = n - from < CHUNK ? n : from + CHUNK;

		r = put_chunk(s, v, from, to, snat, comment, e);
		if (r == -ENOENT && snat == HOSTPORT_SNAT_LOCAL) {
			r = need_chains(s, v, n, e);
			if (r == 0)
				r = put_chunk(s, v, from, to, snat, comment, e);
		}
		if (r < 0 && from > 0)
			(void)ruleset_take_hostports(s, v, from, comment, &ignored);
	}
	return r;
}

/* Questions */

struct answer {
	char owner[RULESET_COMMENT_MAX + 1];
	char chain[CHAIN_MAX];
	uint8_t data[20];
	size_t data_len;
};

static int keep_answer(const struct nft_elem_info *el, void *arg, struct err *e)
{
	struct answer *a = arg;

	(void)e;
	(void)snprintf(a->owner, sizeof(a->owner), "%s", el->comment);
	(void)snprintf(a->chain, sizeof(a->chain), "%s", el->chain);
	if (el->data)
		memcpy(a->data, el->data, a->data_len);
	return 0;
}

static int ask_hostport(struct nl_sock *s, const struct hostport *key, struct answer *a,
                        struct err *e)
{
	const struct nft_set *map = hostport_map(key);
	const struct words w = hostport_key(key);

	*a = (struct answer) { .data_len = map->data_len };
	return nft_get_elem(s, TABLE, map, w.bytes, keep_answer, a, e);
}

static void read_target(const uint8_t *data, sa_family_t family, struct hostport *ret)
{
	struct ip_addr pod = { .family = family };

	memcpy(pod.bytes, data, ip_size(family));
	ret->pod = prefix_host(&pod);
	ret->pod_port = port_at(data + ip_size(family));
}

int ruleset_find_hostport(struct nl_sock *s, const struct hostport *key, struct hostport *ret,
                          char *ret_owner, struct err *e)
{
	struct answer a;
	int r = ask_hostport(s, key, &a, e);

	if (r <= 0)
		return r;
	if (ret_owner)
		memcpy(ret_owner, a.owner, sizeof(a.owner));
	if (ret) {
		*ret = *key;
		read_target(a.data, key->pod.addr.family, ret);
	}
	return 1;
}

int ruleset_has_hostport_snat(struct nl_sock *s, const struct hostport *hp, enum hostport_snat snat,
                              char *ret_owner, struct err *e)
{
	const struct words pod = hairpin_key(hp), self = self_key(hp);
	struct answer a = { .data_len = 0 };
	char want[CHAIN_MAX];
	const char *chain = chain_of(&hp->pod, snat, want);
	int r;

	if (snat == HOSTPORT_SNAT_NONE)
		return 1;
	r = nft_get_elem(s, TABLE, hairpin_map(hp), pod.bytes, keep_answer, &a, e);
	if (r > 0 && ret_owner)
		memcpy(ret_owner, a.owner, sizeof(a.owner));
	if (r <= 0 || strcmp(a.chain, chain) != 0)
		return r < 0 ? r : 0;
	if (strcmp(chain, RULESET_CHAIN_SELF) == 0)
		return nft_get_elem(s, TABLE, self_set(hp), self.bytes, NULL, NULL, e);
	r = nft_count_rules(s, TABLE->family, TABLE->name, chain, e);
	return r < 0 ? r : r > 0;
}

/* Taking out */

/* Is it there, and whose? 1 and it goes into the batch, 0 or -errno. */
static int take_elem(struct nl_sock *s, struct nl_batch *b, const struct nft_set *set,
                     const struct words *key, const char *owner, struct err *e)
{
	struct answer a = { .data_len = 0 };
	int r = nft_get_elem(s, TABLE, set, key->bytes, keep_answer, &a, e);

	if (r <= 0 || strcmp(a.owner, owner) != 0)
		return r < 0 ? r : 0;
	nft_del_elem(b, TABLE, set, &(const struct nft_elem) { .key = key->bytes },
	             "remove a host port");
	return 1;
}

static int take_one(struct nl_sock *s, struct nl_batch *b, const struct hostport *hp,
                    const struct hostport *before, const char *owner, struct err *e)
{
	const struct words key = hostport_key(hp), pod = hairpin_key(hp), self = self_key(hp);
	int n = take_elem(s, b, hostport_map(hp), &key, owner, e), r = n;

	if (r >= 0 && !(before && same_target(hp, before))) {
		r = take_elem(s, b, hairpin_map(hp), &pod, owner, e);
		n += r;
	}
	if (r >= 0 && is_single(&hp->pod) && !(before && ip_eq(&before->pod.addr, &hp->pod.addr))) {
		r = take_elem(s, b, self_set(hp), &self, owner, e);
		n += r;
	}
	return r < 0 ? r : n;
}

int ruleset_take_hostports(struct nl_sock *s, const struct hostport *v, size_t n, const char *owner,
                           struct err *e)
{
	char comment[RULESET_COMMENT_MAX + 1];
	_uninitialized_ struct nl_batch b;
	int total = 0, r = 0;

	cut_owner(owner, comment);
	for (size_t from = 0; r >= 0 && from < n; from += CHUNK) {
		int found = 0;

		nft_begin(&b);
		for (size_t i = from; r >= 0 && i < n && i < from + CHUNK; i++) {
			r = take_one(s, &b, &v[i], i ? &v[i - 1] : NULL, comment, e);
			found += r > 0 ? r : 0;
		}
		if (r >= 0 && found)
			r = nft_commit(s, &b, e);
		total += found;
	}
	return r < 0 ? r : total;
}

/* All of them */

struct walk {
	int (*fn)(const struct hostport *hp, const char *owner, void *arg, struct err *e);
	void *arg;
	sa_family_t family;
	bool any;
};

static int one_hostport(const struct nft_elem_info *el, void *arg, struct err *e)
{
	const struct walk *w = arg;
	struct hostport hp = { .proto = el->key[0] };
	const uint8_t *at = el->key + 4;

	if (!el->data)
		return 0;
	if (!w->any) {
		hp.addr.family = w->family;
		memcpy(hp.addr.bytes, at, ip_size(w->family));
		at += ip_size(w->family);
	}
	hp.port = port_at(at);
	read_target(el->data, w->family, &hp);
	return w->fn(&hp, el->comment, w->arg, e);
}

int ruleset_each_hostport(struct nl_sock *s,
                          int (*fn)(const struct hostport *hp, const char *owner, void *arg,
                                    struct err *e),
                          void *arg, struct err *e)
{
	static const struct {
		const struct nft_set *map;
		sa_family_t family;
		bool any;
	} maps[] = {
		{ &ruleset_hostport4, AF_INET, false },
		{ &ruleset_hostport_any4, AF_INET, true },
		{ &ruleset_hostport6, AF_INET6, false },
		{ &ruleset_hostport_any6, AF_INET6, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct walk w = { fn, arg, maps[i].family, maps[i].any };
		int r = nft_each_elem(s, TABLE, maps[i].map, one_hostport, NULL, &w, e);

		if (r < 0)
			return r;
	}
	return 0;
}
