// SPDX-License-Identifier: Apache-2.0
/* kinds: what each register and stack slot holds before each instruction. A forward fixpoint over
 * blocks, after decode.c and before everything else.
 *
 * Optimistic: what is unset on one path takes what the other paths bring, since the verifier
 * lets no program read what was never written. States only ever grow, and each part of one can
 * grow a bounded number of times, so it ends. It proves nothing about values beyond constants. */
#include "compiler/kinds.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "compiler/insn.h"
#include "compiler/value.h"

struct solving {
	const struct hone_code *code;
	struct hone_kinds *kinds;
	struct hone_refusal *why;
	bool *is_dirty;	 /* per block: its entry state grew since it was last looked at */
	uint32_t lowest; /* no block below is dirty */
};

static bool refuse(struct solving *s, uint32_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct solving *s, uint32_t at, const char *format, ...)
{
	va_list args;
	int n;

	s->why->reason = HONE_NO_REGISTER_KIND;
	n = snprintf(s->why->detail, sizeof(s->why->detail), "instruction %u: ", at);
	assert(n > 0 && (size_t)n < sizeof(s->why->detail));
	va_start(args, format);
	vsnprintf(s->why->detail + n, sizeof(s->why->detail) - (size_t)n, format, args);
	va_end(args);
	return false;
}

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

static void flow_into(struct solving *s, int32_t block, const struct hone_state *state)
{
	if (block < 0 || !join_state(&s->kinds->block_in[block], state))
		return;
	s->is_dirty[block] = true;
	if ((uint32_t)block < s->lowest)
		s->lowest = (uint32_t)block;
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

static void flow_out(struct solving *s, const struct hone_block *block, uint32_t last,
		     const struct hone_state *state)
{
	const struct bpf_insn *insn = &s->code->insns[last];
	unsigned int op = BPF_OP(insn->code);
	struct hone_state equal;

	if (hone_insn_class(insn) != BPF_JMP || BPF_SRC(insn->code) != BPF_K ||
	    (op != BPF_JEQ && op != BPF_JNE)) {
		flow_into(s, block->jump, state);
		flow_into(s, block->next, state);
		return;
	}
	equal = *state;
	equal.reg[insn->dst_reg] = known_equal(&state->reg[insn->dst_reg], insn->imm);
	flow_into(s, block->jump, op == BPF_JEQ ? &equal : state);
	flow_into(s, block->next, op == BPF_JEQ ? state : &equal);
}

/* ---- the fixpoint ---- */

static uint32_t next_insn(const struct hone_code *code, uint32_t at)
{
	return at + (hone_insn_is_wide(&code->insns[at]) ? 2 : 1);
}

static void visit(struct solving *s, uint32_t index)
{
	const struct hone_block *block = &s->code->blocks[index];
	struct hone_state state = s->kinds->block_in[index];
	uint32_t last = block->first;

	for (uint32_t at = block->first; at < block->end; at = next_insn(s->code, at)) {
		hone_kinds_step(s->code, s->kinds, &state, at);
		last = at;
	}
	flow_out(s, block, last, &state);
}

static void solve(struct solving *s)
{
	struct hone_state entry = {.is_reached = true};

	entry.reg[BPF_REG_1] = (struct hone_value){.kind = HONE_KIND_CTX, .is_known = true};
	entry.reg[BPF_REG_10] = (struct hone_value){.kind = HONE_KIND_STACK, .is_known = true};
	flow_into(s, 0, &entry);
	while (s->lowest < s->code->n_blocks) {
		uint32_t block = s->lowest++;

		if (!s->is_dirty[block])
			continue;
		s->is_dirty[block] = false;
		visit(s, block);
	}
}

/* ---- uses: refused where the kind is not known ---- */

static bool check_operand(struct solving *s, const struct hone_state *state, uint32_t at, int reg)
{
	if (state->reg[reg].kind == HONE_KIND_UNSET)
		return refuse(s, at, "r%d was never set", reg);
	if (state->reg[reg].kind == HONE_KIND_CONFLICT)
		return refuse(s, at, "r%d holds different kinds on different paths", reg);
	return true;
}

static bool check_address(struct solving *s, const struct hone_state *state, uint32_t at, int reg)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	const struct hone_value *base = &state->reg[reg];
	int64_t offset = (int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)insn->off);

	if (!check_operand(s, state, at, reg))
		return false;
	if (base->kind == HONE_KIND_SCALAR || base->kind == HONE_KIND_MAP)
		return refuse(s, at, "r%d is used as an address", reg);
	if (base->kind == HONE_KIND_CTX && !base->is_known)
		return refuse(s, at, "r%d points to an unknown field of the context", reg);
	if (base->kind == HONE_KIND_STACK && base->is_known &&
	    (offset < -HONE_STACK_BYTES || offset > -(int64_t)hone_insn_bytes(insn)))
		return refuse(s, at, "r%d points out of the frame", reg);
	return true;
}

