// SPDX-License-Identifier: Apache-2.0
/* random_build: see the header: choices, instructions, variables, blocks and scopes. What the
 * statements are is for random_scalar.c, random_memory.c, random_map.c and random_call.c. */
#include "tests/fuzz/random_build.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- choices ---- */

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(random_next(state) % n);
}

uint32_t below(struct random_build *b, uint32_t n)
{
	assert(n > 0);
	return random_below(&b->random, n);
}

bool one_in(struct random_build *b, uint32_t n)
{
	return below(b, n) == 0;
}

int64_t any_constant(struct random_build *b)
{
	static const int64_t edges[] = {
		0,	 1,	     -1,     2,	      7,	  15,	      31,	 32,
		63,	 64,	     255,    256,     -128,	  0x7fff,     -0x8000,	 0xffff,
		0x10000, 0x7fffffff, 1 << 8, 1 << 16, 0x80000000, 0xffffffff, INT64_MAX, INT64_MIN,
		1500,	 14,	     0x0800, 0x86dd,  -2,	  0x100000000};

	switch (below(b, 4)) {
	case 0:
		return (int64_t)random_next(&b->random);
	case 1:
		return below(b, 300);
	default:
		return PICK(b, edges);
	}
}

/* ---- instructions ---- */

void emit(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int off, int64_t imm)
{
	struct random_function *f = b->f;

	if (f->n_insns == RANDOM_INSNS) {
		b->is_full = true;
		return;
	}
	f->insns[f->n_insns++] = (struct bpf_insn){
		.code = code,
		.dst_reg = dst & 15u,
		.src_reg = src & 15u,
		.off = (int16_t)off,
		.imm = (int32_t)imm,
	};
}

