// SPDX-License-Identifier: Apache-2.0
/* demand: which loads must have brought a pointer, since what they brought is used as an address.
 *
 * For kinds.c, between two rounds of it. A load from a caller's frame or from the kernel's memory
 * does not say what it loads; the verifier knows, and lets nothing but a pointer be used as
 * one. So each use of a plain number as an address is followed backwards, through copies,
 * spill slots, arguments and results, to the loads it comes from. */
#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

enum { ROUNDS_MAX = 64 };

/* Places that are used as an address later. */
struct places {
	uint32_t regs;
	uint64_t slots;
};

struct hone_demand {
	struct places *block_in;
	bool *of_result; /* per function: its r0 */
};

struct seeking {
	const struct hone_code *code;
	struct hone_kinds *kinds;
	struct hone_demand *demand;
	bool is_changed; /* what is demanded at a block's start, or of a function */
	bool has_marked; /* a load */
};

struct hone_demand *hone_demand_new(struct hone_arena *arena, const struct hone_code *code)
{
	struct hone_demand *demand = hone_arena_alloc(arena, 1, sizeof(*demand));

	demand->block_in = hone_arena_alloc(arena, code->n_blocks, sizeof(*demand->block_in));
	demand->of_result = hone_arena_alloc(arena, code->n_functions, sizeof(bool));
	return demand;
}

static bool is_number(const struct hone_value *value)
{
	return value->kind == HONE_KIND_SCALAR && !value->is_known;
}

/* Registers that instruction `at` uses as addresses, and that kinds.c takes for numbers. */
static uint32_t used_at(const struct hone_code *code, const struct hone_kinds *kinds, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	const struct hone_value *reg = kinds->reg[at];
	uint8_t class = hone_insn_class(insn);
	const struct hone_helper *helper;
	uint32_t used = 0;

	if (class == BPF_LDX)
		return is_number(&reg[insn->src_reg]) ? 1u << insn->src_reg : 0;
	if (class == BPF_ST || class == BPF_STX)
		return is_number(&reg[insn->dst_reg]) ? 1u << insn->dst_reg : 0;
	if (!hone_insn_is_kernel_call(insn))
		return 0;
	helper = hone_callee(code, at);
	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++)
		if (is_number(&reg[arg]) &&
		    (arg == helper->map_arg || hone_helper_fills(helper, arg)))
			used |= 1u << arg;
	return used;
}

static bool is_reached(const struct seeking *s, const struct hone_block *block)
{
	return s->kinds->block_in[block - s->code->blocks].is_reached;
}

/* A slot that is named by r10 itself: spills are. -1: none. */
static int slot_of(const struct bpf_insn *insn, int base)
{
	if (base != BPF_REG_10 || hone_insn_bytes(insn) != 8 || insn->off % 8 != 0 ||
	    insn->off >= 0 || insn->off < -HONE_STACK_BYTES)
		return -1;
	return (insn->off + HONE_STACK_BYTES) / 8;
}

static void mark(struct seeking *s, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	const struct hone_value *base = &s->kinds->reg[at][insn->src_reg];
	/* of the context, whose own address was loaded */
	bool is_field = hone_insn_bytes(insn) == 4 && hone_value_is_pointer(base) && !base->maps;

	if (s->kinds->gives_pointer[at] || BPF_MODE(insn->code) != BPF_MEM ||
	    !is_number(&s->kinds->result[at]) || (hone_insn_bytes(insn) != 8 && !is_field))
		return;
	s->kinds->gives_pointer[at] = true;
	s->has_marked = true;
}

static void before_load(struct seeking *s, uint32_t at, struct places *places)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	int slot = slot_of(insn, insn->src_reg);

	if (!(places->regs >> insn->dst_reg & 1))
		return;
	mark(s, at);
	places->regs &= ~(1u << insn->dst_reg);
	if (slot >= 0)
		places->slots |= 1ull << slot;
}

