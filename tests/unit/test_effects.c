// SPDX-License-Identifier: Apache-2.0
/* compiler/effects.c: which bits of which map a program may change, and its sites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/elf_unit.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
	{.index = 2, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4},
	{.index = 3, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 100},
};

#define EFFECTS(...)                                                                               \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	struct hone_analysis *analysis = analysed(&unit);                                          \
	const struct hone_effects *effects = analysis->effects;                                    \
	(void)state, (void)effects

/* r0: value of map `map`, not NULL from here on. */
#define VALUE_OF(map) LOOKUP_IN(map), JUMP(BPF_JNE, 0, 0, 2), MOV(0, 0), EXIT()
#define DONE() MOV(0, 0), EXIT()

/* Bytes 0-7 of the value as one word, what the program may change in it. */
static uint64_t changed(const struct hone_effects *effects, uint32_t offset)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < 8; i++)
		bits |= (uint64_t)hone_effects_changed(effects, offset + i) << (8 * i);
	return bits;
}

static void assert_untouched(const struct hone_effects *effects)
{
	assert_false(effects->writes_keys || hone_effects_writes_value(effects));
}

#define ALL UINT64_MAX

static void lookups_change_nothing(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), DONE());
	assert_untouched(&effects[0]);
	assert_untouched(&effects[1]);
	assert_int_equal(hone_class_of(&maps[0], &effects[0]), HONE_CLASS_CONFIG);
}

static void stores_change_their_bytes(void **state)
{
	EFFECTS(VALUE_OF(0), STORE(BPF_W, 0, 4, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xffffffff00000000);
	assert_int_equal(changed(&effects[0], 8), 0);
	assert_false(effects[0].writes_keys);
	assert_untouched(&effects[1]);
	assert_int_equal(hone_class_of(&maps[0], &effects[0]), HONE_CLASS_KEYS_FIXED);
}

static void moved_pointers_are_followed(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(6, 0), ALU(BPF_ADD, 6, 6), STORE(BPF_H, 6, 2, 1), DONE());
	assert_int_equal(changed(&effects[0], 8), 0xffff);
	assert_int_equal(changed(&effects[0], 0), 0);
}

static void unknown_offsets_change_the_whole_value(void **state)
{
	EFFECTS(LOAD(BPF_W, 6, 1, 12), ALU(BPF_AND, 6, 7), VALUE_OF(0), ALU_REG(BPF_ADD, 0, 6),
		STORE(BPF_B, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
	assert_int_equal(changed(&effects[0], 8), ALL);
}

static void bytes_past_the_tracked_ones_are_the_rest(void **state)
{
	EFFECTS(VALUE_OF(3), STORE(BPF_DW, 0, 60, 1), DONE());
	assert_int_equal(changed(&effects[3], 56), 0xffffffff00000000);
	assert_true(effects[3].changes_rest);
	assert_int_equal(changed(&effects[3], 0), 0);
}

static void spilled_pointers_are_followed(void **state)
{
	EFFECTS(VALUE_OF(0), STORE_REG(BPF_DW, 10, -16, 0), MOV(0, 0), LOAD(BPF_DW, 6, 10, -16),
		STORE(BPF_B, 6, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xff);
}

static void merged_pointers_change_both_maps(void **state)
{
	EFFECTS(LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, LOOKUP_IN_INSNS + 3), VALUE_OF(1),
		STORE(BPF_B, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xff);
	assert_int_equal(changed(&effects[1], 0), 0xff);
}

static void packet_stores_change_no_map(void **state)
{
	EFFECTS(LOAD(BPF_W, 2, 1, 0), STORE(BPF_DW, 2, 0, 1), VALUE_OF(0), DONE());
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		assert_untouched(&effects[i]);
}

static void direct_values_are_the_maps(void **state)
{
	EFFECTS(LD_MAP_VALUE(6, 1, 4), STORE(BPF_B, 6, 1, 1), DONE());
	assert_int_equal(changed(&effects[1], 0), 0xff0000000000);
}

static void updates_write_keys(void **state)
{
	EFFECTS(MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), MOV_REG(3, 10), ALU(BPF_ADD, 3, -24),
		MOV(4, 0), LD_MAP(1, 0), CALL(BPF_FUNC_map_update_elem), DONE());
	assert_true(effects[0].writes_keys);
	assert_int_equal(hone_class_of(&maps[0], &effects[0]), HONE_CLASS_LIVE);
	assert_untouched(&effects[1]);
}

static void deletes_write_keys(void **state)
{
	EFFECTS(MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), LD_MAP(1, 0), CALL(BPF_FUNC_map_delete_elem),
		DONE());
	assert_true(effects[0].writes_keys);
}

static void updates_of_arrays_change_values_only(void **state)
{
	EFFECTS(MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), MOV_REG(3, 10), ALU(BPF_ADD, 3, -16),
		MOV(4, 0), LD_MAP(1, 1), CALL(BPF_FUNC_map_update_elem), DONE());
	assert_false(effects[1].writes_keys);
	assert_int_equal(changed(&effects[1], 0), ALL);
}

