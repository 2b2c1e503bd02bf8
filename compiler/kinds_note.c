// SPDX-License-Identifier: Apache-2.0
/* kinds_note: what the rest of a program must know of a function, gathered while kinds.c walks it.
 *
 * A function reaches its callers' frames through arguments, and through addresses that somebody
 * stored where nobody follows them. The first are judged by how far around the argument the
 * function reads and writes (struct hone_param); frames of which an address is stored are exposed
 * from there up: nothing is known of them. Everything here only grows. */
#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

struct noting {
	const struct hone_code *code;
	struct hone_kinds *kinds;
	const struct hone_state *state;
	uint32_t at;
	struct hone_summary *self;
	bool is_changed;
};

static const struct hone_reach anywhere = {-HONE_STACK_BYTES, HONE_STACK_BYTES};

/* ---- growing ---- */

static void set(struct noting *n, bool *flag)
{
	n->is_changed |= !*flag;
	*flag = true;
}

static int32_t clamp(int64_t offset)
{
	if (offset < -HONE_STACK_BYTES)
		return -HONE_STACK_BYTES;
	return offset > HONE_STACK_BYTES ? HONE_STACK_BYTES : (int32_t)offset;
}

static void grow(struct noting *n, struct hone_reach *reach, const struct hone_reach *by)
{
	struct hone_reach old = *reach;

	if (hone_reach_is_empty(by))
		return;
	if (hone_reach_is_empty(reach))
		*reach = *by;
	reach->from = by->from < reach->from ? by->from : reach->from;
	reach->to = by->to > reach->to ? by->to : reach->to;
	n->is_changed |= old.from != reach->from || old.to != reach->to;
}

/* The reach around a pointer, as seen from where the pointer was got. */
static struct hone_reach moved(const struct hone_value *pointer, const struct hone_reach *reach)
{
	if (hone_reach_is_empty(reach))
		return *reach;
	if ((!pointer->is_known && !pointer->is_bounded) || pointer->constant < -HONE_STACK_BYTES ||
	    pointer->constant > HONE_STACK_BYTES)
		return anywhere;
	return (struct hone_reach){clamp(pointer->constant + reach->from),
				   clamp(pointer->constant + pointer->spread + reach->to)};
}

static void grow_param(struct noting *n, struct hone_param *param, const struct hone_value *pointer,
		       const struct hone_param *by)
{
	struct hone_reach touched = moved(pointer, &by->touched);
	struct hone_reach written = moved(pointer, &by->written);

	grow(n, &param->touched, &touched);
	grow(n, &param->written, &written);
	if (by->is_kept)
		set(n, &param->is_kept);
}

/* What is done with a pointer into callers' frames is done with what it was got from. */
static void note_use(struct noting *n, const struct hone_value *pointer,
		     const struct hone_param *by)
{
	if (!hone_value_is_pointer(pointer))
		return;
	if (pointer->frames & 1)
		grow_param(n, &n->kinds->memory, pointer, by);
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++)
		if (pointer->frames >> arg & 1)
			grow_param(n, &n->self->param[arg], pointer, by);
}

/* ---- addresses that get out of sight ---- */

/* Everything from the address up, or all where somebody reaches below such addresses. */
static void expose(struct noting *n, const struct hone_value *address)
{
	struct hone_reach up = {0, HONE_STACK_BYTES}, in;

	if (address->is_bounded && address->from < address->constant)
		up.from = address->from - (int32_t)address->constant;
	if (n->kinds->memory.touched.from < 0)
		up = anywhere;
	in = hone_reach_in_frame(address, &up);
	for (int slot = hone_reach_first_slot(&in);
	     !hone_reach_is_empty(&in) && slot <= hone_reach_last_slot(&in); slot++)
		set(n, &n->self->is_exposed[slot]);
}

/* The value can be loaded by others, who see only that it is a pointer. */
static void note_kept(struct noting *n, const struct hone_value *value)
{
	struct hone_value loaded = hone_value_handed(value, 0);

	if (value->kind == HONE_KIND_STACK)
		expose(n, value);
	for (int arg = BPF_REG_1; hone_value_is_pointer(value) && arg <= BPF_REG_5; arg++)
		if (value->frames >> arg & 1)
			set(n, &n->self->param[arg].is_kept);
	if (hone_value_is_pointer(&loaded))
		n->is_changed |= hone_value_join(&n->kinds->stored, &loaded);
}

