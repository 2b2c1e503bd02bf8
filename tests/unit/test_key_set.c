// SPDX-License-Identifier: Apache-2.0
/* key_set, tables: exactly the keys of a map are found, whatever they look like. The search here
 * follows the table as the generated code does (stub.c); tests/kernel/test_passes.c runs that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "compiler/pass_ctx.h"

enum { KEY_BYTES_MAX = 64, NO_LIMIT = 1 << 26 };

struct fixture {
	struct hone_arena *arena;
	struct hone_ir ir;
	struct hone_map map;
	struct hone_key_set sets[1];
	struct hone_bitmap bitmaps[4];
	struct hone_pass_ctx cx;
};

static void set_up(struct fixture *f, uint32_t limit)
{
	memset(f, 0, sizeof(*f));
	f->arena = hone_arena_new();
	f->ir.arena = f->arena;
	f->ir.tables = hone_tables_new(f->arena, limit);
	f->cx.ir = &f->ir;
	f->cx.key_sets = f->sets;
	f->cx.bitmaps = f->bitmaps;
	f->map.n_cpus = 1;
}

static void tear_down(struct fixture *f)
{
	hone_arena_free(f->arena);
	free(f->map.keys);
	free(f->map.values);
}

/* ---- key sets ---- */

static int compare_size;

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, (size_t)compare_size);
}

/* Sorted, each key once, as in a snapshot. */
static void sort_keys(struct hone_map *map)
{
	uint32_t n = 0;

	compare_size = (int)map->key_size;
	qsort(map->keys, map->n_entries, map->key_size, compare_keys);
	for (uint32_t i = 0; i < map->n_entries; i++) {
		uint8_t *key = map->keys + (size_t)i * map->key_size;

		if (n > 0 &&
		    !memcmp(map->keys + (size_t)(n - 1) * map->key_size, key, map->key_size))
			continue;
		memmove(map->keys + (size_t)n++ * map->key_size, key, map->key_size);
	}
	map->n_entries = n;
}

static bool is_key(const struct hone_map *map, const uint8_t *key)
{
	compare_size = (int)map->key_size;
	return bsearch(key, map->keys, map->n_entries, map->key_size, compare_keys);
}

static bool is_found(const struct fixture *f, const uint8_t *key)
{
	const struct hone_key_set *set = &f->sets[0];
	uint64_t hash = hone_key_hash(set, key);

	for (unsigned int choice = 0; choice < set->n_choices; choice++) {
		uint64_t slot = hone_key_slot(set, hash, choice);
		size_t at = set->offset + (slot << set->log2_stride);

		assert_true(at + f->map.key_size <= f->ir.tables->size);
		if (!memcmp(f->ir.tables->bytes + at, key, f->map.key_size))
			return true;
	}
	return false;
}

static void expect_same(const struct fixture *f, const uint8_t *key)
{
	assert_int_equal(is_found(f, key), is_key(&f->map, key));
}

/* Each key, all its one-bit and one-byte neighbours, all zeros, all ones, random ones. */
static void expect_exact(const struct fixture *f)
{
	uint8_t key[KEY_BYTES_MAX];
	uint32_t size = f->map.key_size;

	for (uint32_t i = 0; i < f->map.n_entries; i++) {
		memcpy(key, f->map.keys + (size_t)i * size, size);
		assert_true(is_found(f, key));
		for (uint32_t bit = 0; bit < size * 8; bit++) {
			key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1u << bit % 8);
			expect_same(f, key);
			key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1u << bit % 8);
		}
		for (uint32_t byte = 0; byte < size; byte++) {
			key[byte]++;
			expect_same(f, key);
			key[byte] = (uint8_t)(key[byte] - 2);
			expect_same(f, key);
			key[byte]++;
		}
	}
	memset(key, 0, sizeof(key));
	expect_same(f, key);
	memset(key, 0xff, sizeof(key));
	expect_same(f, key);
	for (int i = 0; i < 100000; i++) {
		for (uint32_t byte = 0; byte < size; byte++)
			key[byte] = (uint8_t)rand();
		expect_same(f, key);
	}
}

