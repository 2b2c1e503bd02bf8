// SPDX-License-Identifier: Apache-2.0
/* stub: what passes put in the place of a site's call.
 *
 * Each stub is an internal always-inline function: LLVM's inliner does the surgery on the control
 * flow, for which the C API has no call. Runs while passes decide; decides nothing itself.
 *
 * Two rules for what the verifier can follow: an index into the image's map is bounded by an
 * instruction that LLVM cannot drop (a shift by a constant, or a mask behind a barrier); and a
 * load at an address that may be made up stays in its own block. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compiler/pass_ctx.h"

enum { MAP_OPERAND = 0, KEY_OPERAND = 1, LOADS_MAX = 64 };

/* A stub under construction; ir->builder is in it. */
struct stub {
	struct hone_ir *ir;
	LLVMValueRef call; /* the site's */
	LLVMValueRef map;  /* its only map's handle */
	LLVMValueRef function;
};

static struct stub open_stub(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	LLVMValueRef call = cx->calls[site->id];
	LLVMValueRef map = LLVMGetOperand(call, MAP_OPERAND);

	if (!LLVMIsConstant(map)) /* a register, but of one map only */
		map = hone_ir_map(cx->ir, hone_site_map(cx, site)->index);
	return (struct stub){.ir = cx->ir, .call = call, .map = map};
}

static LLVMBasicBlockRef add_block(const struct stub *stub, const char *name)
{
	return LLVMAppendBasicBlockInContext(stub->ir->context, stub->function, name);
}

/* An internal always-inline function of one or two pointers; the builder is in its entry. */
static void open_function(struct stub *stub, const char *name, uint32_t site, LLVMTypeRef result,
			  unsigned int n_params)
{
	struct hone_ir *ir = stub->ir;
	LLVMTypeRef params[2] = {ir->ptr, ir->ptr};
	char full_name[64];

	assert(n_params <= 2);
	snprintf(full_name, sizeof(full_name), "hone_%s.%u", name, site);
	stub->function = LLVMAddFunction(ir->module, full_name,
					 LLVMFunctionType(result, params, n_params, false));
	LLVMSetLinkage(stub->function, LLVMInternalLinkage);
	hone_ir_attribute(ir, stub->function, "alwaysinline", NULL);
	hone_ir_attribute(ir, stub->function, "nounwind", NULL);
	LLVMPositionBuilderAtEnd(ir->builder, add_block(stub, "entry"));
}

static void replace(LLVMValueRef old, LLVMValueRef new)
{
	LLVMReplaceAllUsesWith(old, new);
	LLVMInstructionEraseFromParent(old);
}

/* Call the stub's function in the place of `old`. */
static void call_instead(const struct stub *stub, LLVMValueRef old, LLVMValueRef first,
			 LLVMValueRef second)
{
	LLVMBuilderRef b = stub->ir->builder;
	LLVMTypeRef type = LLVMGlobalGetValueType(stub->function);
	LLVMValueRef args[2] = {first, second};

	LLVMPositionBuilderBefore(b, old);
	replace(old, LLVMBuildCall2(b, type, stub->function, args, second ? 2 : 1, ""));
}

/* The real lookup, with the stub's first parameter as the key. */
static LLVMValueRef build_real_lookup(const struct stub *stub)
{
	LLVMValueRef copy = LLVMInstructionClone(stub->call);

	LLVMSetOperand(copy, MAP_OPERAND, stub->map);
	LLVMSetOperand(copy, KEY_OPERAND, LLVMGetParam(stub->function, 0));
	LLVMInsertIntoBuilder(stub->ir->builder, copy);
	return copy;
}

/* An address in the image's map. */
static LLVMValueRef table_at(struct hone_ir *ir, uint32_t offset, LLVMValueRef index)
{
	LLVMValueRef table = hone_ir_symbol(ir, HONE_SYM_TABLE);

	return hone_ir_at(ir, hone_ir_at_const(ir, table, offset), index);
}

/* What is known of a pointer's alignment: BPF has no unaligned stack access, and the back end
 * splits what may be unaligned into bytes. */
static unsigned int known_align(LLVMValueRef pointer)
{
	unsigned int align = 8;

	while (LLVMIsAGetElementPtrInst(pointer)) {
		LLVMValueRef index = LLVMGetOperand(pointer, 1);
		LLVMTypeRef type = LLVMGetGEPSourceElementType(pointer);
		bool is_bytes = LLVMGetTypeKind(type) == LLVMIntegerTypeKind &&
				LLVMGetIntTypeWidth(type) == 8;

		if (LLVMGetNumOperands(pointer) != 2 || !is_bytes || !LLVMIsAConstantInt(index))
			return 1;
		while (LLVMConstIntGetZExtValue(index) % align)
			align /= 2;
		pointer = LLVMGetOperand(pointer, 0);
	}
	if (!LLVMIsAAllocaInst(pointer))
		return 1;
	return LLVMGetAlignment(pointer) < align ? LLVMGetAlignment(pointer) : align;
}

