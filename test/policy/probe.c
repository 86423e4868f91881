/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.c - ask the network: sockets, the loop, two rounds of sending, the verdicts */
#include "test/policy/probe_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS   64
#define QUIET_MS 5 /* nothing for so long, after the deadline: that was all */

struct prober *prober_new(void)
{
	struct prober *p = calloc(1, sizeof(*p));
	struct rlimit files;

	if (!p)
		broken("no memory");
	/* A socket for each TCP connection and each server. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		broken("RLIMIT_NOFILE: %s", strerror(errno));
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll < 0)
		broken("epoll: %s", strerror(errno));
	return p;
}

void prober_free(struct prober *p)
{
	probe_unwatch_all(p, &p->clients);
	probe_unwatch_all(p, &p->servers);
	close(p->epoll);
	free(p);
}

/* ---- sockets ------------------------------------------------------------------------------------- */

socklen_t address_len(const union address *a)
{
	return a->sa.sa_family == AF_INET6 ? sizeof(a->v6) : sizeof(a->v4);
}

bool same_address(const union address *a, const union address *b)
{
	if (a->sa.sa_family != b->sa.sa_family || a->v4.sin_port != b->v4.sin_port)
		return false;
	if (a->sa.sa_family == AF_INET6)
		return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
	return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

int probe_socket(const struct end *e, int family, int type, int protocol)
{
	int fd, one = 1;

	topology_enter(e->netns);
	fd = socket(family == 6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC,
	            protocol);
	if (fd < 0)
		broken("socket of %s: %s", e->name, strerror(errno));
	if (family == 6 && type != SOCK_RAW &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		broken("IPV6_V6ONLY: %s", strerror(errno));
	return fd;
}

struct watch *probe_watch(struct prober *p, struct watch **list, int fd,
                          void (*ready)(struct prober *p, struct watch *w, uint32_t events))
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event event = { .events = EPOLLIN };

	if (!w)
		broken("no memory");
	w->fd = fd;
	w->ready = ready;
	w->next = *list;
	*list = w;
	event.data.ptr = w;
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		broken("epoll: %s", strerror(errno));
	return w;
}

void probe_unwatch_all(struct prober *p, struct watch **list)
{
	(void)p; /* closing takes a socket out of the loop */
	while (*list) {
		struct watch *w = *list;

		*list = w->next;
		if (w->fd >= 0)
			close(w->fd);
		free(w);
	}
}

void probe_bind(int fd, const struct end *e, int family)
{
	const union address *a = &e->addr[family == 6];

	if (e->kind == END_OUTSIDE && bind(fd, &a->sa, address_len(a)) < 0)
		broken("bind to %s: %s", e->name, strerror(errno));
}

struct watch *probe_client(const struct prober *p, const struct end *e, int family, int proto)
{
	const union address *a = &e->addr[family == 6];

	for (struct watch *w = p->clients; w; w = w->next) {
		if (w->place == e->place && w->family == family && w->proto == proto &&
		    (e->kind != END_OUTSIDE || memcmp(&w->addr, a, address_len(a)) == 0))
			return w;
	}
	return NULL;
}

/* ---- servers ------------------------------------------------------------------------------------- */

int prober_serve(struct prober *p, const struct end *e, int family, int proto, int port)
{
	const union address *a = &e->addr[family == 6];

	/* A raw socket hears everything that comes to the namespace. */
	if (proto == IPPROTO_SCTP)
		port = 0;
	for (const struct watch *w = p->servers; w; w = w->next) {
		if (w->place == e->place && w->family == family && w->proto == proto &&
		    w->port == port &&
		    (proto == IPPROTO_SCTP || memcmp(&w->addr, a, address_len(a)) == 0))
			return w->fd;
	}
	if (proto == IPPROTO_TCP)
		return tcp_serve(p, e, family, port);
	if (proto == IPPROTO_UDP)
		return udp_serve(p, e, family, port);
	if (proto == IPPROTO_SCTP)
		return sctp_serve(p, e, family, port);
	return -1;
}

void prober_forget(struct prober *p, const struct end *e)
{
	struct watch **list = &p->servers;

	while (*list) {
		struct watch *w = *list;

		if (w->place != e->place) {
			list = &w->next;
			continue;
		}
		*list = w->next;
		close(w->fd);
		free(w);
	}
}

/* ---- verdicts ------------------------------------------------------------------------------------ */

struct probe *probe_tagged(struct prober *p, const struct probe_tag *tag)
{
	return tag->run == p->run && tag->index < p->n ? &p->v[tag->index] : NULL;
}

void probe_decide(struct prober *p, struct probe *probe, enum probe_result result, int error)
{
	if (probe->result == PROBE_ANSWERED)
		return;
	if (probe->result == PROBE_SILENT)
		p->open--;
	probe->result = result;
	probe->error = error;
}

static void send_one(struct prober *p, struct probe *probe)
{
	switch (probe->proto) {
	case IPPROTO_TCP:
		tcp_send(p, probe);
		break;
	case IPPROTO_UDP:
		udp_send(p, probe);
		break;
	case IPPROTO_SCTP:
		sctp_send(p, probe);
		break;
	default:
		echo_send(p, probe);
	}
}

static void send_open(struct prober *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].result == PROBE_SILENT)
			send_one(p, &p->v[i]);
	}
}

/* Return: how many sockets had something. */
static int serve_events(struct prober *p, int timeout_ms)
{
	struct epoll_event event[EVENTS];
	int n = epoll_wait(p->epoll, event, EVENTS, timeout_ms);

	if (n < 0 && errno != EINTR)
		broken("epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		struct watch *w = event[i].data.ptr;

		w->ready(p, w, event[i].events);
	}
	return n;
}

/*
 * The time is over only when nothing is left to read: on a busy machine it can pass while this process does not run,
 * and what came meanwhile came in time.
 */
static void wait_until(struct prober *p, double until)
{
	while (p->open > 0) {
		const double left = until - now_ms();

		if (serve_events(p, left > 0 ? (int)left + 1 : QUIET_MS) == 0 && left <= 0)
			return;
	}
}

static bool awaits_answers(const struct prober *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].expected && p->v[i].result == PROBE_SILENT)
			return true;
	}
	return false;
}

/* Senders next to each other, so that each namespace is entered once. */
static int by_sender(const void *a, const void *b)
{
	const struct probe *x = a, *y = b;

	return (x->from->place > y->from->place) - (x->from->place < y->from->place);
}

void prober_run(struct prober *p, struct probe *v, size_t n)
{
	double late;

	p->run++;
	p->first_tag += (uint32_t)p->n + 1;
	p->v = v;
	p->n = p->open = n;
	qsort(v, n, sizeof(*v), by_sender);
	for (size_t i = 0; i < n; i++) {
		if (v[i].proto != ORACLE_ECHO)
			prober_serve(p, v[i].to, v[i].family, v[i].proto, v[i].port);
	}
	send_open(p);
	/* Counted from the end of the sending: the last probe has as long as the first. */
	wait_until(p, now_ms() + PROBE_RETRY_MS);
	send_open(p);
	wait_until(p, now_ms() + PROBE_DEADLINE_MS - PROBE_RETRY_MS);
	for (late = now_ms() + PROBE_LATE_MS; awaits_answers(p) && now_ms() < late;)
		(void)serve_events(p, QUIET_MS);
	for (size_t i = 0; i < n; i++) {
		if (v[i].arrived && v[i].result == PROBE_SILENT)
			v[i].result = PROBE_HALF;
	}
	probe_unwatch_all(p, &p->clients);
}
