/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dbus.c - calls over the system bus
 *
 * The handshake needs no round trip of its own: who we are, "BEGIN" and the first message (Hello, which gives us a name)
 * go out together. Numbers are in our own byte order, which each message states; every value is aligned to its size, counted
 * from the start of the message.
 */
#include "base/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BUS_SOCKET   "/run/dbus/system_bus_socket"
#define OUT_MAX      2048
#define MESSAGES_MAX 64 /* that are not our answer: signals on a bus that talks to everybody */

enum { CALL = 1, RETURN = 2, FAILURE = 3 };
enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR,
	FIELD_REPLY_TO,
	FIELD_DESTINATION,
	FIELD_SIGNATURE = 8
};
#define NO_AUTO_START 2

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#	define OWN_ORDER 'l'
#else
#	define OWN_ORDER 'B'
#endif

static const struct dbus_call hello = {
	.destination = "org.freedesktop.DBus",
	.path = "/org/freedesktop/DBus",
	.interface = "org.freedesktop.DBus",
	.member = "Hello",
};

/* Writing. An overflow sticks. */

struct out {
	_Alignas(8) uint8_t buf[OUT_MAX];
	size_t len;
	bool full;
};

static void put(struct out *o, const void *data, size_t len)
{
	if (o->full || len > sizeof(o->buf) - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->len, data, len);
	o->len += len;
}

static void align(struct out *o, size_t to)
{
	static const uint8_t zeros[8] = { 0 };

	put(o, zeros, (to - o->len % to) % to);
}

static void put_u32(struct out *o, uint32_t v)
{
	align(o, sizeof(v));
	put(o, &v, sizeof(v));
}

static void put_text(struct out *o, const char *text)
{
	size_t len = strlen(text);

	put_u32(o, (uint32_t)(len < OUT_MAX ? len : OUT_MAX));
	put(o, text, len + 1);
}

static void put_signature(struct out *o, const char *text)
{
	const uint8_t len = (uint8_t)strlen(text);

	put(o, &len, 1);
	put(o, text, (size_t)len + 1);
}

static void put_field(struct out *o, uint8_t code, const char *type, const char *text)
{
	align(o, 8);
	put(o, &code, 1);
	put_signature(o, type);
	if (*type == 'g')
		put_signature(o, text);
	else
		put_text(o, text);
}

static void set_u32(struct out *o, size_t at, size_t v)
{
	const uint32_t word = (uint32_t)v;

	if (!o->full)
		memcpy(o->buf + at, &word, sizeof(word));
}

static void put_call(struct out *o, const struct dbus_call *call, uint32_t serial)
{
	const uint8_t head[4] = { OWN_ORDER, CALL, NO_AUTO_START, 1 };
	char signature[DBUS_ARGS_MAX + 1] = "";
	size_t n = 0, body;

	while (n < DBUS_ARGS_MAX && call->args[n])
		signature[n++] = 's';
	*o = (struct out) { .len = 0 };
	put(o, head, sizeof(head));
	put_u32(o, 0); /* length of the body */
	put_u32(o, serial);
	put_u32(o, 0); /* length of the fields */
	put_field(o, FIELD_PATH, "o", call->path);
	put_field(o, FIELD_DESTINATION, "s", call->destination);
	put_field(o, FIELD_INTERFACE, "s", call->interface);
	put_field(o, FIELD_MEMBER, "s", call->member);
	if (n)
		put_field(o, FIELD_SIGNATURE, "g", signature);
	set_u32(o, 12, o->len - 16);
	align(o, 8);
	body = o->len;
	for (size_t i = 0; i < n; i++)
		put_text(o, call->args[i]);
	set_u32(o, 4, o->len - body);
}

/* The socket */

