// SPDX-License-Identifier: Apache-2.0
/* separate: what LLVM or its back end would combine to what the verifier refuses is kept apart.
 *
 * When: after LLVM's passes, before emit.
 * Does: an empty asm hides two things from the back end.
 *       A comparison of pointers on which something else than a branch depends: of two with null
 *       it would make one of the pointers' OR (DAGCombiner foldLogicOfSetCCs()).
 *       An address of stack memory to which a variable is added, or which is one of two: where
 *       its low bits are known to be zero, it would add by OR (DAGCombiner visitADD()).
 * Not:  other comparisons and addresses, nearly all of them. */
#include "compiler/ir.h"

static bool is_pointer_test(LLVMValueRef insn)
{
	return LLVMIsAICmpInst(insn) &&
	       LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(insn, 0))) == LLVMPointerTypeKind;
}

static bool is_combined(LLVMValueRef test)
{
	for (LLVMUseRef use = LLVMGetFirstUse(test); use; use = LLVMGetNextUse(use))
		if (!LLVMIsABranchInst(LLVMGetUser(use)))
			return true;
	return false;
}

/* The asm takes a copy, so that what it gives can stand for the test itself. */
static void hide_test(struct hone_ir *ir, LLVMValueRef test)
{
	LLVMBuilderRef b = ir->builder;
	LLVMValueRef copy = LLVMInstructionClone(test), wide;

	LLVMPositionBuilderBefore(b, test);
	LLVMInsertIntoBuilder(b, copy);
	wide = hone_ir_barrier(ir, LLVMBuildZExt(b, copy, ir->i64, ""));
	LLVMReplaceAllUsesWith(
		test, LLVMBuildICmp(b, LLVMIntNE, wide, LLVMConstNull(LLVMTypeOf(wide)), ""));
	LLVMInstructionEraseFromParent(test);
}

/* A constant offset from memory on the stack. */
static bool is_in_stack(LLVMValueRef address)
{
	while (LLVMIsAGetElementPtrInst(address) && LLVMGetNumOperands(address) == 2 &&
	       LLVMIsAConstantInt(LLVMGetOperand(address, 1)))
		address = LLVMGetOperand(address, 0);
	return LLVMIsAAllocaInst(address);
}

static bool is_variable_stack_address(LLVMValueRef insn)
{
	bool is_constant = true;

	if (!LLVMIsAGetElementPtrInst(insn))
		return false;
	for (int i = 1; i < LLVMGetNumOperands(insn); i++)
		is_constant =
			is_constant && LLVMIsAConstantInt(LLVMGetOperand(insn, (unsigned int)i));
	return !is_constant && is_in_stack(LLVMGetOperand(insn, 0));
}

/* Of two such addresses, which becomes a variable added to one. */
static bool is_choice_of_stack_addresses(LLVMValueRef insn)
{
	return LLVMIsASelectInst(insn) && is_in_stack(LLVMGetOperand(insn, 1)) &&
	       is_in_stack(LLVMGetOperand(insn, 2));
}

static void hide_operand(struct hone_ir *ir, LLVMValueRef insn, unsigned int operand)
{
	LLVMPositionBuilderBefore(ir->builder, insn);
	LLVMSetOperand(insn, operand, hone_ir_barrier(ir, LLVMGetOperand(insn, operand)));
}

static void separate_in(struct hone_ir *ir, LLVMBasicBlockRef block)
{
	LLVMValueRef next;

	for (LLVMValueRef insn = LLVMGetFirstInstruction(block); insn; insn = next) {
		next = LLVMGetNextInstruction(insn);
		if (is_pointer_test(insn) && is_combined(insn))
			hide_test(ir, insn);
		else if (is_variable_stack_address(insn))
			hide_operand(ir, insn, 0);
		else if (is_choice_of_stack_addresses(insn))
			hide_operand(ir, insn, 1);
	}
}

void hone_separate(struct hone_ir *ir)
{
	for (LLVMValueRef function = LLVMGetFirstFunction(ir->module); function;
	     function = LLVMGetNextFunction(function))
		for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
		     block = LLVMGetNextBasicBlock(block))
			separate_in(ir, block);
}
