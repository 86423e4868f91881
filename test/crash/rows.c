/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows.c - faults that once did harm, by the call that they hit
 *
 * The matrix finds them all, but a sample may not. A row whose call is no longer made is skipped, and says so.
 */
#include "test/crash/crash.h"

#include <errno.h>

#define ALL 0 /* one after the other */

const struct row rows[] = {
	/* DEL and GC took what they could not look at for gone, and said that all was well. */
	{ SCENARIO_DEL, MODE_BRIDGE_EBPF, "access(\"/run/cnida/hostports/", 1, ENOMEM },
	{ SCENARIO_DEL, MODE_BRIDGE_EBPF, "access(\"/run/cnida/firewall/", 1, EBUSY },
	{ SCENARIO_DEL, MODE_PTP_NFT, "access(\"/run/cnida/bandwidth/", 1, EIO },
	{ SCENARIO_DEL, MODE_BRIDGE_EBPF, "access(\"/sys/fs/bpf/cnida\")", 1, EIO },
	{ SCENARIO_GC, MODE_BRIDGE_EBPF, "getdents64(", 1, ENOSPC },
	{ SCENARIO_GC, MODE_BRIDGE_EBPF, "openat(\"cni", 1, EMFILE },
	{ SCENARIO_GC, MODE_PTP_NFT, "openat(\"cni", 2, ENOMEM },
	/* GC forgot an attachment of which it could not take everything out. */
	{ SCENARIO_GC, MODE_BRIDGE_EBPF, "open(\"/run/cnida\")", 1, EBUSY },
	{ SCENARIO_GC, MODE_BRIDGE_EBPF, "bpf(", 2, EINTR },
	{ SCENARIO_GC, MODE_PTP_NFT, "netlink type 0xa0d", 1, ENOBUFS },
	/* A switch to the new rules whose answer got lost: they were emptied as if they were not in force, and everything was open. */
	{ SCENARIO_APPLY, MODE_PTP_NFT, "recvmsg(", ALL, ENOSPC },
	/* Objects were written, and applied, with a gap where memory was short. */
	{ SCENARIO_APPLY, MODE_BRIDGE_EBPF, "mmap(0, 8192)", ALL, ENOMEM },
	/* Programs without names, which nobody knew again. */
	{ SCENARIO_FIRST, MODE_BRIDGE_EBPF, "bpf(5,", ALL, ENOBUFS },
	/* A policy that could not be loaded left what the source check knew of the pod. */
	{ SCENARIO_FIRST, MODE_PTP_NFT, "netlink type 0xa0d flags 0x305", 1, ENOSPC },
	/* ADD wrote a link number that it did not have. */
	{ SCENARIO_ADD, MODE_BRIDGE_EBPF, "ioctl(4, 0x8933)", 1, ENOSPC },
	/* ADD did not open localhost's way to the pod and did not say so. */
	{ SCENARIO_ADD, MODE_PTP_NFT, "0x8910)", 1, ENOBUFS },
};
const size_t n_rows = sizeof(rows) / sizeof(rows[0]);
