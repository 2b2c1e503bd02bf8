// SPDX-License-Identifier: Apache-2.0
/* lift: generated programs (arithmetic of all widths, branches, stack, atomics), original against
 * image. Registers come out of the packet, and go back into it with the stack at the end, so that
 * every bit of every result is compared. Needs BPF. HONE_LONG=1: 10,000 programs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tools/asm.h"
#include "tests/tools/honec.h"
#include "tests/tools/kernel_test.h"
#include "tests/tools/pair.h"

enum {
	PROGRAMS = 300,
	PROGRAMS_LONG = 10000,
	PACKETS = 24,
	SEED = 5150,
	STEPS_MAX = 48,
	INSNS_MAX = 256,
	SLOTS = 8, /* of the stack: r10 - 64 … r10 - 1 */
	PACKET_BYTES = 8 * (7 + SLOTS),
	MEMSX = 0x80,
};

static const uint8_t scratch[] = {0, 1, 2, 3, 4, 5, 9}; /* r6 ctx, r7 data, r8 data_end */

static struct honec honec;
static uint64_t seed;
static uint32_t number; /* of the program */

static int set_up(void **state)
{
	(void)state;
	kernel_test_needs_root();
	return honec_start(&honec);
}

static int tear_down(void **state)
{
	(void)state;
	return honec_stop(&honec);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(pair_random(&seed) % n);
}

/* & 15: what the instruction's field holds, as compilers want to see it. */
#define ANY_REG() (any_reg() & 15u)

static uint8_t any_reg(void)
{
	return scratch[below(sizeof(scratch))];
}

static const int64_t edges[] = {0,	    1,		-1,	   2,	      7,
				31,	    32,		63,	   64,	      255,
				-128,	    0x7fff,	-0x8000,   0xffff,    0x7fffffff,
				0x80000000, 0xffffffff, INT64_MAX, INT64_MIN, 0x100000000};

static int64_t any_value(void)
{
	return below(2) ? edges[below(sizeof(edges) / sizeof(edges[0]))]
			: (int64_t)pair_random(&seed);
}

/* ---- one random instruction each; all may be run at any time ---- */

struct program {
	struct bpf_insn insns[INSNS_MAX];
	uint32_t n;
	uint32_t starts[STEPS_MAX + 1]; /* of each step */
};

static void emit(struct program *p, struct bpf_insn insn)
{
	assert_true(p->n < INSNS_MAX);
	p->insns[p->n++] = insn;
}

static void emit_binary(struct program *p)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL,  BPF_OR,  BPF_AND, BPF_XOR,
				      BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD};
	uint8_t op = ops[below(sizeof(ops))], class = below(2) ? BPF_ALU : BPF_ALU64;
	bool has_reg = below(2), is_division = op == BPF_DIV || op == BPF_MOD;
	bool is_shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	struct bpf_insn insn = {.code = class | op | (has_reg ? BPF_X : BPF_K),
				.dst_reg = ANY_REG()};

	if (has_reg)
		insn.src_reg = ANY_REG();
	else if (is_shift)
		insn.imm = (int)below(class == BPF_ALU ? 32 : 64);
	else
		insn.imm = (int)any_value();
	if (is_division && !has_reg && insn.imm == 0)
		insn.imm = -1;
	if (is_division)
		insn.off = (short)below(2); /* signed */
	emit(p, insn);
}

static void emit_move(struct program *p)
{
	static const short extensions[] = {0, 8, 16, 32};
	uint8_t class = below(2) ? BPF_ALU : BPF_ALU64;
	struct bpf_insn insn = {.code = class | BPF_MOV | BPF_X,
				.dst_reg = ANY_REG(),
				.src_reg = ANY_REG(),
				.off = extensions[below(class == BPF_ALU ? 3 : 4)]};

	if (below(3) == 0)
		insn = (struct bpf_insn){.code = class | BPF_MOV | BPF_K,
					 .dst_reg = ANY_REG(),
					 .imm = (int)any_value()};
	emit(p, insn);
}

static void emit_unary(struct program *p)
{
	static const int widths[] = {16, 32, 64};
	int width = widths[below(3)];

	switch (below(4)) {
	case 0:
		emit(p, (struct bpf_insn){.code = (below(2) ? BPF_ALU : BPF_ALU64) | BPF_NEG,
					  .dst_reg = ANY_REG()});
		return;
	case 1:
		emit(p, (struct bpf_insn){
				.code = BPF_ALU64 | BPF_END, .dst_reg = ANY_REG(), .imm = width});
		return;
	default:
		emit(p, (struct bpf_insn){.code = BPF_ALU | BPF_END |
						  (below(2) ? BPF_TO_BE : BPF_TO_LE),
					  .dst_reg = ANY_REG(),
					  .imm = width});
	}
}