void emit_mov(struct random_build *b, uint32_t dst, uint32_t src)
{
	emit(b, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void emit_imm(struct random_build *b, uint32_t dst, int64_t imm)
{
	if (imm == (int32_t)imm) {
		emit(b, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
		return;
	}
	emit(b, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, imm);
	emit(b, 0, 0, 0, 0, imm >> 32);
}

void emit_alu(struct random_build *b, uint8_t op, uint32_t dst, int imm)
{
	emit(b, BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}

void emit_add(struct random_build *b, uint32_t dst, int imm)
{
	emit_alu(b, BPF_ADD, dst, imm);
}

static uint8_t size_code(uint32_t bytes)
{
	return bytes == 1 ? BPF_B : bytes == 2 ? BPF_H : bytes == 4 ? BPF_W : BPF_DW;
}

void emit_load(struct random_build *b, uint32_t bytes, uint32_t dst, uint32_t src, int off)
{
	emit(b, BPF_LDX | BPF_MEM | size_code(bytes), dst, src, off, 0);
}

void emit_store(struct random_build *b, uint32_t bytes, uint32_t dst, int off, uint32_t src)
{
	emit(b, BPF_STX | BPF_MEM | size_code(bytes), dst, src, off, 0);
}

void emit_map(struct random_build *b, uint32_t dst, uint32_t map)
{
	emit(b, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, map);
	emit(b, 0, 0, 0, 0, 0);
}

void emit_call(struct random_build *b, int32_t helper)
{
	emit(b, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

uint32_t emit_jump(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int64_t imm)
{
	emit(b, code, dst, src, 0, imm);
	return b->f->n_insns - 1;
}

void land(struct random_build *b, uint32_t jump)
{
	struct bpf_insn *insn = &b->f->insns[jump];
	uint32_t distance = b->f->n_insns - jump - 1;

	if (insn->code == (BPF_JMP32 | BPF_JA))
		insn->imm = (int32_t)distance;
	else if (distance <= INT16_MAX)
		insn->off = (int16_t)distance;
	else
		b->is_full = true;
}

void emit_back(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int64_t imm,
	       uint32_t to)
{
	int distance = (int)to - (int)b->f->n_insns - 1;

	if (distance < INT16_MIN)
		b->is_full = true;
	emit(b, code, dst, src, distance, imm);
}

/* ---- accesses ---- */

static uint32_t any_size(struct random_build *b, uint32_t n_bytes)
{
	uint32_t bytes = 1u << below(b, 4);

	while (bytes > n_bytes)
		bytes /= 2;
	return bytes;
}

/* Aligned relative to `off`, as all bases here are to 8. */
static int any_offset(struct random_build *b, int off, uint32_t bytes, uint32_t n_bytes)
{
	return off + (int)(below(b, n_bytes / bytes) * bytes);
}

void emit_any_load(struct random_build *b, uint32_t base, int off, uint32_t n_bytes)
{
	enum { MEMSX = 0x80 };
	uint32_t bytes = any_size(b, n_bytes);
	int at = any_offset(b, off, bytes, n_bytes);

	if (bytes < 8 && one_in(b, 4))
		emit(b, BPF_LDX | MEMSX | size_code(bytes), 0, base, at, 0);
	else
		emit_load(b, bytes, 0, base, at);
	set(b, any_variable(b), 0);
}

void emit_any_store(struct random_build *b, uint32_t base, int off, uint32_t n_bytes)
{
	uint32_t bytes = any_size(b, n_bytes);
	int at = any_offset(b, off, bytes, n_bytes);

	if (one_in(b, 3))
		emit(b, BPF_ST | BPF_MEM | size_code(bytes), base, 0, at, any_constant(b));
	else
		emit_store(b, bytes, base, at, use(b, any_variable(b), 0));
}

/* Where a 32-bit compare-and-exchange succeeds, x86 leaves the upper half of r0 alone; the kernel
 * clears it only where it sees the half read (kernel/bpf/verifier.c is_cmpxchg_insn()), and 6.18
 * was seen to miss a read. So it is cleared here. */
void emit_any_atomic(struct random_build *b, uint32_t base, int off, uint32_t n_bytes)
{
	static const int ops[] = {BPF_ADD,
				  BPF_OR,
				  BPF_AND,
				  BPF_XOR,
				  BPF_ADD | BPF_FETCH,
				  BPF_OR | BPF_FETCH,
				  BPF_AND | BPF_FETCH,
				  BPF_XOR | BPF_FETCH,
				  BPF_XCHG,
				  BPF_CMPXCHG};
	uint32_t bytes = n_bytes < 8 || one_in(b, 2) ? 4 : 8;
	int at = any_offset(b, off, bytes, n_bytes), op = PICK(b, ops);

	load_variable(b, any_variable(b), 2);
	if (op == BPF_CMPXCHG)
		load_variable(b, any_variable(b), 0);
	emit(b, BPF_STX | BPF_ATOMIC | size_code(bytes), base, 2, at, op);
	if (op == BPF_CMPXCHG && bytes == 4)
		emit(b, BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
	if (op == BPF_CMPXCHG)
		set(b, any_variable(b), 0);
	else if (op & BPF_FETCH)
		set(b, any_variable(b), 2);
}

void emit_index(struct random_build *b, uint32_t reg, uint32_t n)
{
	uint32_t small;

	load_variable(b, any_variable(b), reg);
	switch (below(b, 4)) {
	case 0:
		emit(b, BPF_ALU | BPF_AND | BPF_K, reg, 0, 0, n - 1);
		break;
	case 1: /* the top bits; a remainder says nothing to the verifier */
		emit_alu(b, BPF_RSH, reg, 32);
		emit_alu(b, BPF_AND, reg, (int)n - 1);
		break;
	case 2: /* a compare; what is out of range becomes 0 */
		small = emit_jump(b, BPF_JMP | BPF_JLT | BPF_K, reg, 0, n);
		emit_imm(b, reg, 0);
		land(b, small);
		break;
	default:
		emit_alu(b, BPF_AND, reg, (int)n - 1);
	}
}

/* ---- variables ---- */

uint32_t any_variable(struct random_build *b)
{
	return below(b, VARIABLES);
}

static int variable_at(uint32_t variable)
{
	return AT_VARIABLE - 8 * (int)(variable - 2);
}

uint32_t use(struct random_build *b, uint32_t variable, uint32_t into)
{
	if (variable < 2)
		return BPF_REG_8 + variable;
	emit_load(b, 8, into, BPF_REG_10, variable_at(variable));
	return into;
}

void load_variable(struct random_build *b, uint32_t variable, uint32_t into)
{
	uint32_t reg = use(b, variable, into);

	if (reg != into)
		emit_mov(b, into, reg);
}

void set(struct random_build *b, uint32_t variable, uint32_t reg)
{
	if (variable < 2)
		emit_mov(b, BPF_REG_8 + variable, reg);
	else
		emit_store(b, 8, BPF_REG_10, variable_at(variable), reg);
}

/* ---- scopes ---- */

void open_scope(struct random_build *b, enum random_scope_kind kind, uint32_t map, uint32_t n_bytes)
{
	struct random_scope *scope = &b->f->scope[b->f->n_scopes];

	*scope = (struct random_scope){.kind = kind,
				       .map = map,
				       .n_bytes = n_bytes,
				       .in_register = !b->f->r7_is_used && !one_in(b, 3)};
	if (scope->in_register) {
		emit_mov(b, BPF_REG_7, 0);
		b->f->r7_is_used = true;
	} else {
		emit_store(b, 8, BPF_REG_10, AT_POINTER - 8 * (int)b->f->n_scopes, 0);
	}
	b->f->n_scopes++;
}

void close_scope(struct random_build *b)
{
	if (b->f->scope[--b->f->n_scopes].in_register)
		b->f->r7_is_used = false;
}

bool has_scope(const struct random_build *b, enum random_scope_kind kind)
{
	for (uint32_t i = 0; i < b->f->n_scopes; i++)
		if (b->f->scope[i].kind == kind)
			return true;
	return false;
}

uint32_t use_scope(struct random_build *b, enum random_scope_kind kind, uint32_t into,
		   const struct random_scope **scope)
{
	uint32_t at = below(b, b->f->n_scopes);

	while (b->f->scope[at].kind != kind)
		at = (at + 1) % b->f->n_scopes;
	*scope = &b->f->scope[at];
	if ((*scope)->in_register)
		return BPF_REG_7;
	emit_load(b, 8, into, BPF_REG_10, AT_POINTER - 8 * (int)at);
	return into;
}

bool find_map(struct random_build *b, bool (*fits)(const struct random_map *map), uint32_t *map)
{
	uint32_t n = b->program->n_maps, at = below(b, n);

	for (uint32_t i = 0; i < n; i++, at = (at + 1) % n) {
		if (fits(&b->program->maps[at])) {
			*map = at;
			return true;
		}
	}
	return false;
}

/* ---- blocks ---- */

static const struct random_kind *const all_kinds[] = {random_scalar_kinds, random_memory_kinds,
						      random_map_kinds, random_call_kinds};

enum { N_FILES = sizeof(all_kinds) / sizeof(all_kinds[0]) };

/* What may stand here is asked once: an answer may be a choice, too. */
static const struct random_kind *any_kind(struct random_build *b)
{
	const struct random_kind *possible[RANDOM_WHAT_N + N_FILES];
	uint32_t n = 0, sum = 0, chosen, i = 0;

	for (size_t file = 0; file < N_FILES; file++) {
		for (const struct random_kind *kind = all_kinds[file]; kind->weight; kind++) {
			if (b->options->without >> kind->what & 1)
				continue;
			if (kind->is_possible && !kind->is_possible(b))
				continue;
			possible[n++] = kind;
			sum += kind->weight;
		}
	}
	for (chosen = below(b, sum); chosen >= possible[i]->weight; i++)
		chosen -= possible[i]->weight;
	return possible[i];
}

static bool is_dropped(const struct random_build *b, uint64_t id)
{
	for (uint32_t i = 0; i < b->options->n_dropped; i++)
		if (b->options->dropped[i] == id)
			return true;
	return false;
}

static void make_statement(struct random_build *b, uint64_t id)
{
	struct random_program *program = b->program;
	const struct random_kind *kind;
	struct random_statement *statement;
	uint32_t begin = b->f->n_insns;

	if (program->n_statements == RANDOM_STATEMENTS) {
		b->is_full = true;
		return;
	}
	if (is_dropped(b, id))
		return;
	b->random = id;
	statement = &program->statements[program->n_statements++];
	kind = any_kind(b);
	program->n_what[kind->what]++;
	kind->make(b);
	*statement = (struct random_statement){.id = id, .n_insns = b->f->n_insns - begin};
}

/* What comes after does not depend on what a statement chose. */
void make_statements(struct random_build *b, uint32_t n)
{
	uint64_t random = random_next(&b->random);

	for (uint32_t i = 0; i < n && !b->is_full; i++)
		make_statement(b, random_next(&random));
	b->random = random_next(&random);
}

void make_block(struct random_build *b)
{
	uint32_t n = 1 + below(b, b->f->n_loops || b->f->depth >= 2 ? 2 : 4);

	b->f->depth++;
	make_statements(b, n);
	b->f->depth--;
}

/* ---- programs ---- */

int random_program_new(struct random_program *out)
{
	*out = (struct random_program){
		.insns = calloc(RANDOM_INSNS, sizeof(*out->insns)),
		.statements = calloc(RANDOM_STATEMENTS, sizeof(*out->statements)),
	};
	if (out->insns && out->statements)
		return 0;
	random_program_free(out);
	return -ENOMEM;
}

void random_program_free(struct random_program *program)
{
	free(program->insns);
	free(program->statements);
	*program = (struct random_program){0};
}

const char *random_what_name(enum random_what what)
{
	static const char *const names[] = {
#define WHAT(id, text) #id,
#include "tests/fuzz/random_what.def"
#undef WHAT
	};

	return names[what];
}

const char *random_what_text(enum random_what what)
{
	static const char *const texts[] = {
#define WHAT(id, text) text,
#include "tests/fuzz/random_what.def"
#undef WHAT
	};

	return texts[what];
}
