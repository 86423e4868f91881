/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer.h - a plugin folder in the comparison: its configurations and calls
 *
 * Peers never share a bridge, a subnet or a data directory.
 */
#ifndef CNIDA_BENCH_PEER_H
#define CNIDA_BENCH_PEER_H

#include "test/lib/plugin_exec.h"
#include "test/lib/plugin_pod.h"
#include "test/lib/plugin_trace.h"

#define DATA_ROOT "/run/cnida-bench"

struct peer {
	const char *name;
	const char *dir;  /* plugin folder */
	const char *tag;  /* two letters, in the names of links and folders */
	unsigned int net; /* second byte of its subnets, 10.net.0.0/16 */
	bool present;
};

enum conf_kind { CONF_BRIDGE, CONF_MASQ, CONF_STORE, CONF_STATUS };

/* peer_conf() - Network configuration as text, malloc'ed. @store: name of the data directory for CONF_STORE. */
char *peer_conf(const struct peer *p, enum conf_kind kind, const char *store);

/* peer_conf_prev() - The configuration with "prevResult", as runtimes give it to DEL and CHECK; malloc'ed. */
char *peer_conf_prev(const char *conf, const char *result);

/* peer_call() - The call for a verb of a pod; @conf is borrowed, @path (PATH_MAX bytes) keeps the executable's name. */
struct plugin_call peer_call(const struct peer *p, const char *type, const char *verb,
                             const struct pod *pod, const char *conf, char *path);

/* peer_ok() - Did it succeed? Else what it said goes to stderr once per peer and verb. */
bool peer_ok(const struct peer *p, const struct plugin_call *call, const struct plugin_run *run);

/* peer_fill_store() - A data directory with @taken addresses of other pods, in host-local's format. 0 or -errno. */
int peer_fill_store(const struct peer *p, const char *store, unsigned int taken);
void peer_drop_store(const struct peer *p, const char *store);

#endif
