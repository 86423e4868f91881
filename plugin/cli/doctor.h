/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.h - findings about a node, each with what to do
 */
#ifndef CNIDA_CLI_DOCTOR_H
#define CNIDA_CLI_DOCTOR_H

#include <stdio.h>

#define FINDINGS_MAX 128

enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct finding {
	enum finding_level level;
	char check[40];
	char detail[400];
	char advice[400]; /* "" if there is nothing to do */
};

struct diagnosis {
	struct finding v[FINDINGS_MAX];
	size_t n;
	/* Where to look. */
	const char *bin_dir, *conf_dir, *data_dir;
};

/* diagnose() - Append a finding; what does not fit is dropped. */
void diagnose(struct diagnosis *d, enum finding_level level, const char *check, const char *advice,
              const char *detail, ...) __attribute__((format(printf, 5, 6)));

/* The examinations; each appends its findings. */
void doctor_kernel(
	struct diagnosis *d); /* features, found by trying them in a namespace of their own */
void doctor_files(struct diagnosis *d); /* plugin folder, network configurations */
void doctor_state(struct diagnosis *d); /* attachments, tables, address stores */

#endif
