/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quote.h - text of foreign origin in an error message, quoted as Go's %q does
 */
#ifndef CNIDA_SPEC_QUOTE_H
#define CNIDA_SPEC_QUOTE_H

#include <stddef.h>

/**
 * quote() - Text between double quotes, with control characters, quotes and invalid UTF-8 escaped
 * @text:	@len bytes, NUL bytes included
 * @buf:	where it goes, always terminated; what does not fit ends in `..."`
 * @cap:	size of @buf, at least 8
 *
 * Return: @buf. What it holds is valid UTF-8, whatever the input.
 */
const char *quote(const char *text, size_t len, char *buf, size_t cap);

#endif
