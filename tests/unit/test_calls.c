// SPDX-License-Identifier: Apache-2.0
/* calls: what decode.c and kinds.c make of several functions: arguments, results, what a
 * function does to its caller's frame, loads that must have brought pointers, callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/insns.h"

#define CALL_FUNCTION(distance) INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, distance)
#define LD_FUNCTION(d, distance)                                                                   \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_FUNC, 0, distance), INSN(0, 0, 0, 0, 0)

static struct hone_map maps[] = {
	{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
};

#define KINDS(...)                                                                                 \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	struct hone_kinds *kinds = analysed_kinds(&unit);                                          \
	(void)state

#define WHY(...)                                                                                   \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	struct hone_arena *arena = hone_arena_new();                                               \
	struct hone_refusal why = {0};                                                             \
	(void)state;                                                                               \
	assert_null(hone_decode(arena, &unit, &why));                                              \
	hone_arena_free(arena)

static void functions_that_call_each_other_are_refused(void **state)
{
	WHY(CALL_FUNCTION(1), EXIT(), CALL_FUNCTION(1), EXIT(), CALL_FUNCTION(-3), EXIT());
	assert_int_equal(why.reason, HONE_NO_RECURSION);
}

static void ways_into_another_function_are_refused(void **state)
{
	WHY(CALL_FUNCTION(2), JUMP(BPF_JEQ, 0, 0, 2), EXIT(), MOV(0, 0), EXIT());
	assert_int_equal(why.reason, HONE_NO_BAD_JUMP);
}

static void functions_do_not_run_into_the_next(void **state)
{
	WHY(CALL_FUNCTION(2), MOV(0, 0), MOV(0, 1), MOV(0, 2), EXIT());
	assert_int_equal(why.reason, HONE_NO_BAD_JUMP);
}

static void arguments_are_joined_over_calls(void **state)
{
	KINDS(MOV_REG(6, 1), MOV(2, 1), CALL_FUNCTION(4), MOV_REG(1, 6), MOV(2, 2),
	      CALL_FUNCTION(1), EXIT(), MOV(0, 0), ALU_REG(BPF_ADD, 0, 2), LOAD(BPF_W, 3, 1, 12),
	      EXIT());
	assert_int_equal(kinds->reg[7][1].kind, HONE_KIND_CTX);
	assert_int_equal(kinds->reg[7][2].kind, HONE_KIND_SCALAR);
	assert_false(kinds->reg[7][2].is_known);
	assert_int_equal(kinds->reg[7][3].kind, HONE_KIND_UNSET);
}

static void values_keep_their_map_across_calls(void **state)
{
	KINDS(STORE(BPF_W, 10, -4, 0), CALL_FUNCTION(4), MOV_REG(1, 0), CALL_FUNCTION(9), MOV(0, 0),
	      EXIT(),
	      /* 6: the lookup */
	      STORE(BPF_W, 10, -4, 0), LOOKUP_IN(0), EXIT(),
	      /* 13: of its result */
	      JUMP(BPF_JEQ, 1, 0, 1), STORE(BPF_DW, 1, 8, 0), MOV(0, 0), EXIT());
	assert_int_equal(kinds->reg[2][0].maps, 1);
	assert_int_equal(kinds->reg[2][0].sites, 1);
	assert_int_equal(kinds->reg[13][1].maps, 1);
}

/* The function writes bytes 8 to 15 of what it is given. */
static void callees_write_what_they_write(void **state)
{
	KINDS(STORE(BPF_DW, 10, -24, 1), STORE(BPF_DW, 10, -16, 2), STORE(BPF_DW, 10, -8, 3),
	      MOV_REG(1, 10), ALU(BPF_ADD, 1, -24), CALL_FUNCTION(5), LOAD(BPF_DW, 7, 10, -24),
	      LOAD(BPF_DW, 8, 10, -16), LOAD(BPF_DW, 9, 10, -8), MOV(0, 0), EXIT(),
	      STORE(BPF_DW, 1, 8, 5), MOV(0, 0), EXIT());
	const struct hone_param *param = &kinds->functions[1].param[1];

	assert_int_equal(param->written.from, 8);
	assert_int_equal(param->written.to, 16);
	assert_false(param->is_kept);
	assert_true(kinds->reg[9][7].is_known && kinds->reg[9][7].constant == 1);
	assert_false(kinds->reg[9][8].is_known);
	assert_true(kinds->reg[10][9].is_known && kinds->reg[10][9].constant == 3);
}

