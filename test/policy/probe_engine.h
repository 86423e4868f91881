/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_engine.h - what probe.c shares with the protocols
 *
 * One epoll instance; each socket is a struct watch with the function that reads it. A datagram carries the number of
 * the run and of the probe, so an answer that is late, or comes from elsewhere, is nobody's.
 */
#ifndef CNIDA_TEST_POLICY_PROBE_ENGINE_H
#define CNIDA_TEST_POLICY_PROBE_ENGINE_H

#include "test/policy/probe.h"

#include <sys/types.h>

struct watch {
	void (*ready)(struct prober *p, struct watch *w, uint32_t events);
	int fd;
	struct watch *next;
	unsigned int place;
	int family, proto, port; /* of a server; port 0: a client's or raw socket */
	union address addr;      /* of a server, or what a client is bound to */
	struct probe *probe;     /* of a TCP client */
};

struct prober {
	int epoll;
	uint32_t run;
	uint32_t first_tag; /* of this run's probes, in SCTP and echo */
	struct probe *v;    /* of this run */
	size_t n, open;     /* probes, and how many of them are not decided */
	struct watch *servers;
	struct watch *clients; /* of this run */
};

/* In UDP datagrams and echo requests. */
struct probe_tag {
	uint32_t run, index;
};

socklen_t address_len(const union address *a);

/* same_address() - Equal family, address and port? (The rest of a sockaddr_in6 is the kernel's.) */
bool same_address(const union address *a, const union address *b);

/* probe_socket() - Open a non-blocking socket in the end's namespace. */
int probe_socket(const struct end *e, int family, int type, int protocol);

/* probe_watch() - Put the socket into the loop; @list: p->servers or p->clients. Returns the watch. */
struct watch *probe_watch(struct prober *p, struct watch **list, int fd,
                          void (*ready)(struct prober *p, struct watch *w, uint32_t events));
void probe_unwatch_all(struct prober *p, struct watch **list);

/* probe_bind() - The sender's own address, where it has several; port 0. */
void probe_bind(int fd, const struct end *e, int family);

/* probe_tagged() - The probe of a tag, or NULL if it is not of this run. */
struct probe *probe_tagged(struct prober *p, const struct probe_tag *tag);

/* probe_decide() - The first answer counts, but a refusal gives way to a real answer. */
void probe_decide(struct prober *p, struct probe *probe, enum probe_result result, int error);

/* Each protocol: serve returns the socket; send sends or sends again (@again) all open probes v[0..n) of one sender. */
int tcp_serve(struct prober *p, const struct end *e, int family, int port);
void tcp_send(struct prober *p, struct probe *probe);
int udp_serve(struct prober *p, const struct end *e, int family, int port);
void udp_send(struct prober *p, struct probe *probe);
int sctp_serve(struct prober *p, const struct end *e, int family, int port);
void sctp_send(struct prober *p, struct probe *probe);
void echo_send(struct prober *p, struct probe *probe);

/* probe_client() - The datagram socket of this run that the end sends from, or NULL. */
struct watch *probe_client(const struct prober *p, const struct end *e, int family, int proto);

#endif
