// SPDX-License-Identifier: Apache-2.0
/* lift: a unit's instructions to LLVM functions which do the same, one for each of its own.
 *
 * When: after decode, kinds and effects; nothing here decides or refuses what they let pass.
 * Not: any improvement. A plain round trip through this file costs no speed.
 *
 * lift_function.c functions, lift_reg.c registers, lift_stack.c the frame, lift_alu.c, lift_mem.c
 * and lift_flow.c the instructions. */
#include "compiler/lift.h"
#include "compiler/compiler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Registers and frame, in a block of their own: the program may jump to its first instruction,
 * and the guard goes between. */
static void build_entry(struct hone_lifter *lifter, const struct hone_function *function)
{
	struct hone_ir *ir = lifter->ir;

	hone_lift_open(lifter);
	for (uint32_t i = function->first_block; i < function->end_block; i++) {
		char name[32];

		snprintf(name, sizeof(name), "insn_%u", lifter->code->blocks[i].first);
		lifter->blocks[i] = LLVMAppendBasicBlockInContext(
			ir->context, lifter->functions[lifter->self], name);
	}
	LLVMBuildBr(ir->builder, lifter->blocks[function->first_block]);
}

static void find_sites(struct hone_lifter *lifter)
{
	const struct hone_analysis *analysis = lifter->input->analysis;
	struct hone_arena *arena = lifter->ir->arena;
	uint32_t n_insns = lifter->code->n_insns;

	lifter->site_of = hone_arena_alloc(arena, n_insns, sizeof(*lifter->site_of));
	lifter->load_of = hone_arena_alloc(arena, n_insns, sizeof(*lifter->load_of));
	for (uint32_t i = 0; i < n_insns; i++)
		lifter->site_of[i] = lifter->load_of[i] = -1;

	for (uint32_t i = 0; i < analysis->n_sites; i++) {
		const struct hone_site *site = &analysis->sites[i];

		lifter->site_of[site->insn] = (int32_t)site->id;
		for (uint32_t j = 0; j < site->n_loads; j++)
			lifter->load_of[site->loads[j]] = (int32_t)site->id;
	}
}

/* Lookups in the maps of such a map are lookups in maps that the unit does not name. */
static bool holds_maps(const struct hone_map *map)
{
	return map->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || map->type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

static uint64_t find_written_maps(const struct hone_lift_input *input)
{
	const struct hone_unit *unit = input->code->unit;
	uint64_t written = 0;

	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++) {
		const struct hone_map *map = &unit->maps[i];
		enum hone_class class = hone_class_with(map, &input->analysis->effects[i]);

		if (holds_maps(map) || class == HONE_CLASS_KEYS_FIXED || class == HONE_CLASS_LIVE)
			written |= 1ull << i;
	}
	return written;
}

/* Volatile: each execution of each block stores, whatever LLVM makes of the blocks. */
static void mark_block(struct hone_lifter *lifter, uint32_t block)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef address = hone_ir_at_const(ir, hone_ir_symbol(ir, HONE_SYM_TABLE),
						(int64_t)lifter->input->cover_offset + block);

	LLVMSetVolatile(hone_ir_store(ir, LLVMConstInt(ir->i8, 1, false), address), true);
}

static bool lift_insn(struct hone_lifter *lifter, const struct hone_block *block)
{
	const struct bpf_insn *insn = &lifter->code->insns[lifter->at];

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return hone_lift_alu(lifter, insn);
	case BPF_LD:
		return insn->code == (BPF_LD | BPF_IMM | BPF_DW)
			       ? hone_lift_load_imm64(lifter, insn)
			       : hone_lift_packet_load(lifter, insn);
	case BPF_LDX:
		return hone_lift_load(lifter, insn);
	case BPF_ST:
	case BPF_STX:
		return hone_lift_store(lifter, insn);
	default:
		return insn->code == (BPF_JMP | BPF_CALL) ? hone_lift_call(lifter, insn)
							  : hone_lift_jump(lifter, insn, block);
	}
}

static bool ends_block(const struct bpf_insn *insn)
{
	uint8_t class = BPF_CLASS(insn->code);

	return class == BPF_JMP32 || (class == BPF_JMP && BPF_OP(insn->code) != BPF_CALL);
}

static bool lift_block(struct hone_lifter *lifter, uint32_t index)
{
	const struct hone_block *block = &lifter->code->blocks[index];
	const struct bpf_insn *insns = lifter->code->insns;
	uint32_t last = block->first;

	LLVMPositionBuilderAtEnd(lifter->ir->builder, lifter->blocks[index]);
	if (!lifter->input->kinds->block_in[index].is_reached) {
		LLVMBuildUnreachable(lifter->ir->builder);
		return true;
	}
	if (lifter->input->mark_blocks)
		mark_block(lifter, index);

	for (uint32_t at = block->first; at < block->end; at++) {
		lifter->at = last = at;
		hone_lift_line(lifter);
		if (!lift_insn(lifter, block))
			return false;
		if (insns[at].code == (BPF_LD | BPF_IMM | BPF_DW))
			at++; /* its second half */
	}
	if (ends_block(&insns[last]))
		return true;
	if (block->next < 0)
		return false;
	LLVMBuildBr(lifter->ir->builder, lifter->blocks[block->next]);
	return true;
}

static bool lift_function(struct hone_lifter *lifter)
{
	const struct hone_function *function = &lifter->code->functions[lifter->self];

	hone_lift_lines_open(lifter);
	build_entry(lifter, function);
	for (uint32_t i = function->first_block; i < function->end_block; i++)
		if (!lift_block(lifter, i))
			return false;
	return true;
}

int hone_lift(struct hone_ir *ir, const struct hone_lift_input *input, struct hone_refusal *why)
{
	struct hone_lifter lifter = {.ir = ir, .input = input, .code = input->code};

	lifter.blocks =
		hone_arena_alloc(ir->arena, input->code->n_blocks, sizeof(LLVMBasicBlockRef));
	lifter.written_maps = find_written_maps(input);
	find_sites(&lifter);
	hone_lift_declare(&lifter);
	hone_lift_lines_begin(&lifter);
	for (lifter.self = 0; lifter.self < input->code->n_functions; lifter.self++) {
		if (!lifter.functions[lifter.self] || lift_function(&lifter))
			continue;
		why->reason = HONE_NO_INSN;
		snprintf(why->detail, sizeof(why->detail), "instruction %u: opcode 0x%02x",
			 lifter.at, input->code->insns[lifter.at].code);
		return -ENOTSUP;
	}
	hone_lift_lines_end(&lifter);
	return 0;
}
