// SPDX-License-Identifier: Apache-2.0
/* decode: a unit's instructions to basic blocks. First of all analyses; any bytes are legal
 * input. What it lets through are functions whose every instruction, helper and map is known;
 * what the registers hold is for kinds.c. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "compiler/analysis.h"
#include "compiler/insn.h"

struct decoding {
	struct hone_arena *arena;
	const struct hone_unit *unit;
	struct hone_refusal *why;
	bool *reached;	/* an instruction starts here */
	bool *leads;	/* a block starts here */
	bool *starts;	/* a function starts here */
	uint32_t *todo; /* reached, not yet looked at */
	uint32_t n_todo;
};

static bool refuse(struct decoding *d, enum hone_reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct decoding *d, enum hone_reason reason, const char *format, ...)
{
	va_list args;

	d->why->reason = reason;
	va_start(args, format);
	vsnprintf(d->why->detail, sizeof(d->why->detail), format, args);
	va_end(args);
	return false;
}

/* ---- which instructions are reached ---- */

static bool reach(struct decoding *d, uint32_t from, int64_t to)
{
	if (to < 0 || to >= d->unit->n_insns)
		return refuse(d, HONE_NO_BAD_JUMP, "instruction %u goes to %lld", from,
			      (long long)to);
	if (!d->reached[to]) {
		d->reached[to] = true;
		d->todo[d->n_todo++] = (uint32_t)to;
	}
	return true;
}

static bool check_wide(struct decoding *d, uint32_t at)
{
	const struct bpf_insn *insn = &d->unit->insns[at];
	bool names_map = insn->src_reg != 0 && insn->src_reg != BPF_PSEUDO_FUNC;

	if (at + 1 >= d->unit->n_insns || insn[1].code || insn[1].dst_reg || insn[1].src_reg ||
	    insn[1].off)
		return refuse(d, HONE_NO_INSN, "instruction %u: a 64-bit constant is cut off", at);
	if (names_map && ((uint32_t)insn->imm >= d->unit->n_maps || insn->imm >= HONE_MAPS_MAX))
		return refuse(d, HONE_NO_MAP_INDEX, "instruction %u: map %d of %u", at, insn->imm,
			      d->unit->n_maps);
	if ((insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_FUNC) &&
	    insn[1].imm != 0)
		return refuse(d, HONE_NO_INSN, "instruction %u: a map handle with an offset", at);
	return true;
}

static bool check_helper(struct decoding *d, uint32_t at)
{
	int32_t id = d->unit->insns[at].imm;

	switch (id) {
	case BPF_FUNC_timer_init:
	case BPF_FUNC_timer_set_callback:
	case BPF_FUNC_timer_start:
	case BPF_FUNC_timer_cancel:
		return refuse(d, HONE_NO_TIMER, "instruction %u: helper %d", at, id);
	}
	if (!hone_helper(id))
		return refuse(d, HONE_NO_HELPER, "instruction %u: helper %d", at, id);
	return true;
}

static bool check_kfunc(struct decoding *d, uint32_t at)
{
	const struct hone_kfunc *kfunc = NULL;

	for (uint32_t i = 0; i < d->unit->n_kfuncs; i++)
		if (d->unit->kfuncs[i].btf_id == (uint32_t)d->unit->insns[at].imm)
			kfunc = &d->unit->kfuncs[i];
	if (!kfunc)
		return refuse(d, HONE_NO_KFUNC, "instruction %u: not in the kernel's BTF", at);
	if (!strcmp(kfunc->name, "bpf_throw"))
		return refuse(d, HONE_NO_EXCEPTION, "instruction %u: %s", at, kfunc->name);
	for (uint32_t i = 0; i < kfunc->n_args; i++)
		if (kfunc->args[i].flags & HONE_KFUNC_FUNCTION)
			return refuse(d, HONE_NO_CALLBACK, "instruction %u: %s", at, kfunc->name);
	return true;
}

static bool check(struct decoding *d, uint32_t at)
{
	const struct bpf_insn *insn = &d->unit->insns[at];
	enum hone_reason reason = hone_insn_refusal(insn);

	if (reason != HONE_REWRITTEN)
		return refuse(d, reason,
			      "instruction %u: code 0x%02x, source %u, offset %d, "
			      "immediate %d",
			      at, insn->code, insn->src_reg, insn->off, insn->imm);
	if (hone_insn_is_wide(insn))
		return check_wide(d, at);
	if (hone_insn_is_helper_call(insn))
		return check_helper(d, at);
	if (hone_insn_is_kfunc_call(insn))
		return check_kfunc(d, at);
	return true;
}