static void fill_random(uint8_t *key, uint32_t size, uint32_t i)
{
	(void)i;
	for (uint32_t byte = 0; byte < size; byte++)
		key[byte] = (uint8_t)rand();
}

/* The counter in the last bytes, as addresses in one network have it. */
static void fill_sequence(uint8_t *key, uint32_t size, uint32_t i)
{
	memset(key, 0x20, size);
	for (uint32_t byte = 0; byte < size && byte < 4; byte++)
		key[size - 1 - byte] = (uint8_t)(i >> 8 * byte);
}

/* The counter in the first bytes, zeros behind: indexes. */
static void fill_index(uint8_t *key, uint32_t size, uint32_t i)
{
	memset(key, 0, size);
	memcpy(key, &i, size < sizeof(i) ? size : sizeof(i));
}

static void expect_set(uint32_t key_size, uint32_t n,
		       void (*fill)(uint8_t *key, uint32_t size, uint32_t i))
{
	struct fixture f;
	uint32_t table;

	set_up(&f, NO_LIMIT);
	f.map.type = BPF_MAP_TYPE_HASH;
	f.map.key_size = key_size;
	f.map.n_entries = n;
	f.map.keys = calloc(n, key_size);
	for (uint32_t i = 0; i < n; i++)
		fill(f.map.keys + (size_t)i * key_size, key_size, i);
	sort_keys(&f.map);

	assert_int_equal(hone_table_key_set(&f.cx, &f.map, &table), 0);
	assert_int_equal(table, 0);
	printf("%2u-byte keys, %6u of them: %u choice(s), %u slots of %u bytes\n", key_size,
	       f.map.n_entries, f.sets[0].n_choices, 1u << f.sets[0].log2_slots,
	       1u << f.sets[0].log2_stride);
	expect_exact(&f);
	tear_down(&f);
}

static void finds_exactly_the_keys(void **state)
{
	static const uint32_t key_sizes[] = {1, 2, 3, 4, 6, 8, 12, 16, 20, 37, 40, 64};
	static const uint32_t counts[] = {1, 2, 3, 10, 100, 250};

	(void)state;
	for (size_t i = 0; i < sizeof(key_sizes) / sizeof(key_sizes[0]); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++) {
			expect_set(key_sizes[i], counts[j], fill_random);
			expect_set(key_sizes[i], counts[j], fill_sequence);
			expect_set(key_sizes[i], counts[j], fill_index);
		}
}

static void finds_keys_of_large_sets(void **state)
{
	(void)state;
	expect_set(4, 1000, fill_random);
	expect_set(4, 1000, fill_sequence);
	expect_set(16, 1000, fill_sequence);
	expect_set(4, 60000, fill_random);
	expect_set(4, 60000, fill_index);
	expect_set(16, 20000, fill_sequence);
	expect_set(2, 30000, fill_index);
	expect_set(1, 256, fill_index);
}

static void same_map_is_one_set(void **state)
{
	struct fixture f;
	uint32_t first, second, size;

	(void)state;
	set_up(&f, NO_LIMIT);
	f.map.type = BPF_MAP_TYPE_HASH;
	f.map.key_size = 4;
	f.map.n_entries = 1;
	f.map.keys = calloc(1, 4);
	assert_int_equal(hone_table_key_set(&f.cx, &f.map, &first), 0);
	size = f.ir.tables->size;
	assert_int_equal(hone_table_key_set(&f.cx, &f.map, &second), 0);
	assert_int_equal(first, second);
	assert_int_equal(size, f.ir.tables->size);
	tear_down(&f);
}

/* ---- the map's bytes ---- */

static void first_word_is_never_an_epoch(void **state)
{
	struct fixture f;
	uint64_t expected;

	(void)state;
	set_up(&f, NO_LIMIT);
	memcpy(&expected, f.ir.tables->bytes, sizeof(expected));
	assert_true(expected == HONE_EPOCH_NEVER);
	assert_int_equal(f.ir.tables->size, sizeof(expected));
	tear_down(&f);
}

