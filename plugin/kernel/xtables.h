/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xtables.h - tables of iptables-legacy: take chains and rules out
 *
 * That interface knows no messages for single rules: a program reads a table as one block of memory, changes it and
 * puts it back. We do so as libiptc does, under the same lock, so no program has to be there or started. What
 * iptables-nft writes are nf_tables objects: kernel/nftables.h.
 */
#ifndef CNIDA_KERNEL_XTABLES_H
#define CNIDA_KERNEL_XTABLES_H

#include "base/err.h"
#include "base/ip.h"

#include <stddef.h>

#define XTABLES_LOCK "/run/xtables.lock"

struct xtables_cut {
	const char *const
		*chains; /* chains to remove, with their rules and all rules that jump there */
	size_t n_chains;
	const char *
		addr_chain; /* and in this chain (NULL: none) the rules that accept exactly one of these ... */
	const struct ip_prefix
		*addrs; /* ... addresses (prefix length ignored) as source or destination */
	size_t n_addrs;
};

/**
 * xtables_cut() - Take chains and rules out of a table in the current network namespace
 * @family:	AF_INET or AF_INET6
 * @table:	"nat", "filter", ...
 *
 * A table that nobody used yet is left alone (asking for it would create it). What stays keeps its order and its
 * counters. Nothing is locked or written unless there is something to remove.
 *
 * Return: number of rules removed, or -errno.
 */
int xtables_cut(sa_family_t family, const char *table, const struct xtables_cut *cut,
                struct err *e);

#endif
