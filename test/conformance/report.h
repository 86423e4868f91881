/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what came of the checks: lines, a table family x plugin type, JSON, Markdown
 */
#ifndef CNIDA_TEST_CONFORMANCE_REPORT_H
#define CNIDA_TEST_CONFORMANCE_REPORT_H

#include "test/conformance/plan.h"

struct outcome {
	int code; /* RUN_... */
	char *text;
};

/* With @control, what has a deviation must fail, and only that. */
struct verdict {
	size_t passed, failed, skipped;
	bool control;
};

/* report_lines() - Add everything up, and print a line per check that did not pass. */
void report_lines(const struct plan *p, const struct outcome *o, bool print, struct verdict *ret);
void report_table(const struct plan *p, const struct outcome *o, bool markdown);
/* report_deviations() - The reasons why checks of the table did not pass, in Markdown. */
void report_deviations(const struct plan *p, const struct outcome *o);
void report_json(const struct plan *p, const struct outcome *o, const struct verdict *v);

#endif