static void emit_constant(struct program *p)
{
	uint64_t value = (uint64_t)any_value();

	emit(p, (struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW,
				  .dst_reg = ANY_REG(),
				  .imm = (int)(uint32_t)value});
	emit(p, (struct bpf_insn){.imm = (int)(uint32_t)(value >> 32)});
}

static void emit_stack(struct program *p)
{
	static const struct {
		uint8_t code;
		uint32_t bytes;
	} sizes[] = {{BPF_B, 1}, {BPF_H, 2}, {BPF_W, 4}, {BPF_DW, 8}};
	uint32_t size = below(4);
	struct bpf_insn insn = {
		.off = (short)(-8 * SLOTS +
			       (int)(below(8 * SLOTS / sizes[size].bytes) * sizes[size].bytes))};

	switch (below(4)) {
	case 0:
		insn.code = BPF_ST | BPF_MEM | sizes[size].code;
		insn.dst_reg = BPF_REG_10;
		insn.imm = (int)any_value();
		break;
	case 1:
		insn.code = BPF_STX | BPF_MEM | sizes[size].code;
		insn.dst_reg = BPF_REG_10;
		insn.src_reg = ANY_REG();
		break;
	case 2: /* there is no load of 64 bits with sign */
		insn.code = BPF_LDX | sizes[size].code;
		insn.code |= size < 3 ? MEMSX : BPF_MEM;
		insn.dst_reg = ANY_REG();
		insn.src_reg = BPF_REG_10;
		break;
	default:
		insn.code = BPF_LDX | BPF_MEM | sizes[size].code;
		insn.dst_reg = ANY_REG();
		insn.src_reg = BPF_REG_10;
	}
	emit(p, insn);
}

/* Where a 32-bit compare-and-exchange succeeds, x86 leaves the upper half of r0 alone; the kernel
 * clears it only where it sees the half read (kernel/bpf/verifier.c is_cmpxchg_insn()), and 6.18
 * was seen to miss a read. So the generator clears it. */
static void emit_atomic(struct program *p)
{
	static const int ops[] = {BPF_ADD,
				  BPF_OR,
				  BPF_AND,
				  BPF_XOR,
				  BPF_ADD | BPF_FETCH,
				  BPF_OR | BPF_FETCH,
				  BPF_AND | BPF_FETCH,
				  BPF_XOR | BPF_FETCH,
				  BPF_XCHG,
				  BPF_CMPXCHG};
	bool is_wide = below(2);
	uint32_t bytes = is_wide ? 8 : 4;
	int op = ops[below(sizeof(ops) / sizeof(ops[0]))];

	emit(p,
	     (struct bpf_insn){.code = BPF_STX | BPF_ATOMIC | (is_wide ? BPF_DW : BPF_W),
			       .dst_reg = BPF_REG_10,
			       .src_reg = ANY_REG(),
			       .off = (short)(-8 * SLOTS + (int)(below(8 * SLOTS / bytes) * bytes)),
			       .imm = op});
	if (op == BPF_CMPXCHG && !is_wide)
		emit(p, (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_X});
}

