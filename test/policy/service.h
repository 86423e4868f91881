/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * service.h - Services of a case, and what kube-proxy would make of them in nftables
 *
 * Both nodes get the same rules, as both run a kube-proxy. An address is translated where kube-proxy does it (prerouting
 * and output, priority dstnat), and a pod that reaches itself is masqueraded behind the translation.
 *	iptables	one chain for each Service, packets for masquerading marked with 0x4000 before they are translated
 *	nftables	a verdict map by address, protocol and port
 */
#ifndef CNIDA_TEST_POLICY_SERVICE_H
#define CNIDA_TEST_POLICY_SERVICE_H

#include "test/policy/topology.h"

enum proxy_mode { PROXY_NFTABLES, PROXY_IPTABLES };

struct services {
	json_t *list; /* as in a case, with "ips" */
	char *loaded; /* rules that are in force; NULL: none */
};

/* services_make() - The Services of the case, for the pods of the state as they are now; @s starts as zero. Call again after each
 * change of pods: who had an address keeps it. */
void services_make(struct services *s, const json_t *c, const struct case_state *state);

/* services_load() - Put the rules in force on both nodes; nothing happens when they are already. services_unload() - and remove them. */
void services_load(struct services *s, struct topology *t, enum proxy_mode mode);
void services_unload(struct services *s, struct topology *t);

/* services_forget() - The case is over; the rules stay until others are loaded. */
void services_forget(struct services *s);

/* services_address() - Where a Service has this port of this pod; false: nowhere. */
bool services_address(const struct services *s, const char *pod, int family, int proto, int port,
                      union address *ret);

#endif
