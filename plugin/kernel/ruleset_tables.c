/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_tables.c - cnida's nftables as data: tables, chains, rules, sets
 *
 * A new feature adds rows here; its elements are put in and taken out in ruleset.c.
 */
#define NFT_CONSTANT_TABLES
#include "kernel/ruleset_tables.h"

#include "kernel/ruleset_firewall.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

/* As nft(8) names them: srcnat, and before the bridge's own decisions. */
#define PRIORITY_FILTER       0
#define PRIORITY_SRCNAT       100
#define PRIORITY_DSTNAT       (-100)
#define PRIORITY_RAW          (-300)
#define PRIORITY_BRIDGE_FIRST (-300)

/* Words and half words that a register has in host order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define HOST16(v) (v) & 0xff, (v) >> 8
#	define HOST32(v) HOST16((v)&0xffff), HOST16((v) >> 16)
#else
#	define HOST16(v) (v) >> 8, (v)&0xff
#	define HOST32(v) HOST16((v) >> 16), HOST16((v)&0xffff)
#endif

#define RULES(list) .rules = (list), .n_rules = ARRAY_SIZE(list)
#define EXPRS(...)                         \
	.exprs = (const struct nft_expr[]) \
	{                                  \
		__VA_ARGS__, NFT_END       \
	}

/* table inet cnida */

const struct nft_set ruleset_masq4 = {
	.name = "masq4",
	.flags = NFT_SET_MAP,
	.key_type = NFT_TYPE_IP4,
	.key_len = 4,
	.data_type = NFT_DATA_VERDICT,
};

const struct nft_set ruleset_masq6 = {
	.name = "masq6",
	.flags = NFT_SET_MAP,
	.key_type = NFT_TYPE_IP6,
	.key_len = 16,
	.data_type = NFT_DATA_VERDICT,
};

static const struct nft_rule postrouting_rules[] = {
	{ EXPRS(NFT_IS_IP4, NFT_IP4_DST(NFT_REG(0)), NFT_AND(NFT_REG(0), 4, 0xf0, 0, 0, 0),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, 224, 0, 0, 0), NFT_VERDICT(NFT_RETURN)) },
	{ EXPRS(NFT_IS_IP6, NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 24, 1, NFT_REG(0)),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, 0xff), NFT_VERDICT(NFT_RETURN)) },
	{ EXPRS(NFT_IS_IP4, NFT_IP4_SRC(NFT_REG(0)),
	        NFT_MAP("masq4", NFT_REG(0), NFT_REG_VERDICT)) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_SRC(NFT_REG(0)),
	        NFT_MAP("masq6", NFT_REG(0), NFT_REG_VERDICT)) },
};

static const struct nft_chain postrouting = {
	.name = "postrouting",
	.type = "nat",
	.hook = NF_INET_POST_ROUTING,
	.priority = PRIORITY_SRCNAT,
	RULES(postrouting_rules),
};

static const struct nft_set *const inet_sets[] = { &ruleset_masq4, &ruleset_masq6 };
static const struct nft_chain *const inet_chains[] = { &postrouting };

/* table bridge cnida */

const struct nft_set ruleset_spoof_port = {
	.name = "spoof_port",
	.key_type = NFT_TYPE_IFNAME,
	.key_len = IFNAMSIZ,
	.host_order = true,
};

const struct nft_set ruleset_spoof_mac = {
	.name = "spoof_mac",
	.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_ETHER),
	.key_len = IFNAMSIZ + 8,
};

/* A port that is not checked costs its frames one lookup. */
static const struct nft_rule prerouting_rules[] = {
	{ EXPRS(NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_LOOKUP("spoof_port", NFT_REG(0), 0),
	        NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)),
	        NFT_LOOKUP("spoof_mac", NFT_REG(0), NFT_LOOKUP_F_INV), NFT_VERDICT(NF_DROP)) },
};

static const struct nft_chain prerouting = {
	.name = "prerouting",
	.type = "filter",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY_BRIDGE_FIRST,
	RULES(prerouting_rules),
};

static const struct nft_set *const bridge_sets[] = { &ruleset_spoof_port, &ruleset_spoof_mac };
static const struct nft_chain *const bridge_chains[] = { &prerouting };

/* table inet cnida_hostport: see ruleset_portmap.h */