/* A word of at most 8 bytes, as i64. */
static LLVMValueRef load_word(struct hone_ir *ir, LLVMValueRef base, uint32_t offset, uint32_t size,
			      unsigned int align)
{
	LLVMValueRef word =
		hone_ir_load(ir, hone_ir_int(ir, size), hone_ir_at_const(ir, base, offset));

	if (align < size)
		LLVMSetAlignment(word, align);
	return LLVMBuildZExt(ir->builder, word, ir->i64, "");
}

/* Frozen: key bytes that the program never wrote are one value, not many. */
static LLVMValueRef load_key_word(const struct stub *stub, uint32_t offset, uint32_t size)
{
	LLVMValueRef key = LLVMGetParam(stub->function, 0);
	unsigned int align = known_align(LLVMGetOperand(stub->call, KEY_OPERAND));
	LLVMValueRef word = load_word(stub->ir, key, offset, size, align);

	return LLVMBuildFreeze(stub->ir->builder, word, "");
}

/* ---- constants ---- */

void hone_stub_null(struct hone_pass_ctx *cx, const struct hone_site *site)
{
	replace(cx->calls[site->id], LLVMConstNull(cx->ir->ptr));
}

int hone_stub_const(struct hone_pass_ctx *cx, const struct hone_site *site, const void *bytes,
		    size_t size)
{
	struct hone_ir *ir = cx->ir;
	LLVMValueRef data, global;
	int err = hone_tables_reserve(ir->tables, size);

	if (err)
		return err;

	data = bytes ? LLVMConstStringInContext2(ir->context, bytes, size, true)
		     : LLVMConstNull(LLVMArrayType2(ir->i8, size));
	global = LLVMAddGlobal(ir->module, LLVMTypeOf(data), "hone_const");
	LLVMSetInitializer(global, data);
	LLVMSetGlobalConstant(global, true);
	LLVMSetLinkage(global, LLVMInternalLinkage);
	LLVMSetAlignment(global, 8);
	replace(cx->calls[site->id], global);
	return 0;
}

/* ---- key_filter ---- */

/* The same steps as hone_key_hash(). */
static LLVMValueRef hash_key(struct hone_ir *ir, const struct hone_key_set *set,
			     const LLVMValueRef *words)
{
	LLVMBuilderRef b = ir->builder;
	LLVMValueRef hash = hone_ir_const(ir, 0);

	for (unsigned int i = 0; i < set->n_words; i++) {
		LLVMValueRef value = words[i];
		LLVMValueRef multiplier = LLVMConstInt(ir->i64, set->words[i].multiplier, false);

		if (set->words[i].size == 8)
			value = LLVMBuildXor(
				b, value, LLVMBuildLShr(b, value, hone_ir_const(ir, 32), ""), "");
		hash = LLVMBuildAdd(b, hash, LLVMBuildMul(b, value, multiplier, ""), "");
	}
	return hash;
}

/* The slot's byte offset in the set: bounded by its shifts. The same as hone_key_slot(). */
static LLVMValueRef slot_offset(struct hone_ir *ir, const struct hone_key_set *set,
				LLVMValueRef hash, unsigned int choice)
{
	LLVMBuilderRef b = ir->builder;
	LLVMValueRef up = hone_ir_const(ir, choice * set->log2_slots);
	LLVMValueRef down = hone_ir_const(ir, 64 - set->log2_slots);
	LLVMValueRef slot = LLVMBuildLShr(b, LLVMBuildShl(b, hash, up, ""), down, "");

	return LLVMBuildShl(b, slot, hone_ir_const(ir, set->log2_stride), "");
}

/* Zero if the slot holds the key. */
static LLVMValueRef compare_slot(struct hone_ir *ir, const struct hone_key_set *set,
				 LLVMValueRef offset, const LLVMValueRef *words)
{
	LLVMValueRef slot = table_at(ir, set->offset, offset);
	LLVMValueRef difference = hone_ir_const(ir, 0);

	for (unsigned int i = 0; i < set->n_words; i++) {
		const struct hone_key_word *word = &set->words[i];
		LLVMValueRef bits =
			load_word(ir, slot, word->offset, word->size, 1u << set->log2_stride);

		bits = LLVMBuildXor(ir->builder, bits, words[i], "");
		difference = LLVMBuildOr(ir->builder, difference, bits, "");
	}
	return difference;
}

/* Zero if one of two differences is, without a branch of its own: which of its slots holds a key
 * is nothing that a branch predictor can know. x | -x is negative unless x is zero. */
