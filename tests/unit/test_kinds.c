// SPDX-License-Identifier: Apache-2.0
/* compiler/kinds.c, kinds_step.c: what registers and stack slots hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/analysed.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
	{.index = 2, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4},
};

#define KINDS(...)                                                                                 \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	struct hone_kinds *kinds = analysed_kinds(&unit);                                          \
	const struct hone_value *last = kinds->reg[unit.n_insns - 1];                              \
	(void)state;                                                                               \
	(void)last

static void assert_constant(const struct hone_value *value, int64_t constant)
{
	assert_int_equal(value->kind, HONE_KIND_SCALAR);
	assert_true(value->is_known);
	assert_int_equal(value->constant, constant);
}

static void assert_unknown(const struct hone_value *value)
{
	assert_int_equal(value->kind, HONE_KIND_SCALAR);
	assert_false(value->is_known);
}

static void programs_begin_with_context_and_frame(void **state)
{
	KINDS(MOV(0, 1), EXIT());
	assert_int_equal(last[1].kind, HONE_KIND_CTX);
	assert_int_equal(last[10].kind, HONE_KIND_STACK);
	assert_int_equal(last[10].constant, 0);
	assert_int_equal(last[2].kind, HONE_KIND_UNSET);
	assert_constant(&last[0], 1);
}

static void packet_fields_are_pointers(void **state)
{
	KINDS(LOAD(BPF_W, 2, 1, 0), LOAD(BPF_W, 3, 1, 4), LOAD(BPF_W, 4, 1, 12), MOV_REG(5, 3),
	      ALU_REG(BPF_SUB, 5, 2), ALU(BPF_ADD, 2, 14), MOV(0, 0), EXIT());
	assert_int_equal(last[2].kind, HONE_KIND_POINTER);
	assert_true(last[2].other);
	assert_int_equal(last[2].maps | last[2].sites, 0);
	assert_int_equal(last[3].kind, HONE_KIND_POINTER);
	assert_unknown(&last[4]);
	assert_unknown(&last[5]);
	assert_int_equal(kinds->result[0].kind, HONE_KIND_POINTER);
}

static void tc_packet_fields_are_pointers(void **state)
{
	struct bpf_insn insns[] = {LOAD(BPF_W, 2, 1, offsetof(struct __sk_buff, data)),
				   LOAD(BPF_W, 3, 1, 0), MOV(0, 0), EXIT()};
	struct hone_unit unit = UNIT(insns, maps);
	struct hone_kinds *kinds;

	(void)state;
	unit.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	kinds = analysed_kinds(&unit);
	assert_int_equal(kinds->reg[3][2].kind, HONE_KIND_POINTER);
	assert_unknown(&kinds->reg[3][3]);
}

static void lookups_carry_map_and_site(void **state)
{
	KINDS(LOOKUP_IN(0), MOV_REG(6, 0), LOOKUP_IN(1), MOV_REG(7, 0), ALU(BPF_ADD, 7, 4),
	      MOV(0, 0), EXIT());
	assert_int_equal(kinds->n_sites, 2);
	assert_int_equal(last[6].kind, HONE_KIND_POINTER);
	assert_int_equal(last[6].maps, 1);
	assert_int_equal(last[6].sites, 1);
	assert_false(last[6].other);
	assert_int_equal(last[7].maps, 2);
	assert_int_equal(last[7].sites, 2);
	assert_true(last[7].is_known);
	assert_int_equal(last[7].constant, 4);
	assert_int_equal(last[1].kind, HONE_KIND_UNSET);
}

static void inner_maps_may_be_any_map(void **state)
{
	KINDS(LOOKUP_IN(2), JUMP(BPF_JEQ, 0, 0, 4), MOV_REG(1, 0), MOV_REG(2, 10),
	      ALU(BPF_ADD, 2, -4), LOOKUP(), MOV_REG(6, 0), MOV(0, 0), EXIT());
	assert_int_equal(last[6].maps, 7);
	assert_int_equal(last[6].sites, 2);
}

/* r6: the value of map 0 or, where that is missing, of map 1. */
static void merges_are_sets(void **state)
{
	KINDS(LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, LOOKUP_IN_INSNS), LOOKUP_IN(1), MOV_REG(6, 0),
	      MOV(0, 0), EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_POINTER);
	assert_int_equal(last[6].maps, 3);
	assert_int_equal(last[6].sites, 3);
	assert_false(last[6].other);
	assert_int_equal(last[6].constant, 0);
}

static void null_is_a_constant_where_it_was_tested(void **state)
{
	KINDS(LOOKUP_IN(0), JUMP(BPF_JNE, 0, 0, 2), MOV_REG(6, 0), EXIT(), MOV(0, 2), EXIT());
	assert_constant(&kinds->reg[LOOKUP_IN_INSNS + 2][6], 0);
	assert_int_equal(kinds->reg[LOOKUP_IN_INSNS + 3][0].kind, HONE_KIND_POINTER);
}

