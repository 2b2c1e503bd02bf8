/* SPDX-License-Identifier: Apache-2.0 */
/* object_chain: what a program's tail calls lead to, among the programs of its own object. */
#ifndef HONE_TEST_OBJECT_CHAIN_H
#define HONE_TEST_OBJECT_CHAIN_H

#include "runtime/live/chain.h"
#include "tests/tools/honec.h"
#include "tests/tools/object_unit.h"

struct object_chain {
	uint32_t n; /* programs beside the subject */
	struct object_unit *units;
	struct hone_result *analyses;
	struct hone_chain chain; /* of the subject; may be refused */
	bool exists;		 /* false: the subject has no PROG_ARRAY */
};

/* object_chain_open() - the subject's object is loaded, and stays loaded until close.
 * Returns 0 or -errno; close in any case. */
int object_chain_open(const struct honec *honec, const struct object_unit *subject,
		      struct object_chain *out);
void object_chain_close(struct object_chain *chain);

/* object_chain_effects() - what the other programs do to the map with this kernel id. */
void object_chain_effects(const struct object_chain *chain, uint32_t map_id,
			  struct hone_effects *out);

#endif
