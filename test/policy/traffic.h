/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic.h - datagrams that never stop, and counters of what arrives
 *
 * A stream is a thread that sends numbered datagrams from an end to another's address, whether that exists yet or not; a sink
 * is a thread that counts per stream what arrives. Nothing is ever sent twice, so sent minus arrived is lost.
 */
#ifndef CNIDA_TEST_POLICY_TRAFFIC_H
#define CNIDA_TEST_POLICY_TRAFFIC_H

#include "test/policy/topology.h"

#include <stdbool.h>

struct traffic;

struct stream_conf {
	const char *name;
	int netns;             /* where it is sent from */
	union address dest;    /* with port */
	unsigned int pause_us; /* between two datagrams */
	bool new_flow;         /* each datagram from a port of its own: every one is judged anew */
};

struct traffic *traffic_new(void);
/* Stops everything. */
void traffic_free(struct traffic *t);

/* traffic_sink() - Receive and count at a port, on any address of the namespace. */
void traffic_sink(struct traffic *t, int netns, int port);

/* traffic_stream() - Start sending. Return: its number, for the counters. */
unsigned int traffic_stream(struct traffic *t, const struct stream_conf *conf);

/* traffic_stop() - End all streams, wait for what is on the way. Counters stay. */
void traffic_stop(struct traffic *t);

/* traffic_sent() - Datagrams that the kernel took (before there is a route it takes none). traffic_tried() - with those. */
unsigned long traffic_sent(const struct traffic *t, unsigned int stream);
unsigned long traffic_tried(const struct traffic *t, unsigned int stream);
unsigned long traffic_arrived(const struct traffic *t, unsigned int stream);
const char *traffic_name(const struct traffic *t, unsigned int stream);

#endif
