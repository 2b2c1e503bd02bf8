// SPDX-License-Identifier: Apache-2.0
/* program: see the header. Random bytes rarely make an instruction, so each four bytes choose one
 * from a table that covers the set, or a short sequence such as a lookup. */
#include "tests/fuzz/program.h"

#include <string.h>

#include "tests/unit/insns.h"

struct hone_map program_maps[PROGRAM_MAPS] = {
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
	{.index = 2, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4},
	{.index = 3, .type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 48},
};

static const uint8_t registers[8] = {0, 1, 2, 3, 6, 7, 8, 10};

static const uint8_t codes[] = {
	BPF_ALU64 | BPF_MOV | BPF_X, BPF_ALU64 | BPF_MOV | BPF_K,   BPF_ALU64 | BPF_ADD | BPF_K,
	BPF_ALU64 | BPF_ADD | BPF_X, BPF_ALU64 | BPF_SUB | BPF_X,   BPF_ALU64 | BPF_AND | BPF_K,
	BPF_ALU64 | BPF_OR | BPF_X,  BPF_ALU64 | BPF_LSH | BPF_K,   BPF_ALU64 | BPF_ARSH | BPF_X,
	BPF_ALU64 | BPF_NEG,	     BPF_ALU64 | BPF_MUL | BPF_K,   BPF_ALU | BPF_MOV | BPF_X,
	BPF_ALU | BPF_ADD | BPF_K,   BPF_ALU | BPF_XOR | BPF_X,	    BPF_ALU | BPF_ARSH | BPF_K,
	BPF_ALU | BPF_END,	     BPF_ALU64 | BPF_DIV | BPF_X,   BPF_LDX | BPF_MEM | BPF_DW,
	BPF_LDX | BPF_MEM | BPF_W,   BPF_LDX | BPF_MEM | BPF_B,	    BPF_LDX | 0x80 | BPF_W,
	BPF_STX | BPF_MEM | BPF_DW,  BPF_STX | BPF_MEM | BPF_W,	    BPF_ST | BPF_MEM | BPF_DW,
	BPF_ST | BPF_MEM | BPF_H,    BPF_STX | BPF_ATOMIC | BPF_DW, BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ | BPF_K,   BPF_JMP | BPF_JNE | BPF_K,	    BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JSET | BPF_K,  BPF_JMP32 | BPF_JSLT | BPF_K,  BPF_JMP | BPF_CALL,
	BPF_JMP | BPF_EXIT,	     BPF_LD | BPF_DW | BPF_IMM,
};

static const int32_t helpers[] = {
	BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_map_delete_elem,
	BPF_FUNC_tail_call,	  BPF_FUNC_xdp_load_bytes,  BPF_FUNC_xdp_store_bytes,
	BPF_FUNC_csum_diff,	  BPF_FUNC_fib_lookup,	    BPF_FUNC_ktime_get_ns,
	BPF_FUNC_map_peek_elem,	  BPF_FUNC_ringbuf_reserve,
};

static const int32_t atomics[] = {BPF_ADD, BPF_OR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG, BPF_AND};

