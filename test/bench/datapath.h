/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath.h - what a connection between two pods of a node costs, by what connects them
 */
#ifndef CNIDA_BENCH_DATAPATH_H
#define CNIDA_BENCH_DATAPATH_H

#include "test/bench/datapath_site.h"
#include "test/bench/series.h"

/* Set-ups, in the order of the table. */
enum {
	PATH_PAIR, /* the ratios refer to it */
	PATH_BRIDGE,
	PATH_FIREWALL,
	PATH_CNIDA,
	PATH_EBPF_10,
	PATH_EBPF_1000,
	PATH_EBPF_10000,
	PATH_NFT_10,
	PATH_NFT_1000,
	PATH_NFT_10000,
	PATHS
};

struct path {
	const char *key, *title;
	struct series load[LOAD_KINDS]; /* one sample per round, units as in struct load_result */
	struct series p99;              /* of request/response, us */
	char missing[160];              /* why there are none; "" */
};

/* path_ratio() - Path @a's figure to that of path @b in the same round, median; 0: not measured. */
double path_ratio(const struct path *paths, unsigned int a, unsigned int b, enum load_kind kind);

#endif
