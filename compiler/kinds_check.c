// SPDX-License-Identifier: Apache-2.0
/* kinds_check: the uses that kinds.c cannot answer for, refused; and the slots of a frame that
 * must stay one piece of memory, noted. Last part of kinds.c, when what registers hold is known. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "compiler/insn.h"
#include "compiler/kinds.h"
#include "compiler/value.h"

struct checking {
	const struct hone_code *code;
	const struct hone_value *reg; /* before the instruction */
	uint32_t at;
	struct hone_refusal *why;
};

static bool refuse(const struct checking *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(const struct checking *s, const char *format, ...)
{
	va_list args;
	int n;

	s->why->reason = HONE_NO_REGISTER_KIND;
	n = snprintf(s->why->detail, sizeof(s->why->detail), "instruction %u: ", s->at);
	assert(n > 0 && (size_t)n < sizeof(s->why->detail));
	va_start(args, format);
	vsnprintf(s->why->detail + n, sizeof(s->why->detail) - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* ---- uses: refused where the kind is not known ---- */

static bool check_operand(const struct checking *s, int reg)
{
	if (s->reg[reg].kind == HONE_KIND_UNSET)
		return refuse(s, "r%d was never set", reg);
	if (s->reg[reg].kind == HONE_KIND_CONFLICT)
		return refuse(s, "r%d holds different kinds on different paths", reg);
	return true;
}

static bool check_address(const struct checking *s, int reg)
{
	const struct bpf_insn *insn = &s->code->insns[s->at];
	const struct hone_value *base = &s->reg[reg];
	int64_t offset = (int64_t)((uint64_t)base->constant + (uint64_t)(int64_t)insn->off);

	if (!check_operand(s, reg))
		return false;
	if (base->kind == HONE_KIND_SCALAR || base->kind == HONE_KIND_MAP)
		return refuse(s, "r%d is used as an address", reg);
	if (base->kind == HONE_KIND_CTX && !base->is_known)
		return refuse(s, "r%d points to an unknown field of the context", reg);
	if (base->kind == HONE_KIND_STACK && base->is_known &&
	    (offset < -HONE_STACK_BYTES || offset > -(int64_t)hone_insn_bytes(insn)))
		return refuse(s, "r%d points out of the frame", reg);
	return true;
}

bool hone_helper_fills(const struct hone_helper *helper, int arg)
{
	if (!hone_helper_writes(helper, arg))
		return false;
	for (size_t i = 0; i < sizeof(helper->mem) / sizeof(helper->mem[0]); i++)
		if (helper->mem[i].mem_arg == arg)
			return true;
	return helper->value_arg == arg;
}

/* An argument that is unset is one that the function reads on other paths only. */
static bool check_local_call(const struct checking *s)
{
	uint32_t args = s->code->functions[hone_function_named(s->code, s->at)].args;

	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++)
		if ((args >> arg & 1) && s->reg[arg].kind == HONE_KIND_CONFLICT)
			return check_operand(s, arg);
	return true;
}

static bool refuse_function(const struct checking *s, int arg)
{
	refuse(s, "r%d", arg);
	s->why->reason = HONE_NO_CALLBACK;
	return false;
}

static bool check_call(const struct checking *s)
{
	const struct hone_helper *helper;
	const struct hone_value *map;

	if (hone_insn_is_local_call(&s->code->insns[s->at]))
		return check_local_call(s);
	helper = hone_callee(s->code, s->at);
	map = &s->reg[helper->map_arg];
	/* unset arguments: those that trace_printk's format does not ask for */
	for (int arg = BPF_REG_1; arg <= helper->n_args; arg++) {
		if (s->reg[arg].kind == HONE_KIND_CONFLICT)
			return check_operand(s, arg);
		if (hone_helper_fills(helper, arg) && s->reg[arg].kind == HONE_KIND_SCALAR &&
		    !hone_value_is_null(&s->reg[arg]))
			return refuse(s, "r%d is used as an address", arg);
	}
	if (helper->calls != HONE_CALLS_NOTHING) {
		const struct hone_value *function = &s->reg[helper->function_arg];

		if (function->kind != HONE_KIND_FUNCTION || !function->is_known || function->other)
			return refuse_function(s, helper->function_arg);
	}
	if (helper->map_arg && map->kind != HONE_KIND_MAP && !hone_value_is_pointer(map))
		return refuse(s, "r%d is not a map", helper->map_arg);
	return true;
}

static bool check_alu(const struct checking *s)
{
	const struct bpf_insn *insn = &s->code->insns[s->at];
	unsigned int op = BPF_OP(insn->code);

	if (op != BPF_MOV && !check_operand(s, insn->dst_reg))
		return false;
	return op == BPF_END || BPF_SRC(insn->code) != BPF_X || check_operand(s, insn->src_reg);
}

static bool check_jump(const struct checking *s)
{
	const struct bpf_insn *insn = &s->code->insns[s->at];

	if (hone_insn_is_exit(insn)) /* other functions may leave anything in r0 */
		return hone_function_at(s->code, s->at) != 0 || check_operand(s, BPF_REG_0);
	if (hone_insn_is_call(insn))
		return check_call(s);
	if (hone_insn_is_goto(insn))
		return true;
	return check_operand(s, insn->dst_reg) &&
	       (BPF_SRC(insn->code) != BPF_X || check_operand(s, insn->src_reg));
}

/* The context is in r6; an LD_IND has a number beside it. Where the packet is too short it ends
 * its function, so that LLVM may not move it into another: only the program itself has any. */
static bool check_packet_load(const struct checking *s)
{
	const struct bpf_insn *insn = &s->code->insns[s->at];

	if (!hone_insn_is_packet_load(insn))
		return true;
	if (hone_function_at(s->code, s->at) != 0)
		return refuse(s, "LD_ABS or LD_IND in a function that is called");
	if (s->reg[BPF_REG_6].kind != HONE_KIND_CTX || !s->reg[BPF_REG_6].is_known)
		return refuse(s, "r6 is not the context");
	return BPF_MODE(insn->code) == BPF_ABS || check_operand(s, insn->src_reg);
}

static bool check_uses(const struct checking *s)
{
	const struct bpf_insn *insn = &s->code->insns[s->at];

	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		return check_alu(s);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(s);
	case BPF_LD:
		return check_packet_load(s);
	case BPF_LDX:
		return check_address(s, insn->src_reg);
	case BPF_STX:
		if (!check_operand(s, insn->src_reg))
			return false;
		if (hone_insn_is_atomic(insn) && insn->imm == BPF_CMPXCHG &&
		    !check_operand(s, BPF_REG_0))
			return false;
		return check_address(s, insn->dst_reg);
	case BPF_ST:
		return check_address(s, insn->dst_reg);
	default:
		return true;
	}
}

bool hone_kinds_check(const struct hone_code *code, const struct hone_value *reg, uint32_t at,
		      struct hone_refusal *why)
{
	const struct checking s = {.code = code, .reg = reg, .at = at, .why = why};

	return check_uses(&s);
}

/* ---- escapes ---- */

static void mark_escape(struct hone_summary *self, int64_t offset)
{
	int64_t first =
		offset >= -HONE_STACK_BYTES && offset < 0 ? (offset + HONE_STACK_BYTES) / 8 : 0;

	for (int64_t slot = first; slot < HONE_STACK_SLOTS; slot++)
		self->stack_escapes[slot] = true;
}

/* The lowest address that it is, or was made from. */
static int64_t lowest(const struct hone_value *address)
{
	return address->is_bounded && address->from < address->constant ? address->from
									: address->constant;
}

static void note_call_escapes(const struct hone_code *code, const struct hone_kinds *kinds,
			      struct hone_summary *self, uint32_t at)
{
	for (int arg = BPF_REG_1; arg <= BPF_REG_5; arg++) {
		struct hone_param param = hone_call_param(code, kinds, kinds->reg[at], at, arg);
		const struct hone_value *address = &kinds->reg[at][arg];

		if (address->kind != HONE_KIND_STACK || hone_reach_is_empty(&param.touched))
			continue;
		if ((!address->is_known && !address->is_bounded) ||
		    param.touched.from <= -HONE_STACK_BYTES)
			mark_escape(self, -HONE_STACK_BYTES);
		else if (param.touched.to >= HONE_STACK_BYTES)
			mark_escape(self, lowest(address) + param.touched.from);
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
static bool is_frame_number(const struct hone_value *reg, const struct bpf_insn *insn)
{
	const struct hone_value *dst = &reg[insn->dst_reg];
	const struct hone_value *src = &reg[insn->src_reg];
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

void hone_kinds_escape(const struct hone_code *code, struct hone_kinds *kinds, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];
	const struct hone_value *reg = kinds->reg[at];
	struct hone_summary *self = &kinds->functions[hone_function_at(code, at)];
	uint8_t class = hone_insn_class(insn);
	const struct hone_value *base = &reg[class == BPF_LDX ? insn->src_reg : insn->dst_reg];

	if (hone_insn_is_call(insn))
		note_call_escapes(code, kinds, self, at);
	else if (is_frame_number(reg, insn))
		mark_escape(self, -HONE_STACK_BYTES);
	else if ((class == BPF_LDX || class == BPF_ST || class == BPF_STX) &&
		 base->kind == HONE_KIND_STACK && !base->is_known && !base->is_bounded)
		mark_escape(self, -HONE_STACK_BYTES);
}
