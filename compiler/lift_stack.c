// SPDX-License-Identifier: Apache-2.0
/* lift_stack: the frame as one alloca per group of slots that are used as one piece of memory.
 *
 * Slots meet in a group when one access, or the memory given to one helper, covers both. A spill
 * slot is then a group by itself and vanishes into a value; a key that a helper reads stays
 * memory. An access at an unknown offset makes the whole frame one group: the rare case, which
 * may exceed the stack limit after LLVM's own spills (then the back end refuses). */
#include "compiler/lift.h"

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

/* size_bytes 0: unknown, so everything from there up to the top. */
static void use_at(struct frame *frame, const struct hone_value *address, uint64_t size_bytes)
{
	if (!address->is_known)
		use(frame, -HONE_STACK_BYTES, 0);
	else if (size_bytes == 0 || size_bytes > HONE_STACK_BYTES)
		use(frame, address->constant, 0);
	else
		use(frame, address->constant, address->constant + (int64_t)size_bytes);
}

/* Largest key or value of the maps that an argument can name; 0: cannot be told. */
static uint64_t map_bytes(const struct hone_lifter *lifter, const struct hone_value *map,
			  bool is_value)
{
	const struct hone_unit *unit = lifter->code->unit;
	uint64_t largest = 0;

	if (map->kind != HONE_KIND_MAP)
		return 0;
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		uint64_t size = is_value ? unit->maps[i].value_size : unit->maps[i].key_size;

		if ((map->maps >> i & 1) && size > largest)
			largest = size;
	}
	return largest;
}

/* Bytes that a helper may touch through argument `arg`; 0: cannot be told. */
static uint64_t argument_bytes(const struct hone_lifter *lifter, const struct hone_helper *helper,
			       const struct hone_value *regs, int arg)
{
	if (arg == helper->key_arg)
		return map_bytes(lifter, &regs[helper->map_arg], false);
	if (arg == helper->value_arg)
		return map_bytes(lifter, &regs[helper->map_arg], true);

	for (size_t i = 0; i < sizeof(helper->mem) / sizeof(helper->mem[0]); i++) {
		const struct hone_value *size = &regs[helper->mem[i].size_arg];

		if (helper->mem[i].mem_arg != arg)
			continue;
		if (helper->mem[i].size_arg == 0)
			return helper->mem[i].size;
		if (size->kind == HONE_KIND_SCALAR && size->is_known && size->constant > 0)
			return (uint64_t)size->constant;
	}
	return 0;
}

static void use_call(const struct hone_lifter *lifter, struct frame *frame, uint32_t at)
{
	const struct hone_helper *helper = hone_helper(lifter->code->insns[at].imm);
	const struct hone_value *regs = lifter->input->kinds->reg[at];

	for (int arg = BPF_REG_1; helper && arg <= helper->n_args; arg++)
		if (regs[arg].kind == HONE_KIND_STACK)
			use_at(frame, &regs[arg], argument_bytes(lifter, helper, regs, arg));
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

static void use_insn(const struct hone_lifter *lifter, struct frame *frame, uint32_t at)
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

	address.constant += insn->off;
	if (address.kind == HONE_KIND_STACK)
		use_at(frame, &address, access_bytes(insn->code));
}

static void find_groups(const struct hone_lifter *lifter, struct frame *frame)
{
	for (uint32_t i = 0; i < lifter->code->n_insns; i++)
		if (lifter->code->block_of[i] >= 0)
			use_insn(lifter, frame, i);

	/* Reached through a pointer of which nobody knows how far it goes. */
	for (int64_t i = 0; i < HONE_STACK_SLOTS; i++)
		if (lifter->input->kinds->stack_escapes[i])
			use(frame, i * 8 - HONE_STACK_BYTES, 0);
}

void hone_lift_stack(struct hone_lifter *lifter)
{
	struct hone_ir *ir = lifter->ir;
	struct frame frame = {0};
	unsigned int end;

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
