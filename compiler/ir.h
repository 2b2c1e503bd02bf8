/* SPDX-License-Identifier: Apache-2.0 */
/* ir: what the stages that know LLVM hand to each other. Grouped by file; only compiler/ and
 * passes/ may include it.
 *
 *   ir.c        context, module, declarations, small builders
 *   lift*.c     unit → module, sites and their loads marked with metadata
 *   runner.c    asks the passes about each site
 *   stub.c      what a pass puts in a call's place
 *   tables.c    bytes of the image's own map; key_set.c fills some
 *   guard.c     epoch check at the entry
 *   settle.c    constants that LLVM left over
 *   pipeline.c  LLVM's own passes; emit.c, relocate.c: module → image
 *
 * Marks, one i32 operand each (a site id): `!hone.site` on a call that asks something of a map;
 * `!hone.load` on each load of hone_site.loads. Whoever rewrites looks for the marks, so that a
 * module written by hand (golden tests) is as good as a lifted one.
 *
 * The module: @<unit> is `i32 (ptr ctx)`; its entry block holds allocas only and ends in a branch
 * to the program's first block (guard.c replaces that branch). Helper N is called as
 * `call inttoptr (i64 N to ptr)`. What becomes a relocation is an external i8 global: compiler.h.
 */
#ifndef HONE_IR_H
#define HONE_IR_H

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "compiler/analysis.h"
#include "compiler/arena.h"
#include "compiler/facts.h"
#include "compiler/pass.h"

#define HONE_MARK_SITE "hone.site"
#define HONE_MARK_LOAD "hone.load"

/* External i8 globals that become relocations, see compiler.h. */
#define HONE_SYM_TABLE "hone_table"
#define HONE_SYM_GUARD "hone_guard"
#define HONE_SYM_SLOTS "hone_slots"
#define HONE_SYM_COUNTS "hone_counts"
/* External functions: the kernel's, with their BTF id behind. */
#define HONE_SYM_KFUNC "kfunc_"

/* One module. Everything but LLVM's own objects lives in the arena. */
struct hone_ir {
	struct hone_arena *arena;
	LLVMContextRef context;
	LLVMModuleRef module;
	LLVMValueRef function; /* the program */
	struct hone_tables *tables;

	LLVMBuilderRef builder;
	LLVMTargetMachineRef machine;
	bool is_plain; /* the second rung: functions stay apart, loops as they are */
	LLVMTypeRef void_type, i1, i8, i16, i32, i64, ptr;
	char error[HONE_DETAIL_LEN]; /* the first error that LLVM reported; "" if none */
};

/* ---- ir.c ---- */

/* hone_ir_new() - an empty BPF module with its tables. LLVM is initialised once per process.
 *
 * cpu: "v3", or "v4" for units that use its instructions
 *
 * Returns NULL if LLVM has no BPF back end. hone_ir_free() releases what is LLVM's. */
struct hone_ir *hone_ir_new(struct hone_arena *arena, const char *cpu, uint32_t max_table_bytes);
void hone_ir_free(struct hone_ir *ir);

/* hone_ir_parse() - take over the module from text; its first function with a body is the program.
 * Returns 0, or -EINVAL with ir->error. */
int hone_ir_parse(struct hone_ir *ir, const char *name, const char *text, size_t size);

/* hone_ir_verify() - 0, or -EINVAL with ir->error: whoever built the module last has a bug. */
int hone_ir_verify(struct hone_ir *ir);

/* hone_ir_symbol() - the external global of that name, declared on first use. */
LLVMValueRef hone_ir_symbol(struct hone_ir *ir, const char *name);
/* @map_N, @mapval_N */
LLVMValueRef hone_ir_map(struct hone_ir *ir, uint32_t index);
LLVMValueRef hone_ir_map_value(struct hone_ir *ir, uint32_t index);

/* hone_ir_helper() - call helper `id`; arguments keep their types (i64 or ptr). */
LLVMValueRef hone_ir_helper(struct hone_ir *ir, int32_t id, LLVMTypeRef result, LLVMValueRef *args,
			    unsigned int n_args);

/* base + offset bytes. Never inbounds: a lifted pointer may be compared before it is valid. */
LLVMValueRef hone_ir_at(struct hone_ir *ir, LLVMValueRef base, LLVMValueRef offset);
LLVMValueRef hone_ir_at_const(struct hone_ir *ir, LLVMValueRef base, int64_t offset);
/* Naturally aligned: with less the back end would split them into bytes. */
LLVMValueRef hone_ir_load(struct hone_ir *ir, LLVMTypeRef type, LLVMValueRef address);
LLVMValueRef hone_ir_store(struct hone_ir *ir, LLVMValueRef value, LLVMValueRef address);
/* An empty asm: no instruction, but LLVM forgets what it knew about the i64 or
 * pointer. */
