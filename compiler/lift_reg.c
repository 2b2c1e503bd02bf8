// SPDX-License-Identifier: Apache-2.0
/* lift_reg: registers as pairs of allocas, and the barriers that keep LLVM from narrowing
 * pointers to 32 bits, which the verifier rejects. Not: what instructions do with them. */
#include "compiler/lift.h"

#include <assert.h>
#include <string.h>

const struct hone_value *hone_lift_kind(const struct hone_lifter *lifter, unsigned int reg)
{
	return &lifter->input->kinds->reg[lifter->at][reg];
}

bool hone_lift_is_pointer(const struct hone_value *value)
{
	return value->kind != HONE_KIND_SCALAR && value->kind != HONE_KIND_UNSET;
}

void hone_lift_regs(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;

	for (unsigned int i = 0; i < HONE_REGS; i++) {
		lifter->reg_int[i] = LLVMBuildAlloca(ir->builder, ir->i64, "");
		lifter->reg_ptr[i] = LLVMBuildAlloca(ir->builder, ir->ptr, "");
	}
}

/* Addresses that are known by their offset are made where they are used: no detour through a
 * register, so that each stack group is seen to be used exactly where it is. */
LLVMValueRef hone_lift_ptr(struct hone_lifter *lifter, unsigned int reg)
{
	const struct hone_value *kind = hone_lift_kind(lifter, reg);
	struct hone_ir *ir = lifter->ir;

	if (kind->other) /* perhaps a number */
		return hone_ir_load(ir, ir->ptr, lifter->reg_ptr[reg]);
	if (kind->kind == HONE_KIND_STACK && kind->is_known)
		return hone_lift_stack_at(lifter, kind->constant);
	if (kind->kind == HONE_KIND_CTX && kind->is_known && lifter->ctx)
		return hone_ir_at_const(ir, lifter->ctx, kind->constant);
	return hone_ir_load(ir, ir->ptr, lifter->reg_ptr[reg]);
}

LLVMValueRef hone_lift_int(struct hone_lifter *lifter, unsigned int reg)
{
	return hone_ir_load(lifter->ir, lifter->ir->i64, lifter->reg_int[reg]);
}

LLVMValueRef hone_lift_any(struct hone_lifter *lifter, unsigned int reg)
{
	return hone_lift_is_pointer(hone_lift_kind(lifter, reg)) ? hone_lift_ptr(lifter, reg)
								 : hone_lift_int(lifter, reg);
}

LLVMValueRef hone_lift_asm(struct hone_lifter *lifter, LLVMTypeRef type, LLVMValueRef *arguments,
			   unsigned int n, const char *text, const char *constraints)
{
	static const char *const claims[] = {"memory" /* none */, "nounwind", "willreturn"};
	struct hone_ir *ir = lifter->ir;
	LLVMTypeRef types[2];
	LLVMTypeRef signature;
	LLVMValueRef code, call;

	assert(n <= sizeof(types) / sizeof(types[0]));
	for (unsigned int i = 0; i < n; i++)
		types[i] = LLVMTypeOf(arguments[i]);
	signature = LLVMFunctionType(type, types, n, false);
	code = LLVMGetInlineAsm(signature, text, strlen(text), constraints, strlen(constraints),
				false, false, LLVMInlineAsmDialectATT, false);
	call = LLVMBuildCall2(ir->builder, signature, code, arguments, n, "");
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		LLVMAddCallSiteAttribute(
			call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
			LLVMCreateEnumAttribute(
				ir->context,
				LLVMGetEnumAttributeKindForName(claims[i], strlen(claims[i])), 0));
	return call;
}

LLVMValueRef hone_lift_opaque_ptr(struct hone_lifter *lifter, LLVMValueRef value)
{
	return hone_lift_asm(lifter, lifter->ir->ptr, &value, 1, "", "=r,0");
}

LLVMValueRef hone_lift_opaque_int(struct hone_lifter *lifter, LLVMValueRef value)
{
	return hone_lift_asm(lifter, lifter->ir->i64, &value, 1, "", "=r,0");
}

LLVMValueRef hone_lift_low(struct hone_lifter *lifter, unsigned int reg)
{
	struct hone_ir *ir = lifter->ir;
	LLVMValueRef low = LLVMBuildTrunc(ir->builder, hone_lift_int(lifter, reg), ir->i32, "");

	if (!hone_lift_is_pointer(hone_lift_kind(lifter, reg)))
		return low;
	return hone_lift_asm(lifter, ir->i32, &low, 1, "$0 = $1", "=w,w");
}

void hone_lift_set_int(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value)
{
	struct hone_ir *ir = lifter->ir;

	hone_ir_store(ir, value, lifter->reg_int[reg]);
	hone_ir_store(ir, LLVMBuildIntToPtr(ir->builder, value, ir->ptr, ""), lifter->reg_ptr[reg]);
}

void hone_lift_set_ptr(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value)
{
	struct hone_ir *ir = lifter->ir;

	hone_ir_store(ir, value, lifter->reg_ptr[reg]);
	hone_ir_store(ir, LLVMBuildPtrToInt(ir->builder, value, ir->i64, ""), lifter->reg_int[reg]);
}

void hone_lift_set_low(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value)
{
	hone_lift_set_int(lifter, reg,
			  LLVMBuildZExt(lifter->ir->builder, value, lifter->ir->i64, ""));
}

void hone_lift_copy(struct hone_lifter *lifter, unsigned int to, unsigned int from)
{
	LLVMValueRef pointer = hone_lift_ptr(lifter, from);

	hone_ir_store(lifter->ir, hone_lift_int(lifter, from), lifter->reg_int[to]);
	hone_ir_store(lifter->ir, pointer, lifter->reg_ptr[to]);
}
