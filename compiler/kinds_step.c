// SPDX-License-Identifier: Apache-2.0
/* kinds_step: what one instruction makes of registers and stack. The fixpoint around it is in
 * kinds.c. It refuses nothing: what makes no sense becomes a plain scalar, and kinds.c refuses
 * where that would be used as an address. */
#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

/* ---- stack ---- */

static bool is_in_frame(int64_t offset, uint64_t bytes)
{
	return offset >= -HONE_STACK_BYTES && bytes <= HONE_STACK_BYTES &&
	       offset <= -(int64_t)bytes;
}

/* The word's bytes within a store of a constant at `offset`. */
static struct hone_word word_of(const struct hone_value *value, int64_t offset, uint64_t bytes,
				int64_t word_offset)
{
	int64_t skip = word_offset - offset;

	if (value->kind != HONE_KIND_SCALAR || !value->is_known || skip < 0 ||
	    (uint64_t)skip + 4 > bytes || bytes > 8)
		return (struct hone_word){.is = HONE_WORD_UNKNOWN};
	return (struct hone_word){
		.is = HONE_WORD_KNOWN,
		.constant = (uint32_t)((uint64_t)value->constant >> (8 * skip)),
	};
}

static void store_stack(struct hone_state *state, int64_t offset, uint64_t bytes,
			const struct hone_value *value)
{
	int64_t start, end;

	if (!is_in_frame(offset, bytes) || bytes == 0)
		return;
	start = offset + HONE_STACK_BYTES;
	end = start + (int64_t)bytes;
	for (int64_t slot = start / 8; slot <= (end - 1) / 8; slot++)
		state->stack[slot] = hone_value_scalar();
	for (int64_t word = start / 4; word <= (end - 1) / 4; word++)
		state->word[word] = word_of(value, offset, bytes, word * 4 - HONE_STACK_BYTES);
	if (bytes == 8 && start % 8 == 0)
		state->stack[start / 8] = *value;
}

/* An address that has no NULL: never mixed with numbers by a join. */
static bool is_whole_address(const struct hone_value *value)
{
	return value->kind == HONE_KIND_STACK || value->kind == HONE_KIND_CTX ||
	       value->kind == HONE_KIND_MAP || value->kind == HONE_KIND_FUNCTION;
}

/* Somewhere in these bytes, something may have been written. A pointer that the program still
 * uses as one was not overwritten: the verifier saw to that. One that it does not may be any
 * number by now. */
static void store_somewhere(struct hone_state *state, const struct hone_reach *in_frame)
{
	struct hone_value scalar = hone_value_scalar();
	int last = hone_reach_last_slot(in_frame);

	for (int slot = hone_reach_first_slot(in_frame);
	     !hone_reach_is_empty(in_frame) && slot <= last; slot++) {
		struct hone_value *value = &state->stack[slot];

		if (value->kind == HONE_KIND_UNSET || value->kind == HONE_KIND_SCALAR)
			*value = scalar;
		else if (value->kind == HONE_KIND_POINTER)
			hone_value_join(value, &scalar);
		else if (is_whole_address(value))
			value->other = true;
		state->word[2 * slot].is = HONE_WORD_UNKNOWN;
		state->word[2 * slot + 1].is = HONE_WORD_UNKNOWN;
	}
}

/* A called function may have stored something: numbers, or pointers of its own. */
static void store_by_others(struct hone_state *state, const struct hone_reach *in_frame)
{
	int last = hone_reach_last_slot(in_frame);

	if (hone_reach_is_empty(in_frame))
		return;
	for (int slot = hone_reach_first_slot(in_frame); slot <= last; slot++) {
		state->stack[slot] = hone_value_scalar();
		state->word[2 * slot].is = HONE_WORD_UNKNOWN;
		state->word[2 * slot + 1].is = HONE_WORD_UNKNOWN;
	}
}