static bool is_own_slot(const struct noting *n, const struct hone_value *base, int16_t off)
{
	int64_t byte = base->constant + off + HONE_STACK_BYTES;

	return base->kind == HONE_KIND_STACK && base->is_known && byte >= 0 &&
	       byte < HONE_STACK_BYTES && !n->self->is_exposed[byte / 8];
}

/* ---- instructions ---- */

static void note_access(struct noting *n, const struct bpf_insn *insn)
{
	bool is_load = hone_insn_class(insn) == BPF_LDX;
	const struct hone_value *base = &n->state->reg[is_load ? insn->src_reg : insn->dst_reg];
	struct hone_param by = {
		.touched = {insn->off, insn->off + (int32_t)hone_insn_bytes(insn)},
	};

	if (!is_load)
		by.written = by.touched;
	note_use(n, base, &by);
	if (hone_insn_class(insn) == BPF_STX && !is_own_slot(n, base, insn->off))
		note_kept(n, &n->state->reg[insn->src_reg]);
}

/* Compared or computed with, it tells where the frame's other memory is. Two addresses that were
 * got as one do not. */
static void note_number(struct noting *n, const struct bpf_insn *insn)
{
	const struct hone_value *dst = &n->state->reg[insn->dst_reg];
	const struct hone_value *src = &n->state->reg[insn->src_reg];
	const struct hone_param all = {.touched = anywhere};
	bool has_register = BPF_SRC(insn->code) == BPF_X;

	if (hone_insn_is_goto(insn) || (!has_register && insn->imm == 0))
		return;
	if (has_register && dst->frames == src->frames && !(dst->frames & (dst->frames - 1)) &&
	    !(dst->frames & 1))
		return;
	note_use(n, dst, &all);
	if (has_register)
		note_use(n, src, &all);
}

static void note_alu(struct noting *n, const struct bpf_insn *insn)
{
	unsigned int op = BPF_OP(insn->code);
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;
	const struct hone_value *src = &n->state->reg[insn->src_reg];
	bool by_number = BPF_SRC(insn->code) == BPF_K || !hone_value_is_pointer(src);

	if (is_64 && op == BPF_MOV)
		return;
	if (is_64 && (op == BPF_ADD || (op == BPF_SUB && by_number)))
		return;
	note_number(n, insn);
}

/* Slots that a called function may read: what is spilled there may be loaded by it. */
static void note_shared(struct noting *n, const struct hone_value *address,
			const struct hone_param *param)
{
	struct hone_reach in = hone_reach_in_frame(address, &param->touched);

	if (param->is_kept)
		expose(n, address);
	for (int slot = hone_reach_first_slot(&in);
	     !hone_reach_is_empty(&in) && slot <= hone_reach_last_slot(&in); slot++)
		note_kept(n, &n->state->stack[slot]);
}

static void note_call(struct noting *n)
{
	struct hone_handed handed;
	bool is_ours = hone_call_handed(n->code, n->state->reg, n->at, &handed);

	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		const struct hone_value *value = &n->state->reg[arg];
		struct hone_param param =
			hone_call_param(n->code, n->kinds, n->state->reg, n->at, arg);

		note_use(n, value, &param);
		if (value->kind == HONE_KIND_STACK && (is_ours || param.is_kept))
			note_shared(n, value, &param);
	}
}

bool hone_kinds_note(const struct hone_code *code, struct hone_kinds *kinds,
		     const struct hone_state *state, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	uint8_t class = hone_insn_class(insn);
	struct noting n = {
		.code = code,
		.kinds = kinds,
		.state = state,
		.at = at,
		.self = &kinds->functions[hone_function_at(code, at)],
	};

	if (class == BPF_LDX || class == BPF_ST || class == BPF_STX)
		note_access(&n, insn);
	else if (hone_insn_is_call(insn))
		note_call(&n);
	else if (hone_insn_is_alu(insn))
		note_alu(&n, insn);
	else if (hone_insn_is_jump(insn))
		note_number(&n, insn);
	return n.is_changed;
}
