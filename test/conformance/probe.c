/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - who answers at an address and port, and whom does it see as the source?
 *
 * A socket stays in the namespace in which it was made, so servers and clients of all pods are sockets of this one thread,
 * and one poll() is the whole world. A server answers "NAME SOURCE\n".
 */
#include "test/conformance/match.h"
#include "test/conformance/run.h"
#include "test/lib/plugin_suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define YES_MS 4000 /* an answer that must come */
#define NO_MS  250  /* one that must not */

static const char *str(const json_t *obj, const char *key)
{
	const char *v = json_string_value(json_object_get(obj, key));

	return v ? v : "";
}

/* A socket of the namespace @in ("" is the node). */
static int socket_in(const char *in, int family, int type)
{
	struct pod place = { .id = "" };
	int back = -1, fd;

	(void)snprintf(place.netns, sizeof(place.netns), POD_NETNS_DIR "/%s", in);
	if (*in && strcmp(in, "node") != 0) {
		back = pod_enter(&place);
		if (back < 0)
			return back;
	}
	fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		fd = -errno;
	if (back >= 0)
		pod_leave(back);
	return fd;
}

static socklen_t address(const char *text, unsigned int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 ? sizeof(*v6) : 0;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, text, &v4->sin_addr) == 1 ? sizeof(*v4) : 0;
}

/* {"op": "serve", "in", "port", "proto", "address"} */
bool server_start(struct run *r, const json_t *step)
{
	bool udp = strcmp(str(step, "proto"), "udp") == 0;
	const char *at = *str(step, "address") ? str(step, "address") : "::";
	struct server *s = &r->server[r->n_servers];
	struct sockaddr_storage a;
	socklen_t len =
		address(at, (unsigned int)json_integer_value(json_object_get(step, "port")), &a);
	const int off = 0, on = 1;

	if (r->n_servers >= SERVERS_MAX)
		die("too many servers");
	(void)snprintf(s->in, sizeof(s->in), "%s", *str(step, "in") ? str(step, "in") : "node");
	s->udp = udp;
	s->fd = socket_in(s->in, a.ss_family, udp ? SOCK_DGRAM : SOCK_STREAM);
	if (a.ss_family == AF_INET6)
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, len) < 0 ||
	    (!udp && listen(s->fd, 64) < 0))
		return fail_set(r, "expected a server in %s, found: %s", s->in, strerror(errno));
	r->n_servers++;
	return true;
}

static int answer_text(const struct server *s, const struct sockaddr_storage *peer,
                       char ret[static 128])
{
	char text[INET6_ADDRSTRLEN] = "";
	const char *p = text;

	if (peer->ss_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)peer)->sin6_addr, text,
		                sizeof(text));
	else
		(void)inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, text,
		                sizeof(text));
	if (strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.'))
		p += 7;
	return snprintf(ret, 128, "%s %s\n", s->in, p);
}

static void serve(const struct server *s)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	char text[128], request[64];
	int fd, n;

	if (s->udp) {
		if (recvfrom(s->fd, request, sizeof(request), 0, (struct sockaddr *)&peer, &len) <
		    0)
			return;
		n = answer_text(s, &peer, text);
		(void)!sendto(s->fd, text, (size_t)n, 0, (struct sockaddr *)&peer, len);
		return;
	}
	fd = accept4(s->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	n = answer_text(s, &peer, text);
	(void)!send(fd, text, (size_t)n, MSG_NOSIGNAL);
	close(fd);
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Serve everybody until the client has an answer, an error or no more time. False: no answer. */
static bool wait_answer(struct run *r, int client, bool udp, long long ms, char ret[static 128])
{
	struct pollfd p[SERVERS_MAX + 1];
	long long end = now_ms() + ms, again = 0;

	while (now_ms() < end) {
		ssize_t n;

		if (udp && now_ms() >= again) {
			(void)!send(client, "?", 1, 0);
			again = now_ms() + 200;
		}
		for (size_t i = 0; i < r->n_servers; i++)
			p[i] = (struct pollfd) { r->server[i].fd, POLLIN, 0 };
		p[r->n_servers] = (struct pollfd) { client, POLLIN, 0 };
		if (poll(p, (nfds_t)r->n_servers + 1, 50) <= 0)
			continue;
		for (size_t i = 0; i < r->n_servers; i++) {
			if (p[i].revents)
				serve(&r->server[i]);
		}
		if (!p[r->n_servers].revents)
			continue;
		n = recv(client, ret, 127, 0);
		if (n > 0) {
			ret[n] = '\0';
			ret[strcspn(ret, "\n")] = '\0';
			return true;
		}
		if (n == 0 || (errno != EAGAIN && !udp))
			return false;
	}
	return false;
}

/* "NAME SOURCE" of who answers, malloc'ed; NULL if nobody does. */
static char *ask(struct run *r, const json_t *probe, long long ms)
{
	bool udp = strcmp(str(probe, "proto"), "udp") == 0;
	struct sockaddr_storage to, from;
	unsigned int port = (unsigned int)json_integer_value(json_object_get(probe, "port"));
	socklen_t len = address(str(probe, "probe"), port, &to), from_len;
	int fd = socket_in(str(probe, "from"), to.ss_family, udp ? SOCK_DGRAM : SOCK_STREAM);
	const int on = 1;
	char text[128];
	bool yes = false;

	if (fd < 0 || len == 0)
		goto out;
	if (*str(probe, "bind")) {
		port = (unsigned int)json_integer_value(json_object_get(probe, "bindPort"));
		from_len = address(str(probe, "bind"), port, &from);
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&from, from_len) < 0)
			goto out;
	}
	if (connect(fd, (struct sockaddr *)&to, len) == 0 || errno == EINPROGRESS)
		yes = wait_answer(r, fd, udp, ms, text);
out:
	if (fd >= 0)
		close(fd);
	return yes ? strdup(text) : NULL;
}

/* {"probe": ADDRESS, "port", "proto", "from": POD, "bind": ADDRESS, "bindPort", "answers": NAME or null, "source": matcher} */
bool probe_is(struct run *r, const json_t *probe)
{
	const json_t *who = json_object_get(probe, "answers");
	json_t *source = json_object_get(probe, "source"), *seen;
	char *text = ask(r, probe, json_is_null(who) ? NO_MS : YES_MS), *want;
	size_t n = text ? strcspn(text, " ") : 0;
	bool ok = json_is_null(who) ? !text
	                            : text && strlen(json_string_value(who)) == n &&
	                                      strncmp(text, json_string_value(who), n) == 0;

	if (ok && source && text) {
		seen = json_string(text + n + 1);
		ok = match(source, seen);
		json_decref(seen);
	}
	if (!ok) {
		want = json_dumps(probe, JSON_COMPACT);
		fail_set(r, "expected %s, found %s%s", want, text ? "an answer of " : "no answer",
		         text ? text : "");
		free(want);
	}
	free(text);
	return ok;
}
