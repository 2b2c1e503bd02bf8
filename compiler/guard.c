// SPDX-License-Identifier: Apache-2.0
/* guard: an image decides packets only while nothing that it depends on has changed.
 *
 * When: after the passes, before optimisation. The check goes between the entry block and the
 * program's first block. Not: who raises the epochs (watch.bpf.c) or publishes `expected`.
 *
 * An image without assumptions gets one too: the slot in front of it is shared, and the daemon
 * withdraws every image the same way. */
#include "compiler/ir.h"

#include "runtime/bpf/abi.h"

#include <linux/pkt_cls.h>
#include <string.h>

static LLVMBasicBlockRef add_block(struct hone_ir *ir, const char *name)
{
	return LLVMAppendBasicBlockInContext(ir->context, ir->function, name);
}

static LLVMValueRef load_epoch(struct hone_ir *ir, const char *symbol, uint64_t offset)
{
	LLVMValueRef address = hone_ir_at_const(ir, hone_ir_symbol(ir, symbol), (int64_t)offset);
	LLVMValueRef load = hone_ir_load(ir, ir->i64, address);

	LLVMSetVolatile(load, true); /* others change both words at any time */
	return load;
}

/* branch_weights: the image's path falls through. */
static void expect_first(struct hone_ir *ir, LLVMValueRef branch)
{
	LLVMMetadataRef operands[] = {
		LLVMMDStringInContext2(ir->context, "branch_weights", strlen("branch_weights")),
		LLVMValueAsMetadata(LLVMConstInt(ir->i32, 1 << 20, false)),
		LLVMValueAsMetadata(LLVMConstInt(ir->i32, 1, false)),
	};
	LLVMMetadataRef node = LLVMMDNodeInContext2(ir->context, operands, 3);

	LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(ir->context, "prof", 4),
			LLVMMetadataAsValue(ir->context, node));
}

/* counts[index] += 1, from the end of the current block to a new one that the builder ends in. The
 * index is in the image's map: programs may use all of the stack themselves. */
static int build_count(struct hone_ir *ir, uint32_t index, const char *name)
{
	LLVMBasicBlockRef found = add_block(ir, name), done = add_block(ir, name);
	LLVMValueRef args[2] = {hone_ir_symbol(ir, HONE_SYM_COUNTS)};
	LLVMValueRef counter, value, branch;
	uint32_t offset;
	int err = hone_tables_append(ir->tables, &index, sizeof(index), false, &offset);

	if (err)
		return err;
	args[1] = hone_ir_at_const(ir, hone_ir_symbol(ir, HONE_SYM_TABLE), offset);
	counter = hone_ir_helper(ir, BPF_FUNC_map_lookup_elem, ir->ptr, args, 2);
	branch = LLVMBuildCondBr(ir->builder, LLVMBuildIsNotNull(ir->builder, counter, ""), found,
				 done);
	expect_first(ir, branch);

	LLVMPositionBuilderAtEnd(ir->builder, found);
	value = hone_ir_load(ir, ir->i64, counter);
	hone_ir_store(ir, LLVMBuildAdd(ir->builder, value, hone_ir_const(ir, 1), ""), counter);
	LLVMBuildBr(ir->builder, done);

	LLVMPositionBuilderAtEnd(ir->builder, done);
	return 0;
}

/* What keeps a packet from going on undecided. 0 is XDP_ABORTED, and "drop" of most other types. */
static unsigned int drop_verdict(uint32_t prog_type)
{
	return prog_type == BPF_PROG_TYPE_SCHED_CLS || prog_type == BPF_PROG_TYPE_SCHED_ACT
		       ? TC_ACT_SHOT
		       : XDP_ABORTED;
}

/* The tail call's index is a constant, so that the kernel makes it a direct jump. It fails only
 * when too many tail calls came before, or nobody put the original there. */
static int build_fallback(struct hone_ir *ir, uint32_t prog_type)
{
	LLVMValueRef args[] = {
		LLVMGetParam(ir->function, 0),
		hone_ir_symbol(ir, HONE_SYM_SLOTS),
		hone_ir_const(ir, HONE_PROG_ORIGINAL),
	};
	int err = build_count(ir, HONE_COUNT_FALLBACK, "count_fallback");

	if (err)
		return err;
	hone_ir_helper(ir, BPF_FUNC_tail_call, ir->i64, args, 3);
	LLVMBuildRet(ir->builder, LLVMConstInt(ir->i32, drop_verdict(prog_type), false));
	return 0;
}

int hone_guard_build(struct hone_ir *ir, uint32_t prog_type, bool count_packets)
{
	LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(ir->function);
	LLVMValueRef old_branch = LLVMGetBasicBlockTerminator(entry);
	LLVMBasicBlockRef program = LLVMGetSuccessor(old_branch, 0);
	LLVMBasicBlockRef valid = add_block(ir, "valid"), stale = add_block(ir, "stale");
	LLVMValueRef is_valid;
	int err;

	/* The BPF back end inverts a branch only towards the block that already comes next. */
	LLVMMoveBasicBlockAfter(valid, entry);
	LLVMInstructionEraseFromParent(old_branch);
	LLVMPositionBuilderAtEnd(ir->builder, entry);
	LLVMSetCurrentDebugLocation2(ir->builder, NULL); /* of no line: not that of the last stub */
	is_valid = LLVMBuildICmp(
		ir->builder, LLVMIntEQ,
		load_epoch(ir, HONE_SYM_GUARD, offsetof(struct hone_guard_slot, begin)),
		load_epoch(ir, HONE_SYM_TABLE, 0), "");
	expect_first(ir, LLVMBuildCondBr(ir->builder, is_valid, valid, stale));

	LLVMPositionBuilderAtEnd(ir->builder, stale);
	err = build_fallback(ir, prog_type);

	LLVMPositionBuilderAtEnd(ir->builder, valid);
	if (!err && count_packets)
		err = build_count(ir, HONE_COUNT_IMAGE, "count_image");
	LLVMBuildBr(ir->builder, program);
	return err;
}
