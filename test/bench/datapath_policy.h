/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_policy.h - the policy under which the datapath is measured
 */
#ifndef CNIDA_BENCH_DATAPATH_POLICY_H
#define CNIDA_BENCH_DATAPATH_POLICY_H

#define DATAPATH_POD "pod-%u"

/* Which of @pods pods load goes between. */
unsigned int datapath_client(unsigned int pods);
unsigned int datapath_server(unsigned int pods);

/**
 * datapath_policy() - Write Namespace, Pods and NetworkPolicies as a file for `cnida policy apply`
 * @pods:	pods DATAPATH_POD of namespace bench
 * @rules:	of ingress and as many of egress, on client and server: each another block of addresses and another port;
 *		only the last lets the load pass
 *
 * Return: 0 or -errno.
 */
int datapath_policy(const char *file, unsigned int pods, unsigned int rules);

#endif
