// SPDX-License-Identifier: Apache-2.0
/* tables: the bytes of the image's own map, and the bitmaps in it.
 *
 * Runs while passes decide. Writes no IR: stub.c reads the tables from the program. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "compiler/pass_ctx.h"

enum {
	EXPECTED_BYTES = 8, /* struct hone_image: the table starts with `expected` */
	WORD_BYTES = 8,
	LINE_BYTES = 64,
	BITMAP_BITS_MIN = 64,
	BYTES_MAX = 1 << 28, /* the verifier's largest offset (BPF_MAX_VAR_OFF) is twice that */
};

struct hone_tables *hone_tables_new(struct hone_arena *arena, uint32_t limit_bytes)
{
	struct hone_tables *tables = hone_arena_alloc(arena, 1, sizeof(*tables));
	const uint64_t never = HONE_EPOCH_NEVER;

	tables->arena = arena;
	tables->limit = limit_bytes < BYTES_MAX ? limit_bytes : BYTES_MAX;
	tables->capacity = 4096;
	tables->bytes = hone_arena_alloc(arena, tables->capacity, 1);
	memcpy(tables->bytes, &never, sizeof(never));
	tables->size = EXPECTED_BYTES;
	return tables;
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static void grow(struct hone_tables *tables, uint64_t size)
{
	uint64_t capacity = tables->capacity;
	uint8_t *bytes;

	if (size <= capacity)
		return;

	while (capacity < size)
		capacity *= 2;
	bytes = hone_arena_alloc(tables->arena, capacity, 1);
	memcpy(bytes, tables->bytes, tables->size);
	tables->bytes = bytes;
	tables->capacity = (uint32_t)capacity;
}

/* An aligned place where the same bytes already are; -1: none. */
static int64_t find_equal(const struct hone_tables *tables, const void *bytes, size_t size,
			  uint64_t align)
{
	for (uint64_t at = round_up(EXPECTED_BYTES, align); at + size <= tables->size; at += align)
		if (!memcmp(tables->bytes + at, bytes, size))
			return (int64_t)at;
	return -1;
}

int hone_tables_append(struct hone_tables *tables, const void *bytes, size_t size, bool may_share,
		       uint32_t *offset)
{
	uint64_t align = size >= LINE_BYTES ? LINE_BYTES : WORD_BYTES;
	int64_t equal = may_share ? find_equal(tables, bytes, size, align) : -1;
	uint64_t at = round_up(tables->size, align);

	if (equal >= 0) {
		*offset = (uint32_t)equal;
		return 0;
	}
	if (size > tables->limit || at + size + tables->reserved > tables->limit)
		return -E2BIG;

	grow(tables, at + size);
	memcpy(tables->bytes + at, bytes, size);
	tables->size = (uint32_t)(at + size);
	*offset = (uint32_t)at;
	return 0;
}

int hone_tables_reserve(struct hone_tables *tables, size_t size)
{
	uint64_t bytes = round_up(size, LINE_BYTES) + LINE_BYTES;

	if (size > tables->limit || bytes + tables->size + tables->reserved > tables->limit)
		return -E2BIG;

	tables->reserved += (uint32_t)bytes;
	return 0;
}

/* Has any CPU's word at `offset` any of `bits`? */
static bool has_bits(const struct hone_map *map, uint32_t entry, uint32_t offset, uint64_t bits)
{
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++) {
		uint64_t word;

		memcpy(&word, hone_map_value(map, entry, cpu) + offset, sizeof(word));
		if (word & bits)
			return true;
	}
	return false;
}

static uint32_t array_index(const struct hone_map *map, uint32_t entry)
{
	uint32_t index;

	memcpy(&index, map->keys + (size_t)entry * sizeof(index), sizeof(index));
	return index;
}

int hone_table_bitmap(struct hone_pass_ctx *cx, const struct hone_map *map, uint32_t offset,
		      uint64_t bits, uint32_t *table)
{
	struct hone_bitmap *bitmap = &cx->bitmaps[cx->n_bitmaps];
	uint64_t n_bits = BITMAP_BITS_MIN;
	uint8_t *bytes;
	bool any = false;
	int err;

	assert(map->key_size == sizeof(uint32_t) && offset + sizeof(bits) <= map->value_size);
	while (n_bits < map->max_entries)
		n_bits *= 2;

	if (n_bits / 8 > cx->ir->tables->limit)
		return -E2BIG;

	bytes = hone_arena_alloc(cx->ir->arena, n_bits / 8, 1);
	for (uint32_t i = 0; i < map->n_entries; i++) {
		uint32_t index = array_index(map, i);

		if (index >= map->max_entries || !has_bits(map, i, offset, bits))
			continue;
		bytes[index / 8] = (uint8_t)(bytes[index / 8] | 1u << index % 8);
		any = true;
	}
	if (!any) {
		*table = HONE_TABLE_NONE;
		return 0;
	}

	err = hone_tables_append(cx->ir->tables, bytes, n_bits / 8, true, &bitmap->offset);
	if (err)
		return err;

	bitmap->map = map->index;
	bitmap->n_bits = n_bits;
	*table = cx->n_bitmaps++;
	return 0;
}
