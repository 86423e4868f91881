/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * version.h - the seven versions of the CNI protocol
 */
#ifndef CNIDA_SPEC_VERSION_H
#define CNIDA_SPEC_VERSION_H

enum cni_version {
	CNI_0_1_0,
	CNI_0_2_0,
	CNI_0_3_0,
	CNI_0_3_1,
	CNI_0_4_0,
	CNI_1_0_0,
	CNI_1_1_0,
	CNI_VERSION_COUNT
};

#define CNI_VERSION_CURRENT CNI_1_1_0

/* cni_version_str() - "0.1.0" ... "1.1.0". */
const char *cni_version_str(enum cni_version v);

/* cni_version_parse() - Exact text to version, "" to 0.1.0; -1 if it is none of the seven. */
int cni_version_parse(const char *text);

#endif
