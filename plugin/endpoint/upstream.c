/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstream.c - what containernetworking's plugins left in the firewall for one attachment
 *
 * Where each version puts what is a table (struct place): a chain, and how a rule there shows that it is the
 * attachment's. A chain of its own is asked for by name first; a chain that pods share is only listed if it is there.
 */
#include "endpoint/upstream.h"

#include "base/hash.h"
#include "kernel/nftables.h"
#include "kernel/xtables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE   256 /* the kernel's NFT_NAME_MAXLEN, with its NUL */
#define BATCH_RULES 48  /* rules in one transaction, which holds NL_BATCH_MAX messages */
#define ROUNDS      32  /* transactions for one place: 1,500 rules */

/* Names that upstream derives from the attachment. Their lengths are part of the format: a chain of iptables has at
 * most 28 characters. */
enum name {
	NAME_MASQ,         /* CNI- + 24 hex of (network, container ID) */
	NAME_DNAT,         /* CNI-DN- + 21 */
	NAME_SNAT,         /* CNI-SN- + 21: portmap before 0.7 */
	NAME_MASQ_COMMENT, /* 16 hex of the network - 16 hex of interface:container ID */
	NAME_CONTAINER,    /* the container ID */
	NAME_SPOOF,        /* cni-br-iface- container ID - interface */
	NAME_SPOOF_MAC,
	NAMES,
};

struct attachment {
	char names[NAMES]
		  [NAME_SIZE]; /* "" if it would be too long for the kernel: then it cannot be there */
	const struct ip_prefix *ips;
	size_t n_ips;
};

enum sign {
	JUMPS_TO,        /* the rule jumps to the chain of that name, which goes with it */
	COMMENT_IS,      /* its comment is the name */
	COMMENT_STARTS,  /* its comment starts with the name */
	ACCEPTS_ADDRESS, /* it accepts one of the addresses, as source or destination */
};

static const struct place {
	uint8_t family;
	const char *table, *chain;
	enum sign sign;
	enum name name;
} places[] = {
	/* In the order of their tables: one that is not there is asked for once. */
	{ NFPROTO_IPV4, "nat", "POSTROUTING", JUMPS_TO, NAME_MASQ },
	{ NFPROTO_IPV4, "nat", "CNI-HOSTPORT-DNAT", JUMPS_TO, NAME_DNAT },
	{ NFPROTO_IPV4, "nat", "CNI-HOSTPORT-SNAT", JUMPS_TO, NAME_SNAT },
	{ NFPROTO_IPV6, "nat", "POSTROUTING", JUMPS_TO, NAME_MASQ },
	{ NFPROTO_IPV6, "nat", "CNI-HOSTPORT-DNAT", JUMPS_TO, NAME_DNAT },
	{ NFPROTO_IPV6, "nat", "CNI-HOSTPORT-SNAT", JUMPS_TO, NAME_SNAT },
	{ NFPROTO_BRIDGE, "nat", "PREROUTING", JUMPS_TO, NAME_SPOOF },
	{ NFPROTO_BRIDGE, "nat", NULL, JUMPS_TO,
	  NAME_SPOOF_MAC }, /* its only jump went with NAME_SPOOF */
	{ NFPROTO_INET, "cni_plugins_masquerade", "masq_checks", COMMENT_STARTS,
	  NAME_MASQ_COMMENT },
	{ NFPROTO_IPV4, "cni_hostport", "hostports", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV4, "cni_hostport", "hostip_hostports", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV4, "cni_hostport", "masquerading", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV6, "cni_hostport", "hostports", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV6, "cni_hostport", "hostip_hostports", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV6, "cni_hostport", "masquerading", COMMENT_IS, NAME_CONTAINER },
	{ NFPROTO_IPV4, "filter", "CNI-FORWARD", ACCEPTS_ADDRESS, NAMES },
	{ NFPROTO_IPV6, "filter", "CNI-FORWARD", ACCEPTS_ADDRESS, NAMES },
};

/* Names */

static void set_name(char ret[static NAME_SIZE], const char *prefix, const char *text,
                     const char *suffix)
{
	int n = snprintf(ret, NAME_SIZE, "%s%s%s", prefix, text, suffix);

	if (n >= NAME_SIZE)
		*ret = '\0';
}

