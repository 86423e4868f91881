/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json.c - fuzz: any bytes as a JSON document: parsed, looked into, written, parsed again
 *
 * What is written is written again in the same bytes (but for -0, which was a real number). Texts that both take mean the same to libjansson.
 */
#include "base/json.h"
#include "test/fuzz/fuzz.h"

static void written_again(const json_t *doc, bool sorted)
{
	char *text = NULL, *again = NULL;
	struct err e = fuzz_err();
	json_t *back = NULL;

	if (jdump(doc, sorted, &text) < 0)
		return;
	fuzz_check(jparse(text, strlen(text), &back, &e) == 0, "%s in %s", e.msg, text);

	fuzz_check(jdump(back, sorted, &again) == 0 &&
	                   (strcmp(text, again) == 0 || strstr(text, "-0")),
	           "%s became %s", text, again);
	free(text);
	free(again);
	json_decref(back);
}

/* Keys as configurations have them, each of the types. */
static void ask(const json_t *doc)
{
	static const char *const keys[] = { "name", "ipam", "hostPort", "a", "" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct err e = fuzz_err();
		const char *text;
		int64_t number;
		bool yes;
		json_t *v;

		fuzz_judge(jget_str(doc, "doc", keys[i], &text, &e), &e, "jget_str");
		fuzz_judge(jget_bool(doc, "doc", keys[i], &yes, &e), &e, "jget_bool");
		fuzz_judge(jget_int(doc, "doc", keys[i], -5, 70000, &number, &e), &e, "jget_int");
		fuzz_judge(jget_obj(doc, "doc", keys[i], &v, &e), &e, "jget_obj");
		fuzz_judge(jget_arr(doc, "doc", keys[i], &v, &e), &e, "jget_arr");
	}
}

FUZZ(json)
{
	char *text = fuzz_copy(data, len);
	struct err e = fuzz_err();
	json_t *doc = NULL;
	int r = jparse(text, len, &doc, &e);

	fuzz_judge(r, &e, "jparse");
	if (r == 0) {
		json_t *theirs =
			json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

		if (theirs)
			fuzz_check(json_equal(doc, theirs), "libjansson reads another document");
		json_decref(theirs);
		(void)jrepeats(text, len, "ipam");
		(void)jrepeats(text, len, "capabilities");
		ask(doc);
		written_again(doc, false);
		written_again(doc, true);
	}
	json_decref(doc);
	free(text);
	return 0;
}
