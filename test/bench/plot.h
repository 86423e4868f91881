/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.h - inline SVG: bars, and lines over an axis
 *
 * Drawn as wide as a card is on a telephone, so that text is legible there. Colours are classes of the page's style:
 * "up", "us", "nft", "base".
 */
#ifndef CNIDA_BENCH_PLOT_H
#define CNIDA_BENCH_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct plot_bar {
	const char *label; /* above it; NULL: it stands right below the one before */
	double length;     /* 0 to 1 */
	char value[40];    /* behind it */
	const char *css;
};

void plot_bars(FILE *f, const char *what, const struct plot_bar *bars, size_t n);

struct plot_line {
	const char *name, *css;
	double x[256], y[256];
	size_t n;
};

struct plot_axes {
	const char *what, *x, *y; /* of the picture for who cannot see it; below, beside the axis */
	bool log_x, log_y;        /* linear axes begin at 0 */
};

void plot_lines(FILE *f, const struct plot_axes *axes, const struct plot_line *lines, size_t n);

/* plot_text() - With what HTML reserves replaced. */
void plot_text(FILE *f, const char *text);

#endif
