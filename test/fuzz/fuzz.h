/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what the fuzz targets share: taking an input apart, and saying what is wrong with what came out
 *
 * Each file test/fuzz/NAME.c is one target, FUZZ(NAME): a libFuzzer program of its own (build/test/fuzz/NAME), and linked with the others into
 * the program that replays the corpora (replay.c). So nothing else in it has external linkage.
 */
#ifndef CNIDA_TEST_FUZZ_H
#define CNIDA_TEST_FUZZ_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef FUZZ_REPLAY
#	define FUZZ(name) int fuzz_##name(const uint8_t *data, size_t len)
#else
#	define FUZZ(name) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
#endif

/* Ends the program, and libFuzzer keeps the input, unless @cond. */
#define fuzz_check(cond, ...)                                                                    \
	do {                                                                                     \
		if (!(cond)) {                                                                   \
			fprintf(stderr, "%s:%d: %s does not hold: ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);                                            \
			fputc('\n', stderr);                                                     \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* What is not taken yet; past the end come zeros. */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_in *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

/* At most @max bytes, cut to what is there. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t max, size_t *ret_len)
{
	const uint8_t *ret = in->at;

	*ret_len = max < in->left ? max : in->left;
	in->at += *ret_len;
	in->left -= *ret_len;
	return ret;
}

/* The bytes up to the next newline, as a terminated text in @buf, cut off where it does not fit. */
static inline const char *fuzz_line(struct fuzz_in *in, char *buf, size_t cap)
{
	size_t n = 0;

	while (in->left) {
		uint8_t c = fuzz_byte(in);

		if (c == '\n')
			break;
		if (n + 1 < cap)
			buf[n++] = (char)c;
	}
	buf[n] = '\0';
	return buf;
}

/* A heap copy of just that size, so that a read beyond it is seen; to be freed. */
static inline void *fuzz_copy(const void *bytes, size_t len)
{
	void *ret = malloc(len ? len : 1);

	if (!ret)
		abort();
	if (len)
		memcpy(ret, bytes, len);
	return ret;
}

/* fuzz_judge() - Was an error filled exactly as base/err.h says? @e was fuzz_err() before. */
static inline void fuzz_judge(int r, const struct err *e, const char *what)
{
	fuzz_check(memchr(e->msg, '\0', sizeof(e->msg)) &&
	                   memchr(e->details, '\0', sizeof(e->details)),
	           "%s: a text without end", what);
	if (r < 0)
		fuzz_check(e->code > 0 && e->msg[0],
		           "%s: returned %d without an error: code %d, \"%s\"", what, r, e->code,
		           e->msg);
}

static inline struct err fuzz_err(void)
{
	return (struct err) { .code = -1 };
}

/* fuzz_own_run() - An empty /run of this process's own (sandbox.c); no effect after the first time. */
void fuzz_own_run(void);

#endif