#define HOSTPORT_MAP(set_name, type, len, addr_type, addr_len)                            \
	{                                                                                 \
		.name = set_name, .flags = NFT_SET_MAP, .key_type = type, .key_len = len, \
		.data_type = NFT_TYPE_CONCAT(addr_type, NFT_TYPE_SERVICE),                \
		.data_len = (addr_len) + 4                                                \
	}
#define HAIRPIN_MAP(set_name, addr_type, addr_len)                                      \
	{                                                                               \
		.name = set_name, .flags = NFT_SET_MAP,                                 \
		.key_type = NFT_TYPE_CONCAT(NFT_TYPE_CONCAT(NFT_TYPE_PROTO, addr_type), \
		                            NFT_TYPE_SERVICE),                          \
		.key_len = (addr_len) + 8, .data_type = NFT_DATA_VERDICT                \
	}
#define ANY_KEY NFT_TYPE_CONCAT(NFT_TYPE_PROTO, NFT_TYPE_SERVICE)
#define ADDR_KEY(addr_type) \
	NFT_TYPE_CONCAT(NFT_TYPE_CONCAT(NFT_TYPE_PROTO, addr_type), NFT_TYPE_SERVICE)

const struct nft_set ruleset_hostport4 =
	HOSTPORT_MAP("hostport4", ADDR_KEY(NFT_TYPE_IP4), 12, NFT_TYPE_IP4, 4);
const struct nft_set ruleset_hostport6 =
	HOSTPORT_MAP("hostport6", ADDR_KEY(NFT_TYPE_IP6), 24, NFT_TYPE_IP6, 16);
const struct nft_set ruleset_hostport_any4 =
	HOSTPORT_MAP("hostport_any4", ANY_KEY, 8, NFT_TYPE_IP4, 4);
const struct nft_set ruleset_hostport_any6 =
	HOSTPORT_MAP("hostport_any6", ANY_KEY, 8, NFT_TYPE_IP6, 16);
const struct nft_set ruleset_hairpin4 = HAIRPIN_MAP("hairpin4", NFT_TYPE_IP4, 4);
const struct nft_set ruleset_hairpin6 = HAIRPIN_MAP("hairpin6", NFT_TYPE_IP6, 16);
const struct nft_set ruleset_self4 = {
	.name = "self4",
	.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IP4, NFT_TYPE_IP4),
	.key_len = 8,
};
const struct nft_set ruleset_self6 = {
	.name = "self6",
	.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IP6, NFT_TYPE_IP6),
	.key_len = 32,
};

/* Filled by the rules: addresses of the node that host ports were reached by. They stay for an hour. */
#define REACHED(set_name, addr_type, addr_len)                                                    \
	{                                                                                         \
		.name = set_name, .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT, .key_type = addr_type, \
		.key_len = addr_len, .size = 65535, .timeout_s = 3600                             \
	}

static const struct nft_set reached4 = REACHED("reached4", NFT_TYPE_IP4, 4);
static const struct nft_set reached6 = REACHED("reached6", NFT_TYPE_IP6, 16);

#define NOT_FROM_LO                             \
	NFT_META(NFT_META_IIFTYPE, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 2, HOST16(ARPHRD_LOOPBACK))
#define IP4_FIRST_BYTE(off, value)                                   \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, off, 1, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, value)

/* Connections from 127.0.0.1 need route_localnet on the pods' side. What arrives from outside with such an address
 * must not get in by that door. Replies are translated back behind this chain and still have another address here. */
static const struct nft_rule guard_rules[] = {
	{ EXPRS(NOT_FROM_LO, NFT_IS_IP4, IP4_FIRST_BYTE(16, 127), NFT_VERDICT(NF_DROP)) },
	{ EXPRS(NOT_FROM_LO, NFT_IS_IP4, IP4_FIRST_BYTE(12, 127), NFT_VERDICT(NF_DROP)) },
};

/* Only what is addressed to the node itself, never what passes through. */
static const struct nft_rule to_node_rules[] = {
	{ EXPRS(NFT_FIB_DADDR_TYPE(NFT_REG(0)),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, HOST32(RTN_LOCAL)),
	        NFT_VERDICT_TO(NFT_JUMP, "hostports")) },
};

