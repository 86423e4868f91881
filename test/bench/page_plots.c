/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_plots.c - the parts of report.html that are pictures
 */
#include "test/bench/page.h"
#include "test/bench/plot.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- tiles ---- */

static void tile(FILE *f, const char *text, const char *value)
{
	fprintf(f, "<div class=\"tile\"><b>%s</b><span>%s</span></div>\n", value, text);
}

void page_tiles(FILE *f, const struct bench *b)
{
	static const struct {
		const char *key, *text;
	} shown[] = {
		{ "one.add", "ADD of the full chain" },
		{ "one.del", "DEL of the full chain" },
		{ "boot.chain.add.wall", "node boot, 110 pods" },
		{ "boot.chain.del.wall", "node drain, 110 pods" },
		{ "one.add.tree", "memory of an ADD" },
		{ "disk", "bytes on disk" },
	};
	char value[32];

	fputs("<div class=\"tiles\">\n", f);
	for (size_t i = 0; i < COUNT(shown); i++) {
		const struct row *r = bench_find(b, shown[i].key);

		if (!r || !row_has_both(r))
			continue;
		snprintf(value, sizeof(value), "1/%.1f", row_ratio(r));
		tile(f, shown[i].text, value);
	}
	if (path_ratio(b->paths, PATH_EBPF_10, PATH_FIREWALL, LOAD_CRR) > 0) {
		snprintf(value, sizeof(value), "%.2fx",
		         path_ratio(b->paths, PATH_EBPF_10, PATH_FIREWALL, LOAD_CRR));
		tile(f, "connections per second between pods, with policy", value);
	}
	fputs("</div>\n<p class=\"dim\" style=\"margin-top:8px\">Against upstream's plugins, doing the same in the same run.</p>\n",
	      f);
}

/* ---- cards ---- */

static void card(FILE *f, const char *title, const char *note)
{
	fprintf(f, "<div class=\"card\"><h3>%s</h3><p class=\"dim\">%s</p>\n", title, note);
}

static void legend(FILE *f, const char *css, const char *name)
{
	fprintf(f, "<span><i class=\"%s\"></i>%s</span>\n", css, name);
}

static void legend_of(FILE *f, const struct plot_line *lines, size_t n)
{
	fputs("<div class=\"key\">", f);
	for (size_t i = 0; i < n; i++)
		legend(f, lines[i].css, lines[i].name);
	fputs("</div>\n", f);
}

/* ---- rows as pairs of bars: upstream is as long as can be ---- */

static void set_bar(struct plot_bar *bar, const struct row *r, size_t p)
{
	double median = series_quantile(&r->s[p], 0.5),
	       full = series_quantile(&r->s[UPSTREAM], 0.5);
	bool ms = strcmp(r->unit, "ms") == 0;

	bar->label = p == UPSTREAM ? r->title : NULL;
	bar->css = p == UPSTREAM ? "up" : "us";
	bar->length = full > 0 ? median / full : 0;
	if (bar->length > 1)
		bar->length = 1;
	snprintf(bar->value, sizeof(bar->value), "%.*f %s", ms ? (median < 10 ? 2 : 1) : 0, median,
	         r->unit);
}

static void row_bars(FILE *f, const struct bench *b, const char *title, const char *const *keys,
                     size_t n)
{
	struct plot_bar bars[40];
	size_t k = 0;

	for (size_t i = 0; i < n && k + 2 <= COUNT(bars); i++) {
		const struct row *r = bench_find(b, keys[i]);

		if (!r || !row_has_both(r))
			continue;
		for (size_t p = 0; p < PEERS; p++)
			set_bar(&bars[k++], r, p);
	}
	if (k == 0)
		return;
	card(f, title, "Shorter is better; upstream's bar is always full.");
	fputs("<div class=\"key\">", f);
	legend(f, "up", "upstream");
	legend(f, "us", "cnida");
	fputs("</div>\n", f);
	plot_bars(f, title, bars, k);
	fputs("</div>\n", f);
}

