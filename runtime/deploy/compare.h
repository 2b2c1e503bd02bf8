/* SPDX-License-Identifier: Apache-2.0 */
/* compare: a fast first look whether two copies of a unit's maps are equal. */
#ifndef HONE_COMPARE_H
#define HONE_COMPARE_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

struct hone_compare;

/* hone_compare_new() - for two copies of the unit's maps; both borrowed until free; a map that is
 * -1 in b is left out. Programs are loaded for the maps that are large; where they cannot be,
 * bpf(2) is used. Returns 0 or -errno. */
int hone_compare_new(const struct hone_unit *unit, const struct hone_maps *a,
		     const struct hone_maps *b, struct hone_compare **out);
void hone_compare_free(struct hone_compare **compare);

/* hone_compare_equal() - are the copies equal? Of per-CPU values in large maps only those of the
 * calling CPU are looked at: stay on one CPU from cloning on, or call hone_maps_equal() in the
 * end. Returns 1, 0 (detail as hone_maps_equal()), or -errno. */
int hone_compare_equal(struct hone_compare *compare, char *detail);

/* hone_compare_walk() - is one map surely equal on this CPU? False also where only bpf(2) tells. */
bool hone_compare_walk(const struct hone_compare *compare, uint32_t map);

#endif
