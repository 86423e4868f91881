/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.h - do something in the pod's namespace and come back
 */
#ifndef CNIDA_ENDPOINT_INSIDE_H
#define CNIDA_ENDPOINT_INSIDE_H

#include "base/err.h"
#include "kernel/netlink.h"
#include "kernel/netns.h"
#include "spec/request.h"

/* What runs there; @pod is an rtnetlink socket of the pod's namespace. Returns 0, a positive value, or -errno. */
typedef int (*inside_fn)(struct nl_sock *pod, void *arg, struct err *e);

/**
 * inside_pod() - Enter CNI_NETNS, call @fn, and return to the node's namespace
 * @ret_id:	identity of the namespace; NULL allowed
 *
 * Refuses the plugin's own namespace (code 8) unless CNI_NETNS_OVERRIDE says otherwise.
 *
 * Return: what @fn returned; -ENOENT with code 8 if there is no such namespace (@fn was not called then); -EIO if the way back
 * failed, after which nothing may be done but to report it.
 */
int inside_pod(const struct request *req, struct netns_id *ret_id, inside_fn fn, void *arg,
               struct err *e);

/* inside_socket() - An rtnetlink socket of CNI_NETNS, whatever namespace that is; the process is back at home when this
 * returns. 0, or -errno as above. */
int inside_socket(const struct request *req, struct nl_sock *ret, struct err *e);

#endif
