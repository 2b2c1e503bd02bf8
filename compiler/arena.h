/* SPDX-License-Identifier: Apache-2.0 */
/* arena: the memory of one compile. Given back when the process ends or with hone_arena_free(). */
#ifndef HONE_ARENA_H
#define HONE_ARENA_H

#include <stddef.h>

struct hone_arena;

/* hone_arena_new() - an empty arena; ends the process when memory is out, as all of these do:
 * a compile without memory is a compile that did not happen. */
struct hone_arena *hone_arena_new(void);
void hone_arena_free(struct hone_arena *arena);

/* hone_arena_alloc() - n * size zeroed bytes, aligned for any type. */
void *hone_arena_alloc(struct hone_arena *arena, size_t n, size_t size);

#endif
