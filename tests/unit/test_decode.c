// SPDX-License-Identifier: Apache-2.0
/* compiler/decode.c, insn.c: blocks, edges, loops; what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compiler/analysis.h"
#include "tests/unit/insns.h"

static struct hone_map maps[] = {{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8}};
static struct hone_arena *arena;

static int set_up(void **state)
{
	(void)state;
	arena = hone_arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hone_arena_free(arena);
	return 0;
}

static struct hone_code *must(const struct hone_unit *unit)
{
	struct hone_refusal why;
	struct hone_code *code = hone_decode(arena, unit, &why);

	if (!code)
		fail_msg("%s: %s", hone_reason_id(why.reason), why.detail);
	return code;
}

#define CODE(...)                                                                                  \
	struct bpf_insn insns[] = {__VA_ARGS__};                                                   \
	struct hone_unit unit = UNIT(insns, maps);                                                 \
	struct hone_code *code = must(&unit);                                                      \
	(void)state

static void assert_block(const struct hone_code *code, uint32_t index, uint32_t first, uint32_t end,
			 int32_t jump, int32_t next)
{
	assert_true(index < code->n_blocks);
	assert_int_equal(code->blocks[index].first, first);
	assert_int_equal(code->blocks[index].end, end);
	assert_int_equal(code->blocks[index].jump, jump);
	assert_int_equal(code->blocks[index].next, next);
}

static void straight_code_is_one_block(void **state)
{
	CODE(MOV(0, 0), MOV(1, 1), EXIT());
	assert_int_equal(code->n_blocks, 1);
	assert_block(code, 0, 0, 3, -1, -1);
	assert_false(code->blocks[0].in_loop);
}

static void jumps_split_blocks(void **state)
{
	CODE(MOV(0, 0), JUMP(BPF_JEQ, 1, 0, 1), MOV(0, 1), EXIT());
	assert_int_equal(code->n_blocks, 3);
	assert_block(code, 0, 0, 2, 2, 1);
	assert_block(code, 1, 2, 3, -1, 2);
	assert_block(code, 2, 3, 4, -1, -1);
	assert_int_equal(code->block_of[2], 1);
}

static void gotos_have_one_way(void **state)
{
	CODE(GOTO(1), EXIT(), MOV(0, 0), GOTO(-3));
	assert_int_equal(code->n_blocks, 3);
	assert_block(code, 0, 0, 1, 2, -1);
	assert_block(code, 2, 2, 4, 1, -1);
}

static void gotol_jumps_by_its_immediate(void **state)
{
	CODE(INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, 1), EXIT(), MOV(0, 0), EXIT());
	assert_int_equal(code->n_blocks, 2);
	assert_block(code, 0, 0, 1, 1, -1);
	assert_int_equal(code->block_of[1], -1);
}

static void wide_constants_are_one_instruction(void **state)
{
	CODE(LD_MAP(1, 0), LD_IMM64(2, 1, 1), JUMP(BPF_JEQ, 1, 0, -3), LD_MAP_VALUE(3, 0, 4),
	     MOV(0, 0), EXIT());
	assert_int_equal(code->n_blocks, 3);
	assert_block(code, 0, 0, 2, -1, 1);
	assert_block(code, 1, 2, 5, 1, 2);
	assert_int_equal(code->block_of[1], -1);
	assert_int_equal(code->block_of[3], -1);
	assert_true(code->blocks[1].in_loop);
}

static void unreached_code_is_not_looked_at(void **state)
{
	CODE(MOV(0, 0), EXIT(), INSN(0xff, 15, 15, -1, -1), GOTO(100));
	assert_int_equal(code->n_blocks, 1);
	assert_int_equal(code->block_of[2], -1);
}

static void blocks_in_loops_say_so(void **state)
{
	CODE(MOV(6, 0), MOV(0, 0), JUMP(BPF_JEQ, 1, 0, 1), MOV(0, 1), ALU(BPF_ADD, 6, 1),
	     JUMP(BPF_JLT, 6, 9, -5), EXIT());
	assert_int_equal(code->n_blocks, 5);
	assert_false(code->blocks[0].in_loop);
	assert_true(code->blocks[1].in_loop);
	assert_true(code->blocks[2].in_loop);
	assert_true(code->blocks[3].in_loop);
	assert_false(code->blocks[4].in_loop);
}

static void a_block_can_loop_on_itself(void **state)
{
	CODE(MOV(0, 0), ALU(BPF_ADD, 0, 1), JUMP(BPF_JLT, 0, 9, -2), EXIT());
	assert_true(code->blocks[1].in_loop);
	assert_false(code->blocks[0].in_loop);
}

static void a_deep_program_is_walked_without_recursion(void **state)
{
	enum { JUMPS = 200000 };
	struct bpf_insn *insns = test_calloc(JUMPS + 2, sizeof(*insns));
	struct hone_unit unit = {.insns = insns, .n_insns = JUMPS + 2};

	(void)state;
	insns[0] = MOV(0, 0);
	for (int i = 1; i <= JUMPS; i++)
		insns[i] = JUMP(BPF_JEQ, 0, 0, 0);
	insns[JUMPS + 1] = EXIT();
	assert_int_equal(must(&unit)->n_blocks, JUMPS + 1);
	test_free(insns);
}

static void every_instruction_of_the_set_is_known(void **state)
{
	const struct bpf_insn known[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 2, 8, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 2, 32, 0),
		INSN(BPF_ALU | BPF_MOV | BPF_X, 1, 2, 16, 0),
		INSN(BPF_ALU64 | BPF_DIV | BPF_X, 1, 2, 1, 0),
		INSN(BPF_ALU | BPF_MOD | BPF_K, 1, 0, 1, 7),
		INSN(BPF_ALU | BPF_NEG, 1, 0, 0, 0),
		INSN(BPF_ALU | BPF_END | BPF_X, 1, 0, 0, 16),
		INSN(BPF_ALU | BPF_END | BPF_K, 1, 0, 0, 64),
		INSN(BPF_ALU64 | BPF_END | BPF_K, 1, 0, 0, 32),
		INSN(BPF_ALU64 | BPF_ARSH | BPF_K, 1, 0, 0, 63),
		INSN(BPF_LDX | 0x80 | BPF_W, 1, 2, 0, 0),
		INSN(BPF_LDX | 0x80 | BPF_B, 1, 2, 0, 0),
		ATOMIC(BPF_W, 1, 0, 2, BPF_ADD),
		ATOMIC(BPF_DW, 1, 0, 2, BPF_XOR | BPF_FETCH),
		ATOMIC(BPF_DW, 1, 0, 2, BPF_XCHG),
		ATOMIC(BPF_DW, 1, 0, 2, BPF_CMPXCHG),
		INSN(BPF_JMP32 | BPF_JSET | BPF_X, 1, 2, 0, 0),
		INSN(BPF_JMP | BPF_JSLE | BPF_K, 1, 0, 0, -1),
		STORE(BPF_H, 10, -2, 1),
		INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 12),
		INSN(BPF_LD | BPF_IND | BPF_B, 0, 1, 0, -12),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct bpf_insn insns[] = {known[i], EXIT()};
		struct hone_unit unit = UNIT(insns, maps);

		must(&unit);
	}
}

/* ---- refusals ---- */

