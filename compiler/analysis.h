/* SPDX-License-Identifier: Apache-2.0 */
/* analysis: what bytecode says about itself, before LLVM sees anything.
 *
 *   decode.c   instructions → blocks and edges; refuses what is not understood
 *   kinds.c    what each register and stack slot holds at each instruction
 *   effects.c  who writes what in which map, bit by bit; sites; tested bits
 *
 * Pure functions of a unit; results live in the arena. Nothing here needs LLVM. */
#ifndef HONE_ANALYSIS_H
#define HONE_ANALYSIS_H

#include "compiler/arena.h"
#include "compiler/facts.h"

enum { HONE_REGS = 11, HONE_STACK_SLOTS = 64 /* of 8 bytes */, HONE_STACK_BYTES = 512 };

/* A refusal of the whole unit: reason, and where. */
struct hone_refusal {
	enum hone_reason reason;
	char detail[HONE_DETAIL_LEN];
};

/* ---- decode.c ---- */

/* The program itself, a function that it calls, or one whose address it takes. */
struct hone_function {
	uint32_t first, end;		 /* instructions: [first, end) */
	uint32_t first_block, end_block; /* blocks: [first_block, end_block) */
	uint32_t args;			 /* registers that it reads before it writes them: a set */
	bool is_callback;		 /* its address is taken */
	/* It makes tail calls: what it then returns to its caller is what another program returned,
	 * though none of its own exits says so. */
	bool may_leave;
};

struct hone_block {
	uint32_t function;   /* that it is of */
	uint32_t first, end; /* instructions [first, end) */
	int32_t jump;	     /* block taken when the last instruction jumps; -1: none */
	int32_t next;	     /* block that follows; -1: none (exit, goto) */
	bool in_loop;	     /* the block can reach itself */
};

struct hone_code {
	const struct hone_unit *unit;
	uint32_t n_insns;
	const struct bpf_insn *insns; /* the unit's */
	uint32_t n_blocks;
	struct hone_block *blocks; /* reachable ones, by first instruction */
	uint32_t n_functions;
	struct hone_function *functions; /* by first instruction: [0] is the program */
	int32_t *block_of; /* per instruction; -1: unreachable, or second half of ld_imm64 */
	const struct hone_helper *kfuncs; /* as unit->kfuncs */
};

/* hone_decode() - split a unit into basic blocks.
 *
 * unit:  borrowed, must outlive the result
 * why:   filled when the unit is refused
 *
 * Returns the code, or NULL with *why: unknown instruction or helper, jump out of range or out of
 * its function, recursion, kfunc, legacy packet access, map index out of range … Code that no
 * path reaches is not looked at. */
struct hone_code *hone_decode(struct hone_arena *arena, const struct hone_unit *unit,
			      struct hone_refusal *why);

/* The function that an instruction of a block is in. */
static inline uint32_t hone_function_at(const struct hone_code *code, uint32_t insn)
{
	return code->blocks[code->block_of[insn]].function;
}

/* The function that a local call, or a function's address, names. */
static inline uint32_t hone_function_named(const struct hone_code *code, uint32_t insn)
{
	return hone_function_at(code, insn + 1 + (uint32_t)code->insns[insn].imm);
}

/* ---- functions.c ---- */

/* hone_functions_fill() - the functions of a code whose blocks are known; block.function.
 * starts: [instruction] a function starts here
 * Returns false with *why: a way from one into another, or recursion. */
bool hone_functions_fill(struct hone_arena *arena, struct hone_code *code, const bool *starts,
			 struct hone_refusal *why);

/* ---- helpers.c: the kernel's helpers ---- */

/* What a helper hands to the function it calls, argument by argument. */
enum hone_callback {
	HONE_CALLS_NOTHING,
	HONE_CALLS_WITH_INDEX,	/* a number, context */
	HONE_CALLS_WITH_ENTRY,	/* map, key, value, context */
	HONE_CALLS_WITH_OBJECT, /* something of the kernel's, context */
	HONE_CALLS_WITH_PART,	/* something of the kernel's, a part of it, context */
	HONE_CALLBACK_N,
};

