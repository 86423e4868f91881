/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld.h - addresses as sources of one of firewalld's zones, over D-Bus
 *
 * firewalld is never started by a question of ours, and a node without a bus costs one connect(). Its changes are those
 * of its running configuration: a reload of it forgets them.
 */
#ifndef CNIDA_ENDPOINT_FIREWALLD_H
#define CNIDA_ENDPOINT_FIREWALLD_H

#include "base/err.h"
#include "base/ip.h"

/* firewalld_runs() - Does somebody own its name? 1, 0 (also without a bus), or -errno for a bus that does not answer. */
int firewalld_runs(struct err *e);

/* firewalld_add() - Put all addresses into the zone; in it already is fine. 0, or -errno: -ENOTCONN if firewalld does not run. */
int firewalld_add(const char *zone, const struct ip_addr *ips, size_t n, struct err *e);

/* firewalld_remove() - Take them out. 0 also if they are not in it, or if firewalld does not run. */
int firewalld_remove(const char *zone, const struct ip_addr *ips, size_t n, struct err *e);

/* firewalld_query() - 1 if all are there, 0 if not (*ret_missing is the first), -ENOTCONN if firewalld does not run, -errno. */
int firewalld_query(const char *zone, const struct ip_addr *ips, size_t n, size_t *ret_missing,
                    struct err *e);

#endif
