// SPDX-License-Identifier: Apache-2.0
/* tested: is a looked-up word only tested by fixed bits?
 *
 * Follows, from one lookup on, every path that the program can take if the lookup hits and each
 * tested bit of the word is zero. On those paths the pointer may only be compared with NULL and
 * the word only be loaded and tested: then nobody can tell the entry from one full of zeros.
 * A masked or compared word is the constant zero here, so tests on it decide their branch. The
 * paths where a tested bit is set are not looked at: there the real lookup happens.
 *
 * A forward fixpoint over registers and stack slots, per site. It does not say who writes the
 * word (effects.c, words.c). */
#include <string.h>

#include "compiler/effects.h"
#include "compiler/insn.h"
#include "compiler/value.h"

enum tag {
	CLEAN,	  /* independent of the word, not known */
	CONSTANT, /* independent of the word, or zero because of the hypothesis: `is` */
	POINTER,  /* the lookup's result + `is` */
	WORD,	  /* the bits `is` of the word, at their place */
	TAINTED,  /* one of the two above on some path: may only be overwritten */
};

struct tagged {
	enum tag tag;
	uint64_t is;
};

struct state {
	bool is_reached;
	struct tagged place[HONE_PLACES];
};

struct hone_tested {
	struct hone_arena *arena;
	const struct hone_code *code;
	const struct hone_kinds *kinds;
	struct state *block_in;
	bool *is_dirty;
	bool *is_load; /* per instruction: loads the word of this site */
	uint32_t lowest;

	/* of the site being followed */
	uint32_t site;
	bool ok;
	bool has_offset;
	uint64_t offset, bits;
	uint32_t n_loads;
};

/* ---- tags ---- */

static const struct tagged clean = {.tag = CLEAN};

static struct tagged a_constant(uint64_t value)
{
	return (struct tagged){.tag = CONSTANT, .is = value};
}

static bool is_secret(const struct tagged *value)
{
	return value->tag == POINTER || value->tag == WORD || value->tag == TAINTED;
}

/* The program does something that tells the word from zeros, or that we do not follow. */
static void give_up(struct hone_tested *t)
{
	t->ok = false;
}

static bool join_tag(struct tagged *into, const struct tagged *from)
{
	struct tagged old = *into;

	if (into->tag == from->tag && into->is == from->is)
		return false;
	*into = is_secret(into) || is_secret(from) ? (struct tagged){.tag = TAINTED} : clean;
	return old.tag != into->tag || old.is != into->is;
}

static void flow_into(struct hone_tested *t, int32_t block, const struct state *state)
{
	struct state *in;
	bool is_changed;

	if (block < 0)
		return;
	in = &t->block_in[block];
	is_changed = !in->is_reached;
	if (is_changed)
		*in = *state;
	for (int i = 0; i < HONE_PLACES; i++)
		is_changed |= join_tag(&in->place[i], &state->place[i]);
	in->is_reached = true;
	if (!is_changed)
		return;
	t->is_dirty[block] = true;
	if ((uint32_t)block < t->lowest)
		t->lowest = (uint32_t)block;
}

/* What a register or immediate is, with what kinds.c knows on every path. */
static struct tagged operand(const struct hone_tested *t, const struct state *state, uint32_t at,
			     int reg)
{
	const struct hone_value *kind = &t->kinds->reg[at][reg];

	if (state->place[reg].tag == CLEAN && kind->kind == HONE_KIND_SCALAR && kind->is_known)
		return a_constant((uint64_t)kind->constant);
	return state->place[reg];
}

static struct tagged source(const struct hone_tested *t, const struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];

	if (BPF_SRC(insn->code) == BPF_X)
		return operand(t, state, at, insn->src_reg);
	return a_constant((uint64_t)(int64_t)insn->imm);
}

/* ---- arithmetic ---- */

static struct tagged move(struct hone_tested *t, const struct bpf_insn *insn, struct tagged src)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	int64_t value;

	if (src.tag == CONSTANT)
		return hone_value_fold(insn, 0, (int64_t)src.is, &value)
			       ? a_constant((uint64_t)value)
			       : clean;
	if (!is_secret(&src) || (is_64 && insn->off == 0))
		return src;
	if (src.tag == WORD && insn->off == 0) {
		src.is &= UINT32_MAX;
		return src;
	}
	give_up(t);
	return clean;
}

