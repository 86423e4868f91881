/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.c - programs at host veths: by clsact, or by tcx where the kernel has no clsact
 *
 * tcx would be the modern way, but each attachment waits for a grace period of the kernel (tcx_entry_sync() in
 * kernel/bpf/tcx.c): an ADD took 32 ms instead of 2. Filters of a new clsact qdisc wait for nothing, and replacing
 * one is as atomic. A program is ours if it has our name and reads our table of pods.
 */
#include "bpf/attach.h"

#include "base/cleanup.h"
#include "bpf/clsact.h"
#include "bpf/sys.h"

#include <errno.h>
#include <string.h>

#define MAPS_MAX 16 /* of one program */

struct hook {
	uint32_t tcx;
	bool ingress;
	const char *prog;
};

static const struct hook hooks[] = {
	{ SYS_TCX_EGRESS, false, "to_pod" },
	{ SYS_TCX_INGRESS, true, "from_pod" },
};

static int prog_of(const struct datapath *d, const struct hook *hook)
{
	return hook->ingress ? d->from_pod : d->to_pod;
}

static int attach_tcx(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	struct err lost;

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		int r = sys_tcx_attach(prog_of(d, &hooks[i]), (uint32_t)ifindex, hooks[i].tcx,
		                       SYS_ATTACH_BEFORE, -1);

		if (r < 0 && r != -EEXIST) {
			(void)datapath_detach(d, route, ifindex, &lost);
			return err_sys(e, -r, "attach %s to link %d", hooks[i].prog, ifindex);
		}
	}
	return 0;
}

int datapath_attach(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	struct err other;
	int r = clsact_attach(route, ifindex, d->from_pod, d->to_pod, e);

	/* No clsact (ENOENT), or no cls_bpf. */
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return attach_tcx(d, route, ifindex, &other) == 0 ? 0 : r;
	if (r < 0)
		(void)datapath_detach(d, route, ifindex, &other);
	return r;
}

static uint32_t map_id(int map)
{
	struct bpf_map_info info;

	return sys_map_info(map, &info) == 0 ? info.id : 0;
}

/* Is this program ours, whatever version? 1, 0, -errno; *ret_fd is open then. */
static int is_ours(uint32_t id, const char *name, uint32_t pods, int *ret_fd)
{
	_cleanup_close_ int fd = sys_prog_by_id(id);
	uint32_t maps[MAPS_MAX] = { 0 }, n = MAPS_MAX;
	struct bpf_prog_info info;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = sys_prog_info(fd, &info, maps, &n);
	if (r < 0)
		return r;
	if (strncmp(info.name, name, sizeof(info.name)) != 0)
		return 0;
	for (uint32_t i = 0; i < n && i < MAPS_MAX; i++)
		if (maps[i] == pods) {
			*ret_fd = take_fd(&fd);
			return 1;
		}
	return 0;
}

/* Our program at a hook: 1 and its descriptor, 0, or -errno. *ret_tcx: is it there by tcx? */
static int find(const struct datapath *d, struct nl_sock *route, int ifindex,
                const struct hook *hook, int *ret_fd, bool *ret_tcx, struct err *e)
{
	uint32_t ids[SYS_PROGS_MAX] = { 0 }, pods = map_id(d->endpoint);
	int64_t id = clsact_find(route, ifindex, hook->ingress, e);
	int n, r = 0;

	*ret_fd = -1;
	*ret_tcx = false;
	if (id < 0)
		return (int)id;
	if (id > 0)
		r = is_ours((uint32_t)id, hook->prog, pods, ret_fd);
	if (r != 0)
		return r < 0 ? err_sys(e, -r, "ask for a program of link %d", ifindex) : r;
	*ret_tcx = true;
	n = sys_tcx_query((uint32_t)ifindex, hook->tcx, ids);
	if (n == -EINVAL || n == -ENOENT) /* a kernel without tcx; nothing there */
		n = 0;
	if (n < 0)
		return err_sys(e, -n, "ask for the programs of link %d", ifindex);
	for (int i = 0; i < n && i < SYS_PROGS_MAX && r == 0; i++)
		r = is_ours(ids[i], hook->prog, pods, ret_fd);
	return r < 0 ? err_sys(e, -r, "ask for a program of link %d", ifindex) : r;
}

static int detach_one(const struct datapath *d, struct nl_sock *route, int ifindex,
                      const struct hook *hook, struct err *e)
{
	_cleanup_close_ int fd = -1;
	bool tcx;
	int r = find(d, route, ifindex, hook, &fd, &tcx, e);

	if (r <= 0)
		return r;
	if (!tcx)
		return clsact_detach(route, ifindex, hook->ingress, e);
	r = sys_tcx_detach(fd, (uint32_t)ifindex, hook->tcx);
	return r < 0 && r != -ENOENT ? err_sys(e, -r, "detach %s from link %d", hook->prog, ifindex)
	                             : 0;
}

int datapath_detach(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(hooks) && r == 0; i++)
		r = detach_one(d, route, ifindex, &hooks[i], e);
	return r;
}

int datapath_attached(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	int r = 1;

	for (size_t i = 0; i < ARRAY_SIZE(hooks) && r > 0; i++) {
		_cleanup_close_ int fd = -1;
		bool tcx;

		r = find(d, route, ifindex, &hooks[i], &fd, &tcx, e);
	}
	return r;
}

static int replace_one(const struct datapath *d, struct nl_sock *route, int ifindex,
                       const struct hook *hook, struct err *e)
{
	_cleanup_close_ int old = -1;
	int prog = prog_of(d, hook);
	bool tcx;
	int r = find(d, route, ifindex, hook, &old, &tcx, e);

	if (r <= 0)
		return r;
	if (!tcx) {
		r = clsact_replace(route, ifindex, hook->ingress, prog, e);
		return r < 0 ? r : 1;
	}
	r = sys_tcx_attach(prog, (uint32_t)ifindex, hook->tcx, SYS_ATTACH_REPLACE, old);
	if (r < 0 && r != -EEXIST) /* it is this very program */
		return err_sys(e, -r, "replace %s at link %d", hook->prog, ifindex);
	return 1;
}

int datapath_replace(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	int r = 1;

	for (size_t i = 0; i < ARRAY_SIZE(hooks) && r > 0; i++)
		r = replace_one(d, route, ifindex, &hooks[i], e);
	return r;
}
