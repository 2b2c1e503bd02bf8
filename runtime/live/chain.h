/* SPDX-License-Identifier: Apache-2.0 */
/* chain: the programs that a unit's tail calls can lead to, all their maps, and how deep they go.
 */
#ifndef HONE_CHAIN_H
#define HONE_CHAIN_H

#include "compiler/facts.h"
#include "runtime/live/maps.h"

/* The kernel grants 33 tail calls in a row, of which root and fallback take two. What is accepted
 * stays far below: between an update of a PROG_ARRAY and the withdrawal of a root that would make
 * it too deep, packets meet the root still. */
enum { HONE_CHAIN_DEPTH_MAX = 16, HONE_CHAIN_PROGRAMS_MAX = 64 };

/* A program as captured, and honec's analysis of it. A refused one may call whatever it holds. */
struct hone_chain_program {
	const struct hone_unit *unit;
	const struct hone_result *analysis;
};

/* By kernel id. Returns 0, -ENOENT (not captured), or what hone_chain_new() is to return. */
typedef int (*hone_chain_find)(void *arg, uint32_t prog_id, struct hone_chain_program *out);

/* Map loads in the instructions of all programs, the unit's too, carry an index in unit.maps: the
 * unit's own maps come first, under the indexes that they have anyway. */
struct hone_chain {
	enum hone_reason refused; /* HONE_REWRITTEN: none */
	char detail[HONE_DETAIL_LEN];
	uint32_t depth; /* tail calls in a row, at most; 0: none is made */
	struct hone_unit unit;
	struct hone_maps maps; /* of unit.maps; owned */
	uint32_t n_targets;
	struct hone_unit *targets; /* maps: unit.maps */
};

/* hone_chain_new() - follow the PROG_ARRAYs as they are now, from the unit on. Only entries that
 * some tail call can name are followed.
 *
 * unit, maps: the unit's own; borrowed as long as the chain, and so is what `find` gives
 * out:        in any case of 0; hone_chain_free()
 *
 * Refuses (out->refused; unit and targets may lack programs then): NO_TAIL_TARGET,
 * NO_TAIL_CYCLE, NO_TAIL_DEPTH, NO_TAIL_FUNCTION, CHECK_NOT_CLONED (too many programs or maps).
 * out->maps holds all PROG_ARRAYs that were seen, also then. Returns 0 or -errno. */
int hone_chain_new(const struct hone_unit *unit, const struct hone_maps *maps, hone_chain_find find,
		   void *arg, struct hone_chain *out);
void hone_chain_free(struct hone_chain *chain);

#endif
