/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plugin_pod.c - pods for black-box tests: a container ID and a network namespace under /run/netns
 */
#include "test/lib/plugin_pod.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF_NETNS "/proc/thread-self/ns/net"

/* 64 hex digits out of a name: FNV-1a with four different seeds. */
static void pod_id(const char *name, char ret[static 72])
{
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t h = 0xcbf29ce484222325U + i * 0x9e3779b97f4a7c15U;

		for (const char *p = name; *p; p++)
			h = (h ^ (unsigned char)*p) * 0x100000001b3U;
		snprintf(ret + (size_t)i * 16, 17, "%016llx", (unsigned long long)h);
	}
}

void pod_leave(int fd)
{
	/* Whatever ran next would run in the wrong namespace. */
	if (setns(fd, CLONE_NEWNET) < 0)
		abort();
	close(fd);
}

int pod_enter(const struct pod *pod)
{
	int own = open(SELF_NETNS, O_RDONLY | O_CLOEXEC), fd, r = 0;

	if (own < 0)
		return -errno;
	fd = open(pod->netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		close(own);
		return r;
	}
	return own;
}

int pod_create(const char *name, struct pod *ret)
{
	int own, fd, r = 0;

	pod_id(name, ret->id);
	snprintf(ret->netns, sizeof(ret->netns), POD_NETNS_DIR "/%s", name);
	(void)mkdir(POD_NETNS_DIR, 0755);
	own = open(SELF_NETNS, O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	fd = open(ret->netns, O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0 || unshare(CLONE_NEWNET) < 0) {
		r = -errno;
		close(own);
	} else {
		if (mount(SELF_NETNS, ret->netns, NULL, MS_BIND, NULL) < 0)
			r = -errno;
		pod_leave(own);
	}
	if (fd >= 0)
		close(fd);
	if (r < 0 && r != -EEXIST)
		(void)unlink(ret->netns);
	return r;
}

void pod_destroy(struct pod *pod)
{
	if (!pod->netns[0])
		return;
	(void)umount2(pod->netns, MNT_DETACH);
	(void)unlink(pod->netns);
	pod->netns[0] = '\0';
}
