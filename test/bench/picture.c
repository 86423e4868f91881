/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture.c - the main rows as bars: upstream is 100 per cent, cnida what is left of it
 */
#include "test/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WIDTH      760
#define LABEL      250 /* where bars begin */
#define FULL       400 /* length of upstream's bar */
#define ROW_HEIGHT 44

static const char *const shown[] = {
	"version",
	"bridge.add",
	"bridge.del",
	"masq.add",
	"masq.del",
	"drain.wall",
	"chain.add",
	"chain.del",
	"one.add",
	"one.del",
	"crowd.add.wall",
	"crowd.del.wall",
	"boot.plain.add.wall",
	"boot.plain.del.wall",
	"boot.chain.add.wall",
	"boot.chain.del.wall",
	"host-local.250.add",
	"host-local.60000.add",
	"bridge.add.tree",
	"chain.add.execs",
	"one.add.execs",
};

static void bar(FILE *f, int y, double length, const char *colour, double value, const char *unit)
{
	fprintf(f, "<rect x='%d' y='%d' width='%.1f' height='14' fill='%s'/>\n", LABEL, y,
	        length > 1 ? length : 1, colour);
	fprintf(f, "<text x='%.1f' y='%d' class='v'>%.*f %s</text>\n", LABEL + length + 6, y + 12,
	        strcmp(unit, "ms") == 0 ? 2 : 0, value, unit);
}

static void row(FILE *f, const struct row *r, int y)
{
	double upstream = series_quantile(&r->s[UPSTREAM], 0.5),
	       ours = series_quantile(&r->s[CNIDA], 0.5);

	fprintf(f, "<text x='%d' y='%d' class='l'>%s</text>\n", LABEL - 10, y + 19, r->title);
	bar(f, y, FULL, "#9aa5b1", upstream, r->unit);
	bar(f, y + 16, upstream > 0 ? FULL * ours / upstream : 0, "#0f766e", ours, r->unit);
}

int report_picture(const struct bench *b, const char *file)
{
	int y = 50;
	FILE *f = fopen(file, "we");

	if (!f)
		return -errno;
	fprintf(f,
	        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %zu' font-family='sans-serif' font-size='13'>\n",
	        WIDTH, 60 + sizeof(shown) / sizeof(shown[0]) * ROW_HEIGHT);
	fprintf(f, "<style>.l{text-anchor:end;fill:#111}.v{fill:#444;font-size:12px}</style>\n"
	           "<rect width='100%%' height='100%%' fill='white'/>\n");
	fprintf(f,
	        "<text x='%d' y='28'><tspan fill='#667'>&#9632; upstream</tspan> "
	        "<tspan fill='#0f766e'>&#9632; cnida</tspan> (medians, shorter is better)</text>\n",
	        LABEL);
	for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++) {
		const struct row *r = bench_find(b, shown[k]);

		if (!r || !r->s[UPSTREAM].n || !r->s[CNIDA].n)
			continue;
		row(f, r, y);
		y += ROW_HEIGHT;
	}
	fprintf(f, "</svg>\n");
	return fclose(f) == 0 ? 0 : -EIO;
}