/* word & mask: zero, by hypothesis. */
static struct tagged masked(struct hone_tested *t, const struct bpf_insn *insn, uint64_t bits,
			    uint64_t mask)
{
	if (hone_insn_class(insn) == BPF_ALU)
		mask &= UINT32_MAX;
	t->bits |= bits & mask;
	return a_constant(0);
}

/* An operation on the pointer or the word itself. */
static struct tagged combine_secret(struct hone_tested *t, const struct bpf_insn *insn,
				    struct tagged dst, struct tagged src)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	unsigned int op = BPF_OP(insn->code);

	if (op == BPF_AND && dst.tag == WORD && src.tag == CONSTANT)
		return masked(t, insn, dst.is, src.is);
	if (op == BPF_AND && dst.tag == CONSTANT && src.tag == WORD)
		return masked(t, insn, src.is, dst.is);
	if (is_64 && dst.tag == POINTER && src.tag == CONSTANT &&
	    (op == BPF_ADD || op == BPF_SUB)) {
		dst.is += op == BPF_ADD ? src.is : 0 - src.is;
		return dst;
	}
	give_up(t);
	return clean;
}

static struct tagged combine(struct hone_tested *t, const struct bpf_insn *insn, struct tagged dst,
			     struct tagged src)
{
	int64_t value;

	if (BPF_OP(insn->code) == BPF_MOV)
		return move(t, insn, src);
	if (is_secret(&dst) || is_secret(&src))
		return combine_secret(t, insn, dst, src);
	if (dst.tag == CONSTANT && src.tag == CONSTANT &&
	    hone_value_fold(insn, (int64_t)dst.is, (int64_t)src.is, &value))
		return a_constant((uint64_t)value);
	return clean;
}

static void step_alu(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];
	struct tagged dst = operand(t, state, at, insn->dst_reg);
	/* a byte swap's source bit names the byte order */
	struct tagged src = BPF_OP(insn->code) == BPF_END ? clean : source(t, state, at);

	state->place[insn->dst_reg] = combine(t, insn, dst, src);
}

/* ---- memory ---- */

static bool any_secret(const struct state *state, struct hone_slots slots)
{
	for (int slot = slots.first; slot <= slots.last; slot++)
		if (is_secret(&state->place[hone_place_of_slot(slot)]))
			return true;
	return false;
}

static struct tagged load_word(struct hone_tested *t, uint32_t at, uint64_t offset)
{
	const struct bpf_insn *insn = &t->code->insns[at];
	const struct hone_value *base = &t->kinds->reg[at][insn->src_reg];
	bool is_ours = hone_value_is_of_site(base, t->site);

	if (BPF_MODE(insn->code) != BPF_MEM || hone_insn_bytes(insn) != 8 || !is_ours ||
	    (t->has_offset && offset != t->offset)) {
		give_up(t);
		return clean;
	}
	t->has_offset = true;
	t->offset = offset;
	t->n_loads += !t->is_load[at];
	t->is_load[at] = true;
	return (struct tagged){.tag = WORD, .is = UINT64_MAX};
}

static void step_load(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];
	struct tagged base = state->place[insn->src_reg];
	struct hone_slots slots = hone_access_slots(t->code, t->kinds, at);
	struct tagged *dst = &state->place[insn->dst_reg];

	if (base.tag == POINTER) {
		*dst = load_word(t, at, base.is + (uint64_t)(int64_t)insn->off);
		return;
	}
	if (slots.is_exact) {
		*dst = state->place[hone_place_of_slot(slots.first)];
		return;
	}
	if (is_secret(&base) || any_secret(state, slots))
		give_up(t);
	*dst = clean;
}

