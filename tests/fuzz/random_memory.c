// SPDX-License-Identifier: Apache-2.0
/* random_memory: statements on the stack's array and on the packet. */
#include "tests/fuzz/random_build.h"

enum { DATA = 0, DATA_END = 4 }; /* of struct xdp_md */

/* ---- an array on the stack ---- */

static void make_array(struct random_build *b)
{
	if (one_in(b, 2))
		emit_any_load(b, BPF_REG_10, b->f->at_array, b->f->array_bytes);
	else
		emit_any_store(b, BPF_REG_10, b->f->at_array, b->f->array_bytes);
}

/* base: r1 += (variable below n) * size; accesses of that size, elements from 0 on */
static void emit_variable_access(struct random_build *b, uint32_t base, int off, uint32_t n_bytes)
{
	uint32_t shift = below(b, n_bytes >= 8 ? 4 : n_bytes >= 4 ? 3 : n_bytes >= 2 ? 2 : 1);
	uint32_t bytes = 1u << shift, n = n_bytes >> shift;

	while (n & (n - 1)) /* a power of two */
		n &= n - 1;
	emit_index(b, 2, n);
	if (shift)
		emit_alu(b, BPF_LSH, 2, (int)shift);
	emit(b, BPF_ALU64 | BPF_ADD | BPF_X, base, 2, 0, 0);
	if (one_in(b, 2)) {
		emit_load(b, bytes, 0, base, off);
		set(b, any_variable(b), 0);
	} else {
		emit_store(b, bytes, base, off, use(b, any_variable(b), 3));
	}
}

static void make_array_variable(struct random_build *b)
{
	emit_mov(b, 1, BPF_REG_10);
	if (one_in(b, 2)) {
		emit_add(b, 1, b->f->at_array);
		emit_variable_access(b, 1, 0, b->f->array_bytes);
	} else {
		emit_variable_access(b, 1, b->f->at_array, b->f->array_bytes);
	}
}

static void make_atomic(struct random_build *b)
{
	emit_any_atomic(b, BPF_REG_10, b->f->at_array, b->f->array_bytes);
}

/* ---- the packet ---- */

static bool may_open(struct random_build *b)
{
	return b->f->has_context && b->f->depth < DEPTH - b->f->n_loops && b->f->n_scopes < SCOPES;
}

/* r0 = data, and a jump to where fewer than n bytes follow it. */
static uint32_t emit_bounds(struct random_build *b, uint32_t n)
{
	emit_load(b, 4, 0, BPF_REG_6, DATA);
	emit_load(b, 4, 2, BPF_REG_6, DATA_END);
	emit_mov(b, 1, 0);
	emit_add(b, 1, (int)n);
	switch (below(b, 3)) {
	case 0:
		return emit_jump(b, BPF_JMP | BPF_JLT | BPF_X, 2, 1, 0);
	default:
		return emit_jump(b, BPF_JMP | BPF_JGT | BPF_X, 1, 2, 0);
	}
}

static void make_packet(struct random_build *b)
{
	static const uint32_t sizes[] = {14, 14, 18, 34, 34, 38, 42, 54, 60, 64, 128, 400};
	uint32_t n = PICK(b, sizes), end, shorter = emit_bounds(b, n);

	open_scope(b, SCOPE_PACKET, 0, n);
	make_block(b);
	close_scope(b);
	if (one_in(b, 3)) {
		end = emit_jump(b, BPF_JMP | BPF_JA, 0, 0, 0);
		land(b, shorter);
		make_block(b);
		land(b, end);
		return;
	}
	land(b, shorter);
}

static bool has_packet(struct random_build *b)
{
	return has_scope(b, SCOPE_PACKET);
}

static void make_packet_access(struct random_build *b)
{
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_PACKET, 4, &scope);

	if (!one_in(b, 3))
		emit_any_load(b, base, 0, scope->n_bytes);
	else
		emit_any_store(b, base, 0, scope->n_bytes);
}

