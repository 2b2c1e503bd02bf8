// SPDX-License-Identifier: Apache-2.0
/* kinds: what each register and stack slot holds before each instruction. A forward fixpoint over
 * blocks, after decode.c and before everything else.
 *
 * Optimistic: what is unset on one path takes what the other paths bring, since the verifier
 * lets no program read what was never written. States only ever grow, and each part of one can
 * grow a bounded number of times, so it ends. It proves nothing about values beyond constants.
 * A function is looked at once for all its calls: what they hand over is joined. What functions
 * do to frames of others (kinds_note.c) and which loads bring pointers (demand.c) is found on the
 * way, and then all is done again with that. */
#include "compiler/kinds.h"

#include <stdio.h>
#include <string.h>

#include "compiler/insn.h"
#include "compiler/value.h"

enum {
	ROUNDS_MAX = 16,	    /* of what functions tell each other */
	VISITS_PER_BLOCK_MAX = 256, /* on average, in one round */
};

struct solving {
	const struct hone_code *code;
	struct hone_kinds *kinds;
	struct hone_refusal *why;
	struct hone_demand *demand;
	bool *is_dirty;	 /* per block: its entry state grew since it was last looked at */
	uint32_t lowest; /* no block below is dirty */
	uint64_t n_visits;
	bool has_grown; /* a summary has, in this round */
};

/* ---- joining states ---- */

static bool join_word(struct hone_word *into, const struct hone_word *from)
{
	if (from->is == HONE_WORD_UNSET || into->is == HONE_WORD_UNKNOWN)
		return false;
	if (into->is == HONE_WORD_KNOWN && from->is == HONE_WORD_KNOWN &&
	    into->constant == from->constant)
		return false;
	if (into->is == HONE_WORD_UNSET)
		*into = *from;
	else
		*into = (struct hone_word){.is = HONE_WORD_UNKNOWN};
	return true;
}

static bool join_state(struct hone_state *into, const struct hone_state *from)
{
	bool is_changed = !into->is_reached;

	into->is_reached = true;
	for (int i = 0; i < HONE_REGS; i++)
		is_changed |= hone_value_join(&into->reg[i], &from->reg[i]);
	for (int i = 0; i < HONE_STACK_SLOTS; i++)
		is_changed |= hone_value_join(&into->stack[i], &from->stack[i]);
	for (int i = 0; i < 2 * HONE_STACK_SLOTS; i++)
		is_changed |= join_word(&into->word[i], &from->word[i]);
	return is_changed;
}

static void look_again(struct solving *s, uint32_t block)
{
	s->is_dirty[block] = true;
	if (block < s->lowest)
		s->lowest = block;
}

static void flow_into(struct solving *s, int32_t block, const struct hone_state *state)
{
	if (block >= 0 && join_state(&s->kinds->block_in[block], state))
		look_again(s, (uint32_t)block);
}

/* ---- edges ---- */

/* What equality with a constant tells about the register, on the edge where it holds. */
static struct hone_value known_equal(const struct hone_value *value, int32_t constant)
{
	if (value->kind == HONE_KIND_SCALAR)
		return hone_value_constant(constant);
	if (hone_value_is_pointer(value) && constant == 0)
		return hone_value_constant(0);
	return *value;
}

/* What the jump, taken or not, tells of its first operand. */
static void learn(const struct bpf_insn *insn, bool is_taken, struct hone_state *state)
{
	unsigned int op = BPF_OP(insn->code);
	bool is_constant = BPF_SRC(insn->code) == BPF_K;
	struct hone_value src =
		is_constant ? hone_value_constant(insn->imm) : state->reg[insn->src_reg];
	struct hone_value *dst = &state->reg[insn->dst_reg];

	hone_range_narrow(insn, is_taken, &src, dst);
	if (hone_insn_class(insn) == BPF_JMP && is_constant && op == (is_taken ? BPF_JEQ : BPF_JNE))
		*dst = known_equal(dst, insn->imm);
}

static void flow_out(struct solving *s, const struct hone_block *block, uint32_t last,
		     const struct hone_state *state)
{
	const struct bpf_insn *insn = &s->code->insns[last];
	struct hone_state taken, not_taken;

	if (!hone_insn_is_jump(insn) || hone_insn_is_goto(insn)) {
		flow_into(s, block->jump, state);
		flow_into(s, block->next, state);
		return;
	}
	taken = not_taken = *state;
	learn(insn, true, &taken);
	learn(insn, false, &not_taken);
	flow_into(s, block->jump, &taken);
	flow_into(s, block->next, &not_taken);
}

