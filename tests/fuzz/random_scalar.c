// SPDX-License-Identifier: Apache-2.0
/* random_scalar: statements on variables alone: arithmetic, branches, loops, early ends. */
#include "tests/fuzz/random_build.h"

enum { MEMSX = 0x80 };

/* ---- arithmetic: a chain in r1, operands in r2 ---- */

static void emit_binary(struct random_build *b)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL,  BPF_OR,  BPF_AND, BPF_XOR,
				      BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD};
	uint8_t op = PICK(b, ops), class = one_in(b, 2) ? BPF_ALU : BPF_ALU64;
	bool is_division = op == BPF_DIV || op == BPF_MOD;
	bool is_shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	int is_signed = is_division && one_in(b, 2);
	int64_t imm = any_constant(b);

	if (one_in(b, 2)) {
		emit(b, class | op | BPF_X, 1, use(b, any_variable(b), 2), is_signed, 0);
		return;
	}
	if (is_shift)
		imm = below(b, class == BPF_ALU ? 32 : 64);
	if (is_division && (int32_t)imm == 0)
		imm = -1;
	emit(b, class | op | BPF_K, 1, 0, is_signed, imm);
}

static void emit_unary(struct random_build *b)
{
	static const int widths[] = {16, 32, 64}, extensions[] = {8, 16, 32};
	uint8_t class = one_in(b, 2) ? BPF_ALU : BPF_ALU64;
	int width = PICK(b, widths), extension = PICK(b, extensions);

	switch (below(b, 5)) {
	case 0:
		emit(b, class | BPF_NEG, 1, 0, 0, 0);
		return;
	case 1: /* bswap */
		emit(b, BPF_ALU64 | BPF_END, 1, 0, 0, width);
		return;
	case 2:
		emit(b, BPF_ALU | BPF_END | (one_in(b, 4) ? BPF_TO_LE : BPF_TO_BE), 1, 0, 0, width);
		return;
	case 3:
		emit(b, BPF_ALU | BPF_MOV | BPF_X, 1, 1, 0, 0);
		return;
	default:
		if (extension == 32)
			class = BPF_ALU64;
		emit(b, class | BPF_MOV | BPF_X, 1, use(b, any_variable(b), 1), extension, 0);
	}
}

static void make_alu(struct random_build *b)
{
	uint32_t n = 1 + below(b, 6);

	if (one_in(b, 6))
		emit_imm(b, 1, any_constant(b));
	else
		load_variable(b, any_variable(b), 1);
	while (n-- > 0) {
		if (one_in(b, 3))
			emit_unary(b);
		else
			emit_binary(b);
	}
	set(b, any_variable(b), 1);
}

/* ---- branches ---- */

/* A jump on some condition of variables; a test of few bits more often than one that no packet
 * meets. */
static uint32_t emit_condition(struct random_build *b)
{
	static const uint8_t ops[] = {BPF_JEQ,	BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	uint8_t class = one_in(b, 2) ? BPF_JMP : BPF_JMP32;
	uint32_t variable = any_variable(b), reg;

	switch (below(b, 4)) {
	case 0:
		reg = use(b, variable, 1);
		return emit_jump(b, class | PICK(b, ops) | BPF_X, reg, use(b, any_variable(b), 2),
				 0);
	case 1:
		reg = use(b, variable, 1);
		return emit_jump(b, class | PICK(b, ops) | BPF_K, reg, 0, any_constant(b));
	case 2:
		reg = use(b, variable, 1);
		return emit_jump(b, class | BPF_JSET | BPF_K, reg, 0, 1 << below(b, 31));
	default:
		load_variable(b, variable, 1);
		emit_alu(b, BPF_RSH, 1, (int)below(b, 32));
		emit_alu(b, BPF_AND, 1, (int)(1u << below(b, 8)) * 3);
		return emit_jump(b, class | PICK(b, ops) | BPF_K, 1, 0, below(b, 4));
	}
}

static bool may_nest(struct random_build *b)
{
	return b->f->depth < DEPTH - 2 * b->f->n_loops;
}

static uint32_t emit_goto(struct random_build *b)
{
	return emit_jump(b, (one_in(b, 8) ? BPF_JMP32 : BPF_JMP) | BPF_JA, 0, 0, 0);
}

static void make_branch(struct random_build *b)
{
	uint32_t over = emit_condition(b), end;

	make_block(b);
	if (one_in(b, 2)) {
		land(b, over);
		return;
	}
	end = emit_goto(b);
	land(b, over);
	make_block(b);
	land(b, end);
}

/* v = condition ? a : b, as compilers write it */
static void make_select(struct random_build *b)
{
	uint32_t over;

	load_variable(b, any_variable(b), 3);
	over = emit_condition(b);
	if (one_in(b, 2))
		emit_imm(b, 3, any_constant(b));
	else
		load_variable(b, any_variable(b), 3);
	land(b, over);
	set(b, any_variable(b), 3);
}

/* Compares in a row, each with an arm of its own that goes to the end. */
static void make_switch(struct random_build *b)
{
	enum { ARMS = 24 };
	uint32_t ends[ARMS], variable = any_variable(b);
	uint32_t n = 2 + below(b, one_in(b, 4) ? ARMS - 2 : 5);
	uint32_t first = below(b, 8), step = 1 + below(b, 3);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t reg, next;

		load_variable(b, variable, 1);
		emit_alu(b, BPF_AND, 1, 31);
		next = emit_jump(b, BPF_JMP | BPF_JNE | BPF_K, 1, 0, first + i * step);
		if (one_in(b, 4)) {
			make_statements(b, 1);
		} else {
			reg = 3;
			emit_imm(b, reg, any_constant(b));
			set(b, any_variable(b), reg);
		}
		ends[i] = emit_goto(b);
		land(b, next);
	}
	for (uint32_t i = 0; i < n; i++)
		land(b, ends[i]);
}

