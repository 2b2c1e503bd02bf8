// SPDX-License-Identifier: Apache-2.0
/* effects: what a unit asks of its maps (sites), and what it does to them, bit by bit.
 *
 * After kinds.c. Every store, atomic and helper argument through a pointer that may be a map
 * value counts for every map it may belong to; a value pointer that leaves registers and stack
 * makes its maps unknown. Only what words.c proves is taken off. Inner maps may be any map.
 * It looks at one program: classes are decided over all (facts.c). */
#include "compiler/effects.h"

#include <string.h>

#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

struct looking {
	const struct hone_code *code;
	const struct hone_kinds *kinds;
	const uint64_t *kept;  /* words.c */
	uint64_t address_used; /* address.c */
	struct hone_effects *effects;
};

/* ---- marking ---- */

static void mark_byte(struct hone_effects *effects, uint64_t offset, uint8_t bits)
{
	if (offset < HONE_VALUE_TRACKED)
		effects->changed[offset] |= bits;
	else if (bits)
		effects->changes_rest = true;
}

static void mark_value(struct hone_effects *effects, const struct hone_map *map)
{
	uint32_t n = map->value_size < HONE_VALUE_TRACKED ? map->value_size : HONE_VALUE_TRACKED;

	memset(effects->changed, 0xff, n);
	effects->changes_rest |= map->value_size > HONE_VALUE_TRACKED;
}

/* `bytes` from pointer + off on, of which only `bits` (of the first eight bytes) change. */
static void mark_range(struct looking *l, const struct hone_value *pointer, int16_t off,
		       uint64_t bytes, uint64_t bits)
{
	const struct hone_unit *unit = l->code->unit;
	uint64_t start = (uint64_t)pointer->constant + (uint64_t)(int64_t)off;

	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++) {
		const struct hone_map *map = &unit->maps[i];

		if (!(pointer->maps >> i & 1))
			continue;
		if (!pointer->is_known || bytes == 0 || start >= map->value_size ||
		    bytes > map->value_size - start) {
			mark_value(&l->effects[i], map);
			continue;
		}
		for (uint64_t byte = 0; byte < bytes; byte++)
			mark_byte(&l->effects[i], start + byte,
				  (uint8_t)(byte < 8 ? bits >> (8 * byte) : 0xff));
	}
}

static void mark_unknown(struct looking *l, uint64_t maps)
{
	for (uint32_t i = 0; i < l->code->unit->n_maps && i < HONE_MAPS_MAX; i++)
		if (maps >> i & 1)
			l->effects[i].is_unknown = true;
}

/* A helper adds, removes or replaces entries. Arrays have all keys from the start. */
static void mark_keys(struct looking *l, uint64_t maps)
{
	for (uint32_t i = 0; i < l->code->unit->n_maps && i < HONE_MAPS_MAX; i++) {
		const struct hone_map *map = &l->code->unit->maps[i];

		if (!(maps >> i & 1))
			continue;
		mark_value(&l->effects[i], map);
		l->effects[i].writes_keys |= !hone_map_is_array(map->type);
	}
}

/* ---- instructions ---- */

/* The value pointer, if it is one, gets out of sight. */
static void note_escape(struct looking *l, const struct hone_value *stored,
			const struct hone_value *base)
{
	bool is_frame = hone_value_is_pointer(base) && base->frames && !base->other &&
			!base->maps && !base->sites; /* kinds.c: `stored` knows of it */
	bool stays = (base->kind == HONE_KIND_STACK && base->is_known) || is_frame;

	if (hone_value_is_pointer(stored) && !stays)
		mark_unknown(l, stored->maps);
}

/* Bits that an atomic operation may change. */
static uint64_t atomic_bits(const struct bpf_insn *insn, const struct hone_value *operand)
{
	uint64_t constant = (uint64_t)operand->constant;

	if (operand->kind != HONE_KIND_SCALAR || !operand->is_known)
		return UINT64_MAX;
	switch (insn->imm & ~BPF_FETCH) {
	case BPF_ADD:
		return constant ? ~((constant & (0 - constant)) - 1) : 0;
	case BPF_OR:
	case BPF_XOR:
		return constant;
	case BPF_AND:
		return ~constant;
	default:
		return UINT64_MAX;
	}
}

static void note_store(struct looking *l, uint32_t at)
{
	const struct bpf_insn *insn = &l->code->insns[at];
	const struct hone_value *base = &l->kinds->reg[at][insn->dst_reg];
	const struct hone_value *stored = &l->kinds->reg[at][insn->src_reg];
	uint64_t bits = UINT64_MAX;

	if (hone_insn_class(insn) == BPF_STX) {
		note_escape(l, stored, base);
		bits = hone_insn_is_atomic(insn) ? atomic_bits(insn, stored) : ~l->kept[at];
	}
	if (hone_value_is_pointer(base))
		mark_range(l, base, insn->off, hone_insn_bytes(insn), bits);
}

