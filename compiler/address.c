// SPDX-License-Identifier: Apache-2.0
/* address: does a program do anything with a value's address but read, write and test it?
 *
 * A value that a pass puts elsewhere has another address. A program that compares two addresses,
 * subtracts them, or computes with one could tell; the sites that such an address may come from
 * are marked. A helper that reads one where it was spilled could tell, too, and so could a function
 * that loads one from a caller's frame. */
#include "compiler/effects.h"
#include "compiler/insn.h"
#include "compiler/value.h"

static uint64_t sites_of(const struct hone_value *value)
{
	return hone_value_is_pointer(value) ? value->sites : 0;
}

/* Moving all of it, or adding a number to it, keeps it an address like any other. */
static uint64_t used_by_alu(const struct bpf_insn *insn, const struct hone_value *dst,
			    const struct hone_value *src)
{
	bool has_register = BPF_SRC(insn->code) == BPF_X && BPF_OP(insn->code) != BPF_END;
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	uint64_t from_src = has_register ? sites_of(src) : 0;

	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		return is_64 && insn->off == 0 ? 0 : from_src;
	case BPF_ADD:
		if (is_64 && (!from_src || !hone_value_is_pointer(dst)))
			return 0;
		break;
	case BPF_SUB:
		if (is_64 && (!has_register || !hone_value_is_pointer(src)))
			return 0;
		break;
	}
	return sites_of(dst) | from_src;
}

static uint64_t used_by_jump(const struct bpf_insn *insn, const struct hone_value *dst,
			     const struct hone_value *src)
{
	bool is_equality = BPF_OP(insn->code) == BPF_JEQ || BPF_OP(insn->code) == BPF_JNE;
	bool has_register = BPF_SRC(insn->code) == BPF_X;

	if (hone_insn_is_goto(insn))
		return 0;
	if (hone_insn_class(insn) == BPF_JMP && is_equality && !has_register && insn->imm == 0)
		return 0;
	return sites_of(dst) | (has_register ? sites_of(src) : 0);
}

/* A helper reads, as bytes, the stack where addresses are spilled. */
static uint64_t used_by_call(const struct hone_code *code, const struct hone_kinds *kinds,
			     const struct hone_state *state, uint32_t at)
{
	uint64_t used = 0;

	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		struct hone_slots slots = hone_call_slots(code, kinds, state->reg, at, arg, false);

		for (int slot = slots.first; slot <= slots.last; slot++)
			used |= sites_of(&state->stack[slot]);
	}
	return used;
}

static uint64_t used_by(const struct hone_code *code, const struct hone_kinds *kinds,
			const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	const struct hone_value *reg = state->reg;

	if (hone_insn_is_alu(insn))
		return used_by_alu(insn, &reg[insn->dst_reg], &reg[insn->src_reg]);
	if (hone_insn_is_jump(insn))
		return used_by_jump(insn, &reg[insn->dst_reg], &reg[insn->src_reg]);
	if (hone_insn_is_call(insn))
		return used_by_call(code, kinds, state, at);
	if (hone_insn_is_exit(insn)) /* a caller's own uses are seen there */
		return hone_function_at(code, at) == 0 ? sites_of(&reg[BPF_REG_0]) : 0;
	return hone_insn_is_atomic(insn) ? sites_of(&reg[insn->src_reg]) : 0;
}

uint64_t hone_address_used(const struct hone_code *code, const struct hone_kinds *kinds)
{
	uint64_t used = sites_of(&kinds->stored); /* others may load it as a number */

	for (uint32_t i = 0; i < code->n_blocks; i++) {
		const struct hone_block *block = &code->blocks[i];
		struct hone_state state = kinds->block_in[i];

		for (uint32_t at = block->first; at < block->end; at++) {
			if (code->block_of[at] < 0)
				continue; /* second half of a 64-bit constant */
			used |= used_by(code, kinds, &state, at);
			hone_kinds_step(code, kinds, &state, at);
		}
	}
	return used;
}