static void helpers_change_what_they_fill(void **state)
{
	EFFECTS(MOV_REG(6, 1), VALUE_OF(0), MOV_REG(1, 6), MOV(2, 0), MOV_REG(3, 0),
		ALU(BPF_ADD, 3, 2), MOV(4, 3), CALL(BPF_FUNC_xdp_load_bytes), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xffffff0000);
}

static void helpers_of_unknown_length_change_the_value(void **state)
{
	EFFECTS(MOV_REG(6, 1), VALUE_OF(0), LOAD(BPF_W, 4, 6, 12), MOV_REG(1, 6), MOV(2, 0),
		MOV_REG(3, 0), CALL(BPF_FUNC_xdp_load_bytes), DONE());
	assert_int_equal(changed(&effects[0], 8), ALL);
}

static void helpers_that_read_change_nothing(void **state)
{
	EFFECTS(MOV_REG(6, 1), VALUE_OF(0), MOV_REG(1, 6), MOV(2, 0), MOV_REG(3, 0), MOV(4, 3),
		CALL(BPF_FUNC_xdp_store_bytes), DONE());
	assert_untouched(&effects[0]);
}

static void values_as_keys_are_only_read(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(2, 0), LD_MAP(1, 1), LOOKUP(), DONE());
	assert_untouched(&effects[0]);
}

static void pointers_stored_to_memory_are_out_of_sight(void **state)
{
	EFFECTS(VALUE_OF(1), MOV_REG(6, 0), VALUE_OF(0), STORE_REG(BPF_DW, 0, 0, 6), DONE());
	assert_true(effects[1].is_unknown);
	assert_false(effects[0].is_unknown);
	assert_int_equal(hone_class_of(&maps[1], &effects[1]), HONE_CLASS_LIVE);
}

static void inner_maps_count_for_all(void **state)
{
	EFFECTS(VALUE_OF(2), MOV_REG(1, 0), MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), LOOKUP(),
		JUMP(BPF_JEQ, 0, 0, 1), STORE(BPF_B, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xff);
	assert_int_equal(changed(&effects[1], 0), 0xff);
	assert_int_equal(analysis->sites[1].maps, 0);
}

