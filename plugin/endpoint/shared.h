/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared.h - what attachments share, and when a failed ADD may take it back
 *
 * The first ADD of a node makes the bridge, gives it its gateway addresses, turns forwarding on and creates the nftables
 * tables. If that ADD fails later, they must go again, but never from under another pod that found them in the meantime.
 *
 * Every ADD holds /run/cnida/attach.lock shared from before it looks at the bridge until it is done. A failing ADD that
 * made something gives its share back and tries the lock exclusively, without waiting: if it is had, nobody else is in
 * between, and what it made is removed if no other attachment uses it; if not, it stays, as it would have been made anyway.
 */
#ifndef CNIDA_ENDPOINT_SHARED_H
#define CNIDA_ENDPOINT_SHARED_H

#include "base/err.h"
#include "base/ip.h"
#include "kernel/netlink.h"
#include "spec/result.h"

#include <net/if.h>
#include <stdbool.h>

struct shared {
	int lock; /* -1: not held */
	bool made_bridge;
	char bridge[IFNAMSIZ];
	bool made_tables;
	bool made_forwarding[2]; /* IPv4, IPv6 */
	struct {
		char link[IFNAMSIZ];
		struct ip_prefix addr;
	} made_addr[RESULT_IPS_MAX];
	size_t n_made_addr;
};

void shared_init(struct shared *s);
/* shared_enter() - Take the lock shared; code 11 if somebody holds it exclusively for too long. */
int shared_enter(struct shared *s, struct err *e);
/* shared_leave() - Give it back: the ADD succeeded. */
void shared_leave(struct shared *s);
/* shared_undo() - Remove what this ADD made, under the rule above. Errors are logged. */
void shared_undo(struct shared *s, struct nl_sock *host);

/* shared_forwarding() - Turn IP forwarding of a family on, and remember if we did. */
int shared_forwarding(struct shared *s, sa_family_t family, struct err *e);

#endif
