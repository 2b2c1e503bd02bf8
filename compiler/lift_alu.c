// SPDX-License-Identifier: Apache-2.0
/* lift_alu: arithmetic. What BPF defines and LLVM leaves undefined is spelled out: shift amounts
 * are masked, a division by zero gives 0, a remainder by zero the dividend. Divisions by what does
 * not become a constant stay the instruction they are.
 *
 * Source: Documentation/bpf/standardization/instruction-set.rst. */
#include "compiler/lift.h"

static LLVMValueRef constant(LLVMTypeRef type, int64_t value)
{
	return LLVMConstInt(type, (unsigned long long)value, true);
}

static LLVMValueRef is_equal(struct hone_ir *ir, LLVMValueRef value, int64_t what)
{
	return LLVMBuildICmp(ir->builder, LLVMIntEQ, value, constant(LLVMTypeOf(value), what), "");
}

static LLVMValueRef divide_unsigned(struct hone_ir *ir, LLVMValueRef a, LLVMValueRef b,
				    bool is_rest)
{
	LLVMTypeRef type = LLVMTypeOf(a);
	LLVMValueRef is_zero = is_equal(ir, b, 0);
	LLVMValueRef divisor = LLVMBuildSelect(ir->builder, is_zero, constant(type, 1), b, "");
	LLVMValueRef result = is_rest ? LLVMBuildURem(ir->builder, a, divisor, "")
				      : LLVMBuildUDiv(ir->builder, a, divisor, "");

	return LLVMBuildSelect(ir->builder, is_zero, is_rest ? a : constant(type, 0), result, "");
}

/* The smallest integer divided by -1 is itself, with rest 0; LLVM's sdiv must not see that. */
static LLVMValueRef divide_signed(struct hone_ir *ir, LLVMValueRef a, LLVMValueRef b, bool is_rest)
{
	LLVMTypeRef type = LLVMTypeOf(a);
	LLVMValueRef zero = constant(type, 0);
	LLVMValueRef is_zero = is_equal(ir, b, 0), is_minus_one = is_equal(ir, b, -1);
	LLVMValueRef is_special = LLVMBuildOr(ir->builder, is_zero, is_minus_one, "");
	LLVMValueRef divisor = LLVMBuildSelect(ir->builder, is_special, constant(type, 1), b, "");
	LLVMValueRef result = is_rest ? LLVMBuildSRem(ir->builder, a, divisor, "")
				      : LLVMBuildSDiv(ir->builder, a, divisor, "");
	LLVMValueRef negated = is_rest ? zero : LLVMBuildNeg(ir->builder, a, "");

	result = LLVMBuildSelect(ir->builder, is_minus_one, negated, result, "");
	return LLVMBuildSelect(ir->builder, is_zero, is_rest ? a : zero, result, "");
}

/* As LLVM's instructions, with what is undefined there: for divisors that are, or become, constant.
 */
static LLVMValueRef divide_spelled(struct hone_ir *ir, const struct bpf_insn *insn, LLVMValueRef a,
				   LLVMValueRef b)
{
	bool is_rest = BPF_OP(insn->code) == BPF_MOD;

	return insn->off == 1 ? divide_signed(ir, a, b, is_rest)
			      : divide_unsigned(ir, a, b, is_rest);
}

/* Does LLVM find out, in the end, that this is a constant? */
static LLVMValueRef becomes_constant(struct hone_ir *ir, LLVMValueRef value)
{
	LLVMTypeRef type = LLVMTypeOf(value);
	unsigned int id = LLVMLookupIntrinsicID("llvm.is.constant", sizeof("llvm.is.constant") - 1);
	LLVMValueRef function = LLVMGetIntrinsicDeclaration(ir->module, id, &type, 1);

	return LLVMBuildCall2(ir->builder, LLVMIntrinsicGetType(ir->context, id, &type, 1),
			      function, &value, 1, "");
}

static LLVMValueRef divide(struct hone_lifter *lifter, const struct bpf_insn *insn, LLVMValueRef a,
			   LLVMValueRef b)
{
	static const char *const texts[2][2] = {{"$0 /= $1", "$0 %= $1"},
						{"$0 s/= $1", "$0 s%= $1"}};
	struct hone_ir *ir = lifter->ir;
	const char *text = texts[insn->off == 1][BPF_OP(insn->code) == BPF_MOD];
	bool is_wide = LLVMTypeOf(a) == ir->i64;
	LLVMValueRef spelled = divide_spelled(ir, insn, a, b), arguments[] = {b, a}, kept;

	if (LLVMIsConstant(b))
		return spelled;
	kept = hone_lift_asm(lifter, LLVMTypeOf(a), arguments, 2, text,
			     is_wide ? "=r,r,0" : "=w,w,0");
	return LLVMBuildSelect(ir->builder, becomes_constant(ir, b), spelled, kept, "");
}

