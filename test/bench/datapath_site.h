/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datapath_site.h - one way of connecting two pods, on a node of its own that stays up while others are measured
 */
#ifndef CNIDA_BENCH_DATAPATH_SITE_H
#define CNIDA_BENCH_DATAPATH_SITE_H

#include "test/bench/datapath_load.h"

#include <sys/types.h>

enum site_kind {
	SITE_PAIR,     /* a veth pair from one namespace to the other */
	SITE_BRIDGE,   /* bridge */
	SITE_FIREWALL, /* bridge and firewall */
	SITE_CNIDA,    /* type cnida, with or without policy */
};

struct site_conf {
	enum site_kind kind;
	const char *dir;     /* plugin folder */
	const char *backend; /* SITE_CNIDA: of the policy; NULL: none is applied */
	unsigned int pods;   /* attached in all, at least 2 */
	unsigned int rules;  /* of the policy, for each direction */
	int bridge_nf;       /* net.bridge.bridge-nf-call-iptables */
};

struct site {
	pid_t pid; /* 0: it could not be set up */
	int fd;
	char missing[160]; /* why not */
};

/* site_open() - Make the node, attach the pods. Return: 0 or -1. */
int site_open(const struct site_conf *conf, struct site *ret);
/* site_run() - Load from the first pod to the second; @cpu: of client and server. As load_run(). */
int site_run(struct site *s, enum load_kind kind, unsigned int ms, const int cpu[2],
             struct load_result *ret);
void site_close(struct site *s);

#endif
