/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nftables.h - nf_tables messages: tables, chains, rules, sets as data; elements; questions
 *
 * What stays the same from pod to pod is described by constant structures (struct nft_table and what it points to) and
 * is sent by one function each. What changes, the elements of sets and maps, is put into the batch directly.
 *
 * A transaction is a struct nl_batch between nft_begin() and nft_commit(): the kernel carries out all of it or
 * nothing. Names of the kernel's constants: linux/netfilter/nf_tables.h. Numbers here are in host byte order, as
 * the kernel wants them on the wire is this layer's business; addresses, ports and other packet data are bytes
 * in network order.
 */
#ifndef CNIDA_KERNEL_NFTABLES_H
#define CNIDA_KERNEL_NFTABLES_H

#include "kernel/netlink.h"

/* The libc's header comes first, or the kernel's defines the same types again. */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define NFT_COMMENT_MAX 127 /* bytes of a comment: nft(8) refuses longer ones */

/* Numbers that nft(8) gives to types of keys; the kernel only keeps them. A concatenation is written with
 * NFT_TYPE_CONCAT(), the first field outermost. */
enum nft_type {
	NFT_TYPE_IP4 = 7,
	NFT_TYPE_IP6 = 8,
	NFT_TYPE_ETHER = 9,
	NFT_TYPE_PROTO = 12,
	NFT_TYPE_SERVICE = 13,
	NFT_TYPE_MARK = 19,
	NFT_TYPE_IFNAME = 41,
};
#define NFT_TYPE_CONCAT(first, next) ((first) << 6 | (next))

#define NFT_FIELDS_MAX 5

struct nft_set {
	char name[16];
	uint32_t flags;     /* NFT_SET_MAP, NFT_SET_INTERVAL, ... */
	uint32_t key_type;  /* enum nft_type or a concatenation of them */
	uint16_t key_len;   /* bytes; each field of a concatenation takes a multiple of four */
	uint32_t data_type; /* maps: enum nft_type, or NFT_DATA_VERDICT */
	uint16_t data_len;  /* maps: bytes; 0 for verdicts */
	uint32_t size;      /* most elements; 0: no bound */
	uint32_t timeout_s; /* NFT_SET_TIMEOUT: seconds that an element stays */
	bool host_order; /* the key, a single field, is one that the kernel keeps in its own byte order: names of
				 * interfaces, marks. nft(8) prints it wrongly if it is not told. */
	/* Intervals of a concatenation (NFT_SET_INTERVAL | NFT_SET_CONCAT): bytes of each field, unpadded; 0 ends.
	 * Inserting into such a set costs more with every element that it has. */
	uint8_t fields[NFT_FIELDS_MAX + 1];
};

/*
 * An expression of a rule: the kernel's name for it and its attributes by kind. The macros below fill it in.
 */
struct nft_bytes {
	uint16_t attr; /* 0: none */
	uint8_t len;
	uint8_t bytes[16];
};

/* Constant tables keep their texts inside: an address would be relocated at every start of the program, and each page
 * that has one be copied. They define NFT_CONSTANT_TABLES before this file is included. */
struct nft_expr {
	char name[12]; /* "" ends a list */
	char text_inside[16];
	char chain_inside[12];
	const char *text;  /* where text_inside is "" */
	const char *chain; /* of the verdict, where chain_inside is ""; or NULL */
	int verdict;
	struct {
		uint16_t attr; /* 0 ends */
		uint32_t value;
	} u32[5];
	uint16_t text_attr; /* 0: no text */
	uint16_t u8_attr;   /* 0: no value of one byte */
	uint8_t u8;
	uint16_t verdict_attr; /* 0: no verdict */
	struct nft_bytes data[2];
	struct nft_bytes raw; /* an attribute as it is: what a match of iptables wants */
};

struct nft_rule {
	const struct nft_expr *exprs;
	const char *comment; /* or NULL */
};

struct nft_chain {
	const char *name;
	const char *type; /* NULL: no base chain; else "filter", "nat", "route" */
	uint32_t hook;    /* base chains: NF_INET_POST_ROUTING, ... */
	int32_t priority;
	const char *device; /* family netdev: the link whose packets it sees; else NULL */
	const struct nft_rule *rules;
	size_t n_rules;
};

