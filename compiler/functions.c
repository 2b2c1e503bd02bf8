// SPDX-License-Identifier: Apache-2.0
/* functions: which blocks make a function, who calls whom, which arguments a function reads.
 *
 * Last part of decode.c's work. A function starts where a call or an address points and ends
 * where the next one starts: the kernel sees them so. Recursion is refused, as the kernel does.
 * What arguments hold is for kinds.c. */
#include <stdio.h>

#include "compiler/analysis.h"
#include "compiler/insn.h"

enum { ARGUMENTS = 0x3e /* r1 to r5 */, CALL_WRITES = ARGUMENTS | 1, ROUNDS_MAX = 64 };

struct finding {
	struct hone_arena *arena;
	struct hone_code *code;
	struct hone_refusal *why;
};

static bool refuse(struct finding *f, enum hone_reason reason, uint32_t at, const char *what)
{
	f->why->reason = reason;
	snprintf(f->why->detail, sizeof(f->why->detail), "instruction %u: %s", at, what);
	return false;
}

/* ---- blocks ---- */

static void split(struct finding *f, const bool *starts)
{
	struct hone_code *code = f->code;
	struct hone_function *function = code->functions - 1;

	for (uint32_t i = 0; i < code->n_blocks; i++) {
		if (starts[code->blocks[i].first]) {
			function++;
			function->first = code->blocks[i].first;
			function->first_block = i;
		}
		function->end_block = i + 1;
		function->end = code->blocks[i].end;
		code->blocks[i].function = (uint32_t)(function - code->functions);
	}
}

static bool check_edges(struct finding *f)
{
	const struct hone_code *code = f->code;

	for (uint32_t i = 0; i < code->n_blocks; i++) {
		const struct hone_block *block = &code->blocks[i];

		if ((block->jump >= 0 && code->blocks[block->jump].function != block->function) ||
		    (block->next >= 0 && code->blocks[block->next].function != block->function))
			return refuse(f, HONE_NO_BAD_JUMP, block->end - 1,
				      "a way from one function into another");
	}
	return true;
}

/* ---- who calls whom ---- */

enum { NEW, OPEN, DONE };

/* Depth first; `next` is where each open function's walk goes on. */
struct calls {
	uint8_t *state;
	uint32_t *next;
	uint32_t *path;
	uint32_t n_path;
};

static void open_function(const struct hone_code *code, struct calls *calls, uint32_t function)
{
	calls->state[function] = OPEN;
	calls->next[function] = code->functions[function].first;
	calls->path[calls->n_path++] = function;
}

/* The next call or address in an open function; its end: none is left. */
static uint32_t next_call(const struct hone_code *code, struct calls *calls, uint32_t function)
{
	uint32_t at = calls->next[function], end = code->functions[function].end;

	while (at < end &&
	       !(code->block_of[at] >= 0 && (hone_insn_is_local_call(&code->insns[at]) ||
					     hone_insn_is_function_address(&code->insns[at]))))
		at++;
	calls->next[function] = at < end ? at + 1 : end;
	return at;
}

static bool walk_calls(struct finding *f, struct calls *calls)
{
	const struct hone_code *code = f->code;

	open_function(code, calls, 0);
	while (calls->n_path > 0) {
		uint32_t function = calls->path[calls->n_path - 1];
		uint32_t at = next_call(code, calls, function), callee;

		if (at == code->functions[function].end) {
			calls->state[function] = DONE;
			calls->n_path--;
			continue;
		}
		callee = hone_function_named(code, at);
		if (hone_insn_is_function_address(&code->insns[at]))
			code->functions[callee].is_callback = true;
		if (calls->state[callee] == OPEN)
			return refuse(f, HONE_NO_RECURSION, at, "calls a function it is in");
		if (calls->state[callee] == NEW)
			open_function(code, calls, callee);
	}
	return true;
}

static bool check_calls(struct finding *f)
{
	uint32_t n = f->code->n_functions;
	struct calls calls = {
		.state = hone_arena_alloc(f->arena, n, sizeof(uint8_t)),
		.next = hone_arena_alloc(f->arena, n, sizeof(uint32_t)),
		.path = hone_arena_alloc(f->arena, n, sizeof(uint32_t)),
	};

	return walk_calls(f, &calls);
}

/* ---- arguments: registers live at a function's start, backwards ---- */