/* ---- the fixpoint ---- */

static uint32_t next_insn(const struct hone_code *code, uint32_t at)
{
	return at + (hone_insn_is_wide(&code->insns[at]) ? 2 : 1);
}

/* The start of a function, as one call finds it. */
static void enter(struct solving *s, uint32_t function, const struct hone_value *args)
{
	struct hone_state entry = {.is_reached = true};

	for (int reg = BPF_REG_1; reg <= BPF_REG_5; reg++)
		entry.reg[reg] = args[reg];
	entry.reg[BPF_REG_10] = (struct hone_value){.kind = HONE_KIND_STACK, .is_known = true};
	flow_into(s, (int32_t)s->code->functions[function].first_block, &entry);
}

/* Calls of the function may go on, or bring more. */
static void look_at_calls_again(struct solving *s, uint32_t function)
{
	const struct hone_code *code = s->code;

	for (uint32_t at = 0; at < code->n_insns; at++)
		if (code->block_of[at] >= 0 && hone_insn_is_local_call(&code->insns[at]) &&
		    hone_function_named(code, at) == function &&
		    s->kinds->block_in[code->block_of[at]].is_reached)
			look_again(s, (uint32_t)code->block_of[at]);
}

/* No function returns an address in a frame, so the verifier. */
static void leave(struct solving *s, uint32_t function, const struct hone_value *r0)
{
	struct hone_summary *summary = &s->kinds->functions[function];
	struct hone_value result = *r0;
	const struct hone_value number = hone_value_scalar();
	bool is_new = !summary->returns;

	if (s->code->functions[function].may_leave)
		hone_value_join(&result, &number);
	result.frames = 0;
	summary->returns = true;
	if (hone_value_join(&summary->result, &result) || is_new)
		look_at_calls_again(s, function);
}

/* Returns false where the instruction has no next one: its function is not known to return. */
static bool step(struct solving *s, struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	struct hone_handed handed;

	s->has_grown |= hone_kinds_note(s->code, s->kinds, state, at);
	if (hone_call_handed(s->code, state->reg, at, &handed)) {
		enter(s, handed.callee, handed.value);
		if (hone_insn_is_local_call(insn) && !s->kinds->functions[handed.callee].returns)
			return false;
	}
	if (hone_insn_is_exit(insn))
		leave(s, hone_function_at(s->code, at), &state->reg[BPF_REG_0]);
	hone_kinds_step(s->code, s->kinds, state, at);
	return true;
}

static void visit(struct solving *s, uint32_t index)
{
	const struct hone_block *block = &s->code->blocks[index];
	struct hone_state state = s->kinds->block_in[index];
	uint32_t last = block->first;

	for (uint32_t at = block->first; at < block->end; at = next_insn(s->code, at)) {
		if (!step(s, &state, at))
			return;
		last = at;
	}
	flow_out(s, block, last, &state);
}

static bool run(struct solving *s)
{
	const struct hone_value args[BPF_REG_5 + 1] = {
		[BPF_REG_1] = {.kind = HONE_KIND_CTX, .is_known = true},
	};

	enter(s, 0, args);
	while (s->lowest < s->code->n_blocks) {
		uint32_t block = s->lowest++;

		if (!s->is_dirty[block])
			continue;
		if (s->n_visits++ > (uint64_t)VISITS_PER_BLOCK_MAX * s->code->n_blocks)
			return false;
		s->is_dirty[block] = false;
		visit(s, block);
	}
	return true;
}

/* ---- results per instruction ---- */

/* The register that an instruction writes; -1: none. */
static int written_register(const struct bpf_insn *insn)
{
	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
	case BPF_LD: /* a packet load's field is 0, as is where it loads to */
	case BPF_LDX:
		return insn->dst_reg;
	case BPF_STX:
		if (!hone_insn_is_atomic(insn) || !(insn->imm & BPF_FETCH))
			return -1;
		return insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg;
	default:
		return hone_insn_is_call(insn) ? BPF_REG_0 : -1;
	}
}