/* A context that holds the address of another slot: the callee may write there at any time. */
static void addresses_in_shared_memory_expose_the_frame(void **state)
{
	KINDS(STORE(BPF_DW, 10, -8, 1), MOV_REG(2, 10), ALU(BPF_ADD, 2, -8),
	      STORE_REG(BPF_DW, 10, -16, 2), MOV_REG(1, 10), ALU(BPF_ADD, 1, -16), CALL_FUNCTION(3),
	      LOAD(BPF_DW, 7, 10, -8), MOV(0, 0), EXIT(), LOAD(BPF_DW, 2, 1, 0),
	      STORE(BPF_DW, 2, 0, 9), MOV(0, 0), EXIT());
	assert_true(kinds->functions[0].is_exposed[63]);
	assert_false(kinds->functions[0].is_exposed[62]);
	assert_false(kinds->reg[8][7].is_known);
	assert_int_equal(kinds->reg[11][2].kind, HONE_KIND_POINTER); /* since it is used as one */
	assert_int_equal(kinds->reg[11][2].frames, 1);
}

static void pointers_in_shared_memory_keep_their_map(void **state)
{
	struct hone_analysis *analysis;

	KINDS(STORE(BPF_W, 10, -4, 0), LOOKUP_IN(1), JUMP(BPF_JEQ, 0, 0, 4),
	      STORE_REG(BPF_DW, 10, -16, 0), MOV_REG(1, 10), ALU(BPF_ADD, 1, -16), CALL_FUNCTION(2),
	      MOV(0, 0), EXIT(), LOAD(BPF_DW, 2, 1, 0), STORE(BPF_B, 2, 3, 9), MOV(0, 0), EXIT());
	analysis = analysed(&unit);
	assert_int_equal(kinds->reg[14][2].maps, 2);
	assert_int_equal(hone_effects_changed(&analysis->effects[1], 3), 0xff);
	assert_int_equal(hone_effects_changed(&analysis->effects[1], 4), 0);
	assert_int_equal(hone_effects_changed(&analysis->effects[0], 3), 0);
	assert_true(analysis->sites[0].address_used);
}

static void callbacks_are_called_with_what_the_table_says(void **state)
{
	KINDS(LD_MAP(1, 1), LD_FUNCTION(2, 7), MOV_REG(3, 10), ALU(BPF_ADD, 3, -8), MOV(4, 0),
	      CALL(BPF_FUNC_for_each_map_elem), MOV(0, 0), EXIT(), STORE(BPF_DW, 3, 8, 1),
	      STORE(BPF_DW, 4, 0, 1), MOV(0, 0), EXIT());
	assert_int_equal(kinds->reg[10][1].kind, HONE_KIND_MAP);
	assert_int_equal(kinds->reg[10][2].kind, HONE_KIND_POINTER);
	assert_int_equal(kinds->reg[10][3].maps, 2);
	assert_int_equal(kinds->reg[10][4].frames, 1 << 4);
	assert_int_equal(kinds->functions[1].param[4].written.to, 8);
}

static void callbacks_that_are_not_known_are_refused(void **state)
{
	struct bpf_insn insns[] = {MOV(1, 4), LOAD(BPF_DW, 2, 10, -8), MOV(3, 0),
				   MOV(4, 0), CALL(BPF_FUNC_loop),     EXIT()};
	struct hone_unit unit = UNIT(insns, maps);
	struct hone_refusal why;

	(void)state;
	assert_null(analysed_kinds_or(&unit, &why));
	assert_int_equal(why.reason, HONE_NO_CALLBACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_that_call_each_other_are_refused),
		cmocka_unit_test(ways_into_another_function_are_refused),
		cmocka_unit_test(functions_do_not_run_into_the_next),
		ANALYSED(arguments_are_joined_over_calls),
		ANALYSED(values_keep_their_map_across_calls),
		ANALYSED(callees_write_what_they_write),
		ANALYSED(addresses_in_shared_memory_expose_the_frame),
		ANALYSED(pointers_in_shared_memory_keep_their_map),
		ANALYSED(callbacks_are_called_with_what_the_table_says),
		ANALYSED(callbacks_that_are_not_known_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
