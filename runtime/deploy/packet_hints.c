// SPDX-License-Identifier: Apache-2.0
/* packet_hints: see the header.
 *
 * When:  a packet generator is made.
 * Does:  one walk over the instructions in their order, which keeps for each register and stack
 *        slot whether it holds something loaded, or a constant, and takes both down where they
 *        meet.
 * Not:   control flow, calls, sums: whatever does not stand in a line is lost. */
#include "runtime/deploy/packet_hints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HINTS_MAX = 1024,
	SIZES_MAX = 512,
	N_REGS = 11,
	N_SLOTS = 64, /* of 8 bytes */
	REACH = 160,  /* where a value without an offset may go */
};

enum holds { NOTHING, LOADED, CONSTANT };

struct value {
	enum holds holds;
	uint16_t offset;
	uint8_t size;
	int8_t shift; /* LOADED: bits that were shifted out to the right */
	uint64_t constant;
};

struct walk {
	struct value regs[N_REGS], slots[N_SLOTS];
	struct hone_packet_hints *out;
};

static bool is_known(const struct hone_packet_hints *hints, const struct hone_packet_hint *hint)
{
	for (uint32_t i = 0; i < hints->n; i++)
		if (hints->hints[i].value == hint->value && hints->hints[i].size == hint->size &&
		    hints->hints[i].has_offset == hint->has_offset &&
		    hints->hints[i].offset == hint->offset)
			return true;
	return false;
}

static void add_hint(struct hone_packet_hints *hints, struct hone_packet_hint hint)
{
	if (hints->n < HINTS_MAX && !is_known(hints, &hint))
		hints->hints[hints->n++] = hint;
}

static void add_size(struct hone_packet_hints *hints, int64_t size)
{
	if (size < 1 || size > HONE_PACKET_MAX || hints->n_sizes == SIZES_MAX)
		return;
	for (uint32_t i = 0; i < hints->n_sizes; i++)
		if (hints->sizes[i] == size)
			return;
	hints->sizes[hints->n_sizes++] = (uint16_t)size;
}

static uint8_t size_of_constant(uint64_t constant)
{
	if (constant <= UINT8_MAX)
		return 1;
	if (constant <= UINT16_MAX)
		return 2;
	return constant <= UINT32_MAX ? 4 : 8;
}

/* `value` meets a constant. */
static void meet(struct walk *walk, const struct value *value, uint64_t constant)
{
	struct hone_packet_hint hint = {.size = size_of_constant(constant), .value = constant};

	if (value->holds == LOADED) {
		hint.has_offset = true;
		hint.offset = value->offset;
		hint.size = value->size;
		hint.value =
			value->shift > 0 ? constant << value->shift : constant >> -value->shift;
	}
	add_hint(walk->out, hint);
}

static uint8_t access_size(uint8_t code)
{
	static const uint8_t sizes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	return sizes[BPF_SIZE(code) >> 3];
}

static struct value *slot_at(struct walk *walk, int16_t offset)
{
	int slot = -offset / 8;

	return offset < 0 && slot < N_SLOTS ? &walk->slots[slot] : NULL;
}

static void walk_load(struct walk *walk, const struct bpf_insn *insn)
{
	struct value *slot = insn->src_reg == BPF_REG_10 ? slot_at(walk, insn->off) : NULL;

	if (slot)
		walk->regs[insn->dst_reg] = *slot;
	else
		walk->regs[insn->dst_reg] = (struct value){.holds = LOADED,
							   .offset = (uint16_t)insn->off,
							   .size = access_size(insn->code)};
}

static void walk_store(struct walk *walk, const struct bpf_insn *insn)
{
	struct value *slot = insn->dst_reg == BPF_REG_10 ? slot_at(walk, insn->off) : NULL;

	if (slot)
		*slot = walk->regs[insn->src_reg];
}

static int8_t shifted(int8_t shift, int32_t by)
{
	return (int8_t)((shift + by) % 64);
}

static void walk_alu(struct walk *walk, const struct bpf_insn *insn)
{
	struct value *dst = &walk->regs[insn->dst_reg];
	struct value operand = {.holds = CONSTANT, .constant = (uint64_t)(int64_t)insn->imm};

	if (BPF_SRC(insn->code) == BPF_X)
		operand = walk->regs[insn->src_reg];
	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		*dst = operand;
		return;
	case BPF_ADD:
		if (operand.holds == CONSTANT)
			add_size(walk->out, (int64_t)operand.constant);
		dst->holds = NOTHING;
		return;
	case BPF_RSH:
	case BPF_ARSH:
		dst->shift = shifted(dst->shift, insn->imm);
		return;
	case BPF_LSH:
		dst->shift = shifted(dst->shift, -insn->imm);
		return;
	case BPF_XOR:
		if (operand.holds == CONSTANT)
			meet(walk, dst, operand.constant);
		return;
	case BPF_AND:
	case BPF_END:
		return; /* still what was loaded */
	default:
		dst->holds = NOTHING;
	}
}

