/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image.h - compiled policy as the bytes that the eBPF programs walk (layout: bpf/abi.h), and a reader of them
 *
 * Pure. The reader looks things up exactly as the programs do and trusts no byte of the image: tests compare it
 * with the tables, and `cnida policy status` counts with it.
 */
#ifndef CNIDA_POLICY_IMAGE_H
#define CNIDA_POLICY_IMAGE_H

#include "base/err.h"
#include "base/ip.h"
#include "bpf/abi.h"
#include "policy/tables.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	uint8_t *bytes; /* owned */
	size_t size;    /* what the header says: bytes in use */
};

void image_free(struct image *image);

/**
 * image_build() - Make the image of compiled policy
 *
 * Hash tables are at most half full, and grown until no entry is more than IMAGE_PROBES - 1 places from where it belongs.
 *
 * @local:	addresses of pods that run on this node, in any order: they are endpoints, not hosts
 * @parity:	slot of the endpoints that belongs to the image, 0 or 1
 * @capacity:	bytes that the map can take
 * @ret:	free with image_free() on success
 *
 * Return: 0; -E2BIG with code 11, the needed size in ret->size and no bytes; or -ENOMEM.
 */
int image_build(const struct tables *t, const struct ip_addr *local, size_t n_local,
                uint32_t parity, size_t capacity, struct image *ret, struct err *e);

/* image_check() - Does everything that the header tells lie inside, are sizes and order right? 0 or -EBADMSG. */
int image_check(const struct image *image, struct err *e);

/* image_allow() - Does the cell (@set, @class) hold this protocol and port (host order)? Like tables_allow(). */
bool image_allow(const struct image *image, uint32_t set, uint32_t class, uint8_t proto,
                 uint16_t port);
/* image_host() - Class of a pod of another node by its address; 0 if there is none. */
uint32_t image_host(const struct image *image, const struct ip_addr *addr);
/* image_block() - Class of the ipBlocks that an address lies in; 0 if none. Like tables_block(). */
uint32_t image_block(const struct image *image, const struct ip_addr *addr);

#endif
