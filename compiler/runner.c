// SPDX-License-Identifier: Apache-2.0
/* runner: asks the passes about each site, in the order of passes.def, until one rewrites it.
 *
 * Runs between lift and LLVM's own passes. Checks level, policy and what a pass `needs`; keeps
 * time and the report. Knows no pass by name and rewrites nothing itself. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compiler/compiler.h"
#include "compiler/pass_ctx.h"

static const struct hone_pass passes[] = {
#define PASS(name, level, kind, needs, what)                                                       \
	{#name, level, HONE_SITE_##kind, needs, what, hone_pass_##name},
#include "passes/passes.def"
#undef PASS
};

enum { PASS_N = sizeof(passes) / sizeof(passes[0]) };

/* Which of several refusals tells an operator most: the higher, then the later. The default is
 * for a pass that could have rewritten the site. */
enum relevance {
	OF_A_CANDIDATE,
	OF_OTHER_SITES = -3, /* the pass is for other maps */
	OF_THE_LEVEL = -2,
	OF_OTHER_USES = -1, /* the pass is for such maps, used otherwise */
};

static const int relevance[HONE_REASON_N] = {
	[HONE_NO_PASS] = OF_OTHER_SITES,	[HONE_NO_ABSENT_KEYS] = OF_OTHER_SITES,
	[HONE_NO_MAP_TYPE] = OF_OTHER_SITES,	[HONE_NO_LEVEL] = OF_THE_LEVEL,
	[HONE_NO_CONSTANT_KEY] = OF_OTHER_USES, [HONE_NO_BITS_TESTED] = OF_OTHER_USES,
};

/* ---- what passes ask of the context ---- */

const struct hone_map *hone_site_map(const struct hone_pass_ctx *cx, const struct hone_site *site)
{
	assert(site->maps && (site->maps & (site->maps - 1)) == 0);
	return &cx->maps[__builtin_ctzll(site->maps)];
}

const struct hone_policy *hone_policy(const struct hone_pass_ctx *cx)
{
	return cx->input->policy;
}

const struct hone_effects *hone_map_effects(const struct hone_pass_ctx *cx,
					    const struct hone_map *map)
{
	return &cx->effects[map->index];
}

void hone_assume(struct hone_pass_ctx *cx, const struct hone_assumption *assumption)
{
	size_t size = (cx->n_assumptions + 1) * sizeof(*assumption);

	assert(assumption->enforcement != HONE_UNENFORCED);
	cx->assumptions = realloc(cx->assumptions, size);
	if (!cx->assumptions)
		abort();
	cx->assumptions[cx->n_assumptions++] = *assumption;
}

/* ---- marks ---- */

int64_t hone_mark_of(struct hone_ir *ir, LLVMValueRef instruction, const char *mark)
{
	unsigned int kind = LLVMGetMDKindIDInContext(ir->context, mark, (unsigned int)strlen(mark));
	LLVMValueRef node = LLVMGetMetadata(instruction, kind);
	LLVMValueRef id;

	if (!node || LLVMGetMDNodeNumOperands(node) < 1)
		return -1;
	LLVMGetMDNodeOperands(node, &id);
	return LLVMIsAConstantInt(id) ? LLVMConstIntGetSExtValue(id) : -1;
}

static void find_calls_in(struct hone_pass_ctx *cx, LLVMValueRef function)
{
	struct hone_ir *ir = cx->ir;

	for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(function); block;
	     block = LLVMGetNextBasicBlock(block))
		for (LLVMValueRef insn = LLVMGetFirstInstruction(block); insn;
		     insn = LLVMGetNextInstruction(insn)) {
			int64_t id = hone_mark_of(ir, insn, HONE_MARK_SITE);

			if (id >= 0 && id < cx->input->analysis->n_sites)
				cx->calls[id] = insn;
		}
}

static void find_calls(struct hone_pass_ctx *cx)
{
	cx->calls =
		hone_arena_alloc(cx->ir->arena, cx->input->analysis->n_sites, sizeof(*cx->calls));
	for (LLVMValueRef function = LLVMGetFirstFunction(cx->ir->module); function;
	     function = LLVMGetNextFunction(function))
		find_calls_in(cx, function);
}

/* ---- decisions ---- */

static bool has_one_map(const struct hone_site *site)
{
	return site->maps && (site->maps & (site->maps - 1)) == 0;
}

static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, length) && (at[length] == '\0' || at[length] == ','))
			return true;
	}
	return false;
}

static bool is_never_folded(const struct hone_policy *policy, const struct hone_map *map)
{
	for (uint32_t i = 0; i < policy->n_never_fold; i++)
		if (!strncmp(policy->never_fold[i], map->name, HONE_NAME_LEN))
			return true;
	return false;
}