static void walk_jump(struct walk *walk, const struct bpf_insn *insn)
{
	const struct value *dst = &walk->regs[insn->dst_reg], *src = &walk->regs[insn->src_reg];

	switch (BPF_OP(insn->code)) {
	case BPF_CALL:
		memset(walk->regs, 0, BPF_REG_6 * sizeof(walk->regs[0]));
		return;
	case BPF_JA:
	case BPF_EXIT:
		return;
	default:
		break;
	}
	if (BPF_SRC(insn->code) == BPF_K)
		meet(walk, dst, (uint32_t)insn->imm);
	else if (src->holds == CONSTANT)
		meet(walk, dst, src->constant);
	else if (dst->holds == CONSTANT)
		meet(walk, src, dst->constant);
}

static void walk_insn(struct walk *walk, const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		walk_load(walk, insn);
		break;
	case BPF_STX:
		walk_store(walk, insn);
		break;
	case BPF_ALU:
	case BPF_ALU64:
		walk_alu(walk, insn);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		walk_jump(walk, insn);
		break;
	default:
		break;
	}
}

int hone_packet_hints_add(const struct hone_unit *unit, struct hone_packet_hints *hints)
{
	struct walk walk = {.out = hints};

	if (!hints->hints)
		hints->hints = calloc(HINTS_MAX, sizeof(*hints->hints));
	if (!hints->sizes)
		hints->sizes = calloc(SIZES_MAX, sizeof(*hints->sizes));
	if (!hints->hints || !hints->sizes)
		return -ENOMEM;
	for (uint32_t i = 0; i < unit->n_insns; i++) {
		const struct bpf_insn *insn = &unit->insns[i];

		if (insn->dst_reg >= N_REGS || insn->src_reg >= N_REGS)
			continue;
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW)) {
			walk_insn(&walk, insn);
			continue;
		}
		if (++i < unit->n_insns) /* src_reg: a map, not a number */
			walk.regs[insn->dst_reg] = (struct value){
				.holds = insn->src_reg ? NOTHING : CONSTANT,
				.constant = (uint32_t)insn[0].imm | (uint64_t)insn[1].imm << 32};
	}
	return 0;
}

void hone_packet_hints_free(struct hone_packet_hints *hints)
{
	free(hints->hints);
	free(hints->sizes);
	*hints = (struct hone_packet_hints){0};
}

/* ---- use ---- */

/* Where headers begin behind Ethernet, tags, IPv4, IPv6. */
static uint32_t pick_base(struct hone_random *random)
{
	static const uint8_t bases[] = {0, 0, 0, 14, 14, 14, 34, 34, 18, 22, 38, 42, 50, 54, 62};

	return bases[hone_below(random, sizeof(bases))];
}

static void place_in_context(struct hone_random *random, uint32_t value,
			     struct hone_packet_context *context)
{
	uint32_t which = hone_below(random, 7);

	if (which == 0)
		context->mark = value;
	else if (which == 1)
		context->priority = value;
	else
		context->cb[which - 2] = value;
}

void hone_packet_hint_place(const struct hone_packet_hints *hints, struct hone_random *random,
			    struct hone_packet *packet)
{
	const struct hone_packet_hint *hint;
	bool is_big_endian = hone_one_in(random, 2);
	uint64_t value;
	uint32_t at;

	if (hints->n == 0)
		return;
	hint = &hints->hints[hone_below(random, hints->n)];
	value = hint->value;
	if (hone_one_in(random, 8))
		value += hone_one_in(random, 2) ? 1 : UINT64_MAX;
	if (packet->takes_context && hone_one_in(random, 4))
		place_in_context(random, (uint32_t)value, &packet->context);
	at = hint->has_offset ? pick_base(random) + hint->offset : hone_below(random, REACH);
	if (at + hint->size > HONE_PACKET_ROOM)
		return;
	for (uint32_t i = 0; i < hint->size; i++)
		packet->bytes[at + (is_big_endian ? hint->size - 1 - i : i)] =
			(uint8_t)(value >> 8 * i);
}

uint32_t hone_packet_hint_size(const struct hone_packet_hints *hints, struct hone_random *random)
{
	uint32_t size;

	if (hints->n_sizes == 0)
		return 0;
	size = hints->sizes[hone_below(random, hints->n_sizes)];
	if (hone_one_in(random, 3))
		size += pick_base(random);
	if (hone_one_in(random, 2))
		size--;
	return size < HONE_PACKET_MIN || size > HONE_PACKET_MAX ? 0 : size;
}