/* ---- loops ---- */

static bool may_loop(struct random_build *b)
{
	return b->f->depth < 3 && (b->f->n_loops == 0 || (b->f->n_loops < LOOPS && one_in(b, 4)));
}

static void make_loop(struct random_build *b)
{
	int at = AT_LOOP - 16 * (int)b->f->n_loops;
	bool is_bounded_by_variable = one_in(b, 3), in_r7 = !b->f->r7_is_used && one_in(b, 2);
	uint32_t begin, leave = 0, n = 2 + below(b, b->f->n_loops ? 2 : 5), counter = 1;

	if (is_bounded_by_variable) {
		emit_index(b, 2, 8);
		emit_store(b, 8, BPF_REG_10, at - 8, 2);
	}
	if (in_r7) {
		b->f->r7_is_used = true;
		counter = BPF_REG_7;
		emit_imm(b, counter, 0);
	} else {
		emit(b, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, at, 0);
	}
	begin = b->f->n_insns;
	if (!in_r7)
		emit_load(b, 8, counter, BPF_REG_10, at);
	if (is_bounded_by_variable) {
		emit_load(b, 8, 2, BPF_REG_10, at - 8);
		leave = emit_jump(b, BPF_JMP | BPF_JGE | BPF_X, counter, 2, 0);
	}
	set(b, any_variable(b), counter);

	b->f->n_loops++;
	make_block(b);
	b->f->n_loops--;

	if (!in_r7)
		emit_load(b, 8, counter, BPF_REG_10, at);
	emit_add(b, counter, 1);
	if (!in_r7)
		emit_store(b, 8, BPF_REG_10, at, counter);
	emit_back(b, BPF_JMP | BPF_JLT | BPF_K, counter, 0, is_bounded_by_variable ? 8 : n, begin);
	if (is_bounded_by_variable)
		land(b, leave);
	if (in_r7)
		b->f->r7_is_used = false;
}

/* ---- ends ---- */

static bool may_exit(struct random_build *b)
{
	return b->f->depth > 0;
}

/* In a branch of its own, so that what follows is reached. */
static void make_exit(struct random_build *b)
{
	uint32_t over = emit_condition(b);

	if (one_in(b, 2)) {
		emit_imm(b, 0, b->f->is_main ? below(b, 4) : 1);
	} else {
		load_variable(b, any_variable(b), 0);
		emit_alu(b, BPF_AND, 0, b->f->is_main ? 3 : 1);
	}
	emit(b, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	land(b, over);
}

const struct random_kind random_scalar_kinds[] = {
	{RANDOM_ALU, 30, NULL, make_alu},
	{RANDOM_BRANCH, 14, may_nest, make_branch},
	{RANDOM_SELECT, 6, NULL, make_select},
	{RANDOM_SWITCH, 2, may_nest, make_switch},
	{RANDOM_LOOP, 4, may_loop, make_loop},
	{RANDOM_EXIT, 3, may_exit, make_exit},
	{0},
};
