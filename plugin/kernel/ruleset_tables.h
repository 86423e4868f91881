/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_tables.h - what the tables are made of, for ruleset.c
 */
#ifndef CNIDA_KERNEL_RULESET_TABLES_H
#define CNIDA_KERNEL_RULESET_TABLES_H

#include "kernel/nftables.h"
#include "kernel/ruleset.h"

#define RULESET_TABLES 5

/* By enum ruleset_table. */
extern const struct nft_table ruleset_tables[RULESET_TABLES];

/* inet: pod address to the chain of its prefix */
extern const struct nft_set ruleset_masq4, ruleset_masq6;
/* bridge: ports that are checked, and what each may send */
extern const struct nft_set ruleset_spoof_port, ruleset_spoof_mac;
/* host ports: where one leads to, for an address of the node and for any */
extern const struct nft_set ruleset_hostport4, ruleset_hostport6;
extern const struct nft_set ruleset_hostport_any4, ruleset_hostport_any6;
/* host ports: the pods' side of them, to the chain that knows whom to masquerade; pods that have a prefix of
 * their own */
extern const struct nft_set ruleset_hairpin4, ruleset_hairpin6;
extern const struct nft_set ruleset_self4, ruleset_self6;

/* firewall: pods that the node forwards for; links kept apart, pairs that are not */
extern const struct nft_set ruleset_pod4, ruleset_pod6, ruleset_apart, ruleset_joined;

#define RULESET_CHAIN_SELF      "self"
#define RULESET_CHAIN_EVERYBODY "everybody"

#endif
