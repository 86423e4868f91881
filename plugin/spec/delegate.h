/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delegate.h - exec of a foreign plugin (IPAM) after the specification's section "Delegated plugins"
 *
 * The child gets our whole environment with CNI_COMMAND replaced, the exact bytes that we got on stdin,
 * and our stderr. It must answer within a deadline; then it is killed and the error says so (code 11).
 */
#ifndef CNIDA_SPEC_DELEGATE_H
#define CNIDA_SPEC_DELEGATE_H

#include "base/err.h"
#include "spec/request.h"
#include "spec/result.h"

/* How long a delegated plugin may take: dhcp needs seconds; containerd gives us minutes. */
#define DELEGATE_TIMEOUT_MS 60000U
#define DELEGATE_OUTPUT_MAX (4U << 20)

/**
 * delegate_find() - Search CNI_PATH for a plugin
 * @type:	plugin name, one path component
 * @path:	colon-separated folders
 * @ret:	buffer of PATH_MAX bytes
 *
 * Return: 0, or -ENOENT/-EINVAL with upstream's texts (`failed to find plugin "x" in path [a b]`,
 * "no plugin name provided", "invalid plugin name: x", "no paths provided").
 */
int delegate_find(const char *type, const char *path, char *ret, struct err *e);

/**
 * delegate_exec() - Run a delegated plugin for a verb
 * @ret_out:	what it printed, malloc'ed and terminated, NULL allowed
 *
 * ETXTBSY (a plugin being installed) is tried again, at most 5 times a second apart, within the deadline.
 * If the child fails, its error document becomes @e, code and all; if it printed none, @e holds its exit
 * status (the text of libcni's pkg/invoke).
 */
int delegate_exec(const struct request *req, const char *type, enum cni_verb verb,
                  unsigned int timeout_ms, char **ret_out, struct err *e);

/* delegate_add() - delegate_exec() for ADD, and its answer parsed (an empty cniVersion means the configuration's,
 * "null" an empty result). When this fails, the specification wants the caller to run DEL. */
int delegate_add(const struct request *req, const char *type, struct result *ret, struct err *e);

#endif
