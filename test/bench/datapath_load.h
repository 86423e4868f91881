/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_load.h - the load between two pods: the same for whatever connects them
 *
 *	LOAD_RR		one TCP connection, one byte there and one back: request/response latency
 *	LOAD_CRR	connect, one byte there and one back, close, again: connections per second
 *	LOAD_STREAM	one TCP connection, one direction, as much as goes: throughput
 *
 * Client and server are two threads of this process with sockets in either pod.
 */
#ifndef CNIDA_BENCH_DATAPATH_LOAD_H
#define CNIDA_BENCH_DATAPATH_LOAD_H

#include "test/lib/plugin_pod.h"

#include <netinet/in.h>

enum load_kind { LOAD_RR, LOAD_CRR, LOAD_STREAM, LOAD_KINDS };

#define LOAD_PORT 8080U

struct load {
	const struct pod *client, *server;
	struct in_addr server_addr;
	enum load_kind kind;
	unsigned int ms;
	int client_cpu, server_cpu; /* below 0: wherever the scheduler puts them */
};

struct load_result {
	double value; /* RR: us, median; CRR: connections per second; stream: Gbit/s */
	double p99;   /* RR: us; else 0 */
};

/* load_run() - One measurement. Return: 0 or -errno (-ETIMEDOUT: nothing came back for a second). */
int load_run(const struct load *l, struct load_result *ret);

#endif
