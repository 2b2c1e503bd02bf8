/* SPDX-License-Identifier: Apache-2.0 */
/* asm: BPF instructions by hand, for small units and images in tests. */
#ifndef HONE_TEST_ASM_H
#define HONE_TEST_ASM_H

#include <linux/bpf.h>

#define ASM_MOV_REG(dst, src)                                                                      \
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (dst), .src_reg = (src)}
#define ASM_MOV_IMM(dst, value)                                                                    \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (dst), .imm = (value)}
#define ASM_ALU_IMM(op, dst, value)                                                                \
	{.code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), .imm = (value)}
#define ASM_ALU_REG(op, dst, src)                                                                  \
	{.code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src)}
#define ASM_LOAD(size, dst, src, offset)                                                           \
	{.code = BPF_LDX | BPF_MEM | (size), .dst_reg = (dst), .src_reg = (src), .off = (offset)}
#define ASM_STORE(size, dst, src, offset)                                                          \
	{.code = BPF_STX | BPF_MEM | (size), .dst_reg = (dst), .src_reg = (src), .off = (offset)}
#define ASM_STORE_IMM(size, dst, offset, value)                                                    \
	{.code = BPF_ST | BPF_MEM | (size), .dst_reg = (dst), .off = (offset), .imm = (value)}
#define ASM_JMP_IMM(op, dst, value, offset)                                                        \
	{.code = BPF_JMP | (op) | BPF_K, .dst_reg = (dst), .imm = (value), .off = (offset)}
#define ASM_JMP_REG(op, dst, src, offset)                                                          \
	{.code = BPF_JMP | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src), .off = (offset)}
#define ASM_CALL(helper) {.code = BPF_JMP | BPF_CALL, .imm = (helper)}
#define ASM_EXIT() {.code = BPF_JMP | BPF_EXIT}
/* Two instructions. */
#define ASM_MAP(dst, map)                                                                          \
	{.code = BPF_LD | BPF_IMM | BPF_DW,                                                        \
	 .dst_reg = (dst),                                                                         \
	 .src_reg = BPF_PSEUDO_MAP_FD,                                                             \
	 .imm = (map)},                                                                            \
		{0}
#define ASM_MAP_VALUE(dst, map, offset)                                                            \
	{.code = BPF_LD | BPF_IMM | BPF_DW,                                                        \
	 .dst_reg = (dst),                                                                         \
	 .src_reg = BPF_PSEUDO_MAP_VALUE,                                                          \
	 .imm = (map)},                                                                            \
	{                                                                                          \
		.imm = (offset)                                                                    \
	}

#endif
