/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arena.h - memory that is given back all at once
 */
#ifndef CNIDA_POLICY_ARENA_H
#define CNIDA_POLICY_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/* arena_new() - Empty arena, or NULL when out of memory. */
struct arena *arena_new(void);
/* arena_free() - With everything that lies in it; NULL is fine. */
void arena_free(struct arena *a);

/* arena_alloc() - @n times @size bytes, zeroed and aligned for everything;
 * never NULL for a size of 0. NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/* arena_text() - Copy of @len bytes, terminated; NULL when out of memory. */
char *arena_text(struct arena *a, const char *text, size_t len);

/* arena_printf() - A formatted text, cut off at 1 KB; NULL when out of memory.
 */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * arena_grow() - Room for one more element of an array that lies in the arena
 * @array:	the array; NULL if @n is 0
 * @n:		elements in use, all of which came one by one
 *
 * What the array outgrows stays behind, at most as much again as it takes in
 * the end.
 *
 * Return: the array, which may have moved, or NULL when out of memory (then the
 * old one is as it was).
 */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size);

#endif