static void derive_names(struct attachment *a, const char *network, const char *container_id,
                         const char *ifname)
{
	const char *const both[] = { network, container_id, NULL }, *const net[] = { network,
		                                                                     NULL };
	const char *const instance[] = { ifname, ":", container_id, NULL };
	char hash[25], net_hash[18], id[NAME_SIZE];

	hash_hex_plain(both, 24, hash);
	set_name(a->names[NAME_MASQ], "CNI-", hash, "");
	hash[21] = '\0';
	set_name(a->names[NAME_DNAT], "CNI-DN-", hash, "");
	set_name(a->names[NAME_SNAT], "CNI-SN-", hash, "");
	hash_hex_plain(net, 16, net_hash);
	net_hash[16] = '-';
	net_hash[17] = '\0';
	hash_hex_plain(instance, 16, hash);
	set_name(a->names[NAME_MASQ_COMMENT], net_hash, hash, "");
	set_name(a->names[NAME_CONTAINER], container_id, "", "");
	set_name(id, container_id, "-", ifname);
	set_name(a->names[NAME_SPOOF], "cni-br-iface-", id, "");
	set_name(a->names[NAME_SPOOF_MAC], "cni-br-iface-", id, "-mac");
}

/* nf_tables: finding */

/* What the expressions of a rule say, as far as firewall's two kinds of rules need it. */
struct reading {
	const struct attachment *a;
	bool address, other_address, accepts;
	int field; /* address that the last payload expression loaded: 0 none, 4 or 6 its family */
};

static void read_payload(const struct nlattr *const data[], struct reading *r)
{
	uint32_t base = ntohl(nl_u32(data[NFTA_PAYLOAD_BASE])),
		 off = ntohl(nl_u32(data[NFTA_PAYLOAD_OFFSET]));
	uint32_t len = ntohl(nl_u32(data[NFTA_PAYLOAD_LEN]));

	r->field = 0;
	if (base != NFT_PAYLOAD_NETWORK_HEADER)
		return;
	if (len == 4 && (off == 12 || off == 16))
		r->field = 4;
	else if (len == 16 && (off == 8 || off == 24))
		r->field = 6;
}

static void read_cmp(const struct nlattr *const data[], struct reading *r)
{
	const struct nlattr *value[NFTA_DATA_MAX + 1];
	uint8_t bytes[16];
	bool found = false;

	nl_attrs_nested(data[NFTA_CMP_DATA], value, NFTA_DATA_MAX);
	if (!r->field || !nl_copy(value[NFTA_DATA_VALUE], bytes, r->field == 4 ? 4 : 16))
		return;
	for (size_t i = 0; i < r->a->n_ips; i++) {
		const struct ip_addr *ip = &r->a->ips[i].addr;

		found |= ip->family == (r->field == 4 ? AF_INET : AF_INET6) &&
		         memcmp(ip->bytes, bytes, ip_size(ip->family)) == 0;
	}
	if (found && ntohl(nl_u32(data[NFTA_CMP_OP])) == NFT_CMP_EQ)
		r->address = true;
	else
		r->other_address = true;
	r->field = 0;
}