static enum hone_reason snapshot_refusal(const struct hone_map *map)
{
	if ((map->flags & BPF_F_MMAPABLE) && !map->is_frozen)
		return HONE_NO_MAP_MMAPABLE;
	if (map->class == HONE_CLASS_LIVE)
		return HONE_REWRITTEN; /* no snapshot would help: the pass says what it needs */
	if (map->class != HONE_CLASS_FIXED && !map->is_watched)
		return HONE_NO_NOT_WATCHED;
	if (!map->complete)
		return HONE_NO_SNAPSHOT_PARTIAL;
	return HONE_REWRITTEN;
}

/* What stands against asking the pass. */
static enum hone_reason refusal(const struct hone_pass_ctx *cx, const struct hone_pass *pass,
				const struct hone_site *site)
{
	if (pass->level > hone_policy(cx)->level)
		return HONE_NO_LEVEL;
	if (!cx->calls[site->id])
		return HONE_NO_PASS; /* never reached: not in the module */
	if (!(pass->needs & NEEDS_ONE_MAP))
		return HONE_REWRITTEN;
	if (!has_one_map(site))
		return HONE_NO_ONE_MAP;
	if (is_never_folded(hone_policy(cx), hone_site_map(cx, site)))
		return HONE_NO_POLICY;
	if (pass->needs & NEEDS_SNAPSHOT)
		return snapshot_refusal(hone_site_map(cx, site));
	return HONE_REWRITTEN;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static enum hone_reason ask(struct hone_pass_ctx *cx, const struct hone_pass *pass,
			    const struct hone_site *site, struct hone_pass_report *report)
{
	enum hone_reason reason = refusal(cx, pass, site);
	double start = now_ms();

	if (reason != HONE_REWRITTEN)
		return reason;

	reason = pass->run(cx, site);
	report->ms += now_ms() - start;
	report->n_rewritten += reason == HONE_REWRITTEN;
	return reason;
}

static void ask_all(struct hone_pass_ctx *cx, const struct hone_site *site,
		    struct hone_site_report *site_report, struct hone_pass_report *pass_reports)
{
	site_report->reason = HONE_NO_PASS;
	for (unsigned int i = 0; i < PASS_N; i++) {
		enum hone_reason reason;

		if (passes[i].kind != site->kind)
			continue;
		if (cx->input->only && !is_listed(cx->input->only, passes[i].name))
			continue;

		reason = ask(cx, &passes[i], site, &pass_reports[i]);
		if (reason == HONE_REWRITTEN) {
			site_report->reason = reason;
			snprintf(site_report->action, sizeof(site_report->action), "%s",
				 passes[i].name);
			return;
		}
		if (relevance[reason] >= relevance[site_report->reason])
			site_report->reason = reason;
	}
}

/* ---- report ---- */

static void *new_rows(size_t n, size_t size)
{
	void *rows = calloc(n ? n : 1, size);

	if (!rows)
		abort(); /* as the arena does */
	return rows;
}

static void report_passes(struct hone_result *out)
{
	out->n_passes = PASS_N;
	out->passes = new_rows(PASS_N, sizeof(*out->passes));
	for (unsigned int i = 0; i < PASS_N; i++)
		snprintf(out->passes[i].name, sizeof(out->passes[i].name), "%s", passes[i].name);
}

/* The maps as all programs together leave them. */
static void join_effects(struct hone_pass_ctx *cx)
{
	const struct hone_unit *unit = cx->input->unit;
	const struct hone_effects *own = cx->input->analysis->effects;

	cx->maps = hone_arena_alloc(cx->ir->arena, unit->n_maps, sizeof(*cx->maps));
	cx->effects = hone_arena_alloc(cx->ir->arena, unit->n_maps, sizeof(*cx->effects));
	for (uint32_t i = 0; i < unit->n_maps; i++) {
		cx->maps[i] = unit->maps[i];
		cx->maps[i].class = hone_class_with(&unit->maps[i], &own[i]);
		cx->effects[i] = unit->maps[i].others;
		hone_effects_join(&cx->effects[i], &own[i]);
	}
}

void hone_passes_run(struct hone_ir *ir, const struct hone_pass_input *input,
		     struct hone_result *out)
{
	const struct hone_analysis *analysis = input->analysis;
	struct hone_pass_ctx cx = {.ir = ir, .input = input};

	hone_report_sites(input->unit, analysis, out);
	report_passes(out);
	join_effects(&cx);
	find_calls(&cx);
	cx.key_sets = hone_arena_alloc(ir->arena, input->unit->n_maps, sizeof(*cx.key_sets));
	cx.bitmaps = hone_arena_alloc(ir->arena, analysis->n_sites, sizeof(*cx.bitmaps));

	for (uint32_t i = 0; i < analysis->n_sites; i++)
		ask_all(&cx, &analysis->sites[i], &out->sites[i], out->passes);

	out->image.n_assumptions = cx.n_assumptions;
	out->image.assumptions = cx.assumptions;
}
