/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys.h - bpf(2) without a library: what ADD needs is a handful of commands
 *
 * Each function returns 0 or a descriptor (close-on-exec), or -errno without a message: what failed only callers can tell.
 */
#ifndef CNIDA_BPF_SYS_H
#define CNIDA_BPF_SYS_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/* tcx is younger (Linux 6.6) than the headers that we build with. */
#define SYS_TCX_INGRESS    46U
#define SYS_TCX_EGRESS     47U
#define SYS_ATTACH_REPLACE (1U << 2)
#define SYS_ATTACH_BEFORE  (1U << 3)

#define SYS_PROGS_MAX 64 /* programs at one hook of one link that we look at */

int sys_obj_get(const char *path);
int sys_obj_pin(int fd, const char *path);

int sys_map_lookup(int map, const void *key, void *value);
/* @flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST, and BPF_F_LOCK */
int sys_map_update(int map, const void *key, const void *value, uint64_t flags);
int sys_map_delete(int map, const void *key);
/* @key NULL: the first key. -ENOENT after the last one. */
int sys_map_next(int map, const void *key, void *next);
int sys_map_create(uint32_t type, const char *name, uint32_t key_size, uint32_t value_size,
                   uint32_t max_entries, uint32_t flags);
int sys_map_by_id(uint32_t id);
int sys_map_info(int map, struct bpf_map_info *ret);

int sys_prog_by_id(uint32_t id);
/* @map_ids: filled with at most *n ids, *n is set to how many there are; NULL for none */
int sys_prog_info(int prog, struct bpf_prog_info *ret, uint32_t *map_ids, uint32_t *n);

/* @flags: SYS_ATTACH_BEFORE: first of all; SYS_ATTACH_REPLACE: in place of @old */
int sys_tcx_attach(int prog, uint32_t ifindex, uint32_t hook, uint32_t flags, int old);
int sys_tcx_detach(int prog, uint32_t ifindex, uint32_t hook);
/* Ids of the programs at a hook, in order; returns how many (at most SYS_PROGS_MAX). */
int sys_tcx_query(uint32_t ifindex, uint32_t hook, uint32_t ids[static SYS_PROGS_MAX]);

#endif
