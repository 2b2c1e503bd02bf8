// SPDX-License-Identifier: Apache-2.0
/* address: does a program do anything with a value's address but read, write and test it?
 *
 * A value that a pass puts elsewhere has another address. A program that compares two addresses,
 * subtracts them, or computes with one could tell; the sites that such an address may come from
 * are marked. Storing one outside the stack is not looked at here: effects.c takes the map for
 * written by anyone then. */
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

uint64_t hone_address_used(const struct hone_code *code, const struct hone_kinds *kinds)
{
	uint64_t used = 0;

	for (uint32_t at = 0; at < code->n_insns; at++) {
		const struct bpf_insn *insn = &code->insns[at];
		const struct hone_value *reg = kinds->reg[at];

		if (code->block_of[at] < 0)
			continue;
		if (hone_insn_is_alu(insn))
			used |= used_by_alu(insn, &reg[insn->dst_reg], &reg[insn->src_reg]);
		else if (hone_insn_is_jump(insn))
			used |= used_by_jump(insn, &reg[insn->dst_reg], &reg[insn->src_reg]);
		else if (hone_insn_is_exit(insn))
			used |= sites_of(&reg[BPF_REG_0]);
		else if (hone_insn_is_atomic(insn))
			used |= sites_of(&reg[insn->src_reg]);
	}
	return used;
}