static void note_call(struct looking *l, uint32_t at)
{
	const struct hone_helper *helper = hone_callee(l->code, at);
	const struct hone_value *reg = l->kinds->reg[at];
	const struct hone_value *map = &reg[helper->map_arg];

	if (hone_helper_writes_map(helper))
		mark_keys(l, map->kind == HONE_KIND_MAP ? map->maps : hone_all_maps(l->code->unit));
	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++) {
		struct hone_memory memory = hone_call_memory(l->code, reg, helper, arg);

		if (!memory.is_none && memory.is_written && hone_value_is_pointer(&reg[arg]))
			mark_range(l, &reg[arg], 0, memory.bytes, UINT64_MAX);
	}
}

static void note(struct looking *l, uint32_t at)
{
	const struct bpf_insn *insn = &l->code->insns[at];

	if (hone_insn_class(insn) == BPF_ST || hone_insn_class(insn) == BPF_STX)
		note_store(l, at);
	else if (hone_insn_is_kernel_call(insn))
		note_call(l, at);
}

/* ---- sites ---- */

/* The constant index of an array lookup, from the stack word that the key is. */
static bool find_lookup_key(const struct looking *l, const struct hone_site *site, uint32_t *key)
{
	const struct hone_block *block = &l->code->blocks[l->code->block_of[site->insn]];
	struct hone_state state = l->kinds->block_in[l->code->block_of[site->insn]];
	const struct hone_value *pointer = &l->kinds->reg[site->insn][BPF_REG_2];
	int64_t start;

	if (pointer->kind != HONE_KIND_STACK || !pointer->is_known ||
	    pointer->constant < -HONE_STACK_BYTES || pointer->constant > -4 ||
	    pointer->constant % 4 != 0)
		return false;
	start = pointer->constant + HONE_STACK_BYTES;
	if (l->kinds->functions[hone_function_at(l->code, site->insn)].is_exposed[start / 8])
		return false;
	for (uint32_t at = block->first; at < site->insn; at++)
		if (l->code->block_of[at] >= 0)
			hone_kinds_step(l->code, l->kinds, &state, at);
	*key = state.word[start / 4].constant;
	return state.word[start / 4].is == HONE_WORD_KNOWN;
}

/* A tail call's is in a register, of which the kernel takes the lower half. */
static bool find_tail_call_key(const struct looking *l, const struct hone_site *site, uint32_t *key)
{
	const struct hone_value *index = &l->kinds->reg[site->insn][BPF_REG_3];

	*key = (uint32_t)index->constant;
	return index->kind == HONE_KIND_SCALAR && index->is_known;
}

static bool all_arrays(const struct hone_unit *unit, uint64_t maps)
{
	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++)
		if ((maps >> i & 1) && !hone_map_is_array(unit->maps[i].type))
			return false;
	return maps != 0;
}

static void fill_site(const struct looking *l, uint32_t at, struct hone_site *site)
{
	const struct hone_helper *helper = hone_callee(l->code, at);
	const struct hone_value *map = &l->kinds->reg[at][helper->map_arg];

	site->id = l->kinds->site_of[at];
	site->insn = at;
	site->kind = l->code->insns[at].imm == BPF_FUNC_tail_call ? HONE_SITE_TAIL_CALL
								  : HONE_SITE_LOOKUP;
	site->maps = map->kind == HONE_KIND_MAP ? map->maps : 0;
	site->address_used = site->id >= HONE_SITES_MAX || (l->address_used >> site->id & 1);
	site->in_loop = l->code->blocks[l->code->block_of[at]].in_loop;
	if (site->kind == HONE_SITE_TAIL_CALL)
		site->key_is_known = find_tail_call_key(l, site, &site->key);
	else if (all_arrays(l->code->unit, site->maps))
		site->key_is_known = find_lookup_key(l, site, &site->key);
}

struct hone_analysis *hone_effects(struct hone_arena *arena, const struct hone_code *code,
				   const struct hone_kinds *kinds)
{
	struct hone_analysis *analysis = hone_arena_alloc(arena, 1, sizeof(*analysis));
	struct hone_tested *tested = hone_tested_new(arena, code, kinds);
	struct looking l = {
		.code = code,
		.kinds = kinds,
		.kept = hone_words(arena, code, kinds),
		.address_used = hone_address_used(code, kinds),
		.effects = hone_arena_alloc(arena, code->unit->n_maps, sizeof(*l.effects)),
	};

	analysis->n_sites = kinds->n_sites;
	analysis->sites = hone_arena_alloc(arena, kinds->n_sites, sizeof(*analysis->sites));
	analysis->effects = l.effects;
	for (uint32_t at = 0; at < code->n_insns; at++) {
		if (code->block_of[at] < 0)
			continue;
		note(&l, at);
		if (kinds->site_of[at] == UINT32_MAX)
			continue;
		fill_site(&l, at, &analysis->sites[kinds->site_of[at]]);
		hone_tested_fill(tested, &analysis->sites[kinds->site_of[at]]);
	}
	return analysis;
}
