// SPDX-License-Identifier: Apache-2.0
/* slots: which stack slots an instruction may touch. For words.c and tested.c, after kinds.c. */
#include "compiler/effects.h"
#include "compiler/insn.h"
#include "compiler/kinds.h"

static const struct hone_slots none = {.first = 0, .last = -1};
static const struct hone_slots all = {.first = 0, .last = HONE_STACK_SLOTS - 1};

/* bytes 0: up to the end of the frame. */
static struct hone_slots slots_at(const struct hone_value *base, int16_t off, uint64_t bytes)
{
	int64_t start =
		(int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)off + HONE_STACK_BYTES);
	int64_t end = HONE_STACK_BYTES;

	if (base->kind != HONE_KIND_STACK)
		return none;
	if (!base->is_known || start < 0 || start >= HONE_STACK_BYTES || bytes > HONE_STACK_BYTES)
		return all;
	if (bytes > 0)
		end = start + (int64_t)bytes;
	if (end > HONE_STACK_BYTES)
		return all;
	return (struct hone_slots){
		.first = (int)(start / 8),
		.last = (int)((end - 1) / 8),
		.is_exact = start % 8 == 0 && bytes == 8,
	};
}

struct hone_slots hone_access_slots(const struct bpf_insn *insn, const struct hone_value *base)
{
	uint8_t class = hone_insn_class(insn);

	if (class != BPF_LDX && class != BPF_ST && class != BPF_STX)
		return none;
	return slots_at(base, insn->off, hone_insn_bytes(insn));
}

struct hone_slots hone_call_slots(const struct hone_code *code, const struct hone_value *reg,
				  const struct hone_helper *helper, int arg, bool only_written)
{
	struct hone_memory memory = hone_call_memory(code, reg, helper, arg);

	if (memory.is_none || (only_written && !memory.is_written))
		return none;
	return slots_at(&reg[arg], 0, memory.bytes);
}