static void record_block(struct solving *s, uint32_t index)
{
	const struct hone_block *block = &s->code->blocks[index];
	struct hone_state state = s->kinds->block_in[index];

	for (uint32_t at = block->first; at < block->end; at = next_insn(s->code, at)) {
		int written = written_register(&s->code->insns[at]);

		for (int reg = 0; reg < HONE_REGS; reg++)
			s->kinds->reg[at][reg] = state.reg[reg];
		hone_kinds_step(s->code, s->kinds, &state, at);
		if (written >= 0)
			s->kinds->result[at] = state.reg[written];
	}
}

static void record(struct solving *s)
{
	for (uint32_t i = 0; i < s->code->n_blocks; i++)
		record_block(s, i);
}

/* ---- rounds ---- */

/* States may hold what summaries made of them before they grew: all is done again with those
 * that it has now. */
static void forget_states(struct solving *s)
{
	const struct hone_value unset = {.kind = HONE_KIND_UNSET};

	memset(s->kinds->block_in, 0, s->code->n_blocks * sizeof(*s->kinds->block_in));
	memset(s->is_dirty, 0, s->code->n_blocks * sizeof(*s->is_dirty));
	for (uint32_t i = 0; i < s->code->n_functions; i++) {
		s->kinds->functions[i].returns = false;
		s->kinds->functions[i].result = unset;
	}
	s->lowest = s->code->n_blocks;
	s->n_visits = 0;
	s->has_grown = false;
}

static bool solve(struct solving *s)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		forget_states(s);
		if (!run(s))
			break;
		record(s);
		s->has_grown |= hone_kinds_demand(s->code, s->kinds, s->demand);
		if (!s->has_grown)
			return true;
	}
	s->why->reason = HONE_NO_REGISTER_KIND;
	snprintf(s->why->detail, sizeof(s->why->detail), "what the registers hold does not settle");
	return false;
}

/* Blocks that no path reaches are nobody's concern. */
static bool check(struct solving *s)
{
	for (uint32_t at = 0; at < s->code->n_insns; at++) {
		int32_t block = s->code->block_of[at];

		if (block < 0 || !s->kinds->block_in[block].is_reached)
			continue;
		if (!hone_kinds_check(s->code, s->kinds->reg[at], at, s->why))
			return false;
		hone_kinds_escape(s->code, s->kinds, at);
	}
	return true;
}

/* ---- sites ---- */

static bool is_site(const struct bpf_insn *insn)
{
	return hone_insn_is_helper_call(insn) &&
	       (insn->imm == BPF_FUNC_map_lookup_elem || insn->imm == BPF_FUNC_tail_call);
}

static void number_sites(const struct hone_code *code, struct hone_kinds *kinds)
{
	for (uint32_t i = 0; i < code->n_insns; i++) {
		bool is_one = code->block_of[i] >= 0 && is_site(&code->insns[i]);

		kinds->site_of[i] = is_one ? kinds->n_sites++ : UINT32_MAX;
	}
}

struct hone_kinds *hone_kinds(struct hone_arena *arena, const struct hone_code *code,
			      struct hone_refusal *why)
{
	struct hone_kinds *kinds = hone_arena_alloc(arena, 1, sizeof(*kinds));
	struct solving s = {.code = code, .kinds = kinds, .why = why};

	if (!hone_context_is_known(code->unit->prog_type)) {
		why->reason = HONE_NO_PROG_TYPE;
		snprintf(why->detail, sizeof(why->detail), "program type %u",
			 code->unit->prog_type);
		return NULL;
	}
	kinds->reg = hone_arena_alloc(arena, code->n_insns, sizeof(*kinds->reg));
	kinds->result = hone_arena_alloc(arena, code->n_insns, sizeof(*kinds->result));
	kinds->block_in = hone_arena_alloc(arena, code->n_blocks, sizeof(*kinds->block_in));
	kinds->functions = hone_arena_alloc(arena, code->n_functions, sizeof(*kinds->functions));
	kinds->stored =
		(struct hone_value){.kind = HONE_KIND_POINTER, .is_known = true, .other = true};
	kinds->gives_pointer = hone_arena_alloc(arena, code->n_insns, sizeof(bool));
	kinds->site_of = hone_arena_alloc(arena, code->n_insns, sizeof(*kinds->site_of));
	s.is_dirty = hone_arena_alloc(arena, code->n_blocks, sizeof(bool));
	s.demand = hone_demand_new(arena, code);
	number_sites(code, kinds);
	if (!solve(&s))
		return NULL;
	return check(&s) ? kinds : NULL;
}
