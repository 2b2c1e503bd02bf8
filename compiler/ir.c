// SPDX-License-Identifier: Apache-2.0
/* ir: one compile's LLVM module, and the small builders that lift, stubs and guard share.
 *
 * When: from the first to the last stage that knows LLVM. Not: any knowledge of units, sites or
 * passes. */
#include "compiler/ir.h"

#include <errno.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <string.h>

static void keep_error(struct hone_ir *ir, const char *message)
{
	if (ir->error[0] == '\0')
		snprintf(ir->error, sizeof(ir->error), "%s", message ? message : "unknown error");
}

/* The back end reports what it cannot do only here, and then emits something nevertheless. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *context)
{
	char *message;

	if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
		return;
	message = LLVMGetDiagInfoDescription(info);
	keep_error(context, message);
	LLVMDisposeMessage(message);
}

static LLVMTargetMachineRef machine_new(const char *cpu)
{
	LLVMTargetRef target;
	char *message = NULL;

	LLVMInitializeBPFTargetInfo();
	LLVMInitializeBPFTarget();
	LLVMInitializeBPFTargetMC();
	LLVMInitializeBPFAsmPrinter();
	LLVMInitializeBPFAsmParser(); /* inline asm is parsed when it is emitted */

	if (LLVMGetTargetFromTriple("bpfel", &target, &message)) {
		LLVMDisposeMessage(message);
		return NULL;
	}
	return LLVMCreateTargetMachine(target, "bpfel", cpu, "", LLVMCodeGenLevelDefault,
				       LLVMRelocDefault, LLVMCodeModelDefault);
}

static void prepare_module(struct hone_ir *ir)
{
	LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(ir->machine);

	LLVMSetTarget(ir->module, "bpfel");
	LLVMSetModuleDataLayout(ir->module, layout);
	LLVMDisposeTargetData(layout);
}

struct hone_ir *hone_ir_new(struct hone_arena *arena, const char *cpu, uint32_t max_table_bytes)
{
	struct hone_ir *ir = hone_arena_alloc(arena, 1, sizeof(*ir));

	ir->machine = machine_new(cpu);
	if (!ir->machine)
		return NULL;

	ir->arena = arena;
	ir->tables = hone_tables_new(arena, max_table_bytes);
	ir->context = LLVMContextCreate();
	LLVMContextSetDiagnosticHandler(ir->context, on_diagnostic, ir);
	ir->module = LLVMModuleCreateWithNameInContext("hone", ir->context);
	ir->builder = LLVMCreateBuilderInContext(ir->context);
	prepare_module(ir);

	ir->void_type = LLVMVoidTypeInContext(ir->context);
	ir->i1 = LLVMInt1TypeInContext(ir->context);
	ir->i8 = LLVMInt8TypeInContext(ir->context);
	ir->i16 = LLVMInt16TypeInContext(ir->context);
	ir->i32 = LLVMInt32TypeInContext(ir->context);
	ir->i64 = LLVMInt64TypeInContext(ir->context);
	ir->ptr = LLVMPointerTypeInContext(ir->context, 0);
	return ir;
}

void hone_ir_free(struct hone_ir *ir)
{
	if (!ir)
		return;
	LLVMDisposeBuilder(ir->builder);
	LLVMDisposeModule(ir->module);
	LLVMContextDispose(ir->context);
	LLVMDisposeTargetMachine(ir->machine);
}

static LLVMValueRef first_defined(LLVMModuleRef module)
{
	LLVMValueRef function = LLVMGetFirstFunction(module);

	while (function && LLVMIsDeclaration(function))
		function = LLVMGetNextFunction(function);
	return function;
}

int hone_ir_parse(struct hone_ir *ir, const char *name, const char *text, size_t size)
{
	/* The copy: the parser wants a NUL behind the last byte, and takes the buffer. */
	LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, size, name);
	LLVMModuleRef module;
	char *message = NULL;

	if (LLVMParseIRInContext(ir->context, buffer, &module, &message)) {
		keep_error(ir, message);
		LLVMDisposeMessage(message);
		return -EINVAL;
	}
	LLVMDisposeModule(ir->module);
	ir->module = module;
	prepare_module(ir);
	ir->function = first_defined(module);
	if (!ir->function) {
		keep_error(ir, "no function has a body");
		return -EINVAL;
	}
	return 0;
}

int hone_ir_verify(struct hone_ir *ir)
{
	char *message = NULL;
	bool is_broken = LLVMVerifyModule(ir->module, LLVMReturnStatusAction, &message);

	if (is_broken)
		keep_error(ir, message);
	LLVMDisposeMessage(message);
	return is_broken ? -EINVAL : 0;
}