static void step_store(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];
	struct hone_slots slots = hone_access_slots(t->code, t->kinds, at);
	bool is_register = hone_insn_class(insn) == BPF_STX;
	bool is_spill = slots.is_exact && is_register && !hone_insn_is_atomic(insn);

	if (is_secret(&state->place[insn->dst_reg]))
		give_up(t);
	if (is_spill) {
		state->place[hone_place_of_slot(slots.first)] =
			operand(t, state, at, insn->src_reg);
		return;
	}
	if ((is_register && is_secret(&state->place[insn->src_reg])) || any_secret(state, slots))
		give_up(t);
	for (int slot = slots.first; slot <= slots.last; slot++)
		state->place[hone_place_of_slot(slot)] = clean;
	if (!hone_insn_is_atomic(insn) || !(insn->imm & BPF_FETCH))
		return;
	if (insn->imm == BPF_CMPXCHG && is_secret(&state->place[BPF_REG_0]))
		give_up(t);
	state->place[insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg] = clean;
}

static void clean_after_call(struct state *state)
{
	memset(state->place, 0, (BPF_REG_5 + 1) * sizeof(*state->place)); /* CLEAN */
}

static bool reads_argument(const struct hone_tested *t, uint32_t at, int arg)
{
	if (hone_insn_is_local_call(&t->code->insns[at]))
		return t->code->functions[hone_function_named(t->code, at)].args >> arg & 1;
	return arg <= hone_callee(t->code, at)->n_args;
}

static void step_call(struct hone_tested *t, struct state *state, uint32_t at)
{
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		struct hone_slots slots =
			hone_call_slots(t->code, t->kinds, t->kinds->reg[at], at, arg, false);

		if ((reads_argument(t, at, arg) && is_secret(&state->place[arg])) ||
		    any_secret(state, slots))
			give_up(t);
		for (int slot = slots.first; slot <= slots.last; slot++)
			state->place[hone_place_of_slot(slot)] = clean;
	}
	clean_after_call(state);
}

/* A packet load by LD_ABS or LD_IND, or a constant. */
static void step_ld(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];

	if (!hone_insn_is_packet_load(insn)) {
		state->place[insn->dst_reg] =
			insn->src_reg == 0 ? a_constant(hone_insn_imm64(insn)) : clean;
		return;
	}
	if (BPF_MODE(insn->code) == BPF_IND && is_secret(&state->place[insn->src_reg]))
		give_up(t);
	clean_after_call(state);
}

static void step(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &t->code->insns[at];

	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(t, state, at);
		break;
	case BPF_LD:
		step_ld(t, state, at);
		break;
	case BPF_LDX:
		step_load(t, state, at);
		break;
	case BPF_ST:
	case BPF_STX:
		step_store(t, state, at);
		break;
	default:
		if (hone_insn_is_call(insn))
			step_call(t, state, at);
		break;
	}
}

/* ---- branches ---- */

/* A compared word is a test of the bits that take part in the comparison; they are zero. */
static void test_word(struct hone_tested *t, const struct bpf_insn *insn, struct tagged *word,
		      const struct tagged *other)
{
	uint64_t bits = word->is;

	if (word->tag != WORD)
		return;
	if (hone_insn_class(insn) == BPF_JMP32)
		bits &= UINT32_MAX;
	if (BPF_OP(insn->code) == BPF_JSET && other->tag == CONSTANT)
		bits &= other->is;
	t->bits |= bits;
	*word = a_constant(0);
}

/* Which way a conditional jump goes: is it taken, is it not, or (both) can that not be told. */
static void decide(struct hone_tested *t, const struct state *state, uint32_t at, bool *taken,
		   bool *not_taken)
{
	const struct bpf_insn *insn = &t->code->insns[at];
	bool is_64 = hone_insn_class(insn) == BPF_JMP;
	unsigned int op = BPF_OP(insn->code);
	struct tagged a = operand(t, state, at, insn->dst_reg), b = source(t, state, at);

	*taken = *not_taken = true;
	test_word(t, insn, &a, &b);
	test_word(t, insn, &b, &a);
	if (a.tag == CONSTANT && b.tag == CONSTANT) {
		*taken = hone_value_compare(insn, a.is, b.is);
		*not_taken = !*taken;
	} else if (a.tag == POINTER && a.is == 0 && b.tag == CONSTANT && b.is == 0 && is_64 &&
		   (op == BPF_JEQ || op == BPF_JNE)) {
		*taken = op == BPF_JNE; /* the lookup hit */
		*not_taken = !*taken;
	} else if (is_secret(&a) || is_secret(&b)) {
		give_up(t);
	}
}

