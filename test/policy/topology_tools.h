/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * topology_tools.h - what topology.c is built with: programs, namespaces, sysctls, waiting until links work
 *
 * Everything acts on the namespace that the caller is in, and ends the process when it fails (broken()).
 */
#ifndef CNIDA_TEST_POLICY_TOPOLOGY_TOOLS_H
#define CNIDA_TEST_POLICY_TOPOLOGY_TOOLS_H

#include "test/policy/topology.h"

#include <arpa/inet.h>

/* ip_batch() - Lines for ip -batch. */
void ip_batch(const char *batch);

/* open_netns() - A descriptor. new_netns() - of a fresh namespace with this name; *pod is for pod_destroy(). */
int open_netns(const char *path);
int new_netns(const char *name, struct pod *pod);

/* fresh_mount() - An empty file system of this type. */
void fresh_mount(const char *type, const char *dir);

void write_sysctl(const char *path, const char *value);
void forwarding(void);
void loopback_up(void);

/* quiet_ipv6() - No duplicate address detection, no router solicitation on links to come. */
void quiet_ipv6(void);

/* impatient() - Neighbours that do not answer are asked again after 15 ms, on all links that are there. */
void impatient(void);

/* parse_address() - Return: false if it is none. address_text() - the reverse; @buf. */
bool parse_address(const char *s, union address *ret);
const char *address_text(const union address *a, char buf[INET6_ADDRSTRLEN]);

/* wait_for_answer() - Send ICMP echo requests from this namespace until the address answers. */
void wait_for_answer(int netns, const char *address);

#endif