/* Does the helper write memory through this argument, which is known to be an address? */
static bool is_filled(const struct hone_helper *helper, int arg)
{
	if (!hone_helper_writes(helper, arg))
		return false;
	for (size_t i = 0; i < sizeof(helper->mem) / sizeof(helper->mem[0]); i++)
		if (helper->mem[i].mem_arg == arg)
			return true;
	return helper->value_arg == arg;
}

static bool check_call(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct hone_helper *helper = hone_helper(s->code->insns[at].imm);
	const struct hone_value *map = &state->reg[helper->map_arg];

	/* unset arguments: those that trace_printk's format does not ask for */
	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++) {
		if (state->reg[arg].kind == HONE_KIND_CONFLICT)
			return check_operand(s, state, at, arg);
		if (is_filled(helper, arg) && state->reg[arg].kind == HONE_KIND_SCALAR &&
		    !hone_value_is_null(&state->reg[arg]))
			return refuse(s, at, "r%d is used as an address", arg);
	}
	if (helper->map_arg && map->kind != HONE_KIND_MAP && !hone_value_is_pointer(map))
		return refuse(s, at, "r%d is not a map", helper->map_arg);
	return true;
}

static bool check_alu(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	unsigned int op = BPF_OP(insn->code);

	if (op != BPF_MOV && !check_operand(s, state, at, insn->dst_reg))
		return false;
	return op == BPF_END || BPF_SRC(insn->code) != BPF_X ||
	       check_operand(s, state, at, insn->src_reg);
}

static bool check_jump(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];

	if (hone_insn_is_exit(insn))
		return check_operand(s, state, at, BPF_REG_0);
	if (hone_insn_is_call(insn))
		return check_call(s, state, at);
	if (hone_insn_is_goto(insn))
		return true;
	return check_operand(s, state, at, insn->dst_reg) &&
	       (BPF_SRC(insn->code) != BPF_X || check_operand(s, state, at, insn->src_reg));
}

/* The context is in r6; an LD_IND has a number beside it. */
static bool check_packet_load(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];

	if (!hone_insn_is_packet_load(insn))
		return true;
	if (state->reg[BPF_REG_6].kind != HONE_KIND_CTX || !state->reg[BPF_REG_6].is_known)
		return refuse(s, at, "r6 is not the context");
	return BPF_MODE(insn->code) == BPF_ABS || check_operand(s, state, at, insn->src_reg);
}

static bool check_uses(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];

	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		return check_alu(s, state, at);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(s, state, at);
	case BPF_LD:
		return check_packet_load(s, state, at);
	case BPF_LDX:
		return check_address(s, state, at, insn->src_reg);
	case BPF_STX:
		if (!check_operand(s, state, at, insn->src_reg))
			return false;
		if (hone_insn_is_atomic(insn) && insn->imm == BPF_CMPXCHG &&
		    !check_operand(s, state, at, BPF_REG_0))
			return false;
		return check_address(s, state, at, insn->dst_reg);
	case BPF_ST:
		return check_address(s, state, at, insn->dst_reg);
	default:
		return true;
	}
}

/* ---- results per instruction ---- */

static void mark_escape(struct solving *s, int64_t offset)
{
	int64_t first =
		offset >= -HONE_STACK_BYTES && offset < 0 ? (offset + HONE_STACK_BYTES) / 8 : 0;

	for (int64_t slot = first; slot < HONE_STACK_SLOTS; slot++)
		s->kinds->stack_escapes[slot] = true;
}

