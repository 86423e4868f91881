/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * series.h - the samples of one measurement: median and 99th percentile
 */
#ifndef CNIDA_BENCH_SERIES_H
#define CNIDA_BENCH_SERIES_H

#include <stddef.h>

#define SERIES_MAX 256

struct series {
	double v[SERIES_MAX]; /* in the order in which they were taken */
	size_t n;
	size_t failed; /* calls that did not succeed; they are not among the samples */
};

/* series_add() - What does not fit is dropped. */
void series_add(struct series *s, double value);

/* series_quantile() - Nearest rank: @q 0.5 is the median, 0 the minimum, 1 the maximum; 0 if there are no samples. */
double series_quantile(const struct series *s, double q);

#endif