struct hone_helper {
	const char *name;
	uint8_t n_args;
	bool returns_pointer;
	/* generated from the prototype: */
	int8_t map_arg;	  /* 1-5: a map handle; 0: none */
	int8_t key_arg;	  /* 1-5: points to key_size bytes of that map; 0: none */
	int8_t value_arg; /* 1-5: points to value_size bytes of that map; 0: none */
	struct {
		int8_t mem_arg;	 /* 1-5: points to memory … */
		int8_t size_arg; /* … of as many bytes as this argument says; 0: of `size` bytes */
		uint16_t size;
	} mem[5];
	uint8_t consts;	    /* set of arguments that point to const */
	bool returns_value; /* the pointer is to a value of the map */
	/* from helpers.def: */
	uint8_t only_reads; /* set of arguments that could as well point to const */
	bool is_kfunc;	    /* a function of the kernel, which may keep what it is given */
	enum hone_callback calls;
	int8_t function_arg; /* 1-5: the function it calls */
	int8_t context_arg;  /* 1-5: what it hands on as context */
	bool keeps_map;	     /* it changes no key of the map, and no value but through arguments */
};

/* NULL: unknown helper; hone_decode() lets none through. */
const struct hone_helper *hone_helper(int32_t id);

/* ---- callees.c ---- */

/* hone_callees_new() - signatures of the kernel functions that a unit calls; one each of
 * unit->kfuncs. */
struct hone_helper *hone_callees_new(struct hone_arena *arena, const struct hone_unit *unit);
/* hone_callee() - what an instruction calls that is of the kernel: a helper, or a function. NULL:
 * not known; hone_decode() lets none through. */
const struct hone_helper *hone_callee(const struct hone_code *code, uint32_t insn);

/* Does the helper, as far as is known, write what argument `arg` points to? */
static inline bool hone_helper_writes(const struct hone_helper *helper, int arg)
{
	return !((helper->consts | helper->only_reads) >> arg & 1);
}

/* Does the helper change keys or values of the map that it is given? */
static inline bool hone_helper_writes_map(const struct hone_helper *helper)
{
	return helper->map_arg && !helper->keeps_map;
}

/* ---- kinds.c ---- */

enum hone_kind {
	HONE_KIND_UNSET, /* identity of join: nothing was written on any path seen */
	HONE_KIND_SCALAR,
	HONE_KIND_CTX,	    /* the context + offset */
	HONE_KIND_STACK,    /* the frame + offset */
	HONE_KIND_MAP,	    /* a map handle */
	HONE_KIND_POINTER,  /* any other pointer, or NULL: packet, value, memory */
	HONE_KIND_FUNCTION, /* the address of function `constant` */
	HONE_KIND_MIXED,    /* scalar on one path, pointer on another (a null test decides) */
	HONE_KIND_CONFLICT, /* irreconcilable; never where a register is used */
};

struct hone_value {
	enum hone_kind kind;
	/* SCALAR: constant is its value; CTX, STACK: its offset; POINTER, MIXED: its offset from
	 * the start of the map value (or argument, or whatever else) that it came from; FUNCTION:
	 * which */
	bool is_known;
	bool other; /* POINTER, MIXED: it can also come from elsewhere (packet, helper,
		     * BPF_PSEUDO_MAP_VALUE …) than from `sites`; CTX, STACK, MAP: that was spilled,
		     * and perhaps a number was written over it: what is used as an address is it */
	int64_t constant;
	uint64_t below; /* SCALAR that is not known: it is less than that; 0: of which nothing is
			   known */
	/* STACK, and pointers into frames, that are not known: in [constant, constant + spread],
	 * made from known addresses in [from, to] */
	bool is_bounded;
	int16_t from, to;
	int32_t spread;
	uint8_t frames; /* POINTER, MIXED: it can point into a caller's frame, as argument r1 to r5
			 * said (bits 1-5) or as something loaded from memory did (bit 0); a set */
	uint64_t maps;	/* MAP: which handles; POINTER, MIXED: values of which maps it can be */
	uint64_t sites; /* POINTER, MIXED: lookup sites that it can come from; a set of ids; sites
			 * from HONE_SITES_MAX on count as `other` */
};

/* Four bytes of stack. */
enum hone_word_is {
	HONE_WORD_UNSET, /* identity of join */
	HONE_WORD_KNOWN, /* the same constant on every path */
	HONE_WORD_UNKNOWN,
};