/* Registers that an instruction reads and writes. */
static void find_uses(const struct hone_code *code, uint32_t at, uint32_t *reads, uint32_t *writes)
{
	const struct bpf_insn *insn = &code->insns[at];
	uint32_t dst = 1u << insn->dst_reg, src = 1u << insn->src_reg;
	bool has_src = BPF_SRC(insn->code) == BPF_X;

	*reads = *writes = 0;
	if (hone_insn_is_alu(insn)) {
		bool is_swap = BPF_OP(insn->code) == BPF_END;

		*reads =
			(has_src && !is_swap ? src : 0) | (BPF_OP(insn->code) == BPF_MOV ? 0 : dst);
		*writes = dst;
	} else if (hone_insn_class(insn) == BPF_LDX) {
		*reads = src;
		*writes = dst;
	} else if (hone_insn_class(insn) == BPF_LD) {
		*reads = hone_insn_is_packet_load(insn) ? src : 0;
		*writes = dst;
	} else if (hone_insn_class(insn) == BPF_ST) {
		*reads = dst;
	} else if (hone_insn_class(insn) == BPF_STX) {
		*reads = dst | src | 1; /* r0: of a compare-exchange */
	} else if (hone_insn_is_local_call(insn)) {
		*reads = code->functions[hone_function_named(code, at)].args;
		*writes = CALL_WRITES;
	} else if (hone_insn_is_call(insn)) {
		*reads = ARGUMENTS;
		*writes = CALL_WRITES;
	} else if (hone_insn_is_exit(insn)) {
		*reads = 1;
	} else if (!hone_insn_is_goto(insn)) {
		*reads = dst | (has_src ? src : 0);
	}
}

static uint32_t live_before(const struct hone_code *code, const struct hone_block *block,
			    uint32_t live)
{
	for (uint32_t at = block->end; at-- > block->first;) {
		uint32_t reads, writes;

		if (code->block_of[at] < 0)
			continue; /* second half of a 64-bit constant */
		find_uses(code, at, &reads, &writes);
		live = (live & ~writes) | reads;
	}
	return live;
}

static bool grow_live(struct hone_code *code, uint32_t *live_in)
{
	bool is_changed = false;

	for (uint32_t i = code->n_blocks; i-- > 0;) {
		const struct hone_block *block = &code->blocks[i];
		struct hone_function *function = &code->functions[block->function];
		uint32_t live = (block->jump >= 0 ? live_in[block->jump] : 0) |
				(block->next >= 0 ? live_in[block->next] : 0);

		live = live_before(code, block, live);
		is_changed |= live != live_in[i];
		live_in[i] = live;
		if (i == function->first_block)
			function->args = live & ARGUMENTS;
	}
	return is_changed;
}

/* A program that takes more rounds is none that a compiler made: it reads all arguments. */
static void find_arguments(struct hone_code *code, uint32_t *live_in)
{
	int rounds = 0;

	while (grow_live(code, live_in) && rounds < ROUNDS_MAX)
		rounds++;
	for (uint32_t i = 0; rounds == ROUNDS_MAX && i < code->n_functions; i++)
		code->functions[i].args = ARGUMENTS;
}

static void find_tail_calls(struct hone_code *code)
{
	for (uint32_t at = 0; at < code->n_insns; at++) {
		const struct bpf_insn *insn = &code->insns[at];

		if (code->block_of[at] >= 0 && hone_insn_is_helper_call(insn) &&
		    insn->imm == BPF_FUNC_tail_call)
			code->functions[hone_function_at(code, at)].may_leave = true;
	}
}

bool hone_functions_fill(struct hone_arena *arena, struct hone_code *code, const bool *starts,
			 struct hone_refusal *why)
{
	struct finding f = {.arena = arena, .code = code, .why = why};
	uint32_t *live_in = hone_arena_alloc(arena, code->n_blocks, sizeof(*live_in));

	for (uint32_t i = 0; i < code->n_blocks; i++)
		code->n_functions += starts[code->blocks[i].first];
	code->functions = hone_arena_alloc(arena, code->n_functions, sizeof(*code->functions));
	split(&f, starts);
	if (!check_edges(&f) || !check_calls(&f))
		return false;
	find_arguments(code, live_in);
	find_tail_calls(code);
	return true;
}