/* A mapping of one address wins over one of any. ::1 cannot be routed to a pod: better refused at once than lost. */
static const struct nft_rule hostports_rules[] = {
	{ EXPRS(NFT_IS_IP4, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_IP4_DST(NFT_REG(1)),
	        NFT_PORT_DST(NFT_REG(2)), NFT_MAP("hostport4", NFT_REG(0), NFT_REG(0)),
	        NFT_IP4_DST(NFT_REG(4)), NFT_UPDATE_SET("reached4", NFT_REG(4)),
	        NFT_DNAT(NFPROTO_IPV4, NFT_REG(0), NFT_REG(1))) },
	{ EXPRS(NFT_IS_IP4, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_PORT_DST(NFT_REG(1)),
	        NFT_MAP("hostport_any4", NFT_REG(0), NFT_REG(0)), NFT_IP4_DST(NFT_REG(4)),
	        NFT_UPDATE_SET("reached4", NFT_REG(4)),
	        NFT_DNAT(NFPROTO_IPV4, NFT_REG(0), NFT_REG(1))) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_DST(NFT_REG(0)),
	        NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
	        NFT_VERDICT(NFT_RETURN)) },
	{ EXPRS(NFT_IS_IP6, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_IP6_DST(NFT_REG(1)),
	        NFT_PORT_DST(NFT_REG(5)), NFT_MAP("hostport6", NFT_REG(0), NFT_REG(0)),
	        NFT_IP6_DST(NFT_REG(8)), NFT_UPDATE_SET("reached6", NFT_REG(8)),
	        NFT_DNAT(NFPROTO_IPV6, NFT_REG(0), NFT_REG(4))) },
	{ EXPRS(NFT_IS_IP6, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_PORT_DST(NFT_REG(1)),
	        NFT_MAP("hostport_any6", NFT_REG(0), NFT_REG(0)), NFT_IP6_DST(NFT_REG(8)),
	        NFT_UPDATE_SET("reached6", NFT_REG(8)),
	        NFT_DNAT(NFPROTO_IPV6, NFT_REG(0), NFT_REG(4))) },
};

static const struct nft_rule hostport_post_rules[] = {
	{ EXPRS(NFT_CT(NFT_CT_STATUS, NFT_REG(0)), NFT_AND(NFT_REG(0), 4, HOST32(IPS_DST_NAT)),
	        NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0), NFT_VERDICT_TO(NFT_JUMP, "hairpin")) },
};

static const struct nft_rule hairpin_rules[] = {
	{ EXPRS(NFT_CT_ORIGINAL(NFT_CT_DST_IP, NFT_REG(0)), NFT_LOOKUP("reached4", NFT_REG(0), 0),
	        NFT_IS_IP4, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_IP4_DST(NFT_REG(1)),
	        NFT_PORT_DST(NFT_REG(2)), NFT_MAP("hairpin4", NFT_REG(0), NFT_REG_VERDICT)) },
	{ EXPRS(NFT_CT_ORIGINAL(NFT_CT_DST_IP6, NFT_REG(0)), NFT_LOOKUP("reached6", NFT_REG(0), 0),
	        NFT_IS_IP6, NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_IP6_DST(NFT_REG(1)),
	        NFT_PORT_DST(NFT_REG(5)), NFT_MAP("hairpin6", NFT_REG(0), NFT_REG_VERDICT)) },
};

static const struct nft_rule self_rules[] = {
	{ EXPRS(NFT_IS_IP4, NFT_IP4_SRC(NFT_REG(0)), NFT_IP4_DST(NFT_REG(1)),
	        NFT_LOOKUP("self4", NFT_REG(0), 0), NFT_MASQUERADE) },
	{ EXPRS(NFT_IS_IP4, IP4_FIRST_BYTE(12, 127), NFT_MASQUERADE) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_SRC(NFT_REG(0)), NFT_IP6_DST(NFT_REG(4)),
	        NFT_LOOKUP("self6", NFT_REG(0), 0), NFT_MASQUERADE) },
};

static const struct nft_rule everybody_rules[] = {
	{ EXPRS(NFT_MASQUERADE) },
};

static const struct nft_chain guard = {
	.name = "guard",
	.type = "filter",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY_RAW,
	RULES(guard_rules),
};

