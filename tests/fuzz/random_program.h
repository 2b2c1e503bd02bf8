/* SPDX-License-Identifier: Apache-2.0 */
/* random_program: a BPF program that the verifier should take, from a seed.
 *
 * A program is made of statements, each of which leaves every variable set and every pointer
 * within the block that tested it; so any statement may be left out and the rest is still a
 * program. A statement's choices depend on the seed and its place, not on what was left out. */
#ifndef HONE_FUZZ_RANDOM_PROGRAM_H
#define HONE_FUZZ_RANDOM_PROGRAM_H

#include "compiler/facts.h"

enum {
	RANDOM_MAPS = 5,
	RANDOM_INSNS = 1 << 16,
	RANDOM_STATEMENTS = 1 << 14,
	RANDOM_FUNCTIONS = 8, /* the program itself included */
};

/* What the statements of a program are; counted in a histogram. */
enum random_what {
#define WHAT(id, text) RANDOM_##id,
#include "tests/fuzz/random_what.def"
#undef WHAT
	RANDOM_WHAT_N,
};
/* The first column of random_what.def, and the second. */
const char *random_what_name(enum random_what what);
const char *random_what_text(enum random_what what);

/* What the program may do to a map. */
enum random_role {
	RANDOM_FROZEN, /* nothing, nor may anybody else */
	RANDOM_READ,
	RANDOM_COUNT, /* change values in place */
	RANDOM_LIVE,  /* all */
	RANDOM_ROLE_N,
};

struct random_map {
	uint32_t type, key_size, value_size, max_entries;
	enum random_role role;
	uint32_t n_entries; /* to be put in */
};

struct random_options {
	uint32_t size;	    /* about so many statements; 0: a few to some dozens */
	uint32_t without;   /* a set of enum random_what */
	uint32_t n_dropped; /* statements that are left out */
	const uint64_t *dropped;
};

struct random_statement {
	uint64_t id;
	uint32_t n_insns; /* with what is inside */
};

struct random_program {
	uint64_t seed;
	uint32_t n_insns;
	struct bpf_insn *insns; /* RANDOM_INSNS */
	uint32_t n_maps;
	struct random_map maps[RANDOM_MAPS];
	uint32_t n_functions;
	uint32_t functions[RANDOM_FUNCTIONS]; /* first instruction */
	bool has_callbacks;
	uint32_t n_statements;
	struct random_statement *statements; /* RANDOM_STATEMENTS; in the order they begin */
	uint32_t n_what[RANDOM_WHAT_N];
};

/* random_program_new() - room for a program. Returns 0 or -ENOMEM. */
int random_program_new(struct random_program *out);
void random_program_free(struct random_program *program);

/* random_program_make() - the program of a seed, in place of what was there. Same seed and
 * options, same program. Returns 0, or -E2BIG. */
int random_program_make(uint64_t seed, const struct random_options *options,
			struct random_program *out);

/* splitmix64 */
uint64_t random_next(uint64_t *state);
uint32_t random_below(uint64_t *state, uint32_t n);

#endif