struct nft_table {
	uint8_t family; /* NFPROTO_INET, NFPROTO_BRIDGE, ... */
	const char *name;
	const char *comment; /* or NULL */
	const struct nft_set *const *sets;
	size_t n_sets;
	const struct nft_chain *const *chains;
	size_t n_chains;
};

/* A word as bytes in host order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define NFT_HOST32(v) (v) & 0xff, (v) >> 8 & 0xff, (v) >> 16 & 0xff, (v) >> 24 & 0xff
#else
#	define NFT_HOST32(v) (v) >> 24 & 0xff, (v) >> 16 & 0xff, (v) >> 8 & 0xff, (v)&0xff
#endif

/* Registers are counted in words of 32 bits: a value of 16 bytes at word 1 ends before word 5. */
#define NFT_REG(word) (NFT_REG32_00 + (word))

#ifdef NFT_CONSTANT_TABLES
#	define NFT_TEXT(name)  .text_inside = name
#	define NFT_CHAIN(name) .chain_inside = name
#else
#	define NFT_TEXT(name)  .text = name
#	define NFT_CHAIN(name) .chain = name
#endif

/* clang-format off */
#define NFT_META(meta_key, reg) \
	{ .name = "meta", .u32 = { { NFTA_META_KEY, meta_key }, { NFTA_META_DREG, reg } } }
#define NFT_PAYLOAD(header, off, size, reg) \
	{ .name = "payload", .u32 = { { NFTA_PAYLOAD_BASE, header }, { NFTA_PAYLOAD_OFFSET, off }, \
				      { NFTA_PAYLOAD_LEN, size }, { NFTA_PAYLOAD_DREG, reg } } }
#define NFT_CMP(op, reg, size, ...) \
	{ .name = "cmp", .u32 = { { NFTA_CMP_SREG, reg }, { NFTA_CMP_OP, op } }, \
	  .data = { { .attr = NFTA_CMP_DATA, .len = size, .bytes = { __VA_ARGS__ } } } }
/* The register AND a mask. */
#define NFT_AND(reg, size, ...) \
	{ .name = "bitwise", .u32 = { { NFTA_BITWISE_SREG, reg }, { NFTA_BITWISE_DREG, reg }, \
				      { NFTA_BITWISE_LEN, size } }, \
	  .data = { { .attr = NFTA_BITWISE_MASK, .len = size, .bytes = { __VA_ARGS__ } }, \
		    { .attr = NFTA_BITWISE_XOR, .len = size } } }
/* Go on if the register is (@inv 0) or is not (NFT_LOOKUP_F_INV) in the set. */
#define NFT_LOOKUP(set, reg, inv) \
	{ .name = "lookup", .text_attr = NFTA_LOOKUP_SET, NFT_TEXT(set), \
	  .u32 = { { NFTA_LOOKUP_SREG, reg }, { NFTA_LOOKUP_FLAGS, inv } } }
/* Look the register up in a map, and put what is found into another (NFT_REG_VERDICT: do it). */
#define NFT_MAP(map, reg, to) \
	{ .name = "lookup", .text_attr = NFTA_LOOKUP_SET, NFT_TEXT(map), \
	  .u32 = { { NFTA_LOOKUP_SREG, reg }, { NFTA_LOOKUP_DREG, to } } }
#define NFT_VERDICT(code) \
	{ .name = "immediate", .u32 = { { NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT } }, \
	  .verdict_attr = NFTA_IMMEDIATE_DATA, .verdict = code }
/* NFT_JUMP or NFT_GOTO to a chain. */
#define NFT_VERDICT_TO(code, to) \
	{ .name = "immediate", .u32 = { { NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT } }, \
	  .verdict_attr = NFTA_IMMEDIATE_DATA, .verdict = code, NFT_CHAIN(to) }
/* Put bytes into a register. */
#define NFT_SET(reg, size, ...) \
	{ .name = "immediate", .u32 = { { NFTA_IMMEDIATE_DREG, reg } }, \
	  .data = { { .attr = NFTA_IMMEDIATE_DATA, .len = size, .bytes = { __VA_ARGS__ } } } }