/* Behind Service addresses (kube-proxy has -100), so that a host port cannot take one over. */
static const struct nft_chain hostport_pre = {
	.name = "prerouting",
	.type = "nat",
	.hook = NF_INET_PRE_ROUTING,
	.priority = PRIORITY_DSTNAT + 1,
	RULES(to_node_rules),
};

static const struct nft_chain hostport_out = {
	.name = "output",
	.type = "nat",
	.hook = NF_INET_LOCAL_OUT,
	.priority = PRIORITY_DSTNAT + 1,
	RULES(to_node_rules),
};

static const struct nft_chain hostport_post = {
	.name = "postrouting",
	.type = "nat",
	.hook = NF_INET_POST_ROUTING,
	.priority = PRIORITY_SRCNAT - 1,
	RULES(hostport_post_rules),
};

static const struct nft_chain hostports = { .name = "hostports", RULES(hostports_rules) };
static const struct nft_chain hairpin = { .name = "hairpin", RULES(hairpin_rules) };
static const struct nft_chain self_chain = { .name = RULESET_CHAIN_SELF, RULES(self_rules) };
static const struct nft_chain everybody = { .name = RULESET_CHAIN_EVERYBODY,
	                                    RULES(everybody_rules) };

static const struct nft_set *const hostport_sets[] = {
	&ruleset_hostport4, &ruleset_hostport6, &ruleset_hostport_any4, &ruleset_hostport_any6,
	&ruleset_hairpin4,  &ruleset_hairpin6,  &ruleset_self4,         &ruleset_self6,
	&reached4,          &reached6,
};
static const struct nft_chain *const hostport_chains[] = {
	&guard,     &hostport_pre, &hostport_out, &hostport_post,
	&hostports, &hairpin,      &self_chain,   &everybody,
};

/* table inet cnida_firewall: see ruleset_firewall.h */

const struct nft_set ruleset_pod4 = { .name = "pod4", .key_type = NFT_TYPE_IP4, .key_len = 4 };
const struct nft_set ruleset_pod6 = { .name = "pod6", .key_type = NFT_TYPE_IP6, .key_len = 16 };

const struct nft_set ruleset_apart = {
	.name = "apart",
	.key_type = NFT_TYPE_IFNAME,
	.key_len = IFNAMSIZ,
	.host_order = true,
};

const struct nft_set ruleset_joined = {
	.name = "joined",
	.key_type = NFT_TYPE_CONCAT(NFT_TYPE_IFNAME, NFT_TYPE_IFNAME),
	.key_len = 2 * IFNAMSIZ,
};

/* meta mark set meta mark & ~FIREWALL_MARK ^ xor */
#define FIREWALL_SET_MARK(xor_value)                                                  \
	NFT_META(NFT_META_MARK, NFT_REG(0)),                                          \
		{ .name = "bitwise",                                                  \
		  .u32 = { { NFTA_BITWISE_SREG, NFT_REG(0) },                         \
		           { NFTA_BITWISE_DREG, NFT_REG(0) },                         \
		           { NFTA_BITWISE_LEN, 4 } },                                 \
		  .data = { { .attr = NFTA_BITWISE_MASK,                              \
		              .len = 4,                                               \
		              .bytes = { NFT_HOST32(0xffffffff & ~FIREWALL_MARK) } }, \
		            { .attr = NFTA_BITWISE_XOR,                               \
		              .len = 4,                                               \
		              .bytes = { NFT_HOST32(xor_value) } } } },               \
	{                                                                             \
		.name = "meta",                                                       \
		.u32 = { { NFTA_META_KEY, NFT_META_MARK },                            \
			 { NFTA_META_SREG, NFT_REG(0) } }                             \
	}
#define FIREWALL_IS_MARKED                                                                      \
	NFT_META(NFT_META_MARK, NFT_REG(0)), NFT_AND(NFT_REG(0), 4, NFT_HOST32(FIREWALL_MARK)), \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0)
/* ct state established,related */
#define FIREWALL_IS_REPLY                                               \
	NFT_CT(NFT_CT_STATE, NFT_REG(0)),                               \
		NFT_AND(NFT_REG(0), 4,                                  \
	                NFT_HOST32(NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | \
	                           NF_CT_STATE_BIT(IP_CT_RELATED))),    \
		NFT_CMP(NFT_CMP_NEQ, NFT_REG(0), 4, 0, 0, 0, 0)