static void shares_only_when_asked(void **state)
{
	uint8_t bytes[100] = {1, 2, 3};
	struct fixture f;
	uint32_t first, shared, own;

	(void)state;
	set_up(&f, NO_LIMIT);
	assert_int_equal(hone_tables_append(f.ir.tables, bytes, sizeof(bytes), true, &first), 0);
	assert_int_equal(first % 64, 0);
	assert_int_equal(hone_tables_append(f.ir.tables, bytes, sizeof(bytes), true, &shared), 0);
	assert_int_equal(first, shared);
	assert_int_equal(hone_tables_append(f.ir.tables, bytes, sizeof(bytes), false, &own), 0);
	assert_int_not_equal(first, own);
	tear_down(&f);
}

static void keeps_to_the_limit(void **state)
{
	uint8_t bytes[64] = {1};
	struct fixture f;
	uint32_t offset;

	(void)state;
	set_up(&f, 128);
	assert_int_equal(hone_tables_append(f.ir.tables, bytes, 64, false, &offset), 0);
	assert_int_equal(f.ir.tables->size, 128);
	assert_int_equal(hone_tables_append(f.ir.tables, bytes, 8, false, &offset), -E2BIG);
	assert_int_equal(f.ir.tables->size, 128);
	assert_int_equal(hone_tables_reserve(f.ir.tables, 1), -E2BIG);
	tear_down(&f);
}

/* ---- bitmaps ---- */

static void fill_array(struct fixture *f, uint32_t max_entries, uint32_t index, uint64_t word)
{
	f->map.type = BPF_MAP_TYPE_PERCPU_ARRAY;
	f->map.key_size = 4;
	f->map.value_size = 8;
	f->map.max_entries = max_entries;
	f->map.n_entries = 1;
	f->map.n_cpus = 3;
	f->map.keys = malloc(4);
	memcpy(f->map.keys, &index, 4);
	f->map.values = calloc(3, 8);
	memcpy(f->map.values + 16, &word, 8); /* the last CPU's alone */
}

static void one_cpu_sets_an_indexs_bit(void **state)
{
	struct fixture f;
	uint32_t table;

	(void)state;
	set_up(&f, NO_LIMIT);
	fill_array(&f, 1000, 999, 0x42);
	assert_int_equal(hone_table_bitmap(&f.cx, &f.map, 0, 0x2, &table), 0);
	assert_int_equal(f.bitmaps[table].n_bits, 1024);
	for (uint32_t i = 0; i < 1024; i++) {
		uint8_t byte = f.ir.tables->bytes[f.bitmaps[table].offset + i / 8];

		assert_int_equal(byte >> i % 8 & 1, i == 999);
	}
	tear_down(&f);
}

static void no_bit_needs_no_bitmap(void **state)
{
	struct fixture f;
	uint32_t table;

	(void)state;
	set_up(&f, NO_LIMIT);
	fill_array(&f, 1000, 999, 0x40);
	assert_int_equal(hone_table_bitmap(&f.cx, &f.map, 0, 0x3, &table), 0);
	assert_int_equal(table, HONE_TABLE_NONE);
	assert_int_equal(f.ir.tables->size, 8);
	tear_down(&f);
}

static void equal_bitmaps_are_shared(void **state)
{
	struct fixture f;
	uint32_t first, second;

	(void)state;
	set_up(&f, NO_LIMIT);
	fill_array(&f, 1000, 5, 0x3);
	assert_int_equal(hone_table_bitmap(&f.cx, &f.map, 0, 0x1, &first), 0);
	assert_int_equal(hone_table_bitmap(&f.cx, &f.map, 0, 0x2, &second), 0);
	assert_int_equal(f.bitmaps[first].offset, f.bitmaps[second].offset);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_exactly_the_keys),
		cmocka_unit_test(finds_keys_of_large_sets),
		cmocka_unit_test(same_map_is_one_set),
		cmocka_unit_test(first_word_is_never_an_epoch),
		cmocka_unit_test(shares_only_when_asked),
		cmocka_unit_test(keeps_to_the_limit),
		cmocka_unit_test(one_cpu_sets_an_indexs_bit),
		cmocka_unit_test(no_bit_needs_no_bitmap),
		cmocka_unit_test(equal_bitmaps_are_shared),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