static void latencies(FILE *f, const struct bench *b)
{
	static const char *const single[] = { "version",   "bridge.add", "bridge.del",
		                              "masq.add",  "masq.del",   "chain.add",
		                              "chain.del", "one.add",    "one.del" };
	static const char *const many[] = { "drain.wall",          "crowd.add.wall",
		                            "crowd.del.wall",      "boot.plain.add.wall",
		                            "boot.plain.del.wall", "boot.chain.add.wall",
		                            "boot.chain.del.wall", "boot.chain.add.cpu",
		                            "boot.chain.del.cpu" };
	static const char *const means[] = { "bridge.add.execs", "chain.add.execs", "one.add.execs",
		                             "bridge.add.tree",  "chain.add.tree",  "one.add.tree",
		                             "bridge.add.cpu",   "one.add.cpu",     "disk" };

	fputs("<h2>One pod, many pods, and what it takes</h2>\n<div class=\"grid\">\n", f);
	row_bars(f, b, "One call", single, COUNT(single));
	row_bars(f, b, "Many pods at once", many, COUNT(many));
	row_bars(f, b, "Processes, memory, CPU time, disk", means, COUNT(means));
	fputs("</div>\n", f);
}

/* ---- cost over something ---- */

static void over_pods(FILE *f, const struct bench *b)
{
	static const struct plot_axes axes = { .what = "Time of an ADD over the number of pods",
		                               .x = "pods on the node",
		                               .y = "ms",
		                               .log_y = true };
	static struct plot_line lines[2];
	const struct row *r = bench_find(b, "pods.add");

	if (!r || !row_has_both(r))
		return;
	lines[0] = (struct plot_line) { .name = "upstream", .css = "up" };
	lines[1] = (struct plot_line) { .name = "cnida", .css = "us" };
	for (size_t p = 0; p < PEERS; p++) {
		for (size_t i = 0; i < r->s[p].n; i++) {
			lines[p].x[i] = (double)i + 2;
			lines[p].y[i] = r->s[p].v[i];
		}
		lines[p].n = r->s[p].n;
	}
	card(f, "ADD over pods", "The full chain, one pod after the other, every sample.");
	legend_of(f, lines, 2);
	plot_lines(f, &axes, lines, 2);
	fputs("</div>\n", f);
}

static void over_addresses(FILE *f, const struct bench *b, const char *verb, const char *title)
{
	static const unsigned int taken[] = { 10, 250, 4000, 60000 };
	static struct plot_line lines[2];
	const struct plot_axes axes = {
		.what = title, .x = "addresses taken", .y = "ms", .log_x = true, .log_y = true
	};
	char key[48];

	lines[0] = (struct plot_line) { .name = "upstream", .css = "up" };
	lines[1] = (struct plot_line) { .name = "cnida", .css = "us" };
	for (size_t i = 0; i < COUNT(taken); i++) {
		const struct row *r;

		snprintf(key, sizeof(key), "host-local.%u.%s", taken[i], verb);
		r = bench_find(b, key);
		for (size_t p = 0; r && row_has_both(r) && p < PEERS; p++) {
			lines[p].x[lines[p].n] = taken[i];
			lines[p].y[lines[p].n++] = series_quantile(&r->s[p], 0.5);
		}
	}
	if (lines[0].n == 0)
		return;
	card(f, title, "IPAM alone, medians.");
	legend_of(f, lines, 2);
	plot_lines(f, &axes, lines, 2);
	fputs("</div>\n", f);
}

static void set_line(struct plot_line *l, const struct path *paths, const unsigned int *which,
                     enum load_kind kind)
{
	static const double rules[] = { 10, 1000, 10000 };

	for (size_t i = 0; i < COUNT(rules); i++) {
		double y = series_quantile(&paths[which[i]].load[kind], 0.5);

		if (y > 0) {
			l->x[l->n] = rules[i];
			l->y[l->n++] = y;
		}
	}
}