static const struct nft_rule firewall_rules[] = {
	{ EXPRS(NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_LOOKUP("apart", NFT_REG(0), 0),
	        NFT_META(NFT_META_OIFNAME, NFT_REG(0)), NFT_LOOKUP("apart", NFT_REG(0), 0),
	        NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_META(NFT_META_OIFNAME, NFT_REG(4)),
	        NFT_LOOKUP("joined", NFT_REG(0), NFT_LOOKUP_F_INV), NFT_VERDICT(NF_DROP)) },
	/* A bit that somebody else set would be taken for ours. */
	{ EXPRS(FIREWALL_IS_MARKED, FIREWALL_SET_MARK(0)) },
	{ EXPRS(NFT_IS_IP4, NFT_IP4_SRC(NFT_REG(0)), NFT_LOOKUP("pod4", NFT_REG(0), 0),
	        FIREWALL_SET_MARK(FIREWALL_MARK)) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_SRC(NFT_REG(0)), NFT_LOOKUP("pod6", NFT_REG(0), 0),
	        FIREWALL_SET_MARK(FIREWALL_MARK)) },
	{ EXPRS(NFT_IS_IP4, NFT_IP4_DST(NFT_REG(0)), NFT_LOOKUP("pod4", NFT_REG(0), 0),
	        FIREWALL_IS_REPLY, FIREWALL_SET_MARK(FIREWALL_MARK)) },
	{ EXPRS(NFT_IS_IP6, NFT_IP6_DST(NFT_REG(0)), NFT_LOOKUP("pod6", NFT_REG(0), 0),
	        FIREWALL_IS_REPLY, FIREWALL_SET_MARK(FIREWALL_MARK)) },
};

static const struct nft_rule unmark_rules[] = {
	{ EXPRS(FIREWALL_IS_MARKED, FIREWALL_SET_MARK(0)) },
};

static const struct nft_chain firewall_before = {
	.name = "before_filter",
	.type = "filter",
	.hook = NF_INET_FORWARD,
	.priority = PRIORITY_FILTER - 1,
	RULES(firewall_rules),
};

static const struct nft_chain firewall_behind = {
	.name = "behind_filter",
	.type = "filter",
	.hook = NF_INET_FORWARD,
	.priority = PRIORITY_FILTER + 1,
	RULES(unmark_rules),
};

static const struct nft_set *const firewall_sets[] = { &ruleset_pod4, &ruleset_pod6, &ruleset_apart,
	                                               &ruleset_joined };
static const struct nft_chain *const firewall_chains[] = { &firewall_before, &firewall_behind };

const struct nft_table ruleset_tables[RULESET_TABLES] = {
	[RULESET_FIREWALL] = {
		.family = NFPROTO_INET,
		.name = "cnida_firewall",
		.comment = "cnida: forwarding for pods, links kept apart",
		.sets = firewall_sets,
		.n_sets = ARRAY_SIZE(firewall_sets),
		.chains = firewall_chains,
		.n_chains = ARRAY_SIZE(firewall_chains),
	},
	[RULESET_INET] = {
		.family = NFPROTO_INET,
		.name = "cnida",
		.comment = "cnida: pods are elements of the maps",
		.sets = inet_sets,
		.n_sets = ARRAY_SIZE(inet_sets),
		.chains = inet_chains,
		.n_chains = ARRAY_SIZE(inet_chains),
	},
	[RULESET_BRIDGE] = {
		.family = NFPROTO_BRIDGE,
		.name = "cnida",
		.comment = "cnida: source check of bridge ports",
		.sets = bridge_sets,
		.n_sets = ARRAY_SIZE(bridge_sets),
		.chains = bridge_chains,
		.n_chains = ARRAY_SIZE(bridge_chains),
	},
	[RULESET_HOSTPORT] = {
		.family = NFPROTO_INET,
		.name = "cnida_hostport",
		.comment = "cnida: host ports are elements of the maps",
		.sets = hostport_sets,
		.n_sets = ARRAY_SIZE(hostport_sets),
		.chains = hostport_chains,
		.n_chains = ARRAY_SIZE(hostport_chains),
	},
	/* table netdev cnida: chains are added by redirect.c */
	[RULESET_NETDEV] = {
		.family = NFPROTO_NETDEV,
		.name = "cnida",
		.comment = "cnida: egress of pods with a bandwidth limit",
	},
};
