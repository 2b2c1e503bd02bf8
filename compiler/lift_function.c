// SPDX-License-Identifier: Apache-2.0
/* lift_function: functions, what they are given and what they return.
 *
 * Arguments and result are what kinds.c says of them: pointers as pointers, numbers as i64. What
 * a function never reads is not handed over, except by the kernel to what it calls back. All but
 * the program and what makes tail calls are internal, so that LLVM may inline them or change what
 * they take. */
#include <stdio.h>

#include "compiler/compiler.h"
#include "compiler/kinds.h"
#include "compiler/lift.h"

static LLVMTypeRef type_of(const struct hone_ir *ir, const struct hone_value *value)
{
	return hone_lift_is_pointer(value) ? ir->ptr : ir->i64;
}

static const struct hone_value *entry_of(const struct hone_lifter *lifter, uint32_t function)
{
	uint32_t first = lifter->code->functions[function].first_block;

	return lifter->input->kinds->block_in[first].reg;
}

/* Registers that are parameters: what a function reads; what the kernel calls takes the others,
 * too, that come before. */
static uint32_t params_of(const struct hone_function *function)
{
	uint32_t args = function->args;

	for (uint32_t arg = BPF_REG_1; function->is_callback && args >> arg; arg++)
		args |= 1u << arg;
	return args;
}

static LLVMTypeRef result_type(const struct hone_lifter *lifter, uint32_t function)
{
	const struct hone_value *result = &lifter->input->kinds->functions[function].result;
	const struct hone_ir *ir = lifter->ir;

	if (lifter->code->functions[function].is_callback)
		return ir->i64;
	if (result->kind == HONE_KIND_UNSET || result->kind == HONE_KIND_CONFLICT)
		return ir->void_type;
	return type_of(ir, result);
}

/* ---- declarations ---- */

static void describe(struct hone_ir *ir, LLVMValueRef function)
{
	if (ir->is_plain && function != ir->function)
		hone_ir_attribute(ir, function, "noinline", NULL);
	hone_ir_attribute(ir, function, "nounwind", NULL);
	hone_ir_attribute(ir, function, "no-jump-tables", "true");
	hone_ir_attribute(ir, function, "no-builtins", "");
}

static LLVMValueRef declare(struct hone_lifter *lifter, uint32_t index)
{
	struct hone_ir *ir = lifter->ir;
	const struct hone_function *function = &lifter->code->functions[index];
	const struct hone_value *entry = entry_of(lifter, index);
	uint32_t params = params_of(function);
	LLVMTypeRef types[BPF_REG_5];
	LLVMValueRef declared;
	unsigned int n = 0;
	char name[32];

	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++)
		if (params >> arg & 1)
			types[n++] = type_of(ir, &entry[arg]);
	snprintf(name, sizeof(name), HONE_FUNCTION_OTHER, function->first);
	declared = LLVMAddFunction(ir->module, name,
				   LLVMFunctionType(result_type(lifter, index), types, n, false));
	/* What makes tail calls ends another way than its body says: nothing may be concluded from
	 * the body, nor may it become part of a caller, which would end with it. */
	LLVMSetLinkage(declared, function->may_leave ? LLVMWeakAnyLinkage : LLVMInternalLinkage);
	return declared;
}

void hone_lift_declare(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;
	const struct hone_code *code = lifter->code;
	LLVMTypeRef type = LLVMFunctionType(ir->i32, &ir->ptr, 1, false);

	lifter->functions =
		hone_arena_alloc(ir->arena, code->n_functions, sizeof(*lifter->functions));
	ir->function = LLVMAddFunction(ir->module, HONE_FUNCTION_MAIN, type);
	lifter->functions[0] = ir->function;
	for (uint32_t i = 1; i < code->n_functions; i++)
		if (lifter->input->kinds->block_in[code->functions[i].first_block].is_reached)
			lifter->functions[i] = declare(lifter, i);
	for (uint32_t i = 0; i < code->n_functions; i++)
		if (lifter->functions[i])
			describe(ir, lifter->functions[i]);
}

/* ---- entry and exit ---- */

static void take_arguments(struct hone_lifter *lifter)
{
	uint32_t params = params_of(&lifter->code->functions[lifter->self]);
	const struct hone_value *entry = entry_of(lifter, lifter->self);
	LLVMValueRef function = lifter->functions[lifter->self];
	unsigned int n = 0;

	if (lifter->self == 0) {
		lifter->ctx = LLVMGetParam(function, 0);
		hone_lift_set_ptr(lifter, BPF_REG_1, lifter->ctx);
		return;
	}
	lifter->ctx = NULL;
	for (unsigned int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		LLVMValueRef value;

		if (!(params >> arg & 1))
			continue;
		value = LLVMGetParam(function, n++);
		if (entry[arg].kind == HONE_KIND_CTX && entry[arg].is_known &&
		    entry[arg].constant == 0)
			lifter->ctx = value;
		if (hone_lift_is_pointer(&entry[arg]))
			hone_lift_set_ptr(lifter, arg, value);
		else
			hone_lift_set_int(lifter, arg, value);
	}
}

void hone_lift_open(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;

	LLVMPositionBuilderAtEnd(ir->builder,
				 LLVMAppendBasicBlockInContext(
					 ir->context, lifter->functions[lifter->self], "entry"));
	hone_lift_regs(lifter);
	hone_lift_stack(lifter);
	take_arguments(lifter);
	hone_lift_set_ptr(lifter, BPF_REG_10, hone_lift_stack_at(lifter, 0));
}

void hone_lift_exit(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;
	LLVMTypeRef type = result_type(lifter, lifter->self);

	if (lifter->self == 0)
		LLVMBuildRet(
			ir->builder,
			LLVMBuildTrunc(ir->builder, hone_lift_int(lifter, BPF_REG_0), ir->i32, ""));
	else if (type == ir->void_type)
		LLVMBuildRetVoid(ir->builder);
	else if (type == ir->ptr)
		LLVMBuildRet(ir->builder, hone_lift_ptr(lifter, BPF_REG_0));
	else
		LLVMBuildRet(ir->builder, hone_lift_int(lifter, BPF_REG_0));
}

/* ---- calls ---- */

static LLVMValueRef argument(struct hone_lifter *lifter, unsigned int reg, LLVMTypeRef type)
{
	if (hone_lift_kind(lifter, reg)->kind == HONE_KIND_UNSET)
		return LLVMGetUndef(type);
	return type == lifter->ir->ptr ? hone_lift_ptr(lifter, reg) : hone_lift_int(lifter, reg);
}

bool hone_lift_local_call(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;
	uint32_t callee = hone_function_named(lifter->code, lifter->at);
	uint32_t params = params_of(&lifter->code->functions[callee]);
	LLVMTypeRef type = result_type(lifter, callee);
	const struct hone_value *entry = entry_of(lifter, callee);
	LLVMValueRef function = lifter->functions[callee], args[BPF_REG_5], value;
	unsigned int n = 0;

	for (unsigned int arg = BPF_REG_1; arg <= BPF_REG_5; arg++)
		if (params >> arg & 1)
			args[n++] = argument(lifter, arg, type_of(ir, &entry[arg]));
	value = LLVMBuildCall2(ir->builder, LLVMGlobalGetValueType(function), function, args, n,
			       "");
	if (type == ir->ptr)
		hone_lift_set_ptr(lifter, BPF_REG_0, value);
	else if (type == ir->i64)
		hone_lift_set_int(lifter, BPF_REG_0, value);
	return true;
}
