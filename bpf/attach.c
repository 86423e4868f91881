/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.c - programs at host veths: tcx where the kernel has it, clsact otherwise
 *
 * A kernel without tcx refuses the attach type (EINVAL); it is asked each time, since that costs less than finding out
 * where an answer could be remembered. A program is ours if it has our name and reads our table of pods.
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

static int attach_one(const struct datapath *d, struct nl_sock *route, int ifindex,
                      const struct hook *hook, struct err *e)
{
	int prog = prog_of(d, hook);
	int r = sys_tcx_attach(prog, (uint32_t)ifindex, hook->tcx, SYS_ATTACH_BEFORE, -1);

	if (r == -EINVAL)
		return clsact_attach(route, ifindex, hook->ingress, prog, e);
	if (r < 0 && r != -EEXIST)
		return err_sys(e, -r, "attach %s to link %d", hook->prog, ifindex);
	return 0;
}

int datapath_attach(const struct datapath *d, struct nl_sock *route, int ifindex, struct err *e)
{
	struct err lost;

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		int r = attach_one(d, route, ifindex, &hooks[i], e);

		if (r < 0) {
			(void)datapath_detach(d, route, ifindex, &lost);
			return r;
		}
	}
	return 0;
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
static int find(const struct datapath *d, struct nl_sock *route, int ifindex, const struct hook *hook,
                int *ret_fd, bool *ret_tcx, struct err *e)
{
	uint32_t ids[SYS_PROGS_MAX] = { 0 }, pods = map_id(d->endpoint);
	int n = sys_tcx_query((uint32_t)ifindex, hook->tcx, ids), r = 0;
	int64_t id;

	*ret_fd = -1;
	*ret_tcx = n >= 0;
	if (n == -EINVAL) {
		id = clsact_find(route, ifindex, hook->ingress, e);
		if (id < 0)
			return (int)id;
		ids[0] = (uint32_t)id;
		n = id > 0;
	}
	if (n == -ENOENT)
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
	return r < 0 && r != -ENOENT ? err_sys(e, -r, "detach %s from link %d", hook->prog, ifindex) : 0;
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
		r = clsact_attach(route, ifindex, hook->ingress, prog, e);
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
