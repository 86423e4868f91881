/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * goals.c - what we promise, and whether this run kept it
 */
#include "test/bench/goals.h"

#include "test/bench/bench.h"

#include <stdio.h>
#include <string.h>

/* A share of upstream's median in the same run, an absolute limit, or a multiple of another row of ours or so much above it. */
static const struct row_goal {
	const char *key, *title;
	double share;        /* at most 1/share of upstream */
	double limit;        /* at most this, in the row's unit */
	const char *against; /* at most @times of this row of ours; 0: at most @limit above it */
	double times;
} row_goals[] = {
	{ "bridge.add", "ADD bridge", 5, 0, NULL, 0 },
	{ "masq.add", "ADD bridge with ipMasq", 10, 0, NULL, 0 },
	{ "drain.wall", "50 DELs by 16 callers", 3, 0, NULL, 0 },
	{ "chain.add", "ADD of the chain, four drop-ins", 12, 0, NULL, 0 },
	{ "chain.del", "DEL of the chain, four drop-ins", 5, 0, NULL, 0 },
	{ "one.add", "ADD of the chain, type cnida", 20, 0, NULL, 0 },
	{ "crowd.add.wall", "ADD of 50 pods by 16 callers, type cnida", 15, 0, NULL, 0 },
	{ "crowd.del.wall", "DEL of 50 pods by 16 callers, type cnida", 15, 0, NULL, 0 },
	{ "host-local.60000.add", "ADD host-local, 60,000 taken, against 10", 0, 0,
	  "host-local.10.add", 1.5 },
	{ "host-local.60000.del", "DEL host-local, 60,000 taken, against 10", 0, 0,
	  "host-local.10.del", 1.5 },
	{ "bridge.add.tree", "memory of an ADD", 0, 3072, NULL, 0 },
	{ "bridge.del.tree", "memory of a DEL", 0, 3072, NULL, 0 },
	{ "bridge.add.execs", "processes of an ADD", 0, 1, NULL, 0 },
	{ "chain.add.execs", "processes of an ADD of the chain, four drop-ins", 0, 4, NULL, 0 },
	{ "one.add.execs", "processes of an ADD of the chain, type cnida", 0, 1, NULL, 0 },
	{ "one.add.tree", "memory of an ADD of the chain, type cnida", 0, 3072, NULL, 0 },
	{ "status", "STATUS", 0, 1, NULL, 0 },
	{ "status", "STATUS against process start (our VERSION)", 0, 0, "status.start", 1.15 },
	{ "status", "STATUS against a program that does nothing", 0, 0, "status.nothing", 1.15 },
	{ "policy.ebpf.add", "ADD with policy (eBPF), above the same without", 0, 0.4,
	  "policy.ebpf.add.without", 0 },
	{ "policy.ebpf.apply", "policy apply, 1,000 policies and pods (eBPF)", 0, 100, NULL, 0 },
	{ "policy.memory", "kernel memory of policy (eBPF), 30 pods and policies", 0, 1024, NULL,
	  0 },
	{ "disk", "all plugins on disk", 0, 2048, NULL, 0 },
};

/* One way between pods against another: at least @least or at most @most. */
static const struct path_goal {
	const char *title;
	unsigned int path, against;
	enum load_kind kind;
	double least, most;
} path_goals[] = {
	{ "pod to pod with policy (eBPF), request/response, against a veth pair", PATH_EBPF_10,
	  PATH_PAIR, LOAD_RR, 0, 1.10 },
	{ "..., connections per second, against a veth pair", PATH_EBPF_10, PATH_PAIR, LOAD_CRR,
	  0.95, 0 },
	{ "..., throughput, against a veth pair", PATH_EBPF_10, PATH_PAIR, LOAD_STREAM, 1.0, 0 },
	{ "..., connections per second, against upstream's firewall with 110 pods", PATH_EBPF_10,
	  PATH_FIREWALL, LOAD_CRR, 1.5, 0 },
	{ "..., request/response, 10,000 rules against 10", PATH_EBPF_10000, PATH_EBPF_10, LOAD_RR,
	  0, 1.05 },
	{ "..., connections per second, 10,000 rules against 10", PATH_EBPF_10000, PATH_EBPF_10,
	  LOAD_CRR, 0.95, 0 },
	{ "..., throughput, 10,000 rules against 10", PATH_EBPF_10000, PATH_EBPF_10, LOAD_STREAM,
	  0.95, 0 },
	{ "..., nftables, connections per second, 10,000 rules against 10", PATH_NFT_10000,
	  PATH_NFT_10, LOAD_CRR, 0.95, 0 },
};

#define ROW_GOALS  (sizeof(row_goals) / sizeof(row_goals[0]))
#define PATH_GOALS (sizeof(path_goals) / sizeof(path_goals[0]))

size_t goals_count(void)
{
	return ROW_GOALS + PATH_GOALS;
}

static struct verdict row_verdict(const struct bench *b, const struct row_goal *g)
{
	const struct row *r = bench_find(b, g->key);
	const struct row *other = g->against ? bench_find(b, g->against) : r;
	struct verdict v = { .title = g->title };
	double ours, times;

	v.measured = r && other && r->s[CNIDA].n > 0 && other->s[CNIDA].n > 0 &&
	             (g->share <= 0 || row_has_both(r));
	ours = v.measured ? series_quantile(&r->s[CNIDA], 0.5) : 0;
	if (g->share > 0) {
		times = v.measured ? row_ratio(r) : 0;
		v.kept = times >= g->share;
		snprintf(v.found, sizeof(v.found), "1/%.1f", times);
		snprintf(v.goal, sizeof(v.goal), "at most 1/%g of upstream", g->share);
	} else if (g->against && g->times <= 0) {
		ours -= v.measured ? series_quantile(&other->s[CNIDA], 0.5) : 0;
		v.kept = ours <= g->limit;
		snprintf(v.found, sizeof(v.found), "%+.2f %s", ours, r ? r->unit : "");
		snprintf(v.goal, sizeof(v.goal), "at most %+g", g->limit);
	} else if (g->against) {
		times = v.measured ? ours / series_quantile(&other->s[CNIDA], 0.5) : 0;
		v.kept = times <= g->times;
		snprintf(v.found, sizeof(v.found), "%.2f times", times);
		snprintf(v.goal, sizeof(v.goal), "at most %g", g->times);
	} else {
		v.kept = ours <= g->limit;
		snprintf(v.found, sizeof(v.found), "%.4g%s%s", ours, r && *r->unit ? " " : "",
		         r ? r->unit : "");
		snprintf(v.goal, sizeof(v.goal), "at most %g", g->limit);
	}
	return v;
}

static struct verdict path_verdict(const struct bench *b, const struct path_goal *g)
{
	double times = path_ratio(b->paths, g->path, g->against, g->kind);
	struct verdict v = { .title = g->title, .measured = times > 0 };

	v.kept = g->most > 0 ? times <= g->most : times >= g->least;
	snprintf(v.found, sizeof(v.found), "%.3f times", times);
	snprintf(v.goal, sizeof(v.goal), g->most > 0 ? "at most %g" : "at least %g",
	         g->most > 0 ? g->most : g->least);
	return v;
}

struct verdict goal_verdict(const struct bench *b, size_t i)
{
	return i < ROW_GOALS ? row_verdict(b, &row_goals[i])
	                     : path_verdict(b, &path_goals[i - ROW_GOALS]);
}
