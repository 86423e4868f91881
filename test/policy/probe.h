/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - ask the network: many connections at once, from and to many namespaces, in one process
 *
 * Every probe is sent at the same time, twice if the first is not answered, and has until the deadline. For one that should be
 * answered, those two packets may take longer: a busy machine is late, and late is not denied. (Less than a second, after which
 * the kernel would send a third.) Nothing is taken for an answer that did not go all the way:
 *	TCP	the connection is accepted and a byte of the server arrives
 *	UDP	the datagram comes back
 *	SCTP	INIT is answered by INIT ACK, both made here: a kernel without SCTP will do
 *	echo	the kernel's ICMP or ICMPv6 echo reply
 */
#ifndef CNIDA_TEST_POLICY_PROBE_H
#define CNIDA_TEST_POLICY_PROBE_H

#include "test/policy/topology.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_RETRY_MS    60
#define PROBE_DEADLINE_MS 150
#define PROBE_LATE_MS     700 /* after the deadline */

enum probe_result {
	PROBE_SILENT,   /* denied: nothing came back, and the server saw nothing */
	PROBE_ANSWERED, /* allowed */
	PROBE_REFUSED,  /* a reset or an ICMP error: somebody else's answer, see .error */
	PROBE_HALF,     /* arrived at the server, but the answer did not come back */
};

struct probe {
	const struct end *from, *to;
	int family;         /* 4 or 6 */
	int proto;          /* IPPROTO_TCP, _UDP, _SCTP, ORACLE_ECHO */
	int port;           /* of the end, as lines name it */
	union address dest; /* where it is sent, with port: the end's address, or a Service's */
	bool expected;      /* to be answered */
	/* Results. */
	enum probe_result result;
	int error;
	bool arrived;
};

struct prober;

/* prober_new() - Ends the process when there is no memory, as everything here does. */
struct prober *prober_new(void);
void prober_free(struct prober *p);

/* prober_serve() - Answer at an end's address and port from now on. Return: the listening socket (TCP, UDP) or the raw
 * socket of the namespace (SCTP); it stays the prober's. Cheap if it is done already. */
int prober_serve(struct prober *p, const struct end *e, int family, int proto, int port);

/* prober_forget() - Close what was opened for an end that goes away. */
void prober_forget(struct prober *p, const struct end *e);

/* prober_run() - Send all of them, fill in the results. */
void prober_run(struct prober *p, struct probe *v, size_t n);

#endif
