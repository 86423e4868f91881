/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_version.c - the seven versions of the CNI protocol
 */
#include "base/cleanup.h"
#include "spec/version.h"

#include <criterion/criterion.h>

Test(version, text_and_back)
{
	static const struct {
		const char *text;
		int version;
	} rows[] = {
		{ "", CNI_0_1_0 },      { "0.1.0", CNI_0_1_0 },
		{ "0.2.0", CNI_0_2_0 }, { "0.3.0", CNI_0_3_0 },
		{ "0.3.1", CNI_0_3_1 }, { "0.4.0", CNI_0_4_0 },
		{ "1.0.0", CNI_1_0_0 }, { "1.1.0", CNI_1_1_0 },
		{ "1.1", -1 },          { "1", -1 },
		{ "1.1.0 ", -1 },       { " 1.1.0", -1 },
		{ "v1.1.0", -1 },       { "1.1.0-rc1", -1 },
		{ "9.0.0", -1 },        { "0.3", -1 },
		{ "01.1.0", -1 },       { "1.2.0", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int found = cni_version_parse(rows[i].text);

		cr_assert(found == rows[i].version, "\"%s\": expected %d, found %d", rows[i].text,
		          rows[i].version, found);
		if (found >= 0 && *rows[i].text)
			cr_assert_str_eq(cni_version_str((enum cni_version)found), rows[i].text,
			                 "\"%s\": found \"%s\"", rows[i].text,
			                 cni_version_str((enum cni_version)found));
	}
	cr_assert_str_eq(cni_version_str(CNI_VERSION_CURRENT), "1.1.0",
	                 "current: expected 1.1.0, found %s", cni_version_str(CNI_VERSION_CURRENT));
}
