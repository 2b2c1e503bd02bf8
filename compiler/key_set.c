// SPDX-License-Identifier: Apache-2.0
/* key_set: a set of keys as a flat table in the image's map.
 *
 * Slots of a power-of-two size hold one key each. A key is in the slot that the high bits of its
 * hash name, or, in sets too large for a collision-free hash, in one of two such slots. The
 * program compares all bytes of the key with all candidate slots, so the hash only has to be
 * good, never right; the builder looks for multipliers that place every key.
 *
 * A slot without a key of its own holds a copy of another key of the set: whatever matches there
 * is in the set all the same, so no flag is needed and no key is special.
 *
 * Runs while passes decide. Deterministic: the multipliers tried are a fixed sequence. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "compiler/pass_ctx.h"

enum {
	KEY_BYTES_MAX = 64,
	SLOTS_LOG2_MAX = 24,
	NO_KEY = -1,

	/* One choice, when a set is small: up to 16 slots a key, and a table that stays in the
	 * first-level cache. Two choices: load 0.25 to 0.5, where nine of ten
	 * multipliers place every key of 1000. */
	ONE_CHOICE_SLOTS_PER_KEY = 16,
	ONE_CHOICE_BYTES_MAX = 16 * 1024,
	ONE_CHOICE_TRIES = 256,
	TWO_CHOICE_TRIES = 64,
	TWO_CHOICE_GROWTH = 3,
	MOVES_MAX = 512,
};

/* splitmix64: equidistributed, a fixed sequence. */
static uint64_t next_multiplier(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) | 1;
}

static unsigned int log2_ceil(uint64_t value)
{
	unsigned int log2 = 0;

	while (((uint64_t)1 << log2) < value)
		log2++;
	return log2;
}

/* The words that a key is read in: naturally aligned if the key is. */
static void split_key(struct hone_key_set *set, uint32_t key_size)
{
	uint32_t at = 0;

	set->n_words = 0;
	for (uint32_t size = 8; size > 0; size /= 2)
		for (; key_size - at >= size; at += size)
			set->words[set->n_words++] =
				(struct hone_key_word){.offset = at, .size = size};
}

/* The same steps as stub.c generates. Words of 8 bytes are folded first, so that their upper half
 * reaches the lower bits, which the second choice needs. */
uint64_t hone_key_hash(const struct hone_key_set *set, const uint8_t *key)
{
	uint64_t hash = 0;

	for (unsigned int i = 0; i < set->n_words; i++) {
		const struct hone_key_word *word = &set->words[i];
		uint64_t value = 0;

		memcpy(&value, key + word->offset, word->size); /* little-endian */
		if (word->size == 8)
			value ^= value >> 32;
		hash += value * word->multiplier;
	}
	return hash;
}

uint64_t hone_key_slot(const struct hone_key_set *set, uint64_t hash, unsigned int choice)
{
	uint64_t mask = ((uint64_t)1 << set->log2_slots) - 1;

	return hash >> (64 - (choice + 1) * set->log2_slots) & mask;
}

struct builder {
	struct hone_key_set *set;
	const struct hone_map *map;
	int32_t *slots;	  /* entry of the map, or NO_KEY */
	uint64_t *hashes; /* per entry */
};

/* Put one key in, moving others to their other slot as long as it takes. */
static bool place(struct builder *b, uint32_t entry)
{
	unsigned int choice = 0;

	for (unsigned int moves = 0; moves < MOVES_MAX; moves++) {
		uint64_t slot = hone_key_slot(b->set, b->hashes[entry], choice);
		int32_t evicted = b->slots[slot];

		b->slots[slot] = (int32_t)entry;
		if (evicted == NO_KEY)
			return true;
		if (b->set->n_choices == 1)
			return false;

		entry = (uint32_t)evicted;
		choice = hone_key_slot(b->set, b->hashes[entry], 0) == slot;
	}
	return false;
}

