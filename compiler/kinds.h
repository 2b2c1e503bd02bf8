/* SPDX-License-Identifier: Apache-2.0 */
/* kinds: what kinds.c, kinds_step.c and effects.c share about calls, and about the context. */
#ifndef HONE_KINDS_H
#define HONE_KINDS_H

#include "compiler/analysis.h"

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

static inline uint64_t hone_all_maps(const struct hone_unit *unit)
{
	return unit->n_maps >= HONE_MAPS_MAX ? UINT64_MAX : (1ull << unit->n_maps) - 1;
}

/* ---- context.c ---- */

/* Is it told which fields of the context are pointers? */
bool hone_context_is_known(uint32_t prog_type);
bool hone_context_is_pointer(uint32_t prog_type, int64_t offset);

#endif