/* A call, or an address that a helper may call. */
static bool follow_function(struct decoding *d, uint32_t at)
{
	const struct bpf_insn *insn = &d->unit->insns[at];
	int64_t target = (int64_t)at + 1 + insn->imm;

	if (!hone_insn_is_local_call(insn) && !hone_insn_is_function_address(insn))
		return true;
	if (!reach(d, at, target))
		return false;
	d->starts[target] = d->leads[target] = true;
	return true;
}

/* Mark where an instruction can go, and what starts a block. */
static bool follow(struct decoding *d, uint32_t at)
{
	const struct bpf_insn *insn = &d->unit->insns[at];
	int64_t next = (int64_t)at + (hone_insn_is_wide(insn) ? 2 : 1);
	int64_t target = (int64_t)at + 1 + hone_insn_jump_distance(insn);

	if (hone_insn_is_exit(insn))
		return true;
	if (!hone_insn_is_jump(insn))
		return reach(d, at, next);
	if (!reach(d, at, target))
		return false;
	d->leads[target] = true;
	if (hone_insn_is_goto(insn))
		return true;
	if (!reach(d, at, next))
		return false;
	d->leads[next] = true;
	return true;
}

static bool explore(struct decoding *d)
{
	if (d->unit->n_insns == 0)
		return refuse(d, HONE_NO_BAD_JUMP, "no instructions");
	if (!reach(d, 0, 0))
		return false;
	d->starts[0] = d->leads[0] = true;
	while (d->n_todo > 0) {
		uint32_t at = d->todo[--d->n_todo];

		if (!check(d, at) || !follow_function(d, at) || !follow(d, at))
			return false;
	}
	for (uint32_t i = 0; i + 1 < d->unit->n_insns; i++)
		if (d->reached[i] && hone_insn_is_wide(&d->unit->insns[i]) && d->reached[i + 1])
			return refuse(d, HONE_NO_BAD_JUMP,
				      "a jump into the constant of instruction %u", i);
	return true;
}

/* ---- blocks ---- */

static uint32_t next_insn(const struct hone_code *code, uint32_t at)
{
	return at + (hone_insn_is_wide(&code->insns[at]) ? 2 : 1);
}

static uint32_t count_blocks(const struct decoding *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->unit->n_insns; i++)
		n += d->reached[i] && d->leads[i];
	return n;
}

/* Unreached code, a leader, or a jump ends a block. */
static void fill_block(const struct decoding *d, struct hone_code *code, uint32_t block,
		       uint32_t first)
{
	uint32_t at = first;

	code->blocks[block].first = first;
	for (;;) {
		const struct bpf_insn *insn = &code->insns[at];

		code->block_of[at] = (int32_t)block;
		at = next_insn(code, at);
		if (hone_insn_is_jump(insn) || hone_insn_is_exit(insn) || d->leads[at])
			break;
	}
	code->blocks[block].end = at;
}

static void fill_blocks(const struct decoding *d, struct hone_code *code)
{
	uint32_t block = 0;

	for (uint32_t i = 0; i < code->n_insns; i++)
		code->block_of[i] = -1;
	for (uint32_t i = 0; i < code->n_insns; i++)
		if (d->reached[i] && d->leads[i])
			fill_block(d, code, block++, i);
	assert(block == code->n_blocks);
}

/* Index of a block's last instruction. */
static uint32_t last_insn(const struct hone_code *code, const struct hone_block *block)
{
	uint32_t last = block->end - 1;

	return code->block_of[last] < 0 ? last - 1 : last;
}

static void fill_edges(struct hone_code *code)
{
	for (uint32_t i = 0; i < code->n_blocks; i++) {
		struct hone_block *block = &code->blocks[i];
		uint32_t at = last_insn(code, block);
		const struct bpf_insn *last = &code->insns[at];
		int64_t target = (int64_t)at + 1 + hone_insn_jump_distance(last);

		block->jump = hone_insn_is_jump(last) ? code->block_of[target] : -1;
		block->next = -1;
		if (!hone_insn_is_exit(last) && !hone_insn_is_goto(last))
			block->next = code->block_of[block->end];
	}
}

