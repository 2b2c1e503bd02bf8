// SPDX-License-Identifier: Apache-2.0
/* lift_mem: loads, stores and atomics. Volatile, so that none is merged, moved across another or
 * dropped, are accesses to the context, each of which the verifier rewrites, and to values that
 * programs write: other CPUs and user space see them meanwhile. */
#include "compiler/lift.h"

#include <string.h>

#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80 /* linux 6.6: load with sign extension */
#endif

static unsigned int access_bytes(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* reg + offset as an address. */
static LLVMValueRef address_of(struct hone_lifter *lifter, unsigned int reg, int16_t offset)
{
	const struct hone_value *kind = hone_lift_kind(lifter, reg);

	if (kind->kind == HONE_KIND_STACK && kind->is_known)
		return hone_lift_stack_at(lifter, kind->constant + offset);
	return hone_ir_at_const(lifter->ir, hone_lift_ptr(lifter, reg), offset);
}

static void set_volatile_if_seen(const struct hone_lifter *lifter, unsigned int base,
				 LLVMValueRef access)
{
	const struct hone_value *kind = hone_lift_kind(lifter, base);
	bool is_value = kind->kind == HONE_KIND_POINTER || kind->kind == HONE_KIND_MIXED;

	if (kind->kind == HONE_KIND_CTX || (is_value && kind->maps & lifter->written_maps))
		LLVMSetVolatile(access, true);
}

/* Fields like xdp_md.data: 32 bits wide in the instruction, a pointer for the verifier. */
static void load_ctx_pointer(struct hone_lifter *lifter, const struct bpf_insn *insn,
			     LLVMValueRef address)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef load = hone_ir_load(ir, ir->i32, address);
	LLVMValueRef wide;

	LLVMSetVolatile(load, true);
	wide = LLVMBuildZExt(ir->builder, load, ir->i64, "");
	hone_lift_set_ptr(lifter, insn->dst_reg, hone_lift_opaque_ptr(lifter, wide));
}

bool hone_lift_load(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	unsigned int bytes = access_bytes(insn->code);
	bool is_signed = BPF_MODE(insn->code) == BPF_MEMSX;
	bool is_ctx = hone_lift_kind(lifter, insn->src_reg)->kind == HONE_KIND_CTX;
	bool gives_pointer = hone_lift_is_pointer(&lifter->input->kinds->result[lifter->at]);
	LLVMValueRef address = address_of(lifter, insn->src_reg, insn->off);
	LLVMValueRef load;
	uint64_t fixed;

	if (BPF_MODE(insn->code) != BPF_MEM && !is_signed)
		return false;
	if (is_ctx && gives_pointer && bytes == 4) {
		load_ctx_pointer(lifter, insn, address);
		return true;
	}

	gives_pointer = gives_pointer && bytes == 8;
	if (!gives_pointer && !is_signed && hone_lift_fixed(lifter, insn, &fixed)) {
		hone_lift_set_int(lifter, insn->dst_reg, hone_ir_const(ir, (int64_t)fixed));
		return true;
	}
	load = hone_ir_load(ir, gives_pointer ? ir->ptr : hone_ir_int(ir, bytes), address);
	set_volatile_if_seen(lifter, insn->src_reg, load);
	if (lifter->load_of[lifter->at] >= 0)
		hone_ir_mark(ir, load, HONE_MARK_LOAD, (uint32_t)lifter->load_of[lifter->at]);

	if (gives_pointer)
		hone_lift_set_ptr(lifter, insn->dst_reg, load);
	else if (is_signed)
		hone_lift_set_int(lifter, insn->dst_reg,
				  LLVMBuildSExt(ir->builder, load, ir->i64, ""));
	else
		hone_lift_set_int(lifter, insn->dst_reg,
				  LLVMBuildZExt(ir->builder, load, ir->i64, ""));
	return true;
}

/* add, or, and, xor, exchange; W and DW. */
static bool lift_modify(struct hone_lifter *lifter, const struct bpf_insn *insn,
			LLVMValueRef address, LLVMValueRef operand)
{
	LLVMAtomicRMWBinOp op;
	LLVMValueRef old;

	switch (insn->imm & ~BPF_FETCH) {
	case BPF_ADD:
		op = LLVMAtomicRMWBinOpAdd;
		break;
	case BPF_OR:
		op = LLVMAtomicRMWBinOpOr;
		break;
	case BPF_AND:
		op = LLVMAtomicRMWBinOpAnd;
		break;
	case BPF_XOR:
		op = LLVMAtomicRMWBinOpXor;
		break;
	case BPF_XCHG & ~BPF_FETCH:
		op = LLVMAtomicRMWBinOpXchg;
		break;
	default:
		return false;
	}
	old = LLVMBuildAtomicRMW(lifter->ir->builder, op, address, operand,
				 LLVMAtomicOrderingSequentiallyConsistent, false);
	if (insn->imm & BPF_FETCH)
		hone_lift_set_int(lifter, insn->src_reg,
				  LLVMBuildZExt(lifter->ir->builder, old, lifter->ir->i64, ""));
	return true;
}