static void over_rules(FILE *f, const struct bench *b, enum load_kind kind, const char *title,
                       const char *unit)
{
	static const unsigned int which[4][3] = {
		{ PATH_PAIR, PATH_PAIR, PATH_PAIR },
		{ PATH_EBPF_10, PATH_EBPF_1000, PATH_EBPF_10000 },
		{ PATH_NFT_10, PATH_NFT_1000, PATH_NFT_10000 },
		{ PATH_FIREWALL, PATH_FIREWALL, PATH_FIREWALL },
	};
	const struct plot_axes axes = {
		.what = title, .x = "rules in each direction", .y = unit, .log_x = true
	};
	static struct plot_line lines[4];

	lines[0] = (struct plot_line) { .name = "veth pair, no policy", .css = "base" };
	lines[1] = (struct plot_line) { .name = "cnida, eBPF", .css = "us" };
	lines[2] = (struct plot_line) { .name = "cnida, nftables", .css = "nft" };
	lines[3] = (struct plot_line) { .name = "upstream's firewall, no policy", .css = "up" };
	for (size_t i = 0; i < COUNT(lines); i++)
		set_line(&lines[i], b->paths, which[i], kind);
	card(f, title, "Policy on both ends, 110 pods on the node.");
	legend_of(f, lines, COUNT(lines));
	plot_lines(f, &axes, lines, COUNT(lines));
	fputs("</div>\n", f);
}

static void over(FILE *f, const struct bench *b)
{
	fputs("<h2>Cost over pods, addresses and rules</h2>\n<div class=\"grid\">\n", f);
	over_pods(f, b);
	over_addresses(f, b, "add", "ADD over addresses");
	over_addresses(f, b, "del", "DEL over addresses");
	if (b->has_paths) {
		over_rules(f, b, LOAD_RR, "Round trip over rules", "\xc2\xb5s");
		over_rules(f, b, LOAD_CRR, "Connections over rules", "1/s");
		over_rules(f, b, LOAD_STREAM, "Throughput over rules", "Gbit/s");
	}
	fputs("</div>\n", f);
}

/* ---- pod to pod ---- */

static const char *path_css(unsigned int i)
{
	switch (i) {
	case PATH_PAIR:
		return "base";
	case PATH_BRIDGE:
	case PATH_FIREWALL:
		return "up";
	case PATH_NFT_10:
	case PATH_NFT_1000:
	case PATH_NFT_10000:
		return "nft";
	default:
		return "us";
	}
}

static void path_bars(FILE *f, const struct bench *b, enum load_kind kind, const char *title,
                      const char *note, int digits, const char *unit)
{
	struct plot_bar bars[PATHS];
	double max = 0;
	size_t n = 0;

	for (unsigned int i = 0; i < PATHS; i++) {
		double v = series_quantile(&b->paths[i].load[kind], 0.5);

		max = v > max ? v : max;
	}
	for (unsigned int i = 0; i < PATHS; i++) {
		double v = series_quantile(&b->paths[i].load[kind], 0.5);

		if (v <= 0)
			continue;
		bars[n] = (struct plot_bar) { .label = b->paths[i].title,
			                      .length = v / max,
			                      .css = path_css(i) };
		snprintf(bars[n].value, sizeof(bars[n].value), "%.*f %s, %.2fx", digits, v, unit,
		         path_ratio(b->paths, i, PATH_PAIR, kind));
		n++;
	}
	card(f, title, note);
	plot_bars(f, title, bars, n);
	fputs("</div>\n", f);
}

static void pod_to_pod(FILE *f, const struct bench *b)
{
	fputs("<h2>Pod to pod on one node</h2>\n<p class=\"dim\">Ratios are to a veth pair between the two namespaces. "
	      "Both ends on one CPU.</p>\n<div class=\"grid\">\n",
	      f);
	path_bars(f, b, LOAD_RR, "Request/response", "Round trip of one byte; shorter is better.",
	          1, "\xc2\xb5s");
	path_bars(f, b, LOAD_CRR, "Connect/request/response",
	          "Connections per second, one after the other; longer is better.", 0, "/s");
	path_bars(f, b, LOAD_STREAM, "Stream", "One TCP connection; longer is better.", 1,
	          "Gbit/s");
	fputs("</div>\n", f);
}

void page_pictures(FILE *f, const struct bench *b)
{
	latencies(f, b);
	if (b->has_paths)
		pod_to_pod(f, b);
	over(f, b);
}