static void note_call_escapes(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct hone_helper *helper = hone_helper(s->code->insns[at].imm);

	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++) {
		struct hone_memory memory = hone_call_memory(s->code, state->reg, helper, arg);
		const struct hone_value *address = &state->reg[arg];

		if (address->kind != HONE_KIND_STACK)
			continue;
		if (!address->is_known)
			mark_escape(s, -HONE_STACK_BYTES);
		else if (memory.bytes == 0)
			mark_escape(s, address->constant);
	}
}

/* A 64-bit copy, or a number added or taken away: what comes out is an address again. */
static bool keeps_address(const struct bpf_insn *insn, bool is_dst_number, bool is_src_number)
{
	if (hone_insn_class(insn) != BPF_ALU64)
		return false;
	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		return insn->off == 0;
	case BPF_ADD:
		return is_dst_number || is_src_number;
	case BPF_SUB:
		return is_src_number;
	default:
		return false;
	}
}

/* Is an address in the frame compared or computed with? What comes of that depends on where the
 * other slots are. */
static bool is_frame_number(const struct hone_state *state, const struct bpf_insn *insn)
{
	const struct hone_value *dst = &state->reg[insn->dst_reg];
	const struct hone_value *src = &state->reg[insn->src_reg];
	bool has_register = BPF_SRC(insn->code) == BPF_X && BPF_OP(insn->code) != BPF_END;
	bool is_jump = hone_insn_is_jump(insn) && !hone_insn_is_goto(insn);
	bool is_move = hone_insn_is_alu(insn) && BPF_OP(insn->code) == BPF_MOV;
	bool from_dst = !is_move && dst->kind == HONE_KIND_STACK;

	if (!from_dst && !(has_register && src->kind == HONE_KIND_STACK))
		return false;
	return is_jump || (hone_insn_is_alu(insn) &&
			   !keeps_address(insn, dst->kind == HONE_KIND_SCALAR,
					  !has_register || src->kind == HONE_KIND_SCALAR));
}

static void note_escapes(struct solving *s, const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &s->code->insns[at];
	uint8_t class = hone_insn_class(insn);
	const struct hone_value *base =
		&state->reg[class == BPF_LDX ? insn->src_reg : insn->dst_reg];

	if (hone_insn_is_call(insn))
		note_call_escapes(s, state, at);
	else if (is_frame_number(state, insn))
		mark_escape(s, -HONE_STACK_BYTES);
	else if ((class == BPF_LDX || class == BPF_ST || class == BPF_STX) &&
		 base->kind == HONE_KIND_STACK && !base->is_known)
		mark_escape(s, -HONE_STACK_BYTES);
}

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

static bool record_block(struct solving *s, uint32_t index)
{
	const struct hone_block *block = &s->code->blocks[index];
	struct hone_state state = s->kinds->block_in[index];

	for (uint32_t at = block->first; at < block->end; at = next_insn(s->code, at)) {
		int written = written_register(&s->code->insns[at]);

		if (!check_uses(s, &state, at))
			return false;
		note_escapes(s, &state, at);
		for (int reg = 0; reg < HONE_REGS; reg++)
			s->kinds->reg[at][reg] = state.reg[reg];
		hone_kinds_step(s->code, s->kinds, &state, at);
		if (written >= 0)
			s->kinds->result[at] = state.reg[written];
	}
	return true;
}

/* ---- sites ---- */

static bool is_site(const struct bpf_insn *insn)
{
	return hone_insn_is_call(insn) &&
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
	kinds->stack_escapes = hone_arena_alloc(arena, HONE_STACK_SLOTS, sizeof(bool));
	kinds->site_of = hone_arena_alloc(arena, code->n_insns, sizeof(*kinds->site_of));
	s.is_dirty = hone_arena_alloc(arena, code->n_blocks, sizeof(bool));
	s.lowest = code->n_blocks;
	number_sites(code, kinds);
	solve(&s);
	for (uint32_t i = 0; i < code->n_blocks; i++)
		if (!record_block(&s, i))
			return NULL;
	return kinds;
}
