/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_policy_guard.c - rules that are no verdicts: who may send what from which port, and frames that are not unicast IP
 *
 * As bpf/guard.h has it. A pod sends from its own MAC and IP addresses only, in ARP too, is no router, and asks for an address from
 * none. Frames that are neither IP nor ARP, and those to everybody, neither leave nor reach a pod that is isolated in that direction,
 * but for what is needed to find neighbours and to get an address.
 */
#include "kernel/ruleset_policy_rules.h"

#include <linux/if_ether.h>
#include <net/if_arp.h>

#define PRIORITY_RAW          (-300)
#define PRIORITY_BRIDGE_FIRST (-300) /* the hooks of a bridge have the numbers of the internet's */

/* ---- source check ---- */

#define IF_GUARDED(m) \
	NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_LOOKUP("guard_port", NFT_REG(0), 0)
#define SENDER4(offset)                                                    \
	NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)), \
		NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG(6))
#define SENDER6 \
	NFT_META(NFT_META_IIFNAME, NFT_REG(0)), NFT_ETHER_SRC(NFT_REG(4)), NFT_IP6_SRC(NFT_REG(6))
/* 0.0.0.0; :: and link-local addresses. They never get past a router. */
#define FROM_ZERO4(offset)                                              \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, offset, 4, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, 0, 0, 0, 0)
#define FROM_ZERO6 NFT_IP6_SRC(NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 16, 0)
#define FROM_LINK6                                                    \
	NFT_IP6_SRC(NFT_REG(0)), NFT_AND(NFT_REG(0), 16, 0xff, 0xc0), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 16, 0xfe, 0x80)

/* nft(8) wants to know that there is a MAC address. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define HOST16(v) (v) & 0xff, (v) >> 8
#else
#	define HOST16(v) (v) >> 8, (v)&0xff
#endif
#define IF_ETHER                                \
	NFT_META(NFT_META_IIFTYPE, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 2, HOST16(ARPHRD_ETHER))

void rules_make_routed_guard(struct nl_batch *b, struct maker *m)
{
	RULE(m, IF_FAMILY(m, false), IF_ETHER, SENDER4(12), NFT_LOOKUP("guard4", NFT_REG(0), 0),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), IF_ETHER, SENDER6, NFT_LOOKUP("guard6", NFT_REG(0), 0),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, false), FROM_ZERO4(12), NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), FROM_ZERO6, NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_FAMILY(m, true), FROM_LINK6, NFT_VERDICT(NFT_RETURN));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, &policy_table, m, CHAIN_GUARDED);
	RULE(m, IF_GUARDED(m), NFT_VERDICT_TO(NFT_GOTO, CHAIN_GUARDED));
	maker_add_base_chain(b, &policy_table, m, "guard", NF_INET_PRE_ROUTING, PRIORITY_RAW);
}

/* The type as the frame has it: a VLAN tag is a type of its own, also where the kernel has taken it off. */
#define ETHER_IS(reg, type)                             \
	NFT_PAYLOAD(NFT_PAYLOAD_LL_HEADER, 12, 2, reg), \
		NFT_CMP(NFT_CMP_EQ, reg, 2, (type) >> 8 & 0xff, (type)&0xff)
#define NEXT_HEADER_IS(proto) \
	NFT_META(NFT_META_L4PROTO, NFT_REG(0)), NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, proto)
#define PORTS_ARE(from, to)                                          \
	NFT_PAYLOAD(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 4, (from) >> 8, (from)&0xff, (to) >> 8, (to)&0xff)

/* Router advertisements, redirects and MLD queries are for routers to send. */
static void rule_no_router(struct maker *m, uint8_t type)
{
	RULE(m, NEXT_HEADER_IS(IPPROTO_ICMPV6), ICMP6_TYPE(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 1, type), NFT_VERDICT(NF_DROP));
}

