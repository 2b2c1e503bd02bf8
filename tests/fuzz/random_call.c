// SPDX-License-Identifier: Apache-2.0
/* random_call: a program as a whole: its maps, its first and last instructions, and the functions
 * of its own that it calls or hands to the kernel. */
#include "tests/fuzz/random_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PSEUDO_FUNC_CODE (BPF_LD | BPF_IMM | BPF_DW)

/* ---- maps ---- */

static void choose_map(struct random_build *b, struct random_map *map)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_HASH,	   BPF_MAP_TYPE_HASH,
					 BPF_MAP_TYPE_ARRAY,	   BPF_MAP_TYPE_ARRAY,
					 BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
					 BPF_MAP_TYPE_LRU_HASH,	   BPF_MAP_TYPE_LPM_TRIE};
	static const uint32_t keys[] = {1, 2, 4, 4, 4, 6, 8, 12, 16}, prefixes[] = {6, 8, 12, 16};
	static const uint32_t values[] = {1, 2, 4, 8, 8, 16, 24, 40, 64};
	static const uint32_t sizes[] = {1, 4, 16, 64, 256};
	static const uint32_t fills[] = {0, 0, 1, 2, 5, 20, 300};

	*map = (struct random_map){.type = PICK(b, types),
				   .key_size = PICK(b, keys),
				   .value_size = PICK(b, values),
				   .max_entries = PICK(b, sizes),
				   .role = RANDOM_READ + below(b, 3),
				   .n_entries = PICK(b, fills)};
	if (map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		map->key_size = 4;
	if (map->type == BPF_MAP_TYPE_LPM_TRIE)
		map->key_size = PICK(b, prefixes);
	if (map->type == BPF_MAP_TYPE_ARRAY && one_in(b, 3)) { /* as .data and .rodata are */
		map->max_entries = 1;
		map->value_size = 64;
		map->n_entries = 1;
	}
	if (map->type == BPF_MAP_TYPE_ARRAY && map->max_entries == 1 && one_in(b, 3))
		map->role = RANDOM_FROZEN; /* larger ones: the kernel refuses constant reads */
	if (map->type == BPF_MAP_TYPE_LRU_HASH)
		map->max_entries = 256; /* what is evicted is the kernel's choice */
}

static void choose_maps(struct random_build *b)
{
	struct random_program *program = b->program;

	program->n_maps = 1 + below(b, RANDOM_MAPS);
	for (uint32_t i = 0; i < program->n_maps; i++) {
		if (i > 0 && one_in(b, 4))
			program->maps[i] = program->maps[below(b, i)];
		else
			choose_map(b, &program->maps[i]);
	}
}

/* ---- functions ---- */

/* The function that is written from here on; NULL: too many. */
static struct random_function *begin_function(struct random_build *b, uint32_t array_bytes)
{
	struct random_function *f = &b->functions[b->n_functions];

	if (b->n_functions == RANDOM_FUNCTIONS)
		return NULL;
	if (!f->insns)
		f->insns = calloc(RANDOM_INSNS, sizeof(*f->insns));
	if (!f->insns)
		return NULL;
	f->is_main = b->n_functions == 0;
	f->array_bytes = array_bytes;
	f->at_array = AT_VALUE - (int)array_bytes;
	b->n_functions++;
	return f;
}

static void emit_array_zeros(struct random_build *b)
{
	for (uint32_t i = 0; i < b->f->array_bytes; i += 8)
		emit(b, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, b->f->at_array + (int)i, 0);
}

/* Variables from what the arguments gave in r1 and r2, and constants. */
static void emit_arguments(struct random_build *b)
{
	for (uint32_t i = 0; i < VARIABLES; i++) {
		if (i >= 4)
			emit_imm(b, 1 + i % 2, any_constant(b));
		set(b, i, 1 + i % 2);
	}
	emit_array_zeros(b);
}

