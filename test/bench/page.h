/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.h - the parts of report.html that are pictures
 */
#ifndef CNIDA_BENCH_PAGE_H
#define CNIDA_BENCH_PAGE_H

#include "test/bench/bench.h"

#include <stdio.h>

/* page_tiles() - A few figures. page_pictures() - Sections of plots; what was not measured is left out. */
void page_tiles(FILE *f, const struct bench *b);
void page_pictures(FILE *f, const struct bench *b);

#endif
