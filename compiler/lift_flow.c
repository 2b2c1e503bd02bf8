// SPDX-License-Identifier: Apache-2.0
/* lift_flow: jumps, helper calls and exit. */
#include "compiler/lift.h"

#include <stdio.h>

#include "compiler/insn.h"

static bool predicate_of(uint8_t op, LLVMIntPredicate *out)
{
	static const struct {
		uint8_t op;
		LLVMIntPredicate predicate;
	} rows[] = {
		{BPF_JEQ, LLVMIntEQ},	{BPF_JNE, LLVMIntNE},	{BPF_JGT, LLVMIntUGT},
		{BPF_JGE, LLVMIntUGE},	{BPF_JLT, LLVMIntULT},	{BPF_JLE, LLVMIntULE},
		{BPF_JSGT, LLVMIntSGT}, {BPF_JSGE, LLVMIntSGE}, {BPF_JSLT, LLVMIntSLT},
		{BPF_JSLE, LLVMIntSLE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].op == op) {
			*out = rows[i].predicate;
			return true;
		}
	}
	return false;
}

/* Two operands of one type: i32 for BPF_JMP32; pointers if the left one is a pointer, since the
 * verifier learns from comparing pointers; else i64. */
static void operands(struct hone_lifter *lifter, const struct bpf_insn *insn, LLVMValueRef *a,
		     LLVMValueRef *b)
{
	struct hone_ir *ir = lifter->ir;
	bool has_reg = BPF_SRC(insn->code) == BPF_X;
	bool is_pointer = hone_lift_is_pointer(hone_lift_kind(lifter, insn->dst_reg)) ||
			  (has_reg && hone_lift_is_pointer(hone_lift_kind(lifter, insn->src_reg)));

	if (BPF_CLASS(insn->code) == BPF_JMP32) {
		*a = hone_lift_low(lifter, insn->dst_reg);
		*b = has_reg ? hone_lift_low(lifter, insn->src_reg)
			     : LLVMConstInt(ir->i32, (unsigned long long)insn->imm, true);
		return;
	}
	if (is_pointer && BPF_OP(insn->code) != BPF_JSET) {
		*a = hone_lift_ptr(lifter, insn->dst_reg);
		*b = has_reg ? hone_lift_ptr(lifter, insn->src_reg)
			     : LLVMConstIntToPtr(hone_ir_const(ir, insn->imm), ir->ptr);
		return;
	}
	*a = hone_lift_int(lifter, insn->dst_reg);
	*b = has_reg ? hone_lift_int(lifter, insn->src_reg) : hone_ir_const(ir, insn->imm);
}

static LLVMValueRef condition(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	LLVMBuilderRef builder = lifter->ir->builder;
	LLVMIntPredicate predicate;
	LLVMValueRef a, b;

	operands(lifter, insn, &a, &b);
	if (BPF_OP(insn->code) == BPF_JSET)
		return LLVMBuildICmp(builder, LLVMIntNE, LLVMBuildAnd(builder, a, b, ""),
				     LLVMConstNull(LLVMTypeOf(a)), "");
	if (!predicate_of(BPF_OP(insn->code), &predicate))
		return NULL;
	return LLVMBuildICmp(builder, predicate, a, b, "");
}

bool hone_lift_jump(struct hone_lifter *lifter, const struct bpf_insn *insn,
		    const struct hone_block *block)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef taken;

	if (BPF_OP(insn->code) == BPF_EXIT) {
		hone_lift_exit(lifter);
		return true;
	}
	if (block->jump < 0)
		return false;
	if (block->next < 0) {
		LLVMBuildBr(ir->builder, lifter->blocks[block->jump]);
		return true;
	}
	taken = condition(lifter, insn);
	if (!taken)
		return false;
	LLVMBuildCondBr(ir->builder, taken, lifter->blocks[block->jump],
			lifter->blocks[block->next]);
	return true;
}

/* An external function by its id (relocate.c). LLVM may not have it twice: what the verifier makes
 * of an iterator or a reference hangs on which instruction it is. */
static LLVMValueRef declare_kfunc(struct hone_lifter *lifter, const struct hone_kfunc *kfunc)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef function;
	LLVMTypeRef args[5];
	char name[32];

	snprintf(name, sizeof(name), HONE_SYM_KFUNC "%u", kfunc->btf_id);
	function = LLVMGetNamedFunction(ir->module, name);
	if (function)
		return function;
	for (uint32_t i = 0; i < kfunc->n_args; i++)
		args[i] = kfunc->args[i].flags & HONE_KFUNC_POINTER ? ir->ptr : ir->i64;
	function = LLVMAddFunction(ir->module, name,
				   LLVMFunctionType(kfunc->returns_pointer ? ir->ptr : ir->i64,
						    args, kfunc->n_args, false));
	hone_ir_attribute(ir, function, "nounwind", NULL);
	hone_ir_attribute(ir, function, "noduplicate", NULL);
	return function;
}

static bool lift_kfunc_call(struct hone_lifter *lifter)
{
	const struct hone_helper *callee = hone_callee(lifter->code, lifter->at);
	const struct hone_kfunc *kfunc;
	LLVMValueRef function, args[5], result;

	if (!callee)
		return false;
	kfunc = &lifter->code->unit->kfuncs[callee - lifter->code->kfuncs];
	function = declare_kfunc(lifter, kfunc);
	for (unsigned int i = 0; i < kfunc->n_args; i++)
		args[i] = kfunc->args[i].flags & HONE_KFUNC_POINTER
				  ? hone_lift_ptr(lifter, BPF_REG_1 + i)
				  : hone_lift_int(lifter, BPF_REG_1 + i);
	result = LLVMBuildCall2(lifter->ir->builder, LLVMGlobalGetValueType(function), function,
				args, kfunc->n_args, "");
	if (kfunc->returns_pointer)
		hone_lift_set_ptr(lifter, BPF_REG_0, result);
	else
		hone_lift_set_int(lifter, BPF_REG_0, result);
	return true;
}

bool hone_lift_call(struct hone_lifter *lifter, const struct bpf_insn *insn)
{
	const struct hone_helper *helper = hone_helper(insn->imm);
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef args[5], result;

	if (insn->src_reg == BPF_PSEUDO_CALL)
		return hone_lift_local_call(lifter);
	if (hone_insn_is_kfunc_call(insn))
		return lift_kfunc_call(lifter);
	if (insn->src_reg != 0 || !helper)
		return false;
	for (unsigned int i = 0; i < helper->n_args; i++)
		args[i] = hone_lift_any(lifter, BPF_REG_1 + i);

	result = hone_ir_helper(ir, insn->imm, helper->returns_pointer ? ir->ptr : ir->i64, args,
				helper->n_args);
	if (lifter->site_of[lifter->at] >= 0)
		hone_ir_mark(ir, result, HONE_MARK_SITE, (uint32_t)lifter->site_of[lifter->at]);

	if (helper->returns_pointer)
		hone_lift_set_ptr(lifter, BPF_REG_0, result);
	else
		hone_lift_set_int(lifter, BPF_REG_0, result);
	return true;
}