/* Each is put before MOV, EXIT. */
static const struct {
	enum hone_reason reason;
	struct bpf_insn insn;
} refused[] = {
	{HONE_NO_RECURSION, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, -1)},
	{HONE_NO_BAD_JUMP, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2)},
	{HONE_NO_BAD_JUMP, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, -2)},
	{HONE_NO_INSN, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 1, 1)},
	{HONE_NO_KFUNC, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 1)},
	{HONE_NO_KFUNC, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 1, 1)},
	{HONE_NO_BTF_ID, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_BTF_ID, 0, 1)},
	{HONE_NO_INSN, INSN(BPF_LD | BPF_ABS | BPF_DW, 0, 0, 0, 12)},
	{HONE_NO_INSN, INSN(BPF_LD | BPF_ABS | BPF_W, 0, 1, 0, 12)},
	{HONE_NO_INSN, INSN(BPF_LD | BPF_IND | BPF_B, 1, 1, 0, 12)},
	{HONE_NO_ACQUIRE, ATOMIC(BPF_DW, 1, 0, 2, 0x100)},
	{HONE_NO_ACQUIRE, ATOMIC(BPF_B, 1, 0, 2, 0x110)},
	{HONE_NO_MAY_GOTO, INSN(BPF_JMP | 0xe0, 0, 0, 1, 0)},
	{HONE_NO_ARENA, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 1, 1, 1)},
	{HONE_NO_HELPER, CALL(100000)},
	{HONE_NO_HELPER, CALL(-1)},
	{HONE_NO_HELPER, CALL(0)},
	{HONE_NO_TIMER, CALL(BPF_FUNC_timer_start)},
	{HONE_NO_MAP_INDEX, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, 1)},
	{HONE_NO_MAP_INDEX, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, -1)},
	{HONE_NO_INSN, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_IDX, 0, 0)},
	{HONE_NO_INSN, MOV(10, 1)},
	{HONE_NO_INSN, MOV(11, 1)},
	{HONE_NO_INSN, MOV_REG(1, 11)},
	{HONE_NO_INSN, ATOMIC(BPF_DW, 1, 0, 10, BPF_XCHG)},
	{HONE_NO_INSN, ATOMIC(BPF_B, 1, 0, 2, BPF_ADD)},
	{HONE_NO_INSN, ATOMIC(BPF_DW, 1, 0, 2, 0x120)},
	{HONE_NO_INSN, ALU(BPF_DIV, 1, 0)},
	{HONE_NO_INSN, ALU(BPF_LSH, 1, 64)},
	{HONE_NO_INSN, ALU32(BPF_RSH, 1, 32)},
	{HONE_NO_INSN, INSN(BPF_ALU | BPF_END, 1, 0, 0, 24)},
	{HONE_NO_INSN, INSN(BPF_ALU64 | BPF_END | BPF_X, 1, 0, 0, 16)},
	{HONE_NO_INSN, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 1, 1)},
	{HONE_NO_INSN, INSN(BPF_ALU | BPF_MOV | BPF_X, 1, 2, 32, 0)},
	{HONE_NO_INSN, INSN(BPF_ALU64 | 0xe0, 1, 0, 0, 1)},
	{HONE_NO_INSN, INSN(BPF_LDX | 0x20 | BPF_W, 1, 2, 0, 0)},
	{HONE_NO_INSN, INSN(BPF_LDX | 0x80 | BPF_DW, 1, 2, 0, 0)},
	{HONE_NO_INSN, INSN(BPF_ST | BPF_ATOMIC | BPF_DW, 1, 0, 0, 0)},
	{HONE_NO_INSN, INSN(BPF_JMP | 0xf0, 1, 0, 0, 0)},
	{HONE_NO_INSN, INSN(BPF_JMP32 | BPF_EXIT, 0, 0, 0, 0)},
	{HONE_NO_INSN, INSN(BPF_JMP | BPF_CALL, 0, 3, 0, 1)},
	{HONE_NO_INSN, INSN(BPF_LD | BPF_W | BPF_IMM, 1, 0, 0, 1)},
	{HONE_NO_BAD_JUMP, GOTO(2)},
	{HONE_NO_BAD_JUMP, GOTO(-2)},
	{HONE_NO_BAD_JUMP, INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, INT32_MAX)},
	{HONE_NO_BAD_JUMP, INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, INT32_MIN)},
};