struct hone_word {
	enum hone_word_is is;
	uint32_t constant;
};

struct hone_state {
	bool is_reached;
	struct hone_value reg[HONE_REGS];
	struct hone_value stack[HONE_STACK_SLOTS]; /* slot 0 is the lowest: r10 - 512 */
	struct hone_word word[2 * HONE_STACK_SLOTS];
};

/* Bytes [from, to) relative to where a pointer points; empty: from >= to. HONE_STACK_BYTES in
 * either direction stands for "any". */
struct hone_reach {
	int32_t from, to;
};

/* What a function does with one argument, were it an address in a caller's frame. */
struct hone_param {
	struct hone_reach touched, written;
	bool is_kept; /* stored where nobody follows it: it may be loaded anywhere */
};

/* What others need to know of a function. */
struct hone_summary {
	bool returns;
	struct hone_value result;		/* its r0 */
	struct hone_param param[BPF_REG_5 + 1]; /* by register */
	/* [slot]: its memory was accessed at an offset, or over a length, that is not known, or its
	 * address is used as a number, or kept */
	bool stack_escapes[HONE_STACK_SLOTS];
	bool is_exposed[HONE_STACK_SLOTS]; /* [slot]: anybody may write it, at any time */
};

struct hone_kinds {
	struct hone_value (*reg)[HONE_REGS]; /* per instruction: before it; only in blocks */
	struct hone_value *result;   /* per instruction: what it puts into its dst (a call: into r0;
				      * a fetching atomic: into what it fetches to); else UNSET */
	struct hone_state *block_in; /* per block; is_reached: false where no path leads */
	struct hone_summary *functions; /* as code->functions */
	struct hone_value stored; /* what a pointer can be that is loaded from a caller's frame */
	struct hone_param memory; /* what is done with such pointers, were they into a frame */
	bool *gives_pointer;	  /* per instruction: a load of what is used as an address later */
	uint32_t n_sites;
	uint32_t *site_of; /* per instruction: id of the lookup or tail call; UINT32_MAX: none */
};

/* hone_kinds_step() - the state after instruction `insn` of a block, given the state before it;
 * what the edges of a jump tell is not in. */
void hone_kinds_step(const struct hone_code *code, const struct hone_kinds *kinds,
		     struct hone_state *state, uint32_t insn);

/* hone_kinds() - a forward fixpoint over registers and stack slots. Returns NULL with *why if a
 * register holds irreconcilable kinds where it is used. */
struct hone_kinds *hone_kinds(struct hone_arena *arena, const struct hone_code *code,
			      struct hone_refusal *why);

/* ---- effects.c ---- */

/* A lookup or tail call in a unit. Ids count from 0 in instruction order. */
struct hone_site {
	uint32_t id;
	uint32_t insn; /* of the call */
	enum hone_site_kind kind;
	uint64_t maps; /* which maps it can ask */
	bool in_loop;
	bool address_used; /* as a number: a value elsewhere could be told from this one */
	/* How the program uses what the lookup returns. `tested_ok`: on every path from the lookup
	 * on, as long as each (value & mask) it tests is zero, the program does nothing with the
	 * pointer but compare it with null and load the 64-bit word at tested_offset, and nothing
	 * with that word but test it with masks; tested_bits is the union of those masks. So a
	 * lookup whose word has none of the tested bits cannot be told from one that found zeros.
	 */
	bool tested_ok;
	uint32_t tested_offset;
	uint64_t tested_bits;
	/* Loads of that word, as instruction indices, which come from this site alone. */
	uint32_t n_loads;
	uint32_t *loads;
	/* ARRAY lookups and tail calls: the key, when it is the same constant on every path. */
	bool key_is_known;
	uint32_t key;
};

struct hone_analysis {
	uint32_t n_sites;
	struct hone_site *sites;
	struct hone_effects *effects; /* one per map of the unit */
};

/* hone_effects() - the sites of a unit and what it does to its maps. Never fails: what cannot be
 * told counts as written. */
struct hone_analysis *hone_effects(struct hone_arena *arena, const struct hone_code *code,
				   const struct hone_kinds *kinds);

#endif
