/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_arena.c - memory for the JSON trees of a process that lives for a millisecond
 */
#include "base/json_arena.h"

#include "base/json.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* Pages of it that no tree reaches are never touched, so they cost nothing. */
#define ARENA_SIZE 65536

static alignas(max_align_t) uint8_t arena[ARENA_SIZE];
static size_t used;

static void *arena_malloc(size_t size)
{
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *p = arena + used;

	if (need < size || need > ARENA_SIZE - used)
		return malloc(size);
	used += need;
	return p;
}

static void arena_free(void *p)
{
	uintptr_t at = (uintptr_t)p, start = (uintptr_t)arena;

	if (at < start || at >= start + ARENA_SIZE)
		free(p);
}

void *jalloc(size_t size)
{
	json_malloc_t get;

	json_get_alloc_funcs(&get, NULL);
	return get(size);
}

void jfree(void *p)
{
	json_free_t give_back;

	json_get_alloc_funcs(NULL, &give_back);
	give_back(p);
}

void json_arena_use(void)
{
	const void *random = (const void *)getauxval(AT_RANDOM); /* of any alignment */
	size_t seed;

	json_set_alloc_funcs(arena_malloc, arena_free);
	/* The kernel has handed random bytes over already: no need to open /dev/urandom for the hash seed. */
	if (random) {
		memcpy(&seed, random, sizeof(seed));
		json_object_seed(seed);
	}
}