LLVMValueRef hone_ir_barrier(struct hone_ir *ir, LLVMValueRef value);
LLVMTypeRef hone_ir_int(const struct hone_ir *ir, unsigned int bytes); /* 1, 2, 4, 8 */
LLVMValueRef hone_ir_const(const struct hone_ir *ir, int64_t value);   /* i64 */

/* hone_ir_attribute() - a function attribute; value NULL: an enum attribute without one. */
void hone_ir_attribute(struct hone_ir *ir, LLVMValueRef function, const char *name,
		       const char *value);
/* hone_ir_mark() - HONE_MARK_SITE or HONE_MARK_LOAD with a site's id. */
void hone_ir_mark(struct hone_ir *ir, LLVMValueRef instruction, const char *mark, uint32_t site);

/* ---- lift.c ---- */

/* What to lift. All borrowed. */
struct hone_lift_input {
	const struct hone_code *code;
	const struct hone_kinds *kinds;
	const struct hone_analysis *analysis;
	const struct hone_policy *policy; /* NULL: nothing is folded */
	bool mark_blocks; /* each block of the original stores 1 to table[cover_offset + block] */
	uint32_t cover_offset;
};

/* hone_lift() - build ir->function. Returns 0, or -ENOTSUP with *why. */
int hone_lift(struct hone_ir *ir, const struct hone_lift_input *input, struct hone_refusal *why);

/* ---- tables.c ---- */

/* The image's own map: bytes 0-7 are `expected` (HONE_EPOCH_NEVER), the rest is appended. */
struct hone_tables {
	struct hone_arena *arena;
	uint8_t *bytes;
	uint32_t size, capacity;
	uint32_t reserved; /* for constants that may not fold, see hone_passes_settle() */
	uint32_t limit;	   /* policy: max_table_bytes */
};

struct hone_tables *hone_tables_new(struct hone_arena *arena, uint32_t limit_bytes);

/* hone_tables_append() - copy bytes in, 64-byte aligned when they fill a cache line, else 8.
 * Equal bytes of an earlier call are shared when may_share.
 * Returns 0 and their offset, or -E2BIG. */
int hone_tables_append(struct hone_tables *tables, const void *bytes, size_t size, bool may_share,
		       uint32_t *offset);

/* hone_tables_reserve() - room for `size` bytes that are appended after LLVM's passes, if at all.
 * Returns 0 or -E2BIG. */
int hone_tables_reserve(struct hone_tables *tables, size_t size);

/* ---- runner.c ---- */

/* hone_mark_of() - the site id in an instruction's mark; -1: not marked. */
int64_t hone_mark_of(struct hone_ir *ir, LLVMValueRef instruction, const char *mark);

/* What the runner needs to know besides the module. All borrowed. */
struct hone_pass_input {
	const struct hone_policy *policy;
	const struct hone_unit *unit; /* its maps; instructions are not looked at */
	const struct hone_analysis *analysis;
	const char *only; /* comma-separated names of the passes to ask; NULL: all */
};

/* hone_passes_run() - ask every pass of the allowed levels about each site; rewrite the module.
 *
 * out: sites, passes and image.assumptions are filled (malloc'ed, hone_result_free()).
 *
 * Run LLVM's pipeline afterwards (always-inline first), then hone_passes_settle(). */
void hone_passes_run(struct hone_ir *ir, const struct hone_pass_input *input,
		     struct hone_result *out);

/* ---- settle.c ---- */

/* hone_passes_settle() - after LLVM's passes: constants that did not fold away become addresses
 * in the image's map, since an image has no other data.
 * Returns 0, -E2BIG, or -ENOTSUP (an initializer that is not plain bytes). */
int hone_passes_settle(struct hone_ir *ir);

/* ---- separate.c ---- */

/* hone_separate() - after LLVM's passes: tests of pointers stay tests, each of its own. */
void hone_separate(struct hone_ir *ir);

/* ---- guard.c ---- */

/* hone_guard_build() - before anything else the program compares the guard's `begin` with the
 * table's `expected`; on a difference it counts and tail-calls the original.
 *
 * count_packets: also count the packets that the image decides
 *
 * Returns 0, or -E2BIG: not even 8 bytes of tables are allowed. */
int hone_guard_build(struct hone_ir *ir, uint32_t prog_type, bool count_packets);

/* ---- pipeline.c ---- */

/* hone_optimize() - stubs are inlined, then LLVM's O2 for BPF; of a plain module O1, which takes
 * less of the stack. Returns 0, or -EINVAL with ir->error. */
int hone_optimize(struct hone_ir *ir);

/* ---- emit.c ---- */

/* hone_emit() - module → BPF ELF object in memory. Returns 0 and a buffer that the caller
 * disposes of, or -EINVAL with ir->error: what the back end cannot do. */
int hone_emit(struct hone_ir *ir, LLVMMemoryBufferRef *object);

#endif
