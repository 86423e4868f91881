/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_arena.h - memory for the JSON trees of a process that lives for a millisecond
 */
#ifndef CNIDA_BASE_JSON_ARENA_H
#define CNIDA_BASE_JSON_ARENA_H

/**
 * json_arena_use() - Have all JSON trees allocated one after another from a fixed area, until it is full
 *
 * A plugin builds a few small trees and ends: giving each node back only costs system calls (musl's allocator
 * unmaps what becomes empty). What does not fit comes from malloc() as before. Call it before the first tree.
 */
void json_arena_use(void);

#endif
