/* SPDX-License-Identifier: Apache-2.0 */
/* lift: what the files of the lifter share. Internal to lift*.c.
 *
 * A register is two allocas, an integer and a pointer; a write stores both, a read takes what the
 * register's kind asks for, and LLVM deletes the half that nobody reads. So pointers stay
 * pointers in LLVM's eyes, which the verifier depends on, and a merge of NULL with a pointer needs
 * no decision here. */
#ifndef HONE_LIFT_H
#define HONE_LIFT_H

#include <llvm-c/DebugInfo.h>

#include "compiler/ir.h"

struct hone_lifter {
	struct hone_ir *ir;
	const struct hone_lift_input *input;
	const struct hone_code *code;
	uint64_t written_maps;	 /* whose values programs may write: a set of indices */
	LLVMValueRef *functions; /* per function of the code; NULL: never called */
	uint32_t self;		 /* the function being lifted */
	uint32_t at;		 /* the instruction being lifted */
	uint32_t *line_of;	 /* per instruction: 1 + its line_info record; NULL: none */
	LLVMDIBuilderRef debug;
	LLVMMetadataRef file, scope; /* of lines; the scope is the function */

	LLVMValueRef ctx; /* the argument that is the context; NULL: the function has none */
	LLVMValueRef reg_int[HONE_REGS], reg_ptr[HONE_REGS];
	LLVMBasicBlockRef *blocks; /* per block of the code */

	/* The frame: one alloca per group of slots that must stay together. */
	LLVMValueRef slot_memory[HONE_STACK_SLOTS]; /* of the slot's group; NULL: never used */
	bool has_index;				    /* some access has an index that is not known */
	uint8_t slot_first[HONE_STACK_SLOTS];	    /* first slot of the group */

	int32_t *site_of; /* per instruction: site that it calls; -1: none */
	int32_t *load_of; /* per instruction: site whose word it loads; -1: none */
};

/* ---- lift_function.c ---- */

/* hone_lift_declare() - all functions that are called, without bodies; the program comes first. */
void hone_lift_declare(struct hone_lifter *lifter);
/* hone_lift_open() - the entry of function lifter->self: registers, frame, arguments. Its last
 * instruction, a branch to the first block, is the caller's. */
void hone_lift_open(struct hone_lifter *lifter);
bool hone_lift_local_call(struct hone_lifter *lifter);
void hone_lift_exit(struct hone_lifter *lifter);

/* ---- lift_lines.c ---- */

/* hone_lift_lines_begin() - lines of the unit, if it has any. */
void hone_lift_lines_begin(struct hone_lifter *lifter);
/* hone_lift_lines_open() - what is lifted from now on is in function lifter->self. */
void hone_lift_lines_open(struct hone_lifter *lifter);
/* hone_lift_line() - what is built from now on comes of instruction lifter->at. */
void hone_lift_line(struct hone_lifter *lifter);
/* hone_lift_lines_end() - all functions are built; what comes now comes of no instruction. */
void hone_lift_lines_end(struct hone_lifter *lifter);

/* ---- lift_fixed.c ---- */

/* hone_lift_fixed() - does the load give what never changes? Then *out is it, not extended. */
bool hone_lift_fixed(const struct hone_lifter *lifter, const struct bpf_insn *insn, uint64_t *out);

/* ---- lift_stack.c ---- */

/* hone_lift_stack() - group the frame's slots and create their allocas at the builder. */
void hone_lift_stack(struct hone_lifter *lifter);
/* r10 + offset; undef where no access ever goes, and nobody looks at the address. */
LLVMValueRef hone_lift_stack_at(struct hone_lifter *lifter, int64_t offset);

/* ---- lift_reg.c ---- */

/* What a register holds before the instruction being lifted. */
const struct hone_value *hone_lift_kind(const struct hone_lifter *lifter, unsigned int reg);
bool hone_lift_is_pointer(const struct hone_value *value); /* read it by its pointer half? */

void hone_lift_regs(struct hone_lifter *lifter); /* create the allocas */
LLVMValueRef hone_lift_int(struct hone_lifter *lifter, unsigned int reg);
LLVMValueRef hone_lift_ptr(struct hone_lifter *lifter, unsigned int reg);
/* Low 32 bits. Of a pointer: by a move that LLVM cannot merge with pointer arithmetic. */
LLVMValueRef hone_lift_low(struct hone_lifter *lifter, unsigned int reg);
/* By kind: a pointer or an i64. */
LLVMValueRef hone_lift_any(struct hone_lifter *lifter, unsigned int reg);

void hone_lift_set_int(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value);
void hone_lift_set_ptr(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value);
void hone_lift_set_low(struct hone_lifter *lifter, unsigned int reg, LLVMValueRef value);
void hone_lift_copy(struct hone_lifter *lifter, unsigned int to, unsigned int from);

/* The same value, of which LLVM knows nothing: i64 → ptr, i64 → i64. */
/* hone_lift_asm() - inline assembly of one result and n (at most two) arguments that LLVM may
 * merge, move and drop, but not look into. */
LLVMValueRef hone_lift_asm(struct hone_lifter *lifter, LLVMTypeRef type, LLVMValueRef *arguments,
			   unsigned int n, const char *text, const char *constraints);
LLVMValueRef hone_lift_opaque_ptr(struct hone_lifter *lifter, LLVMValueRef value);
LLVMValueRef hone_lift_opaque_int(struct hone_lifter *lifter, LLVMValueRef value);

/* ---- lift_alu.c, lift_mem.c, lift_flow.c: one instruction each ----
 * Return false for what hone_decode() should have refused. */

bool hone_lift_alu(struct hone_lifter *lifter, const struct bpf_insn *insn);
/* LD_ABS, LD_IND. */
bool hone_lift_packet_load(struct hone_lifter *lifter, const struct bpf_insn *insn);
bool hone_lift_load_imm64(struct hone_lifter *lifter, const struct bpf_insn *insn);
bool hone_lift_load(struct hone_lifter *lifter, const struct bpf_insn *insn);
bool hone_lift_store(struct hone_lifter *lifter, const struct bpf_insn *insn);
/* Jumps to blocks of the code; calls; exit. */
bool hone_lift_jump(struct hone_lifter *lifter, const struct bpf_insn *insn,
		    const struct hone_block *block);
bool hone_lift_call(struct hone_lifter *lifter, const struct bpf_insn *insn);

#endif
