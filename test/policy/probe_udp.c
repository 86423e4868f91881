/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe_udp.c - UDP and ICMP echo: a datagram goes and comes back */
#include "test/policy/probe_engine.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (4 << 20)

static void big_buffer(int fd)
{
	const int size = BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		broken("SO_RCVBUFFORCE: %s", strerror(errno));
}

/* ---- UDP ----------------------------------------------------------------------------------------- */

static void echo_datagrams(struct prober *p, struct watch *w, uint32_t events)
{
	struct probe_tag tag;
	union address from;

	(void)events;
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(w->fd, &tag, sizeof(tag), 0, &from.sa, &len);
		struct probe *probe;

		if (n < 0 && errno == EAGAIN)
			return;
		probe = n == sizeof(tag) ? probe_tagged(p, &tag) : NULL;
		if (!probe)
			continue;
		probe->arrived = true;
		(void)!sendto(w->fd, &tag, sizeof(tag), 0, &from.sa, len);
	}
}

int udp_serve(struct prober *p, const struct end *e, int family, int port)
{
	int fd = probe_socket(e, family, SOCK_DGRAM, 0);
	struct watch *w = probe_watch(p, &p->servers, fd, echo_datagrams);
	union address a = e->addr[family == 6];

	w->place = e->place;
	w->family = family;
	w->proto = IPPROTO_UDP;
	w->port = port;
	w->addr = a;
	a.v4.sin_port = htons((uint16_t)port);
	big_buffer(fd);
	if (bind(fd, &a.sa, address_len(&a)) < 0)
		broken("bind at %s %d/UDP: %s", e->name, port, strerror(errno));
	return fd;
}

/* An ICMP error brings the datagram back. */
static void read_errors(struct prober *p, int fd)
{
	struct probe_tag tag;
	char control[512];
	struct iovec iov = { &tag, sizeof(tag) };

	for (;;) {
		struct msghdr m = { .msg_iov = &iov,
			            .msg_iovlen = 1,
			            .msg_control = control,
			            .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &m, MSG_ERRQUEUE);
		struct probe *probe;

		if (n < 0)
			return;
		probe = n == sizeof(tag) ? probe_tagged(p, &tag) : NULL;
		if (probe)
			probe_decide(p, probe, PROBE_REFUSED, ECONNREFUSED);
	}
}

static void read_answers(struct prober *p, struct watch *w, uint32_t events)
{
	struct probe_tag tag;
	union address from;

	if (events & EPOLLERR)
		read_errors(p, w->fd);
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(w->fd, &tag, sizeof(tag), 0, &from.sa, &len);
		struct probe *probe;

		if (n < 0 && errno == EAGAIN)
			return;
		probe = n == sizeof(tag) ? probe_tagged(p, &tag) : NULL;
		/* Anybody else is a Service whose answer was not translated back. */
		if (probe && same_address(&from, &probe->dest))
			probe_decide(p, probe, PROBE_ANSWERED, 0);
	}
}

static struct watch *udp_client(struct prober *p, const struct end *e, int family)
{
	struct watch *w = probe_client(p, e, family, IPPROTO_UDP);
	int fd, one = 1;

	if (w)
		return w;
	fd = probe_socket(e, family, SOCK_DGRAM, 0);
	probe_bind(fd, e, family);
	big_buffer(fd);
	if (setsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
	               family == 6 ? IPV6_RECVERR : IP_RECVERR, &one, sizeof(one)) < 0)
		broken("IP_RECVERR: %s", strerror(errno));
	w = probe_watch(p, &p->clients, fd, read_answers);
	w->place = e->place;
	w->family = family;
	w->proto = IPPROTO_UDP;
	w->addr = e->addr[family == 6];
	return w;
}

static struct probe_tag tag_of(const struct prober *p, const struct probe *probe)
{
	return (struct probe_tag) { p->run, (uint32_t)(probe - p->v) };
}

void udp_send(struct prober *p, struct probe *probe)
{
	const struct watch *w = udp_client(p, probe->from, probe->family);
	const struct probe_tag tag = tag_of(p, probe);

	/* An error of an earlier datagram may be reported here once. */
	for (int i = 0; i < 3; i++) {
		if (sendto(w->fd, &tag, sizeof(tag), 0, &probe->dest.sa,
		           address_len(&probe->dest)) == sizeof(tag))
			return;
	}
	probe_decide(p, probe, PROBE_REFUSED, errno);
}

/* ---- ICMP echo ----------------------------------------------------------------------------------- */

/* Type, code, checksum, identifier and sequence are the same in both families. */
struct echo {
	struct icmphdr head;
	struct probe_tag tag;
};

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += p[i];
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static void read_replies(struct prober *p, struct watch *w, uint32_t events)
{
	char buf[256];

	(void)events;
	for (;;) {
		ssize_t n = recv(w->fd, buf, sizeof(buf), 0);
		size_t skip;
		struct echo echo;
		struct probe *probe;

		if (n < 0 && errno == EAGAIN)
			return;
		skip = w->family == 6 || n <= 0 ? 0 : (size_t)(buf[0] & 0xf) * 4;
		if (n < 0 || (size_t)n < skip + sizeof(echo))
			continue;
		memcpy(&echo, buf + skip, sizeof(echo));
		probe = probe_tagged(p, &echo.tag);
		if (probe && echo.head.type == (w->family == 6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY))
			probe_decide(p, probe, PROBE_ANSWERED, 0);
	}
}

static struct watch *echo_client(struct prober *p, const struct end *e, int family)
{
	struct watch *w = probe_client(p, e, family, ORACLE_ECHO);
	int fd;

	if (w)
		return w;
	fd = probe_socket(e, family, SOCK_RAW, family == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	probe_bind(fd, e, family);
	big_buffer(fd);
	w = probe_watch(p, &p->clients, fd, read_replies);
	w->place = e->place;
	w->family = family;
	w->proto = ORACLE_ECHO;
	w->addr = e->addr[family == 6];
	return w;
}

void echo_send(struct prober *p, struct probe *probe)
{
	const struct watch *w = echo_client(p, probe->from, probe->family);
	union address to = probe->dest;
	struct echo echo = { .tag = tag_of(p, probe) };

	to.v4.sin_port = 0; /* raw sockets know no port */
	echo.head.type = probe->family == 6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	/* An identifier of its own for each: a connection of its own to whoever tracks it. */
	echo.head.un.echo.id = htons((uint16_t)(p->first_tag + echo.tag.index));
	if (probe->family == 4)
		echo.head.checksum = checksum(&echo, sizeof(echo));
	if (sendto(w->fd, &echo, sizeof(echo), 0, &to.sa, address_len(&to)) != sizeof(echo))
		probe_decide(p, probe, PROBE_REFUSED, errno);
}
