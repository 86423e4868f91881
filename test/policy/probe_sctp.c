/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_sctp.c - SCTP by hand (RFC 9260): INIT, answered by INIT ACK
 *
 * One raw socket per namespace and family is client and server of all ports in it: it hears every SCTP packet, so who
 * has asked it to serve a port does not matter, only whom the packet is addressed to. The number of the probe travels as
 * initiate tag, which the other side must return as verification tag. The checksum is right, or connection tracking
 * would not look at the packet.
 */
#include "test/policy/probe_engine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* A port of its own for each probe of a run. */
#define FIRST_PORT 20000
#define PORTS      40000

enum { INIT = 1, INIT_ACK = 2 };

struct sctp_init {
	uint16_t source, dest;
	uint32_t verify, checksum;
	uint8_t type, flags;
	uint16_t length;
	uint32_t tag, window;
	uint16_t out, in;
	uint32_t tsn;
	/* INIT ACK: the state cookie, opaque to the other side. */
	uint16_t cookie_type, cookie_length;
	struct probe_tag cookie;
};

#define INIT_SIZE offsetof(struct sctp_init, cookie_type)

/* CRC32c; reflected, as SCTP has it. */
static uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0U;

	while (len-- > 0) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void fill(struct sctp_init *m, uint8_t type, size_t size)
{
	m->type = type;
	m->length = htons((uint16_t)(size - 12));
	m->window = htonl(65536);
	m->out = m->in = htons(1);
	m->checksum = 0;
	m->checksum = htole32(crc32c(m, size));
}

/* Sends from the address that was asked. */
static void answer(const struct watch *w, const struct sctp_init *init, struct msghdr *got)
{
	struct sctp_init ack = {
		.source = init->dest,
		.dest = init->source,
		.verify = init->tag,
		.tag = htonl(1),
		.cookie_type = htons(7),
		.cookie_length = htons(4 + sizeof(ack.cookie)),
	};
	struct iovec iov = { &ack, sizeof(ack) };
	struct msghdr m = { .msg_name = got->msg_name,
		            .msg_namelen = got->msg_namelen,
		            .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = got->msg_control,
		            .msg_controllen = got->msg_controllen };

	fill(&ack, INIT_ACK, sizeof(ack));
	if (w->family == 4) {
		struct in_pktinfo *info =
			(struct in_pktinfo *)(void *)CMSG_DATA(CMSG_FIRSTHDR(got));

		info->ipi_ifindex = 0;
		info->ipi_spec_dst = info->ipi_addr;
	} else {
		struct in6_pktinfo *info =
			(struct in6_pktinfo *)(void *)CMSG_DATA(CMSG_FIRSTHDR(got));

		info->ipi6_ifindex = 0;
	}
	(void)!sendmsg(w->fd, &m, 0);
}

static struct probe *by_tag(struct prober *p, uint32_t tag)
{
	const uint32_t index = tag - p->first_tag;

	return index < p->n && p->v[index].proto == IPPROTO_SCTP ? &p->v[index] : NULL;
}

static void heard(struct prober *p, struct watch *w, const char *data, size_t len, struct msghdr *m)
{
	struct sctp_init init;
	struct probe *probe;

	if (len < INIT_SIZE)
		return;
	memcpy(&init, data, INIT_SIZE);
	if (init.type == INIT) {
		probe = by_tag(p, ntohl(init.tag));
		if (!probe || CMSG_FIRSTHDR(m) == NULL)
			return;
		probe->arrived = true;
		answer(w, &init, m);
	} else if (init.type == INIT_ACK) {
		union address from;

		memcpy(&from, m->msg_name, sizeof(from));
		from.v4.sin_port = init.source;
		probe = by_tag(p, ntohl(init.verify));
		if (probe && same_address(&from, &probe->dest))
			probe_decide(p, probe, PROBE_ANSWERED, 0);
	}
}

static void read_packets(struct prober *p, struct watch *w, uint32_t events)
{
	char buf[512], control[256];
	union address from;
	struct iovec iov = { buf, sizeof(buf) };

	(void)events;
	for (;;) {
		struct msghdr m = { .msg_name = &from,
			            .msg_namelen = sizeof(from),
			            .msg_iov = &iov,
			            .msg_iovlen = 1,
			            .msg_control = control,
			            .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(w->fd, &m, 0);
		ssize_t skip;

		if (n < 0 && errno == EAGAIN)
			return;
		skip = w->family == 6 ? 0 : (buf[0] & 0xf) * 4;
		if (n <= skip)
			continue;
		from.v4.sin_port = 0;
		heard(p, w, buf + skip, (size_t)(n - skip), &m);
	}
}

int sctp_serve(struct prober *p, const struct end *e, int family, int port)
{
	int fd = probe_socket(e, family, SOCK_RAW, IPPROTO_SCTP), one = 1, size = 4 << 20;
	struct watch *w = probe_watch(p, &p->servers, fd, read_packets);

	(void)port;
	w->place = e->place;
	w->family = family;
	w->proto = IPPROTO_SCTP;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, family == 6 ? IPPROTO_IPV6 : IPPROTO_IP,
	               family == 6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &one, sizeof(one)) < 0)
		broken("raw socket of %s: %s", e->name, strerror(errno));
	return fd;
}

/* What a raw socket sends from: the outside hosts share one. */
static bool send_from(int fd, const struct end *e, int family, struct msghdr *m)
{
	union address to;
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = { 0 };
	struct cmsghdr *c;

	memcpy(&to, m->msg_name, m->msg_namelen);
	if (e->kind == END_OUTSIDE) {
		m->msg_control = control;
		m->msg_controllen = family == 6 ? CMSG_SPACE(sizeof(struct in6_pktinfo))
		                                : CMSG_SPACE(sizeof(struct in_pktinfo));
		c = CMSG_FIRSTHDR(m);
		c->cmsg_level = family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
		c->cmsg_type = family == 6 ? IPV6_PKTINFO : IP_PKTINFO;
		if (family == 6) {
			struct in6_pktinfo info = { .ipi6_addr = e->addr[1].v6.sin6_addr };

			c->cmsg_len = CMSG_LEN(sizeof(info));
			memcpy(CMSG_DATA(c), &info, sizeof(info));
		} else {
			struct in_pktinfo info = { .ipi_spec_dst = e->addr[0].v4.sin_addr };

			c->cmsg_len = CMSG_LEN(sizeof(info));
			memcpy(CMSG_DATA(c), &info, sizeof(info));
		}
	}
	return sendmsg(fd, m, 0) > 0;
}

void sctp_send(struct prober *p, struct probe *probe)
{
	int fd = prober_serve(p, probe->from, probe->family, IPPROTO_SCTP, 0);
	union address to = probe->dest;
	const uint32_t tag = p->first_tag + (uint32_t)(probe - p->v);
	struct sctp_init init = { .dest = to.v4.sin_port, .tag = htonl(tag) };
	struct iovec iov = { &init, INIT_SIZE };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = address_len(&to), .msg_iov = &iov, .msg_iovlen = 1
	};

	init.source = htons((uint16_t)(FIRST_PORT + tag % PORTS));
	to.v4.sin_port = 0;
	fill(&init, INIT, INIT_SIZE);
	if (!send_from(fd, probe->from, probe->family, &m))
		probe_decide(p, probe, PROBE_REFUSED, errno);
}
