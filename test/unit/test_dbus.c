/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_dbus.c - a bus that answers well, badly, late or not at all
 *
 * Each row is what the other end says after our greeting; what a real bus says is tried in test/runtime/firewalld.sh.
 */
#include "base/cleanup.h"
#include "base/dbus.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#	define OK_LINE "OK 0123456789abcdef0123456789abcdef\r\n"
/* Header: type, flags, version; body length; serial; length of the fields. */
#	define HEAD(type, body, fields)      \
		"l" type "\1\1" body "\0\0\0" \
		"\1\0\0\0" fields "\0\0\0"
#	define REPLY_TO(serial) "\5\1u\0" serial "\0\0\0"
#	define SIGNATURE(s)     "\10\1g\0\1" s "\0\0"
#	define HELLO            HEAD("\2", "\11", "\17") REPLY_TO("\1") SIGNATURE("s") "\4\0\0\0:1.7\0"
#	define SIGNAL           HEAD("\4", "\0", "\11") "\7\1s\0\0\0\0\0\0\0\0\0\0\0\0\0"
#	define YES              HEAD("\2", "\4", "\17") REPLY_TO("\2") SIGNATURE("b") "\1\0\0\0"

struct row {
	const char *name;
	const char *says;
	size_t len;
	bool hang;  /* and then nothing more, with the connection open */
	int opened; /* what dbus_open() returns */
	int done;   /* what dbus_do() returns */
	bool yes;
	const char *error, *text;
};
#	define SAYS(text) text, sizeof(text) - 1

static const struct row rows[] = {
	{ "yes", SAYS(OK_LINE HELLO YES), false, 0, 0, true, "", "" },
	{ "signals before", SAYS(OK_LINE SIGNAL HELLO SIGNAL SIGNAL YES), false, 0, 0, true, "",
	  "" },
	{ "no",
	  SAYS(OK_LINE HELLO HEAD("\2", "\4", "\17") REPLY_TO("\2") SIGNATURE("b") "\0\0\0\0"),
	  false, 0, 0, false, "", "" },
	{ "an error",
	  SAYS(OK_LINE HELLO HEAD("\3", "\7", "\34") REPLY_TO("\2")
	               SIGNATURE("s") "\4\1s\0\3\0\0\0a.b\0"
	                              "\0\0\0\0"
	                              "\2\0\0\0no\0"),
	  false, 0, 0, false, "a.b", "no" },
	{ "refused", SAYS("REJECTED EXTERNAL\r\n"), false, -EACCES, 0, false, "", "" },
	{ "no bus at all", SAYS("HTTP/1.1 400 Bad Request\r\n"), false, -EACCES, 0, false, "", "" },
	{ "closes at once", SAYS(""), false, -ECONNRESET, 0, false, "", "" },
	{ "says nothing", SAYS(""), true, -ETIMEDOUT, 0, false, "", "" },
	{ "never answers", SAYS(OK_LINE HELLO), true, 0, -ETIMEDOUT, false, "", "" },
	{ "closes instead of an answer", SAYS(OK_LINE HELLO), false, 0, -ECONNRESET, false, "",
	  "" },
	{ "half an answer", SAYS(OK_LINE HELLO "l\2\1\1\4\0\0\0"), true, 0, -ETIMEDOUT, false, "",
	  "" },
	{ "another byte order", SAYS(OK_LINE HELLO "B\2\1\1\0\0\0\0\0\0\0\1\0\0\0\0"), false, 0,
	  -EBADMSG, false, "", "" },
	{ "a body of 4 GB", SAYS(OK_LINE HELLO "l\2\1\1\377\377\377\377\1\0\0\0\0\0\0\0"), false, 0,
	  -EBADMSG, false, "", "" },
	{ "too long for us", SAYS(OK_LINE HELLO "l\2\1\1\0\77\0\0\1\0\0\0\0\77\0\0"), false, 0,
	  -EMSGSIZE, false, "", "" },
	{ "a field beyond its end", SAYS(OK_LINE HELLO HEAD("\2", "\0", "\10") "\4\1s\0\377\0\0\0"),
	  false, 0, -EBADMSG, false, "", "" },
	{ "a field of a type that fields do not have",
	  SAYS(OK_LINE HELLO HEAD("\2", "\0", "\10") "\5\1v\0\2\0\0\0"), false, 0, -EBADMSG, false,
	  "", "" },
	{ "a text without its end", SAYS(OK_LINE HELLO HEAD("\3", "\0", "\10") "\4\1s\0\0\0\0\0"),
	  false, 0, -EBADMSG, false, "", "" },
	{ "an answer that is missing",
	  SAYS(OK_LINE HELLO HEAD("\2", "\0", "\17") REPLY_TO("\2") SIGNATURE("b")), false, 0,
	  -EBADMSG, false, "", "" },
};

