/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath.c - what a connection between two pods of a node costs, by what connects them
 *
 * All set-ups are up at once and take turns, a twentieth of a second each, so that whatever the machine does
 * meanwhile hits all.
 */
#include "test/bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 31U
#define MS     50U
#define PODS   110U

static const struct set_up {
	const char *key, *title;
	struct site_conf conf;
	int peer; /* whose plugin folder; below 0: none is needed */
} set_ups[PATHS] = {
	[PATH_PAIR] = { "pair", "veth pair, no bridge", { .kind = SITE_PAIR, .pods = 2 }, -1 },
	[PATH_BRIDGE] = { "bridge",
	                  "bridge (upstream)",
	                  { .kind = SITE_BRIDGE, .pods = 2 },
	                  UPSTREAM },
	[PATH_FIREWALL] = { "firewall",
	                    "bridge + firewall (upstream), 110 pods",
	                    { .kind = SITE_FIREWALL, .pods = PODS, .bridge_nf = 1 },
	                    UPSTREAM },
	[PATH_CNIDA] = { "cnida", "cnida, no policy", { .kind = SITE_CNIDA, .pods = 2 }, CNIDA },
#define POLICY(name, text, back, n)                               \
	{                                                         \
		name, "cnida, policy (" text " rules), 110 pods", \
			{ .kind = SITE_CNIDA,                     \
			  .backend = back,                        \
			  .pods = PODS,                           \
			  .rules = n,                             \
			  .bridge_nf = 1 },                       \
			CNIDA                                     \
	}
	[PATH_EBPF_10] = POLICY("ebpf.10", "eBPF, 10", "ebpf", 10),
	[PATH_EBPF_1000] = POLICY("ebpf.1000", "eBPF, 1,000", "ebpf", 1000),
	[PATH_EBPF_10000] = POLICY("ebpf.10000", "eBPF, 10,000", "ebpf", 10000),
	[PATH_NFT_10] = POLICY("nftables.10", "nftables, 10", "nftables", 10),
	[PATH_NFT_1000] = POLICY("nftables.1000", "nftables, 1,000", "nftables", 1000),
	[PATH_NFT_10000] = POLICY("nftables.10000", "nftables, 10,000", "nftables", 10000),
};

static void open_sites(struct bench *b, struct site *sites)
{
	for (size_t i = 0; i < PATHS; i++) {
		struct site_conf conf = set_ups[i].conf;
		struct path *path = &b->paths[i];

		path->key = set_ups[i].key;
		path->title = set_ups[i].title;
		sites[i] = (struct site) { .fd = -1 };
		if (set_ups[i].peer >= 0) {
			conf.dir = b->peers[set_ups[i].peer].dir;
			if (!b->peers[set_ups[i].peer].present) {
				snprintf(path->missing, sizeof(path->missing), "no plugins in %s",
				         conf.dir);
				continue;
			}
		}
		if (site_open(&conf, &sites[i]) < 0)
			memcpy(path->missing, sites[i].missing, sizeof(path->missing));
	}
}

static void measure(struct path *path, struct site *site, enum load_kind kind, const int cpus[2])
{
	struct load_result result;
	int r = site_run(site, kind, MS, cpus, &result);

	if (r < 0) {
		fprintf(stderr, "bench: datapath, %s: %s\n", path->title, strerror(-r));
		memset(path->load, 0, sizeof(path->load)); /* rounds have to fit */
		(void)snprintf(path->missing, sizeof(path->missing), "%s", strerror(-r));
		return;
	}
	series_add(&path->load[kind], result.value);
	if (kind == LOAD_RR)
		series_add(&path->p99, result.p99);
}

void scenario_datapath(struct bench *b)
{
	/* Both ends on one CPU: what is measured is the path, not how long a sleeping CPU takes to wake up. */
	const int last = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1, cpus[2] = { last, last };
	static struct site sites[PATHS];

	b->has_paths = true;
	open_sites(b, sites);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (enum load_kind kind = 0; kind < LOAD_KINDS; kind++)
			for (size_t i = 0; i < PATHS; i++)
				if (sites[i].pid > 0 && !*b->paths[i].missing)
					measure(&b->paths[i], &sites[i], kind, cpus);
	for (size_t i = 0; i < PATHS; i++)
		site_close(&sites[i]);
}

/* The median of the rounds' ratios: what slowed a whole round down is not in it. */
double path_ratio(const struct path *paths, unsigned int a, unsigned int b, enum load_kind kind)
{
	const struct series *over = &paths[a].load[kind], *under = &paths[b].load[kind];
	struct series ratios = { .n = 0 };

	for (size_t i = 0; i < over->n && i < under->n; i++)
		if (under->v[i] > 0)
			series_add(&ratios, over->v[i] / under->v[i]);
	return series_quantile(&ratios, 0.5);
}

static void cells(const struct path *paths, unsigned int i, enum load_kind kind, int digits)
{
	printf(" %10.*f %6.3fx", digits, series_quantile(&paths[i].load[kind], 0.5),
	       path_ratio(paths, i, PATH_PAIR, kind));
}

void report_paths(const struct bench *b)
{
	if (!b->has_paths)
		return;
	printf("\n%-49s %10s %7s %10s %10s %7s %10s %7s\n",
	       "pod to pod on one node (ratios: to the pair)", "RR us", "", "p99", "CRR 1/s", "",
	       "Gbit/s", "");
	for (unsigned int i = 0; i < PATHS; i++) {
		const struct path *path = &b->paths[i];

		printf("%-49s", path->title);
		if (*path->missing) {
			printf(" not measured: %s\n", path->missing);
			continue;
		}
		cells(b->paths, i, LOAD_RR, 2);
		printf(" %10.2f", series_quantile(&path->p99, 0.5));
		cells(b->paths, i, LOAD_CRR, 0);
		cells(b->paths, i, LOAD_STREAM, 2);
		putchar('\n');
	}
}
