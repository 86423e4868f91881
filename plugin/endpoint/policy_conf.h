/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_conf.h - the configuration key "policy": is a pod's traffic judged, and by what?
 *
 *	"policy": { "backend": "auto", "unknown": "isolate", "fail": "closed",
 *	            "fastpath": true, "flows": 8192, "endpoints": 512 }
 *
 * backend	"auto"		as soon as policy was applied on the node (default, also without the key, of type cnida)
 *		"ebpf"		always: before any policy there is the source guard and the fast path
 *		"nftables"	the same verdicts without eBPF
 *		"none"		never (default of types bridge and ptp, which upstream's users know without)
 * unknown	what happens to a pod whose labels no Pod object tells: "isolate" in each direction in which a policy
 *		of its namespace exists, or "allow"
 * fail		what happens when the node's policy cannot be had: "closed" fails ADD (the runtime tries again), "isolate" lets
 *		the pod start without any traffic, "open" lets it start without policy
 * fastpath	hand packets between pods of the node over directly; the node's, whoever said it last
 * flows, endpoints
 *		sizes of the maps, used by whoever loads the programs (the first ADD after a boot)
 */
#ifndef CNIDA_ENDPOINT_POLICY_CONF_H
#define CNIDA_ENDPOINT_POLICY_CONF_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

enum policy_backend { POLICY_NONE, POLICY_AUTO, POLICY_EBPF, POLICY_NFTABLES };
enum policy_fail { POLICY_FAIL_CLOSED, POLICY_FAIL_ISOLATE, POLICY_FAIL_OPEN };

struct policy_conf {
	enum policy_backend backend;
	enum policy_fail fail;
	bool allow_unknown;
	bool says_fastpath, fastpath;
	uint32_t flows, endpoints; /* 0: default */
};

/**
 * policy_conf_parse() - Read it from a network configuration
 * @type:	CNI type, for the default
 * @ret:	good also on failure: no policy, which is enough for DEL
 *
 * Return: 0, or -EINVAL with code 7.
 */
int policy_conf_parse(const json_t *conf, const char *type, struct policy_conf *ret, struct err *e);

#endif
