/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.c - report.html: pictures, goals and the whole table on one page that needs nothing else
 */
#include "test/bench/page.h"
#include "test/bench/bench.h"
#include "test/bench/goals.h"
#include "test/bench/plot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static const char style[] =
	":root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--fg:#1b2126;--dim:#5c6770;--line:#e2e5e7;"
	"--up:#98a3ad;--us:#0f766e;--nft:#b45309;--base:#4f6df5;--ok:#15803d;--bad:#b91c1c}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1c2226;--fg:#e6e9eb;--dim:#9aa6af;"
	"--line:#333c43;--up:#6b7780;--us:#2cb5a8;--nft:#e0933a;--base:#8b9dff;--ok:#4ade80;--bad:#f87171}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);"
	"font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
	"main{max-width:1160px;margin:0 auto;padding:24px 16px 48px}h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}"
	"h2{font-size:1.2rem;margin:36px 0 8px}h3{font-size:1rem;margin:0 0 2px}p{margin:0 0 10px}"
	".dim{color:var(--dim);font-size:.87rem}\n"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0 0}"
	".tile,.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px}"
	".tile b{display:block;font-size:1.5rem;line-height:1.3;color:var(--us)}.tile span{font-size:.85rem;color:var(--dim)}\n"
	".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,340px),1fr));gap:16px}"
	".card{min-width:0}.card svg{width:100%;max-width:520px;display:block;margin-top:6px}\n"
	".key{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:.85rem;color:var(--dim);margin:2px 0 0}"
	".key i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.4em}\n"
	"svg text{font-size:11.5px;fill:var(--fg)}svg .v,svg .t{fill:var(--dim);font-size:10.5px}.e{text-anchor:end}.m{text-anchor:middle}"
	".g{stroke:var(--line);fill:none}.a{stroke:var(--dim);fill:none}"
	".up{fill:var(--up);background:var(--up)}.us{fill:var(--us);background:var(--us)}.nft{fill:var(--nft);background:var(--nft)}"
	".base{fill:var(--base);background:var(--base)}\n"
	".s{fill:none;stroke-width:1.8;stroke-linejoin:round}.s.up{stroke:var(--up)}.s.us{stroke:var(--us)}.s.nft{stroke:var(--nft)}"
	".s.base{stroke:var(--base);stroke-dasharray:5 4}\n"
	".wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}"
	"table{border-collapse:collapse;width:100%;font-size:.87rem;font-variant-numeric:tabular-nums}"
	"th,td{padding:5px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}tr:last-child td{border-bottom:0}"
	"th{font-weight:600;color:var(--dim)}th:first-child,td:first-child{text-align:left;white-space:normal;min-width:150px}"
	".ok{color:var(--ok)}.bad{color:var(--bad);font-weight:600}\n"
	"@media(max-width:520px){th,td{padding:4px 7px}table{font-size:.8rem}}\n";

static void head(FILE *f, const struct bench *b)
{
	time_t now = time(NULL);
	struct utsname u = { 0 };
	char date[32], cpu[128];

	uname(&u);
	report_cpu(cpu, sizeof(cpu));
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime(&now));
	fprintf(f,
	        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	        "<title>cnida: benchmarks</title>\n<style>\n%s</style></head>\n<body><main>\n"
	        "<h1>cnida beside the upstream CNI plugins</h1>\n<p class=\"dim\">%s &middot; Linux ",
	        style, date);
	plot_text(f, u.release);
	fputs(" &middot; ", f);
	plot_text(f, cpu);
	fprintf(f,
	        ", %ld CPUs, %.1f GB &middot; medians of %u samples, taken in turns by the same caller</p>\n",
	        sysconf(_SC_NPROCESSORS_ONLN),
	        (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1e9, b->samples);
}

/* ---- tables ---- */

static void goals(FILE *f, const struct bench *b)
{
	fputs("<h2>Goals</h2>\n<div class=\"wide\"><table><tr><th>What<th>Found<th>Goal<th></tr>\n",
	      f);
	for (size_t i = 0; i < goals_count(); i++) {
		struct verdict v = goal_verdict(b, i);

		if (!v.measured)
			continue;
		fputs("<tr><td>", f);
		plot_text(f, v.title);
		fprintf(f, "<td>%s<td>%s<td class=\"%s\">%s</tr>\n", v.found, v.goal,
		        v.kept ? "ok" : "bad", v.kept ? "kept" : "missed");
	}
	fputs("</table></div>\n", f);
}

static void cell(FILE *f, const struct series *s, double q, const char *unit)
{
	if (s->n == 0)
		fprintf(f, "<td>%s", s->failed ? "failed" : "");
	else
		fprintf(f, "<td>%.*f", strcmp(unit, "ms") == 0 ? 3 : 0, series_quantile(s, q));
}

static void rows(FILE *f, const struct bench *b)
{
	fputs("<h2>All rows</h2>\n<div class=\"wide\"><table><tr><th>What<th>Unit<th>upstream<th>p99<th>cnida<th>p99"
	      "<th>ratio<th>samples</tr>\n",
	      f);
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct row *r = &b->rows[i];

		fputs("<tr><td>", f);
		plot_text(f, r->title);
		fprintf(f, "<td>%s", r->unit);
		for (size_t p = 0; p < PEERS; p++) {
			cell(f, &r->s[p], 0.5, r->unit);
			cell(f, &r->s[p], 0.99, r->unit);
		}
		if (row_has_both(r))
			fprintf(f, "<td>%.1fx", row_ratio(r));
		else
			fputs("<td>", f);
		fprintf(f, "<td>%zu</tr>\n", r->s[CNIDA].n ? r->s[CNIDA].n : r->s[UPSTREAM].n);
	}
	fputs("</table></div>\n", f);
}

static void paths(FILE *f, const struct bench *b)
{
	static const int digits[LOAD_KINDS] = { 2, 0, 2 };

	fputs("<h2>Pod to pod, all set-ups</h2>\n<div class=\"wide\"><table><tr><th>What<th>RR, &micro;s<th>p99<th>ratio"
	      "<th>CRR, 1/s<th>ratio<th>stream, Gbit/s<th>ratio</tr>\n",
	      f);
	for (unsigned int i = 0; i < PATHS; i++) {
		const struct path *path = &b->paths[i];

		fputs("<tr><td>", f);
		plot_text(f, path->title);
		if (*path->missing) {
			fputs("<td colspan=\"7\">not measured: ", f);
			plot_text(f, path->missing);
		}
		for (enum load_kind k = 0; k < LOAD_KINDS && !*path->missing; k++) {
			fprintf(f, "<td>%.*f", digits[k], series_quantile(&path->load[k], 0.5));
			if (k == LOAD_RR)
				fprintf(f, "<td>%.2f", series_quantile(&path->p99, 0.5));
			fprintf(f, "<td>%.2fx", path_ratio(b->paths, i, PATH_PAIR, k));
		}
		fputs("</tr>\n", f);
	}
	fputs("</table></div>\n", f);
}

int report_page(const struct bench *b, const char *file)
{
	FILE *f = fopen(file, "we");

	if (!f)
		return -errno;
	head(f, b);
	page_tiles(f, b);
	page_pictures(f, b);
	goals(f, b);
	if (b->has_paths)
		paths(f, b);
	rows(f, b);
	fputs("<p class=\"dim\" style=\"margin-top:24px\">Ratio: upstream divided by cnida; pod to pod: to the veth pair. "
	      "p99 by nearest rank. What the rows mean is in test/bench/README.md; every sample is in results.json.</p>\n"
	      "</main></body></html>\n",
	      f);
	return fclose(f) == 0 ? 0 : -EIO;
}
