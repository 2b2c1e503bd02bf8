// SPDX-License-Identifier: Apache-2.0
/* arena: memory by lifetime: one compile. Chunks in a list, each allocation bumped from the
 * newest. It does not give single pieces back. */
#include "compiler/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 64 * 1024, ALIGN = _Alignof(max_align_t) };

struct chunk {
	struct chunk *older;
	size_t used, size;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct hone_arena {
	struct chunk *newest;
};

static void *must(void *memory)
{
	if (!memory) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return memory;
}

struct hone_arena *hone_arena_new(void)
{
	return must(calloc(1, sizeof(struct hone_arena)));
}

void hone_arena_free(struct hone_arena *arena)
{
	if (!arena)
		return;
	while (arena->newest) {
		struct chunk *older = arena->newest->older;

		free(arena->newest);
		arena->newest = older;
	}
	free(arena);
}

static struct chunk *add_chunk(struct hone_arena *arena, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *chunk = must(calloc(1, sizeof(*chunk) + size));

	chunk->size = size;
	chunk->older = arena->newest;
	arena->newest = chunk;
	return chunk;
}

void *hone_arena_alloc(struct hone_arena *arena, size_t n, size_t size)
{
	struct chunk *chunk = arena->newest;
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2)
		must(NULL);
	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = add_chunk(arena, bytes);
	memory = chunk->bytes + chunk->used;
	chunk->used += bytes;
	return memory;
}