static void null_or_pointer_is_a_pointer(void **state)
{
	KINDS(LOOKUP_IN(0), MOV(6, 0), JUMP(BPF_JEQ, 0, 0, 1), MOV_REG(6, 0), MOV(0, 0), EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_POINTER);
	assert_int_equal(last[6].sites, 1);
}

static void number_or_pointer_is_mixed(void **state)
{
	KINDS(LOOKUP_IN(0), MOV(6, 1), JUMP(BPF_JEQ, 0, 0, 1), MOV_REG(6, 0), MOV(0, 0), EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_MIXED);
	assert_int_equal(last[6].maps, 1);
}

static void differing_offsets_are_unknown(void **state)
{
	KINDS(LOOKUP_IN(0), MOV_REG(6, 0), JUMP(BPF_JEQ, 0, 0, 1), ALU(BPF_ADD, 6, 8), MOV(0, 0),
	      EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_POINTER);
	assert_false(last[6].is_known);
}

static void map_values_are_pointers(void **state)
{
	KINDS(LD_MAP_VALUE(6, 1, 4), MOV(0, 0), EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_POINTER);
	assert_int_equal(last[6].maps, 2);
	assert_int_equal(last[6].constant, 4);
	assert_true(last[6].other);
}

static void spills_come_back(void **state)
{
	KINDS(LOOKUP_IN(0), STORE_REG(BPF_DW, 10, -8, 0), MOV(0, 7), STORE_REG(BPF_DW, 10, -16, 0),
	      LOAD(BPF_DW, 6, 10, -8), LOAD(BPF_DW, 7, 10, -16), LOAD(BPF_W, 8, 10, -16), EXIT());
	assert_int_equal(last[6].sites, 1);
	assert_constant(&last[7], 7);
	assert_constant(&last[8], 7);
}

static void partly_overwritten_spills_are_lost(void **state)
{
	KINDS(LOOKUP_IN(0), STORE_REG(BPF_DW, 10, -8, 0), STORE(BPF_B, 10, -5, 0),
	      LOAD(BPF_DW, 6, 10, -8), MOV(0, 0), EXIT());
	assert_unknown(&last[6]);
}

static void words_of_the_stack_are_constants(void **state)
{
	KINDS(STORE(BPF_W, 10, -4, 3), STORE(BPF_DW, 10, -16, -1), LOAD(BPF_W, 2, 10, -4),
	      LOAD(BPF_W, 3, 10, -12), STORE(BPF_H, 10, -4, 3), LOAD(BPF_W, 4, 10, -4), MOV(0, 0),
	      EXIT());
	assert_constant(&last[2], 3);
	assert_constant(&last[3], 0xffffffff);
	assert_unknown(&last[4]);
}

static void helpers_overwrite_what_they_fill(void **state)
{
	KINDS(STORE(BPF_DW, 10, -8, 1), STORE(BPF_DW, 10, -16, 2), MOV(2, 0), MOV_REG(3, 10),
	      ALU(BPF_ADD, 3, -8), MOV(4, 8), CALL(BPF_FUNC_xdp_load_bytes),
	      LOAD(BPF_DW, 2, 10, -8), LOAD(BPF_DW, 3, 10, -16), MOV(0, 0), EXIT());
	assert_unknown(&last[2]);
	assert_constant(&last[3], 2);
	assert_false(kinds->functions[0].stack_escapes[63]);
}

static void memory_of_unknown_length_escapes(void **state)
{
	KINDS(LOAD(BPF_W, 4, 1, 12), STORE(BPF_DW, 10, -8, 1), STORE(BPF_DW, 10, -24, 2), MOV(2, 0),
	      MOV_REG(3, 10), ALU(BPF_ADD, 3, -16), CALL(BPF_FUNC_xdp_load_bytes),
	      LOAD(BPF_DW, 2, 10, -8), LOAD(BPF_DW, 3, 10, -24), MOV(0, 0), EXIT());
	assert_unknown(&last[2]);
	assert_constant(&last[3], 2);
	assert_true(kinds->functions[0].stack_escapes[63] && kinds->functions[0].stack_escapes[62]);
	assert_false(kinds->functions[0].stack_escapes[61]);
}

static void indexed_stores_clobber_the_frame(void **state)
{
	KINDS(LOAD(BPF_W, 4, 1, 12), STORE(BPF_DW, 10, -8, 1), ALU(BPF_SUB, 4, 7), MOV_REG(3, 10),
	      ALU_REG(BPF_ADD, 3, 4), STORE(BPF_B, 3, -64, 9), LOAD(BPF_DW, 2, 10, -8), MOV(0, 0),
	      EXIT());
	assert_int_equal(last[3].kind, HONE_KIND_STACK);
	assert_false(last[3].is_known);
	assert_unknown(&last[2]);
	assert_true(kinds->functions[0].stack_escapes[0]);
}

