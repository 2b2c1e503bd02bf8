/* SPDX-License-Identifier: Apache-2.0 */
/* sharing: which other programs hold a unit's maps, and what they may do to them. */
#ifndef HONE_SHARING_H
#define HONE_SHARING_H

#include "compiler/facts.h"

/* Asked for each foreign program that holds a map of the unit: what does it do to map `map_id`?
 * Returns 0 and fills out, or -errno: then the program counts as a writer of everything. The
 * daemon answers from captured bytecode (honec, HONE_REQUEST_ANALYSE). */
typedef int (*hone_sharing_ask)(void *arg, uint32_t prog_id, uint32_t map_id,
				struct hone_effects *out);

/* hone_sharing_walk() - walk all loaded programs, fill unit->maps[].others.
 *
 * is_ours: programs that hold the maps on our behalf (root, images, copies) are skipped
 *
 * Returns 0 or -errno; on error every map's others is unknown. */
int hone_sharing_walk(struct hone_unit *unit, bool (*is_ours)(void *arg, uint32_t prog_id),
		      hone_sharing_ask ask, void *arg);

#endif
