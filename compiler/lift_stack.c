// SPDX-License-Identifier: Apache-2.0
/* lift_stack: the frame as one alloca per group of slots that are used as one piece of memory.
 *
 * Slots meet in a group when one access, or the memory given to one helper, covers both. A spill
 * slot is then a group by itself and vanishes into a value; a key that a helper reads stays
 * memory. An access at an unknown offset makes the whole frame one group: the rare case, which
 * may exceed the stack limit after LLVM's own spills (then the back end refuses). */
#include "compiler/lift.h"

#include <string.h>

#include "compiler/kinds.h"
#include "compiler/value.h"

/* Slots as disjoint sets; joined[i]: slot i belongs with slot i + 1. A group is always a run of
 * neighbours, because what joins slots is contiguous memory. */
struct frame {
	bool is_used[HONE_STACK_SLOTS];
	bool is_joined[HONE_STACK_SLOTS];
};

/* Bytes [from, to) relative to r10 are one piece of memory. */
static void use(struct frame *frame, int64_t from, int64_t to)
{
	if (from < -HONE_STACK_BYTES || from >= 0)
		from = -HONE_STACK_BYTES;
	if (to > 0 || to <= from)
		to = 0;

	int64_t first = (from + HONE_STACK_BYTES) / 8;
	int64_t last = (to - 1 + HONE_STACK_BYTES) / 8;

	for (int64_t i = first; i <= last; i++) {
		frame->is_used[i] = true;
		if (i < last)
			frame->is_joined[i] = true;
	}
}

/* Bytes [from, to) that an access is of, and what the address was made from: one piece. */
static void use_from(struct frame *frame, const struct hone_value *address, int64_t from,
		     int64_t to)
{
	if (!address->is_known && !address->is_bounded) {
		use(frame, -HONE_STACK_BYTES, 0);
		return;
	}
	if (address->is_bounded && address->from < from)
		from = address->from;
	if (address->is_bounded && address->to >= to)
		to = address->to + 1;
	use(frame, from, to);
}

static void use_at(struct frame *frame, const struct hone_value *address, uint64_t size_bytes)
{
	use_from(frame, address, address->constant,
		 address->constant + address->spread + (int64_t)size_bytes);
}

/* An address and what is reached from it are one piece, also where the reach begins elsewhere. */
static void use_reach(struct frame *frame, const struct hone_value *address,
		      const struct hone_reach *in)
{
	int64_t from = in->from, to = in->to, last = address->constant + address->spread;

	if (address->constant < from)
		from = address->constant;
	if (last >= to)
		to = last + 1;
	use_from(frame, address, from, to);
}

/* Memory in the frame that a call reaches through one of its arguments. */
static void use_call(const struct hone_lifter *lifter, struct frame *frame, uint32_t at)
{
	static const struct hone_reach own_byte = {-1, 1};
	const struct hone_kinds *kinds = lifter->input->kinds;
	const struct hone_value *regs = kinds->reg[at];

	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		struct hone_param param = hone_call_param(lifter->code, kinds, regs, at, arg);
		struct hone_reach in = hone_reach_in_frame(&regs[arg], &param.touched);

		if (regs[arg].kind != HONE_KIND_STACK)
			continue;
		if (hone_reach_is_empty(&in)) /* it may be compared with NULL */
			in = hone_reach_in_frame(&regs[arg], &own_byte);
		use_reach(frame, &regs[arg], &in);
	}
}

static uint64_t access_bytes(uint8_t code)
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

static void use_insn(struct hone_lifter *lifter, struct frame *frame, uint32_t at)
{
	const struct bpf_insn *insn = &lifter->code->insns[at];
	const struct hone_value *regs = lifter->input->kinds->reg[at];
	bool is_load = BPF_CLASS(insn->code) == BPF_LDX;
	bool is_store = BPF_CLASS(insn->code) == BPF_ST || BPF_CLASS(insn->code) == BPF_STX;

	if (BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) == BPF_CALL)
		use_call(lifter, frame, at);
	if (!is_load && !is_store)
		return;

	struct hone_value address = regs[is_load ? insn->src_reg : insn->dst_reg];

	lifter->has_index |= !address.is_known && hone_value_is_frame(&address);

	address.constant += insn->off;
	if (address.kind == HONE_KIND_STACK)
		use_at(frame, &address, access_bytes(insn->code));
}

static void find_groups(struct hone_lifter *lifter, struct frame *frame)
{
	const struct hone_function *self = &lifter->code->functions[lifter->self];
	const struct hone_summary *summary = &lifter->input->kinds->functions[lifter->self];

	for (uint32_t i = self->first; i < self->end; i++)
		if (lifter->code->block_of[i] >= 0)
			use_insn(lifter, frame, i);

	/* Reached through a pointer of which nobody knows how far it goes. */
	for (int64_t i = 0; i < HONE_STACK_SLOTS; i++)
		if (summary->stack_escapes[i] || summary->is_exposed[i])
			use(frame, i * 8 - HONE_STACK_BYTES, 0);
}

void hone_lift_stack(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;
	struct frame frame = {0};
	unsigned int end;

	memset(lifter->slot_memory, 0, sizeof(lifter->slot_memory));
	lifter->has_index = false;
	find_groups(lifter, &frame);
	for (unsigned int first = 0; first < HONE_STACK_SLOTS; first = end) {
		end = first + 1;
		if (!frame.is_used[first])
			continue;
		while (frame.is_joined[end - 1])
			end++;

		LLVMValueRef memory = LLVMBuildAlloca(
			ir->builder, LLVMArrayType2(ir->i8, (uint64_t)(end - first) * 8), "");

		LLVMSetAlignment(memory, 8);
		for (unsigned int i = first; i < end; i++) {
			lifter->slot_memory[i] = memory;
			lifter->slot_first[i] = (uint8_t)first;
		}
	}
}

LLVMValueRef hone_lift_stack_at(struct hone_lifter *lifter, int64_t offset)
{
	int64_t byte = offset + HONE_STACK_BYTES;
	int64_t slot = byte < 0 ? 0 : byte / 8;

	if (slot >= HONE_STACK_SLOTS) /* r10 itself: the end of the highest slot */
		slot = HONE_STACK_SLOTS - 1;
	if (!lifter->slot_memory[slot])
		return LLVMGetUndef(lifter->ir->ptr);
	return hone_ir_at_const(lifter->ir, lifter->slot_memory[slot],
				byte - lifter->slot_first[slot] * 8);
}
