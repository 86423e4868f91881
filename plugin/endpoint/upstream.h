/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upstream.h - what containernetworking's plugins (0.9 to 1.9) left in the firewall for one attachment
 *
 * A pod that they made is deleted with us after an upgrade. Its link goes with its namespace, its addresses are in the
 * same store; its rules would stay for ever. They are found by the names and comments that upstream derives from
 * network, container ID and interface:
 *
 *	iptables	nat: CNI-<hash>, CNI-DN-<hash> and the jumps there; filter: CNI-FORWARD's rules of an address
 *	nftables	inet cni_plugins_masquerade, ip/ip6 cni_hostport, bridge nat: rules by comment
 *
 * iptables has two forms. What iptables-nft writes are nf_tables objects, which we ask for by name and delete
 * ourselves. What iptables-legacy writes is read with getsockopt(); only if something is found there, a
 * program is started, the node's own iptables-restore of that form, since that interface replaces whole tables.
 *
 * Chains that pods share (CNI-HOSTPORT-DNAT, CNI-FORWARD, ...) stay.
 */
#ifndef CNIDA_ENDPOINT_UPSTREAM_H
#define CNIDA_ENDPOINT_UPSTREAM_H

#include "base/err.h"
#include "base/ip.h"

/**
 * upstream_remove() - Remove them in the current network namespace
 * @ips:	the pod's addresses with their prefixes as far as they are known, for rules that carry nothing else;
 *		none is fine
 *
 * Best effort: a failure does not keep the rest from being removed. Costs a few questions by name when there
 * is nothing.
 *
 * Return: number of chains and rules removed, or the first failure as -errno.
 */
int upstream_remove(const char *network, const char *container_id, const char *ifname,
                    const struct ip_prefix *ips, size_t n_ips, struct err *e);

#endif
