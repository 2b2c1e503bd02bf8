// SPDX-License-Identifier: Apache-2.0
/* insn: which instructions are understood. Strict where the kernel is: a reserved field that is
 * not zero may mean something to a later kernel, so it is refused. Looks at one instruction. */
#include "compiler/insn.h"

/* Fields that an instruction must leave zero. */
enum {
	NO_DST = 1 << 0,
	NO_SRC = 1 << 1,
	NO_OFF = 1 << 2,
	NO_IMM = 1 << 3,
};

static bool zero(const struct bpf_insn *insn, unsigned int fields)
{
	return (!(fields & NO_DST) || insn->dst_reg == 0) &&
	       (!(fields & NO_SRC) || insn->src_reg == 0) &&
	       (!(fields & NO_OFF) || insn->off == 0) && (!(fields & NO_IMM) || insn->imm == 0);
}

static enum hone_reason only_if(bool is_known)
{
	return is_known ? HONE_REWRITTEN : HONE_NO_INSN;
}

/* The operand that is not used. */
static unsigned int unused_operand(const struct bpf_insn *insn)
{
	return BPF_SRC(insn->code) == BPF_X ? NO_IMM : NO_SRC;
}

static enum hone_reason check_mov(const struct bpf_insn *insn)
{
	bool is_64 = hone_insn_class(insn) == BPF_ALU64;

	if (BPF_SRC(insn->code) == BPF_K)
		return only_if(zero(insn, NO_SRC | NO_OFF));
	if (is_64 && insn->off == 1)
		return HONE_NO_ARENA; /* addr_space_cast */
	return only_if(insn->imm == 0 && (insn->off == 0 || insn->off == 8 || insn->off == 16 ||
					  (is_64 && insn->off == 32)));
}

static enum hone_reason check_swap(const struct bpf_insn *insn)
{
	bool has_size = insn->imm == 16 || insn->imm == 32 || insn->imm == 64;

	if (hone_insn_class(insn) == BPF_ALU64 && BPF_SRC(insn->code) != BPF_K)
		return HONE_NO_INSN;
	return only_if(has_size && zero(insn, NO_SRC | NO_OFF));
}

static enum hone_reason check_alu(const struct bpf_insn *insn)
{
	int32_t width = hone_insn_class(insn) == BPF_ALU64 ? 64 : 32;
	bool is_constant = BPF_SRC(insn->code) == BPF_K;

	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		return check_mov(insn);
	case BPF_END:
		return check_swap(insn);
	case BPF_NEG:
		return only_if(is_constant && zero(insn, NO_SRC | NO_OFF | NO_IMM));
	case BPF_DIV:
	case BPF_MOD: /* off 1: signed */
		return only_if((insn->off == 0 || insn->off == 1) &&
			       zero(insn, unused_operand(insn)) &&
			       !(is_constant && insn->imm == 0));
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (is_constant && (insn->imm < 0 || insn->imm >= width))
			return HONE_NO_INSN;
		break;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
		break;
	default:
		return HONE_NO_INSN;
	}
	return only_if(zero(insn, unused_operand(insn) | NO_OFF));
}

static enum hone_reason check_call(const struct bpf_insn *insn)
{
	if (BPF_SRC(insn->code) != BPF_K || !zero(insn, NO_DST))
		return HONE_NO_INSN;
	switch (insn->src_reg) {
	case 0:
		return only_if(insn->off == 0);
	case BPF_PSEUDO_CALL:
		return only_if(insn->off == 0);
	case BPF_PSEUDO_KFUNC_CALL: /* another offset: a module's */
		return insn->off == 0 ? HONE_REWRITTEN : HONE_NO_KFUNC;
	default:
		return HONE_NO_INSN;
	}
}

static enum hone_reason check_jump(const struct bpf_insn *insn)
{
	bool is_32 = hone_insn_class(insn) == BPF_JMP32;
	unsigned int op = BPF_OP(insn->code);