static bool place_all(struct builder *b)
{
	const struct hone_map *map = b->map;

	for (uint64_t i = 0; i < (uint64_t)1 << b->set->log2_slots; i++)
		b->slots[i] = NO_KEY;
	for (uint32_t i = 0; i < map->n_entries; i++)
		b->hashes[i] = hone_key_hash(b->set, map->keys + (size_t)i * map->key_size);
	for (uint32_t i = 0; i < map->n_entries; i++)
		if (!place(b, i))
			return false;
	return true;
}

static bool try_multipliers(struct builder *b, unsigned int log2_slots, unsigned int n_choices,
			    unsigned int tries)
{
	uint64_t state = log2_slots;

	b->set->log2_slots = log2_slots;
	b->set->n_choices = n_choices;
	while (tries-- > 0) {
		for (unsigned int i = 0; i < b->set->n_words; i++)
			b->set->words[i].multiplier = next_multiplier(&state);
		if (place_all(b))
			return true;
	}
	return false;
}

/* The most slots that any try may use. */
static unsigned int largest_log2(const struct hone_map *map)
{
	return log2_ceil((uint64_t)map->n_entries * ONE_CHOICE_SLOTS_PER_KEY);
}

static bool find_placement(struct builder *b)
{
	uint64_t n = b->map->n_entries;
	unsigned int limit = log2_ceil(n * ONE_CHOICE_SLOTS_PER_KEY);
	unsigned int first = log2_ceil(n * 2);

	for (unsigned int log2 = first; log2 <= limit; log2++) {
		if ((uint64_t)1 << (log2 + b->set->log2_stride) > ONE_CHOICE_BYTES_MAX)
			break;
		if (try_multipliers(b, log2, 1, ONE_CHOICE_TRIES))
			return true;
	}
	for (unsigned int log2 = first; log2 < first + TWO_CHOICE_GROWTH; log2++)
		if (try_multipliers(b, log2, 2, TWO_CHOICE_TRIES))
			return true;
	return false;
}

static int write_table(struct hone_pass_ctx *cx, const struct builder *b)
{
	const struct hone_map *map = b->map;
	struct hone_key_set *set = b->set;
	uint64_t n_slots = (uint64_t)1 << set->log2_slots;
	uint64_t stride = (uint64_t)1 << set->log2_stride;
	uint8_t *bytes;

	if (n_slots * stride > cx->ir->tables->limit)
		return -E2BIG;

	bytes = hone_arena_alloc(cx->ir->arena, n_slots, stride);
	for (uint64_t i = 0; i < n_slots; i++) {
		uint32_t entry = b->slots[i] == NO_KEY ? 0 : (uint32_t)b->slots[i];

		memcpy(bytes + i * stride, map->keys + (size_t)entry * map->key_size,
		       map->key_size);
	}
	return hone_tables_append(cx->ir->tables, bytes, n_slots * stride, true, &set->offset);
}

int hone_table_key_set(struct hone_pass_ctx *cx, const struct hone_map *map, uint32_t *table)
{
	struct hone_key_set *set = &cx->key_sets[cx->n_key_sets];
	struct builder b = {.set = set, .map = map};
	int err;

	assert(map->n_entries > 0);
	for (uint32_t i = 0; i < cx->n_key_sets; i++)
		if (cx->key_sets[i].map == map->index) {
			*table = i;
			return 0;
		}

	if (map->key_size > KEY_BYTES_MAX || largest_log2(map) > SLOTS_LOG2_MAX)
		return -E2BIG;

	set->map = map->index;
	set->log2_stride = log2_ceil(map->key_size);
	split_key(set, map->key_size);
	b.slots = hone_arena_alloc(cx->ir->arena, (size_t)1 << largest_log2(map), sizeof(*b.slots));
	b.hashes = hone_arena_alloc(cx->ir->arena, map->n_entries, sizeof(*b.hashes));
	if (!find_placement(&b))
		return -E2BIG;

	err = write_table(cx, &b);
	if (err)
		return err;

	*table = cx->n_key_sets++;
	return 0;
}