/* Family netdev: send the packet out through the link whose index (host order) is in the register. */
#define NFT_FWD(reg) { .name = "fwd", .u32 = { { NFTA_FWD_SREG_DEV, reg } } }
/* What kind of address the destination is (RTN_LOCAL, ...), as a word in host order. */
#define NFT_FIB_DADDR_TYPE(reg) \
	{ .name = "fib", .u32 = { { NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE }, \
				  { NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR }, { NFTA_FIB_DREG, reg } } }
#define NFT_CT(ct_key, reg) \
	{ .name = "ct", .u32 = { { NFTA_CT_KEY, ct_key }, { NFTA_CT_DREG, reg } } }
/* A field of the connection's first packet as it came. */
#define NFT_CT_ORIGINAL(ct_key, reg) \
	{ .name = "ct", .u32 = { { NFTA_CT_KEY, ct_key }, { NFTA_CT_DREG, reg } }, \
	  .u8_attr = NFTA_CT_DIRECTION, .u8 = 0 }
/* Put the register into a set, or prolong the stay of what is there. */
#define NFT_UPDATE_SET(set, reg) \
	{ .name = "dynset", .text_attr = NFTA_DYNSET_SET_NAME, NFT_TEXT(set), \
	  .u32 = { { NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE }, { NFTA_DYNSET_SREG_KEY, reg } } }
#define NFT_DNAT(nfproto, addr, port) \
	{ .name = "nat", .u32 = { { NFTA_NAT_TYPE, NFT_NAT_DNAT }, { NFTA_NAT_FAMILY, nfproto }, \
				  { NFTA_NAT_REG_ADDR_MIN, addr }, \
				  { NFTA_NAT_REG_PROTO_MIN, port } } }
/* iptables' -m mark (revision 1): value, mask, inverted, padded to the alignment of iptables. */
#define NFT_XT_MARK(value, mask) \
	{ .name = "match", .text_attr = NFTA_MATCH_NAME, .text_inside = "mark", .u32 = { { NFTA_MATCH_REV, 1 } }, \
	  .raw = { .attr = NFTA_MATCH_INFO, .len = 16, .bytes = { NFT_HOST32(value), NFT_HOST32(mask) } } }
#define NFT_COUNTER { .name = "counter" }
#define NFT_MASQUERADE { .name = "masq" }
#define NFT_END { .name = "" }

/* Fields of packets, with the test of the family where a table has both. */
#define NFT_IS_IP4 NFT_META(NFT_META_NFPROTO, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, NFPROTO_IPV4)
#define NFT_IS_IP6 NFT_META(NFT_META_NFPROTO, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, NFPROTO_IPV6)
#define NFT_IP4_SRC(reg) NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, reg)
#define NFT_IP4_DST(reg) NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, reg)
#define NFT_IP6_SRC(reg) NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 16, reg)
#define NFT_IP6_DST(reg) NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 16, reg)
/* TCP, UDP and SCTP have it at the same place. */
#define NFT_PORT_DST(reg) NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg)
#define NFT_ETHER_SRC(reg) NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 6, 6, reg)
/* clang-format on */

/* nft_begin() - Empty a batch and start a transaction in it. */
void nft_begin(struct nl_batch *b);
/* nft_commit() - Send the transaction. 0, or -errno of the first message that failed; nothing is changed then. */
int nft_commit(struct nl_sock *s, struct nl_batch *b, struct err *e);

/* nft_add_table() - A table with all its sets, chains and rules; the transaction fails with EEXIST if it is there. */
void nft_add_table(struct nl_batch *b, const struct nft_table *t);
void nft_del_table(struct nl_batch *b, const struct nft_table *t);
/* nft_add_set() - Empty; EEXIST if it is there. nft_del_set() - With its elements; EBUSY while a rule looks it up. */
void nft_add_set(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set);
void nft_del_set(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set);
/* nft_add_chain() - A chain with its rules; EEXIST if it is there. */
void nft_add_chain(struct nl_batch *b, const struct nft_table *t, const struct nft_chain *c);
/* nft_del_chain() - With its rules; EBUSY while something jumps there. */
void nft_del_chain(struct nl_batch *b, uint8_t family, const char *table, const char *chain);
/* nft_insert_rule() - A rule at the beginning of a chain. */
void nft_insert_rule(struct nl_batch *b, const struct nft_table *t, const char *chain,
                     const struct nft_rule *rule);
