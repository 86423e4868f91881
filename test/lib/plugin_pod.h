/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_pod.h - pods for black-box tests: a container ID and a network namespace under /run/netns
 */
#ifndef CNIDA_TEST_PLUGIN_POD_H
#define CNIDA_TEST_PLUGIN_POD_H

#include <limits.h>

#define POD_NETNS_DIR "/run/netns"

struct pod {
	char id[72];     /* container ID, 64 hex digits as containerd makes them */
	char netns[128]; /* path */
};

/**
 * pod_create() - Make a fresh network namespace, bound to /run/netns/<name>
 * @name:	unique on this node; the container ID is derived from it
 *
 * Nothing else keeps it: pod_destroy() ends it, with all links in it.
 *
 * Return: 0 or -errno. A thread that cannot go back to its own namespace ends the process.
 */
int pod_create(const char *name, struct pod *ret);
void pod_destroy(struct pod *pod);

/* pod_enter() - Move the calling thread into the pod. Returns a descriptor for pod_leave(), or -errno. */
int pod_enter(const struct pod *pod);
void pod_leave(int fd);

#endif