static void before_store(const struct bpf_insn *insn, struct places *places)
{
	int slot = hone_insn_is_atomic(insn) ? -1 : slot_of(insn, insn->dst_reg);

	if (slot < 0 || !(places->slots >> slot & 1))
		return;
	places->slots &= ~(1ull << slot);
	if (hone_insn_class(insn) == BPF_STX)
		places->regs |= 1u << insn->src_reg;
}

static void before_alu(struct seeking *s, uint32_t at, struct places *places)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	unsigned int op = BPF_OP(insn->code);
	uint32_t dst = 1u << insn->dst_reg;
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	bool has_src = BPF_SRC(insn->code) == BPF_X && op != BPF_END;

	if (!(places->regs & dst))
		return;
	if (!is_64 || (op != BPF_ADD && op != BPF_SUB))
		places->regs &= ~dst;
	if (!is_64 || !has_src)
		return;
	if (op == BPF_MOV && insn->off == 0)
		places->regs |= 1u << insn->src_reg;
	if (op == BPF_ADD && is_number(&s->kinds->reg[at][insn->src_reg]))
		places->regs |= 1u << insn->src_reg; /* either may be the address */
}

static void before_local_call(struct seeking *s, uint32_t at, struct places *places)
{
	uint32_t callee = hone_function_named(s->code, at);
	const struct hone_function *function = &s->code->functions[callee];

	if ((places->regs & 1) && !s->demand->of_result[callee])
		s->is_changed = s->demand->of_result[callee] = true;
	places->regs &= ~0x3fu;
	places->regs |= s->demand->block_in[function->first_block].regs & function->args;
}

static void before(struct seeking *s, uint32_t at, struct places *places)
{
	const struct bpf_insn *insn = &s->code->insns[at];

	if (hone_insn_is_alu(insn))
		before_alu(s, at, places);
	else if (hone_insn_class(insn) == BPF_LDX)
		before_load(s, at, places);
	else if (hone_insn_class(insn) == BPF_LD)
		places->regs &= ~(1u << insn->dst_reg);
	else if (hone_insn_class(insn) == BPF_ST || hone_insn_class(insn) == BPF_STX)
		before_store(insn, places);
	else if (hone_insn_is_local_call(insn))
		before_local_call(s, at, places);
	else if (hone_insn_is_call(insn))
		places->regs &= ~0x3fu;
	else if (hone_insn_is_exit(insn))
		places->regs = s->demand->of_result[hone_function_at(s->code, at)];
	places->regs |= used_at(s->code, s->kinds, at);
}

static void walk_block(struct seeking *s, uint32_t index)
{
	const struct hone_block *block = &s->code->blocks[index];
	struct places *in = s->demand->block_in, places = {0};

	if (!is_reached(s, block))
		return;
	if (block->jump >= 0)
		places = in[block->jump];
	if (block->next >= 0) {
		places.regs |= in[block->next].regs;
		places.slots |= in[block->next].slots;
	}
	for (uint32_t at = block->end; at-- > block->first;)
		if (s->code->block_of[at] >= 0)
			before(s, at, &places);
	s->is_changed |= (places.regs & ~in[index].regs) || (places.slots & ~in[index].slots);
	in[index].regs |= places.regs;
	in[index].slots |= places.slots;
}

static bool is_any_used(const struct seeking *s)
{
	for (uint32_t at = 0; at < s->code->n_insns; at++)
		if (s->code->block_of[at] >= 0 && used_at(s->code, s->kinds, at))
			return true;
	return false;
}

bool hone_kinds_demand(const struct hone_code *code, struct hone_kinds *kinds,
		       struct hone_demand *demand)
{
	struct seeking s = {.code = code, .kinds = kinds, .demand = demand};

	if (!is_any_used(&s))
		return false;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		s.is_changed = false;
		for (uint32_t i = code->n_blocks; i-- > 0;)
			walk_block(&s, i);
		if (!s.is_changed)
			break;
	}
	return s.has_marked;
}