static void emit_return(struct random_build *b, uint32_t mask)
{
	uint32_t reg;

	load_variable(b, any_variable(b), 0);
	for (uint32_t i = 0; i < VARIABLES; i++) {
		reg = use(b, i, 1);
		emit(b, BPF_ALU64 | (i % 2 ? BPF_ADD : BPF_XOR) | BPF_X, 0, reg, 0, 0);
	}
	if (mask)
		emit_alu(b, BPF_AND, 0, (int)mask);
	emit(b, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static bool may_call(struct random_build *b)
{
	return b->f->is_main && b->f->array_bytes <= 64 && b->n_functions < RANDOM_FUNCTIONS &&
	       !has_scope(b, SCOPE_PACKET);
}

/* A function of context, two numbers and the caller's array. */
static bool make_subprogram(struct random_build *b, uint32_t array_bytes)
{
	struct random_function *caller = b->f;

	b->f = begin_function(b, 16);
	if (!b->f) {
		b->f = caller;
		return false;
	}
	b->f->has_context = true;
	emit_mov(b, BPF_REG_6, 1);
	emit_mov(b, 0, 4);
	emit_mov(b, 1, 3);
	emit_arguments(b);
	open_scope(b, SCOPE_MEMORY, 0, array_bytes);
	make_statements(b, 2 + below(b, 4));
	close_scope(b);
	emit_return(b, 0);
	b->f = caller;
	return true;
}

static void emit_array_argument(struct random_build *b, uint32_t reg)
{
	emit_mov(b, reg, BPF_REG_10);
	emit_add(b, reg, b->f->at_array);
}

static void make_call(struct random_build *b)
{
	uint32_t callee = b->n_functions;

	if (!make_subprogram(b, b->f->array_bytes))
		return;
	for (uint32_t n = 1 + below(b, 2); n > 0; n--) {
		load_variable(b, any_variable(b), 2);
		load_variable(b, any_variable(b), 3);
		emit_array_argument(b, 4);
		emit_mov(b, 1, BPF_REG_6);
		emit(b, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, callee);
		set(b, any_variable(b), 0);
	}
}

/* A function of an index and the caller's array, as bpf_loop() calls it. */
static bool make_loop_callback(struct random_build *b, uint32_t array_bytes)
{
	struct random_function *caller = b->f;

	b->f = begin_function(b, 16);
	if (!b->f) {
		b->f = caller;
		return false;
	}
	b->f->n_loops = 1; /* the verifier walks it again and again */
	emit_mov(b, 0, 2);
	emit_mov(b, 2, 1);
	emit_arguments(b);
	open_scope(b, SCOPE_MEMORY, 0, array_bytes);
	make_statements(b, 1 + below(b, 3));
	close_scope(b);
	emit_return(b, one_in(b, 2) ? 1 : 0);
	if (b->f->insns[b->f->n_insns - 2].code != (BPF_ALU64 | BPF_AND | BPF_K)) {
		b->f->n_insns--;
		emit_imm(b, 0, 0);
		emit(b, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	b->f = caller;
	return true;
}

static void make_callback(struct random_build *b)
{
	uint32_t callee = b->n_functions;

	if (!make_loop_callback(b, b->f->array_bytes))
		return;
	b->program->has_callbacks = true;
	if (one_in(b, 2))
		emit_imm(b, 1, 1 + below(b, 20));
	else
		emit_index(b, 1, 16);
	emit(b, PSEUDO_FUNC_CODE, 2, BPF_PSEUDO_FUNC, 0, callee);
	emit(b, 0, 0, 0, 0, 0);
	emit_array_argument(b, 3);
	emit_imm(b, 4, 0);
	emit_call(b, BPF_FUNC_loop);
	set(b, any_variable(b), 0);
}

/* ---- memory that was passed ---- */

static bool has_memory(struct random_build *b)
{
	return has_scope(b, SCOPE_MEMORY);
}

static void make_memory(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_MEMORY, 4, &scope);

	if (one_in(b, 2))
		emit_any_load(b, base, 0, scope->n_bytes);
	else
		emit_any_store(b, base, 0, scope->n_bytes);
}

const struct random_kind random_call_kinds[] = {
	{RANDOM_CALL, 2, may_call, make_call},
	{RANDOM_CALLBACK, 1, may_call, make_callback},
	{RANDOM_ARRAY, 12, has_memory, make_memory},
	{0},
};

/* ---- the program itself ---- */

/* r0 = data, and a jump to where fewer than n bytes follow it. */
static uint32_t emit_bounds(struct random_build *b, uint32_t n)
{
	emit_load(b, 4, 0, BPF_REG_6, 0);
	emit_load(b, 4, 2, BPF_REG_6, 4);
	emit_mov(b, 1, 0);
	emit_add(b, 1, (int)n);
	return emit_jump(b, BPF_JMP | BPF_JGT | BPF_X, 1, 2, 0);
}

/* Each variable from some bytes of the packet's first n. */
static void emit_packet_variables(struct random_build *b, uint32_t n)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};

	for (uint32_t i = 0; i < VARIABLES; i++) {
		uint32_t bytes = PICK(b, sizes);

		emit_load(b, bytes, 1, 0, (int)below(b, n - bytes + 1));
		set(b, i, 1);
	}
}

static void emit_begin(struct random_build *b)
{
	uint32_t shorter, none, end, done;

	emit_mov(b, BPF_REG_6, 1);
	shorter = emit_bounds(b, 54);
	emit_packet_variables(b, 54);
	end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
	land(b, shorter);
	none = emit_bounds(b, 14);
	emit_packet_variables(b, 14);
	done = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
	land(b, none);
	emit_imm(b, 0, 1);
	emit(b, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	land(b, end);
	land(b, done);
	emit_array_zeros(b);
}

/* What the program knows goes into the packet and into the verdict; or into the verdict alone. */
static void emit_end(struct random_build *b)
{
	bool only_verdict = one_in(b, 6);
	uint32_t shorter;

	emit_imm(b, 3, 0);
	for (uint32_t i = 0; i < VARIABLES; i++) {
		emit(b, BPF_ALU64 | BPF_XOR | BPF_X, 3, use(b, i, 1), 0, 0);
		emit(b, BPF_ALU64 | BPF_MUL | BPF_K, 3, 0, 0, 0x5bd1e995);
	}
	for (uint32_t i = 0; i < b->f->array_bytes; i += 8) {
		emit_load(b, 8, 1, BPF_REG_10, b->f->at_array + (int)i);
		emit(b, BPF_ALU64 | BPF_ADD | BPF_X, 3, 1, 0, 0);
	}
	if (!only_verdict) {
		shorter = emit_bounds(b, 14);
		emit_store(b, 8, 0, 0, 3);
		land(b, shorter);
		shorter = emit_bounds(b, 14 + 8 * VARIABLES);
		for (uint32_t i = 0; i < VARIABLES; i++)
			emit_store(b, 8, 0, 14 + 8 * (int)i, use(b, i, 1));
		land(b, shorter);
	}
	emit_mov(b, 0, 3);
	emit_alu(b, BPF_RSH, 0, 32);
	emit(b, BPF_ALU64 | BPF_XOR | BPF_X, 0, 3, 0, 0);
	emit_alu(b, BPF_AND, 0, 3);
	emit(b, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void make_main(struct random_build *b, uint32_t n_statements)
{
	static const uint32_t arrays[] = {8, 16, 32, 64, 64, 128};

	b->f = begin_function(b, PICK(b, arrays));
	if (!b->f) {
		b->is_full = true;
		return;
	}
	b->f->has_context = true;
	emit_begin(b);
	make_statements(b, n_statements);
	emit_end(b);
}

/* ---- all functions in a row ---- */

static void resolve(struct random_program *program)
{
	for (uint32_t at = 0; at < program->n_insns; at++) {
		struct bpf_insn *insn = &program->insns[at];
		bool names_function =
			(insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) ||
			(insn->code == PSEUDO_FUNC_CODE && insn->src_reg == BPF_PSEUDO_FUNC);

		if (names_function)
			insn->imm = (int32_t)(program->functions[insn->imm] - at - 1);
	}
}

static int join(struct random_build *b)
{
	struct random_program *program = b->program;

	for (uint32_t i = 0; i < b->n_functions; i++) {
		const struct random_function *f = &b->functions[i];

		if (program->n_insns + f->n_insns > RANDOM_INSNS)
			return -E2BIG;
		program->functions[i] = program->n_insns;
		memcpy(program->insns + program->n_insns, f->insns, f->n_insns * sizeof(*f->insns));
		program->n_insns += f->n_insns;
	}
	program->n_functions = b->n_functions;
	resolve(program);
	return 0;
}

int random_program_make(uint64_t seed, const struct random_options *options,
			struct random_program *out)
{
	struct random_build b = {.program = out, .options = options, .random = seed};
	int err = 0;

	*out = (struct random_program){
		.seed = seed, .insns = out->insns, .statements = out->statements};
	random_next(&b.random);
	choose_maps(&b);
	make_main(&b, options->size ? options->size : 3 + below(&b, 8));
	err = b.is_full ? -E2BIG : join(&b);
	for (size_t i = 0; i < RANDOM_FUNCTIONS; i++)
		free(b.functions[i].insns);
	return err;
}
