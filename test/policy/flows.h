/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows.h - connections that stay open across the steps of a case
 *
 * Lines of a step's "flows": FROM -> TO PORT/PROTO WHAT [ipv4|ipv6], with WHAT
 *	open	opens it, which must succeed; it stays open
 *	alive	a message of the one who opened it arrives, and so does one of the other side
 *	dead	neither arrives
 * TCP and UDP; in all families of the run unless one is named.
 */
#ifndef CNIDA_TEST_POLICY_FLOWS_H
#define CNIDA_TEST_POLICY_FLOWS_H

#include "test/policy/probe.h"

#include <stdio.h>

struct flows;

struct flows *flows_new(struct topology *t, struct prober *p);
void flows_free(struct flows *f);

/* flows_check() - Do what the lines say. Return: how many are wrong, which @report is told; *checks grows by the checks made. */
long flows_check(struct flows *f, const json_t *lines, unsigned int step, FILE *report,
                 long *checks);

#endif
