/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdicts.h - how each pod is judged by the policy in force: what an ADD looks up instead of compiling all policies
 *
 * Also what each set allows: nftables are told of the sets that pods of this node have, by the ADD of the first of them.
 *
 * One file in /run, written by whoever put the image into the kernel and valid only for that one: ids of classes and sets
 * mean nothing elsewhere. It is removed before the image changes and appears anew afterwards, so that whoever dies in between
 * leaves a node where the next ADD loads the snapshot again. It does not survive a reboot, and neither does the image.
 */
#ifndef CNIDA_POLICY_VERDICTS_H
#define CNIDA_POLICY_VERDICTS_H

#include "base/err.h"
#include "policy/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICTS_DIR  "/run/cnida/policy"
#define VERDICTS_NAME "verdicts"

/* What the file says of the whole. */
struct verdicts_about {
	uint32_t parity;     /* slot of the endpoints that is in force */
	uint32_t n_policies; /* objects that were applied */
	uint32_t n_pods;     /* pods that are judged: without hostNetwork and finished ones */
	uint32_t n_sets;     /* rule sets and */
	uint32_t n_classes;  /* peer classes of the image */
	uint32_t image_size; /* bytes in use */
	uint32_t backend;    /* enum apply_backend: what judges */
	uint32_t pad;
	int64_t applied;   /* seconds since the epoch */
	uint64_t snapshot; /* its checksum */
};

/* How a pod is judged, and a number for what each of its sets allows (signature.h). */
struct verdict {
	struct pod_verdict pod;
	uint32_t pad;
	uint64_t allows[2]; /* by enum direction */
};

struct verdicts {
	const uint8_t *map; /* NULL: none */
	size_t size;
	struct verdicts_about about;
	struct cells cells; /* in the map: what the sets allow */
};

/* verdicts_build() - The bytes of the file, to be freed. @t and @about belong together. */
int verdicts_build(const struct tables *t, const struct verdicts_about *about, uint8_t **ret,
                   size_t *ret_size, struct err *e);
/* verdicts_write() - Replace the file by these bytes. */
int verdicts_write(const uint8_t *bytes, size_t size, struct err *e);
/* verdicts_remove() - Before the image changes. 0 also if there is none. */
int verdicts_remove(struct err *e);

/**
 * verdicts_open() - Map the file; a handful of system calls
 * @ret:	close with verdicts_close() on success
 *
 * Return: 0; -ENOENT WITHOUT filling @e if there is none or it is damaged: the snapshot is to be loaded; or -errno.
 */
int verdicts_open(struct verdicts *ret, struct err *e);
void verdicts_close(struct verdicts *v);

/**
 * verdicts_find() - The verdict of a pod
 *
 * Return: 1 for a pod whose object was applied; 0 for one whose namespace has it isolated as far as policies there go
 * (its labels are not known), or for one of an unknown namespace (not isolated). *ret is set always.
 */
int verdicts_find(const struct verdicts *v, const char *namespace, const char *name,
                  struct verdict *ret);

/* verdicts_use() - Read bytes that are not in a file, as malloc() aligns them; nothing to close. 0, or -ENOENT as above. */
int verdicts_use(const uint8_t *bytes, size_t size, struct verdicts *ret);

#endif
