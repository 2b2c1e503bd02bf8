/* SPDX-License-Identifier: Apache-2.0 */
/* trace_keys: the packets of a measurement, made for a unit: its maps' keys are in half of them. */
#ifndef HONE_TRACE_KEYS_H
#define HONE_TRACE_KEYS_H

#include "compiler/facts.h"
#include "runtime/deploy/measure.h"
#include "runtime/live/maps.h"

/* hone_trace_keys() - fill a trace (HONE_TRACE_N): every other packet is one of 1024 random flows,
 * in the others keys of the maps take turns as source and destination. Deterministic from seed
 * and maps. Returns 0 or -errno. */
int hone_trace_keys(const struct hone_unit *unit, const struct hone_maps *maps, uint64_t seed,
		    struct hone_tuple *trace);

#endif