static void flow_out(struct hone_tested *t, const struct hone_block *block, uint32_t last,
		     const struct state *state)
{
	const struct bpf_insn *insn = &t->code->insns[last];
	bool jumps = true, goes_on = true;

	if (hone_insn_is_exit(insn) && is_secret(&state->place[BPF_REG_0]))
		give_up(t);
	if (hone_insn_is_jump(insn) && !hone_insn_is_goto(insn))
		decide(t, state, last, &jumps, &goes_on);
	if (jumps)
		flow_into(t, block->jump, state);
	if (goes_on)
		flow_into(t, block->next, state);
}

/* ---- one site ---- */

/* From instruction `at`, in its block, to the block's end. */
static void follow(struct hone_tested *t, struct state *state, uint32_t at)
{
	const struct hone_block *block = &t->code->blocks[t->code->block_of[at]];
	uint32_t last = at;

	for (; at < block->end; at++) {
		if (t->code->block_of[at] < 0)
			continue; /* second half of a 64-bit constant */
		step(t, state, at);
		last = at;
	}
	flow_out(t, block, last, state);
}

/* The call ends its block where a jump leads to the next instruction. */
static void follow_from_call(struct hone_tested *t, uint32_t call)
{
	const struct hone_block *block = &t->code->blocks[t->code->block_of[call]];
	struct state state = {.is_reached = true};

	state.place[BPF_REG_0].tag = POINTER;
	if (call + 1 < block->end)
		follow(t, &state, call + 1);
	else
		flow_into(t, block->next, &state);
	while (t->ok && t->lowest < t->code->n_blocks) {
		uint32_t index = t->lowest++;

		if (!t->is_dirty[index])
			continue;
		t->is_dirty[index] = false;
		state = t->block_in[index];
		follow(t, &state, t->code->blocks[index].first);
	}
}

/* An aligned word in every map that the site can ask. */
static bool is_word_of_values(const struct hone_tested *t, uint64_t maps)
{
	const struct hone_unit *unit = t->code->unit;

	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++)
		if ((maps >> i & 1) &&
		    (unit->maps[i].value_size < 8 || t->offset > unit->maps[i].value_size - 8))
			return false;
	return t->offset % 8 == 0;
}

static void take_loads(struct hone_tested *t, struct hone_site *site)
{
	site->loads = hone_arena_alloc(t->arena, t->n_loads, sizeof(*site->loads));
	for (uint32_t at = 0; at < t->code->n_insns; at++)
		if (t->is_load[at])
			site->loads[site->n_loads++] = at;
}

static void reset(struct hone_tested *t)
{
	memset(t->block_in, 0, t->code->n_blocks * sizeof(*t->block_in));
	memset(t->is_dirty, 0, t->code->n_blocks * sizeof(*t->is_dirty));
	memset(t->is_load, 0, t->code->n_insns * sizeof(*t->is_load));
	t->lowest = t->code->n_blocks;
	t->ok = true;
	t->has_offset = false;
	t->offset = t->bits = 0;
	t->n_loads = 0;
}

struct hone_tested *hone_tested_new(struct hone_arena *arena, const struct hone_code *code,
				    const struct hone_kinds *kinds)
{
	struct hone_tested *t = hone_arena_alloc(arena, 1, sizeof(*t));

	t->arena = arena;
	t->code = code;
	t->kinds = kinds;
	t->block_in = hone_arena_alloc(arena, code->n_blocks, sizeof(*t->block_in));
	t->is_dirty = hone_arena_alloc(arena, code->n_blocks, sizeof(*t->is_dirty));
	t->is_load = hone_arena_alloc(arena, code->n_insns, sizeof(*t->is_load));
	return t;
}

void hone_tested_fill(struct hone_tested *t, struct hone_site *site)
{
	if (site->kind != HONE_SITE_LOOKUP || site->in_loop || site->maps == 0 ||
	    site->id >= HONE_SITES_MAX)
		return;
	reset(t);
	t->site = site->id;
	follow_from_call(t, site->insn);
	if (!t->ok || t->n_loads == 0 || !is_word_of_values(t, site->maps))
		return;
	site->tested_ok = true;
	site->tested_offset = (uint32_t)t->offset;
	site->tested_bits = t->bits;
	take_loads(t, site);
}
