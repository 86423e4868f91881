/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c - what Kubernetes takes for a name: the syntax of labels, objects and ports
 */
#include "policy/names.h"

#include <stddef.h>
#include <string.h>

#define LABEL_MAX     63U
#define SUBDOMAIN_MAX 253U
#define PORT_MAX      15U

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_any(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* Letters and digits at both ends, @inner besides in between */
static bool is_word(const char *s, size_t len, bool (*letter)(char c), const char *inner)
{
	if (len == 0 || !letter(s[0]) || !letter(s[len - 1]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!letter(s[i]) && !strchr(inner, s[i]))
			return false;
	return true;
}

bool name_is_label(const char *s)
{
	const size_t len = strlen(s);

	return len <= LABEL_MAX && is_word(s, len, is_lower, "-");
}

static bool is_subdomain(const char *s, size_t len)
{
	size_t start = 0;

	if (len > SUBDOMAIN_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && s[i] != '.')
			continue;
		if (!is_word(s + start, i - start, is_lower, "-"))
			return false;
		start = i + 1;
	}
	return true;
}

bool name_is_subdomain(const char *s)
{
	return is_subdomain(s, strlen(s));
}

static bool is_qualified(const char *s)
{
	const size_t len = strlen(s);

	return len <= LABEL_MAX && is_word(s, len, is_any, "-_.");
}

bool name_is_label_key(const char *s)
{
	const char *slash = strchr(s, '/');

	if (!slash)
		return is_qualified(s);
	return is_subdomain(s, (size_t)(slash - s)) && is_qualified(slash + 1);
}

bool name_is_label_value(const char *s)
{
	return *s == '\0' || is_qualified(s);
}

bool name_is_port(const char *s)
{
	const size_t len = strlen(s);
	bool letter = false;

	if (len > PORT_MAX || !is_word(s, len, is_lower, "-") || strstr(s, "--"))
		return false;
	for (size_t i = 0; i < len; i++)
		letter = letter || (s[i] >= 'a' && s[i] <= 'z');
	return letter;
}