/* ---- loops: Tarjan's strongly connected components, without recursion ---- */

struct loops {
	struct hone_block *blocks;
	uint32_t *order;     /* per block: 1 + when it was met; 0: not yet */
	uint32_t *low;	     /* per block: earliest block of the stack that it reaches */
	bool *is_open;	     /* per block: still on `open` */
	uint32_t *open;	     /* blocks whose component is not complete */
	uint32_t *path;	     /* blocks being walked */
	uint8_t *edges_done; /* per block */
	uint32_t n_open, n_path, n_met;
};

static void enter(struct loops *l, uint32_t block)
{
	l->order[block] = l->low[block] = ++l->n_met;
	l->is_open[block] = true;
	l->open[l->n_open++] = block;
	l->path[l->n_path++] = block;
}

static void lower(struct loops *l, uint32_t block, uint32_t value)
{
	if (value < l->low[block])
		l->low[block] = value;
}

/* All that was opened after the block forms one component with it. */
static void close_component(struct loops *l, uint32_t block)
{
	const struct hone_block *self = &l->blocks[block];
	bool is_single = l->open[l->n_open - 1] == block;
	bool is_loop = !is_single || self->jump == (int32_t)block || self->next == (int32_t)block;
	uint32_t member;

	do {
		member = l->open[--l->n_open];
		l->is_open[member] = false;
		l->blocks[member].in_loop = is_loop;
	} while (member != block);
}

static void walk(struct loops *l, uint32_t root)
{
	enter(l, root);
	while (l->n_path > 0) {
		uint32_t block = l->path[l->n_path - 1];

		if (l->edges_done[block] < 2) {
			int32_t to = l->edges_done[block]++ == 0 ? l->blocks[block].jump
								 : l->blocks[block].next;

			if (to >= 0 && !l->order[to])
				enter(l, (uint32_t)to);
			else if (to >= 0 && l->is_open[to])
				lower(l, block, l->order[to]);
			continue;
		}
		l->n_path--;
		if (l->low[block] == l->order[block])
			close_component(l, block);
		if (l->n_path > 0)
			lower(l, l->path[l->n_path - 1], l->low[block]);
	}
}

static void find_loops(struct hone_arena *arena, struct hone_code *code)
{
	struct loops l = {
		.blocks = code->blocks,
		.order = hone_arena_alloc(arena, code->n_blocks, sizeof(uint32_t)),
		.low = hone_arena_alloc(arena, code->n_blocks, sizeof(uint32_t)),
		.is_open = hone_arena_alloc(arena, code->n_blocks, sizeof(bool)),
		.open = hone_arena_alloc(arena, code->n_blocks, sizeof(uint32_t)),
		.path = hone_arena_alloc(arena, code->n_blocks, sizeof(uint32_t)),
		.edges_done = hone_arena_alloc(arena, code->n_blocks, sizeof(uint8_t)),
	};

	/* every block is reached from the first of its function */
	for (uint32_t i = 0; i < code->n_functions; i++)
		walk(&l, code->functions[i].first_block);
}

struct hone_code *hone_decode(struct hone_arena *arena, const struct hone_unit *unit,
			      struct hone_refusal *why)
{
	size_t n = (size_t)unit->n_insns + 2; /* leads[] is asked one past the end */
	struct decoding d = {
		.arena = arena,
		.unit = unit,
		.why = why,
		.reached = hone_arena_alloc(arena, n, sizeof(bool)),
		.leads = hone_arena_alloc(arena, n, sizeof(bool)),
		.starts = hone_arena_alloc(arena, n, sizeof(bool)),
		.todo = hone_arena_alloc(arena, n, sizeof(uint32_t)),
	};
	struct hone_code *code;

	if (!explore(&d))
		return NULL;
	code = hone_arena_alloc(arena, 1, sizeof(*code));
	code->unit = unit;
	code->n_insns = unit->n_insns;
	code->insns = unit->insns;
	code->n_blocks = count_blocks(&d);
	code->blocks = hone_arena_alloc(arena, code->n_blocks, sizeof(*code->blocks));
	code->kfuncs = hone_callees_new(arena, unit);
	code->block_of = hone_arena_alloc(arena, code->n_insns, sizeof(*code->block_of));
	fill_blocks(&d, code);
	fill_edges(code);
	if (!hone_functions_fill(arena, code, d.starts, why))
		return NULL;
	find_loops(arena, code);
	return code;
}
