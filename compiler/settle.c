// SPDX-License-Identifier: Apache-2.0
/* settle: what LLVM left of constants moves into the image's own map.
 *
 * Runs after LLVM's passes. A constant whose loads all folded is gone by then; one that is still
 * used, whole or in the pieces that LLVM made of it, becomes an address in @hone_table. Does not
 * touch globals without an initializer: those are relocations. */
#include <errno.h>
#include <llvm-c/Target.h>
#include <string.h>

#include "compiler/ir.h"

static int write_constant(LLVMTargetDataRef layout, LLVMValueRef value, uint8_t *bytes);

static int write_integer(LLVMTargetDataRef layout, LLVMValueRef value, uint8_t *bytes)
{
	uint64_t size = LLVMABISizeOfType(layout, LLVMTypeOf(value));
	uint64_t integer = LLVMConstIntGetZExtValue(value);

	if (LLVMGetIntTypeWidth(LLVMTypeOf(value)) > 64)
		return -ENOTSUP;
	memcpy(bytes, &integer, size); /* little-endian, as BPF here */
	return 0;
}

static int write_array(LLVMTargetDataRef layout, LLVMValueRef value, uint8_t *bytes)
{
	LLVMTypeRef element = LLVMGetElementType(LLVMTypeOf(value));
	uint64_t n = LLVMGetArrayLength2(LLVMTypeOf(value));
	uint64_t size = LLVMABISizeOfType(layout, element);

	for (uint64_t i = 0; i < n; i++) {
		LLVMValueRef item = LLVMGetAggregateElement(value, (unsigned int)i);
		int err = item ? write_constant(layout, item, bytes + i * size) : -ENOTSUP;

		if (err)
			return err;
	}
	return 0;
}

static int write_struct(LLVMTargetDataRef layout, LLVMValueRef value, uint8_t *bytes)
{
	LLVMTypeRef type = LLVMTypeOf(value);

	for (unsigned int i = 0; i < LLVMCountStructElementTypes(type); i++) {
		LLVMValueRef item = LLVMGetAggregateElement(value, i);
		uint64_t at = LLVMOffsetOfElement(layout, type, i);
		int err = item ? write_constant(layout, item, bytes + at) : -ENOTSUP;

		if (err)
			return err;
	}
	return 0;
}

/* Plain bytes only: no addresses. `bytes` are zero. */
static int write_constant(LLVMTargetDataRef layout, LLVMValueRef value, uint8_t *bytes)
{
	if (LLVMIsNull(value) || LLVMIsUndef(value))
		return 0;

	switch (LLVMGetTypeKind(LLVMTypeOf(value))) {
	case LLVMIntegerTypeKind:
		return LLVMIsAConstantInt(value) ? write_integer(layout, value, bytes) : -ENOTSUP;
	case LLVMArrayTypeKind:
		return write_array(layout, value, bytes);
	case LLVMStructTypeKind:
		return write_struct(layout, value, bytes);
	default:
		return -ENOTSUP;
	}
}

static int settle(struct hone_ir *ir, LLVMTargetDataRef layout, LLVMValueRef global)
{
	uint64_t size = LLVMABISizeOfType(layout, LLVMGlobalGetValueType(global));
	uint8_t *bytes = hone_arena_alloc(ir->arena, size, 1);
	LLVMValueRef at, address;
	uint32_t offset;
	int err;

	err = write_constant(layout, LLVMGetInitializer(global), bytes);
	if (err)
		return err;
	err = hone_tables_append(ir->tables, bytes, size, true, &offset);
	if (err)
		return err;

	at = hone_ir_const(ir, offset);
	address = LLVMConstGEP2(ir->i8, hone_ir_symbol(ir, HONE_SYM_TABLE), &at, 1);
	LLVMReplaceAllUsesWith(global, address);
	return 0;
}

int hone_passes_settle(struct hone_ir *ir)
{
	LLVMTargetDataRef layout = LLVMGetModuleDataLayout(ir->module);
	LLVMValueRef global = LLVMGetFirstGlobal(ir->module);

	ir->tables->reserved = 0;
	while (global) {
		LLVMValueRef next = LLVMGetNextGlobal(global);

		if (LLVMGetInitializer(global)) {
			int err = LLVMGetFirstUse(global) ? settle(ir, layout, global) : 0;

			if (err)
				return err;
			LLVMDeleteGlobal(global);
		}
		global = next;
	}
	return 0;
}
