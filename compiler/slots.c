// SPDX-License-Identifier: Apache-2.0
/* slots: which stack slots an instruction may touch. For words.c and tested.c, after kinds.c. */
#include "compiler/effects.h"
#include "compiler/insn.h"
#include "compiler/kinds.h"

static const struct hone_slots none = {.first = 0, .last = -1};
static const struct hone_slots all = {.first = 0, .last = HONE_STACK_SLOTS - 1};

static struct hone_slots slots_at(const struct hone_value *base, int16_t off, uint32_t bytes)
{
	int64_t start =
		(int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)off + HONE_STACK_BYTES);

	int64_t end = start + base->spread + bytes;

	if ((!base->is_known && !base->is_bounded) || start < 0 || end > HONE_STACK_BYTES)
		return all;
	return (struct hone_slots){
		.first = (int)(start / 8),
		.last = (int)((end - 1) / 8),
		.is_exact = base->is_known && start % 8 == 0 && bytes == 8,
	};
}

struct hone_slots hone_access_slots(const struct hone_code *code, const struct hone_kinds *kinds,
				    uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	uint8_t class = hone_insn_class(insn);
	const struct hone_value *base =
		&kinds->reg[at][class == BPF_LDX ? insn->src_reg : insn->dst_reg];
	struct hone_slots slots;

	if ((class != BPF_LDX && class != BPF_ST && class != BPF_STX) ||
	    base->kind != HONE_KIND_STACK)
		return none;
	slots = slots_at(base, insn->off, hone_insn_bytes(insn));
	if (slots.is_exact)
		slots.is_exact =
			!kinds->functions[hone_function_at(code, at)].is_exposed[slots.first];
	return slots;
}

struct hone_slots hone_call_slots(const struct hone_code *code, const struct hone_kinds *kinds,
				  const struct hone_value *reg, uint32_t at, int arg,
				  bool only_written)
{
	struct hone_param param = hone_call_param(code, kinds, reg, at, arg);
	struct hone_reach in;

	if (reg[arg].kind != HONE_KIND_STACK)
		return none;
	in = hone_reach_in_frame(&reg[arg], only_written ? &param.written : &param.touched);
	if (hone_reach_is_empty(&in))
		return none;
	return (struct hone_slots){hone_reach_first_slot(&in), hone_reach_last_slot(&in), false};
}