struct peer {
	int listener;
	const struct row *row;
	char heard[1024];
	size_t n;
};

static void *serve(void *arg)
{
	struct peer *p = arg;
	int fd = accept(p->listener, NULL, NULL);
	ssize_t n = recv(fd, p->heard, sizeof(p->heard), 0);

	p->n = n > 0 ? (size_t)n : 0;
	if (send(fd, p->row->says, p->row->len, MSG_NOSIGNAL) >= 0 && !p->row->hang)
		(void)shutdown(fd, SHUT_WR);
	/* Until the other side has enough. */
	while (recv(fd, p->heard + p->n, sizeof(p->heard) - p->n - 1, 0) > 0)
		;
	(void)close(fd);
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	cr_assert(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 1) == 0, "%s",
	          path);
	return fd;
}

static void try_row(const struct row *row, int listener)
{
	static const struct dbus_call call = { "a.b", "/a", "a.b", "Ask", { "x", NULL } };
	struct peer p = { .listener = listener, .row = row };
	struct dbus_answer a = { .yes = false };
	struct err e = { 0 };
	struct dbus d;
	pthread_t thread;
	int r;

	cr_assert(pthread_create(&thread, NULL, serve, &p) == 0, "thread");
	r = dbus_open(&d, row->hang ? 100 : 2000, &e);
	cr_expect_eq(r, row->opened, "%s: open: expected %d, found %d %s", row->name, row->opened,
	             r, e.msg);
	if (r == 0) {
		r = dbus_do(&d, &call, &a, &e);
		cr_expect_eq(r, row->done, "%s: call: expected %d, found %d %s", row->name,
		             row->done, r, e.msg);
	}
	if (r == 0)
		cr_expect(a.yes == row->yes && strcmp(a.error, row->error) == 0 &&
		                  strcmp(a.text, row->text) == 0,
		          "%s: expected %d \"%s\" \"%s\", found %d \"%s\" \"%s\"", row->name,
		          row->yes, row->error, row->text, a.yes, a.error, a.text);
	dbus_close(&d);
	(void)pthread_join(thread, NULL);
	cr_expect(p.n > 16 && p.heard[0] == '\0' && memcmp(p.heard + 1, "AUTH EXTERNAL ", 14) == 0,
	          "%s: the greeting", row->name);
}

Test(unit_dbus, answers)
{
	char dir[] = "/tmp/cnida-dbus-XXXXXX", path[64], env[96];
	struct err e = { 0 };
	struct dbus d;
	int fd, r;

	cr_assert(mkdtemp(dir), "mkdtemp");
	(void)snprintf(path, sizeof(path), "%s/bus", dir);
	(void)snprintf(env, sizeof(env), "unix:path=%s,guid=1", path);
	cr_assert(setenv("DBUS_SYSTEM_BUS_ADDRESS", env, 1) == 0, "setenv");
	r = dbus_open(&d, 2000, &e);
	cr_expect(r == -ENOENT && e.code == 0, "no socket: found %d %s", r, e.msg);
	fd = listen_at(path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		try_row(&rows[i], fd);
	(void)close(fd);
	r = dbus_open(&d, 2000, &e);
	cr_expect(r == -ENOENT && e.code == 0, "nobody listens: found %d %s", r, e.msg);
	(void)unlink(path);
	(void)rmdir(dir);
}

#endif