static LLVMValueRef either_zero(struct hone_ir *ir, LLVMValueRef x, LLVMValueRef y)
{
	LLVMBuilderRef b = ir->builder;
	LLVMValueRef x_sign = LLVMBuildOr(b, x, LLVMBuildNeg(b, x, ""), "");
	LLVMValueRef y_sign = LLVMBuildOr(b, y, LLVMBuildNeg(b, y, ""), "");
	LLVMValueRef both = hone_ir_barrier(ir, LLVMBuildAnd(b, x_sign, y_sign, ""));

	return LLVMBuildLShr(b, both, hone_ir_const(ir, 63), "");
}

/* Zero if the key, the stub's parameter, is in the set. */
static LLVMValueRef search_set(const struct stub *stub, const struct hone_key_set *set)
{
	struct hone_ir *ir = stub->ir;
	LLVMValueRef words[HONE_KEY_WORDS];
	LLVMValueRef hash, first, second;

	for (unsigned int i = 0; i < set->n_words; i++)
		words[i] = load_key_word(stub, set->words[i].offset, set->words[i].size);
	hash = hash_key(ir, set, words);

	first = compare_slot(ir, set, slot_offset(ir, set, hash, 0), words);
	if (set->n_choices == 1)
		return first;
	second = compare_slot(ir, set, slot_offset(ir, set, hash, 1), words);
	return either_zero(ir, first, second);
}

static void build_branch_if_zero(struct hone_ir *ir, LLVMValueRef value, LLVMBasicBlockRef zero,
				 LLVMBasicBlockRef other)
{
	LLVMValueRef is_zero =
		LLVMBuildICmp(ir->builder, LLVMIntEQ, value, hone_ir_const(ir, 0), "");

	LLVMBuildCondBr(ir->builder, is_zero, zero, other);
}

/* ptr stub(ptr key) */
void hone_stub_key_filter(struct hone_pass_ctx *cx, const struct hone_site *site, uint32_t table)
{
	struct stub stub = open_stub(cx, site);
	LLVMBuilderRef b = cx->ir->builder;
	LLVMBasicBlockRef ask, miss;

	open_function(&stub, "key_filter", site->id, cx->ir->ptr, 1);
	ask = add_block(&stub, "ask");
	miss = add_block(&stub, "miss");
	build_branch_if_zero(cx->ir, search_set(&stub, &cx->key_sets[table]), ask, miss);

	LLVMPositionBuilderAtEnd(b, ask);
	LLVMBuildRet(b, build_real_lookup(&stub));
	LLVMPositionBuilderAtEnd(b, miss);
	LLVMBuildRet(b, LLVMConstNull(cx->ir->ptr));

	call_instead(&stub, stub.call, LLVMGetOperand(stub.call, KEY_OPERAND), NULL);
}

/* ---- value_bits ---- */

static LLVMValueRef function_of(LLVMValueRef insn)
{
	return LLVMGetBasicBlockParent(LLVMGetInstructionParent(insn));
}

/* The site's marked loads, which are in its own function; how many there are, the first `max` of
 * them stored. */
static uint32_t find_loads(struct hone_ir *ir, LLVMValueRef function, uint32_t site,
			   LLVMValueRef *loads, uint32_t max)
{
	uint32_t n = 0;

	for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
	     block = LLVMGetNextBasicBlock(block))
		for (LLVMValueRef insn = LLVMGetFirstInstruction(block); insn;
		     insn = LLVMGetNextInstruction(insn)) {
			if (hone_mark_of(ir, insn, HONE_MARK_LOAD) != (int64_t)site)
				continue;
			if (n < max)
				loads[n] = insn;
			n++;
		}
	return n;
}

/* A flag in the function's frame: does the pointer come from the real lookup? Set where the
 * function starts, so that a load on a path that never meets the site is an ordinary load. */
static LLVMValueRef add_flag(struct hone_ir *ir, LLVMValueRef function)
{
	LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(function);
	LLVMValueRef flag;

	LLVMPositionBuilderBefore(ir->builder, LLVMGetFirstInstruction(entry));
	flag = LLVMBuildAlloca(ir->builder, ir->i64, "");
	hone_ir_store(ir, hone_ir_const(ir, 1), flag);
	return flag;
}