static void read_immediate(const struct nlattr *const data[], struct reading *r)
{
	const struct nlattr *value[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	nl_attrs_nested(data[NFTA_IMMEDIATE_DATA], value, NFTA_DATA_MAX);
	nl_attrs_nested(value[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
	r->accepts = verdict[NFTA_VERDICT_CODE] &&
	             ntohl(nl_u32(verdict[NFTA_VERDICT_CODE])) == NF_ACCEPT;
}

static int read_expr(const char *name, const struct nlattr *data, void *arg)
{
	const struct nlattr *tb[16];
	struct reading *r = arg;

	nl_attrs_nested(data, tb, ARRAY_SIZE(tb) - 1);
	if (strcmp(name, "payload") == 0)
		read_payload(tb, r);
	else if (strcmp(name, "bitwise") == 0)
		r->field = 0; /* a prefix, not an address */
	else if (strcmp(name, "cmp") == 0)
		read_cmp(tb, r);
	else if (strcmp(name, "immediate") == 0)
		read_immediate(tb, r);
	return 0;
}

static bool accepts_address(const struct nft_rule_info *rule, const struct attachment *a)
{
	struct reading r = { .a = a };

	nft_each_expr(rule, read_expr, &r);
	return r.address && !r.other_address && r.accepts;
}

/* The rules of one place that are the attachment's. */
struct search {
	const struct place *place;
	const struct attachment *a;
	uint64_t handles[BATCH_RULES];
	size_t n;
};

static bool is_sign(const struct search *s, const struct nft_rule_info *rule)
{
	const char *name = s->place->name < NAMES ? s->a->names[s->place->name] : "";

	switch (s->place->sign) {
	case JUMPS_TO:
		return strcmp(rule->jump, name) == 0;
	case COMMENT_IS:
		return strcmp(rule->comment, name) == 0;
	case COMMENT_STARTS:
		return strncmp(rule->comment, name, strlen(name)) == 0;
	case ACCEPTS_ADDRESS:
		return accepts_address(rule, s->a);
	default:
		return false;
	}
}

static int look_at(const struct nft_rule_info *rule, void *arg, struct err *e)
{
	struct search *s = arg;

	(void)e;
	if (s->n < BATCH_RULES && is_sign(s, rule))
		s->handles[s->n++] = rule->handle;
	return 0;
}

static void forget(void *arg)
{
	((struct search *)arg)->n = 0;
}

/* nf_tables: removing */

/* One transaction. Returns the number of rules and chains removed; BATCH_RULES or more: there may be others. */
static int clear_once(struct nl_sock *s, const struct place *p, const struct attachment *a,
                      struct err *e)
{
	struct search search = { .place = p, .a = a };
	bool last;
	_uninitialized_ struct nl_batch b;
	int r = 0;

	if (p->chain)
		r = nft_each_rule(s, p->family, p->table, p->chain, look_at, forget, &search, e);
	if (r < 0)
		return r;
	nft_begin(&b);
	for (size_t i = 0; i < search.n; i++)
		nft_del_rule(&b, p->family, p->table, p->chain, search.handles[i]);
	last = search.n < BATCH_RULES && p->sign == JUMPS_TO;
	if (last)
		nft_del_chain(&b, p->family, p->table, a->names[p->name]);
	if (!search.n && !last)
		return 0;
	r = nft_commit(s, &b, e);
	return r < 0 ? r : (int)search.n + last;
}

static int clear_place(struct nl_sock *s, const struct place *p, const struct attachment *a,
                       struct err *e)
{
	const char *chain = p->sign == JUMPS_TO ? a->names[p->name] : p->chain;
	int total = 0, r;

	if (p->sign == ACCEPTS_ADDRESS ? !a->n_ips : !*a->names[p->name])
		return 0;
	r = nft_has_chain(s, p->family, p->table, chain, e);
	for (int i = 0; r > 0 && i < ROUNDS; i++) {
		r = clear_once(s, p, a, e);
		/* Upstream's own DEL, or another of ours, was faster with one of them: see what is left. */
		if (r == -ENOENT) {
			r = nft_has_chain(s, p->family, p->table, chain, e);
			continue;
		}
		total += r > 0 ? r : 0;
		if (r < BATCH_RULES)
			break;
	}
	return r < 0 ? r : total;
}

/* All */

/* Adds up what was removed; the first failure is the one that is reported. */
struct tally {
	int removed, failed;
};

static void count(struct tally *t, int r, struct err *e, const struct err *this)
{
	if (r >= 0) {
		t->removed += r;
	} else if (!t->failed) {
		t->failed = r;
		*e = *this;
	}
}

static void clear_nftables(const struct attachment *a, struct tally *t, struct err *e)
{
	_cleanup_nl_ struct nl_sock s = { .fd = -1 };
	struct err this;
	const struct place *p, *end = places + ARRAY_SIZE(places);
	int r = nl_open(NETLINK_NETFILTER, &s, &this);

	if (r < 0) {
		count(t, r, e, &this);
		return;
	}
	r = 1;
	for (p = places; p < end; p++) {
		if (p == places || p->family != p[-1].family || strcmp(p->table, p[-1].table) != 0)
			r = nft_has_table(&s, p->family, p->table, &this);
		if (r > 0)
			count(t, clear_place(&s, p, a, &this), e, &this);
		else
			count(t, r, e, &this);
	}
}

static void clear_legacy(const struct attachment *a, struct tally *t, struct err *e)
{
	const char *const chains[] = { a->names[NAME_MASQ], a->names[NAME_DNAT],
		                       a->names[NAME_SNAT] };
	const struct xtables_cut nat = { .chains = chains, .n_chains = ARRAY_SIZE(chains) };
	const struct xtables_cut filter = { .addr_chain = "CNI-FORWARD",
		                            .addrs = a->ips,
		                            .n_addrs = a->n_ips };
	static const sa_family_t families[] = { AF_INET, AF_INET6 };
	struct err this;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		count(t, xtables_cut(families[i], "nat", &nat, &this), e, &this);
		if (a->n_ips)
			count(t, xtables_cut(families[i], "filter", &filter, &this), e, &this);
	}
}

int upstream_remove(const char *network, const char *container_id, const char *ifname,
                    const struct ip_prefix *ips, size_t n_ips, struct err *e)
{
	struct attachment a = { .ips = ips, .n_ips = n_ips };
	struct tally t = { .removed = 0 };

	derive_names(&a, network, container_id, ifname);
	clear_nftables(&a, &t, e);
	clear_legacy(&a, &t, e);
	return t.failed ? t.failed : t.removed;
}