static long long now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_until_ready(const struct dbus *d, short events, struct err *e)
{
	struct pollfd p = { .fd = d->fd, .events = events };
	long long left = d->deadline_ms - now_ms();
	int r;

	do {
		r = left > 0 ? poll(&p, 1, (int)left) : 0;
		left = d->deadline_ms - now_ms();
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_set(e, CNI_E_TRY_AGAIN, ETIMEDOUT, "D-Bus: no answer in time");
	return r < 0 ? err_sys(e, errno, "D-Bus: poll") : 0;
}

static int send_all(const struct dbus *d, const void *data, size_t len, struct err *e)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = send(d->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, errno, "D-Bus: send");
		r = wait_until_ready(d, POLLOUT, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* At least that many bytes into the buffer. */
static int fill(struct dbus *d, size_t want, struct err *e)
{
	while (d->len < want) {
		ssize_t n;
		int r;

		if (want > sizeof(d->buf))
			return err_set(e, CNI_E_INTERNAL, EMSGSIZE, "D-Bus: a message of %zu bytes",
			               want);
		n = recv(d->fd, d->buf + d->len, sizeof(d->buf) - d->len, MSG_DONTWAIT);
		if (n > 0) {
			d->len += (size_t)n;
			continue;
		}
		if (n == 0)
			return err_set(e, CNI_E_INTERNAL, ECONNRESET,
			               "D-Bus: the bus closed the connection");
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, errno, "D-Bus: receive");
		r = wait_until_ready(d, POLLIN, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static void consume(struct dbus *d, size_t n)
{
	d->len -= n;
	memmove(d->buf, d->buf + n, d->len);
}

/* Reading. Messages on our connection come from the bus in our own order, or we do not understand them. */

struct in {
	const uint8_t *buf;
	size_t len, at;
	bool bad;
};

static const void *take(struct in *in, size_t align_to, size_t len)
{
	size_t at = (in->at + align_to - 1) / align_to * align_to;

	if (in->bad || at > in->len || len > in->len - at) {
		in->bad = true;
		return NULL;
	}
	in->at = at + len;
	return in->buf + at;
}

static uint32_t take_u32(struct in *in)
{
	const void *p = take(in, 4, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

static uint8_t take_u8(struct in *in)
{
	const uint8_t *p = take(in, 1, 1);

	return p ? *p : 0;
}

/* A text with its NUL, which stays in the buffer; "" if it is none. */
static const char *take_bytes(struct in *in, size_t len)
{
	const char *p = take(in, 1, len + 1);

	if (p && memchr(p, '\0', len + 1) != p + len)
		in->bad = true;
	return in->bad || !p ? "" : p;
}

static const char *take_text(struct in *in)
{
	return take_bytes(in, take_u32(in));
}

static const char *take_signature(struct in *in)
{
	return take_bytes(in, take_u8(in));
}

struct head {
	uint8_t type;
	uint32_t reply_to, body_len;
	const char *error, *signature;
};

/* Only types that are fields of a message: every variant here has a signature of one letter. */
static void read_fields(struct in *in, size_t end, struct head *h)
{
	while (!in->bad && in->at < end) {
		const uint8_t *code = take(in, 8, 1);
		const char *type = take_signature(in), *text = "";
		uint32_t word = 0;

		if (strcmp(type, "s") == 0 || strcmp(type, "o") == 0)
			text = take_text(in);
		else if (strcmp(type, "g") == 0)
			text = take_signature(in);
		else if (strcmp(type, "u") == 0)
			word = take_u32(in);
		else
			in->bad = true;
		if (in->bad || !code)
			return;
		if (*code == FIELD_REPLY_TO)
			h->reply_to = word;
		else if (*code == FIELD_ERROR)
			h->error = text;
		else if (*code == FIELD_SIGNATURE)
			h->signature = text;
	}
}

/* Needs the first 16 bytes in the buffer. */
static int message_len(const struct dbus *d, size_t *ret, struct err *e)
{
	uint32_t body, fields;

	memcpy(&body, d->buf + 4, sizeof(body));
	memcpy(&fields, d->buf + 12, sizeof(fields));
	if (d->buf[0] != OWN_ORDER || d->buf[3] != 1 || body > DBUS_MESSAGE_MAX ||
	    fields > DBUS_MESSAGE_MAX)
		return err_set(e, CNI_E_INTERNAL, EBADMSG, "D-Bus: not a message");
	*ret = 16 + ((size_t)fields + 7) / 8 * 8 + body;
	return 0;
}

static void read_answer(struct in *in, const struct head *h, struct dbus_answer *ret)
{
	*ret = (struct dbus_answer) { .yes = false };
	if (h->type == FAILURE)
		(void)snprintf(ret->error, sizeof(ret->error), "%s", *h->error ? h->error : "?");
	if (*h->signature == 's')
		(void)snprintf(ret->text, sizeof(ret->text), "%s", take_text(in));
	else if (*h->signature == 'b')
		ret->yes = take_u32(in) == 1;
}

/* One message: 1 if it answers @serial, 0 if it is another, or -errno. */
static int read_message(struct dbus *d, uint32_t serial, struct dbus_answer *ret, struct err *e)
{
	struct head h = { .error = "", .signature = "" };
	struct in in = { .buf = d->buf };
	size_t len = 0, fields;
	int r = fill(d, 16, e), ours = 0;

	if (r == 0)
		r = message_len(d, &len, e);
	if (r == 0)
		r = fill(d, len, e);
	if (r < 0)
		return r;
	in.len = len;
	in.at = 1;
	h.type = take_u8(&in);
	in.at = 12;
	fields = take_u32(&in);
	read_fields(&in, 16 + fields, &h);
	(void)take(&in, 8, 0);
	ours = (h.type == RETURN || h.type == FAILURE) && h.reply_to == serial;
	if (ours)
		read_answer(&in, &h, ret);
	consume(d, len);
	return in.bad ? err_set(e, CNI_E_INTERNAL, EBADMSG, "D-Bus: a malformed message") : ours;
}

static int await(struct dbus *d, uint32_t serial, struct dbus_answer *ret, struct err *e)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		int r = read_message(d, serial, ret, e);

		if (r != 0)
			return r < 0 ? r : 0;
	}
	return err_set(e, CNI_E_TRY_AGAIN, EBUSY, "D-Bus: no answer among %d messages",
	               MESSAGES_MAX);
}

int dbus_do(struct dbus *d, const struct dbus_call *call, struct dbus_answer *ret, struct err *e)
{
	const uint32_t serial = ++d->serial;
	struct out o;
	int r;

	put_call(&o, call, serial);
	if (o.full)
		return err_set(e, CNI_E_INTERNAL, EMSGSIZE, "D-Bus: %s: too long", call->member);
	r = send_all(d, o.buf, o.len, e);
	return r < 0 ? r : await(d, serial, ret, e);
}

/* Opening */

static int connect_to_bus(struct dbus *d, struct err *e)
{
	static const char prefix[] = "unix:path=";
	const char *env = getenv("DBUS_SYSTEM_BUS_ADDRESS"), *path = BUS_SOCKET;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len;

	if (env && strncmp(env, prefix, sizeof(prefix) - 1) == 0)
		path = env + sizeof(prefix) - 1;
	len = strcspn(path, ",;");
	if (len >= sizeof(addr.sun_path))
		return err_set(e, CNI_E_CONFIG, ENAMETOOLONG, "D-Bus: %s", path);
	memcpy(addr.sun_path, path, len);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0)
		return err_sys(e, errno, "D-Bus: socket");
	if (connect(d->fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
		return -ENOENT;
	return err_sys(e, errno, "D-Bus: connect to %s", addr.sun_path);
}

/* "\0AUTH EXTERNAL 30\r\nBEGIN\r\n": the user's number, its digits in hex. */
static size_t put_login(char *buf, size_t cap)
{
	char uid[24];
	size_t len;
	int n = snprintf(uid, sizeof(uid), "%u", (unsigned int)geteuid());

	buf[0] = '\0';
	len = 1 + (size_t)snprintf(buf + 1, cap - 1, "AUTH EXTERNAL ");
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(buf + len, cap - len, "%02x", (unsigned int)uid[i]);
	return len + (size_t)snprintf(buf + len, cap - len, "\r\nBEGIN\r\n");
}

/* One line before the first message: "OK " and the bus's own number. */
static int read_welcome(struct dbus *d, struct err *e)
{
	uint8_t *end;
	int r;

	while (!(end = memmem(d->buf, d->len, "\r\n", 2))) {
		if (d->len > 256)
			return err_set(e, CNI_E_INTERNAL, EBADMSG, "D-Bus: not a bus");
		r = fill(d, d->len + 1, e);
		if (r < 0)
			return r;
	}
	if (d->len < 3 || memcmp(d->buf, "OK ", 3) != 0)
		return err_set(e, CNI_E_INTERNAL, EACCES, "D-Bus: the bus refuses us");
	consume(d, (size_t)(end + 2 - d->buf));
	return 0;
}

static int log_in(struct dbus *d, struct err *e)
{
	struct dbus_answer answer;
	char login[128];
	struct out o;
	int r = send_all(d, login, put_login(login, sizeof(login)), e);

	put_call(&o, &hello, ++d->serial);
	if (r == 0)
		r = send_all(d, o.buf, o.len, e);
	if (r == 0)
		r = read_welcome(d, e);
	if (r == 0)
		r = await(d, d->serial, &answer, e);
	if (r == 0 && *answer.error)
		r = err_set(e, CNI_E_INTERNAL, EACCES, "D-Bus: %s: %s", answer.error, answer.text);
	return r;
}

int dbus_open(struct dbus *d, unsigned int timeout_ms, struct err *e)
{
	int r;

	d->fd = -1;
	d->serial = 0;
	d->len = 0;
	d->deadline_ms = now_ms() + timeout_ms;
	r = connect_to_bus(d, e);
	if (r == 0)
		r = log_in(d, e);
	if (r < 0)
		dbus_close(d);
	return r;
}

void dbus_close(struct dbus *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}
