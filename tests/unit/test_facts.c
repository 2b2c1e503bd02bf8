// SPDX-License-Identifier: Apache-2.0
/* compiler/facts.c: classes, effects and what assumptions need. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/facts.h"

static struct hone_map a_map(uint32_t type)
{
	return (struct hone_map){
		.type = type,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 16,
		.complete = true,
		.n_cpus = 1,
	};
}

static void every_reason_has_a_text(void **state)
{
	(void)state;
	for (int i = 0; i < HONE_REASON_N; i++) {
		assert_true(strlen(hone_reason_id((enum hone_reason)i)) > 0);
		assert_true(strlen(hone_reason_text((enum hone_reason)i)) > 0);
		assert_non_null(hone_reason_advice((enum hone_reason)i));
	}
	assert_string_equal(hone_reason_id(HONE_REWRITTEN), "REWRITTEN");
}

static void untouched_hash_is_config(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_HASH);
	struct hone_effects none = {0};

	(void)state;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_CONFIG);
}

static void value_writers_leave_keys_fixed(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_HASH);
	struct hone_effects one_bit = {0}, past = {.changes_rest = true};

	(void)state;
	one_bit.changed[63] = 1;
	assert_int_equal(hone_class_of(&map, &one_bit), HONE_CLASS_KEYS_FIXED);
	assert_int_equal(hone_class_of(&map, &past), HONE_CLASS_KEYS_FIXED);
}

static void key_writers_make_it_live(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_HASH);
	struct hone_effects keys = {.writes_keys = true}, unknown = {.is_unknown = true};

	(void)state;
	assert_int_equal(hone_class_of(&map, &keys), HONE_CLASS_LIVE);
	assert_int_equal(hone_class_of(&map, &unknown), HONE_CLASS_LIVE);
}

static void frozen_is_fixed_only_when_programs_cannot_write(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_ARRAY);
	struct hone_effects none = {0};

	(void)state;
	map.is_frozen = true;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_CONFIG);
	map.flags = BPF_F_RDONLY_PROG;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_FIXED);
	map.is_frozen = false;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_CONFIG);
}

static void mmapable_is_live_until_frozen(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_ARRAY);
	struct hone_effects none = {0};

	(void)state;
	map.flags = BPF_F_MMAPABLE;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_LIVE);
	map.is_frozen = true;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_CONFIG);
}

static void types_that_change_by_themselves_are_live(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_DEVMAP);
	struct hone_effects none = {0};

	(void)state;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_LIVE);
	map.type = UINT32_MAX;
	assert_int_equal(hone_class_of(&map, &none), HONE_CLASS_LIVE);
}

static void join_is_a_union(void **state)
{
	struct hone_effects a = {0}, b = {.writes_keys = true, .changes_rest = true};

	(void)state;
	a.changed[1] = 0x0f;
	b.changed[1] = 0x30;
	hone_effects_join(&a, &b);
	assert_int_equal(hone_effects_changed(&a, 1), 0x3f);
	assert_int_equal(hone_effects_changed(&a, 0), 0);
	assert_int_equal(hone_effects_changed(&a, 1000), 0xff);
	assert_true(a.writes_keys);
	assert_false(a.is_unknown);
}

static void unknown_changes_every_bit(void **state)
{
	struct hone_effects unknown = {.is_unknown = true};

	(void)state;
	assert_int_equal(hone_effects_changed(&unknown, 0), 0xff);
	assert_true(hone_effects_writes_value(&unknown));
}

/* ---- assumptions ---- */

static bool holds(enum hone_assume_kind kind, const struct hone_map *was, const struct hone_map *is)
{
	struct hone_assumption assumption = {.kind = kind, .bits = 0x3f};

	return hone_assumption_holds(&assumption, was, is);
}

/* Entries as {key, word}, sorted by key. */
static void fill(struct hone_map *map, uint32_t n, uint32_t *keys, uint64_t *values)
{
	map->n_entries = n;
	map->keys = (uint8_t *)keys;
	map->values = (uint8_t *)values;
}

static void no_keys_ends_with_the_first(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_HASH), is = was;
	uint32_t keys[] = {7};
	uint64_t values[] = {0};

	(void)state;
	assert_true(holds(HONE_ASSUME_NO_KEYS, &was, &is));
	fill(&is, 1, keys, values);
	assert_false(holds(HONE_ASSUME_NO_KEYS, &was, &is));
}