static void refusals_name_their_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct bpf_insn insns[] = {refused[i].insn, INSN(0, 0, 0, 0, 0), EXIT()};
		bool is_wide = insns[0].code == (BPF_LD | BPF_DW | BPF_IMM);
		struct hone_unit unit = UNIT(insns, maps);
		struct hone_refusal why = {0};

		if (!is_wide)
			insns[1] = MOV(0, 0);
		if (hone_decode(arena, &unit, &why))
			fail_msg("row %zu is accepted", i);
		if (why.reason != refused[i].reason)
			fail_msg("row %zu: %s", i, hone_reason_id(why.reason));
		assert_true(strlen(why.detail) > 0);
	}
}

static void assert_refused(const struct hone_unit *unit, enum hone_reason reason,
			   const char *detail)
{
	struct hone_refusal why = {0};

	assert_null(hone_decode(arena, unit, &why));
	assert_string_equal(hone_reason_id(why.reason), hone_reason_id(reason));
	assert_string_equal(why.detail, detail);
}

static void refuses_nothing_at_all(void **state)
{
	struct hone_unit unit = {0};

	(void)state;
	assert_refused(&unit, HONE_NO_BAD_JUMP, "no instructions");
}

static void refuses_to_run_off_the_end(void **state)
{
	struct bpf_insn insns[] = {MOV(0, 0)};
	struct hone_unit unit = UNIT(insns, maps);

	(void)state;
	assert_refused(&unit, HONE_NO_BAD_JUMP, "instruction 0 goes to 1");
}

static void refuses_a_constant_that_is_cut_off(void **state)
{
	struct bpf_insn insns[] = {MOV(0, 0), LD_IMM64(1, 1, 1), EXIT()};
	struct hone_unit unit = UNIT(insns, maps);

	(void)state;
	unit.n_insns = 2;
	assert_refused(&unit, HONE_NO_INSN, "instruction 1: a 64-bit constant is cut off");
	unit.n_insns = 4;
	insns[2].dst_reg = 1;
	assert_refused(&unit, HONE_NO_INSN, "instruction 1: a 64-bit constant is cut off");
}

static void refuses_a_jump_into_a_constant(void **state)
{
	/* the second half, taken for an instruction, would be a known one */
	struct bpf_insn insns[] = {JUMP(BPF_JEQ, 1, 0, 1), LD_IMM64(1, 1, 0), EXIT()};
	struct hone_unit unit = UNIT(insns, maps);
	struct hone_refusal why;

	(void)state;
	assert_null(hone_decode(arena, &unit, &why));
}

static void refuses_a_handle_with_an_offset(void **state)
{
	struct bpf_insn insns[] = {LD_MAP(1, 0), MOV(0, 0), EXIT()};
	struct hone_unit unit = UNIT(insns, maps);

	(void)state;
	insns[1].imm = 8;
	assert_refused(&unit, HONE_NO_INSN, "instruction 0: a map handle with an offset");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(straight_code_is_one_block),
		TEST(jumps_split_blocks),
		TEST(gotos_have_one_way),
		TEST(gotol_jumps_by_its_immediate),
		TEST(wide_constants_are_one_instruction),
		TEST(unreached_code_is_not_looked_at),
		TEST(blocks_in_loops_say_so),
		TEST(a_block_can_loop_on_itself),
		TEST(a_deep_program_is_walked_without_recursion),
		TEST(every_instruction_of_the_set_is_known),
		TEST(refusals_name_their_reason),
		TEST(refuses_nothing_at_all),
		TEST(refuses_to_run_off_the_end),
		TEST(refuses_a_constant_that_is_cut_off),
		TEST(refuses_a_jump_into_a_constant),
		TEST(refuses_a_handle_with_an_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
