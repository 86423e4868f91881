/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.c - inline SVG: bars, and lines over an axis
 */
#include "test/bench/plot.h"

#include <math.h>
#include <stdarg.h>

#define WIDTH  345
#define FULL   230 /* the longest bar; its value follows */
#define HEIGHT 220
#define LEFT   46
#define RIGHT  (WIDTH - 10)
#define TOP    24
#define BOTTOM (HEIGHT - 36)

void plot_text(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

static void begin(FILE *f, const char *what, int height)
{
	fprintf(f, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, height);
	plot_text(f, what);
	fputs("\">\n", f);
}

__attribute__((format(printf, 5, 6))) static void text(FILE *f, double x, double y, const char *css,
                                                       const char *fmt, ...)
{
	char buf[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, css);
	plot_text(f, buf);
	fputs("</text>\n", f);
}

void plot_bars(FILE *f, const char *what, const struct plot_bar *bars, size_t n)
{
	int y = 0, height = 4;

	for (size_t i = 0; i < n; i++)
		height += bars[i].label ? 36 : 14;
	begin(f, what, height);
	for (size_t i = 0; i < n; i++) {
		double length = FULL * bars[i].length;

		if (bars[i].label) {
			y += 22;
			text(f, 0, y - 5, "l", "%s", bars[i].label);
		}
		fprintf(f,
		        "<rect x=\"0\" y=\"%d\" width=\"%.1f\" height=\"12\" rx=\"2\" class=\"%s\"/>\n",
		        y, length > 1.5 ? length : 1.5, bars[i].css);
		text(f, (length > 1.5 ? length : 1.5) + 5, y + 10, "v", "%s", bars[i].value);
		y += 14;
	}
	fputs("</svg>\n", f);
}

/* ---- lines ---- */

struct scale {
	bool log;
	double from, to; /* of values; logarithms if @log */
	double a, b;     /* where those lie */
};

static double place(const struct scale *s, double v)
{
	double at = s->log ? log10(v) : v;

	return s->a + (at - s->from) / (s->to - s->from) * (s->b - s->a);
}

/* 1, 2 or 5 times a power of ten, so that @range has four to nine of them. */
static double step_of(double range)
{
	double power = pow(10, floor(log10(range / 4)));

	if (range / (power * 5) >= 4)
		return power * 5;
	return range / (power * 2) >= 4 ? power * 2 : power;
}

static struct scale scale_of(double min, double max, bool log, double a, double b)
{
	struct scale s = { .log = log, .from = 0, .a = a, .b = b };

	if (log) {
		s.from = floor(log10(min) + 1e-9);
		s.to = ceil(log10(max) - 1e-9);
		if (s.to <= s.from)
			s.to = s.from + 1;
	} else {
		double step = step_of(max > 0 ? max : 1);

		s.to = ceil((max > 0 ? max : 1) / step - 1e-9) * step;
	}
	return s;
}

static void number(char *ret, size_t size, double v)
{
	if (v >= 10000)
		snprintf(ret, size, "%gk", v / 1000);
	else
		snprintf(ret, size, "%g", v);
}

static void tick(FILE *f, const struct scale *s, double v, bool vertical)
{
	double at = place(s, v);
	char buf[24];

	number(buf, sizeof(buf), v);
	if (vertical) {
		fprintf(f, "<path d=\"M%d %.1fH%d\" class=\"g\"/>\n", LEFT, at, RIGHT);
		text(f, LEFT - 6, at + 4, "t e", "%s", buf);
	} else {
		fprintf(f, "<path d=\"M%.1f %dv4\" class=\"a\"/>\n", at, BOTTOM);
		text(f, at, BOTTOM + 16, "t m", "%s", buf);
	}
}

static void ticks(FILE *f, const struct scale *s, bool vertical)
{
	if (s->log) {
		for (double e = s->from; e <= s->to + 1e-9; e++)
			tick(f, s, pow(10, e), vertical);
		return;
	}
	for (double v = 0, step = step_of(s->to); v <= s->to + step / 1e6; v += step)
		tick(f, s, v, vertical);
}

static void line(FILE *f, const struct plot_line *l, const struct scale *x, const struct scale *y)
{
	fprintf(f, "<polyline class=\"s %s\" points=\"", l->css);
	for (size_t i = 0; i < l->n; i++)
		fprintf(f, "%.1f,%.1f ", place(x, l->x[i]), place(y, l->y[i]));
	fputs("\"/>\n", f);
	for (size_t i = 0; i < l->n && l->n < 10; i++)
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" class=\"%s\"/>\n",
		        place(x, l->x[i]), place(y, l->y[i]), l->css);
}

void plot_lines(FILE *f, const struct plot_axes *axes, const struct plot_line *lines, size_t n)
{
	double min[2] = { INFINITY, INFINITY }, max[2] = { 0, 0 };
	struct scale x, y;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < lines[i].n; k++) {
			min[0] = fmin(min[0], lines[i].x[k]);
			max[0] = fmax(max[0], lines[i].x[k]);
			min[1] = fmin(min[1], lines[i].y[k]);
			max[1] = fmax(max[1], lines[i].y[k]);
		}
	}
	if (max[0] <= 0 || max[1] <= 0 || min[0] <= 0 || min[1] <= 0)
		return;
	x = scale_of(min[0], max[0], axes->log_x, LEFT, RIGHT - 8);
	y = scale_of(min[1], max[1], axes->log_y, BOTTOM, TOP);
	begin(f, axes->what, HEIGHT);
	ticks(f, &y, true);
	fprintf(f, "<path d=\"M%d %dH%d\" class=\"a\"/>\n", LEFT, BOTTOM, RIGHT);
	ticks(f, &x, false);
	text(f, 0, 11, "t", "%s", axes->y);
	text(f, RIGHT, HEIGHT - 4, "t e", "%s", axes->x);
	for (size_t i = 0; i < n; i++)
		line(f, &lines[i], &x, &y);
	fputs("</svg>\n", f);
}
