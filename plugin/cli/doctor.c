/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.c - `cnida doctor`: what is missing, stale or misconfigured on this node, and what to do
 */
#include "cli/doctor.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/node_files.h"
#include "ipam/store.h"

#include <stdarg.h>

static const char *const level_names[] = { "ok", "warning", "problem" };

void diagnose(struct diagnosis *d, enum finding_level level, const char *check, const char *advice,
              const char *detail, ...)
{
	struct finding *f = &d->v[d->n];
	va_list ap;

	if (d->n == FINDINGS_MAX)
		return;
	d->n++;
	f->level = level;
	(void)snprintf(f->check, sizeof(f->check), "%s", check);
	(void)snprintf(f->advice, sizeof(f->advice), "%s", advice);
	va_start(ap, detail);
	(void)vsnprintf(f->detail, sizeof(f->detail), detail, ap);
	va_end(ap);
}

static void print_clean(FILE *out, const char *text)
{
	for (; *text; text++)
		(void)fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static void print_findings(const struct diagnosis *d, FILE *out)
{
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	int colour = cli_colour(out);

	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->v[i];

		(void)fprintf(out, "%s%-8s%s %-24s ", colour ? colours[f->level] : "",
		              level_names[f->level], colour ? "\033[0m" : "", f->check);
		print_clean(out, f->detail);
		(void)fputc('\n', out);
		if (!*f->advice)
			continue;
		(void)fprintf(out, "%-8s %-24s -> ", "", "");
		print_clean(out, f->advice);
		(void)fputc('\n', out);
	}
}

static size_t count(const struct diagnosis *d, enum finding_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].level == level;
	return n;
}

static int print_json(const struct diagnosis *d, FILE *out)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < d->n; i++) {
		json_t *row = json_object();

		(void)jset(row, "level", json_string(level_names[d->v[i].level]));
		(void)jset(row, "check", json_string(d->v[i].check));
		(void)jset(row, "detail", json_string(d->v[i].detail));
		(void)jset(row, "advice", json_string(d->v[i].advice));
		(void)json_array_append_new(rows, row);
	}
	return cli_print_json("doctor", rows, out);
}

int cli_doctor(int argc, char **argv, FILE *out)
{
	static struct diagnosis d;
	const char *json = NULL, *bin_dir = CNI_BIN_DIR_DEFAULT, *conf_dir = CNI_CONF_DIR_DEFAULT,
		   *data_dir = STORE_DIR_DEFAULT;
	const struct cli_option options[] = {
		{ "json", NULL, "a list of objects instead of lines", &json },
		{ "bin-dir", "DIR", "the node's plugin folder (" CNI_BIN_DIR_DEFAULT ")",
		  &bin_dir },
		{ "conf-dir", "DIR", "its network configurations (" CNI_CONF_DIR_DEFAULT ")",
		  &conf_dir },
		{ "data-dir", "DIR", "where host-local's stores are (" STORE_DIR_DEFAULT ")",
		  &data_dir },
		{ NULL, NULL, NULL, NULL },
	};
	int i = cli_options(
		argc, argv, options,
		"doctor [--json] [--bin-dir DIR] [--conf-dir DIR] [--data-dir DIR]",
		"Looks at the kernel's features (by trying them in a namespace of its own), the plugin\n"
		"folder, the network configurations, attachments, tables and address stores. It\n"
		"changes nothing. Exits with 1 if there is a problem, 0 if there are warnings only.",
		out);

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_need_root("doctor") != CLI_OK)
		return CLI_FAILED;
	d = (struct diagnosis) { .bin_dir = bin_dir, .conf_dir = conf_dir, .data_dir = data_dir };
	doctor_kernel(&d);
	doctor_files(&d);
	doctor_state(&d);
	if (json && print_json(&d, out) != CLI_OK)
		return CLI_FAILED;
	if (!json) {
		print_findings(&d, out);
		(void)fprintf(out, "\n%zu problem%s, %zu warning%s\n", count(&d, FINDING_FAIL),
		              count(&d, FINDING_FAIL) == 1 ? "" : "s", count(&d, FINDING_WARN),
		              count(&d, FINDING_WARN) == 1 ? "" : "s");
	}
	return count(&d, FINDING_FAIL) ? CLI_FAILED : CLI_OK;
}
