/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * version.c - the seven versions of the CNI protocol
 */
#include "spec/version.h"

#include "base/cleanup.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const names[] = {
	[CNI_0_1_0] = "0.1.0", [CNI_0_2_0] = "0.2.0", [CNI_0_3_0] = "0.3.0", [CNI_0_3_1] = "0.3.1",
	[CNI_0_4_0] = "0.4.0", [CNI_1_0_0] = "1.0.0", [CNI_1_1_0] = "1.1.0",
};

static_assert(ARRAY_SIZE(names) == CNI_VERSION_COUNT, "every version has a name");

const char *cni_version_str(enum cni_version v)
{
	return names[v];
}

int cni_version_parse(const char *text)
{
	/* A configuration without a version is of the time before there were versions. */
	if (*text == '\0')
		return CNI_0_1_0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0)
			return (int)i;
	return -1;
}