	if (op == HONE_INSN_JCOND)
		return HONE_NO_MAY_GOTO;
	if (op > BPF_JSLE || (is_32 && (op == BPF_CALL || op == BPF_EXIT)))
		return HONE_NO_INSN;
	if (op == BPF_CALL)
		return check_call(insn);
	if (op == BPF_EXIT || op == BPF_JA) {
		unsigned int fields = NO_DST | NO_SRC;

		fields |= op == BPF_EXIT ? NO_OFF | NO_IMM : is_32 ? NO_OFF : NO_IMM;
		return only_if(BPF_SRC(insn->code) == BPF_K && zero(insn, fields));
	}
	return only_if(zero(insn, unused_operand(insn)));
}

static enum hone_reason check_load_imm(const struct bpf_insn *insn)
{
	switch (insn->src_reg) {
	case 0:
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_FUNC:
		return only_if(insn->off == 0);
	case BPF_PSEUDO_BTF_ID:
		return HONE_NO_BTF_ID;
	default:
		return HONE_NO_INSN; /* BPF_PSEUDO_MAP_IDX is for the loader to resolve */
	}
}

static enum hone_reason check_packet_load(const struct bpf_insn *insn)
{
	bool is_absolute = BPF_MODE(insn->code) == BPF_ABS;

	return only_if(hone_insn_bytes(insn) < 8 &&
		       zero(insn, NO_DST | NO_OFF | (is_absolute ? NO_SRC : 0)));
}

static enum hone_reason check_load(const struct bpf_insn *insn)
{
	if (hone_insn_class(insn) == BPF_LD) {
		if (hone_insn_is_packet_load(insn))
			return check_packet_load(insn);
		return hone_insn_is_wide(insn) ? check_load_imm(insn) : HONE_NO_INSN;
	}
	switch (BPF_MODE(insn->code)) {
	case BPF_MEM:
		return only_if(zero(insn, NO_IMM));
	case HONE_INSN_MEMSX:
		return only_if(zero(insn, NO_IMM) && hone_insn_bytes(insn) < 8);
	default:
		return HONE_NO_INSN;
	}
}

static enum hone_reason check_atomic(const struct bpf_insn *insn)
{
	if (insn->imm == HONE_INSN_LOAD_ACQUIRE || insn->imm == HONE_INSN_STORE_RELEASE)
		return HONE_NO_ACQUIRE; /* LLVM 19 cannot emit them */
	if (hone_insn_bytes(insn) < 4)
		return HONE_NO_INSN;
	switch (insn->imm) {
	case BPF_ADD:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
	case BPF_ADD | BPF_FETCH:
	case BPF_AND | BPF_FETCH:
	case BPF_OR | BPF_FETCH:
	case BPF_XOR | BPF_FETCH:
	case BPF_XCHG:
	case BPF_CMPXCHG:
		return HONE_REWRITTEN;
	default:
		return HONE_NO_INSN;
	}
}

static enum hone_reason check_store(const struct bpf_insn *insn)
{
	if (hone_insn_is_atomic(insn))
		return check_atomic(insn);
	if (BPF_MODE(insn->code) != BPF_MEM)
		return HONE_NO_INSN;
	return only_if(zero(insn, hone_insn_class(insn) == BPF_STX ? NO_IMM : NO_SRC));
}

/* r10 is the frame pointer: read only. */
static bool has_known_registers(const struct bpf_insn *insn)
{
	bool writes_dst = hone_insn_is_alu(insn) || hone_insn_class(insn) == BPF_LD ||
			  hone_insn_class(insn) == BPF_LDX;
	bool writes_src =
		hone_insn_is_atomic(insn) && (insn->imm & BPF_FETCH) && insn->imm != BPF_CMPXCHG;

	return insn->dst_reg <= (writes_dst ? 9 : 10) && insn->src_reg <= (writes_src ? 9 : 10);
}

enum hone_reason hone_insn_refusal(const struct bpf_insn *insn)
{
	if (!has_known_registers(insn))
		return HONE_NO_INSN;
	switch (hone_insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		return check_alu(insn);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(insn);
	case BPF_LD:
	case BPF_LDX:
		return check_load(insn);
	default:
		return check_store(insn);
	}
}