static void lift_compare_exchange(struct hone_lifter *lifter, LLVMValueRef address,
				  LLVMValueRef operand)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef expected = LLVMBuildTrunc(ir->builder, hone_lift_int(lifter, BPF_REG_0),
					       LLVMTypeOf(operand), "");
	LLVMValueRef pair = LLVMBuildAtomicCmpXchg(ir->builder, address, expected, operand,
						   LLVMAtomicOrderingSequentiallyConsistent,
						   LLVMAtomicOrderingSequentiallyConsistent, false);
	LLVMValueRef old = LLVMBuildExtractValue(ir->builder, pair, 0, "");

	hone_lift_set_int(lifter, BPF_REG_0, LLVMBuildZExt(ir->builder, old, ir->i64, ""));
}

static bool lift_atomic(struct hone_lifter *lifter, const struct bpf_insn *insn,
			LLVMValueRef address)
{
	struct hone_ir *ir = lifter->ir;
	LLVMTypeRef type = hone_ir_int(ir, access_bytes(insn->code));
	LLVMValueRef operand =
		LLVMBuildTrunc(ir->builder, hone_lift_int(lifter, insn->src_reg), type, "");

	if (access_bytes(insn->code) < 4)
		return false;
	if (insn->imm == BPF_CMPXCHG) {
		lift_compare_exchange(lifter, address, operand);
		return true;
	}
	return lift_modify(lifter, insn, address, operand);
}

/* What a store writes: a pointer stays one, so that a spilled pointer is reloaded as one. */
static LLVMValueRef stored_value(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	unsigned int bytes = access_bytes(insn->code);

	if (BPF_CLASS(insn->code) == BPF_ST)
		return LLVMConstInt(hone_ir_int(ir, bytes), (unsigned long long)insn->imm, true);
	if (bytes == 8)
		return hone_lift_any(lifter, insn->src_reg);
	if (bytes == 4)
		return hone_lift_low(lifter, insn->src_reg);
	return LLVMBuildTrunc(ir->builder, hone_lift_int(lifter, insn->src_reg),
			      hone_ir_int(ir, bytes), "");
}

bool hone_lift_store(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	LLVMValueRef address = address_of(lifter, insn->dst_reg, insn->off);
	LLVMValueRef store;

	if (BPF_MODE(insn->code) == BPF_ATOMIC && BPF_CLASS(insn->code) == BPF_STX)
		return lift_atomic(lifter, insn, address);
	if (BPF_MODE(insn->code) != BPF_MEM)
		return false;

	store = hone_ir_store(lifter->ir, stored_value(lifter, insn), address);
	set_volatile_if_seen(lifter, insn->dst_reg, store);
	return true;
}

bool hone_lift_packet_load(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	static const char *const names[] = {
		[1] = "llvm.bpf.load.byte", [2] = "llvm.bpf.load.half", [4] = "llvm.bpf.load.word"};
	struct hone_ir *ir = lifter->ir;
	const char *name = names[access_bytes(insn->code) & 7];
	unsigned int id = LLVMLookupIntrinsicID(name, strlen(name));
	LLVMValueRef args[] = {hone_lift_ptr(lifter, BPF_REG_6), hone_ir_const(ir, insn->imm)};

	if (BPF_MODE(insn->code) == BPF_IND)
		args[1] = LLVMBuildAdd(ir->builder, hone_lift_int(lifter, insn->src_reg), args[1],
				       "");
	hone_lift_set_int(
		lifter, BPF_REG_0,
		LLVMBuildCall2(ir->builder, LLVMIntrinsicGetType(ir->context, id, NULL, 0),
			       LLVMGetIntrinsicDeclaration(ir->module, id, NULL, 0), args, 2, ""));
	return true;
}

/* Two indexes may name one kernel map; LLVM takes two symbols for two memories. */
static uint32_t same_map(const struct hone_unit *unit, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++)
		if (unit->maps[i].id != 0 && unit->maps[i].id == unit->maps[index].id)
			return i;
	return index;
}

bool hone_lift_load_imm64(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	const struct hone_unit *unit = lifter->code->unit;
	uint64_t value = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
	struct hone_ir *ir = lifter->ir;
	uint32_t map;

	if (insn->src_reg == 0) {
		hone_lift_set_int(lifter, insn->dst_reg, hone_ir_const(ir, (int64_t)value));
		return true;
	}
	if (insn->src_reg == BPF_PSEUDO_FUNC) {
		LLVMValueRef named =
			lifter->functions[hone_function_named(lifter->code, lifter->at)];

		hone_lift_set_ptr(lifter, insn->dst_reg, named ? named : LLVMGetUndef(ir->ptr));
		return true;
	}
	if ((uint32_t)insn->imm >= unit->n_maps)
		return false;

	map = same_map(unit, (uint32_t)insn->imm);
	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
		hone_lift_set_ptr(lifter, insn->dst_reg, hone_ir_map(ir, map));
		return true;
	case BPF_PSEUDO_MAP_VALUE:
		hone_lift_set_ptr(
			lifter, insn->dst_reg,
			hone_ir_at_const(ir, hone_ir_map_value(ir, map), (uint32_t)insn[1].imm));
		return true;
	default:
		return false;
	}
}
