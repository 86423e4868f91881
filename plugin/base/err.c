/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err.c - errors as values: what went wrong, with a CNI code, an errno and a text
 *
 * Texts are put together in a buffer of their own before they replace what the error held, so an argument may
 * point into the error itself: err_set(e, code, e->no, "...: %s", e->msg) is the way to re-code an error.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const char cut_mark[] = "...";

/* A cut must not leave half of a UTF-8 sequence behind: the text goes into a JSON document. */
static size_t whole_characters(const char *text, size_t len)
{
	size_t start = len;
	unsigned char lead;
	size_t need;

	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return len;
	lead = (unsigned char)text[start - 1];
	need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	return need > len - (start - 1) ? start - 1 : len;
}

/* Append to a text of @len bytes; what does not fit is cut off and marked. Returns the new length. */
static size_t text_append(char *buf, size_t cap, size_t len, const char *add)
{
	size_t n = strlen(add);

	if (n < cap - len) {
		memcpy(buf + len, add, n + 1);
		return len + n;
	}
	memcpy(buf + len, add, cap - len - 1);
	len = whole_characters(buf, cap - sizeof(cut_mark));
	memcpy(buf + len, cut_mark, sizeof(cut_mark));
	return len + sizeof(cut_mark) - 1;
}

/* vsnprintf() with the same mark where the text was cut off. Returns the length of what is in @buf. */
__attribute__((format(printf, 3, 0))) static size_t text_vformat(char *buf, size_t cap,
                                                                 const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, cap, fmt, ap);
	size_t len;

	if (n < 0) {
		buf[0] = '\0';
		return 0;
	}
	if ((size_t)n < cap)
		return (size_t)n;
	len = whole_characters(buf, cap - sizeof(cut_mark));
	memcpy(buf + len, cut_mark, sizeof(cut_mark));
	return len + sizeof(cut_mark) - 1;
}

static int err_result(const struct err *e)
{
	return e && e->no > 0 ? -e->no : -EINVAL;
}

static void err_fill(struct err *e, int code, int no, const char *msg, size_t len)
{
	e->code = code;
	e->no = no > 0 ? no : 0;
	memcpy(e->msg, msg, len + 1);
	e->details[0] = '\0';
}

int(err_set)(struct err *e, int code, int no, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;
	size_t len;

	if (e) {
		va_start(ap, fmt);
		len = text_vformat(msg, sizeof(msg), fmt, ap);
		va_end(ap);
		err_fill(e, code, no, msg, len);
	}
	return no > 0 ? -no : -EINVAL;
}

/*
 * What musl says in other words, as far as a file, a process, a socket or netlink can fail with it. glibc's words are
 * also those of Go, in which upstream's plugins and runtimes speak, and those that people search for.
 */
const char *err_text(int no)
{
	static const struct {
		int no;
		char text[52]; /* no pointer: those would be relocated at each start */
	} usual[] = {
		{ EIO, "Input/output error" },
		{ ECHILD, "No child processes" },
		{ ENOMEM, "Cannot allocate memory" },
		{ EBUSY, "Device or resource busy" },
		{ EXDEV, "Invalid cross-device link" },
		{ EMFILE, "Too many open files" },
		{ ENOTTY, "Inappropriate ioctl for device" },
		{ ESPIPE, "Illegal seek" },
		{ EDOM, "Numerical argument out of domain" },
		{ ERANGE, "Numerical result out of range" },
		{ EDEADLK, "Resource deadlock avoided" },
		{ ENAMETOOLONG, "File name too long" },
		{ ELOOP, "Too many levels of symbolic links" },
		{ ETIME, "Timer expired" },
		{ EOVERFLOW, "Value too large for defined data type" },
		{ ENOTUNIQ, "Name not unique on network" },
		{ EILSEQ, "Invalid or incomplete multibyte or wide character" },
		{ EUSERS, "Too many users" },
		{ ENOTSOCK, "Socket operation on non-socket" },
		{ EMSGSIZE, "Message too long" },
		{ EOPNOTSUPP, "Operation not supported" },
		{ EADDRINUSE, "Address already in use" },
		{ EADDRNOTAVAIL, "Cannot assign requested address" },
		{ ENETUNREACH, "Network is unreachable" },
		{ ENETRESET, "Network dropped connection on reset" },
		{ ECONNABORTED, "Software caused connection abort" },
		{ EISCONN, "Transport endpoint is already connected" },
		{ ENOTCONN, "Transport endpoint is not connected" },
		{ ESHUTDOWN, "Cannot send after transport endpoint shutdown" },
		{ ETOOMANYREFS, "Too many references: cannot splice" },
		{ ETIMEDOUT, "Connection timed out" },
		{ EHOSTUNREACH, "No route to host" },
		{ EINPROGRESS, "Operation now in progress" },
		{ EUCLEAN, "Structure needs cleaning" },
		{ EDQUOT, "Disk quota exceeded" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (usual[i].no == no)
			return usual[i].text;
	return strerror(no);
}

static int code_of_errno(int no)
{
	switch (no) {
	case ENOMEM:
	case EAGAIN:
	case EBUSY:
	case ETIMEDOUT:
		return CNI_E_TRY_AGAIN;
	default:
		return CNI_E_INTERNAL;
	}
}

int(err_sys)(struct err *e, int no, const char *fmt, ...)
{
	const char *reason = err_text(no);
	size_t reason_len = strlen(reason);
	char msg[ERR_MSG_MAX];
	size_t len, cap;
	va_list ap;

	if (e) {
		/* The reason is worth more than the end of a long path: it keeps its room. */
		cap = reason_len + 64 < sizeof(msg) ? sizeof(msg) - reason_len - 2 : sizeof(msg);
		va_start(ap, fmt);
		len = text_vformat(msg, cap, fmt, ap);
		va_end(ap);
		len = text_append(msg, sizeof(msg), len, ": ");
		len = text_append(msg, sizeof(msg), len, reason);
		err_fill(e, code_of_errno(no), no, msg, len);
	}
	return no > 0 ? -no : -EINVAL;
}

int(err_details)(struct err *e, const char *fmt, ...)
{
	char details[ERR_DETAILS_MAX];
	va_list ap;
	size_t len;

	if (e) {
		va_start(ap, fmt);
		len = text_vformat(details, sizeof(details), fmt, ap);
		va_end(ap);
		memcpy(e->details, details, len + 1);
	}
	return err_result(e);
}

int(err_wrap)(struct err *e, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list ap;
	size_t len;

	if (e) {
		va_start(ap, fmt);
		len = text_vformat(msg, sizeof(msg), fmt, ap);
		va_end(ap);
		len = text_append(msg, sizeof(msg), len, ": ");
		len = text_append(msg, sizeof(msg), len, e->msg);
		memcpy(e->msg, msg, len + 1);
	}
	return err_result(e);
}