/* Bring what the choices made within what the set allows. */
static void make_legal(struct bpf_insn *insn, uint8_t choice)
{
	uint8_t class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	bool is_alu = class == BPF_ALU || class == BPF_ALU64;

	if (is_alu || class == BPF_LD)
		insn->off = 0;
	if (insn->code == (BPF_LD | BPF_DW | BPF_IMM))
		insn->imm = choice % PROGRAM_MAPS;
	if (class == BPF_LDX || (class == BPF_STX && BPF_MODE(insn->code) == BPF_MEM))
		insn->imm = 0;
	if (class == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		insn->imm = atomics[choice % 5];
	if (class == BPF_ST || insn->code == (BPF_JMP | BPF_JA))
		insn->src_reg = 0;
	if (is_alu && (op == BPF_LSH || op == BPF_ARSH) && BPF_SRC(insn->code) == BPF_K)
		insn->imm = choice % 32;
	if (is_alu && op == BPF_END)
		insn->imm = 16;
	if (is_alu && op == BPF_NEG)
		insn->imm = 0;
	if ((is_alu || class == BPF_JMP || class == BPF_JMP32) && BPF_SRC(insn->code) == BPF_X)
		insn->imm = 0;
	else if (is_alu || class == BPF_JMP || class == BPF_JMP32)
		insn->src_reg = 0;
	if (insn->code == (BPF_JMP | BPF_JA) || insn->code == (BPF_JMP | BPF_EXIT) ||
	    insn->code == (BPF_JMP | BPF_CALL)) {
		insn->dst_reg = 0;
		insn->imm = 0;
	}
	if (insn->code == (BPF_JMP | BPF_EXIT) || insn->code == (BPF_JMP | BPF_CALL))
		insn->off = 0;
	if (insn->code == (BPF_JMP | BPF_CALL))
		insn->imm = helpers[choice % (sizeof(helpers) / sizeof(helpers[0]))];
}

/* ---- sequences that programs are made of ---- */

static uint32_t make_lookup(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	const struct bpf_insn insns[] = {
		STORE(BPF_W, 10, -4, b % 4), MOV_REG(2, 10), ALU(BPF_ADD, 2, -4),
		LD_MAP(1, a % PROGRAM_MAPS), LOOKUP(),
	};

	memcpy(out, insns, sizeof(insns));
	return sizeof(insns) / sizeof(insns[0]);
}

static uint32_t make_null_test(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	out[0] = JUMP(a & 1 ? BPF_JEQ : BPF_JNE, a & 2 ? 0 : 6, 0, b % 8);
	return 1;
}

static uint32_t make_count(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	uint8_t base = a & 1 ? 0 : 6, word = a & 2 ? 1 : 7;
	int16_t off = (int16_t)(a & 4 ? 8 : 0);
	const struct bpf_insn insns[] = {
		LOAD(BPF_DW, word, base, off),
		ALU(a & 8 ? BPF_ADD : BPF_OR, word, 1 << b % 16),
		STORE_REG(BPF_DW, base, off, word),
	};

	memcpy(out, insns, sizeof(insns));
	return sizeof(insns) / sizeof(insns[0]);
}

static uint32_t make_test(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	uint8_t base = a & 1 ? 0 : 6;
	int16_t off = (int16_t)(a & 4 ? 8 : 0);
	const struct bpf_insn insns[] = {
		LOAD(BPF_DW, 1, base, off),
		MOV_REG(2, 1),
		ALU(BPF_AND, 2, b % 64),
		JUMP(a & 8 ? BPF_JEQ : BPF_JNE, 2, a & 16 ? b % 64 : 0, (a >> 5)),
	};

	memcpy(out, insns, sizeof(insns));
	return sizeof(insns) / sizeof(insns[0]);
}

static uint32_t make_spill(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	int16_t off = (int16_t)(-16 - 8 * (a % 4));

	if (b & 1)
		out[0] = STORE_REG(BPF_DW, 10, off, registers[a >> 5]);
	else
		out[0] = LOAD(BPF_DW, registers[(a >> 5) % 7], 10, off);
	return 1;
}

static uint32_t make_fill(struct bpf_insn *out, uint8_t a, uint8_t b)
{
	const struct bpf_insn insns[] = {
		MOV(1, 0),
		MOV(2, 0),
		MOV_REG(3, a & 1 ? 10 : 6),
		ALU(BPF_ADD, 3, a & 1 ? -8 * (1 + b % 4) : b % 8),
		MOV(4, 1 + (a >> 1) % 12),
		CALL(BPF_FUNC_xdp_load_bytes),
	};

	memcpy(out, insns, sizeof(insns));
	return sizeof(insns) / sizeof(insns[0]);
}

static uint32_t (*const sequences[])(struct bpf_insn *out, uint8_t a, uint8_t b) = {
	make_lookup, make_null_test, make_count,  make_test,
	make_spill,  make_fill,	     make_lookup, make_test,
};

enum { N_CODES = sizeof(codes), N_SEQUENCES = sizeof(sequences) / sizeof(sequences[0]) };

static uint32_t make_one(struct bpf_insn *out, uint8_t code, uint8_t which, uint8_t off,
			 uint8_t imm)
{
	bool is_jump = BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32;
	int8_t small = (int8_t)off;

	*out = INSN(code, registers[which % 8], registers[(which >> 4) % 8],
		    (int16_t)(is_jump ? small % 16 : small * 4), (int8_t)imm);
	make_legal(out, imm);
	if (code != (BPF_LD | BPF_DW | BPF_IMM))
		return 1;
	out->src_reg %= 3;
	out[1] = INSN(0, 0, 0, 0, out->src_reg == BPF_PSEUDO_MAP_FD ? 0 : small % 16);
	return 2;
}

uint32_t program_make(const uint8_t *data, size_t size, struct bpf_insn *insns)
{
	uint32_t n = 0;

	for (size_t i = 0; i + 4 <= size && n + 10 < PROGRAM_INSNS; i += 4) {
		unsigned int choice = data[i] % (N_CODES + 4 * N_SEQUENCES);

		if (choice < N_CODES)
			n += make_one(&insns[n], codes[choice], data[i + 1], data[i + 2],
				      data[i + 3]);
		else
			n += sequences[choice % N_SEQUENCES](&insns[n], data[i + 2], data[i + 3]);
	}
	insns[n++] = MOV(0, 0);
	insns[n++] = EXIT();
	return n;
}
