/* SPDX-License-Identifier: Apache-2.0 */
/* insns: BPF instructions and small units, for tests that write programs by hand. */
#ifndef HONE_TEST_INSNS_H
#define HONE_TEST_INSNS_H

#include "compiler/facts.h"

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

#define MOV(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ALU(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define ALU_REG(op, d, s) INSN(BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define ALU32(op, d, i) INSN(BPF_ALU | (op) | BPF_K, d, 0, 0, i)
#define ALU32_REG(op, d, s) INSN(BPF_ALU | (op) | BPF_X, d, s, 0, 0)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define STORE_REG(size, d, o, s) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define ATOMIC(size, d, o, s, op) INSN(BPF_STX | BPF_ATOMIC | (size), d, s, o, op)
#define JUMP(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define JUMP_REG(op, d, s, o) INSN(BPF_JMP | (op) | BPF_X, d, s, o, 0)
#define GOTO(o) INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define CALL(id) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* two instructions each */
#define LD_MAP(d, map)                                                                             \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0)
#define LD_MAP_VALUE(d, map, offset)                                                               \
	INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, offset)
#define LD_IMM64(d, low, high) INSN(BPF_LD | BPF_DW | BPF_IMM, d, 0, 0, low), INSN(0, 0, 0, 0, high)

#define LOOKUP() CALL(BPF_FUNC_map_lookup_elem)

/* r2 = r10 - 4, where a key may be whatever; r1 = map; call */
#define LOOKUP_IN(map)                                                                             \
	MOV_REG(BPF_REG_2, BPF_REG_10), ALU(BPF_ADD, BPF_REG_2, -4), LD_MAP(BPF_REG_1, map),       \
		LOOKUP()
enum { LOOKUP_IN_INSNS = 5 };

/* An XDP unit of the given instructions and maps, both borrowed. */
#define UNIT(code, unit_maps)                                                                      \
	((struct hone_unit){.prog_type = BPF_PROG_TYPE_XDP,                                        \
			    .insns = (code),                                                       \
			    .n_insns = sizeof(code) / sizeof((code)[0]),                           \
			    .maps = (unit_maps),                                                   \
			    .n_maps = sizeof(unit_maps) / sizeof((unit_maps)[0])})

#endif