/* An offset from the packet itself, and a bounds check of its own behind it. */
static void make_packet_variable(struct random_build *b)
{
	static const uint32_t masks[] = {16, 64, 64, 256};
	const struct random_scope *scope;
	uint32_t base = use_scope(b, SCOPE_PACKET, 4, &scope), bytes = 1u << below(b, 4), beyond;

	emit_index(b, 2, PICK(b, masks));
	emit_mov(b, 1, base);
	emit(b, BPF_ALU64 | BPF_ADD | BPF_X, 1, 2, 0, 0);
	emit_load(b, 4, 3, BPF_REG_6, DATA_END);
	emit_mov(b, 5, 1);
	emit_add(b, 5, (int)bytes);
	beyond = emit_jump(b, BPF_JMP | BPF_JGT | BPF_X, 5, 3, 0);
	if (one_in(b, 2)) {
		emit_load(b, bytes, 0, 1, 0);
		set(b, any_variable(b), 0);
	} else {
		emit_store(b, bytes, 1, 0, use(b, any_variable(b), 3));
	}
	land(b, beyond);
}

/* ---- helpers on memory ---- */

static void emit_array_pointer(struct random_build *b, uint32_t reg)
{
	emit_mov(b, reg, BPF_REG_10);
	emit_add(b, reg, b->f->at_array);
}

static void make_csum_diff(struct random_build *b)
{
	emit_imm(b, 1, 0);
	emit_imm(b, 2, 0);
	emit_array_pointer(b, 3);
	emit_imm(b, 4, 4 * (1 + below(b, b->f->array_bytes / 4)));
	load_variable(b, any_variable(b), 5);
	emit_call(b, BPF_FUNC_csum_diff);
	set(b, any_variable(b), 0);
}

/* Packet bytes to the array, or back; the length may be a variable. */
static void make_load_bytes(struct random_build *b, int32_t helper)
{
	uint32_t n = b->f->array_bytes;

	if (one_in(b, 2)) {
		emit_index(b, 4, n);
		emit_add(b, 4, one_in(b, 2));
		emit_alu(b, BPF_AND, 4, (int)n - 1);
		emit_alu(b, BPF_OR, 4, 1);
	} else {
		emit_imm(b, 4, 1 + below(b, n));
	}
	emit_index(b, 2, 64);
	emit_mov(b, 1, BPF_REG_6);
	emit_array_pointer(b, 3);
	emit_call(b, helper);
	set(b, any_variable(b), 0);
}

static void make_helper(struct random_build *b)
{
	switch (below(b, b->f->has_context ? 4 : 2)) {
	case 0:
		make_csum_diff(b);
		return;
	case 2:
		make_load_bytes(b, BPF_FUNC_xdp_load_bytes);
		return;
	case 3:
		emit_mov(b, 1, BPF_REG_6);
		emit_call(b, BPF_FUNC_xdp_get_buff_len);
		set(b, any_variable(b), 0);
		return;
	default:
		emit_call(b, BPF_FUNC_get_smp_processor_id);
		set(b, any_variable(b), 0);
	}
}

static bool may_resize(struct random_build *b)
{
	return b->f->has_context && !has_scope(b, SCOPE_PACKET);
}

/* No pointer into the packet outlives it. */
static void make_resize(struct random_build *b)
{
	static const int32_t helpers[] = {BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail,
					  BPF_FUNC_xdp_adjust_meta};
	static const int by[] = {-8, -4, 4, -14, 14, 20, -40, 0, -300, 300};

	if (one_in(b, 3)) {
		make_load_bytes(b, BPF_FUNC_xdp_store_bytes);
		return;
	}
	emit_mov(b, 1, BPF_REG_6);
	emit_imm(b, 2, PICK(b, by));
	emit_call(b, PICK(b, helpers));
	set(b, any_variable(b), 0);
}

const struct random_kind random_memory_kinds[] = {
	{RANDOM_ARRAY, 8, NULL, make_array},
	{RANDOM_ARRAY_VARIABLE, 6, NULL, make_array_variable},
	{RANDOM_ATOMIC, 4, NULL, make_atomic},
	{RANDOM_PACKET, 8, may_open, make_packet},
	{RANDOM_PACKET_ACCESS, 24, has_packet, make_packet_access},
	{RANDOM_PACKET_VARIABLE, 5, has_packet, make_packet_variable},
	{RANDOM_HELPER, 3, NULL, make_helper},
	{RANDOM_RESIZE, 1, may_resize, make_resize},
	{0},
};
