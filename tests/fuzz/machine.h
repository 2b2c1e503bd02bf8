/* SPDX-License-Identifier: Apache-2.0 */
/* machine: runs a program on made-up memory, one instruction at a time, for fuzz_truth.c to compare
 * what happens with what the analyses say. It stops where the verifier would not have let the
 * program come: at memory that is not there, at what was never written, and at addresses that
 * were put together from numbers. */
#ifndef HONE_FUZZ_MACHINE_H
#define HONE_FUZZ_MACHINE_H

#include "compiler/facts.h"

enum { MACHINE_MAPS = 4, MACHINE_ENTRIES = 4, MACHINE_VALUE = 64, MACHINE_STEPS = 200 };

/* What an address belongs to. Each lookup gives an address of its own for the same memory, so
 * that an address tells which call it came from. */
struct machine_address {
	enum { ADDRESS_NONE, ADDRESS_STACK, ADDRESS_CTX, ADDRESS_VALUE, ADDRESS_MAP } kind;
	uint32_t map, entry;
	uint32_t call; /* VALUE: instruction of the lookup; UINT32_MAX: named directly */
	int64_t offset;
};

struct machine {
	const struct hone_unit *unit;
	uint64_t random;
	uint64_t reg[11];
	uint64_t origin[11]; /* the address that a pointer was made from; 0: a number */
	uint16_t is_set;     /* registers */
	uint8_t stack[512], stack_set[512];
	uint64_t stack_origin[64];
	uint8_t value[MACHINE_MAPS][MACHINE_ENTRIES][MACHINE_VALUE];
	uint32_t at;
	uint32_t n_steps;
	bool exited;

	/* loads that give zero through what this call returned; n_zeroed 0: none */
	const uint32_t *zeroed;
	uint32_t n_zeroed, zeroed_call;
	bool used_otherwise; /* that pointer reached memory by other instructions */
};

void machine_begin(struct machine *machine, const struct hone_unit *unit, uint64_t seed);

/* machine_step() - runs the instruction at machine->at. Returns false at the end (exited: by
 * EXIT) and where the verifier would have stopped. */
bool machine_step(struct machine *machine);

struct machine_address machine_address(uint64_t value);

/* Do both addresses belong to one object, reached through one pointer? */
bool machine_same_object(uint64_t a, uint64_t b);

#endif
