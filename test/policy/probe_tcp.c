/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_tcp.c - TCP: the server sends a byte and resets, the client waits for the byte
 *
 * The byte shows that the handshake was completed in both directions. Nobody closes in order, so that no TIME_WAIT is left
 * behind. A lost SYN would be repeated by the kernel after a second only: the second round is a new connection.
 */
#include "test/policy/probe_engine.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

static void reset_on_close(int fd)
{
	const struct linger none = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0)
		broken("SO_LINGER: %s", strerror(errno));
}

static void accept_all(struct prober *p, struct watch *w, uint32_t events)
{
	int fd;

	(void)p;
	(void)events;
	while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)!send(fd, "", 1, MSG_NOSIGNAL);
		close(fd); /* lingers as the listener does: resets */
	}
}

int tcp_serve(struct prober *p, const struct end *e, int family, int port)
{
	int fd = probe_socket(e, family, SOCK_STREAM, 0), one = 1;
	struct watch *w = probe_watch(p, &p->servers, fd, accept_all);
	union address a = e->addr[family == 6];

	w->place = e->place;
	w->family = family;
	w->proto = IPPROTO_TCP;
	w->port = port;
	w->addr = a;
	a.v4.sin_port = htons((uint16_t)port); /* at the same place in both families */
	reset_on_close(fd);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &a.sa, address_len(&a)) < 0 || listen(fd, BACKLOG) < 0)
		broken("listen at %s %d/TCP: %s", e->name, port, strerror(errno));
	return fd;
}

static void answered(struct prober *p, struct watch *w, uint32_t events)
{
	char byte;
	ssize_t n = recv(w->fd, &byte, 1, 0);

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n == 1)
		probe_decide(p, w->probe, PROBE_ANSWERED, 0);
	else
		probe_decide(p, w->probe, PROBE_REFUSED, n == 0 ? ECONNABORTED : errno);
	close(w->fd);
	w->fd = -1;
}

void tcp_send(struct prober *p, struct probe *probe)
{
	int fd = probe_socket(probe->from, probe->family, SOCK_STREAM, 0);
	struct watch *w;

	reset_on_close(fd);
	probe_bind(fd, probe->from, probe->family);
	if (connect(fd, &probe->dest.sa, address_len(&probe->dest)) < 0 && errno != EINPROGRESS) {
		probe_decide(p, probe, PROBE_REFUSED, errno);
		close(fd);
		return;
	}
	w = probe_watch(p, &p->clients, fd, answered);
	w->probe = probe;
	w->proto = IPPROTO_TCP;
}
