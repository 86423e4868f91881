/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset_tables.h - what the tables are made of, for ruleset.c
 */
#ifndef CNIDA_KERNEL_RULESET_TABLES_H
#define CNIDA_KERNEL_RULESET_TABLES_H

#include "kernel/nftables.h"
#include "kernel/ruleset.h"

#define RULESET_TABLES 3

/* By enum ruleset_table. */
extern const struct nft_table ruleset_tables[RULESET_TABLES];

/* inet: pod address to the chain of its prefix */
extern const struct nft_set ruleset_masq4, ruleset_masq6;
/* bridge: ports that are checked, and what each may send */
extern const struct nft_set ruleset_spoof_port, ruleset_spoof_mac;

#endif
