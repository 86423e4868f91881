/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * address.h - addresses of links
 */
#ifndef CNIDA_KERNEL_ADDRESS_H
#define CNIDA_KERNEL_ADDRESS_H

#include "base/ip.h"
#include "kernel/netlink.h"

/* address_add_msg() - Add an address (NLM_F_EXCL: present already is EEXIST). IPv6 with IFA_F_NODAD unless @dad, so it is
 * usable as soon as address_is_local() says so. IPv4 gets the broadcast address of its prefix (none for /31 and /32).
 * @noprefixroute: without the connected route. */
void address_add_msg(struct nl_batch *b, int ifindex, const struct ip_prefix *addr, bool dad,
                     bool noprefixroute);
void address_del_msg(struct nl_batch *b, int ifindex, const struct ip_prefix *addr);

/* address_list() - Addresses of one link (0: of all), a family or AF_UNSPEC. Returns the number (at most @max are
 * stored) or -errno. A filtered dump: slow paths and CHECK. @ret_index may be NULL. */
int address_list(struct nl_sock *s, int ifindex, sa_family_t family, struct ip_prefix *ret,
                 int *ret_index, size_t max, struct err *e);

/**
 * address_settle() - Wait until duplicate address detection is over for the IPv6 addresses of a link
 *
 * @events:	listens to RTNLGRP_IPV6_IFADDR in the namespace of @s since before the addresses were added
 *
 * Only for addresses that were added with @dad.
 *
 * Return: 0; -EADDRINUSE if the kernel found one in use elsewhere, with the address; -ETIMEDOUT with code 11.
 */
int address_settle(struct nl_sock *s, const struct nl_sock *events, int ifindex,
                   unsigned int timeout_ms, struct err *e);

/* address_is_local() - Does the kernel deliver what arrives for this address? IPv6 does not yet when it was added a moment ago
 * (address_wait.c): one question, without rtnl_lock. 1, 0 or -errno. */
int address_is_local(struct nl_sock *s, const struct ip_addr *addr, struct err *e);

/* address_wait_local() - Wait for that, in the network namespace of the caller, which @s must be of too. Usually one
 * question and no wait. 0, or -ETIMEDOUT with code 11. */
int address_wait_local(struct nl_sock *s, const struct ip_addr *addr, unsigned int timeout_ms,
                       struct err *e);

/* As long as for a port to forward. */
#define ADDRESS_LOCAL_MS 2550U

#endif