/* The target is a step further on; resolve_jumps() makes an offset of it. */
static void emit_jump(struct program *p)
{
	static const uint8_t ops[] = {BPF_JEQ,	BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	bool has_reg = below(2);
	uint8_t class = below(2) ? BPF_JMP : BPF_JMP32;
	struct bpf_insn insn = {.code = class | ops[below(sizeof(ops))] | (has_reg ? BPF_X : BPF_K),
				.dst_reg = ANY_REG(),
				.off = (short)(1 + below(5))};

	if (has_reg)
		insn.src_reg = ANY_REG();
	else
		insn.imm = (int)any_value();
	emit(p, insn);
}

static bool is_jump(const struct bpf_insn *insn)
{
	uint8_t class = BPF_CLASS(insn->code);

	return class == BPF_JMP || class == BPF_JMP32;
}

static void resolve_jumps(struct program *p, uint32_t n_steps)
{
	for (uint32_t step = 0; step < n_steps; step++) {
		struct bpf_insn *insn = &p->insns[p->starts[step]];
		uint32_t target = step + 1;

		if (!is_jump(insn))
			continue;
		target += (uint32_t)(uint16_t)insn->off;
		if (target > n_steps)
			target = n_steps;
		insn->off = (short)(p->starts[target] - p->starts[step] - 1);
	}
}

static void emit_step(struct program *p)
{
	static void (*const steps[])(struct program *) = {
		emit_binary, emit_binary, emit_binary, emit_move, emit_unary, emit_constant,
		emit_stack,  emit_stack,  emit_atomic, emit_jump, emit_jump};

	steps[below(sizeof(steps) / sizeof(steps[0]))](p);
}

static void generate(struct program *p)
{
	static const struct bpf_insn begin[] = {
		ASM_MOV_REG(BPF_REG_6, BPF_REG_1),
		ASM_LOAD(BPF_W, BPF_REG_7, BPF_REG_6, 0),
		ASM_LOAD(BPF_W, BPF_REG_8, BPF_REG_6, 4),
		ASM_MOV_REG(BPF_REG_2, BPF_REG_7),
		ASM_ALU_IMM(BPF_ADD, BPF_REG_2, PACKET_BYTES),
		ASM_JMP_REG(BPF_JLE, BPF_REG_2, BPF_REG_8, 2),
		ASM_MOV_IMM(BPF_REG_0, 0),
		ASM_EXIT(),
	};
	uint32_t n_steps = 4 + below(STEPS_MAX - 4);

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		emit(p, begin[i]);
	for (short i = 0; i < SLOTS; i++) {
		emit(p,
		     (struct bpf_insn)ASM_LOAD(BPF_DW, BPF_REG_0, BPF_REG_7, (short)(8 * (7 + i))));
		emit(p, (struct bpf_insn)ASM_STORE(BPF_DW, BPF_REG_10, BPF_REG_0,
						   (short)(-8 * (i + 1))));
	}
	for (short i = 0; i < 7; i++)
		emit(p, (struct bpf_insn)ASM_LOAD(BPF_DW, (scratch[i] & 15u), BPF_REG_7,
						  (short)(8 * i)));
	for (uint32_t i = 0; i < n_steps; i++) {
		p->starts[i] = p->n;
		emit_step(p);
	}
	p->starts[n_steps] = p->n;
	resolve_jumps(p, n_steps);
	for (short i = 0; i < 7; i++)
		emit(p, (struct bpf_insn)ASM_STORE(BPF_DW, BPF_REG_7, (scratch[i] & 15u),
						   (short)(8 * i)));
	for (short i = 0; i < SLOTS; i++) {
		emit(p, (struct bpf_insn)ASM_LOAD(BPF_DW, BPF_REG_1, BPF_REG_10,
						  (short)(-8 * (i + 1))));
		emit(p, (struct bpf_insn)ASM_STORE(BPF_DW, BPF_REG_7, BPF_REG_1,
						   (short)(8 * (7 + i))));
	}
	emit(p, (struct bpf_insn)ASM_EXIT());
}

/* ---- tests ---- */

static void fill_packet(uint8_t *packet)
{
	for (uint32_t i = 0; i < PACKET_BYTES; i += 8) {
		int64_t value = any_value();

		memcpy(packet + i, &value, sizeof(value));
	}
}

static void describe(struct program *p, struct hone_unit *unit)
{
	*unit = (struct hone_unit){.name = "generated",
				   .license = "GPL",
				   .prog_type = BPF_PROG_TYPE_XDP,
				   .expected_attach_type = BPF_XDP,
				   .n_insns = p->n,
				   .insns = p->insns};
}

static void compare(const struct hone_unit *unit, const struct hone_image *image)
{
	static const struct hone_maps none = HONE_MAPS_EMPTY;
	uint8_t packet[PACKET_BYTES + 8];
	struct pair pair;
	uint32_t verdict;

	if (pair_load(unit, &none, &none, image, &pair))
		fail_msg("program %u: %s", number, pair.detail);
	for (uint32_t i = 0; i < PACKETS; i++) {
		fill_packet(packet);
		if (!pair_agrees(&pair, packet, sizeof(packet), &verdict))
			fail_msg("program %u: %s", number, pair.detail);
	}
	pair_close(&pair);
}

static void generated_programs_are_equal(void **state)
{
	static struct program program;
	struct hone_request request = {.policy = honec_policy(0)};
	struct hone_result result;
	uint32_t n = getenv("HONE_LONG") ? PROGRAMS_LONG : PROGRAMS;

	(void)state;
	for (number = 0; number < n; number++) {
		seed = SEED + ((uint64_t)number << 32); /* any program can be made alone */
		generate(&program);
		describe(&program, &request.unit);
		assert_int_equal(honec_ask(&honec, &request, &result), 0);
		if (result.refused != HONE_REWRITTEN)
			fail_msg("program %u: %s: %s", number, hone_reason_text(result.refused),
				 result.detail);
		compare(&request.unit, &result.image);
		hone_result_free(&result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_programs_are_equal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