static LLVMValueRef shift(struct hone_ir *ir, LLVMOpcode opcode, LLVMValueRef a, LLVMValueRef b)
{
	LLVMTypeRef type = LLVMTypeOf(a);
	LLVMValueRef mask = constant(type, LLVMGetIntTypeWidth(type) - 1);

	return LLVMBuildBinOp(ir->builder, opcode, a, LLVMBuildAnd(ir->builder, b, mask, ""), "");
}

/* Two operands of one width. NULL: no such operation. */
static LLVMValueRef combine(struct hone_lifter *lifter, const struct bpf_insn *insn, LLVMValueRef a,
			    LLVMValueRef b)
{
	struct hone_ir *ir = lifter->ir;

	switch (BPF_OP(insn->code)) {
	case BPF_ADD:
		return LLVMBuildAdd(ir->builder, a, b, "");
	case BPF_SUB:
		return LLVMBuildSub(ir->builder, a, b, "");
	case BPF_MUL:
		return LLVMBuildMul(ir->builder, a, b, "");
	case BPF_OR:
		return LLVMBuildOr(ir->builder, a, b, "");
	case BPF_AND:
		return LLVMBuildAnd(ir->builder, a, b, "");
	case BPF_XOR:
		return LLVMBuildXor(ir->builder, a, b, "");
	case BPF_LSH:
		return shift(ir, LLVMShl, a, b);
	case BPF_RSH:
		return shift(ir, LLVMLShr, a, b);
	case BPF_ARSH:
		return shift(ir, LLVMAShr, a, b);
	case BPF_DIV:
	case BPF_MOD:
		return divide(lifter, insn, a, b);
	default:
		return NULL;
	}
}

/* Low `bits` of a value, sign-extended to the value's width. */
static LLVMValueRef sign_extend(struct hone_ir *ir, LLVMValueRef value, int bits)
{
	LLVMTypeRef narrow = hone_ir_int(ir, (unsigned int)bits / 8);

	return LLVMBuildSExt(ir->builder, LLVMBuildTrunc(ir->builder, value, narrow, ""),
			     LLVMTypeOf(value), "");
}

static LLVMValueRef swap_bytes(struct hone_ir *ir, LLVMValueRef value)
{
	LLVMTypeRef type = LLVMTypeOf(value);
	unsigned int id = LLVMLookupIntrinsicID("llvm.bswap", sizeof("llvm.bswap") - 1);
	LLVMValueRef function = LLVMGetIntrinsicDeclaration(ir->module, id, &type, 1);

	return LLVMBuildCall2(ir->builder, LLVMIntrinsicGetType(ir->context, id, &type, 1),
			      function, &value, 1, "");
}

/* BPF_ALU: to little or big endian; BPF_ALU64: swap always. This machine is little-endian. */
static bool lift_end(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	bool swaps = BPF_CLASS(insn->code) == BPF_ALU64 || BPF_SRC(insn->code) == BPF_TO_BE;
	LLVMValueRef value = hone_lift_int(lifter, insn->dst_reg);

	if (insn->imm != 16 && insn->imm != 32 && insn->imm != 64)
		return false;
	if (insn->imm < 64)
		value = LLVMBuildTrunc(ir->builder, value,
				       hone_ir_int(ir, (unsigned int)insn->imm / 8), "");
	if (swaps)
		value = swap_bytes(ir, value);
	if (insn->imm < 64)
		value = LLVMBuildZExt(ir->builder, value, ir->i64, "");
	hone_lift_set_int(lifter, insn->dst_reg, value);
	return true;
}

/* The first operand. Of a scaled index, the number as the program has bounded it: LLVM would scale
 * it before the compare that bounds it, and the verifier then knows no bound of the product. */
static LLVMValueRef first_operand(struct hone_lifter *lifter, const struct bpf_insn *insn,
				  LLVMValueRef value)
{
	const struct hone_value *kind = hone_lift_kind(lifter, insn->dst_reg);
	bool is_scaling = BPF_OP(insn->code) == BPF_LSH && BPF_SRC(insn->code) == BPF_K;
	bool is_small = !kind->is_known && kind->below > 0 && kind->below <= HONE_STACK_BYTES;

	if (!lifter->has_index || !is_scaling || !is_small)
		return value;
	return LLVMBuildTrunc(lifter->ir->builder,
			      hone_lift_opaque_int(lifter, LLVMBuildZExt(lifter->ir->builder, value,
									 lifter->ir->i64, "")),
			      LLVMTypeOf(value), "");
}

