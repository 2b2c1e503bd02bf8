// SPDX-License-Identifier: Apache-2.0
/* fuzz_analysis: any bytes as a program, through decode, kinds and effects.
 *
 * Random bytes rarely make an instruction, so the input is read as small choices: each four bytes
 * become one instruction of a table that covers the set; a first byte says whether to take the
 * bytes as they are instead. Beside memory errors it checks what the results promise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/analysis.h"

enum { INSNS_MAX = 512 };

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

static struct hone_map maps[] = {
	{.index = 0, .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 16},
	{.index = 1, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8},
	{.index = 2, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4},
	{.index = 3, .type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 200},
};

/* Bring what the choices made within what the set allows. */
static void make_legal(struct bpf_insn *insn, uint8_t choice)
{
	uint8_t class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);
	bool is_alu = class == BPF_ALU || class == BPF_ALU64;

	if (is_alu || class == BPF_LD)
		insn->off = 0;
	if (insn->code == (BPF_LD | BPF_DW | BPF_IMM))
		insn->imm = choice % 4;
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

static uint32_t make_insns(const uint8_t *data, size_t size, struct bpf_insn *insns)
{
	uint32_t n = 0;

	for (size_t i = 0; i + 4 <= size && n + 3 < INSNS_MAX; i += 4) {
		struct bpf_insn *insn = &insns[n++];
		int8_t small = (int8_t)data[i + 2];

		*insn = (struct bpf_insn){
			.code = codes[data[i] % sizeof(codes)],
			.dst_reg = (data[i + 1] & 15) % 11,
			.src_reg = (data[i + 1] >> 4) % 11,
			.off = BPF_CLASS(codes[data[i] % sizeof(codes)]) == BPF_JMP
				       ? (int16_t)(small % 16)
				       : (int16_t)(small * 4),
			.imm = (int8_t)data[i + 3],
		};
		make_legal(insn, data[i + 3]);
		if (insn->code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		insn->src_reg %= 3;
		insns[n++] = (struct bpf_insn){.imm = insn->src_reg == 1 ? 0 : small};
	}
	insns[n++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K};
	insns[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	return n;
}

static void promise(bool holds)
{
	if (!holds)
		abort();
}

static void check_code(const struct hone_code *code)
{
	for (uint32_t i = 0; i < code->n_blocks; i++) {
		const struct hone_block *block = &code->blocks[i];

		promise(block->first < block->end && block->end <= code->n_insns);
		promise(block->jump < (int32_t)code->n_blocks &&
			block->next < (int32_t)code->n_blocks);
	}
}

static void check_kinds(const struct hone_code *code, const struct hone_kinds *kinds)
{
	for (uint32_t at = 0; at < code->n_insns; at++) {
		if (code->block_of[at] < 0)
			continue;
		promise(kinds->reg[at][BPF_REG_10].kind == HONE_KIND_STACK);
		promise(kinds->reg[at][BPF_REG_10].constant == 0);
	}
}

static void check_analysis(const struct hone_code *code, const struct hone_analysis *analysis)
{
	for (uint32_t i = 0; i < analysis->n_sites; i++) {
		const struct hone_site *site = &analysis->sites[i];

		promise(site->id == i && site->insn < code->n_insns);
		promise(code->insns[site->insn].code == (BPF_JMP | BPF_CALL));
		promise(!site->tested_ok || (site->n_loads > 0 && !site->in_loop));
		for (uint32_t j = 0; j < site->n_loads; j++)
			promise(code->insns[site->loads[j]].code == (BPF_LDX | BPF_MEM | BPF_DW));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn insns[INSNS_MAX];
	struct hone_arena *arena = hone_arena_new();
	struct hone_unit unit = {.prog_type = BPF_PROG_TYPE_XDP,
				 .insns = insns,
				 .maps = maps,
				 .n_maps = sizeof(maps) / sizeof(maps[0])};
	struct hone_refusal why = {0};
	struct hone_kinds *kinds = NULL;
	struct hone_code *code;

	if (size > 0 && data[0] == 0xff) {
		unit.n_insns = (uint32_t)((size - 1) / sizeof(insns[0]));
		unit.n_insns = unit.n_insns > INSNS_MAX ? INSNS_MAX : unit.n_insns;
		memcpy(insns, data + 1, unit.n_insns * sizeof(insns[0]));
	} else {
		unit.n_insns = make_insns(data, size, insns);
	}
	code = hone_decode(arena, &unit, &why);
	if (code) {
		check_code(code);
		kinds = hone_kinds(arena, code, &why);
	}
	promise(kinds || why.reason != HONE_REWRITTEN);
	if (kinds) {
		check_kinds(code, kinds);
		check_analysis(code, hone_effects(arena, code, kinds));
	}
	hone_arena_free(arena);
	return 0;
}
