// SPDX-License-Identifier: Apache-2.0
/* words: does a store put back what it loaded, apart from some bits?
 *
 * For `value += 1 << k` and its like: a word is loaded through a pointer, changed in known bits,
 * stored through the same pointer. After kinds.c, for effects.c. Values have names: two places
 * with the same name hold equal values (up to a known distance), and a word remembers from which
 * named address it was loaded and which of its bits are still as loaded. At a merge a name
 * stands for a pair of names, so several (pointer, word) pairs from different paths stay a
 * pair. Only 64-bit copies keep a name; what is not known has a name of its own.
 *
 * It does not matter that memory may change between load and store: whoever changes it does so
 * by a store or an update that is judged by itself. */
#include "compiler/effects.h"
#include "compiler/insn.h"

enum { NO_NAME = -1 };

struct symbol {
	int32_t name; /* in a block's entry state: the first place with this value */
	uint64_t distance;
};

struct place {
	struct symbol value;
	struct symbol address; /* what the word was loaded from; NO_NAME: not a word */
	uint64_t kept;	       /* bits that are as loaded */
};

struct state {
	bool is_reached;
	struct place place[HONE_PLACES];
};

struct naming {
	const struct hone_code *code;
	const struct hone_kinds *kinds;
	bool is_used[HONE_PLACES]; /* the other slots are never accessed */
	struct state *block_in;
	bool *is_dirty;
	uint32_t lowest; /* no block below is dirty */
	int32_t next_name;
	uint64_t *kept; /* result */
};

/* ---- merging ---- */

static bool same_pair(const struct symbol *a, const struct symbol *b, const struct symbol *c,
		      const struct symbol *d)
{
	return a->name == c->name && b->name == d->name &&
	       a->distance - b->distance == c->distance - d->distance;
}

/* The first place where a and b hold this pair of values; -1: none. */
static int find_pair(const struct naming *n, const struct state *a, const struct state *b,
		     const struct symbol *in_a, const struct symbol *in_b)
{
	for (int i = 0; i < HONE_PLACES; i++)
		if (n->is_used[i] && same_pair(&a->place[i].value, &b->place[i].value, in_a, in_b))
			return i;
	return -1;
}

static struct symbol relative_to(const struct state *a, int leader, const struct symbol *symbol)
{
	return (struct symbol){leader, symbol->distance - a->place[leader].value.distance};
}

/* What holds in both. a == b gives the canonical form of one. */
static struct state merged(const struct naming *n, const struct state *a, const struct state *b)
{
	struct state out = {.is_reached = true};

	for (int i = 0; i < HONE_PLACES; i++) {
		const struct place *x = &a->place[i], *y = &b->place[i];
		struct place *to = &out.place[i];
		int leader;

		to->value = (struct symbol){i, 0};
		to->address.name = NO_NAME;
		if (!n->is_used[i])
			continue;
		leader = find_pair(n, a, b, &x->value, &y->value);
		to->value = relative_to(a, leader, &x->value);
		if (x->address.name == NO_NAME || y->address.name == NO_NAME ||
		    (x->kept & y->kept) == 0)
			continue;
		leader = find_pair(n, a, b, &x->address, &y->address);
		if (leader < 0)
			continue; /* nobody can store there any more */
		to->address = relative_to(a, leader, &x->address);
		to->kept = x->kept & y->kept;
	}
	return out;
}

static bool same_symbol(const struct symbol *a, const struct symbol *b)
{
	return a->name == b->name && a->distance == b->distance;
}

static bool same_state(const struct state *a, const struct state *b)
{
	for (int i = 0; i < HONE_PLACES; i++) {
		const struct place *x = &a->place[i], *y = &b->place[i];

		if (!same_symbol(&x->value, &y->value) || !same_symbol(&x->address, &y->address) ||
		    x->kept != y->kept)
			return false;
	}
	return a->is_reached == b->is_reached;
}

static void flow_into(struct naming *n, int32_t block, const struct state *state)
{
	struct state *in, out;

	if (block < 0)
		return;
	in = &n->block_in[block];
	out = merged(n, in->is_reached ? in : state, state);
	if (same_state(in, &out))
		return;
	*in = out;
	n->is_dirty[block] = true;
	if ((uint32_t)block < n->lowest)
		n->lowest = (uint32_t)block;
}

/* ---- instructions ---- */

