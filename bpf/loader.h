/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loader.h - the eBPF object that lies in the executable: loaded and pinned once per boot, replaced by an upgrade
 *
 * Pins are under CNIDA_BPF_DIR: the maps and programs of abi.h and, as an empty directory, the version of the programs. They are
 * made in a folder beside it that is renamed when it is complete, so what is found is complete. bpffs is mounted if it is
 * not. A file lock (attach.h) keeps loaders and openers apart.
 */
#ifndef CNIDA_BPF_LOADER_H
#define CNIDA_BPF_LOADER_H

#include "base/err.h"
#include "kernel/netlink.h"

#include <stdbool.h>
#include <stdint.h>

struct loader_conf {
	uint32_t max_flows; /* connections that are known at a time; 96 bytes each, rounded up to a power of two */
	uint32_t max_endpoints; /* an entry per pod and one per address of it; 144 bytes each, rounded up likewise */
	uint32_t image_size; /* largest policy image, bytes: a power of two, 4096 to 1 MB */
	uint32_t switches;   /* CONTROL_* */
	bool locks; /* for tests: the kernel's locks also where programs can do without, see struct flow_bucket */
};

#define LOADER_IMAGE_MAX (1U << 20) /* what the programs can search: JUDGE_STEPS */

#define LOADER_DEFAULTS                                                                     \
	{                                                                                   \
		.max_flows = 8192, .max_endpoints = 512, .image_size = 65536, .switches = 1 \
	}

/* loader_load() - Have the datapath: 1 if it was loaded now (then no image is in force, and nothing passes), 0 if it was
 * there, -errno. */
int loader_load(const struct loader_conf *conf, struct err *e);

/* loader_is_current() - Are the pinned programs those of this executable? One system call. False also if nothing is loaded. */
bool loader_is_current(void);

/**
 * loader_upgrade() - This executable's programs in place of those that run, over the same maps, at every pod of this network
 * namespace, without a packet that is judged by neither
 * @conf:	image_size: if larger than now, images get this size (the one in force is copied); the other members are ignored
 * @route:	as in datapath_attach()
 *
 * Return: number of veths whose programs were replaced, -ENOENT if nothing is loaded, another -errno. Whatever it returns, each
 * veth has complete programs, old or new.
 */
int loader_upgrade(const struct loader_conf *conf, struct nl_sock *route, struct err *e);

/* loader_unload() - Remove the pins. What is attached goes on with the last image. 0 also if there are none. */
int loader_unload(struct err *e);

#endif
