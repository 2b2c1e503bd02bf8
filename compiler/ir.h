/* SPDX-License-Identifier: Apache-2.0 */
/* ir: what the stages that know LLVM hand to each other. Grouped by file.
 *
 *   lift.c      unit → module, sites and their loads marked with metadata
 *   runner.c    asks the passes about each site
 *   stub.c      what a pass puts in a call's place
 *   tables.c    bytes of the image's own map
 *   pipeline.c  LLVM's own passes; emit.c, relocate.c: module → image
 *
 * Marks, one i32 operand each (a site id): `!hone.site` on a call that asks something of a map;
 * `!hone.load` on each load of hone_site.loads. Whoever rewrites looks for the marks, so that a
 * module written by hand (golden tests) is as good as a lifted one. */
#ifndef HONE_IR_H
#define HONE_IR_H

#include <llvm-c/Core.h>

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

/* One module. Everything but LLVM's own objects lives in the arena. */
struct hone_ir {
	struct hone_arena *arena;
	LLVMContextRef context;
	LLVMModuleRef module;
	LLVMValueRef function; /* the program */
	struct hone_tables *tables;
};

/* hone_ir_symbol() - the external global of that name, declared on first use. */
LLVMValueRef hone_ir_symbol(struct hone_ir *ir, const char *name);

/* ---- tables.c ---- */

/* The image's own map: bytes 0-7 are `expected` (HONE_EPOCH_NEVER), the rest is appended. */
struct hone_tables {
	struct hone_arena *arena;
	uint8_t *bytes;
	uint32_t size, capacity;
	uint32_t limit; /* policy: max_table_bytes */
};

struct hone_tables *hone_tables_new(struct hone_arena *arena, uint32_t limit_bytes);

/* hone_tables_append() - copy bytes in, 64-byte aligned when they fill a cache line, else 8.
 * Equal bytes of an earlier call are shared when may_share.
 * Returns 0 and their offset, or -E2BIG. */
int hone_tables_append(struct hone_tables *tables, const void *bytes, size_t size, bool may_share,
		       uint32_t *offset);

/* ---- runner.c ---- */

/* What the runner needs to know besides the module. All borrowed. */
struct hone_pass_input {
	const struct hone_policy *policy;
	uint32_t n_maps;
	const struct hone_map *maps;
	const struct hone_effects *own; /* the unit's own effects, one per map */
	uint32_t n_sites;
	const struct hone_site *sites;
	const char *only; /* comma-separated names of the passes to ask; NULL: all */
};

/* hone_passes_run() - ask every pass of the allowed levels about each site; rewrite the module.
 *
 * out: sites, passes and image.assumptions are filled (malloc'ed, hone_result_free()).
 *
 * Run LLVM's pipeline afterwards (always-inline first), then hone_passes_settle(). */
void hone_passes_run(struct hone_ir *ir, const struct hone_pass_input *input,
		     struct hone_result *out);

/* hone_passes_settle() - after LLVM's passes: constants that did not fold away become addresses
 * in the image's map, since an image has no other data. */
void hone_passes_settle(struct hone_ir *ir);

#endif