void rules_make_bridge_guard(struct nl_batch *b, struct maker *m)
{
	const struct nft_table *t = &policy_bridge_table;

	RULE(m, SENDER4(12), NFT_LOOKUP("guard4", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_ZERO4(12), NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(68, 67),
	     NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, t, m, "guarded4");
	rule_no_router(m, 134);
	rule_no_router(m, 137);
	rule_no_router(m, 130);
	RULE(m, SENDER6, NFT_LOOKUP("guard6", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_ZERO6, NEXT_HEADER_IS(IPPROTO_ICMPV6), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_LINK6, NEXT_HEADER_IS(IPPROTO_ICMPV6), NFT_VERDICT(NF_ACCEPT));
	RULE(m, FROM_LINK6, NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(546, 547),
	     NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, t, m, "guarded6");
	/* The sender inside ARP: MAC address behind 8 bytes, IP address behind 14. */
#define ARP_IS_IP4                                                 \
	NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 0, 6, NFT_REG(0)), \
		NFT_CMP(NFT_CMP_EQ, NFT_REG(0), 6, 0, 1, 8, 0, 6, 4)
	RULE(m, ARP_IS_IP4, SENDER4(14), NFT_LOOKUP("guard4", NFT_REG(0), 0),
	     NFT_META(NFT_META_IIFNAME, NFT_REG(0)),
	     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 8, 6, NFT_REG(4)),
	     NFT_PAYLOAD(NFT_PAYLOAD_NETWORK_HEADER, 14, 4, NFT_REG(6)),
	     NFT_LOOKUP("guard4", NFT_REG(0), 0), NFT_VERDICT(NF_ACCEPT));
	RULE(m, ARP_IS_IP4, FROM_ZERO4(14), NFT_VERDICT(NF_ACCEPT));
	RULE(m, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, t, m, "guarded_arp");
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_VERDICT_TO(NFT_GOTO, "guarded4"));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_VERDICT_TO(NFT_GOTO, "guarded6"));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT_TO(NFT_GOTO, "guarded_arp"));
	maker_add_chain(b, t, m, CHAIN_GUARDED);
	RULE(m, IF_GUARDED(m), NFT_VERDICT_TO(NFT_JUMP, CHAIN_GUARDED));
	maker_add_base_chain(b, t, m, "guard", NF_INET_PRE_ROUTING, PRIORITY_BRIDGE_FIRST);
}

/* ---- frames that are not unicast IP ---- */

const char *const policy_other_out[2] = { "other_out_0", "other_out_1" };
const char *const policy_other_in[2] = { "other_in_0", "other_in_1" };

/* To everybody, and so to isolated pods too: what is needed to find neighbours and to get an address. */
void rules_make_bridge_other(struct nl_batch *b, struct maker *m)
{
	const struct nft_table *t = &policy_bridge_table;
	const unsigned int n = m->side;

	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT(NFT_RETURN));
	RULE(m, NFT_META(NFT_META_IIFNAME, NFT_REG(0)),
	     NFT_LOOKUP(policy_bridge_sets[n][SET_CLOSED_OUT].name, NFT_REG(0), 0),
	     NFT_VERDICT(NF_DROP));
	maker_add_chain(b, t, m, policy_other_out[n]);
#define IF_CLOSED                               \
	NFT_META(NFT_META_OIFNAME, NFT_REG(0)), \
		NFT_LOOKUP(policy_bridge_sets[n][SET_CLOSED_IN].name, NFT_REG(0), 0)
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_ARP), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NFT_IP4_DST(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_LT, NFT_REG(0), 4, 224, 0, 0, 0), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NFT_IP6_DST(NFT_REG(0)),
	     NFT_CMP(NFT_CMP_LT, NFT_REG(0), 16, 0xff), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IPV6), NEXT_HEADER_IS(IPPROTO_ICMPV6),
	     ICMP6_TYPE(NFT_REG(0)), NFT_CMP(NFT_CMP_GTE, NFT_REG(0), 1, 130),
	     NFT_CMP(NFT_CMP_LTE, NFT_REG(0), 1, 143), NFT_VERDICT(NFT_RETURN));
	RULE(m, ETHER_IS(NFT_REG(0), ETH_P_IP), NEXT_HEADER_IS(IPPROTO_UDP), PORTS_ARE(67, 68),
	     NFT_VERDICT(NFT_RETURN));
	RULE(m, IF_CLOSED, NFT_VERDICT(NF_DROP));
	maker_add_chain(b, t, m, policy_other_in[n]);
}
