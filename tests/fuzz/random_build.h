/* SPDX-License-Identifier: Apache-2.0 */
/* random_build: what the files that make random programs share.
 *
 * Frame of a function: variables 0 and 1 in r8 and r9, the others in stack slots; r6 the context;
 * r7 the first pointer of a scope, or a loop's counter; r0-r5 belong to the statement at hand. */
#ifndef HONE_FUZZ_RANDOM_BUILD_H
#define HONE_FUZZ_RANDOM_BUILD_H

#include "tests/fuzz/random_program.h"

enum {
	VARIABLES = 8,
	SCOPES = 3, /* pointers at a time */
	LOOPS = 2,  /* one in another */
	DEPTH = 4,  /* blocks in blocks */

	/* the frame, from r10 on down */
	AT_VARIABLE = -8, /* of variable 2, the next one below */
	AT_POINTER = -56, /* spilled; of scope 0 */
	AT_LOOP = -80,	  /* counter, bound; of loop 0 */
	AT_KEY = -128,	  /* 16 bytes */
	AT_VALUE = -192,  /* 64 bytes */
	VALUE_BYTES = 64,
	KEY_BYTES = 16,
};

enum random_scope_kind { SCOPE_VALUE, SCOPE_PACKET, SCOPE_MEMORY };

/* A pointer that may be used here. */
struct random_scope {
	enum random_scope_kind kind;
	uint32_t map;	  /* VALUE */
	uint32_t n_bytes; /* behind it */
	bool in_register; /* r7, else spilled */
};

/* One function that is being written. */
struct random_function {
	struct bpf_insn *insns;
	uint32_t n_insns;
	bool is_main, has_context;
	int at_array; /* below all else */
	uint32_t array_bytes;
	uint32_t n_scopes, n_loops, depth;
	bool r7_is_used;
	struct random_scope scope[SCOPES];
};

struct random_build {
	struct random_program *program;
	const struct random_options *options;
	uint64_t random; /* of the statement at hand */
	struct random_function *f;
	uint32_t n_functions;
	struct random_function functions[RANDOM_FUNCTIONS];
	bool is_full; /* nothing more is written */
};

/* ---- random_build.c: choices ---- */
uint32_t below(struct random_build *b, uint32_t n);
bool one_in(struct random_build *b, uint32_t n);
/* Often an edge: 0, -1, powers of two and their neighbours. */
int64_t any_constant(struct random_build *b);
#define PICK(b, array) ((array)[below((b), (uint32_t)(sizeof(array) / sizeof((array)[0])))])

/* ---- instructions ---- */
void emit(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int off, int64_t imm);
void emit_mov(struct random_build *b, uint32_t dst, uint32_t src);
void emit_imm(struct random_build *b, uint32_t dst, int64_t imm); /* any 64 bits */
void emit_add(struct random_build *b, uint32_t dst, int imm);
void emit_alu(struct random_build *b, uint8_t op, uint32_t dst, int imm);
void emit_load(struct random_build *b, uint32_t bytes, uint32_t dst, uint32_t src, int off);
void emit_store(struct random_build *b, uint32_t bytes, uint32_t dst, int off, uint32_t src);
void emit_map(struct random_build *b, uint32_t dst, uint32_t map);
void emit_call(struct random_build *b, int32_t helper);

/* emit_jump() - a jump to where land() is said of it. */
uint32_t emit_jump(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int64_t imm);
void land(struct random_build *b, uint32_t jump);
/* A jump back to an instruction. */
void emit_back(struct random_build *b, uint8_t code, uint32_t dst, uint32_t src, int64_t imm,
	       uint32_t to);

/* A load or store of any size at a constant offset within n_bytes from a register, from or into
 * a variable; sometimes with sign. emit_any_access() chooses among both. */
void emit_any_load(struct random_build *b, uint32_t base, int off, uint32_t n_bytes);
void emit_any_store(struct random_build *b, uint32_t base, int off, uint32_t n_bytes);
/* Any atomic on 4 or 8 of n_bytes. */
void emit_any_atomic(struct random_build *b, uint32_t base, int off, uint32_t n_bytes);
/* reg = variable & (n - 1), n a power of two; or another way of saying that it is below n. */
void emit_index(struct random_build *b, uint32_t reg, uint32_t n);

/* ---- variables ---- */
uint32_t any_variable(struct random_build *b);
/* The register that holds it; `into` if it has to be loaded. */
uint32_t use(struct random_build *b, uint32_t variable, uint32_t into);
void load_variable(struct random_build *b, uint32_t variable, uint32_t into);
void set(struct random_build *b, uint32_t variable, uint32_t reg);

/* ---- blocks ---- */
/* make_block() - statements, inside what is open. */
void make_block(struct random_build *b);
void make_statements(struct random_build *b, uint32_t n);

/* ---- scopes: the pointer is in r0 (open) and usable by blocks until it is closed ---- */
void open_scope(struct random_build *b, enum random_scope_kind kind, uint32_t map,
		uint32_t n_bytes);
void close_scope(struct random_build *b);
bool has_scope(const struct random_build *b, enum random_scope_kind kind);
/* The register that holds a pointer of that kind; *scope tells which. */
uint32_t use_scope(struct random_build *b, enum random_scope_kind kind, uint32_t into,
		   const struct random_scope **scope);
/* Is there a map like this? *map: one of them. */
bool find_map(struct random_build *b, bool (*fits)(const struct random_map *map), uint32_t *map);

/* ---- statements: eligible here? and made ---- */
struct random_kind {
	enum random_what what;
	uint32_t weight;
	bool (*is_possible)(struct random_build *b); /* NULL: always */
	void (*make)(struct random_build *b);
};
/* Each file's own; ended by weight 0. */
extern const struct random_kind random_scalar_kinds[], random_memory_kinds[], random_map_kinds[],
	random_call_kinds[];

#endif