void nft_del_rule(struct nl_batch *b, uint8_t family, const char *table, const char *chain,
                  uint64_t handle);

struct nft_elem {
	const void *key;     /* key_len bytes of its set */
	const void *key_end; /* intervals of a concatenation: the last of the range; else NULL */
	const void *data;    /* maps with data: data_len bytes */
	int verdict;         /* verdict maps: NF_ACCEPT, NFT_GOTO, ... */
	const char *chain;   /* verdict maps: its target, or NULL */
	const char *
		comment; /* or NULL; cut at NFT_COMMENT_MAX bytes, what would break nft's quotes is replaced */
};

/* nft_add_elem() - @flags: NLM_F_EXCL to fail with EEXIST if the key is there; without it that is only an error if what
 * it maps to differs. @what: for errors. */
void nft_add_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el, uint16_t flags, const char *what);
/* nft_del_elem() - By its key; ENOENT if it is not there. */
void nft_del_elem(struct nl_batch *b, const struct nft_table *t, const struct nft_set *set,
                  const struct nft_elem *el, const char *what);

/* What the kernel says of an element; pointers into its answer. */
struct nft_elem_info {
	const uint8_t *key;  /* key_len bytes */
	const uint8_t *data; /* maps with data: data_len bytes; else NULL */
	const char *chain;   /* target of the verdict, "" if none */
	const char *comment; /* "" if none */
};
typedef int (*nft_elem_fn)(const struct nft_elem_info *el, void *arg, struct err *e);

/* nft_get_elem() - Ask for one element. 1 (after @fn, which may be NULL), 0 if it, its set or table is not there, or
 * -errno, also what @fn returned if negative. */
int nft_get_elem(struct nl_sock *s, const struct nft_table *t, const struct nft_set *set,
                 const void *key, nft_elem_fn fn, void *arg, struct err *e);
/* nft_each_elem() - Dump a set. 0 (also if there is no such set) or -errno. A change meanwhile restarts the dump:
 * @reset as for nl_ask(). */
int nft_each_elem(struct nl_sock *s, const struct nft_table *t, const struct nft_set *set,
                  nft_elem_fn fn, void (*reset)(void *arg), void *arg, struct err *e);

/* What the kernel says of a rule; pointers into its answer. */
struct nft_rule_info {
	uint64_t handle;
	const char *comment;        /* nft(8)'s, or that of an iptables comment match; "" if none */
	const char *jump;           /* chain that its verdict jumps or goes to; "" if none */
	const struct nlattr *exprs; /* NFTA_RULE_EXPRESSIONS */
};
typedef int (*nft_rule_fn)(const struct nft_rule_info *rule, void *arg, struct err *e);

/* nft_each_rule() - Dump the rules of a chain. 0 (also if there is no such chain) or -errno. */
int nft_each_rule(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                  nft_rule_fn fn, void (*reset)(void *arg), void *arg, struct err *e);
/* nft_each_expr() - The expressions of a rule in order: the kernel's name and its attributes (nested, may be NULL). Ends
 * when @fn returns other than 0. */
void nft_each_expr(const struct nft_rule_info *rule,
                   int (*fn)(const char *name, const struct nlattr *data, void *arg), void *arg);
/* nft_count_rules() - Number of rules in a chain (0 if there is no such chain), or -errno. */
int nft_count_rules(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                    struct err *e);
/* nft_each_chain() - Dump the names of the chains of a table. */
int nft_each_chain(struct nl_sock *s, uint8_t family, const char *table,
                   int (*fn)(const char *name, void *arg, struct err *e), void *arg, struct err *e);

/* nft_has_table(), ... - Is it there? 1, 0 or -errno. One question, no dump. */
int nft_has_table(struct nl_sock *s, uint8_t family, const char *table, struct err *e);
int nft_has_chain(struct nl_sock *s, uint8_t family, const char *table, const char *chain,
                  struct err *e);
int nft_has_set(struct nl_sock *s, uint8_t family, const char *table, const char *set,
                struct err *e);

#endif
