/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys.c - bpf(2) without a library
 */
#include "bpf/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr, size_t size)
{
	long r = syscall(SYS_bpf, command, attr, size);

	return r < 0 ? -errno : (int)r;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* Bytes of union bpf_attr up to and with a member: what a kernel does not know must be zero, or not there. */
#define UPTO(member) (offsetof(union bpf_attr, member) + sizeof(((union bpf_attr *)0)->member))

int sys_obj_get(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = address(path);
	return bpf(BPF_OBJ_GET, &attr, UPTO(file_flags));
}

int sys_obj_pin(int fd, const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = address(path);
	attr.bpf_fd = (uint32_t)fd;
	return bpf(BPF_OBJ_PIN, &attr, UPTO(file_flags));
}

static int element(int command, int map, const void *key, const void *value, uint64_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = address(key);
	attr.value = address(value); /* a union with next_key */
	attr.flags = flags;
	return bpf(command, &attr, UPTO(flags));
}

int sys_map_lookup(int map, const void *key, void *value)
{
	return element(BPF_MAP_LOOKUP_ELEM, map, key, value, 0);
}

int sys_map_update(int map, const void *key, const void *value, uint64_t flags)
{
	return element(BPF_MAP_UPDATE_ELEM, map, key, value, flags);
}

int sys_map_delete(int map, const void *key)
{
	return element(BPF_MAP_DELETE_ELEM, map, key, NULL, 0);
}

int sys_map_next(int map, const void *key, void *next)
{
	return element(BPF_MAP_GET_NEXT_KEY, map, key, next, 0);
}

int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
                   uint32_t max_entries, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = max_entries;
	attr.map_flags = flags;
	(void)snprintf(attr.map_name, sizeof(attr.map_name), "%s", name);
	return bpf(BPF_MAP_CREATE, &attr, UPTO(map_name));
}

static int by_id(int command, uint32_t id)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_id = id; /* a union with prog_id */
	return bpf(command, &attr, UPTO(open_flags));
}

int sys_map_by_id(uint32_t id)
{
	return by_id(BPF_MAP_GET_FD_BY_ID, id);
}

int sys_prog_by_id(uint32_t id)
{
	return by_id(BPF_PROG_GET_FD_BY_ID, id);
}

static int info(int fd, void *ret, size_t size)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = (uint32_t)size;
	attr.info.info = address(ret);
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, UPTO(info));
}

int sys_map_info(int map, struct bpf_map_info *ret)
{
	memset(ret, 0, sizeof(*ret));
	return info(map, ret, sizeof(*ret));
}

int sys_prog_info(int prog, struct bpf_prog_info *ret, uint32_t *map_ids, uint32_t *n)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	if (map_ids) {
		ret->map_ids = address(map_ids);
		ret->nr_map_ids = *n;
	}
	r = info(prog, ret, sizeof(*ret));
	if (r == 0 && map_ids)
		*n = ret->nr_map_ids;
	return r;
}

int sys_tcx_attach(int prog, uint32_t ifindex, uint32_t hook, uint32_t flags, int old)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = ifindex;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = hook;
	attr.attach_flags = flags;
	attr.replace_bpf_fd = old >= 0 ? (uint32_t)old : 0;
	return bpf(BPF_PROG_ATTACH, &attr, UPTO(replace_bpf_fd));
}

int sys_tcx_detach(int prog, uint32_t ifindex, uint32_t hook)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = ifindex;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = hook;
	return bpf(BPF_PROG_DETACH, &attr, UPTO(replace_bpf_fd));
}

int sys_tcx_query(uint32_t ifindex, uint32_t hook, uint32_t ids[static SYS_PROGS_MAX])
{
	union bpf_attr attr;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = ifindex;
	attr.query.attach_type = hook;
	attr.query.prog_ids = address(ids);
	attr.query.prog_cnt = SYS_PROGS_MAX;
	r = bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
	return r < 0 ? r : (int)attr.query.prog_cnt;
}