static void rename_place(struct naming *n, struct place *place)
{
	*place = (struct place){.value = {n->next_name++, 0}, .address = {NO_NAME, 0}};
}

static void rename_slots(struct naming *n, struct state *state, struct hone_slots slots)
{
	for (int slot = slots.first; slot <= slots.last; slot++)
		rename_place(n, &state->place[hone_place_of_slot(slot)]);
}

/* The operations of which bits_left() says something. */
static bool keeps_bits(unsigned int op)
{
	return op == BPF_ADD || op == BPF_SUB || op == BPF_AND || op == BPF_OR || op == BPF_XOR;
}

/* Bits of a word that such an operation with a constant leaves as they are. */
static uint64_t bits_left(unsigned int op, uint64_t constant)
{
	if (op == BPF_AND)
		return constant;
	if (op == BPF_OR || op == BPF_XOR)
		return ~constant;
	/* a carry only goes up */
	return constant ? (constant & (0 - constant)) - 1 : UINT64_MAX;
}

static struct place with_constant(struct naming *n, const struct place *word, unsigned int op,
				  uint64_t constant)
{
	struct place result;

	rename_place(n, &result);
	result.kept = word->kept & bits_left(op, constant);
	if (result.kept)
		result.address = word->address;
	if (op == BPF_ADD || op == BPF_SUB) {
		result.value = word->value;
		result.value.distance += op == BPF_ADD ? constant : 0 - constant;
	}
	return result;
}

static bool is_constant(const struct hone_value *value)
{
	return value->kind == HONE_KIND_SCALAR && value->is_known;
}

/* dst op src where one of both is a constant; else a new name. */
static struct place combined(struct naming *n, const struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];
	const struct hone_value *reg = n->kinds->reg[at];
	const struct place *dst = &state->place[insn->dst_reg];
	unsigned int op = BPF_OP(insn->code);
	struct place unknown;

	if (BPF_SRC(insn->code) == BPF_K)
		return with_constant(n, dst, op, (uint64_t)(int64_t)insn->imm);
	if (is_constant(&reg[insn->src_reg]))
		return with_constant(n, dst, op, (uint64_t)reg[insn->src_reg].constant);
	if (is_constant(&reg[insn->dst_reg]) && op != BPF_SUB)
		return with_constant(n, &state->place[insn->src_reg], op,
				     (uint64_t)reg[insn->dst_reg].constant);
	rename_place(n, &unknown);
	return unknown;
}

static void step_alu(struct naming *n, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];
	struct place *dst = &state->place[insn->dst_reg];
	unsigned int op = BPF_OP(insn->code);
	struct place result;

	if (op == BPF_MOV && BPF_SRC(insn->code) == BPF_X && insn->off == 0)
		result = state->place[insn->src_reg];
	else if (keeps_bits(op))
		result = combined(n, state, at);
	else
		rename_place(n, &result);
	*dst = result;
	if (hone_insn_class(insn) == BPF_ALU64)
		return;
	/* the upper half becomes zero; the lower one of x + 2^k is that of the whole sum */
	dst->value = (struct symbol){n->next_name++, 0};
	dst->kept &= UINT32_MAX;
	if (!dst->kept)
		dst->address.name = NO_NAME;
}

static uint64_t bits_of(const struct bpf_insn *insn)
{
	return hone_insn_bytes(insn) == 8 ? UINT64_MAX : (1ull << (8 * hone_insn_bytes(insn))) - 1;
}

static struct symbol address_of(const struct state *state, int reg, int16_t off)
{
	struct symbol address = state->place[reg].value;

	address.distance += (uint64_t)(int64_t)off;
	return address;
}

static void step_load(struct naming *n, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];
	const struct hone_value *base = &n->kinds->reg[at][insn->src_reg];
	struct hone_slots slots = hone_access_slots(n->code, n->kinds, at);
	struct symbol address = address_of(state, insn->src_reg, insn->off);
	struct place *dst = &state->place[insn->dst_reg];

	if (slots.is_exact) {
		*dst = state->place[hone_place_of_slot(slots.first)];
		return;
	}
	rename_place(n, dst);
	if (base->kind == HONE_KIND_STACK)
		return;
	dst->address = address;
	dst->kept = bits_of(insn);
}