/* Bytes -64 to -57. */
static void bounded_stores_leave_the_rest(void **state)
{
	KINDS(LOAD(BPF_W, 4, 1, 12), STORE(BPF_DW, 10, -8, 1), STORE(BPF_DW, 10, -64, 1),
	      ALU(BPF_AND, 4, 7), MOV_REG(3, 10), ALU_REG(BPF_ADD, 3, 4), STORE(BPF_B, 3, -64, 9),
	      LOAD(BPF_DW, 2, 10, -8), LOAD(BPF_DW, 5, 10, -64), MOV(0, 0), EXIT());
	assert_true(last[3].is_bounded);
	assert_int_equal(last[3].spread, 7);
	assert_constant(&last[2], 1);
	assert_unknown(&last[5]);
	assert_false(kinds->functions[0].stack_escapes[0]);
}

static void compares_bound_an_index(void **state)
{
	KINDS(LOAD(BPF_W, 4, 1, 12), JUMP(BPF_JLT, 4, 16, 1), MOV(4, 0), ALU(BPF_LSH, 4, 2),
	      MOV_REG(3, 10), ALU(BPF_ADD, 3, -64), ALU_REG(BPF_ADD, 3, 4), STORE(BPF_B, 3, 0, 9),
	      MOV(0, 0), EXIT());
	assert_int_equal(last[3].kind, HONE_KIND_STACK);
	assert_true(last[3].is_bounded);
	assert_int_equal(last[3].constant, -64);
	assert_int_equal(last[3].spread, 60);
}

static void loops_widen_constants(void **state)
{
	KINDS(MOV(6, 0), ALU(BPF_ADD, 6, 1), JUMP(BPF_JLT, 6, 10, -2), MOV(0, 0), EXIT());
	assert_unknown(&last[6]);
}

static void equality_makes_a_constant(void **state)
{
	KINDS(LOAD(BPF_W, 6, 1, 12), JUMP(BPF_JEQ, 6, 5, 2), MOV(0, 0), EXIT(), MOV(0, 1), EXIT());
	assert_constant(&last[6], 5);
	assert_unknown(&kinds->reg[3][6]);
}

static void arithmetic_is_the_machines(void **state)
{
	KINDS(MOV(2, -1), ALU32(BPF_ADD, 2, 1), MOV(3, -1), ALU32_REG(BPF_MOV, 3, 3), MOV(4, -8),
	      ALU(BPF_ARSH, 4, 1), MOV(5, 0x80), INSN(BPF_ALU64 | BPF_MOV | BPF_X, 5, 5, 8, 0),
	      MOV(6, 1), ALU(BPF_LSH, 6, 40), INSN(BPF_ALU64 | BPF_NEG, 6, 0, 0, 0),
	      LD_IMM64(7, -1, 1), MOV(8, -8), ALU32(BPF_ARSH, 8, 1), MOV(0, 0), EXIT());
	assert_constant(&last[2], 0);
	assert_constant(&last[3], 0xffffffff);
	assert_constant(&last[4], -4);
	assert_constant(&last[5], -128);
	assert_constant(&last[6], -(1ll << 40));
	assert_constant(&last[7], 0x1ffffffff);
	assert_constant(&last[8], 0xfffffffc);
}

static void pointers_cut_to_32_bits_are_numbers(void **state)
{
	KINDS(LOAD(BPF_W, 2, 1, 0), ALU32_REG(BPF_MOV, 3, 2), MOV(0, 0), EXIT());
	assert_unknown(&last[3]);
}

static void fetching_atomics_give_numbers(void **state)
{
	KINDS(LOOKUP_IN(0), JUMP(BPF_JEQ, 0, 0, 3), MOV_REG(6, 0), MOV(7, 1),
	      ATOMIC(BPF_DW, 6, 0, 7, BPF_ADD | BPF_FETCH), MOV(0, 0), EXIT());
	assert_unknown(&kinds->result[LOOKUP_IN_INSNS + 3]);
	assert_int_equal(kinds->result[LOOKUP_IN_INSNS + 3].kind, HONE_KIND_SCALAR);
}

static void many_sites_become_elsewhere(void **state)
{
	struct bpf_insn insns[70 * (LOOKUP_IN_INSNS + 1) + 2];
	const struct bpf_insn lookup[] = {LOOKUP_IN(0)};
	struct hone_unit unit = UNIT(insns, maps);
	struct hone_kinds *kinds;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 70; i++) {
		memcpy(&insns[n], lookup, sizeof(lookup));
		n += sizeof(lookup) / sizeof(lookup[0]);
	}
	insns[n++] = MOV_REG(6, 0);
	insns[n++] = MOV(0, 0);
	insns[n++] = EXIT();
	unit.n_insns = (uint32_t)n;
	kinds = analysed_kinds(&unit);
	assert_int_equal(kinds->n_sites, 70);
	assert_int_equal(kinds->reg[n - 1][6].sites, 0);
	assert_true(kinds->reg[n - 1][6].other);
}