static struct hone_value load_stack(const struct hone_state *state, const bool *is_exposed,
				    int64_t offset, uint64_t bytes)
{
	int64_t start;

	if (!is_in_frame(offset, bytes))
		return hone_value_scalar();
	start = offset + HONE_STACK_BYTES;
	if (is_exposed[start / 8])
		return hone_value_scalar();
	if (bytes == 8 && start % 8 == 0 && state->stack[start / 8].kind != HONE_KIND_UNSET)
		return state->stack[start / 8];
	if (bytes == 4 && start % 4 == 0 && state->word[start / 4].is == HONE_WORD_KNOWN)
		return hone_value_constant(state->word[start / 4].constant);
	return hone_value_scalar();
}

/* Which slot is loaded depends on the path: any value pointer in the frame may come back. Other
 * pointers that do are then seen as numbers, and refused where they are used. */
static struct hone_value load_somewhere(const struct hone_state *state,
					const struct hone_reach *in_frame, uint64_t bytes)
{
	struct hone_value value = hone_value_scalar();
	int last = hone_reach_last_slot(in_frame);

	if (hone_reach_is_empty(in_frame))
		return value;
	for (int slot = hone_reach_first_slot(in_frame); bytes == 8 && slot <= last; slot++)
		if (hone_value_is_pointer(&state->stack[slot]))
			hone_value_join(&value, &state->stack[slot]);
	return value;
}

/* ---- loads and stores ---- */

/* Bytes of the frame that an access may be of. */
static struct hone_reach reach_of(const struct bpf_insn *insn, const struct hone_value *base)
{
	const struct hone_reach access = {insn->off, insn->off + (int32_t)hone_insn_bytes(insn)};

	return hone_reach_in_frame(base, &access);
}

/* What is used as an address later, though nobody saw it stored: from the kernel's memory, or from
 * a caller's frame. */
static struct hone_value load_pointer(const struct hone_kinds *kinds, const struct hone_value *base)
{
	bool is_frame =
		base->kind == HONE_KIND_STACK || (hone_value_is_pointer(base) && base->frames);

	return is_frame ? kinds->stored
			: (struct hone_value){.kind = HONE_KIND_POINTER, .other = true};
}

static struct hone_value load_known(const struct hone_code *code, const struct hone_kinds *kinds,
				    const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	const struct hone_value *base = &state->reg[insn->src_reg];
	int64_t offset = (int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)insn->off);
	struct hone_reach in = reach_of(insn, base);

	if (BPF_MODE(insn->code) != BPF_MEM)
		return hone_value_scalar();
	if (base->kind == HONE_KIND_STACK && !base->is_known)
		return load_somewhere(state, &in, hone_insn_bytes(insn));
	if (base->kind == HONE_KIND_STACK)
		return load_stack(state, kinds->functions[hone_function_at(code, at)].is_exposed,
				  offset, hone_insn_bytes(insn));
	if (base->kind == HONE_KIND_CTX && base->is_known &&
	    hone_context_is_pointer(code->unit->prog_type, offset))
		return (struct hone_value){.kind = HONE_KIND_POINTER, .other = true};
	return hone_value_scalar();
}

static struct hone_value load(const struct hone_code *code, const struct hone_kinds *kinds,
			      const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	struct hone_value value = load_known(code, kinds, state, at);

	if (value.kind != HONE_KIND_SCALAR || value.is_known)
		return value;
	if (kinds->gives_pointer[at])
		return load_pointer(kinds, &state->reg[insn->src_reg]);
	if (BPF_MODE(insn->code) == BPF_MEM && hone_insn_bytes(insn) < 8 && !value.below)
		value.below = 1ull << 8 * hone_insn_bytes(insn);
	return value;
}

