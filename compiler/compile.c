// SPDX-License-Identifier: Apache-2.0
/* compile: the whole story on one page: request → result.
 *
 * Each step either fills what the next one reads or names the reason why there is no image; the
 * report goes as far as the compile went. Not: any of the steps, each is a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compiler/compiler.h"
#include "compiler/ir.h"

/* What the steps share; freed as a whole. */
struct compile {
	const struct hone_request *request;
	struct hone_arena *arena;
	struct hone_code *code;
	struct hone_kinds *kinds;
	struct hone_analysis *analysis;
	struct hone_ir *ir;
	uint32_t cover_offset; /* HONE_REQUEST_COVER */
	struct hone_result *out;
};

static bool refuse(struct compile *c, enum hone_reason reason, const char *detail)
{
	c->out->refused = reason;
	snprintf(c->out->detail, sizeof(c->out->detail), "%s", detail);
	return false;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A copy that outlives the arena: a result owns its memory. */
static void *keep(const void *from, size_t n, size_t size)
{
	void *copy = n ? malloc(n * size) : NULL;

	if (n && !copy)
		abort(); /* as the arena does */
	return n ? memcpy(copy, from, n * size) : NULL;
}

/* ---- what bytecode says about itself ---- */

static bool understand(struct compile *c)
{
	struct hone_refusal why = {0};

	c->code = hone_decode(c->arena, &c->request->unit, &why);
	if (!c->code)
		return refuse(c, why.reason, why.detail);
	c->out->n_blocks = c->code->n_blocks;

	c->kinds = hone_kinds(c->arena, c->code, &why);
	if (!c->kinds)
		return refuse(c, why.reason, why.detail);

	c->analysis = hone_effects(c->arena, c->code, c->kinds);
	c->out->n_effects = c->request->unit.n_maps;
	c->out->effects = keep(c->analysis->effects, c->out->n_effects, sizeof(*c->out->effects));
	return true;
}

static void keep_blocks(struct compile *c)
{
	uint32_t *insns = hone_arena_alloc(c->arena, c->code->n_blocks, sizeof(*insns));

	for (uint32_t i = 0; i < c->code->n_blocks; i++)
		insns[i] = c->code->blocks[i].first;
	c->out->block_insns = keep(insns, c->code->n_blocks, sizeof(*insns));
	c->out->cover_offset = c->cover_offset;
}

/* ---- to LLVM and back ---- */

/* Division with sign and jumps over more than 32,767 instructions exist from v4 on; all else is
 * in v3. An image may be longer than its original. */
static const char *cpu_for(const struct hone_code *code)
{
	if (code->n_insns > INT16_MAX / 2)
		return "v4";
	for (uint32_t i = 0; i < code->n_insns; i++) {
		uint8_t class = BPF_CLASS(code->insns[i].code), op = BPF_OP(code->insns[i].code);
		bool is_alu = class == BPF_ALU || class == BPF_ALU64;

		if (code->block_of[i] >= 0 && is_alu && (op == BPF_DIV || op == BPF_MOD) &&
		    code->insns[i].off == 1)
			return "v4";
	}
	return "v3";
}

static bool lift(struct compile *c)
{
	bool covers = c->request->kind == HONE_REQUEST_COVER;
	struct hone_refusal why = {0};

	c->ir = hone_ir_new(c->arena, cpu_for(c->code),
			    covers ? UINT32_MAX : c->request->policy.max_table_bytes);
	if (!c->ir)
		return refuse(c, HONE_NO_BACKEND, "LLVM was built without BPF");
	c->ir->is_plain = c->out->is_plain;

	if (covers) {
		const void *unmarked = hone_arena_alloc(c->arena, c->code->n_blocks, 1);

		if (hone_tables_append(c->ir->tables, unmarked, c->code->n_blocks, false,
				       &c->cover_offset))
			return refuse(c, HONE_NO_BUDGET, "one byte per block");
	}
	if (hone_lift(c->ir,
		      &(struct hone_lift_input){
			      .code = c->code,
			      .kinds = c->kinds,
			      .analysis = c->analysis,
			      .policy = covers ? NULL : &c->request->policy,
			      .mark_blocks = covers,
			      .cover_offset = c->cover_offset,
		      },
		      &why))
		return refuse(c, why.reason, why.detail);
	return true;
}

/* Nothing watches where the program will run. No map is watched in such a request, so that no pass
 * takes a guard for granted; this is the last word. */
static bool needs_no_guard(struct compile *c)
{
	for (uint32_t i = 0; i < c->out->image.n_assumptions; i++)
		if (c->out->image.assumptions[i].enforcement == HONE_GUARDED)
			return refuse(c, HONE_NO_NOT_WATCHED, "an assumption without a guard");
	return true;
}

static bool specialize(struct compile *c)
{
	const struct hone_request *request = c->request;

	hone_passes_run(c->ir,
			&(struct hone_pass_input){
				.policy = &request->policy,
				.unit = &request->unit,
				.analysis = c->analysis,
			},
			c->out);
	if (request->kind == HONE_REQUEST_BUILD)
		return needs_no_guard(c);
	if (hone_guard_build(c->ir, request->unit.prog_type, request->policy.count_packets))
		return refuse(c, HONE_NO_BUDGET, "the guard");
	return true;
}

static bool emit(struct compile *c)
{
	struct hone_refusal why = {0};
	LLVMMemoryBufferRef object;
	int err;

	if (hone_emit(c->ir, &object))
		return refuse(c, HONE_NO_BACKEND, c->ir->error);
	err = hone_relocate(LLVMGetBufferStart(object), LLVMGetBufferSize(object), &c->out->image,
			    &why);
	LLVMDisposeMemoryBuffer(object);
	if (err)
		return refuse(c, why.reason, why.detail);

	c->out->image.table_bytes = c->ir->tables->size;
	c->out->image.table = keep(c->ir->tables->bytes, c->ir->tables->size, 1);
	return true;
}

static bool build_image(struct compile *c)
{
	double start_ms = now_ms(), lifted_ms, optimized_ms;

	if (!lift(c))
		return false;
	if (c->request->kind != HONE_REQUEST_COVER && !specialize(c))
		return false;
	lifted_ms = now_ms();
	c->out->lift_ms = lifted_ms - start_ms;

	if (hone_optimize(c->ir))
		return refuse(c, HONE_NO_BACKEND, c->ir->error);
	if (hone_passes_settle(c->ir))
		return refuse(c, HONE_NO_BUDGET, "constants that did not fold");
	optimized_ms = now_ms();
	c->out->optimize_ms = optimized_ms - lifted_ms;

	if (!emit(c))
		return false;
	c->out->emit_ms = now_ms() - optimized_ms;
	return true;
}

/* A refusal leaves nothing that could be loaded. */
static void drop_image(struct hone_image *image)
{
	free(image->insns);
	free(image->relocs);
	free(image->lines);
	free(image->functions);
	free(image->table);
	free(image->assumptions);
	memset(image, 0, sizeof(*image));
}

/* What a first attempt left, but for what bytecode says about itself. */
static void start_again(struct compile *c)
{
	struct hone_result *out = c->out;

	hone_ir_free(c->ir);
	c->ir = NULL;
	drop_image(&out->image);
	free(out->sites);
	free(out->passes);
	out->sites = NULL;
	out->passes = NULL;
	out->n_sites = out->n_passes = 0;
	refuse(c, HONE_REWRITTEN, "");
}

/* What LLVM made too large for the frame is built once more, with functions left apart and loops
 * as they are. */
static bool build(struct compile *c)
{
	if (build_image(c))
		return true;
	if (c->out->refused != HONE_NO_BACKEND)
		return false;
	start_again(c);
	c->out->is_plain = true;
	return build_image(c);
}

static bool fits(struct compile *c)
{
	char detail[HONE_DETAIL_LEN];
	uint32_t n_insns = c->out->image.n_insns;

	if (c->request->kind == HONE_REQUEST_COVER || n_insns <= c->request->policy.max_insns)
		return true;
	snprintf(detail, sizeof(detail), "%u instructions, allowed are %u", n_insns,
		 c->request->policy.max_insns);
	return refuse(c, HONE_NO_BUDGET_INSNS, detail);
}

void hone_compile(const struct hone_request *request, struct hone_result *out)
{
	struct compile c = {.request = request, .out = out};

	memset(out, 0, sizeof(*out));
	c.arena = hone_arena_new();
	if (!understand(&c))
		goto done;
	if (request->kind == HONE_REQUEST_ANALYSE) {
		hone_report_sites(&request->unit, c.analysis, out);
		goto done;
	}
	if (!build(&c) || !fits(&c))
		drop_image(&out->image);
	else if (request->kind == HONE_REQUEST_COVER)
		keep_blocks(&c);
done:
	hone_ir_free(c.ir);
	hone_arena_free(c.arena);
}