static void values_or_packets_may_come_from_elsewhere(void **state)
{
	KINDS(LOAD(BPF_W, 6, 1, 0), LOAD(BPF_W, 7, 1, 12), LOOKUP_IN(0), JUMP(BPF_JEQ, 7, 0, 1),
	      MOV_REG(0, 6), MOV_REG(8, 0), MOV(0, 0), EXIT());
	assert_int_equal(last[8].kind, HONE_KIND_POINTER);
	assert_int_equal(last[8].sites, 1);
	assert_true(last[8].other);
}

static void handles_are_sets_too(void **state)
{
	KINDS(LOAD(BPF_W, 6, 1, 12), LD_MAP(7, 0), JUMP(BPF_JEQ, 6, 0, 2), LD_MAP(7, 1), MOV(0, 0),
	      EXIT());
	assert_int_equal(last[7].kind, HONE_KIND_MAP);
	assert_int_equal(last[7].maps, 3);
}

static void atomics_change_what_the_stack_holds(void **state)
{
	KINDS(STORE(BPF_DW, 10, -8, 1), MOV(6, 1), ATOMIC(BPF_DW, 10, -8, 6, BPF_ADD),
	      LOAD(BPF_DW, 2, 10, -8), LOAD(BPF_W, 3, 10, -8), MOV(0, 0), EXIT());
	assert_unknown(&last[2]);
	assert_unknown(&last[3]);
}

static void indexed_stores_clobber_words(void **state)
{
	KINDS(LOAD(BPF_W, 4, 1, 12), STORE(BPF_DW, 10, -8, 1), ALU(BPF_SUB, 4, 7), MOV_REG(3, 10),
	      ALU_REG(BPF_ADD, 3, 4), STORE(BPF_B, 3, -64, 9), LOAD(BPF_W, 2, 10, -8),
	      LOAD(BPF_W, 5, 10, -4), MOV(0, 0), EXIT());
	assert_unknown(&last[2]);
	assert_unknown(&last[5]);
}

/* The verifier follows each path by itself and knows which slot it is. */
static void a_slot_chosen_by_path_may_hold_any_pointer(void **state)
{
	KINDS(LOAD(BPF_W, 7, 1, 12), LOOKUP_IN(0), STORE_REG(BPF_DW, 10, -16, 0), MOV_REG(2, 10),
	      JUMP(BPF_JEQ, 7, 0, 1), ALU(BPF_ADD, 2, -8), LOAD(BPF_DW, 6, 2, -8), MOV(0, 0),
	      EXIT());
	assert_int_equal(last[6].kind, HONE_KIND_MIXED);
	assert_int_equal(last[6].maps, 1);
	assert_int_equal(last[6].sites, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANALYSED(programs_begin_with_context_and_frame),
		ANALYSED(packet_fields_are_pointers),
		ANALYSED(tc_packet_fields_are_pointers),
		ANALYSED(lookups_carry_map_and_site),
		ANALYSED(inner_maps_may_be_any_map),
		ANALYSED(merges_are_sets),
		ANALYSED(null_is_a_constant_where_it_was_tested),
		ANALYSED(null_or_pointer_is_a_pointer),
		ANALYSED(number_or_pointer_is_mixed),
		ANALYSED(differing_offsets_are_unknown),
		ANALYSED(map_values_are_pointers),
		ANALYSED(spills_come_back),
		ANALYSED(partly_overwritten_spills_are_lost),
		ANALYSED(words_of_the_stack_are_constants),
		ANALYSED(helpers_overwrite_what_they_fill),
		ANALYSED(memory_of_unknown_length_escapes),
		ANALYSED(indexed_stores_clobber_the_frame),
		ANALYSED(bounded_stores_leave_the_rest),
		ANALYSED(compares_bound_an_index),
		ANALYSED(loops_widen_constants),
		ANALYSED(equality_makes_a_constant),
		ANALYSED(arithmetic_is_the_machines),
		ANALYSED(pointers_cut_to_32_bits_are_numbers),
		ANALYSED(fetching_atomics_give_numbers),
		ANALYSED(many_sites_become_elsewhere),
		ANALYSED(values_or_packets_may_come_from_elsewhere),
		ANALYSED(handles_are_sets_too),
		ANALYSED(atomics_change_what_the_stack_holds),
		ANALYSED(indexed_stores_clobber_words),
		ANALYSED(a_slot_chosen_by_path_may_hold_any_pointer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