static void store(struct hone_state *state, const struct bpf_insn *insn,
		  const struct hone_value *value)
{
	const struct hone_value *base = &state->reg[insn->dst_reg];
	int64_t offset = (int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)insn->off);
	struct hone_reach in = reach_of(insn, base);

	if (base->kind != HONE_KIND_STACK)
		return;
	if (base->is_known)
		store_stack(state, offset, hone_insn_bytes(insn), value);
	else
		store_somewhere(state, &in);
}

static void step_store(struct hone_state *state, const struct bpf_insn *insn)
{
	struct hone_value value = hone_insn_class(insn) == BPF_ST ? hone_value_constant(insn->imm)
								  : state->reg[insn->src_reg];
	struct hone_value scalar = hone_value_scalar();

	if (!hone_insn_is_atomic(insn)) {
		store(state, insn, &value);
		return;
	}
	store(state, insn, &scalar);
	if (insn->imm == BPF_CMPXCHG)
		state->reg[BPF_REG_0] = scalar;
	else if (insn->imm & BPF_FETCH)
		state->reg[insn->src_reg] = scalar;
}

/* ---- calls ---- */

static uint64_t map_bytes(const struct hone_unit *unit, const struct hone_value *map, bool is_value)
{
	uint64_t largest = 0;

	if (map->kind != HONE_KIND_MAP)
		return 0;
	for (uint32_t i = 0; i < unit->n_maps && i < HONE_MAPS_MAX; i++) {
		uint64_t bytes = is_value ? unit->maps[i].value_size : unit->maps[i].key_size;

		if ((map->maps >> i & 1) && bytes > largest)
			largest = bytes;
	}
	return largest;
}

struct hone_memory hone_call_memory(const struct hone_code *code, const struct hone_value *reg,
				    const struct hone_helper *helper, int arg)
{
	struct hone_memory memory = {.is_written = hone_helper_writes(helper, arg)};
	const struct hone_value *map = &reg[helper->map_arg];

	if (arg == helper->map_arg)
		return (struct hone_memory){.is_none = true};
	if (arg == helper->key_arg)
		return (struct hone_memory){.bytes = map_bytes(code->unit, map, false)};
	if (arg == helper->value_arg)
		memory.bytes = map_bytes(code->unit, map, true);
	for (size_t i = 0; i < sizeof(helper->mem) / sizeof(helper->mem[0]); i++) {
		const struct hone_value *size = &reg[helper->mem[i].size_arg];

		if (helper->mem[i].mem_arg != arg)
			continue;
		if (helper->mem[i].size_arg == 0)
			memory.bytes = helper->mem[i].size;
		else if (size->kind == HONE_KIND_SCALAR && size->is_known && size->constant > 0)
			memory.bytes = (uint64_t)size->constant;
	}
	return memory;
}

static void call_writes_stack(const struct hone_code *code, struct hone_state *state,
			      const struct hone_helper *helper, int arg)
{
	struct hone_memory memory = hone_call_memory(code, state->reg, helper, arg);
	const struct hone_value *address = &state->reg[arg];
	struct hone_reach reach = {0, HONE_STACK_BYTES}, in;
	struct hone_value scalar = hone_value_scalar();

	if (memory.is_none || !memory.is_written || address->kind != HONE_KIND_STACK)
		return;
	if (memory.bytes > 0 && memory.bytes < HONE_STACK_BYTES)
		reach.to = (int32_t)memory.bytes;
	in = hone_reach_in_frame(address, &reach);
	if (address->is_known && memory.bytes > 0 && is_in_frame(address->constant, memory.bytes))
		store_stack(state, address->constant, memory.bytes, &scalar);
	else
		store_somewhere(state, &in);
}

static struct hone_value returned(const struct hone_code *code, const struct hone_state *state,
				  const struct hone_helper *helper, uint32_t site)
{
	struct hone_value value = {.kind = HONE_KIND_POINTER};
	const struct hone_value *map = &state->reg[helper->map_arg];

	if (!helper->returns_pointer)
		return hone_value_scalar();
	value.other = site >= HONE_SITES_MAX;
	if (!value.other)
		value.sites = 1ull << site;
	if (!helper->returns_value)
		return value;
	value.is_known = true;
	/* an inner map may be any map, one of the unit's own too */
	value.maps = map->kind == HONE_KIND_MAP ? map->maps : hone_all_maps(code->unit);
	return value;
}

