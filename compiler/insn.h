/* SPDX-License-Identifier: Apache-2.0 */
/* insn: one BPF instruction at a time: is it one that we understand, and what does it touch.
 * Instruction set: RFC 9669, and the kernel's Documentation/bpf/standardization. */
#ifndef HONE_INSN_H
#define HONE_INSN_H

#include "compiler/facts.h"

/* Encodings that the system's headers may be too old to name. */
enum {
	HONE_INSN_MEMSX = 0x80,		/* mode: sign-extending load */
	HONE_INSN_JCOND = 0xe0,		/* jump: may_goto */
	HONE_INSN_LOAD_ACQUIRE = 0x100, /* of an atomic, in its immediate */
	HONE_INSN_STORE_RELEASE = 0x110,
	HONE_INSN_LD_IMM64 = BPF_LD | BPF_DW | BPF_IMM,
};

/* hone_insn_refusal() - is the instruction (first half, where it has two) one of those that the
 * analyses and the lifter know, reserved fields zero? Looks at no operand that needs the unit
 * (jump targets, map indices). HONE_REWRITTEN: yes. */
enum hone_reason hone_insn_refusal(const struct bpf_insn *insn);

static inline uint8_t hone_insn_class(const struct bpf_insn *insn)
{
	return BPF_CLASS(insn->code);
}

static inline bool hone_insn_is_wide(const struct bpf_insn *insn)
{
	return insn->code == HONE_INSN_LD_IMM64;
}

/* LD_ABS, LD_IND: r0 = bytes of the packet in r6, in the order of numbers; r1-r5 are lost; where
 * the packet ends before, the program does, and returns 0. */
static inline bool hone_insn_is_packet_load(const struct bpf_insn *insn)
{
	return hone_insn_class(insn) == BPF_LD &&
	       (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND);
}

/* The 64-bit constant of an ld_imm64 that names no map. */
static inline uint64_t hone_insn_imm64(const struct bpf_insn *insn)
{
	return (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn[0].imm;
}

static inline bool hone_insn_is_alu(const struct bpf_insn *insn)
{
	return hone_insn_class(insn) == BPF_ALU || hone_insn_class(insn) == BPF_ALU64;
}

static inline bool hone_insn_is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL);
}

/* … of a function of the program's own, at a distance; else of a helper of the kernel. */
static inline bool hone_insn_is_local_call(const struct bpf_insn *insn)
{
	return hone_insn_is_call(insn) && insn->src_reg == BPF_PSEUDO_CALL;
}

static inline bool hone_insn_is_kfunc_call(const struct bpf_insn *insn)
{
	return hone_insn_is_call(insn) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL;
}

/* Of a helper or a function of the kernel. */
static inline bool hone_insn_is_kernel_call(const struct bpf_insn *insn)
{
	return hone_insn_is_call(insn) && insn->src_reg != BPF_PSEUDO_CALL;
}

static inline bool hone_insn_is_helper_call(const struct bpf_insn *insn)
{
	return hone_insn_is_call(insn) && insn->src_reg == 0;
}

/* The address of a function of the program's own. */
static inline bool hone_insn_is_function_address(const struct bpf_insn *insn)
{
	return hone_insn_is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
}

static inline bool hone_insn_is_exit(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_EXIT);
}

static inline bool hone_insn_is_jump(const struct bpf_insn *insn)
{
	return (hone_insn_class(insn) == BPF_JMP || hone_insn_class(insn) == BPF_JMP32) &&
	       !hone_insn_is_call(insn) && !hone_insn_is_exit(insn);
}

/* goto and gotol: a jump with no other way on. */
static inline bool hone_insn_is_goto(const struct bpf_insn *insn)
{
	return hone_insn_is_jump(insn) && BPF_OP(insn->code) == BPF_JA;
}

/* Instructions from the one after this to a jump's target. */
static inline int64_t hone_insn_jump_distance(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off;
}

static inline bool hone_insn_is_atomic(const struct bpf_insn *insn)
{
	return hone_insn_class(insn) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC;
}

/* Bytes that a load, store or atomic moves. */
static inline uint32_t hone_insn_bytes(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

#endif
