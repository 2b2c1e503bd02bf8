// SPDX-License-Identifier: Apache-2.0
/* compiler/words.c: which bits of a value a store provably puts back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
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

#define ALL UINT64_MAX

static void added_multiples_leave_the_low_bits(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_ADD, 1, 0x40),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ~0x3full);
}

static void added_multiples_in_a_register_too(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), MOV(2, 0x80), ALU_REG(BPF_ADD, 2, 1),
		STORE_REG(BPF_DW, 0, 0, 2), DONE());
	assert_int_equal(changed(&effects[0], 0), ~0x7full);
}

static void subtraction_borrows_upwards_only(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_SUB, 1, 4), STORE_REG(BPF_DW, 0, 0, 1),
		DONE());
	assert_int_equal(changed(&effects[0], 0), ~3ull);
}

static void bits_set_and_cleared_are_exact(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_OR, 1, 0x10), ALU(BPF_AND, 1, ~0x2),
		ALU(BPF_XOR, 1, 0x4), STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0x16);
}

static void adding_an_unknown_changes_all(void **state)
{
	EFFECTS(LOAD(BPF_W, 6, 1, 12), VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU_REG(BPF_ADD, 1, 6),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void a_word_put_elsewhere_changes_all(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_ADD, 1, 0x40),
		STORE_REG(BPF_DW, 0, 8, 1), DONE());
	assert_int_equal(changed(&effects[0], 8), ALL);
}

static void a_word_of_another_entry_changes_all(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 6, 0, 0), VALUE_OF(0), ALU(BPF_ADD, 6, 0x40),
		STORE_REG(BPF_DW, 0, 0, 6), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void copies_and_spills_keep_the_word(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -16, 1),
		CALL(BPF_FUNC_ktime_get_ns), LOAD(BPF_DW, 2, 10, -16), MOV_REG(3, 2),
		ALU(BPF_ADD, 3, 0x40), STORE_REG(BPF_DW, 6, 0, 3), DONE());
	assert_int_equal(changed(&effects[0], 0), ~0x3full);
}

static void overwritten_spills_lose_the_word(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -16, 1),
		STORE(BPF_B, 10, -16, 0), LOAD(BPF_DW, 3, 10, -16), ALU(BPF_ADD, 3, 0x40),
		STORE_REG(BPF_DW, 6, 0, 3), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void spills_that_a_helper_fills_lose_the_word(void **state)
{
	EFFECTS(MOV_REG(7, 1), VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 1, 0, 0),
		STORE_REG(BPF_DW, 10, -16, 1), MOV_REG(1, 7), MOV(2, 0), MOV_REG(3, 10),
		ALU(BPF_ADD, 3, -16), MOV(4, 1), CALL(BPF_FUNC_xdp_load_bytes),
		LOAD(BPF_DW, 3, 10, -16), ALU(BPF_ADD, 3, 0x40), STORE_REG(BPF_DW, 6, 0, 3),
		DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void narrow_words_work_in_32_bits(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_W, 1, 0, 4), ALU32(BPF_ADD, 1, 8), STORE_REG(BPF_W, 0, 4, 1),
		DONE());
	assert_int_equal(changed(&effects[0], 0), 0xfffffff800000000);
}

static void a_wide_word_cut_to_32_bits_loses_the_rest(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU32(BPF_ADD, 1, 8),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ~7ull);
}

static void a_narrow_word_stored_wide_changes_the_rest(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_W, 1, 0, 0), STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 0xffffffff00000000);
}

/* Two entries of two maps; the store is shared: r0 and r1 differ per path, but belong together. */
#define TWO_PATHS(between)                                                                         \
	LOOKUP_IN(0), JUMP(BPF_JEQ, 0, 0, 2), LOAD(BPF_DW, 1, 0, 0), GOTO(LOOKUP_IN_INSNS + 4),    \
		VALUE_OF(1), LOAD(BPF_DW, 1, 0, 0), between, ALU(BPF_ADD, 1, 0x40),                \
		STORE_REG(BPF_DW, 0, 0, 1), DONE()

static void merged_pairs_still_belong_together(void **state)
{
	EFFECTS(TWO_PATHS(MOV(2, 0)));
	assert_int_equal(changed(&effects[0], 0), ~0x3full);
	assert_int_equal(changed(&effects[1], 0), ~0x3full);
}

/* r6: the entry of map 0, also on the path where the word is that of map 1. */
static void merged_pairs_that_do_not_match_change_all(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 7, 0, 0), JUMP(BPF_JEQ, 7, 0, 1), GOTO(9),
		VALUE_OF(1), LOAD(BPF_DW, 7, 0, 0), ALU(BPF_ADD, 7, 0x40),
		STORE_REG(BPF_DW, 6, 0, 7), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void a_path_that_adds_less_changes_more(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), LOAD(BPF_DW, 2, 0, 8), JUMP(BPF_JEQ, 2, 0, 1),
		ALU(BPF_ADD, 1, 1), ALU(BPF_ADD, 1, 0x40), STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void loops_keep_what_every_round_keeps(void **state)
{
	EFFECTS(VALUE_OF(0), MOV(6, 0), LOAD(BPF_DW, 1, 0, 0), ALU(BPF_ADD, 1, 0x40),
		STORE_REG(BPF_DW, 0, 0, 1), ALU(BPF_ADD, 6, 1), JUMP(BPF_JLT, 6, 3, -5), DONE());
	assert_int_equal(changed(&effects[0], 0), ~0x3full);
}

