/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h - what a plugin asks of the kernel: recorded from a real run, sent again with nothing around it
 *
 * A recording has the netlink requests, the changes of namespace and the sysctls written, in order. Sent again for a pod that
 * does not exist (any more), with the same names and addresses and in a namespace at the same path, it makes the same
 * objects: what that takes is what the kernel alone needs. Only interface indexes differ from run to run; where they are
 * in the requests is found by their values, which is why the node's indexes should be large (wire_burn_indexes()).
 */
#ifndef CNIDA_BENCH_WIRE_H
#define CNIDA_BENCH_WIRE_H

#include "test/lib/plugin_exec.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_STEPS_MAX   128
#define WIRE_SOCKETS_MAX 8
#define WIRE_LINKS_MAX   8

enum wire_kind { WIRE_SEND, WIRE_SYSCTL };

struct wire_step {
	enum wire_kind kind;
	bool in_pod; /* where the process was */
	unsigned int socket;
	char path[128]; /* WIRE_SYSCTL */
	uint8_t *data;
	size_t len;
};

struct wire {
	struct wire_step step[WIRE_STEPS_MAX];
	size_t n;
	struct {
		int protocol;
		bool in_pod;
	} socket[WIRE_SOCKETS_MAX];
	size_t n_sockets;
	int netns_fd; /* number that the pod's namespace has inside the requests; -1: none */
	bool overflow;
};

/* wire_record() - Run a plugin to its end under ptrace. *ret is free'd by wire_free(), *run by plugin_run_free(). 0 or -errno. */
int wire_record(const struct plugin_call *call, struct wire *ret, struct plugin_run *run);
void wire_free(struct wire *w);

/* A link of the node whose index stands in the requests. */
struct wire_link {
	char name[IFNAMSIZ];
	unsigned int index; /* when it was recorded */
};

struct wire_cost {
	double ms;           /* sum over the steps, from the call to the kernel's answer */
	unsigned int errors; /* answers that were errors */
	unsigned int requests, bytes;
};

/**
 * wire_replay() - Send it again, in a process of its own
 * @netns:	path of the pod's namespace
 * @links:	indexes are looked up anew by name, while the clock stands still
 *
 * Return: 0 or -errno.
 */
int wire_replay(const struct wire *w, const char *netns, const struct wire_link *links,
                size_t n_links, struct wire_cost *ret);

/* wire_burn_indexes() - Have the next link of this namespace get an index above @n. 0 or -errno. */
int wire_burn_indexes(unsigned int n);

#endif
