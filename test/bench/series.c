/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * series.c - the samples of one measurement: median and 99th percentile
 */
#include "test/bench/series.h"

#include <stdlib.h>
#include <string.h>

void series_add(struct series *s, double value)
{
	if (s->n < SERIES_MAX)
		s->v[s->n++] = value;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double series_quantile(const struct series *s, double q)
{
	double sorted[SERIES_MAX];
	size_t rank;

	if (s->n == 0)
		return 0;
	memcpy(sorted, s->v, s->n * sizeof(sorted[0]));
	qsort(sorted, s->n, sizeof(sorted[0]), ascending);
	rank = (size_t)(q * (double)s->n + 0.999999);
	if (rank > s->n)
		rank = s->n;
	return sorted[rank > 0 ? rank - 1 : 0];
}