/* Round 2 stores what round 1 loaded, through a pointer that has moved on. */
static void loops_that_move_the_pointer_change_all(void **state)
{
	EFFECTS(VALUE_OF(0), MOV(6, 0), LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 0, 0, 1),
		ALU(BPF_ADD, 0, 8), ALU(BPF_ADD, 6, 1), JUMP(BPF_JLT, 6, 2, -4), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
	assert_int_equal(changed(&effects[0], 8), ALL);
}

/* The two paths set different bits. */
static void paths_join_what_they_change(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), LOAD(BPF_DW, 2, 0, 8), JUMP(BPF_JEQ, 2, 0, 2),
		ALU(BPF_OR, 1, 1), GOTO(1), ALU(BPF_OR, 1, 2), STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), 3);
}

static void paths_that_load_different_fields_change_all(void **state)
{
	EFFECTS(VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 1, 0, 0), JUMP(BPF_JEQ, 1, 0, 1),
		LOAD(BPF_DW, 1, 0, 8), STORE_REG(BPF_DW, 6, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void bits_set_in_32_bits_clear_the_upper_half(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ALU32(BPF_OR, 1, 1), STORE_REG(BPF_DW, 0, 0, 1),
		DONE());
	assert_int_equal(changed(&effects[0], 0), 0xffffffff00000001);
}

static void words_changed_in_the_stack_are_lost(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), STORE_REG(BPF_DW, 10, -16, 1),
		ATOMIC(BPF_DW, 10, -16, 1, BPF_ADD), LOAD(BPF_DW, 1, 10, -16),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void fetched_words_are_not_the_loaded_ones(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), ATOMIC(BPF_DW, 0, 8, 1, BPF_ADD | BPF_FETCH),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void a_constant_minus_the_word_changes_all(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), MOV(2, 0x40), ALU_REG(BPF_SUB, 2, 1),
		STORE_REG(BPF_DW, 0, 0, 2), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

static void a_sign_extended_word_changes_all(void **state)
{
	EFFECTS(VALUE_OF(0), LOAD(BPF_DW, 1, 0, 0), INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 1, 8, 0),
		STORE_REG(BPF_DW, 0, 0, 1), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

/* The helper may write anything from r10 - 24 up, the spilled word included. */
static void memory_of_unknown_length_loses_the_word(void **state)
{
	EFFECTS(MOV_REG(7, 1), VALUE_OF(0), MOV_REG(6, 0), LOAD(BPF_DW, 1, 0, 0),
		STORE_REG(BPF_DW, 10, -8, 1), LOAD(BPF_W, 4, 7, 12), MOV_REG(1, 7), MOV(2, 0),
		MOV_REG(3, 10), ALU(BPF_ADD, 3, -24), CALL(BPF_FUNC_xdp_load_bytes),
		LOAD(BPF_DW, 3, 10, -8), STORE_REG(BPF_DW, 6, 0, 3), DONE());
	assert_int_equal(changed(&effects[0], 0), ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(added_multiples_leave_the_low_bits),
		ANALYSED(added_multiples_in_a_register_too),
		ANALYSED(subtraction_borrows_upwards_only),
		ANALYSED(bits_set_and_cleared_are_exact),
		ANALYSED(adding_an_unknown_changes_all),
		ANALYSED(a_word_put_elsewhere_changes_all),
		ANALYSED(a_word_of_another_entry_changes_all),
		ANALYSED(copies_and_spills_keep_the_word),
		ANALYSED(overwritten_spills_lose_the_word),
		ANALYSED(spills_that_a_helper_fills_lose_the_word),
		ANALYSED(narrow_words_work_in_32_bits),
		ANALYSED(a_wide_word_cut_to_32_bits_loses_the_rest),
		ANALYSED(a_narrow_word_stored_wide_changes_the_rest),
		ANALYSED(merged_pairs_still_belong_together),
		ANALYSED(merged_pairs_that_do_not_match_change_all),
		ANALYSED(a_path_that_adds_less_changes_more),
		ANALYSED(loops_keep_what_every_round_keeps),
		ANALYSED(loops_that_move_the_pointer_change_all),
		ANALYSED(paths_join_what_they_change),
		ANALYSED(paths_that_load_different_fields_change_all),
		ANALYSED(bits_set_in_32_bits_clear_the_upper_half),
		ANALYSED(words_changed_in_the_stack_are_lost),
		ANALYSED(fetched_words_are_not_the_loaded_ones),
		ANALYSED(a_constant_minus_the_word_changes_all),
		ANALYSED(a_sign_extended_word_changes_all),
		ANALYSED(memory_of_unknown_length_loses_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
