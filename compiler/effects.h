/* SPDX-License-Identifier: Apache-2.0 */
/* effects: what effects.c asks of words.c and tested.c; and the places, registers and stack slots
 * together, that both follow values through. */
#ifndef HONE_EFFECTS_H
#define HONE_EFFECTS_H

#include "compiler/analysis.h"

enum { HONE_PLACES = HONE_REGS + HONE_STACK_SLOTS };

/* A run of stack slots; empty: first > last. */
struct hone_slots {
	int first, last;
	bool is_exact; /* the access is one aligned slot, all 8 bytes of it */
};

/* hone_access_slots() - slots that a load, store or atomic may touch. Exposed ones are never
 * exact: others write them as well. */
struct hone_slots hone_access_slots(const struct hone_code *code, const struct hone_kinds *kinds,
				    uint32_t insn);

/* hone_call_slots() - slots that a call may touch through argument `arg`; only_written: those
 * that it may write. reg: before the call. */
struct hone_slots hone_call_slots(const struct hone_code *code, const struct hone_kinds *kinds,
				  const struct hone_value *reg, uint32_t insn, int arg,
				  bool only_written);

static inline int hone_place_of_slot(int slot)
{
	return HONE_REGS + slot;
}

/* ---- words.c ---- */

/* hone_words() - per instruction: for a store of a register that does not go to the stack, the
 * bits which the stored value has, unchanged, from a load of the very same address earlier in
 * the same run. Zero for everything else. */
uint64_t *hone_words(struct hone_arena *arena, const struct hone_code *code,
		     const struct hone_kinds *kinds);

/* ---- address.c ---- */

/* hone_address_used() - the set of sites whose result's address is used as a number: compared
 * with anything but NULL, subtracted, computed with, returned, read by a helper as bytes. */
uint64_t hone_address_used(const struct hone_code *code, const struct hone_kinds *kinds);

/* ---- tested.c ---- */

struct hone_tested;

struct hone_tested *hone_tested_new(struct hone_arena *arena, const struct hone_code *code,
				    const struct hone_kinds *kinds);

/* hone_tested_fill() - tested_ok, tested_offset, tested_bits, loads of a lookup site whose other
 * members are filled. */
void hone_tested_fill(struct hone_tested *tested, struct hone_site *site);

#endif