static bool lift_32(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	uint8_t op = BPF_OP(insn->code);
	LLVMValueRef b = BPF_SRC(insn->code) == BPF_X && op != BPF_NEG
				 ? hone_lift_low(lifter, insn->src_reg)
				 : constant(ir->i32, insn->imm);
	LLVMValueRef result;

	if (op == BPF_MOV)
		result = insn->off ? sign_extend(ir, b, insn->off) : b;
	else if (op == BPF_NEG)
		result = LLVMBuildNeg(ir->builder, hone_lift_low(lifter, insn->dst_reg), "");
	else
		result = combine(lifter, insn,
				 first_operand(lifter, insn, hone_lift_low(lifter, insn->dst_reg)),
				 b);
	if (result)
		hone_lift_set_low(lifter, insn->dst_reg, result);
	return result;
}

static bool lift_mov_64(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;

	if (BPF_SRC(insn->code) == BPF_K)
		hone_lift_set_int(lifter, insn->dst_reg, constant(ir->i64, insn->imm));
	else if (insn->off)
		hone_lift_set_int(lifter, insn->dst_reg,
				  sign_extend(ir, hone_lift_int(lifter, insn->src_reg), insn->off));
	else
		hone_lift_copy(lifter, insn->dst_reg, insn->src_reg);
	return true;
}

/* What a register adds to a pointer. The verifier bounds the number as the program has it before
 * it is added; LLVM would split constants off it and add them to the pointer first or last, which
 * then may leave the packet for a moment. */
static LLVMValueRef offset_of(struct hone_lifter *lifter, unsigned int reg, unsigned int base)
{
	LLVMValueRef offset = hone_lift_int(lifter, reg);
	const struct hone_value *of = hone_lift_kind(lifter, base);
	const struct hone_value *by = hone_lift_kind(lifter, reg);
	bool is_frame = of->kind == HONE_KIND_STACK || of->frames;
	/* one that is not bounded is so only because LLVM shall make it a constant */
	bool is_bounded = by->below > 0 && by->below <= HONE_STACK_BYTES;

	return by->is_known || (is_frame && !is_bounded) ? offset
							 : hone_lift_opaque_int(lifter, offset);
}

/* pointer ± number, number + pointer. False: not of that form. */
static bool lift_pointer_offset(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	bool has_reg = BPF_SRC(insn->code) == BPF_X;
	bool to_pointer = hone_lift_is_pointer(hone_lift_kind(lifter, insn->dst_reg));
	bool by_pointer = has_reg && hone_lift_is_pointer(hone_lift_kind(lifter, insn->src_reg));
	LLVMValueRef base, offset;

	if (to_pointer == by_pointer)
		return false;
	if (by_pointer && BPF_OP(insn->code) == BPF_SUB)
		return false;

	base = hone_lift_ptr(lifter, by_pointer ? insn->src_reg : insn->dst_reg);
	if (by_pointer)
		offset = offset_of(lifter, insn->dst_reg, insn->src_reg);
	else if (has_reg)
		offset = offset_of(lifter, insn->src_reg, insn->dst_reg);
	else
		offset = constant(ir->i64, insn->imm);
	if (BPF_OP(insn->code) == BPF_SUB)
		offset = LLVMBuildNeg(ir->builder, offset, "");
	hone_lift_set_ptr(lifter, insn->dst_reg, hone_ir_at(ir, base, offset));
	return true;
}

static bool lift_64(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	struct hone_ir *ir = lifter->ir;
	uint8_t op = BPF_OP(insn->code);
	bool has_reg = BPF_SRC(insn->code) == BPF_X;
	LLVMValueRef a, b, result;

	if (op == BPF_MOV)
		return lift_mov_64(lifter, insn);
	if ((op == BPF_ADD || op == BPF_SUB) && lift_pointer_offset(lifter, insn))
		return true;

	a = hone_lift_int(lifter, insn->dst_reg);
	if (op == BPF_NEG) {
		hone_lift_set_int(lifter, insn->dst_reg, LLVMBuildNeg(ir->builder, a, ""));
		return true;
	}
	b = has_reg ? hone_lift_int(lifter, insn->src_reg) : constant(ir->i64, insn->imm);
	result = combine(lifter, insn, first_operand(lifter, insn, a), b);
	if (!result)
		return false;
	/* A difference of pointers may not be narrowed to a 32-bit subtraction. */
	if (op == BPF_SUB && hone_lift_is_pointer(hone_lift_kind(lifter, insn->dst_reg)))
		result = hone_lift_opaque_int(lifter, result);
	hone_lift_set_int(lifter, insn->dst_reg, result);
	return true;
}

bool hone_lift_alu(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	const struct hone_value *result = &lifter->input->kinds->result[lifter->at];

	if (BPF_OP(insn->code) == BPF_END)
		return lift_end(lifter, insn);
	if (BPF_CLASS(insn->code) == BPF_ALU)
		return lift_32(lifter, insn);
	if (result->kind == HONE_KIND_STACK && result->is_known && !result->other) {
		hone_lift_set_ptr(lifter, insn->dst_reg,
				  hone_lift_stack_at(lifter, result->constant));
		return true;
	}
	return lift_64(lifter, insn);
}