static void partial_snapshots_prove_nothing(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_HASH), is = was;

	(void)state;
	is.complete = false;
	assert_false(holds(HONE_ASSUME_NO_KEYS, &was, &is));
	assert_false(holds(HONE_ASSUME_KEYS, &is, &was));
}

static void keys_hold_while_values_change(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_HASH), is = was;
	uint32_t keys[] = {7, 9}, others[] = {7, 10};
	uint64_t values[] = {1, 2}, counted[] = {1, 3};

	(void)state;
	fill(&was, 2, keys, values);
	fill(&is, 2, keys, counted);
	assert_true(holds(HONE_ASSUME_KEYS, &was, &is));
	assert_false(holds(HONE_ASSUME_VALUES, &was, &is));
	fill(&is, 2, others, values);
	assert_false(holds(HONE_ASSUME_KEYS, &was, &is));
	assert_false(holds(HONE_ASSUME_VALUES, &was, &is));
	fill(&is, 1, keys, values);
	assert_false(holds(HONE_ASSUME_KEYS, &was, &is));
}

static void array_values_compare_with_zeros_left_out(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_ARRAY), is = was;
	uint32_t both[] = {3, 4}, one[] = {4};
	uint64_t values[] = {0, 5}, value[] = {5};

	(void)state;
	fill(&was, 2, both, values);
	fill(&is, 1, one, value);
	assert_true(holds(HONE_ASSUME_VALUES, &was, &is));
	values[0] = 1ull << 63;
	assert_false(holds(HONE_ASSUME_VALUES, &was, &is));
	assert_false(holds(HONE_ASSUME_VALUES, &is, &was));
}

static void bits_hold_while_the_counter_moves(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_ARRAY), is = was;
	uint32_t keys[] = {3}, more[] = {3, 4};
	uint64_t before[] = {0x40 + 0x2}, after[] = {0x80 + 0x2, 0x40};

	(void)state;
	fill(&was, 1, keys, before);
	fill(&is, 2, more, after);
	assert_true(holds(HONE_ASSUME_VALUE_BITS, &was, &is));
	after[1] |= 1;
	assert_false(holds(HONE_ASSUME_VALUE_BITS, &was, &is));
	after[1] = 0;
	after[0] = 0x80;
	assert_false(holds(HONE_ASSUME_VALUE_BITS, &was, &is));
}

static void a_bit_on_any_cpu_counts(void **state)
{
	struct hone_map was = a_map(BPF_MAP_TYPE_PERCPU_ARRAY), is;
	uint32_t keys[] = {3};
	uint64_t before[] = {0, 1}, after[] = {2, 0};

	(void)state;
	was.n_cpus = 2;
	is = was;
	fill(&was, 1, keys, before);
	fill(&is, 1, keys, after);
	assert_true(holds(HONE_ASSUME_VALUE_BITS, &was, &is));
	after[0] = 0x40;
	assert_false(holds(HONE_ASSUME_VALUE_BITS, &was, &is));
}

static void bits_past_the_value_never_hold(void **state)
{
	struct hone_map map = a_map(BPF_MAP_TYPE_ARRAY);
	struct hone_assumption past = {.kind = HONE_ASSUME_VALUE_BITS, .offset = 1, .bits = 1};

	(void)state;
	assert_false(hone_assumption_holds(&past, &map, &map));
	map.value_size = 4;
	past.offset = 0;
	assert_false(hone_assumption_holds(&past, &map, &map));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_text),
		cmocka_unit_test(untouched_hash_is_config),
		cmocka_unit_test(value_writers_leave_keys_fixed),
		cmocka_unit_test(key_writers_make_it_live),
		cmocka_unit_test(frozen_is_fixed_only_when_programs_cannot_write),
		cmocka_unit_test(mmapable_is_live_until_frozen),
		cmocka_unit_test(types_that_change_by_themselves_are_live),
		cmocka_unit_test(join_is_a_union),
		cmocka_unit_test(unknown_changes_every_bit),
		cmocka_unit_test(no_keys_ends_with_the_first),
		cmocka_unit_test(partial_snapshots_prove_nothing),
		cmocka_unit_test(keys_hold_while_values_change),
		cmocka_unit_test(array_values_compare_with_zeros_left_out),
		cmocka_unit_test(bits_hold_while_the_counter_moves),
		cmocka_unit_test(a_bit_on_any_cpu_counts),
		cmocka_unit_test(bits_past_the_value_never_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
