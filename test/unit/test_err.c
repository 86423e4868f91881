/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_err.c - codes, return values, texts and where they are cut
 */
#include "base/err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

Test(err, set_and_sys)
{
	static const struct {
		const char *name;
		bool sys;
		int code, no;
		int want_ret, want_code, want_no;
		const char *want_msg;
	} rows[] = {
		{ "no errno", false, CNI_E_CONFIG, 0, -EINVAL, CNI_E_CONFIG, 0, "key eth0" },
		{ "errno", false, CNI_E_IO, EIO, -EIO, CNI_E_IO, EIO, "key eth0" },
		{ "negative errno counts as none", false, CNI_E_IO, -EIO, -EINVAL, CNI_E_IO, 0,
		  "key eth0" },
		{ "sys", true, 0, ENOENT, -ENOENT, CNI_E_INTERNAL, ENOENT,
		  "key eth0: No such file or directory" },
		{ "sys EAGAIN", true, 0, EAGAIN, -EAGAIN, CNI_E_TRY_AGAIN, EAGAIN,
		  "key eth0: Resource temporarily unavailable" },
		{ "sys EBUSY", true, 0, EBUSY, -EBUSY, CNI_E_TRY_AGAIN, EBUSY,
		  "key eth0: Device or resource busy" },
		{ "sys ENOMEM", true, 0, ENOMEM, -ENOMEM, CNI_E_TRY_AGAIN, ENOMEM,
		  "key eth0: Cannot allocate memory" },
		{ "sys ETIMEDOUT", true, 0, ETIMEDOUT, -ETIMEDOUT, CNI_E_TRY_AGAIN, ETIMEDOUT,
		  "key eth0: Connection timed out" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { .code = 99, .no = 99, .msg = "old", .details = "old" };
		int r = rows[i].sys ? err_sys(&e, rows[i].no, "key %s", "eth0")
		                    : err_set(&e, rows[i].code, rows[i].no, "key %s", "eth0");

		cr_expect(r == rows[i].want_ret, "%s: returned %d, expected %d", rows[i].name, r,
		          rows[i].want_ret);
		cr_expect(e.code == rows[i].want_code, "%s: code %d, expected %d", rows[i].name,
		          e.code, rows[i].want_code);
		cr_expect(e.no == rows[i].want_no, "%s: no %d, expected %d", rows[i].name, e.no,
		          rows[i].want_no);
		cr_expect(strcmp(e.msg, rows[i].want_msg) == 0, "%s: \"%s\", expected \"%s\"",
		          rows[i].name, e.msg, rows[i].want_msg);
		cr_expect(e.details[0] == '\0', "%s: details \"%s\", expected none", rows[i].name,
		          e.details);
	}
}

Test(err, wrap_and_details)
{
	struct err e;
	int r;

	(void)err_set(&e, CNI_E_CONFIG, ERANGE, "inner");
	r = err_wrap(&e, "outer %d", 1);
	cr_expect(r == -ERANGE, "wrap returned %d, expected %d", r, -ERANGE);
	cr_expect(strcmp(e.msg, "outer 1: inner") == 0, "wrap: \"%s\"", e.msg);
	r = err_details(&e, "see %s", "manual");
	cr_expect(r == -ERANGE, "details returned %d, expected %d", r, -ERANGE);
	cr_expect(strcmp(e.details, "see manual") == 0, "details: \"%s\"", e.details);
	cr_expect(strcmp(e.msg, "outer 1: inner") == 0, "details changed the text: \"%s\"", e.msg);
	r = err_wrap(&e, "top");
	cr_expect(strcmp(e.details, "see manual") == 0, "wrap changed the details: \"%s\"",
	          e.details);

	/* An argument may be the error's own text. */
	r = err_set(&e, CNI_E_TRY_AGAIN, e.no, "again: %s (%s)", e.msg, e.details);
	cr_expect(r == -ERANGE, "re-coded: %d, expected %d", r, -ERANGE);
	cr_expect(strcmp(e.msg, "again: top: outer 1: inner (see manual)") == 0, "re-coded: \"%s\"",
	          e.msg);
	(void)err_wrap(&e, "%.5s", e.msg);
	cr_expect(strncmp(e.msg, "again: again: top", 17) == 0, "wrapped in itself: \"%s\"", e.msg);

	(void)err_set(&e, CNI_E_CONFIG, 0, "x");
	r = err_wrap(&e, "y");
	cr_expect(r == -EINVAL, "wrap without errno returned %d, expected %d", r, -EINVAL);
}

Test(err, nobody_wants_it)
{
	int r;

	r = err_set(NULL, CNI_E_IO, EIO, "x");
	cr_expect(r == -EIO, "err_set(NULL) returned %d", r);
	r = err_sys(NULL, ENOENT, "x");
	cr_expect(r == -ENOENT, "err_sys(NULL) returned %d", r);
	r = err_wrap(NULL, "x");
	cr_expect(r == -EINVAL, "err_wrap(NULL) returned %d", r);
	r = err_details(NULL, "x");
	cr_expect(r == -EINVAL, "err_details(NULL) returned %d", r);
}

/* A text of @n bytes that ends in whole characters of @unit */
static void repeat(char *buf, size_t n, const char *unit)
{
	size_t len = strlen(unit);

	for (size_t i = 0; i < n; i++)
		buf[i] = unit[i % len];
	buf[n] = '\0';
}

static void expect_cut(const char *name, size_t n, const char *text, size_t cap, size_t unit)
{
	size_t len = strlen(text), body = len - 3;

	cr_expect(len < cap && len + unit >= cap - 1,
	          "%s, %zu bytes: cut to %zu, expected just below %zu", name, n, len, cap);
	cr_expect(strcmp(text + body, "...") == 0,
	          "%s, %zu bytes: ends in \"%s\", expected \"...\"", name, n, text + body);
	cr_expect(body % unit == 0,
	          "%s, %zu bytes: %zu bytes left, expected whole characters of %zu", name, n, body,
	          unit);
}

Test(err, long_texts)
{
	static const char *const units[] = { "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (size_t u = 0; u < ARRAY_SIZE(units); u++) {
		size_t unit = strlen(units[u]);

		for (size_t chars = 1000 / unit; chars * unit < 1100; chars++) {
			size_t n = chars * unit, want = n;
			struct err e = { 0 };
			char text[1200];

			repeat(text, n, units[u]);
			(void)err_set(&e, CNI_E_CONFIG, 0, "%s", text);
			if (want < ERR_MSG_MAX)
				cr_expect(strcmp(e.msg, text) == 0,
				          "%zu bytes: changed, expected whole", n);
			else
				expect_cut("set", n, e.msg, ERR_MSG_MAX, unit);
			(void)err_details(&e, "%s", text);
			expect_cut("details", n, e.details, ERR_DETAILS_MAX, unit);

			/* The reason survives however long the path is. */
			(void)err_sys(&e, ENOENT, "%s", text);
			cr_expect(strstr(e.msg, ": No such file or directory") != NULL,
			          "sys, %zu bytes: no reason in \"...%s\"", n,
			          e.msg + strlen(e.msg) - 40);
			cr_expect(strlen(e.msg) < ERR_MSG_MAX, "sys, %zu bytes: %zu", n,
			          strlen(e.msg));
		}
	}
}

Test(err, long_wraps)
{
	struct err e;
	char text[ERR_MSG_MAX];

	for (size_t n = 900; n < ERR_MSG_MAX; n++) {
		repeat(text, n, "y");
		(void)err_set(&e, CNI_E_CONFIG, 0,
		              "inner text of some length that goes first when it gets tight");
		(void)err_wrap(&e, "%s", text);
		cr_expect(strlen(e.msg) < ERR_MSG_MAX, "context of %zu bytes: %zu", n,
		          strlen(e.msg));
		cr_expect(memcmp(e.msg, text, n < 1000 ? n : 1000) == 0,
		          "context of %zu bytes: lost", n);
		if (n > 970)
			cr_expect(strcmp(e.msg + strlen(e.msg) - 3, "...") == 0,
			          "context of %zu bytes: no mark", n);
	}
}

/* With glibc, with which the tests are linked, both are the same; with musl the table makes it so. */
Test(err, text_is_that_of_glibc)
{
	for (int no = 0; no < 140; no++) {
		char found[128];
		const char *want;

		/* Both may use one buffer for numbers that have no text. */
		(void)snprintf(found, sizeof(found), "%s", err_text(no));
		want = strerror(no);
		cr_expect(strcmp(found, want) == 0, "errno %d: \"%s\", expected \"%s\"", no, found,
		          want);
	}
}
