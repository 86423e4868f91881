/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.h - the running datapath: its pins, the pods in its tables, the image in force, programs at veths
 *
 * Who loads it: loader.h, once per boot. What is here needs no library and is cheap: a system call per map entry.
 *
 * Order of an ADD: datapath_open(), datapath_put(), datapath_raise(), datapath_attach(), datapath_close(). Before the entries
 * are there the programs let nothing pass, so attaching earlier is safe as well. Order of a DEL: datapath_open(),
 * datapath_remove(): from here nothing leaves the pod, and nothing new reaches it.
 *
 * An open datapath holds a shared lock that keeps loader_upgrade() out: programs are not replaced between opening and
 * attaching. What has to be serialised among themselves (changes of image and slots) callers lock.
 *
 * A host veth's programs vanish with it. Nothing is pinned for a pod.
 */
#ifndef CNIDA_BPF_ATTACH_H
#define CNIDA_BPF_ATTACH_H

#include "base/err.h"
#include "base/ip.h"
#include "bpf/abi.h"
#include "bpf/pods.h"
#include "kernel/netlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATAPATH_LOCK_DIR "/run/cnida"
#define DATAPATH_LOCK     "bpf.lock"
#define DATAPATH_PODS     "bpf-pods.lock" /* of who writes the table of pods, for microseconds */

struct datapath {
	int control, endpoint, policy, flow; /* maps */
	int from_pod, to_pod;                /* programs */
	int lock;
	struct pods pods; /* of the map endpoint */
};

/* datapath_open() - The pins of this ABI: 1, 0 without an error if nothing is loaded (also: no bpffs), or -errno. */
int datapath_open(struct datapath *ret, struct err *e);
/* datapath_open_pins() - The same without the lock, for who holds it. */
int datapath_open_pins(struct datapath *ret, struct err *e);
void datapath_close(struct datapath *d);
#define _cleanup_datapath_ __attribute__((cleanup(datapath_close)))
#define DATAPATH_CLOSED                                                                  \
	{                                                                                \
		.control = -1, .endpoint = -1, .policy = -1, .flow = -1, .from_pod = -1, \
		.to_pod = -1, .lock = -1, .pods = {                                      \
			.v = NULL                                                        \
		}                                                                        \
	}

/* ---- pods ---- */

/* datapath_key() - An address as the maps know it. */
struct in6 datapath_key(const struct ip_addr *addr);
/* datapath_link_key() - The key of the entry of an interface itself, see abi.h. */
struct in6 datapath_link_key(uint32_t ifindex);
/* datapath_is_link() - Is this key one of those? */
bool datapath_is_link(const struct in6 *key);

/**
 * datapath_put() - Make a pod known, or change what is known: the entry of its interface and one per address
 * @ep:	ep->sequence is ignored
 *
 * An address that another interface has is taken over. Return: 0 or -errno (code 11, ENOSPC, if the table is full), then none of the
 * entries is there.
 */
int datapath_put(const struct datapath *d, const struct endpoint *ep, const struct ip_addr *addrs,
                 size_t n, struct err *e);

/* datapath_remove() - Forget a pod. Addresses that another interface has by now stay. 0 also if nothing is there. */
int datapath_remove(const struct datapath *d, uint32_t ifindex, const struct ip_addr *addrs,
                    size_t n, struct err *e);

/* datapath_get() - What is known about an address or interface: 1, 0 if nothing, or -errno. */
int datapath_get(const struct datapath *d, const struct in6 *key, struct endpoint *ret,
                 struct err *e);

/* Called for each entry; anything but 0 ends the walk and is returned. May change or remove that entry. */
typedef int (*datapath_each_fn)(const struct in6 *key, const struct endpoint *ep, void *arg,
                                struct err *e);
/* datapath_count() - How many entries there are; *ret_max: how many there may be at least. */
uint32_t datapath_count(const struct datapath *d, uint32_t *ret_max);
/* datapath_count_flows() - How many connections are known, also such as are silent for too long; *ret_max: how many places
 * there are. */
int datapath_count_flows(const struct datapath *d, uint32_t *ret, uint32_t *ret_max, struct err *e);
/* datapath_each() - All entries, those of interfaces too. Entries that come or go meanwhile may be missed or met twice. */
int datapath_each(const struct datapath *d, datapath_each_fn fn, void *arg, struct err *e);

/* datapath_set_slot() - Change one slot, not that of the image in force, of an entry in place: 1, 0 if there is no such
 * entry, or -errno. */
int datapath_set_slot(const struct datapath *d, const struct in6 *key, uint32_t parity,
                      const struct endpoint_slot *slot, struct err *e);

/* ---- policy ---- */

/* datapath_raise() - Start a new generation: every connection is judged anew at its next packet. */
int datapath_raise(const struct datapath *d, struct err *e);
/* datapath_set_switches() - CONTROL_*; starts a new generation too. */
int datapath_set_switches(const struct datapath *d, uint32_t switches, struct err *e);
int datapath_get_control(const struct datapath *d, struct control *ret, struct err *e);

/* datapath_image_size() - Bytes that an image may have; larger ones need loader_upgrade(). Or -errno. */
int64_t datapath_image_size(const struct datapath *d, struct err *e);

/**
 * datapath_install() - Put an image in force, in one step for all packets that come after
 * @image:	@size bytes, struct image_header first
 *
 * Waits until no program uses the former image any more (a grace period of the kernel): after that the slots of its parity may
 * be written. The generation is not raised. Return: 0, -EFBIG if the datapath's images are too small, another -errno.
 */
int datapath_install(const struct datapath *d, const void *image, size_t size, struct err *e);

/* For loader_upgrade(): datapath_copy_image() puts the image in force, if there is one, into another map of policies, whose
 * images have @capacity bytes; datapath_set_image_size() tells that they have from now on. */
int datapath_copy_image(const struct datapath *d, int policy, uint32_t capacity, struct err *e);
int datapath_set_image_size(const struct datapath *d, uint32_t capacity, struct err *e);

/* datapath_image() - Copy the start of the image in force: 1, 0 if none was installed yet, or -errno. */
int datapath_image(const struct datapath *d, void *ret, size_t size, struct err *e);

/* ---- programs ---- */

/**
 * datapath_attach() - Both programs at a host veth of the current network namespace, before everybody else's
 * @route:	rtnetlink of this namespace: a clsact qdisc and two filters; tcx where the kernel has no clsact
 *
 * 0 also if they are attached already. Or -errno, with neither attached.
 */
int datapath_attach(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e);

/* datapath_detach() - Take ours away, whatever version; 0 also if there is none. */
int datapath_detach(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e);

/* datapath_attached() - Are both there, in whatever version? 1, 0 or -errno. For CHECK. */
int datapath_attached(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e);

/* datapath_replace() - Put these programs in place of ours of whatever version, each in one step: 1, 0 if there were none,
 * or -errno. */
int datapath_replace(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e);

#endif