static void stores_past_the_value_change_all_of_it(void **state)
{
	EFFECTS(VALUE_OF(0), STORE(BPF_DW, 0, 12, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
	assert_int_equal(changed(&effects[0], 8), ALL);
}

static void updates_of_inner_maps_count_for_all(void **state)
{
	EFFECTS(VALUE_OF(2), MOV_REG(1, 0), MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), MOV_REG(3, 10),
		ALU(BPF_ADD, 3, -24), MOV(4, 0), CALL(BPF_FUNC_map_update_elem), DONE());
	assert_true(effects[0].writes_keys);
	assert_true(effects[3].writes_keys);
	assert_int_equal(changed(&effects[1], 0), ALL);
}

static void arguments_that_are_not_described_change_the_value(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(3, 0), MOV_REG(1, 10), ALU(BPF_ADD, 1, -8), MOV(2, 8),
		CALL(BPF_FUNC_trace_printk), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void either_of_two_maps_may_be_updated(void **state)
{
	EFFECTS(LOAD(BPF_W, 6, 1, 12), LD_MAP(1, 0), JUMP(BPF_JEQ, 6, 0, 2), LD_MAP(1, 3),
		MOV_REG(2, 10), ALU(BPF_ADD, 2, -4), CALL(BPF_FUNC_map_delete_elem), DONE());
	assert_true(effects[0].writes_keys);
	assert_true(effects[3].writes_keys);
	assert_untouched(&effects[1]);
}

/* ---- atomics ---- */

static void atomic_adds_change_from_their_lowest_bit_up(void **state)
{
	EFFECTS(VALUE_OF(0), MOV(1, 0x40), ATOMIC(BPF_DW, 0, 0, 1, BPF_ADD), DONE());
	assert_int_equal(changed(&effects[0], 0), ~0x3full);
}

static void atomic_adds_of_unknown_change_the_word(void **state)
{
	EFFECTS(LOAD(BPF_W, 6, 1, 12), VALUE_OF(0), ATOMIC(BPF_W, 0, 4, 6, BPF_ADD), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xffffffff00000000);
}

static void atomic_logic_changes_its_bits(void **state)
{
	EFFECTS(VALUE_OF(0), MOV(1, 6), ATOMIC(BPF_DW, 0, 0, 1, BPF_OR), MOV(1, ~8),
		ATOMIC(BPF_DW, 0, 8, 1, BPF_AND | BPF_FETCH), DONE());
	assert_int_equal(changed(&effects[0], 0), 6);
	assert_int_equal(changed(&effects[0], 8), 8);
}

static void exchanges_change_everything(void **state)
{
	EFFECTS(VALUE_OF(0), MOV(1, 6), ATOMIC(BPF_DW, 0, 0, 1, BPF_XCHG), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

/* ---- sites ---- */

static void sites_are_lookups_and_tail_calls(void **state)
{
	EFFECTS(MOV_REG(6, 1), LOOKUP_IN(0), MOV_REG(1, 6), LD_MAP(2, 3), MOV(3, 1),
		CALL(BPF_FUNC_tail_call), DONE());
	assert_int_equal(analysis->n_sites, 2);
	assert_int_equal(analysis->sites[0].kind, HONE_SITE_LOOKUP);
	assert_int_equal(analysis->sites[0].insn, LOOKUP_IN_INSNS);
	assert_int_equal(analysis->sites[0].maps, 1);
	assert_int_equal(analysis->sites[1].kind, HONE_SITE_TAIL_CALL);
	assert_int_equal(analysis->sites[1].maps, 8);
	assert_int_equal(analysis->sites[1].id, 1);
	assert_false(analysis->sites[1].in_loop);
	assert_true(analysis->sites[1].key_is_known);
	assert_int_equal(analysis->sites[1].key, 1);
}

static void a_loaded_index_is_not_known(void **state)
{
	EFFECTS(LD_MAP(2, 3), LOAD(BPF_W, 3, 1, 16), CALL(BPF_FUNC_tail_call), DONE());
	assert_int_equal(analysis->n_sites, 1);
	assert_false(analysis->sites[0].key_is_known);
}

static void sites_in_loops_say_so(void **state)
{
	EFFECTS(MOV(6, 0), LOOKUP_IN(0), ALU(BPF_ADD, 6, 1), JUMP(BPF_JLT, 6, 3, -7), DONE());
	assert_true(analysis->sites[0].in_loop);
}

static void constant_indexes_are_known(void **state)
{
	EFFECTS(STORE(BPF_W, 10, -4, 7), LOOKUP_IN(1), DONE());
	assert_true(analysis->sites[0].key_is_known);
	assert_int_equal(analysis->sites[0].key, 7);
}

static void indexes_that_differ_by_path_are_not_known(void **state)
{
	EFFECTS(LOAD(BPF_W, 6, 1, 12), STORE(BPF_W, 10, -4, 7), JUMP(BPF_JEQ, 6, 0, 1),
		STORE(BPF_W, 10, -4, 8), LOOKUP_IN(1), DONE());
	assert_false(analysis->sites[0].key_is_known);
}

static void keys_of_hashes_are_not_asked(void **state)
{
	EFFECTS(STORE(BPF_W, 10, -4, 7), LOOKUP_IN(0), DONE());
	assert_false(analysis->sites[0].key_is_known);
}

/* ---- xdp-filter ---- */

static const struct {
	const char *variant, *counted[4];
	bool has_ports;
} filters[] = {
	{"alw_all", {"filter_ipv4", "filter_ipv6", "filter_ethernet"}, true},
	{"dny_all", {"filter_ipv4", "filter_ipv6", "filter_ethernet"}, true},
	{"alw_ip", {"filter_ipv4", "filter_ipv6"}, false},
	{"dny_ip", {"filter_ipv4", "filter_ipv6"}, false},
	{"alw_eth", {"filter_ethernet"}, false},
	{"dny_eth", {"filter_ethernet"}, false},
	{"alw_tcp", {NULL}, true},
	{"dny_tcp", {NULL}, true},
	{"alw_udp", {NULL}, true},
	{"dny_udp", {NULL}, true},
};

static void check_filter(const struct hone_unit *unit, const char *const *counted, bool has_ports)
{
	struct hone_analysis *analysis = analysed(unit);

	for (; *counted; counted++) {
		uint32_t map = elf_unit_map(unit, *counted);

		assert_int_equal(hone_class_of(&unit->maps[map], &analysis->effects[map]),
				 HONE_CLASS_KEYS_FIXED);
		assert_int_equal(changed(&analysis->effects[map], 0), ~0x3full);
	}
	if (has_ports) {
		uint32_t map = elf_unit_map(unit, "filter_ports");

		assert_int_equal(hone_class_of(&unit->maps[map], &analysis->effects[map]),
				 HONE_CLASS_KEYS_FIXED);
		assert_int_equal(changed(&analysis->effects[map], 0), ~0x3full);
	}
}

static void xdp_filter_counts_above_its_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct hone_unit unit;
		char path[128];

		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_%s.o",
			 filters[i].variant);
		if (elf_unit_read(path, &unit) != 0)
			fail_msg("%s: not there; install xdp-tools", path);
		check_filter(&unit, filters[i].counted, filters[i].has_ports);
		hone_unit_free(&unit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(lookups_change_nothing),
		ANALYSED(stores_change_their_bytes),
		ANALYSED(moved_pointers_are_followed),
		ANALYSED(unknown_offsets_change_the_whole_value),
		ANALYSED(bytes_past_the_tracked_ones_are_the_rest),
		ANALYSED(spilled_pointers_are_followed),
		ANALYSED(merged_pointers_change_both_maps),
		ANALYSED(packet_stores_change_no_map),
		ANALYSED(direct_values_are_the_maps),
		ANALYSED(updates_write_keys),
		ANALYSED(deletes_write_keys),
		ANALYSED(updates_of_arrays_change_values_only),
		ANALYSED(helpers_change_what_they_fill),
		ANALYSED(helpers_of_unknown_length_change_the_value),
		ANALYSED(helpers_that_read_change_nothing),
		ANALYSED(values_as_keys_are_only_read),
		ANALYSED(pointers_stored_to_memory_are_out_of_sight),
		ANALYSED(inner_maps_count_for_all),
		ANALYSED(atomic_adds_change_from_their_lowest_bit_up),
		ANALYSED(atomic_adds_of_unknown_change_the_word),
		ANALYSED(atomic_logic_changes_its_bits),
		ANALYSED(exchanges_change_everything),
		ANALYSED(sites_are_lookups_and_tail_calls),
		ANALYSED(a_loaded_index_is_not_known),
		ANALYSED(sites_in_loops_say_so),
		ANALYSED(constant_indexes_are_known),
		ANALYSED(indexes_that_differ_by_path_are_not_known),
		ANALYSED(keys_of_hashes_are_not_asked),
		ANALYSED(xdp_filter_counts_above_its_flags),
		ANALYSED(stores_past_the_value_change_all_of_it),
		ANALYSED(updates_of_inner_maps_count_for_all),
		ANALYSED(arguments_that_are_not_described_change_the_value),
		ANALYSED(either_of_two_maps_may_be_updated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