static void set_after_call(struct hone_state *state, struct hone_value result)
{
	for (int reg = BPF_REG_1; reg <= BPF_REG_5; reg++)
		state->reg[reg] = (struct hone_value){.kind = HONE_KIND_UNSET};
	state->reg[BPF_REG_0] = result;
}

static struct hone_value step_helper(const struct hone_code *code, const struct hone_kinds *kinds,
				     struct hone_state *state, uint32_t at)
{
	const struct hone_helper *helper = hone_callee(code, at);
	struct hone_value result = returned(code, state, helper, kinds->site_of[at]);

	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++)
		call_writes_stack(code, state, helper, arg);
	return result;
}

/* What a function called here, or by the helper called here, does to the frame. */
static void function_writes_stack(const struct hone_code *code, const struct hone_kinds *kinds,
				  struct hone_state *state, uint32_t at,
				  const struct hone_handed *handed)
{
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		const struct hone_value *address = &state->reg[handed->from[arg]];
		struct hone_param param;
		struct hone_reach in;

		if (!handed->from[arg] || address->kind != HONE_KIND_STACK)
			continue;
		param = hone_call_param(code, kinds, state->reg, at, handed->from[arg]);
		in = hone_reach_in_frame(address, &param.written);
		store_by_others(state, &in);
	}
}

static void step_call(const struct hone_code *code, const struct hone_kinds *kinds,
		      struct hone_state *state, uint32_t at)
{
	bool is_local = hone_insn_is_local_call(&code->insns[at]);
	struct hone_handed handed;
	bool is_ours = hone_call_handed(code, state->reg, at, &handed);
	struct hone_value result;

	if (is_ours)
		function_writes_stack(code, kinds, state, at, &handed);
	result = is_local ? kinds->functions[handed.callee].result
			  : step_helper(code, kinds, state, at);
	set_after_call(state, result);
}

/* ---- all ---- */

static struct hone_value load_imm(const struct hone_code *code, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];

	switch (insn->src_reg) {
	case BPF_PSEUDO_FUNC:
		return (struct hone_value){.kind = HONE_KIND_FUNCTION,
					   .is_known = true,
					   .constant = hone_function_named(code, at)};
	case BPF_PSEUDO_MAP_FD:
		return (struct hone_value){.kind = HONE_KIND_MAP, .maps = 1ull << insn->imm};
	case BPF_PSEUDO_MAP_VALUE:
		return (struct hone_value){
			.kind = HONE_KIND_POINTER,
			.is_known = true,
			.other = true,
			.constant = (uint32_t)insn[1].imm,
			.maps = 1ull << insn->imm,
		};
	default:
		return hone_value_constant((int64_t)hone_insn_imm64(insn));
	}
}

void hone_kinds_step(const struct hone_code *code, const struct hone_kinds *kinds,
		     struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	struct hone_value imm = hone_value_constant(insn->imm);

	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		state->reg[insn->dst_reg] = hone_value_alu(
			insn, &state->reg[insn->dst_reg],
			BPF_SRC(insn->code) == BPF_X ? &state->reg[insn->src_reg] : &imm);
		break;
	case BPF_LD:
		if (hone_insn_is_packet_load(insn))
			set_after_call(state, hone_value_scalar());
		else
			state->reg[insn->dst_reg] = load_imm(code, at);
		break;
	case BPF_LDX:
		state->reg[insn->dst_reg] = load(code, kinds, state, at);
		break;
	case BPF_ST:
	case BPF_STX:
		step_store(state, insn);
		break;
	default:
		if (hone_insn_is_call(insn))
			step_call(code, kinds, state, at);
		break;
	}
}
