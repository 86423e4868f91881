/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elements.h - a pod's elements in the node's nftables: put in, taken out, restored
 *
 * One transaction per ADD or DEL. The table is made by the first ADD that finds it missing, and if somebody flushed the
 * ruleset, the next operation restores it for every live pod from the records.
 */
#ifndef CNIDA_ENDPOINT_ELEMENTS_H
#define CNIDA_ENDPOINT_ELEMENTS_H

#include "endpoint/record.h"
#include "endpoint/shared.h"
#include "kernel/netlink.h"

/**
 * elements_add() - Put in what the record says (masquerade of r->ips, source check of r->name)
 * @nft:	netfilter socket of the node, as nl_open_once() opens it
 * @shared:	remembers if the tables were made here
 *
 * An element that is there already belongs to a stale owner: if that one's namespace is gone, it is replaced;
 * if it lives, code 11 names it.
 */
int elements_add(struct nl_sock *nft, const struct record *r, struct shared *shared, struct err *e);

/* elements_del() - Take out what the record says; what is not there, or has another owner by now, is left.
 * @nft: opened when it is needed (fd -1 before). The caller keeps it open until the link is gone too: closing a netfilter socket
 * waits for the kernel to free what was taken out, a grace period that removing the link waits for anyway. */
int elements_del(struct nl_sock *nft, const struct record *r, struct err *e);

/* elements_confirm() - The end of DEL, after its record is gone: if a process that restored the tables meanwhile put
 * the elements back, take them out again (see "Restoring" in elements.c). */
int elements_confirm(struct nl_sock *nft, const struct record *r, struct err *e);

/* elements_restore() - Make tables that others emptied or removed anew, and put in what all live records say: `cnida gc`.
 * Returns how many records had elements put in, or -errno. */
int elements_restore(struct err *e);

/* elements_check() - All there, with the right owner? 0, or -ENOENT with code 999 that names what is missing. */
int elements_check(const struct record *r, struct err *e);

/* elements_change_mac() - The pod sends from another MAC address than @old from now on, as its record says: its source check
 * follows. 0 also without one. */
int elements_change_mac(const struct record *r, const uint8_t old[static 6], struct err *e);

#endif
