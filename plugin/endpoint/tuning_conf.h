/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tuning_conf.h - the configuration of type tuning: what an interface of a pod is to be like
 *
 * Keys and texts are upstream's. Each may also come from args.cni, which overrides it; the MAC address in the
 * order configuration < CNI_ARGS MAC < runtimeConfig.mac < args.cni.mac.
 */
#ifndef CNIDA_ENDPOINT_TUNING_CONF_H
#define CNIDA_ENDPOINT_TUNING_CONF_H

#include "base/err.h"
#include "spec/request.h"

#include <stdbool.h>
#include <stdint.h>

#define TUNING_ALLOWLIST   "/etc/cni/tuning/allowlist.conf"
#define TUNING_DATA_DIR    "/run/cni/tuning"
#define TUNING_SYSCTLS_MAX 128
#define TUNING_KEY_MAX     256

struct tuning_sysctl {
	const char *name;         /* as configured; borrowed */
	char key[TUNING_KEY_MAX]; /* "net/ipv4/conf/eth0/rp_filter" */
	const char *value;        /* borrowed */
};

struct tuning_conf {
	const char *data_dir;
	struct tuning_sysctl sysctls[TUNING_SYSCTLS_MAX];
	size_t n_sysctls;
	bool has_mac, has_allmulti, has_txqlen;
	uint8_t mac[6];
	bool promisc, allmulti;
	uint32_t mtu; /* 0: as it is */
	uint32_t txqlen;
};

/**
 * tuning_conf_parse() - Read the configuration of a request
 * @ret:	on failure ret->data_dir is good, which is enough for DEL. Texts borrow from the request.
 *
 * Return: 0, or -EINVAL with code 7 (999 for CNI_ARGS that are malformed, as everywhere).
 */
int tuning_conf_parse(const struct request *req, struct tuning_conf *ret, struct err *e);

/**
 * tuning_conf_allowed() - Does the node's administrator allow these sysctls?
 * @path:	list of POSIX extended regular expressions, one a line, which match anywhere in the configured name;
 *		a file that is not there allows everything, an empty one nothing
 *
 * Return: 0, -EPERM with code 7, or another -errno for a list that cannot be read or understood.
 */
int tuning_conf_allowed(const struct tuning_conf *conf, const char *path, struct err *e);

/* tuning_conf_key() - The path below /proc/sys of a configured name: dots become slashes, the first IFNAME the interface.
 * Refuses (code 7) what is not below net/ and what would leave it. */
int tuning_conf_key(const char *name, const char *ifname, char ret[static TUNING_KEY_MAX],
                    struct err *e);

#endif
