/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.c - memory that is given back all at once
 */
#include "policy/arena.h"

#include "base/bytes.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN ((size_t)16 << 10)
#define CHUNK_MAX ((size_t)1 << 20)
#define TEXT_MAX  1024

struct chunk {
	struct chunk *next;
	size_t size, used; /* of data */
	alignas(max_align_t) uint8_t data[];
};

struct arena {
	struct chunk *chunks; /* the first is the one that is filled */
	size_t next_size;
};

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a)
		a->next_size = CHUNK_MIN;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

/* What does not fit into half a chunk gets one of its own, behind the one that
 * is being filled. */
static struct chunk *add_chunk(struct arena *a, size_t need)
{
	size_t size = need > a->next_size / 2 ? need : a->next_size;
	struct chunk *c = calloc(1, sizeof(*c) + size);

	if (!c)
		return NULL;
	c->size = size;
	if (size == need && a->chunks) {
		c->next = a->chunks->next;
		a->chunks->next = c;
		return c;
	}
	c->next = a->chunks;
	a->chunks = c;
	if (a->next_size < CHUNK_MAX)
		a->next_size *= 2;
	return c;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	struct chunk *c = a->chunks;
	size_t need;
	void *p;

	if (__builtin_mul_overflow(n, size, &need) || need > SIZE_MAX / 4)
		return NULL;
	need = (need + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!c || need > c->size - c->used) {
		c = add_chunk(a, need);
		if (!c)
			return NULL;
	}
	p = c->data + c->used;
	c->used += need;
	return p;
}

/* Rounded up like everything: 8 bytes of a text are wasted on average, and
 * nothing need be realigned. */
char *arena_text(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1, 1);

	if (copy)
		bytes_copy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		return NULL;
	return arena_text(a, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
	void *moved;

	/* Its room is 8, or the next power of two: no need to write it down. */
	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return array;
	moved = arena_alloc(a, n ? 2 * n : 8, size);
	if (moved && n)
		memcpy(moved, array, n * size);
	return moved;
}