LLVMValueRef hone_ir_symbol(struct hone_ir *ir, const char *name)
{
	LLVMValueRef symbol = LLVMGetNamedGlobal(ir->module, name);

	return symbol ? symbol : LLVMAddGlobal(ir->module, ir->i8, name);
}

LLVMValueRef hone_ir_map(struct hone_ir *ir, uint32_t index)
{
	char name[32];

	snprintf(name, sizeof(name), "map_%u", index);
	return hone_ir_symbol(ir, name);
}

LLVMValueRef hone_ir_map_value(struct hone_ir *ir, uint32_t index)
{
	char name[32];

	snprintf(name, sizeof(name), "mapval_%u", index);
	return hone_ir_symbol(ir, name);
}

LLVMValueRef hone_ir_helper(struct hone_ir *ir, int32_t id, LLVMTypeRef result, LLVMValueRef *args,
			    unsigned int n_args)
{
	LLVMTypeRef types[5];
	LLVMValueRef address = LLVMConstIntToPtr(hone_ir_const(ir, id), ir->ptr);

	for (unsigned int i = 0; i < n_args; i++)
		types[i] = LLVMTypeOf(args[i]);
	return LLVMBuildCall2(ir->builder, LLVMFunctionType(result, types, n_args, false), address,
			      args, n_args, "");
}

LLVMValueRef hone_ir_at(struct hone_ir *ir, LLVMValueRef base, LLVMValueRef offset)
{
	return LLVMBuildGEP2(ir->builder, ir->i8, base, &offset, 1, "");
}

LLVMValueRef hone_ir_at_const(struct hone_ir *ir, LLVMValueRef base, int64_t offset)
{
	return offset == 0 ? base : hone_ir_at(ir, base, hone_ir_const(ir, offset));
}

static unsigned int natural_alignment(LLVMTypeRef type)
{
	return LLVMGetTypeKind(type) == LLVMIntegerTypeKind ? LLVMGetIntTypeWidth(type) / 8 : 8;
}

LLVMValueRef hone_ir_load(struct hone_ir *ir, LLVMTypeRef type, LLVMValueRef address)
{
	LLVMValueRef load = LLVMBuildLoad2(ir->builder, type, address, "");

	LLVMSetAlignment(load, natural_alignment(type));
	return load;
}

LLVMValueRef hone_ir_store(struct hone_ir *ir, LLVMValueRef value, LLVMValueRef address)
{
	LLVMValueRef store = LLVMBuildStore(ir->builder, value, address);

	LLVMSetAlignment(store, natural_alignment(LLVMTypeOf(value)));
	return store;
}

LLVMValueRef hone_ir_barrier(struct hone_ir *ir, LLVMValueRef value)
{
	LLVMTypeRef of = LLVMTypeOf(value), type = LLVMFunctionType(of, &of, 1, false);
	LLVMValueRef hidden = LLVMGetInlineAsm(type, "", 0, "=r,0", 4, false, false,
					       LLVMInlineAsmDialectATT, false);

	return LLVMBuildCall2(ir->builder, type, hidden, &value, 1, "");
}

LLVMTypeRef hone_ir_int(const struct hone_ir *ir, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return ir->i8;
	case 2:
		return ir->i16;
	case 4:
		return ir->i32;
	default:
		return ir->i64;
	}
}

LLVMValueRef hone_ir_const(const struct hone_ir *ir, int64_t value)
{
	return LLVMConstInt(ir->i64, (unsigned long long)value, false);
}

void hone_ir_attribute(struct hone_ir *ir, LLVMValueRef function, const char *name,
		       const char *value)
{
	LLVMAttributeRef attribute;

	if (value)
		attribute = LLVMCreateStringAttribute(ir->context, name, (unsigned int)strlen(name),
						      value, (unsigned int)strlen(value));
	else
		attribute = LLVMCreateEnumAttribute(
			ir->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
	LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
				attribute);
}

void hone_ir_mark(struct hone_ir *ir, LLVMValueRef instruction, const char *mark, uint32_t site)
{
	LLVMMetadataRef id = LLVMValueAsMetadata(LLVMConstInt(ir->i32, site, false));
	LLVMMetadataRef node = LLVMMDNodeInContext2(ir->context, &id, 1);
	unsigned int kind = LLVMGetMDKindIDInContext(ir->context, mark, (unsigned int)strlen(mark));

	LLVMSetMetadata(instruction, kind, LLVMMetadataAsValue(ir->context, node));
}
