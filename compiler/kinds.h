/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: what kinds*.c, slots.c, effects.c and the lifter share about calls, and about the context.
 */
#ifndef HONE_KINDS_H
#define HONE_KINDS_H

#include "compiler/analysis.h"

/* ---- kinds_step.c ---- */

/* Memory that a helper reaches through one argument. */
struct hone_memory {
	bool is_none; /* the argument is no memory */
	bool is_written;
	uint64_t bytes; /* 0: not known */
};

/* hone_call_memory() - what the helper does with argument `arg`, were it a pointer. reg: before
 * the call. */
struct hone_memory hone_call_memory(const struct hone_code *code, const struct hone_value *reg,
				    const struct hone_helper *helper, int arg);

/* ---- kinds_call.c ---- */

/* A function that an instruction has called, by itself or through a helper, and its arguments. */
struct hone_handed {
	uint32_t callee;
	int from[BPF_REG_5 + 1]; /* argument → register of the caller that it is; 0: none */
	struct hone_value value[BPF_REG_5 + 1]; /* argument → as the callee sees it */
};

/* hone_call_handed() - false: the instruction has no function called, or none that is known. */
bool hone_call_handed(const struct hone_code *code, const struct hone_value *reg, uint32_t at,
		      struct hone_handed *out);

/* hone_call_param() - what a call, of a helper or a function, does with what its argument `arg`
 * points to. */
struct hone_param hone_call_param(const struct hone_code *code, const struct hone_kinds *kinds,
				  const struct hone_value *reg, uint32_t at, int arg);

/* hone_value_handed() - a pointer into this or a caller's frame, for a function that gets it as
 * argument (1-5) or loads it (0): all it knows is where it got it from. Other values as they are.
 */
struct hone_value hone_value_handed(const struct hone_value *value, int by);

static inline bool hone_reach_is_empty(const struct hone_reach *reach)
{
	return reach->from >= reach->to;
}

/* hone_reach_in_frame() - the bytes of the own frame that `reach` around an address covers, as
 * [from, to) relative to r10. Empty where the reach is, all where the address is not known. */
struct hone_reach hone_reach_in_frame(const struct hone_value *address,
				      const struct hone_reach *reach);

static inline int hone_reach_first_slot(const struct hone_reach *in_frame)
{
	return (in_frame->from + HONE_STACK_BYTES) / 8;
}

static inline int hone_reach_last_slot(const struct hone_reach *in_frame)
{
	return (in_frame->to - 1 + HONE_STACK_BYTES) / 8;
}

/* ---- kinds_check.c ---- */

/* hone_kinds_check() - can it be told what the registers hold that the instruction uses? Returns
 * false with *why. hone_helper_fills() - does the helper write memory through this argument,
 * which is known to be an address? */
bool hone_kinds_check(const struct hone_code *code, const struct hone_value *reg, uint32_t insn,
		      struct hone_refusal *why);
bool hone_helper_fills(const struct hone_helper *helper, int arg);

/* hone_kinds_escape() - note in the summary of the instruction's function which slots escape. */
void hone_kinds_escape(const struct hone_code *code, struct hone_kinds *kinds, uint32_t insn);

/* ---- demand.c ---- */

struct hone_demand;

struct hone_demand *hone_demand_new(struct hone_arena *arena, const struct hone_code *code);

/* hone_kinds_demand() - find loads that give pointers, from the registers of a round of kinds.c.
 * Returns whether there are more than before: kinds->gives_pointer. */
bool hone_kinds_demand(const struct hone_code *code, struct hone_kinds *kinds,
		       struct hone_demand *demand);

/* ---- kinds_note.c ---- */

/* hone_kinds_note() - what instruction `insn`, with `state` before it, adds to the summaries of
 * functions. Returns whether it added anything. */
bool hone_kinds_note(const struct hone_code *code, struct hone_kinds *kinds,
		     const struct hone_state *state, uint32_t insn);

static inline uint64_t hone_all_maps(const struct hone_unit *unit)
{
	return unit->n_maps >= HONE_MAPS_MAX ? UINT64_MAX : (1ull << unit->n_maps) - 1;
}

/* ---- context.c ---- */

/* Is it told which fields of the context are pointers? */
bool hone_context_is_known(uint32_t prog_type);
bool hone_context_is_pointer(uint32_t prog_type, int64_t offset);

#endif