static void step_store(struct naming *n, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];
	struct hone_slots slots = hone_access_slots(n->code, n->kinds, at);

	rename_slots(n, state, slots);
	if (slots.is_exact && hone_insn_class(insn) == BPF_STX && !hone_insn_is_atomic(insn))
		state->place[hone_place_of_slot(slots.first)] = state->place[insn->src_reg];
	if (!hone_insn_is_atomic(insn) || !(insn->imm & BPF_FETCH))
		return;
	rename_place(n, &state->place[insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg]);
}

static void rename_after_call(struct naming *n, struct state *state)
{
	for (int reg = BPF_REG_0; reg <= BPF_REG_5; reg++)
		rename_place(n, &state->place[reg]);
}

static void step_call(struct naming *n, struct state *state, uint32_t at)
{
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++)
		rename_slots(n, state,
			     hone_call_slots(n->code, n->kinds, n->kinds->reg[at], at, arg, true));
	rename_after_call(n, state);
}

static void step(struct naming *n, struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];

	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(n, state, at);
		break;
	case BPF_LD:
		if (hone_insn_is_packet_load(insn))
			rename_after_call(n, state);
		else
			rename_place(n, &state->place[insn->dst_reg]);
		break;
	case BPF_LDX:
		step_load(n, state, at);
		break;
	case BPF_ST:
	case BPF_STX:
		step_store(n, state, at);
		break;
	default:
		if (hone_insn_is_call(insn))
			step_call(n, state, at);
		break;
	}
}

/* ---- all ---- */

/* What a store puts back; stored only in the last round, when states are final. */
static void record(struct naming *n, const struct state *state, uint32_t at)
{
	const struct bpf_insn *insn = &n->code->insns[at];
	struct symbol address = address_of(state, insn->dst_reg, insn->off);
	const struct place *word = &state->place[insn->src_reg];

	if (hone_insn_class(insn) != BPF_STX || hone_insn_is_atomic(insn) ||
	    n->kinds->reg[at][insn->dst_reg].kind == HONE_KIND_STACK)
		return;
	if (word->address.name != NO_NAME && same_symbol(&word->address, &address))
		n->kept[at] = word->kept;
}

static void visit(struct naming *n, uint32_t index, bool is_final)
{
	const struct hone_block *block = &n->code->blocks[index];
	struct state state = n->block_in[index];

	n->next_name = HONE_PLACES;
	for (uint32_t at = block->first; at < block->end; at++) {
		if (n->code->block_of[at] < 0)
			continue; /* second half of a 64-bit constant */
		if (is_final)
			record(n, &state, at);
		step(n, &state, at);
	}
	if (is_final)
		return;
	flow_into(n, block->jump, &state);
	flow_into(n, block->next, &state);
}

static void find_used(struct naming *n)
{
	for (int reg = 0; reg < HONE_REGS; reg++)
		n->is_used[reg] = true;
	for (uint32_t at = 0; at < n->code->n_insns; at++) {
		struct hone_slots slots;

		if (n->code->block_of[at] < 0)
			continue;
		slots = hone_access_slots(n->code, n->kinds, at);
		if (slots.is_exact) /* others keep no name */
			n->is_used[hone_place_of_slot(slots.first)] = true;
	}
}

uint64_t *hone_words(struct hone_arena *arena, const struct hone_code *code,
		     const struct hone_kinds *kinds)
{
	struct naming n = {
		.code = code,
		.kinds = kinds,
		.block_in = hone_arena_alloc(arena, code->n_blocks, sizeof(struct state)),
		.is_dirty = hone_arena_alloc(arena, code->n_blocks, sizeof(bool)),
		.lowest = code->n_blocks,
		.kept = hone_arena_alloc(arena, code->n_insns, sizeof(uint64_t)),
	};
	struct state entry = {.is_reached = true};

	find_used(&n);
	n.next_name = HONE_PLACES;
	for (int i = 0; i < HONE_PLACES; i++)
		rename_place(&n, &entry.place[i]);
	for (uint32_t i = 0; i < code->n_functions; i++)
		flow_into(&n, (int32_t)code->functions[i].first_block, &entry);
	while (n.lowest < code->n_blocks) {
		uint32_t block = n.lowest++;

		if (!n.is_dirty[block])
			continue;
		n.is_dirty[block] = false;
		visit(&n, block, false);
	}
	for (uint32_t i = 0; i < code->n_blocks; i++)
		visit(&n, i, true);
	return n.kept;
}