/* The index's bit, 0 or 1. */
static LLVMValueRef read_bit(struct hone_ir *ir, const struct hone_bitmap *bitmap,
			     LLVMValueRef index)
{
	LLVMBuilderRef b = ir->builder;
	LLVMValueRef mask = hone_ir_const(ir, (int64_t)bitmap->n_bits - 1);
	LLVMValueRef word, bit;

	index = LLVMBuildAnd(b, hone_ir_barrier(ir, index), mask, "");
	word = LLVMBuildLShr(b, index, hone_ir_const(ir, 6), "");
	word = LLVMBuildShl(b, word, hone_ir_const(ir, 3), "");
	word = load_word(ir, table_at(ir, bitmap->offset, word), 0, 8, 8);
	bit = LLVMBuildAnd(b, index, hone_ir_const(ir, 63), "");
	return LLVMBuildAnd(b, LLVMBuildLShr(b, word, bit, ""), hone_ir_const(ir, 1), "");
}

/* Go to `ask` when the index's bit is set or the array has no such index, else to `known`. */
static void test_index(const struct stub *stub, const struct hone_map *map,
		       const struct hone_bitmap *bitmap, LLVMBasicBlockRef ask,
		       LLVMBasicBlockRef known)
{
	struct hone_ir *ir = stub->ir;
	LLVMBasicBlockRef inside = bitmap ? add_block(stub, "inside") : known;
	LLVMValueRef index = load_key_word(stub, 0, sizeof(uint32_t));
	LLVMValueRef is_inside = LLVMBuildICmp(ir->builder, LLVMIntULT, index,
					       hone_ir_const(ir, map->max_entries), "");

	LLVMBuildCondBr(ir->builder, is_inside, inside, ask);
	if (!bitmap)
		return;
	LLVMPositionBuilderAtEnd(ir->builder, inside);
	build_branch_if_zero(ir, read_bit(ir, bitmap, index), known, ask);
}

/* ptr stub(ptr key, ptr flag) */
static void build_lookup(struct stub *stub, const struct hone_site *site,
			 const struct hone_map *map, const struct hone_bitmap *bitmap)
{
	struct hone_ir *ir = stub->ir;
	LLVMBasicBlockRef ask, known;
	LLVMValueRef flag;

	open_function(stub, "value_bits", site->id, ir->ptr, 2);
	flag = LLVMGetParam(stub->function, 1);
	ask = add_block(stub, "ask");
	known = add_block(stub, "known");
	test_index(stub, map, bitmap, ask, known);

	LLVMPositionBuilderAtEnd(ir->builder, ask);
	hone_ir_store(ir, hone_ir_const(ir, 1), flag);
	LLVMBuildRet(ir->builder, build_real_lookup(stub));
	LLVMPositionBuilderAtEnd(ir->builder, known);
	hone_ir_store(ir, hone_ir_const(ir, 0), flag);
	LLVMBuildRet(ir->builder, hone_ir_symbol(ir, HONE_SYM_TABLE));
}

/* word stub(ptr value, ptr flag): the load, or zero. */
static void build_load(struct stub *stub, const struct hone_site *site, LLVMValueRef load)
{
	struct hone_ir *ir = stub->ir;
	LLVMBasicBlockRef real, zero;
	LLVMValueRef flag, copy;

	open_function(stub, "value_bits_load", site->id, LLVMTypeOf(load), 2);
	zero = add_block(stub, "zero");
	real = add_block(stub, "real");
	flag = hone_ir_load(ir, ir->i64, LLVMGetParam(stub->function, 1));
	build_branch_if_zero(ir, flag, zero, real);

	LLVMPositionBuilderAtEnd(ir->builder, real);
	copy = LLVMInstructionClone(load);
	LLVMSetOperand(copy, 0, LLVMGetParam(stub->function, 0));
	LLVMInsertIntoBuilder(ir->builder, copy);
	LLVMBuildRet(ir->builder, copy);
	LLVMPositionBuilderAtEnd(ir->builder, zero);
	LLVMBuildRet(ir->builder, LLVMConstNull(LLVMTypeOf(load)));
}

int hone_stub_value_bits(struct hone_pass_ctx *cx, const struct hone_site *site, uint32_t table)
{
	const struct hone_bitmap *bitmap = table == HONE_TABLE_NONE ? NULL : &cx->bitmaps[table];
	LLVMValueRef loads[LOADS_MAX];
	LLVMValueRef function = function_of(cx->calls[site->id]);
	uint32_t n_loads = find_loads(cx->ir, function, site->id, loads, LOADS_MAX);
	struct stub stub;
	LLVMValueRef flag;

	if (n_loads != site->n_loads || n_loads > LOADS_MAX)
		return -ENOENT;

	stub = open_stub(cx, site);
	flag = add_flag(cx->ir, function);
	build_lookup(&stub, site, hone_site_map(cx, site), bitmap);
	call_instead(&stub, stub.call, LLVMGetOperand(stub.call, KEY_OPERAND), flag);
	for (uint32_t i = 0; i < n_loads; i++) {
		build_load(&stub, site, loads[i]);
		call_instead(&stub, loads[i], LLVMGetOperand(loads[i], 0), flag);
	}
	return 0;
}
